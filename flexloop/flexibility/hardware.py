"""Hardware flexion: choices of an accelerator, whatever it runs, against a fully flexible one with its resources.

    H-F(axis) = |choices of this accelerator| / |choices of a fully flexible one with the same resources|

A choice is, for tiling, one positive tile footprint in words for each tensor that the buffer above the array keeps; for
ordering, a permutation of the eight dimensions at each level with loops except the innermost; for parallelization, an
assignment of each dimension to X, Y or neither; for the array's shape, a pair X*Y = PEs. The definition is this
project's own.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import comb, factorial, prod

from flexloop.arch.compact import orders, pairs
from flexloop.arch.fields import StorageLevel
from flexloop.arch.spec import ArchSpec
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.errors import UnsupportedError
from flexloop.workloads.layers import DIMENSIONS


def hardware_choices(arch: ArchSpec, axis: Axis, degree: Degree) -> int:
    """Number of choices that the hardware has on an axis at a degree."""
    return _COUNTERS[axis](arch, degree)


def hardware_flexion(arch: ArchSpec, axis: Axis, degree: Degree) -> Fraction:
    """H-F of one axis at a degree, exactly."""
    return Fraction(hardware_choices(arch, axis, degree), hardware_choices(arch, axis, Degree.FULL))


def class_hardware_flexion(arch: ArchSpec, flexclass: FlexClass) -> Fraction:
    """H-F of a class: the product over the four axes, which are independent in hardware."""
    return prod((hardware_flexion(arch, axis, flexclass.degree(axis)) for axis in Axis), start=Fraction(1))


def check_countable(arch: ArchSpec) -> None:
    """Refuse a spec whose choices are not counted (UnsupportedError)."""
    if arch.axes.tiling.free is not None:
        raise UnsupportedError(
            f"flexion: {arch.name} frees the tiles of {', '.join(arch.axes.tiling.free)} alone, whose choices are not "
            "counted; leave `axes.tiling.free` out"
        )


def _footprints(arch: ArchSpec, degree: Degree) -> int:
    if degree is Degree.FIXED:
        return 1
    check_countable(arch)
    limits = arch.partition() if degree is Degree.PART else {}
    return prod(_footprints_of(level, limits) for level in arch.buffer_groups[arch.array_index])


def _footprints_of(level: StorageLevel, limits: dict[str, int]) -> int:
    """Positive footprints of the kept tensors that add up to at most the capacity, each within its limit if it has one.

    Without limits there are comb(capacity, tensors) of them; limits are taken off by inclusion and exclusion.
    """
    limited = [limits[t] for t in level.keep if t in limits]
    total = 0
    for size in range(len(limited) + 1):
        for exceeded in itertools.combinations(limited, size):
            left = level.tile_limit - sum(exceeded)
            total += (-1) ** size * (comb(left, len(level.keep)) if left > 0 else 0)
    return total


def _orders(arch: ArchSpec, degree: Degree) -> int:
    if degree is Degree.FULL:
        return int(factorial(len(DIMENSIONS)) ** len(arch.ordered_levels))
    return len({tuple(sorted(order.items())) for order in orders(arch, degree) if order is not None})


def _assignments(arch: ArchSpec, degree: Degree) -> int:
    if degree is Degree.FULL:
        return int(3 ** len(DIMENSIONS))
    return len({(pair.X, pair.Y) for pair in pairs(arch, degree) if pair is not None})


def _shapes(arch: ArchSpec, degree: Degree) -> int:
    return len(arch.shapes(degree))


_COUNTERS = {
    Axis.TILING: _footprints,
    Axis.ORDERING: _orders,
    Axis.PARALLELIZATION: _assignments,
    Axis.SHAPE: _shapes,
}
