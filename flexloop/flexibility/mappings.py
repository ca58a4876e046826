"""The size of a class's mapspace for a layer.

A mapping is the padded bounds, the tiles, the spatial factors with their mesh axes, the array's shape, and an order at
each level. The axes are not independent on a layer: what parallelism may unroll depends on the tiles, and what fits
depends on the array's shape. Mappings are counted by looking at all combinations of what each dimension could do by
itself, or at a sample of them where they are many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.arch.compact import placements
from flexloop.arch.fields import Shape
from flexloop.arch.fixedtiles import FixedTiles
from flexloop.arch.padding import padded_bounds
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import fixed_tiles, inner_factors
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.flexibility.intervals import Estimate, proportion
from flexloop.flexibility.layers import count_orders
from flexloop.flexibility.tilings import Floats, Ints, Sampling, chains_along, fits
from flexloop.integers import divisors
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
    sampling = sampling or Sampling()
    tiling = flexclass.degree(Axis.TILING)
    if tiling is Degree.FIXED:
        return _with_fixed_tiles(arch, layer, flexclass, sampling, beyond=None)
    found = _with_free_tiles(arch, layer, flexclass, sampling)
    return found + _with_fixed_tiles(arch, layer, flexclass, sampling, beyond=tiling)


ENUMERATED, ENUMERATED_FIXED = 20_000, 200_000
"""Combinations of what the dimensions can do up to which all are looked at: of free tiles, and of fixed ones."""


@dataclass(frozen=True)
class _Columns:
    """What one dimension can do by itself, one choice a row.

    Attributes:
        bound: the padded bound.
        tiles: the tile at each on-chip level with loops, innermost first, unrolled factor included from the array up.
        x, y: the factor on each mesh axis.
    """

    bound: Ints
    tiles: Ints
    x: Ints
    y: Ints

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> _Columns:
        return _Columns(self.bound[rows], self.tiles[rows], self.x[rows], self.y[rows])


Drawn = dict[str, _Columns]


# -- fixed tiles -------------------------------------------------------------------------------------------------------


def _with_fixed_tiles(
    arch: ArchSpec, layer: Layer, flexclass: FlexClass, sampling: Sampling, beyond: Degree | None
) -> Estimate:
    """Mappings with fixed tiles; with ``beyond`` only those that a class of that degree of tiling does not have."""
    fixed, free = fixed_tiles(arch, layer), padded_bounds(arch, layer)

    def counts(drawn: Drawn) -> npt.NDArray[np.bool_]:
        legal = _fit(arch, layer, drawn, partitioned=False)
        if beyond is None:
            return legal
        known: npt.NDArray[np.bool_] = np.all([np.isin(c.bound, free[d]) for d, c in drawn.items()], axis=0)
        known &= np.all([fixed.divides(d, c.bound, c.x * c.y) for d, c in drawn.items()], axis=0)
        if beyond is Degree.PART:
            known &= _fit(arch, layer, drawn, partitioned=True)
        return legal & ~known

    def indivisible(drawn: Drawn) -> npt.NDArray[np.bool_]:
        """Whether a spatial factor does not divide its loop, which free parallelism by itself does not have."""
        evenly = [fixed.passes_of(d, int(c.bound[0])) % (c.x * c.y) == 0 for d, c in drawn.items()]
        return np.asarray(~np.all(evenly, axis=0))

    total = Estimate.exactly(0)
    few = {
        shape: [pair for pair in chosen if pair]
        for shape, chosen in _pairs_by_shape(arch, layer, flexclass.replace(Axis.PARALLELIZATION, Degree.PART)).items()
    }
    for shape, chosen in _pairs_by_shape(arch, layer, flexclass).items():
        if None in chosen:
            columns = _fixed_columns(arch, fixed, fixed.allowed(shape, None), shape)
            total += _counted(columns, [shape], counts, sampling, ENUMERATED_FIXED)
            if fixed.with_remainders:
                total += Estimate.exactly(_pinned(arch, fixed, shape, few[shape], lambda d: counts(d) & indivisible(d)))
        else:
            total += Estimate.exactly(_pinned(arch, fixed, shape, [pair for pair in chosen if pair], counts))
    return total


def _pinned(
    arch: ArchSpec,
    fixed: FixedTiles,
    shape: Shape,
    chosen: list[Assignment],
    counts: Callable[[Drawn], npt.NDArray[np.bool_]],
) -> int:
    """How many different mappings some pairs give; a factor of 1 places nothing."""
    different = {}
    for on_x, on_y in chosen:
        placed = {on_y: (1, fixed.spatial_factor(on_y, shape.Y)), on_x: (fixed.spatial_factor(on_x, shape.X), 1)}
        bounds = fixed.allowed(shape, (on_x, on_y))
        rows = {d: (bounds[d][0], *placed.get(d, (1, 1))) for d in DIMENSIONS}
        different[tuple(rows.values())] = {
            d: _Columns(np.array([bound]), _fixed_tile_rows(arch, fixed, d, [x * y]), np.array([x]), np.array([y]))
            for d, (bound, x, y) in rows.items()
        }
    return sum(bool(counts(drawn)[0]) for drawn in different.values())


def _fixed_columns(arch: ArchSpec, fixed: FixedTiles, bounds: dict[str, tuple[int, ...]], shape: Shape) -> Drawn:
    columns = {}
    for d in DIMENSIONS:
        rows: list[tuple[int, int, int]] = []
        for bound in bounds[d]:
            for factor in divisors(fixed.passes_of(d, bound)):
                rows += [(bound, factor, 1)] * (factor <= shape.X)
                rows += [(bound, 1, factor)] * (1 < factor <= shape.Y)
        bound_of, x, y = np.array(rows, dtype=np.int64).T
        columns[d] = _Columns(bound_of, _fixed_tile_rows(arch, fixed, d, x * y), x, y)
    return columns


def _fixed_tile_rows(arch: ArchSpec, fixed: FixedTiles, d: str, spatial: Ints | list[int]) -> Ints:
    """The tile at each on-chip level, a row for each spatial factor."""
    return np.array([fixed.tiles_with(d, int(n)) for n in spatial], dtype=np.int64).reshape(len(spatial), -1)


# -- free and partitioned tiles ----------------------------------------------------------------------------------------


def _with_free_tiles(arch: ArchSpec, layer: Layer, flexclass: FlexClass, sampling: Sampling) -> Estimate:
    partitioned = flexclass.degree(Axis.TILING) is Degree.PART
    shapes_with: dict[tuple[Assignment | None, ...], list[Shape]] = {}
    for shape, chosen in _pairs_by_shape(arch, layer, flexclass).items():
        shapes_with.setdefault(tuple(chosen), []).append(shape)
    found = (
        _with_pairs(arch, layer, extents, chosen, sampling, partitioned) for chosen, extents in shapes_with.items()
    )
    return sum(found, start=Estimate.exactly(0))


def _with_pairs(
    arch: ArchSpec,
    layer: Layer,
    extents: list[Shape],
    chosen: Sequence[Assignment | None],
    sampling: Sampling,
    partitioned: bool,
) -> Estimate:
    """Mappings with free tiles on arrays of some shapes that may all have the same pairs on them."""

    def counts(drawn: Drawn) -> npt.NDArray[np.bool_]:
        legal = _fit(arch, layer, drawn, partitioned=partitioned)
        return legal if None in chosen else legal & _keeps_to_one_pair(drawn, [pair for pair in chosen if pair])

    columns = _free_columns(arch, layer, extents, chosen)
    return _counted(_drop_unfit(arch, layer, columns, partitioned=partitioned), extents, counts, sampling)


def _pairs_by_shape(arch: ArchSpec, layer: Layer, flexclass: FlexClass) -> dict[Shape, list[Assignment | None]]:
    """The pairs that a class may have on each array shape; None stands for any."""
    by_shape: dict[Shape, list[Assignment | None]] = {}
    for shape, pair in placements(flexclass, arch, layer):
        by_shape.setdefault(shape, []).append(pair)
    return by_shape


def _counted(
    columns: Drawn,
    extents: list[Shape],
    counts: Callable[[Drawn], npt.NDArray[np.bool_]],
    sampling: Sampling,
    most: int = ENUMERATED,
) -> Estimate:
    """How many combinations of what the dimensions can do count and fit an array of some shape, over all shapes.

    All are looked at where there are ``most`` at most, else as many as are sampled.
    """
    size = len(extents) * prod(len(c.x) for c in columns.values())
    if size == 0:
        return Estimate.exactly(0)
    few = size <= most
    if few:
        index = np.unravel_index(np.arange(size), (len(extents), *(len(c.x) for c in columns.values())))
    else:
        generator = np.random.default_rng(sampling.seed)
        drawn_rows = [generator.integers(len(c.x), size=sampling.samples) for c in columns.values()]
        index = (generator.integers(len(extents), size=sampling.samples), *drawn_rows)
    drawn = {d: c.take(rows) for (d, c), rows in zip(columns.items(), index[1:], strict=True)}
    legal = _product(c.x for c in drawn.values()) <= np.array([s.X for s in extents])[index[0]]
    legal &= _product(c.y for c in drawn.values()) <= np.array([s.Y for s in extents])[index[0]]
    legal &= counts(drawn)
    hits = int(legal.sum())
    return Estimate.exactly(hits) if few else proportion(hits, sampling.samples, sampling.confidence, of=float(size))


def _fit(arch: ArchSpec, layer: Layer, drawn: Drawn, *, partitioned: bool) -> npt.NDArray[np.bool_]:
    """Whether the tiles fit every on-chip level, and with a partition each tensor its share."""
    legal = np.ones(len(drawn["N"].x), dtype=np.bool_)
    for index in range(len(arch.loop_levels) - 1):
        tile = {d: c.tiles[:, index].astype(np.float64) for d, c in drawn.items()}
        legal &= fits(arch, layer, index, tile, partitioned=partitioned)
    return legal


def _product(factors: Iterator[Ints]) -> Floats:
    return np.asarray(prod(f.astype(np.float64) for f in factors))


def _free_columns(arch: ArchSpec, layer: Layer, extents: list[Shape], chosen: Sequence[Assignment | None]) -> Drawn:
    inner, bounds = inner_factors(arch, layer), padded_bounds(arch, layer)
    widest, highest = max(s.X for s in extents), max(s.Y for s in extents)
    columns = {}
    for d in DIMENSIONS:
        chains = chains_along(bounds[d], inner[d], len(arch.loop_levels) - 1)
        between = chains[:, arch.array_index] // chains[:, arch.array_index - 1]
        rows: list[tuple[int, int, int]] = []
        on_x = None in chosen or d in [pair[0] for pair in chosen if pair]
        on_y = None in chosen or d in [pair[1] for pair in chosen if pair]
        for row, ratio in enumerate(between):
            rows.append((row, 1, 1))
            for factor in divisors(int(ratio))[1:]:
                rows += [(row, factor, 1)] * (on_x and factor <= widest)
                rows += [(row, 1, factor)] * (on_y and factor <= highest)
        index, x, y = np.array(rows, dtype=np.int64).T
        columns[d] = _Columns(chains[index, -1], chains[index, :-1], x, y)
    return columns


def _drop_unfit(
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
