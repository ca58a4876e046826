"""What an arch spec means on networks: what fits, what maps, how flexible it is, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from math import prod
from typing import Protocol

from flexloop.arch.base import Arch
from flexloop.arch.compact import orders, pairs
from flexloop.arch.design.model import Design
from flexloop.arch.padding import padded_bounds
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import fixed_tiles, inner_factors
from flexloop.capacity import (
    Overflow,
    fixed_overflows,
    fixed_tile_exceeds_only_the_partition,
    overflows,
)
from flexloop.checks.design import check_design
from flexloop.classes import Axis, Degree
from flexloop.energy.table import TECHNOLOGIES, check_technology
from flexloop.flexibility import LayerFlexion, hardware_flexion
from flexloop.workloads.layers import Layer, Network, tile_size

_UNIT_STEPS = {"Wstride": 1, "Hstride": 1, "Wdilation": 1, "Hdilation": 1}


class Report(Protocol):
    """What a check found."""

    @property
    def ok(self) -> bool:
        """Whether nothing is amiss."""
        ...

    def sentences(self) -> list[str]:
        """The report in words."""
        ...


@dataclass(frozen=True)
class BufferUse:
    """The spec's fixed tile in one on-chip buffer, at stride 1 and dilation 1.

    Attributes:
        words: of each tensor that the buffer keeps.
        limits: each tensor's share under partial tiling, where the buffer is partitioned.
    """

    level: str
    capacity: int | None
    words: dict[str, int]
    limits: dict[str, int]

    @property
    def used(self) -> float:
        """Fraction of the capacity."""
        return sum(self.words.values()) / self.capacity if self.capacity else 0.0


@dataclass(frozen=True)
class LayerFault:
    """A layer that some classes cannot map, and why.

    Attributes:
        classes: ``T0`` where only the fixed tile is too large (on the spec's own array), ``all`` where no tile fits.
    """

    network: str
    layer: str
    classes: str
    reasons: tuple[Overflow, ...]

    def __str__(self) -> str:
        who = "classes with fixed tiling" if self.classes == "T0" else "every class"
        return f"{self.network}, {self.layer}: unmappable in {who}: {'; '.join(map(str, self.reasons))}"


@dataclass(frozen=True)
class NetworkCheck:
    """One network on an arch spec.

    Attributes:
        layers: number of distinct layers.
        faults: layers that are unmappable in some classes.
        beyond_partition: layers whose fixed tile exceeds its share but not the buffer; partial tiling keeps that tile.
        padding: MACs of the fixed tiles' padded bounds over real MACs, layer counts included.
        flexion: mean W-F of each axis at degrees 0 and p, weighted by layer counts.
    """

    network: str
    layers: int
    faults: tuple[LayerFault, ...]
    beyond_partition: tuple[str, ...]
    padding: float
    flexion: dict[tuple[Axis, Degree], float]


@dataclass(frozen=True)
class ArchReport:
    """What `check_arch` found. ``ok`` where every layer maps in every class and nesting holds."""

    arch: ArchSpec
    buffers: tuple[BufferUse, ...]
    nesting: tuple[str, ...]
    networks: tuple[NetworkCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is amiss."""
        return not self.nesting and not self.faults

    @property
    def faults(self) -> tuple[LayerFault, ...]:
        """All unmappable layers."""
        return tuple(fault for check in self.networks for fault in check.faults)

    def sentences(self) -> list[str]:
        """The report in words."""
        return list(_sentences(self))


def check_arch(arch: ArchSpec, networks: Sequence[Network]) -> ArchReport:
    """Check an arch spec, valid as it is, against networks.

    Args:
        arch: the spec; reading it has already checked that the fixed tile fits and what is fixed is among the partial.
        networks: usually all that are shipped.

    Raises:
        UnknownNameError: for a technology that is no node of nanometres, for which nothing can make energies.
    """
    check_technology(arch.technology)
    layers = {layer.shape_key: layer for network in networks for layer in network.layers}
    flexions = {key: _axis_flexions(arch, layer) for key, layer in layers.items()}
    nesting = tuple(sorted({fault for layer in layers.values() for fault in nesting_faults(arch, layer)}))
    checks = tuple(_check_network(arch, network, flexions) for network in networks)
    return ArchReport(arch, tuple(_buffer_uses(arch)), nesting, checks)


@singledispatch
def check(arch: Arch, networks: Sequence[Network]) -> Report:
    """Check an arch against networks, see `check_arch` and `flexloop.checks.design.check_design`."""
    raise TypeError(f"{type(arch).__name__} cannot be checked")


check.register(ArchSpec, check_arch)
check.register(Design, check_design)


def nesting_faults(arch: ArchSpec, layer: Layer) -> list[str]:
    """What of degree 0 is missing from degree p, or of p from 1, on a layer; nothing, for a spec that was read."""
    faults = []
    fixed, allowed = fixed_tiles(arch, layer), padded_bounds(arch, layer)
    for d, bound in fixed.bounds.items():
        chain = [fixed.inner[d], *(tile[d] for tile in fixed.tiles), bound]
        if arch.edge == "remainder":
            continue  # what leaves a remainder is no free tile, and stands beside them
        if bound not in allowed[d] or any(outer % inner for inner, outer in zip(chain, chain[1:], strict=False)):
            faults.append(f"T: the fixed tiles {chain} along {d} of {layer.name} are no free tiles")
    for letter, choices in (("O", orders), ("P", pairs), ("S", ArchSpec.shapes)):
        if choices(arch, Degree.FIXED)[0] not in choices(arch, Degree.PART):
            faults.append(f"{letter}: the fixed value is not among the partial ones")
    if not {(s.X, s.Y) for s in arch.shapes(Degree.PART)} <= {(s.X, s.Y) for s in arch.shapes(Degree.FULL)}:
        faults.append("S: a partial shape is not among all shapes")
    return faults


def _check_network(
    arch: ArchSpec, network: Network, flexions: dict[tuple[int, ...], dict[tuple[Axis, Degree], float]]
) -> NetworkCheck:
    faults = [fault for layer in network.layers if (fault := _fault(arch, network.name, layer))]
    padded = sum(prod(fixed_tiles(arch, layer).bounds.values()) * layer.count for layer in network.layers)
    occurrences = sum(layer.count for layer in network.layers)
    flexion = {
        point: sum(flexions[layer.shape_key][point] * layer.count for layer in network.layers) / occurrences
        for point in _points()
    }
    return NetworkCheck(
        network=network.name,
        layers=len(network.layers),
        faults=tuple(faults),
        beyond_partition=tuple(
            layer.name for layer in network.layers if fixed_tile_exceeds_only_the_partition(arch, layer)
        ),
        padding=padded / network.macs,
        flexion=flexion,
    )


def _fault(arch: ArchSpec, network: str, layer: Layer) -> LayerFault | None:
    least = tuple(inner_factors(arch, layer) for _ in arch.loop_levels[:-1])
    if reasons := overflows(arch, layer, least):
        return LayerFault(network, layer.name, "all", tuple(reasons))
    if reasons := fixed_overflows(arch, layer):
        return LayerFault(network, layer.name, "T0", tuple(reasons))
    return None


def _points() -> list[tuple[Axis, Degree]]:
    return [(axis, degree) for axis in Axis for degree in (Degree.FIXED, Degree.PART)]


def _axis_flexions(arch: ArchSpec, layer: Layer) -> dict[tuple[Axis, Degree], float]:
    measured = LayerFlexion(arch, layer)
    return {(axis, degree): measured.axis(axis, degree).workload.value for axis, degree in _points()}


def _buffer_uses(arch: ArchSpec) -> Iterator[BufferUse]:
    shares = arch.partition()
    for index, group in enumerate(arch.buffer_groups):
        tile = arch.fixed_tile(arch.loop_levels[index].name)
        for level in group:
            yield BufferUse(
                level=level.name,
                capacity=level.capacity,
                words={t: tile_size(t, tile, _UNIT_STEPS) for t in level.keep},
                limits={t: shares[t] for t in level.keep if index == arch.array_index},
            )


def _sentences(report: ArchReport) -> Iterator[str]:
    arch = report.arch
    lanes = f" of {arch.lanes} MACs" if arch.lanes > 1 else ""
    yield f"{arch.name} is valid: {arch.pes} PEs{lanes}, {len(arch.levels)} storage levels."
    if arch.technology not in TECHNOLOGIES:
        yield (
            f"Energies: no table is shipped for {arch.technology} (those for {', '.join(TECHNOLOGIES)} are); take "
            "--energy accelergy, hwcomponents, or a file."
        )
    for use in report.buffers:
        parts = ", ".join(f"{tensor} {words:,}" for tensor, words in use.words.items())
        room = f"{100 * use.used:.0f}% of {use.level}'s {use.capacity:,} words" if use.capacity else use.level
        yield f"The fixed tile takes {room} ({parts})."
    for axis, (_, fixed, partial, full) in zip(Axis, arch.axes_in_words(), strict=True):
        least, some = (float(hardware_flexion(arch, axis, degree)) for degree in (Degree.FIXED, Degree.PART))
        yield (
            f"{axis.value}, {axis.words}. 0: {fixed}. p: {partial}. 1: {full}. "
            f"Hardware flexion: {least:.2g} at 0, {some:.2g} at p."
        )
    yield (
        "Nesting holds: whatever degree 0 of an axis can do, p can, and 1."
        if not report.nesting
        else f"Nesting is broken: {'; '.join(report.nesting)}."
    )
    for check in report.networks:
        yield _network_sentence(check)
    yield from (f"{fault}." for fault in report.faults)


def _network_sentence(check: NetworkCheck) -> str:
    failing = f"{len(check.faults)} of its {check.layers} layers do not map in every class"
    maps = f"all {check.layers} layers map in every class" if not check.faults else failing
    beyond = (
        f" Fixed tiles of {', '.join(check.beyond_partition)} exceed a share and are kept beside the partition."
        if check.beyond_partition
        else ""
    )
    tiling, shape = (check.flexion[axis, Degree.PART] for axis in (Axis.TILING, Axis.SHAPE))
    return (
        f"{check.network}: {maps}; the fixed tiles pad its work {check.padding:.2f} times; of the choices legal for a "
        f"layer, partial tiling has {tiling:.2g}, partial shape {shape:.2g}.{beyond}"
    )
