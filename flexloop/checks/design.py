"""What a design means on networks: what it is in words, which layers it cannot map, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from flexloop.arch.design.clip import clipped
from flexloop.arch.design.model import Design
from flexloop.arch.design.words import axis_sentences
from flexloop.arch.variant import Variant
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.spec import Spec, read_config
from flexloop.rendering.render import shared_renderer
from flexloop.timeloop import yamlio
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer, Network


@dataclass(frozen=True)
class LayerFault:
    """A layer that the design cannot map as it stands.

    Attributes:
        classes: ``T0O0P0S0`` where a more flexible class may map it, else ``every class``.
        reason: why the mapping with the smallest tiles is refused.
    """

    network: str
    layer: str
    classes: str
    reason: str

    def __str__(self) -> str:
        return f"{self.network}, {self.layer}: unmappable in {self.classes}: {self.reason}"


@dataclass(frozen=True)
class DesignReport:
    """What `check_design` found. ``ok`` where every layer maps as the design stands."""

    design: Design
    networks: tuple[str, ...]
    faults: tuple[LayerFault, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is amiss."""
        return not self.faults

    def sentences(self) -> list[str]:
        """The report in words."""
        return [*_identity(self.design), *axis_sentences(self.design), *self.networks, *(f"{f}." for f in self.faults)]


def check_design(design: Design, networks: Sequence[Network]) -> DesignReport:
    """Check a design against networks.

    Args:
        design: the design.
        networks: usually all that are shipped.
    """
    faults: list[LayerFault] = []
    said: list[str] = []
    known: dict[tuple[int, ...], tuple[str, str]] = {}
    for network in networks:
        own = []
        for layer in network.layers:
            if layer.shape_key not in known:
                known[layer.shape_key] = _verdict(design, layer)
            classes, reason = known[layer.shape_key]
            if reason:
                own.append(LayerFault(network.name, layer.name, classes, reason))
        faults += own
        said.append(_network(design, network, len(own)))
    return DesignReport(design, tuple(said), tuple(faults))


def _identity(design: Design) -> Iterator[str]:
    names = ", ".join(reversed(design.level_names))
    own = design.own_extents
    yield (
        f"{design.name} is a Timeloop design: {design.pes} arithmetic units, {own} below {len(design.level_names)} "
        f"storage levels, outermost first: {names}."
    )
    kept = {rule.target: {*rule.keep, *rule.bypass} for rule in design.always.dataspaces}
    free = [f"{t} at {n}" for n in design.level_names[:-1] for t in TENSORS if t not in kept.get(n, set())]
    if free:
        yield f"What is kept is open in every class, for bypass is no axis: {', '.join(free)}."
    if lanes := design.lane_levels:
        yield f"The fanout below {', '.join(sorted(lanes))} holds vector lanes: the same extents in every class."
    for axis, levels in design.free.items():
        yield f"{axis} frees {', '.join(levels)} alone; its other constraints hold in every class."


def _network(design: Design, network: Network, failing: int) -> str:
    maps = f"all {len(network.layers)} layers map" if not failing else f"{failing} of {len(network.layers)} do not map"
    padded = sum(_padded(design, layer) * layer.count for layer in network.layers) / network.macs
    gives_way = {d for layer in network.layers for d in clipped(design, layer).taken}
    rest = (
        f" {design.level_names[-1]} takes what is left of {', '.join(d for d in DIMENSIONS if d in gives_way)}, "
        "although the design pins it there: no other temporal loop is open."
        if gives_way
        else ""
    )
    return f"{network.name}: {maps} in {RIGID}; its least bounds pad the work {padded:.2f} times.{rest}"


def _padded(design: Design, layer: Layer) -> int:
    return min(prod(map(min, variant.bounds.values())) for variant in design.on(layer).variants(RIGID))


def _verdict(design: Design, layer: Layer) -> tuple[str, str]:
    """Which classes cannot map a layer, and why; the reason is empty where the design maps it as it stands."""
    reason = why_not(design, layer, RIGID)
    if not reason:
        return "", ""
    never = why_not(design, layer, FULLY_FLEXIBLE)
    return ("every class", never) if never else (str(RIGID), reason)


def why_not(design: Design, layer: Layer, flexclass: FlexClass) -> str:
    """Why the smallest tiles of a class do not fit a layer's hardware; nothing where those of some variant do."""
    reasons = []
    for variant in design.on(layer).variants(flexclass):
        choices = Choices(design.level_names, variant.shape.fanouts, variant.bounds, TENSORS, variant.constraints)
        if choices.empty_dimension:
            reasons.append(f"no factors of {choices.empty_dimension} within the constraints multiply to a bound")
            continue
        reason = Costing(_spec(design, layer, variant), choices).reason(choices.smallest())
        if not reason:
            return ""
        reasons.append(reason)
    return reasons[0]


def _spec(design: Design, layer: Layer, variant: Variant) -> Spec:
    bounds = {d: variant.bounds[d][0] for d in DIMENSIONS}
    problem = yamlio.load(shared_renderer().canonical_problem(layer, bounds))
    return read_config({"architecture": design.hardware.tree(variant.shape), **problem})
