"""The compact form's classes on a layer: what its tiles, orders, pairs and shapes are as Timeloop's constraints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from flexloop.arch.fields import Shape
from flexloop.arch.fixedtiles import Factors, FixedTiles
from flexloop.arch.padding import held_factors, padded_bounds, uniform_paddings
from flexloop.arch.tiles import as_seen, fixed_tiles, inner_factors
from flexloop.arch.tree import partition_levels
from flexloop.arch.variant import OnLayer, Variant
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer

if TYPE_CHECKING:
    from flexloop.arch.fields import Pair
    from flexloop.arch.spec import ArchSpec


class SpecOnLayer(OnLayer):
    """An arch spec on a layer; what its classes share is made once."""

    def __init__(self, arch: ArchSpec, layer: Layer) -> None:
        self._arch, self.layer = arch, layer
        self._known: dict[FlexClass, tuple[Variant, ...]] = {}

    def variants(self, flexclass: FlexClass) -> tuple[Variant, ...]:
        """The mapspaces of a class.

        Constraints fall away from degree to degree; where fixed tiles are padded to bounds that free ones are not,
        exceed their share of the buffer or leave a remainder, their variants are added.
        """
        found = self._own(flexclass)
        if flexclass.tiling is not Degree.FIXED:
            fixed = self._own(flexclass.replace(Axis.TILING, Degree.FIXED))
            found = (*(v for v in fixed if not any(_holds(free, v) for free in found)), *found)
        return found

    def uniform_paddings(self) -> dict[str, dict[str, int]]:
        """See `flexloop.arch.padding.uniform_paddings`."""
        return uniform_paddings(self._arch, self.layer)

    @cached_property
    def _fixed(self) -> FixedTiles:
        return fixed_tiles(self._arch, self.layer)

    @cached_property
    def _padded(self) -> dict[str, tuple[int, ...]]:
        return padded_bounds(self._arch, self.layer)

    @cached_property
    def _held(self) -> tuple[Factors, ...]:
        return tuple(held_factors(self._arch, self.layer))

    def _own(self, flexclass: FlexClass) -> tuple[Variant, ...]:
        if flexclass not in self._known:
            self._known[flexclass] = tuple(self._made(flexclass))
        return self._known[flexclass]

    def _made(self, flexclass: FlexClass) -> Iterator[Variant]:
        """The variants of a class at its own degree of tiling."""
        arch, layer = self._arch, self.layer
        partitioned = flexclass.tiling is Degree.PART
        fixed = self._fixed if flexclass.tiling is Degree.FIXED else None
        bounds = {} if fixed else self._padded
        template = "uber" if fixed and fixed.with_remainders else "perfect"
        places = placements(flexclass, arch, layer)
        if template == "uber" and flexclass.parallelization is Degree.FULL:
            # free factors divide what pinned ones leave
            places = placements(flexclass.replace(Axis.PARALLELIZATION, Degree.PART), arch, layer) + places
        for shape, pair in places:
            if fixed:
                bounds = fixed.allowed(shape, pair)
            for order in orders(arch, flexclass.degree(Axis.ORDERING)):
                loops = [
                    *_temporal_constraints(arch, order, fixed.factors_with(shape, pair) if fixed else self._held),
                    *_spatial_constraints(arch, layer, shape, pair, fixed),
                ]
                if partitioned:
                    loops.extend(_idle(name) for name in partition_levels(arch).values())
                kept = tuple(_dataspaces(arch, partitioned=partitioned))
                constraints = Constraints(tuple(loops), kept, template=template)
                yield Variant(arch, layer, arch.at(shape), bounds, partitioned, constraints)


def _holds(variant: Variant, other: Variant) -> bool:
    """Whether a variant without a partition surely has all mappings of another: the same or fewer constraints."""
    if variant.partitioned or variant.shape != other.shape or _leaves_remainders(other):
        return False
    if any(not set(other.bounds[d]) <= set(variant.bounds[d]) for d in DIMENSIONS):
        return False
    for loop in variant.constraints.loops:
        pinned = other.constraints.loop(loop.target, spatial=loop.spatial)
        if not loop.factors.items() <= pinned.factors.items():
            return False
        if loop.permutation and (loop.permutation, loop.split) != (pinned.permutation, pinned.split):
            return False
    return True


def _leaves_remainders(variant: Variant) -> bool:
    """Whether what is pinned does not divide some bound."""
    pinned = {d: prod(loop.factors.get(d, 1) for loop in variant.constraints.loops) for d in DIMENSIONS}
    return any(bound % pinned[d] for d, bounds in variant.bounds.items() for bound in bounds)


def placements(flexclass: FlexClass, arch: ArchSpec, layer: Layer) -> list[tuple[Shape, tuple[str, str] | None]]:
    """The array shapes of a class, and what may lie on X and Y of each: a pair, or any dimensions (None)."""
    chosen = pairs(arch, flexclass.degree(Axis.PARALLELIZATION))
    seen = [(as_seen(arch, layer, pair.X), as_seen(arch, layer, pair.Y)) if pair else None for pair in chosen]
    found = list(itertools.product(arch.shapes(flexclass.degree(Axis.SHAPE)), seen))
    if arch.depthwise == "on_both_axes" and layer.is_depthwise:
        row = (Shape(X=arch.pes, Y=1), None if None in seen else ("G", "C"))
        found += [row] * (row not in found)
    return found


def orders(arch: ArchSpec, degree: Degree) -> list[dict[str, tuple[str, ...]] | None]:
    """The orders of a degree, a permutation for each ordered level; None stands for a free order."""
    axis = arch.axes.ordering
    if degree is Degree.FULL:
        return [None]
    chosen = [axis.fixed] if degree is Degree.FIXED else list(axis.partial)
    return [{level: tuple(permutation) for level, permutation in order.items()} for order in chosen]


def pairs(arch: ArchSpec, degree: Degree) -> list[Pair | None]:
    """The pairs of a degree; None stands for free parallelism."""
    axis = arch.axes.parallelization
    if degree is Degree.FULL:
        return [None]
    return [axis.fixed] if degree is Degree.FIXED else list(axis.partial)


def _temporal_constraints(
    arch: ArchSpec, order: dict[str, tuple[str, ...]] | None, pinned: Sequence[Factors]
) -> Iterator[LoopConstraint]:
    for level in arch.inner_to_outer:
        if not level.loops:
            yield _idle(level.name)
            continue
        index = arch.loop_levels.index(level)
        permutation: tuple[str, ...] = ()
        if index == 0:
            permutation = DIMENSIONS
        elif order is not None:
            permutation = order[level.name]
        factors = pinned[index]
        if factors or permutation:
            yield LoopConstraint(level.name, factors=factors, permutation=permutation)


def _idle(level: str) -> LoopConstraint:
    """The constraint of a level that no temporal loop may stand at."""
    return LoopConstraint(level, factors=dict.fromkeys(DIMENSIONS, 1), permutation=DIMENSIONS)


def _spatial_constraints(
    arch: ArchSpec, layer: Layer, shape: Shape, pair: tuple[str, str] | None, fixed: FixedTiles | None
) -> Iterator[LoopConstraint]:
    if arch.array.inner is not None:
        yield _inner_fanout(arch, layer)
    if pair is not None:
        yield _array_pair(arch, shape, pair, fixed)


def _inner_fanout(arch: ArchSpec, layer: Layer) -> LoopConstraint:
    assert arch.array.inner is not None
    factors = inner_factors(arch, layer)
    on_x = {as_seen(arch, layer, d) for d in arch.array.inner.x_factors}
    permutation = [d for d in DIMENSIONS if d in on_x] + [d for d in DIMENSIONS if d not in on_x]
    target = arch.inner_to_outer[0].name
    return LoopConstraint(target, spatial=True, factors=factors, permutation=tuple(permutation), split=len(on_x))


def _array_pair(arch: ArchSpec, shape: Shape, pair: tuple[str, str], fixed: FixedTiles | None) -> LoopConstraint:
    on_x, on_y = pair
    factors = {d: 1 for d in DIMENSIONS if d not in pair}
    if fixed is not None:
        factors |= {on_x: fixed.spatial_factor(on_x, shape.X), on_y: fixed.spatial_factor(on_y, shape.Y)}
    rest = [d for d in DIMENSIONS if d not in (on_x, on_y)]
    return LoopConstraint(
        arch.array.below,
        spatial=True,
        factors={d: factors[d] for d in DIMENSIONS if d in factors},
        permutation=(on_x, on_y, *rest),
        split=1,
    )


def _dataspaces(arch: ArchSpec, *, partitioned: bool) -> Iterator[DataspaceConstraint]:
    for level in arch.inner_to_outer:
        yield DataspaceConstraint(level.name, tuple(t for t in TENSORS if t in level.keep), level.bypass)
    if partitioned:
        for tensor, name in partition_levels(arch).items():
            yield DataspaceConstraint(name, (tensor,), tuple(t for t in TENSORS if t != tensor))
