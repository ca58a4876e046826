"""Workload flexion: choices of an accelerator that are legal for a layer, against all that are legal for it.

    W-F(axis, layer) = |choices of this accelerator legal for the layer| / |choices legal for the layer|

A choice is, for tiling, a tile tuple of the layer (`flexloop.flexion.tilings`); for ordering, an order of the layer's
dimensions at each level with loops except the innermost; for parallelization, an assignment of each of the layer's
dimensions to X, Y or neither; for the array's shape, a pair X*Y = PEs. The layer's dimensions are those with a padded
bound above 1. The definition is this project's own.
"""

from __future__ import annotations

from math import factorial

from flexloop.archspec import ArchSpec
from flexloop.classes import Axis, Degree
from flexloop.flexion.intervals import Estimate
from flexloop.flexion.tilings import Sampling, count_tilings
from flexloop.mapspace import orders, pairs, shapes
from flexloop.tiles import as_seen, padded_bounds
from flexloop.workload import Layer


def layer_choices(
    arch: ArchSpec, layer: Layer, axis: Axis, degree: Degree, sampling: Sampling | None = None
) -> Estimate:
    """Number of choices legal for a layer on an axis at a degree; exact except for tiling on very large lattices."""
    match axis:
        case Axis.TILING:
            return count_tilings(arch, layer, degree, sampling)
        case Axis.ORDERING:
            return Estimate.exactly(count_orders(arch, layer, degree))
        case Axis.PARALLELIZATION:
            return Estimate.exactly(count_assignments(arch, layer, degree))
        case Axis.SHAPE:
            return Estimate.exactly(len(shapes(arch, degree)))


def workload_flexion(
    arch: ArchSpec, layer: Layer, axis: Axis, degree: Degree, sampling: Sampling | None = None
) -> Estimate:
    """W-F of one axis at a degree for one layer."""
    if degree is Degree.FULL:
        return Estimate.exactly(1.0)
    return layer_choices(arch, layer, axis, degree, sampling).share_of(
        layer_choices(arch, layer, axis, Degree.FULL, sampling)
    )


def active_dimensions(arch: ArchSpec, layer: Layer) -> list[str]:
    """The dimensions of a layer with a padded bound above 1."""
    return [d for d, bounds in padded_bounds(arch, layer).items() if max(bounds) > 1]


def count_orders(arch: ArchSpec, layer: Layer, degree: Degree) -> int:
    """Distinct orders of a layer's dimensions, one tuple over all levels with loops except the innermost."""
    active = active_dimensions(arch, layer)
    if degree is Degree.FULL:
        return int(factorial(len(active)) ** len(arch.ordered_levels))
    names = [level.name for level in arch.ordered_levels]
    chosen = [order for order in orders(arch, degree) if order is not None]
    return len({tuple(tuple(d for d in order[name] if d in active) for name in names) for order in chosen})


def count_assignments(arch: ArchSpec, layer: Layer, degree: Degree) -> int:
    """Distinct assignments of a layer's dimensions to X, Y or neither."""
    active = active_dimensions(arch, layer)
    if degree is Degree.FULL:
        return int(3 ** len(active))
    chosen = [(as_seen(arch, layer, p.X), as_seen(arch, layer, p.Y)) for p in pairs(arch, degree) if p is not None]
    return len({tuple(d if d in active else None for d in pair) for pair in chosen})
