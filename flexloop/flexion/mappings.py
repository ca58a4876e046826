"""The size of a class's mapspace for a layer.

A mapping is the padded bounds, the tiles, the spatial factors with their mesh axes, the array's shape, and an order at
each level. The axes are not independent on a layer: what parallelism may unroll depends on the tiles, and what fits
depends on the array's shape. With fixed tiles mappings are counted exactly, else by sampling from the product of what
each dimension could do by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.arch.capacity import fixed_overflows, fixed_tile_exceeds_only_the_partition
from flexloop.arch.spec import ArchSpec, Pair, Shape
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.flexion.intervals import Estimate, proportion
from flexloop.flexion.layers import count_orders
from flexloop.flexion.tilings import Floats, Ints, Sampling, chains_along, fits
from flexloop.mapspace import pairs, shapes
from flexloop.tiles import as_seen, divisors, fixed_tiles, inner_factors, padded_bounds, spatial_factor
from flexloop.workloads.layers import DIMENSIONS, Layer

Assignment = tuple[str, str]


def count_mappings(arch: ArchSpec, layer: Layer, flexclass: FlexClass, sampling: Sampling | None = None) -> Estimate:
    """Number of mappings that a class allows for a layer.

    Orders are those of the layer's dimensions, whether or not a loop of one has more than one iteration.
    """
    ordered = count_orders(arch, layer, flexclass.degree(Axis.ORDERING))
    return Estimate.exactly(ordered) * count_unordered_mappings(arch, layer, flexclass, sampling)


def count_unordered_mappings(
    arch: ArchSpec, layer: Layer, flexclass: FlexClass, sampling: Sampling | None = None
) -> Estimate:
    """Number of mappings that a class allows for a layer, those that differ in order alone counted once."""
    tiling = flexclass.degree(Axis.TILING)
    if tiling is Degree.FIXED:
        return Estimate.exactly(0 if fixed_overflows(arch, layer) else _unrollings(arch, layer, flexclass))
    found = _sampled(arch, layer, flexclass, sampling or Sampling())
    if tiling is Degree.PART and fixed_tile_exceeds_only_the_partition(arch, layer):
        found += Estimate.exactly(_unrollings(arch, layer, flexclass))
    return found


# -- fixed tiles: exact ------------------------------------------------------------------------------------------------


def _unrollings(arch: ArchSpec, layer: Layer, flexclass: FlexClass) -> int:
    """Ways to fill the array between the fixed tiles, over all shapes of the class."""
    fixed = fixed_tiles(arch, layer)
    inside, outside = fixed.tiles[arch.array_index - 1], fixed.tiles[arch.array_index]
    degree = flexclass.degree(Axis.PARALLELIZATION)
    chosen = _assignments(arch, layer, pairs(arch, degree))
    total = 0
    for shape in shapes(arch, flexclass.degree(Axis.SHAPE)):
        if degree is Degree.FULL:
            total += _free_unrollings([outside[d] // inside[d] for d in DIMENSIONS], shape)
        else:
            total += len({_pinned(inside, outside, assignment, shape) for assignment in chosen})
    return total


def _pinned(
    inside: dict[str, int], outside: dict[str, int], assignment: Assignment, shape: Shape
) -> tuple[tuple[str, int] | None, ...]:
    """What a pair puts on X and on Y; a factor of 1 puts nothing there."""
    placed = []
    for d, extent in zip(assignment, (shape.X, shape.Y), strict=True):
        factor = spatial_factor(outside[d], inside[d], extent)
        placed.append((d, factor) if factor > 1 else None)
    return tuple(placed)


def _free_unrollings(ratios: list[int], shape: Shape) -> int:
    """Ways to unroll a divisor of each ratio on X, on Y, or nothing of it, within the array."""
    used = {(1, 1): 1}
    for ratio in ratios:
        grown = dict(used)
        for factor in divisors(ratio)[1:]:
            for (x, y), ways in used.items():
                for place in ((x * factor, y), (x, y * factor)):
                    if place[0] <= shape.X and place[1] <= shape.Y:
                        grown[place] = grown.get(place, 0) + ways
        used = grown
    return sum(used.values())


def _assignments(arch: ArchSpec, layer: Layer, chosen: list[Pair | None]) -> list[Assignment]:
    return [(as_seen(arch, layer, pair.X), as_seen(arch, layer, pair.Y)) for pair in chosen if pair is not None]


# -- free and partitioned tiles: sampled -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Columns:
    """What one dimension can do by itself, one choice a row.

    Attributes:
        tiles: the tile at each on-chip level with loops, innermost first, unrolled factor included from the array up.
        x, y: the factor on each mesh axis.
    """

    tiles: Ints
    x: Ints
    y: Ints

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> _Columns:
        return _Columns(self.tiles[rows], self.x[rows], self.y[rows])


def _sampled(arch: ArchSpec, layer: Layer, flexclass: FlexClass, sampling: Sampling) -> Estimate:
    partitioned = flexclass.degree(Axis.TILING) is Degree.PART
    extents = shapes(arch, flexclass.degree(Axis.SHAPE))
    degree = flexclass.degree(Axis.PARALLELIZATION)
    chosen = None if degree is Degree.FULL else _assignments(arch, layer, pairs(arch, degree))
    columns = _columns(arch, layer, extents, chosen)
    columns = _drop_hopeless(arch, layer, columns, partitioned=partitioned)
    total = float(len(extents) * prod(len(c.x) for c in columns.values()))
    if total == 0:
        return Estimate.exactly(0)

    generator = np.random.default_rng(sampling.seed)
    drawn = {d: c.take(generator.integers(len(c.x), size=sampling.samples)) for d, c in columns.items()}
    shape = generator.integers(len(extents), size=sampling.samples)
    legal = _product(c.x for c in drawn.values()) <= np.array([s.X for s in extents])[shape]
    legal &= _product(c.y for c in drawn.values()) <= np.array([s.Y for s in extents])[shape]
    if chosen is not None:
        legal &= _keeps_to_one_pair(drawn, chosen)
    for index in range(len(arch.loop_levels) - 1):
        tile = {d: c.tiles[:, index].astype(np.float64) for d, c in drawn.items()}
        legal &= fits(arch, layer, index, tile, partitioned=partitioned)
    if prod(len(c.x) for c in columns.values()) == 1 and len(extents) == 1:
        return Estimate.exactly(float(legal[0]))
    return proportion(int(legal.sum()), sampling.samples, sampling.confidence, of=total)


def _product(factors: Iterator[Ints]) -> Floats:
    return np.asarray(prod(f.astype(np.float64) for f in factors))


def _columns(
    arch: ArchSpec, layer: Layer, extents: list[Shape], chosen: list[Assignment] | None
) -> dict[str, _Columns]:
    inner, bounds = inner_factors(arch, layer), padded_bounds(arch, layer)
    widest, highest = max(s.X for s in extents), max(s.Y for s in extents)
    columns = {}
    for d in DIMENSIONS:
        chains = chains_along(bounds[d], inner[d], len(arch.loop_levels) - 1)
        between = chains[:, arch.array_index] // chains[:, arch.array_index - 1]
        rows: list[tuple[int, int, int]] = []
        on_x = chosen is None or d in [x for x, _ in chosen]
        on_y = chosen is None or d in [y for _, y in chosen]
        for row, ratio in enumerate(between):
            rows.append((row, 1, 1))
            for factor in divisors(int(ratio))[1:]:
                rows += [(row, factor, 1)] * (on_x and factor <= widest)
                rows += [(row, 1, factor)] * (on_y and factor <= highest)
        index, x, y = np.array(rows, dtype=np.int64).T
        columns[d] = _Columns(chains[index, :-1], x, y)
    return columns


def _drop_hopeless(
    arch: ArchSpec, layer: Layer, columns: dict[str, _Columns], *, partitioned: bool
) -> dict[str, _Columns]:
    """Leave out what does not fit even where all other dimensions' tiles are as small as they can be."""
    kept = dict(columns)
    for d in DIMENSIONS:
        legal = np.ones(len(columns[d].x), dtype=np.bool_)
        for index in range(len(arch.loop_levels) - 1):
            least = {e: c.tiles[:, index].min(keepdims=True).astype(np.float64) for e, c in columns.items()}
            tile = least | {d: columns[d].tiles[:, index].astype(np.float64)}
            legal &= fits(arch, layer, index, tile, partitioned=partitioned)
        kept[d] = columns[d].take(legal)
    return kept


def _keeps_to_one_pair(drawn: dict[str, _Columns], chosen: list[Assignment]) -> npt.NDArray[np.bool_]:
    """Whether some pair of the class puts on X and Y all that is unrolled there."""
    allowed = np.zeros(len(drawn["N"].x), dtype=np.bool_)
    for x, y in chosen:
        stray = [c.x > 1 for d, c in drawn.items() if d != x] + [c.y > 1 for d, c in drawn.items() if d != y]
        allowed |= ~np.logical_or.reduce(stray)
    return allowed
