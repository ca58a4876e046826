"""The networks between neighbouring levels: those that Timeloop infers, and those that an architecture describes.

Between each level and the next inner one data moves through a network, which carries reads outwards-in and updates
inwards-out. Where a level names none, one is inferred, whose energies stand among the level's own attributes. How they
are counted: rules 22 to 28 of docs/counting.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from flexloop.embedded import ert
from flexloop.embedded.components import base_name, components, own_attributes
from flexloop.embedded.fields import Fields
from flexloop.embedded.levels import DEFAULT_WORD_BITS, ArithmeticSpec, StorageSpec
from flexloop.errors import SpecError, UnsupportedError

READ_FILL, UPDATE_DRAIN = 1, 2
"""What a network carries, summed where it carries both."""

LEGACY, TREE, MULTICAST = "Legacy", "ReductionTree", "SimpleMulticast"
_CLASSES = {"XY_NoC": LEGACY, "Legacy": LEGACY, "ReductionTree": TREE, "SimpleMulticast": MULTICAST}
_SUBTYPES = {"1:1": "1_1", "1:N": "1_N"}

Energies = tuple[tuple[int, float], ...]
"""Energies in pJ of a word sent to so many children; 0 stands for any number of them."""


@dataclass(frozen=True)
class NetworkSpec:
    """One network.

    Attributes:
        name: of the component, or of the two levels.
        kind: ``Legacy``, ``ReductionTree`` or ``SimpleMulticast``.
        subtype: of a legacy network; reported only.
        word_bits: bits of a word.
        router_energy, ingress_energy: pJ of a word in a router, and of one that enters; None where not given.
        wire_energy: pJ of a bit over a millimetre; None where not given.
        hop_energy: pJ of a word over one hop; None where the wires' energy and the tiles' width say it.
        tile_width: um of one hop; None where the areas of the tiles say it.
        adder_energy: pJ of one addition in a reduction tree.
        action: what a multicast network's table calls its action.
        energies: for each data space the energies of a multicast network.
        carries: see `READ_FILL`.
        level: index of the storage level whose words it carries; None if it is connected to nothing.
        returns: whether partial sums travel to that level and back, because it cannot add to what it stores.
        latency: cycles that it takes to fill.
        fill_latency, drain_latency: cycles, as reported.
    """

    name: str
    kind: str
    subtype: str = ""
    word_bits: int = DEFAULT_WORD_BITS
    router_energy: float | None = None
    ingress_energy: float | None = None
    wire_energy: float | None = None
    hop_energy: float | None = None
    tile_width: float | None = None
    adder_energy: float = 0.0
    action: str = ""
    energies: tuple[tuple[str, Energies], ...] = ()
    carries: int = 0
    level: int | None = None
    returns: bool = False
    latency: int = 0
    fill_latency: int = 0
    drain_latency: int = 0

    @property
    def energy_a_hop(self) -> float:
        """Energy in pJ of a word over one hop."""
        if self.hop_energy is not None:
            return self.hop_energy
        return self.word_bits * ((self.tile_width or 0.0) / 1000) * (self.wire_energy or 0.0)

    @property
    def costs(self) -> bool:
        """Whether it may use energy."""
        if self.level is None:
            return False
        if self.kind == MULTICAST:
            return any(energy for _, energies in self.energies for _, energy in energies)
        own = self.adder_energy if self.kind == TREE else self.router_energy or self.ingress_energy
        return bool(self.energy_a_hop or own)

    def scaled(self, weight: float) -> NetworkSpec:
        """The same network with energies so many times as large."""
        router, ingress, wire, hop = (
            None if energy is None else energy * weight
            for energy in (self.router_energy, self.ingress_energy, self.wire_energy, self.hop_energy)
        )
        energies = tuple((space, tuple((m, energy * weight) for m, energy in sent)) for space, sent in self.energies)
        return replace(
            self, router_energy=router, ingress_energy=ingress, wire_energy=wire, hop_energy=hop,
            adder_energy=self.adder_energy * weight, energies=energies,
        )  # fmt: skip


def read_networks(
    content: Any, levels: Sequence[StorageSpec], mac: ArithmeticSpec, data_spaces: Sequence[str], tables: Any
) -> tuple[tuple[NetworkSpec, ...], int]:
    """Read the networks of an architecture.

    Args:
        content: what stands under the top-level key ``architecture``.
        levels, mac: read from it.
        data_spaces: of the problem.
        tables: what stands under the top-level key ``ERT``, or None.

    Returns:
        All networks by name, and the cycles that they add to every mapping.

    Raises:
        SpecError: if networks do not meet, or one is named that does not exist or lacks energies.
        UnsupportedError: for a feature that is not modelled.
    """
    root = Fields(content, "architecture")
    parts = {base_name(part): own_attributes(part) for part, kind, _ in components(root) if kind != "network"}
    given = [_described(part, data_spaces, tables) for part, kind, _ in components(root) if kind == "network"]
    wiring = _Wiring({network.name: network for network in given}, _widths(levels, mac), _wire_energy(tables))
    name, reduces = mac.name, False
    for index, level in enumerate(levels):
        wiring.connect(index, level, parts[level.name], name, parts[name], inner_reduces=reduces)
        name, reduces = level.name, level.reduces
    return tuple(wiring.networks[name] for name in sorted(wiring.networks)), wiring.latency


class _Wiring:
    """Networks while they are connected to levels, from the innermost outwards."""

    def __init__(self, networks: dict[str, NetworkSpec], widths: Sequence[float], wire_energy: float | None) -> None:
        self.networks = networks
        self.latency = 0
        self._widths = widths
        self._wire_energy = wire_energy

    def connect(
        self, index: int, level: StorageSpec, outer: Fields, inner_name: str, inner: Fields, *, inner_reduces: bool
    ) -> None:
        """Connect a level to the next inner one."""
        pairs = (("network_read", "network_fill"), ("network_update", "network_drain"))
        if index == 0:
            pairs = (("network_read", "network_operand"), ("network_update", "network_result"))
        names = [_agreed(outer, mine, inner, theirs) for mine, theirs in pairs]
        filling, draining = (outer.count(f"network_{way}_latency") or 0 for way in ("fill", "drain"))
        if names[0] is None:
            read = self._inferred(f"{level.name} <==> {inner_name}", outer, filling)
        else:
            read = self._known(names[0], outer)
        read = replace(read, fill_latency=read.latency)
        self.latency += read.latency
        if names[1] is None:
            update = replace(read, drain_latency=draining)
        else:
            update = read if names[1] == names[0] else self._known(names[1], outer)
            update = replace(update, drain_latency=update.latency)  # Timeloop takes what it needs to fill, once more
        self.latency += update.drain_latency
        if read.name == update.name:
            self._add(replace(update, returns=not level.reduces), index, READ_FILL | UPDATE_DRAIN)
        else:
            self._add(replace(update, returns=not level.reduces), index, UPDATE_DRAIN)
            self._add(replace(read, returns=not inner_reduces), index, READ_FILL)

    def _inferred(self, name: str, fields: Fields, filling: int) -> NetworkSpec:
        found = replace(_legacy(fields, name), latency=filling)
        return replace(found, wire_energy=self._wire_energy) if self._wire_energy else found

    def _known(self, name: str, fields: Fields) -> NetworkSpec:
        if name not in self.networks:
            raise SpecError(f"{fields.where}: network {name!r} not found; the networks are {', '.join(self.networks)}")
        return self.networks[name]

    def _add(self, network: NetworkSpec, index: int, carries: int) -> None:
        level = index if network.level is None else network.level
        width = network.tile_width
        if width is None or (network.kind != LEGACY and not width):
            width = self._widths[index]
        found = replace(network, level=level, tile_width=width, carries=network.carries | carries)
        if found.kind == TREE and found.carries != UPDATE_DRAIN:
            raise SpecError(f"network {found.name} is a ReductionTree; it can carry updates alone (network_update)")
        self.networks[network.name] = found


def _agreed(outer: Fields, mine: str, inner: Fields, theirs: str) -> str | None:
    """The network that both sides of a connection name; None if neither does."""
    name, other = (None if value is None else str(value) for value in (outer.get(mine), inner.get(theirs)))
    if name != other:
        raise SpecError(
            f"{outer.where}.{mine} is {name!r}, but {inner.where}.{theirs} is {other!r}: name one network at both"
        )
    return name


def _described(component: Fields, data_spaces: Sequence[str], tables: Any) -> NetworkSpec:
    """A network that is a component of its own."""
    fields, name = own_attributes(component), component.text("name")
    kind = _CLASSES.get(str(component.get("class")))
    if kind is None:
        raise SpecError(f"{component.where}: class {component.get('class')!r} is none of {', '.join(_CLASSES)}")
    if kind == LEGACY:
        return replace(_legacy(fields, name), latency=fields.count("fill_latency") or 0)
    plain = NetworkSpec(name, kind, word_bits=_word_bits(fields), latency=fields.count("fill_latency") or 0)
    if kind == TREE:
        adding, wires = fields.amount("adder_energy") or 0.0, fields.amount("wire_energy") or 0.0
        return replace(plain, adder_energy=adding, wire_energy=wires)
    action = fields.text("action_name")
    return replace(plain, action=action, energies=_multicast_energies(fields, name, action, data_spaces, tables))


def _legacy(fields: Fields, name: str) -> NetworkSpec:
    subtype = fields.get("network_type")
    if subtype is not None and subtype not in _SUBTYPES:
        raise UnsupportedError(
            f"{fields.where}.network_type is {subtype!r}: multicast from several instances is not modelled; "
            f"write one of {', '.join(_SUBTYPES)}, or remove it"
        )
    return NetworkSpec(
        name,
        LEGACY,
        subtype="" if subtype is None else _SUBTYPES[subtype],
        word_bits=_word_bits(fields),
        router_energy=fields.amount("router_energy"),
        ingress_energy=fields.amount("energy-per-ingress"),
        wire_energy=fields.amount("wire_energy"),
        hop_energy=fields.amount("energy_per_hop"),
        tile_width=fields.amount("tile_width"),
    )


def _word_bits(fields: Fields) -> int:
    return fields.whole("network_word_bits", "word_bits", "word_width", "datawidth") or DEFAULT_WORD_BITS


def _multicast_energies(
    fields: Fields, name: str, action: str, data_spaces: Sequence[str], tables: Any
) -> tuple[tuple[str, Energies], ...]:
    """What a table of the ERT says of a multicast network, for each data space."""
    apart = fields.get("per_datatype_ERT") is not None  # whatever it is
    argument = fields.get("multicast_factor_argument")
    entries = None if tables is None else ert.entries(tables, name)
    if not entries:
        raise SpecError(f"ERT: no table for the network {name}; add one with the action {action}")
    found = []
    for space in data_spaces:
        acts = entries.get(f"{action}_{space}" if apart else action, [])
        if len(acts) > 1 and argument is None:
            raise SpecError(
                f"{fields.where}: {name} has several entries of {action} in the ERT; name the argument that is the "
                "number of destinations: multicast_factor_argument"
            )
        found.append((space, tuple(_entry(act, argument, single=len(acts) == 1) for act in acts)))
    return tuple(found)


def _entry(act: Fields, argument: Any, *, single: bool) -> tuple[int, float]:
    energy = act.amount("energy") or 0.0
    if single:
        return 0, energy
    return act.sub("arguments").whole(str(argument)) or 0, energy


def _wire_energy(tables: Any) -> float | None:
    """pJ of a bit over a millimetre, from the ERT's table of wires, in single precision as Timeloop reads it."""
    found = None
    for name in ("wire", "Wire"):
        acts = [] if tables is None else ert.entries(tables, name).get("transfer_random", [])
        if energy := max((act.amount("energy") or 0.0 for act in acts), default=0.0):
            found = ert.single(energy)
    return found


def _widths(levels: Sequence[StorageSpec], mac: ArithmeticSpec) -> list[float]:
    """um: for each level the width of the square that one instance of the next inner level takes with all below it."""
    return [sqrt(area) for area in _tile_areas(levels, mac)]


def _tile_areas(levels: Sequence[StorageSpec], mac: ArithmeticSpec) -> Iterator[float]:
    area, instances = mac.area, mac.instances
    for level in levels:
        yield area
        area = level.area + area * (instances // level.instances)
        instances = level.instances
