"""The search for the best rigid design: blocks of choices, each searched exhaustively in turn, from many starts.

The candidates are a stated, finite set: a tile in the PE, how often it goes into the tile of the shared buffer, a pair,
an array shape, and an order at each of the two outer levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from math import inf

import numpy as np

from flexloop.arch.fields import Pair
from flexloop.arch.spec import ArchSpec
from flexloop.classes import Degree
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Objective
from flexloop.errors import UnmappableError
from flexloop.studies.neardesigns import NearSearch, unique
from flexloop.studies.rigid import Designs, Floats, Hardware, Ints, mirrored_order, words
from flexloop.workloads.layers import DIMENSIONS, Layer, Network

ORDERS = ("PQNRSCMG", "QPNSRCMG", "RSCPQNMG", "SRCQPNMG", "MRSCPQNG", "MPRQSCNG", "MQSPRCNG", "PRQSNCMG")
"""Candidate permutations, leftmost innermost: each keeps one tensor in place longest, with and without halo reuse."""

INNER_STEPS = (1, 2, 3, 4, 5, 7, 8, 11, 12, 14, 16, 24, 32)
"""Candidate extents of the tile in a PE along one dimension; at most three dimensions are above 1."""

OUTER_STEPS = (1, 2, 3, 4, 7, 8, 14, 16, 32, 64, 128)
"""Candidate multiples of the unrolled tile in the shared buffer; at most four dimensions are above 1."""

UNROLLED = ("C", "M", "R", "S", "P", "Q")
"""Dimensions that a candidate may tile on chip and unroll; N and G are left to DRAM's loops."""

ROUNDING = 1e-12
"""Relative difference between sums of one set of numbers in different orders."""

Cost = tuple[float, float]
"""The objective and its tie-break, summed over a network."""


class RigidSearch:
    """Alternating exhaustive search over blocks of choices.

    Args:
        arch: the hardware; its own fixed values are the first start.
        energy: its energies.
        network: what the designs are costed on.
        others: networks whose layers must fit too.
        objective: what is minimised.
        bounds: for each layer of the network a cost that no design undercuts.
        pairs: pairs to choose from; None takes all of `UNROLLED`.
        seed: of the random starts.
        within: designs whose cost is at most so much above the best one's, relatively, are remembered; 0: none are.
    """

    def __init__(
        self,
        arch: ArchSpec,
        energy: EnergyTables,
        network: Network,
        others: Sequence[Network],
        objective: Objective,
        bounds: Sequence[float],
        pairs: Sequence[Pair] | None = None,
        seed: int = 0,
        within: float = 0.0,
    ) -> None:
        self._objective = objective
        self._near = NearSearch(within)
        orders = tuple(dict.fromkeys([*map(tuple, ORDERS), *(tuple(p) for p in arch.axes.ordering.fixed.values())]))
        self._orders = len(orders)
        known = tuple(dict.fromkeys([*orders, *map(mirrored_order, orders)]))  # the further ones for mirror images
        self.hardware = Hardware(arch, energy, tuple(arch.shapes(Degree.FULL)), known)
        bound_of = dict(zip((layer.name for layer in network.layers), bounds, strict=True))
        # What has most to compute tells designs apart best; what waits for DRAM costs all of them alike.
        self._layers = sorted(network.layers, key=lambda layer: -layer.macs * layer.count)
        self._bounds = [bound_of[layer.name] * layer.count for layer in self._layers]
        self._must_fit = list({layer.shape_key: layer for net in (network, *others) for layer in net.layers}.values())
        self._rng = np.random.default_rng(seed)
        self._inner = self._tuples(INNER_STEPS, arch.loop_levels[0].name, most=3)
        self._times = self._tuples(OUTER_STEPS, arch.array.below, most=4)
        self._placed = self._placements(pairs)
        self.evaluated = 0

    @property
    def candidates(self) -> float:
        """Size of the set of candidates, those that do not fit included."""
        return float(len(self._inner)) * len(self._times) * len(self._placed)

    def run(self, starts: int) -> tuple[Designs, Cost]:
        """The best design over all starts, and its cost.

        Raises:
            UnmappableError: if no candidate fits all layers.
        """
        best, least = None, (inf, inf)
        for start in self._starts(starts):
            found, cost = self._descend(start)
            if cost < least:
                best, least = found, cost
                self._near.drop_above(least[0])
        if best is None:
            raise UnmappableError("design: no candidate tile fits the buffers for every layer that must be mapped")
        return self._along_rows(best, least), least

    def _along_rows(self, design: Designs, cost: Cost) -> Designs:
        """Of a design and its mirror image, where they cost the same, the one that tiles P rather than Q.

        Networks of square images cannot tell height from width, but matrix products, whose rows lie along P, can.
        """
        other = self.mirror(design, cost)
        return other if other is not None and _rank_along_rows(other) > _rank_along_rows(design) else design

    def mirror(self, design: Designs, cost: Cost) -> Designs | None:
        """The mirror image of a design where it is another one, fits, and costs the same; else None."""
        mirrored = self.hardware.mirrored(design)
        if not len(mirrored) or mirrored == design or not self.hardware.fits(mirrored, self._must_fit)[0]:
            return None
        return mirrored if np.allclose(self.costs(mirrored)[0], cost, rtol=1e-9, atol=0) else None

    def near(self, cost: Cost) -> Designs:
        """The designs costed that are near the cost, and their mirror images where those are; each once, all fit."""
        found = self._near.found(cost[0], self.given())
        mirrored = self.hardware.mirrored(found)
        near = self.costs(mirrored)[:, 0] <= self._near.limit(cost[0])
        found = unique(found.joined(mirrored.take(near)))
        return found.take(self.hardware.fits(found, self._must_fit))

    def given(self) -> Designs:
        """The spec's own fixed values."""
        arch, axes = self.hardware.arch, self.hardware.arch.axes
        below, above = arch.loop_levels[0].name, arch.array.below
        inner = np.array([[arch.fixed_tile(below)[d] for d in DIMENSIONS]], np.int64)
        outer = np.array([[arch.fixed_tile(above)[d] for d in DIMENSIONS]], np.int64)
        fixed = axes.parallelization.fixed
        pair = np.array([[DIMENSIONS.index(fixed.X), DIMENSIONS.index(fixed.Y)]], np.int64)
        shape = np.array([self.hardware.shapes.index(axes.shape.fixed)], np.int64)
        order = [self.hardware.orders.index(tuple(axes.ordering.fixed[level.name])) for level in arch.ordered_levels]
        design = Designs(inner, np.ones_like(inner), pair, shape, np.array([order], np.int64))
        times = outer // (inner * self.hardware.unrolled(design))
        return Designs(inner, times, pair, shape, design.order)

    # -- the descent --------------------------------------------------------------------------------------------------

    def _starts(self, count: int) -> Iterator[Designs]:
        given = self.given()
        if (self._placed[:, :2] == given.pair[0]).all(axis=1).any():
            yield given
        ones = np.ones((1, len(DIMENSIONS)), np.int64)
        place = self._placed[:1]
        yield Designs(ones, ones, place[:, :2], place[:, 2], place[:, 3:])  # the smallest tiles fit if any do
        for _ in range(count):
            place = self._placed[self._rng.integers(len(self._placed), size=1)]
            inner = self._inner[self._rng.integers(len(self._inner), size=1)]
            yield Designs(inner, ones, place[:, :2], place[:, 2], place[:, 3:])

    def _descend(self, design: Designs) -> tuple[Designs, Cost]:
        """Choose the best of each block with the others held, until none improves; then see whether a step leads on."""
        design, cost = self._best(design, design, (inf, inf))
        while True:
            before = cost
            for block in (self.with_placements, self._with_inner, self.with_times):
                design, cost = self._best(block(design), design, cost)
            if cost >= before:
                for step in (self._with_steps, self._with_moves):
                    design, cost = self._best(step(design), design, cost)
            if cost >= before:
                return design, cost

    def _best(self, candidates: Designs, design: Designs, cost: Cost) -> tuple[Designs, Cost]:
        """The cheapest candidate that fits everywhere, or the given design where none is cheaper."""
        candidates = candidates.take(self.hardware.fits(candidates, []))
        costs = self.costs(candidates, self._near.limit(cost[0]))
        self._near.add(candidates, costs[:, 0], cost[0])
        order = np.lexsort((costs[:, 1], costs[:, 0]))
        order = order[: np.searchsorted(costs[order, 0], cost[0], side="right")]
        begin, batch = 0, 64
        while begin < len(order) and np.isfinite(costs[order[begin], 0]):
            some = order[begin : begin + batch]
            fitting = some[self.hardware.fits(candidates.take(some), self._must_fit)]
            if len(fitting):
                found = (float(costs[fitting[0], 0]), float(costs[fitting[0], 1]))
                return (candidates.take(fitting[:1]), found) if found < cost else (design, cost)
            begin, batch = begin + batch, 2 * batch
        return design, cost

    def costs(self, designs: Designs, limit: float = inf) -> Floats:
        """Cost of designs on the network, and its tie-break: float64[n, 2].

        Infinite for those that do not fit, and for those that the layers' bounds prove to lie above the limit.
        """
        self.evaluated += len(designs)
        total = np.zeros((len(designs), 2))
        left = np.arange(len(designs))
        to_come = sum(self._bounds)
        for layer, bound in zip(self._layers, self._bounds, strict=True):
            total[left] += layer.count * self._layer_costs(designs.take(left), layer)
            to_come -= bound
            kept = total[left, 0] + to_come * (1 - ROUNDING) <= limit * (1 + ROUNDING)
            total[left[~kept]] = inf
            left = left[kept & np.isfinite(total[left, 0])]
        return total

    def _layer_costs(self, designs: Designs, layer: Layer) -> Floats:
        cycles, energy = self.hardware.costs(designs, layer)
        if self._objective == "latency":
            return np.stack([cycles, energy], axis=1)
        if self._objective == "energy":
            return np.stack([energy, cycles], axis=1)
        return np.stack([cycles * energy, energy], axis=1)

    # -- the blocks ---------------------------------------------------------------------------------------------------

    def with_placements(self, design: Designs) -> Designs:
        """The design with every candidate pair, shape and orders in turn."""
        n = len(self._placed)
        inner, times = np.repeat(design.inner, n, 0), np.repeat(design.times, n, 0)
        return Designs(inner, times, self._placed[:, :2], self._placed[:, 2], self._placed[:, 3:])

    def _with_inner(self, design: Designs) -> Designs:
        n = len(self._inner)
        rest = (np.repeat(part, n, 0) for part in (design.times, design.pair, design.shape, design.order))
        return Designs(self._inner, *rest)

    def with_times(self, design: Designs) -> Designs:
        """The design with every candidate multiple in turn."""
        n = len(self._times)
        pair, shape, order = (np.repeat(part, n, 0) for part in (design.pair, design.shape, design.order))
        return Designs(np.repeat(design.inner, n, 0), self._times, pair, shape, order)

    def _with_steps(self, design: Designs) -> Designs:
        """One extent of the tile in the PE and one multiple changed at once, on every shape."""
        inner, times = _one_changed(design.inner[0], INNER_STEPS), _one_changed(design.times[0], OUTER_STEPS)
        shape = np.arange(len(self.hardware.shapes))
        a, b, c = (part.ravel() for part in np.meshgrid(range(len(inner)), range(len(times)), shape, indexing="ij"))
        return Designs(inner[a], times[b], np.repeat(design.pair, len(a), 0), c, np.repeat(design.order, len(a), 0))

    def _with_moves(self, design: Designs) -> Designs:
        """Another pair, on every shape, and with it one extent of the tile in the PE or one multiple."""
        inner, times = _one_changed(design.inner[0], INNER_STEPS), _one_changed(design.times[0], OUTER_STEPS)
        both_inner = np.concatenate([inner, np.repeat(design.inner, len(times), 0)])
        both_times = np.concatenate([np.repeat(design.times, len(inner), 0), times])
        places = np.unique(self._placed[:, :3], axis=0)
        a, b = (part.ravel() for part in np.meshgrid(range(len(both_inner)), range(len(places)), indexing="ij"))
        order = np.repeat(design.order, len(a), 0)
        return Designs(both_inner[a], both_times[a], places[b, :2], places[b, 2], order)

    # -- the candidates -----------------------------------------------------------------------------------------------

    def _tuples(self, steps: tuple[int, ...], level: str, most: int) -> Ints:
        """Extents that fit a level on their own, at most so many dimensions above 1, none above what any layer has."""
        limits = {d: max(layer.bounds[d] for layer in self._layers) for d in DIMENSIONS}
        capacity = self.hardware.arch.level(level).tile_limit
        kept = self.hardware.arch.level(level).keep
        unit = Layer(name="unit")
        grid: Ints = np.ones((1, 0), np.int64)
        for i, d in enumerate(DIMENSIONS):
            column = [n for n in steps if n <= limits[d]] if d in UNROLLED else [1]
            grid = np.concatenate([np.repeat(grid, len(column), 0), np.tile(column, len(grid))[:, None]], axis=1)
            whole = np.concatenate([grid, np.ones((len(grid), len(DIMENSIONS) - i - 1), np.int64)], axis=1)
            fits = sum(words(t, whole, unit) for t in kept) <= capacity
            grid = grid[fits & ((whole > 1).sum(axis=1) <= most)]
        return grid

    def _placements(self, pairs: Sequence[Pair] | None) -> Ints:
        """Pair, shape and orders: int64[n, 5]."""
        named = permutations(UNROLLED, 2) if pairs is None else ((pair.X, pair.Y) for pair in pairs)
        indices = [(DIMENSIONS.index(x), DIMENSIONS.index(y)) for x, y in named]
        count = range(self._orders)
        rows = [(*pair, s, a, b) for pair, s, a, b in product(indices, range(len(self.hardware.shapes)), count, count)]
        return np.array(rows, np.int64)


def _one_changed(extents: Ints, steps: tuple[int, ...]) -> Ints:
    """The extents, and all that differ from them in one dimension: int64[n, 8]."""
    rows = [extents]
    for d in UNROLLED:
        changed = np.repeat(extents[None], len(steps), 0)
        changed[:, DIMENSIONS.index(d)] = steps
        rows.extend(changed)
    return np.unique(np.array(rows, np.int64), axis=0)


def _rank_along_rows(design: Designs) -> tuple[int, ...]:
    """Larger for designs with more of P on chip, innermost first; the pair decides where the tiles do not."""
    p, q = DIMENSIONS.index("P"), DIMENSIONS.index("Q")
    tiles = (design.inner[0], design.times[0])
    more = [int(tile[p]) - int(tile[q]) for tile in tiles]
    on_array = int(p in design.pair[0]) - int(q in design.pair[0])
    return (more[0], on_array, more[1])
