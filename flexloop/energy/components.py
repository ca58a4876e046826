"""The parts of an accelerator as models of energy and area see them: a class, and its attributes.

They are the same whether they come from an arch spec or from any of Timeloop's architectures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

from flexloop.arch.fields import StorageLevel
from flexloop.arch.spec import ArchSpec
from flexloop.timeloop.componentname import component_name
from flexloop.validation import amount, plain_number, short

STORAGE_ACTIONS = ("read", "write", "update")
"""The actions of a storage level: a read, a fill from its parent, and an update by its child."""

LEAK = "leak"
"""The action that a component spends each cycle on."""


WIDTHS = ("width", "datawidth", "n_bits", "word_bits", "precision", "resolution")
"""Attributes that give the bits of an operand, the first that is there."""

DEFAULT_BITS = 16
"""Bits of an operand where no attribute gives them, as in Timeloop."""

_NODE = re.compile(r"(\d+(?:\.\d+)?) ?nm", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Part:
    """A component, or one that others are made of, without its place.

    Attributes:
        kind: its class, such as ``SRAM``.
        attributes: their values by name: ``technology`` a node such as 45nm, ``width`` bits, ``depth`` rows.
    """

    kind: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Component:
    """A component in its place.

    Attributes:
        path: where it stands in Timeloop's component tree, ranges of instances included.
        part: what it is.
        actions: those that are wanted of it; a class made of others has its own.
        energy_scale, area_scale: factors of its energies and its area.
        needed: whether Timeloop counts with it; others may be passed over.
    """

    path: str
    part: Part
    actions: tuple[str, ...]
    energy_scale: float = 1.0
    area_scale: float = 1.0
    needed: bool = True

    @property
    def name(self) -> str:
        """Its own name, by which Timeloop finds its tables."""
        return component_name(self.path)


def is_idle(action: str) -> bool:
    """Whether an action is none: what a component does that waits, or whose work is skipped."""
    return action == "idle" or "gated" in action or "skipped" in action


def has_node(part: Part) -> bool:
    """Whether a part is made at a technology node: DRAM comes from elsewhere, and dummies are nothing."""
    return part.kind.lower().replace("_", "") not in ("dram", "dummystorage", "dummycompute")


def node_of(technology: Any) -> float | None:
    """The node in nanometres that an attribute ``technology`` gives (``45nm``, 45); None if it gives none."""
    match = _NODE.fullmatch(technology.strip()) if isinstance(technology, str) else None
    try:
        node = plain_number(match[1] if match else technology)
    except ValueError:
        return None
    return node if 1 <= node <= 1000 else None


class UnknownPartError(Exception):
    """A class that a model knows nothing of, or an attribute that it lacks; the text says which."""


def operand_bits(part: Part) -> float:
    """Bits of an operand; of two that differ, their geometric mean, since a multiplier grows with their product."""
    pair = [bits_of(part, name) for name in ("width_a", "width_b") if name in part.attributes]
    if pair:
        return float(prod(pair) ** (1 / len(pair)))
    if "exponent" in part.attributes and "mantissa" in part.attributes:
        return bits_of(part, "exponent") + bits_of(part, "mantissa")
    return bits_of(part, *WIDTHS, default=DEFAULT_BITS)


def bits_of(part: Part, *names: str, default: float | None = None) -> float:
    """The first of these attributes that is given, a number of at least 0."""
    value = next((part.attributes[name] for name in names if part.attributes.get(name) is not None), default)
    try:
        return amount(value)
    except ValueError:
        message = f"{names[0]} of the {part.kind} is {short(value)}, no size, so it has no figures"
        raise UnknownPartError(message) from None


class Model(Protocol):
    """A source of figures for parts that are not made of others; docs/extending.md shows one in full."""

    @property
    def source(self) -> str:
        """Its name, as ``--energy`` takes it."""

    @property
    def tool(self) -> str:
        """The program or package with its version."""

    @property
    def digits(self) -> int:
        """Significant digits of its figures."""

    def energy(self, part: Part, action: str, arguments: Mapping[str, Any]) -> float:
        """Energy in pJ of an action of one part (`UnknownPartError` if it has none)."""

    def area(self, part: Part) -> float:
        """Area in um^2 of one part (`UnknownPartError` if it has none)."""

    def origin(self, part: Part) -> str:
        """What the figures of a part are, in a few words (`UnknownPartError` if it has none)."""


def storage_part(level: StorageLevel, technology: str) -> Part:
    """A storage level of an arch spec."""
    size = {} if level.priced_depth is None else {"depth": level.priced_depth}
    return Part(level.component, {"technology": technology, "width": level.width, **size})


def mac_part(datawidth: int, technology: str) -> Part:
    """The MAC of an arch spec: a multiplier of the operands' width and an adder of twice that."""
    return Part("intmac", {"technology": technology, "datawidth": datawidth})


def of_arch(arch: ArchSpec) -> list[Component]:
    """The storage levels, outermost first, and the MAC of an arch spec."""
    paths, actions = arch.component_paths, (*STORAGE_ACTIONS, LEAK)
    levels = [Component(paths[v.name], storage_part(v, arch.technology), actions) for v in arch.levels]
    return [*levels, Component(paths[arch.mac.name], mac_part(arch.mac.datawidth, arch.technology), ("compute", LEAK))]
