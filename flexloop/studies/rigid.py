"""Rigid designs by the thousand: the one mapping that each has for a layer, and what it costs.

A rigid design is a fixed tile per unit, order, pair and array shape. `flexloop.arch.tiles` says what each makes of one
layer; here the same rule is applied to arrays of designs at once, and a test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from flexloop.arch.depthwise import follows_depthwise_rule
from flexloop.arch.fields import Shape
from flexloop.arch.spec import ArchSpec
from flexloop.cores import available_cores
from flexloop.embedded.batch import Batch
from flexloop.embedded.mapper.imperfect import residuals
from flexloop.embedded.model import evaluate_batch
from flexloop.embedded.spec import Spec, read_spec
from flexloop.energy.source import EnergyTables
from flexloop.integers import balanced, ceil_div
from flexloop.rendering.render import shared_renderer
from flexloop.timeloop import yamlio
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, Layer, tile_size

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_CHUNK = 16_384
_INDEX = {d: i for i, d in enumerate(DIMENSIONS)}


@dataclass(frozen=True, eq=False)
class Designs:
    """n rigid designs of one hardware.

    Attributes:
        inner: int64[n, 8] tile of the level below the array.
        times: int64[n, 8] how often that tile, unrolled, goes into the tile of the level above the array.
        pair: int64[n, 2] dimension on X, dimension on Y.
        shape: int64[n] index into the array shapes.
        order: int64[n, 2] index into the orders of the level above the array, and of the outermost level.
    """

    inner: Ints
    times: Ints
    pair: Ints
    shape: Ints
    order: Ints

    def __len__(self) -> int:
        return len(self.shape)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Designs) and np.array_equal(self.rows, other.rows)

    @property
    def rows(self) -> Ints:
        """All that tells a design from another: int64[n, 21]."""
        return np.concatenate([self.inner, self.times, self.pair, self.shape[:, None], self.order], axis=1)

    def take(self, chosen: Ints | Bools) -> Designs:
        """Some of the designs."""
        return Designs(*(part[chosen] for part in (self.inner, self.times, self.pair, self.shape, self.order)))

    def joined(self, *others: Designs) -> Designs:
        """These designs and others after them."""
        return of_rows(np.concatenate([self.rows, *(other.rows for other in others)]))


def of_rows(rows: Ints) -> Designs:
    """Designs of their `Designs.rows`."""
    return Designs(rows[:, :8], rows[:, 8:16], rows[:, 16:18], rows[:, 18], rows[:, 19:])


def mirrored_order(order: tuple[str, ...]) -> tuple[str, ...]:
    """A permutation with P and Q, and R and S, exchanged."""
    return tuple("".join(order).translate(str.maketrans("PQRS", "QPSR")))


@dataclass(frozen=True)
class Tiles:
    """What designs make of one layer: int64[n, 8] each.

    Attributes:
        inner: tile of the level below the array.
        spatial: spatial factor along each dimension, the PEs used.
        outer: tile of the level above the array.
        bounds: padded bounds; where tiles leave a remainder, the layer's own, which they need not divide.
    """

    inner: Ints
    spatial: Ints
    outer: Ints
    bounds: Ints


@dataclass(frozen=True)
class Hardware:
    """The hardware that designs share: three levels with loops, and what may be chosen of shapes and orders.

    Attributes:
        arch: an arch spec whose fixed values are ignored.
        energy: its energies.
        shapes: the array shapes to choose from.
        orders: the permutations to choose from, leftmost innermost.
    """

    arch: ArchSpec
    energy: EnergyTables
    shapes: tuple[Shape, ...]
    orders: tuple[tuple[str, ...], ...]
    _specs: dict[tuple[tuple[int, ...], int], Spec] = field(default_factory=dict, repr=False, compare=False)

    def unrolled(self, designs: Designs) -> Ints:
        """Extent of the array along each dimension: int64[n, 8], 1 where a dimension lies on neither mesh axis."""
        extents = np.array([[s.X, s.Y] for s in self.shapes], np.int64)[designs.shape]
        along = np.ones((len(designs), len(DIMENSIONS)), np.int64)
        rows = np.arange(len(designs))
        along[rows, designs.pair[:, 0]] = extents[:, 0]
        along[rows, designs.pair[:, 1]] = extents[:, 1]
        return along

    def mirrored(self, designs: Designs) -> Designs:
        """The designs with P and Q, and R and S, exchanged; without those whose orders then are no candidates."""
        swap = np.array([_INDEX[d] for d in "NGCMSRQP"], np.int64)
        orders = [mirrored_order(order) for order in self.orders]
        place = np.array([self.orders.index(o) if o in self.orders else -1 for o in orders], np.int64)
        order = place[designs.order]
        inner, times, pair = designs.inner[:, swap], designs.times[:, swap], swap[designs.pair]
        return Designs(inner, times, pair, designs.shape, order).take(np.flatnonzero((order >= 0).all(axis=1)))

    def outer_tile(self, designs: Designs) -> Ints:
        """Tile of the level above the array: int64[n, 8]."""
        return designs.inner * self.unrolled(designs) * designs.times

    def tiles(self, designs: Designs, layer: Layer) -> Tiles:
        """Tiles and padded bounds on a layer, by the rule of `flexloop.arch.tiles.fixed_tiles` for tiles per unit."""
        inner, along, times = designs.inner, self.unrolled(designs), designs.times
        if follows_depthwise_rule(self.arch, layer):
            inner, along, times = (_as_groups(part) for part in (inner, along, times))
        bound = np.array([layer.bounds[d] for d in DIMENSIONS], np.int64)
        spatial = along
        if self.arch.edge != "pad":
            inner = np.minimum(inner, bound)
            times = np.minimum(times, ceil_div(ceil_div(bound, inner), along))
            spatial = balanced(ceil_div(bound, inner * times), along)
        if self.arch.edge == "remainder":
            times = np.minimum(times, ceil_div(ceil_div(bound, inner), spatial))
            outer = inner * spatial * times
            return Tiles(inner, spatial, outer, np.broadcast_to(bound, outer.shape))
        outer = inner * spatial * times
        return Tiles(inner, spatial, outer, outer * ceil_div(bound, outer))

    def fits(self, designs: Designs, layers: Sequence[Layer]) -> Bools:
        """Which designs' tiles fit every on-chip level: as they are, and as they fall on every layer."""
        if all(level.capacity is None for group in self.arch.buffer_groups for level in group):
            return np.ones(len(designs), np.bool_)
        left = np.arange(len(designs))
        for layer in (None, *layers):
            rest = designs.take(left)
            if layer is None:
                good = self._fit((rest.inner, self.outer_tile(rest)), Layer(name="unit"))
            else:
                tiles = self.tiles(rest, layer)
                good = self._fit((tiles.inner, tiles.outer), layer)
            left = left[good]
        fitting = np.zeros(len(designs), np.bool_)
        fitting[left] = True
        return fitting

    def _fit(self, tiles: tuple[Ints, Ints], layer: Layer) -> Bools:
        good = np.ones(len(tiles[0]), np.bool_)
        for group, tile in zip(self.arch.buffer_groups, tiles, strict=True):
            for level in group:
                good &= sum(words(t, tile, layer) for t in level.keep) <= level.tile_limit
        return good

    def costs(self, designs: Designs, layer: Layer) -> tuple[Floats, Floats]:
        """Cycles and energy (pJ) of every design on a layer, infinite where it does not fit."""
        cycles, energy = np.full((2, len(designs)), np.inf)
        chunks: list[tuple[int, Ints]] = []
        for index in np.unique(designs.shape):
            of_shape = np.flatnonzero(designs.shape == index)
            chunks += [(int(index), chosen) for chosen in np.array_split(of_shape, ceil_div(len(of_shape), _CHUNK))]

        def cost(chunk: tuple[int, Ints]) -> None:
            index, chosen = chunk
            found = evaluate_batch(self._spec(layer, index), self._batch(designs.take(chosen), layer, index))
            cycles[chosen] = np.where(found.valid, found.cycles, np.inf)
            energy[chosen] = np.where(found.valid, found.energy_pj, np.inf)

        with ThreadPoolExecutor(available_cores()) as pool:  # kernels let other threads run
            list(pool.map(cost, chunks))
        return cycles, energy

    def _spec(self, layer: Layer, shape: int) -> Spec:
        key = (layer.shape_key, shape)
        if key not in self._specs:
            renderer = shared_renderer()
            architecture = yamlio.load(
                renderer.architecture(self.arch, self.arch.at(self.shapes[shape]), partitioned=False)
            )
            problem = yamlio.load(renderer.canonical_problem(layer, layer.bounds))
            self._specs[key] = read_spec(architecture["architecture"], problem["problem"], dict(self.energy.ert))
        return self._specs[key]

    def _batch(self, designs: Designs, layer: Layer, shape: int) -> Batch:
        tiles = self.tiles(designs, layer)
        n, levels, dims = len(designs), len(self.arch.levels), len(DIMENSIONS)
        names = [level.name for level in self.arch.inner_to_outer]
        loops = [names.index(level.name) for level in self.arch.loop_levels]
        temporal, spatial = np.ones((2, n, levels, dims), np.int64)
        temporal_order = np.tile(np.arange(dims), (n, levels, 1))
        spatial_order = temporal_order.copy()
        split = np.zeros((n, levels), np.int64)
        ratio = tiles.outer // tiles.inner
        pair = self._seen(designs.pair, layer)
        spatial[:, loops[1]] = tiles.spatial
        temporal[:, loops[0]] = tiles.inner
        temporal[:, loops[1]] = ratio // spatial[:, loops[1]]
        temporal[:, loops[2]] = ceil_div(tiles.bounds, tiles.outer)
        orders = np.array([[_INDEX[d] for d in order] for order in self.orders], np.int64)
        temporal_order[:, loops[1]], temporal_order[:, loops[2]] = (
            orders[designs.order[:, 0]],
            orders[designs.order[:, 1]],
        )
        spatial_order[:, loops[1]] = _pair_first(pair)
        split[:, loops[1]] = 1
        keep = np.array([[t in level.keep for t in RELEVANT] for level in self.arch.inner_to_outer], np.bool_)
        kept = np.tile(keep, (n, 1, 1))
        if self.arch.edge != "remainder":
            return Batch(temporal, temporal_order, spatial, spatial_order, split, kept)
        rests = _rests(temporal, spatial, loops, layer)
        return Batch(temporal, temporal_order, spatial, spatial_order, split, kept, *rests)

    def _seen(self, pair: Ints, layer: Layer) -> Ints:
        """The pair's dimensions as the layer has them: G in M's place under the depthwise rule."""
        seen = list(range(len(DIMENSIONS)))
        if follows_depthwise_rule(self.arch, layer):
            seen[_INDEX["M"]], seen[_INDEX["G"]] = _INDEX["G"], _INDEX["M"]
        return np.array(seen, np.int64)[pair]


def _rests(temporal: Ints, spatial: Ints, loops: Sequence[int], layer: Layer) -> tuple[Ints, Ints]:
    """Iterations of temporal and of spatial loops in their last pass: int64[n, levels, 8] each."""
    in_pe, array, outermost = loops
    temporal_rests, spatial_rests = temporal.copy(), spatial.copy()
    for i, d in enumerate(DIMENSIONS):
        nest = (temporal[:, in_pe, i], spatial[:, array, i], temporal[:, array, i], temporal[:, outermost, i])
        rests = residuals(np.stack(nest, axis=1), layer.bounds[d])
        temporal_rests[:, loops, i] = rests[:, (0, 2, 3)]
        spatial_rests[:, array, i] = rests[:, 1]
    return temporal_rests, spatial_rests


def _as_groups(values: Ints) -> Ints:
    """The values of output channels given to groups: int64[n, 8]."""
    moved = values.copy()
    moved[:, _INDEX["G"]], moved[:, _INDEX["M"]] = values[:, _INDEX["M"]], 1
    return moved


def words(tensor: str, tile: Ints, layer: Layer) -> Ints:
    """Words of the bounding box of each of n tiles [n, 8] of a data space: int64[n]."""
    return tile_size(tensor, dict(zip(DIMENSIONS, tile.T, strict=True)), layer.coefficients)


def _pair_first(pair: Ints) -> Ints:
    """Orders of all dimensions with each row's pair first: int64[n, 8]."""
    rank = np.tile(np.arange(2, 2 + len(DIMENSIONS)), (len(pair), 1))
    rows = np.arange(len(pair))
    rank[rows, pair[:, 0]], rank[rows, pair[:, 1]] = 0, 1
    return np.argsort(rank, axis=1)
