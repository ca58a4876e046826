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

from flexloop.arch.padding import padded_bounds
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import fixed_tiles, inner_factors
from flexloop.capacity import fixed_overflows, fixed_tile_exceeds_only_the_partition
from flexloop.classes import Degree
from flexloop.errors import SpecError
from flexloop.flexibility.intervals import Estimate, proportion
from flexloop.integers import divisors
from flexloop.validation import make_fields_fit
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, Layer

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

    def __post_init__(self) -> None:
        """Check the values (SpecError)."""
        make_fields_fit(self, "sampling:")
        if self.samples < 1 or not 0 < self.confidence < 1:
            raise SpecError(
                f"sampling: samples is {self.samples}, confidence {self.confidence:g}; give at least 1 sample and a "
                "confidence between 0 and 1"
            )


@dataclass(frozen=True)
class TilingCounts:
    """Numbers of tile tuples that fit: in the buffers as they are, and with the partition."""

    free: int
    partitioned: int


def count_tilings(arch: ArchSpec, layer: Layer, sampling: Sampling | None = None) -> dict[Degree, Estimate]:
    """Number of tile tuples that each degree of tiling allows for a layer.

    They are exact where the lattice has at most LATTICE_LIMIT tiles, else Monte Carlo estimates from the same samples.
    """
    counts = exact_tilings(arch, layer)
    if counts:
        free, partitioned = Estimate.exactly(counts.free), Estimate.exactly(counts.partitioned)
    else:
        free, partitioned = (
            sampled_tilings(arch, layer, sampling or Sampling(), partitioned=partitioned)
            for partitioned in (False, True)
        )
    fits = not fixed_overflows(arch, layer)
    if fits and _leaves_remainders(arch, layer):
        free, partitioned = free + Estimate.exactly(1), partitioned + Estimate.exactly(1)
    elif fixed_tile_exceeds_only_the_partition(arch, layer):
        partitioned += Estimate.exactly(1)
    fixed = Estimate.exactly(int(fits))
    return {Degree.FIXED: fixed, Degree.PART: partitioned, Degree.FULL: free}


def _leaves_remainders(arch: ArchSpec, layer: Layer) -> bool:
    """Whether the fixed tiles are none of the free ones, which divide a bound."""
    fixed = fixed_tiles(arch, layer)
    return any(bound % fixed.tiles[-1][d] for d, bound in fixed.bounds.items())


def exact_tilings(arch: ArchSpec, layer: Layer, *, limit: int = LATTICE_LIMIT) -> TilingCounts | None:
    """Tile tuples that fit, counted exactly; None where the lattice of tiles exceeds the limit."""
    inner, bounds = inner_factors(arch, layer), padded_bounds(arch, layer)
    levels = len(arch.loop_levels) - 1
    tiles = [_tiles_that_may_fit(arch, layer, index, bounds, inner) for index in range(levels)]
    chains = [len(chains_along(bounds[d], inner[d], levels)) for d in DIMENSIONS]
    lattices = [prod(len(v) for v in level.values()) for level in tiles]
    if min(lattices) == 0:
        return TilingCounts(0, 0)
    if max(lattices) > limit or prod(chains) >= _EXACT_IN_FLOAT:
        return None
    ways = np.ones((1, *(len(v) for v in tiles[0].values())))  # the first axis: free, and partitioned once that differs
    for index in range(levels):
        if index:
            ways = _sum_over_divisors(ways, [_divides(tiles[index - 1][d], tiles[index][d]) for d in DIMENSIONS])
        grid = dict(zip(DIMENSIONS, np.ix_(*(v.astype(np.float64) for v in tiles[index].values())), strict=True))
        if index == arch.array_index:
            both = [fits(arch, layer, index, grid, partitioned=partitioned) for partitioned in (False, True)]
            ways = ways * np.stack(both)
        else:
            ways = ways * fits(arch, layer, index, grid, partitioned=False)
    for d in reversed(DIMENSIONS):
        ways = ways @ sum((bound % tiles[-1][d] == 0).astype(np.float64) for bound in bounds[d])
    free, partitioned = ways.tolist()
    return TilingCounts(int(free), int(partitioned))


def _tiles_that_may_fit(
    arch: ArchSpec, layer: Layer, index: int, bounds: dict[str, tuple[int, ...]], inner: dict[str, int]
) -> dict[str, Ints]:
    """Extents along each dimension, without those too large for a level even where all others are least."""
    values = {d: tile_values(bounds[d], inner[d]) for d in DIMENSIONS}
    least = {d: v[:1].astype(np.float64) for d, v in values.items()}
    return {
        d: v[fits(arch, layer, index, least | {d: v.astype(np.float64)}, partitioned=False)] for d, v in values.items()
    }


def _divides(inside: Ints, outside: Ints) -> Floats:
    """A matrix with a row for each outer tile and a 1 for each inner tile that divides it."""
    return np.asarray(outside[:, None] % inside[None, :] == 0, dtype=np.float64)


def _sum_over_divisors(ways: Floats, matrices: list[Floats]) -> Floats:
    """For every outer tile the sum of ``ways`` over the inner tiles that divide it, one dimension after the other."""
    for axis, matrix in sorted(enumerate(matrices, start=1), key=lambda item: len(item[1]) / item[1].shape[1]):
        shape = ways.shape
        columns = ways.reshape(prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))
        ways = np.asarray(matrix @ columns, dtype=np.float64).reshape(*shape[:axis], len(matrix), *shape[axis + 1 :])
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
        words = {t: tensor_words(t, tile, layer) for t in level.keep}
        legal &= np.asarray(sum(words.values())) <= level.tile_limit
        for tensor, limit in limits.items():
            if tensor in words:
                legal &= words[tensor] <= limit
    return legal


def tensor_words(tensor: str, tile: dict[str, Floats], layer: Layer) -> Floats:
    """Words of a tensor's tile (see `flexloop.workloads.layers.tile_size`), for arrays of tiles.

    In double precision: exact up to 2**53, and far above every capacity beyond.
    """
    if tensor != "Inputs":
        return np.asarray(prod(tile[d] for d in DIMENSIONS if d in RELEVANT[tensor]))
    width = 1 + layer.Wdilation * (tile["R"] - 1) + layer.Wstride * (tile["P"] - 1)
    height = 1 + layer.Hdilation * (tile["S"] - 1) + layer.Hstride * (tile["Q"] - 1)
    return np.asarray(tile["N"] * tile["G"] * tile["C"] * width * height)
