"""Tile tuples of a layer: all chains of tiles that fit every on-chip level, counted exactly or by sampling.

A tile tuple is, for each dimension, a chain ``inner | tile | tile | ... | bound``: the pinned factor of the inner
fanout, the tile at each on-chip level with loops (innermost first), and one of the padded bounds of the mapspace.

Counting is dynamic programming over the lattice of tiles. Let f(t) be the number of ways to complete a tile tuple
inwards from the tile t at some level. At the innermost level f is 1 where t fits, else 0. At the next level out, f(t)
is 0 where t does not fit, else the sum of the inner f over all tiles that divide t, taken dimension by dimension. The
count is the sum of the outermost f, each tile weighted by the padded bounds that it divides.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.archspec import ArchSpec
from flexloop.capacity import fixed_overflows, fixed_tile_exceeds_only_the_partition
from flexloop.classes import Degree
from flexloop.flexion.intervals import Estimate, proportion
from flexloop.tiles import inner_factors, padded_bounds
from flexloop.workload import DIMENSIONS, RELEVANT, Layer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LATTICE_LIMIT = 2**23
"""Tiles in the lattice above which tile tuples are sampled instead of counted (64 MB a level)."""

_EXACT_IN_FLOAT = 2**53


@dataclass(frozen=True)
class Sampling:
    """How estimates are made: number of samples, seed, and the confidence level of intervals."""

    samples: int = 20_000
    seed: int = 0
    confidence: float = 0.95


def count_tilings(arch: ArchSpec, layer: Layer, degree: Degree, sampling: Sampling | None = None) -> Estimate:
    """Number of tile tuples that a degree of tiling allows for a layer.

    It is exact where the lattice has at most LATTICE_LIMIT tiles, else a Monte Carlo estimate.
    """
    if degree is Degree.FIXED:
        return Estimate.exactly(0 if fixed_overflows(arch, layer) else 1)
    partitioned = degree is Degree.PART
    count = exact_tilings(arch, layer, partitioned=partitioned)
    found = (
        sampled_tilings(arch, layer, sampling or Sampling(), partitioned=partitioned)
        if count is None
        else Estimate.exactly(count)
    )
    if partitioned and fixed_tile_exceeds_only_the_partition(arch, layer):
        found += Estimate.exactly(1)
    return found


def exact_tilings(arch: ArchSpec, layer: Layer, *, partitioned: bool, limit: int = LATTICE_LIMIT) -> int | None:
    """Tile tuples that fit, counted exactly; None where the lattice of tiles exceeds the limit."""
    inner, bounds = inner_factors(arch, layer), padded_bounds(arch, layer)
    tiles = {d: tile_values(bounds[d], inner[d]) for d in DIMENSIONS}
    chains = [len(chains_along(bounds[d], inner[d], len(arch.loop_levels) - 1)) for d in DIMENSIONS]
    if prod(len(values) for values in tiles.values()) > limit or prod(chains) >= _EXACT_IN_FLOAT:
        return None
    grid = dict(zip(DIMENSIONS, np.ix_(*(tiles[d].astype(np.float64) for d in DIMENSIONS)), strict=True))
    divides = [(tiles[d][:, None] % tiles[d][None, :] == 0).astype(np.float64) for d in DIMENSIONS]
    ways = np.ones(tuple(len(tiles[d]) for d in DIMENSIONS))
    for index in range(len(arch.loop_levels) - 1):
        if index:
            ways = _sum_over_divisors(ways, divides)
        ways *= fits(arch, layer, index, grid, partitioned=partitioned)
    for d in reversed(DIMENSIONS):
        weights = sum((bound % tiles[d] == 0).astype(np.float64) for bound in bounds[d])
        ways = ways @ weights
    return int(ways)


def _sum_over_divisors(ways: Floats, divides: list[Floats]) -> Floats:
    """For every tile the sum of ``ways`` over the tiles that divide it."""
    for axis, matrix in enumerate(divides):
        if len(matrix) > 1:
            ways = np.moveaxis(np.tensordot(matrix, ways, axes=(1, axis)), 0, axis)
    return ways


def sampled_tilings(arch: ArchSpec, layer: Layer, sampling: Sampling, *, partitioned: bool) -> Estimate:
    """Tile tuples that fit, estimated from tile tuples drawn uniformly without regard to capacity."""
    inner, bounds = inner_factors(arch, layer), padded_bounds(arch, layer)
    levels = len(arch.loop_levels) - 1
    chains = {d: chains_along(bounds[d], inner[d], levels) for d in DIMENSIONS}
    generator = np.random.default_rng(sampling.seed)
    drawn = {d: chains[d][generator.integers(len(chains[d]), size=sampling.samples)] for d in DIMENSIONS}
    legal = np.ones(sampling.samples, dtype=np.bool_)
    for index in range(levels):
        tile = {d: drawn[d][:, index].astype(np.float64) for d in DIMENSIONS}
        legal &= fits(arch, layer, index, tile, partitioned=partitioned)
    total = float(prod(len(c) for c in chains.values()))
    return proportion(int(legal.sum()), sampling.samples, sampling.confidence, of=total)


def tile_values(bounds: tuple[int, ...], inner: int) -> Ints:
    """The extents that a tile may have along a dimension: multiples of ``inner`` that divide some padded bound."""
    return np.array(sorted({inner * k for bound in bounds for k in divisors(bound // inner)}), dtype=np.int64)


def chains_along(bounds: tuple[int, ...], inner: int, levels: int) -> Ints:
    """All chains along one dimension, one a row: the tile at each level, innermost first, then the bound."""
    chains: list[tuple[int, ...]] = [(bound,) for bound in bounds]
    for _ in range(levels):
        chains = [(inner * k, *chain) for chain in chains for k in divisors(chain[0] // inner)]
    return np.array(chains, dtype=np.int64)


def divisors(n: int) -> list[int]:
    """The divisors of a positive number, ascending."""
    small = [k for k in range(1, int(n**0.5) + 1) if n % k == 0]
    return small + [n // k for k in reversed(small) if k * k != n]


def fits(
    arch: ArchSpec, layer: Layer, index: int, tile: dict[str, Floats], *, partitioned: bool
) -> npt.NDArray[np.bool_]:
    """Which tiles fit the buffers that share the tile of one level with loops.

    Args:
        arch: the arch spec.
        layer: gives strides and dilations.
        index: the level with loops, innermost first.
        tile: extents along each dimension, as arrays that broadcast against each other.
        partitioned: whether each tensor is held to its share of the buffer above the array.
    """
    limits = arch.partition() if partitioned and index == arch.array_index else {}
    legal = np.ones(np.broadcast_shapes(*(extent.shape for extent in tile.values())), dtype=np.bool_)
    for level in arch.buffer_groups[index]:
        words = {t: _words(t, tile, layer) for t in level.keep}
        assert level.capacity is not None
        legal &= np.asarray(sum(words.values())) <= level.capacity
        for tensor, limit in limits.items():
            if tensor in words:
                legal &= words[tensor] <= limit
    return legal


def _words(tensor: str, tile: dict[str, Floats], layer: Layer) -> Floats:
    """Words of a tensor's tile (see `flexloop.workload.tile_size`), for arrays of tiles.

    In double precision: exact up to 2**53, and far above every capacity beyond.
    """
    if tensor != "Inputs":
        return np.asarray(prod(tile[d] for d in DIMENSIONS if d in RELEVANT[tensor]))
    width = 1 + layer.Wdilation * (tile["R"] - 1) + layer.Wstride * (tile["P"] - 1)
    height = 1 + layer.Hdilation * (tile["S"] - 1) + layer.Hstride * (tile["Q"] - 1)
    return np.asarray(tile["N"] * tile["G"] * tile["C"] * width * height)
