"""The shipped energy table: published energies and areas, and the power laws between them.

Energies are in pJ an action, areas in um^2 an instance. Every figure is in the data file beside this module with its
source. Figures at other nodes than its own are scaled by published factors. Three significant digits count: the sources
give no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from math import log, prod
from typing import Annotated, Any, ClassVar, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flexloop.energy.components import (
    LEAK,
    WIDTHS,
    Part,
    UnknownPartError,
    bits_of,
    has_node,
    is_idle,
    node_of,
    operand_bits,
)
from flexloop.errors import UnknownNameError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Points = Annotated[dict[Count, Positive], Field(min_length=1)]

TECHNOLOGIES = ("45nm",)
"""The technology nodes that a table is shipped for."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dram(_Model):
    """Off-chip memory.

    Attributes:
        pj_per_bit: energy of one bit read or written.
        types: the same, where an attribute ``type`` names one of these.
    """

    pj_per_bit: Positive
    types: dict[str, Positive]

    def bit_energy(self, part: Part) -> float:
        """Energy in pJ of one bit of a memory."""
        return self.types.get(str(part.attributes.get("type")), self.pj_per_bit)


class Memory(_Model):
    """On-chip memory whose energy grows with its capacity.

    Attributes:
        access_bits: bits of the access that ``pj`` tells the energy of; wider ones cost in proportion.
        pj: energy of such an access, by capacity in bytes.
        exponent: of the power law in capacity, given where ``pj`` has a single point.
        um2_per_bit: area of one bit.
    """

    access_bits: Count
    pj: Points
    exponent: Annotated[float, Field(ge=0, le=2)] | None = None
    um2_per_bit: Positive

    @model_validator(mode="after")
    def _has_one_law(self) -> Self:
        if (len(self.pj) == 1) != (self.exponent is not None):
            raise ValueError("exponent belongs to a single point of pj, and to that only")
        return self

    def access_energy(self, capacity_bytes: float, bits: float) -> float:
        """Energy in pJ of one access of ``bits`` bits to a memory of ``capacity_bytes``."""
        return power_law(self.pj, capacity_bytes, self.exponent) * bits / self.access_bits


class Arithmetic(_Model):
    """An integer unit: energy in pJ an operation and area in um^2, by operand width in bits."""

    pj: Annotated[Points, Field(min_length=2)]
    um2: Annotated[Points, Field(min_length=2)]


class Scaling(_Model):
    """Factors of on-chip energies and areas at other nodes, by node in nanometres; 1 at the table's own."""

    energy: Annotated[Points, Field(min_length=2)]
    area: Annotated[Points, Field(min_length=2)]


class EnergyTable(_Model):
    """Energies and areas of parts: a model of energy and area (see `flexloop.energy.components.Model`).

    Reads, writes and updates cost the same, and leakage is 0: the sources tell neither.

    Attributes:
        technology: the node of the published figures.
        sources: short name to citation; the data file's comments say which figure is whose.
        dram, sram, regfile: the three classes of storage.
        multiplier, adder: integer units, which a MAC is made of.
        float_multiplier, float_adder: the same in floating point.
        scaling: to other nodes.
    """

    source: ClassVar[str] = "table"
    digits: ClassVar[int] = 3

    technology: str
    sources: dict[str, str]
    dram: Dram
    sram: Memory
    regfile: Memory
    multiplier: Arithmetic
    adder: Arithmetic
    float_multiplier: Arithmetic
    float_adder: Arithmetic
    scaling: Scaling

    @property
    def tool(self) -> str:
        """What made a table of these figures."""
        return f"flexloop's table for {self.technology}"

    def energy(self, part: Part, action: str, arguments: Mapping[str, Any]) -> float:
        """Energy in pJ of one action: of a row of a memory, or of an operation.

        Raises:
            UnknownPartError: if the part's class is none of the table's, or its size is not given.
        """
        kind = _kind(part)
        if kind == "nothing" or action == LEAK or is_idle(action):
            return 0.0
        if kind == "dram":
            return self.dram.bit_energy(part) * bits_of(part, "width")
        if kind in self._memories:
            width, depth = _size(part, kind)
            return self._scale("energy", part) * self._memories[kind].access_energy(width * depth / 8, width)
        return self._scale("energy", part) * power_law(self._unit(kind).pj, operand_bits(part))

    def area(self, part: Part) -> float:
        """Area in um^2 of one instance; DRAM is off chip and has none (`UnknownPartError` as `energy`)."""
        kind = _kind(part)
        if kind in ("nothing", "dram"):
            return 0.0
        if kind in self._memories:
            return self._scale("area", part) * self._memories[kind].um2_per_bit * prod(_size(part, kind))
        return self._scale("area", part) * power_law(self._unit(kind).um2, operand_bits(part))

    def origin(self, part: Part) -> str:
        """The table's figure, and the node that it is scaled to where that is another."""
        kind = _kind(part).replace("_", " ")
        if kind == "nothing":
            return "costs nothing"
        if kind == "dram" and (named := str(part.attributes.get("type"))) in self.dram.types:
            kind = named
        own, wanted = node_of(self.technology), self._node(part)
        scaled = "" if wanted == own or not has_node(part) else f" scaled to {wanted:g}nm"
        return f"{kind} of the table{scaled}"

    @property
    def _memories(self) -> dict[str, Memory]:
        return {"sram": self.sram, "regfile": self.regfile, "register": self.regfile}

    def _unit(self, kind: str) -> Arithmetic:
        units = {"multiplier": self.multiplier, "float_multiplier": self.float_multiplier}
        return units.get(kind, self.float_adder if kind == "float_adder" else self.adder)

    def _node(self, part: Part) -> float:
        return node_of(part.attributes.get("technology")) or node_of(self.technology) or 0.0

    def _scale(self, what: Literal["energy", "area"], part: Part) -> float:
        node = self._node(part)
        return 1.0 if node == node_of(self.technology) else power_law(getattr(self.scaling, what), node)


KINDS = {
    "dram": "dram",
    "sram": "sram",
    "cache": "sram",
    "regfile": "regfile",
    "fifo": "regfile",
    "register": "register",
    "reg": "register",
    "flipflop": "register",
    "multiplier": "multiplier",
    "intmultiplier": "multiplier",
    "adder": "adder",
    "intadder": "adder",
    "comparator": "adder",
    "counter": "adder",
    "fpmultiplier": "float_multiplier",
    "fpadder": "float_adder",
    "dummystorage": "nothing",
    "dummycompute": "nothing",
}
"""Which figures count for a class, by its name in small letters without underscores and without ``aladdin``.

A comparison, and a step of a counter, cost an addition of their width (our assumption)."""


def _kind(part: Part) -> str:
    kind = KINDS.get(part.kind.lower().replace("_", "").removeprefix("aladdin"))
    if kind is None:
        raise UnknownPartError(f"class {part.kind} has no figures")
    return kind


def _size(part: Part, kind: str) -> tuple[float, float]:
    """Bits of a row, and rows; a register has one row."""
    if kind == "register":
        return bits_of(part, *WIDTHS, default=1), 1.0
    return bits_of(part, "width"), bits_of(part, "depth")


def power_law(points: Mapping[int, float], x: float, exponent: float | None = None) -> float:
    """Interpolate published points by the power law through the two nearest; extrapolate with the outermost ones.

    Args:
        points: argument to value, at least two, or one together with an exponent.
        x: where to read off the value.
        exponent: of the law through a single point.
    """
    if x == 0:
        return 0.0
    known = sorted(points.items())
    if exponent is None:
        left, right = next((pair for pair in pairwise(known) if x <= pair[1][0]), (known[-2], known[-1]))
        exponent = log(right[1] / left[1]) / log(right[0] / left[0])
    else:
        left = known[0]
    return float(left[1] * (x / left[0]) ** exponent)


def check_technology(technology: str) -> None:
    """Refuse a technology that is neither shipped nor a node such as ``7nm``, which other sources of energies take.

    Raises:
        UnknownNameError: with the shipped ones.
    """
    if technology not in TECHNOLOGIES and not re.fullmatch(r"\d+(\.\d+)?\s*nm", technology, re.IGNORECASE):
        raise UnknownNameError(
            "technology", technology, TECHNOLOGIES, "(or a node such as 7nm, with --energy accelergy or hwcomponents)"
        )


@lru_cache
def load_table(technology: str) -> EnergyTable:
    """Return the shipped table of a technology node.

    Raises:
        UnknownNameError: if no table is shipped for it.
    """
    if technology not in TECHNOLOGIES:
        raise UnknownNameError(
            "technology", technology, TECHNOLOGIES, "(or give an energy reference table of your own)"
        )
    text = resources.files(__package__).joinpath(f"{technology}.yaml").read_text(encoding="utf-8")
    return EnergyTable.model_validate(yaml.safe_load(text))
