"""Branch and bound along paths: partial mappings with the least cost of what is decided, in every profile.

Factors are decided slot by slot from the innermost outwards. A partial mapping carries the least cost of its slots for
each profile (`conditions`) that some order of its loops leads to; with what lies beyond in that profile at least, this
bounds it. What the orders cost in truth is left to the mappings whose factors are all decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

import numpy as np

from flexloop.embedded.mapper.factors import exponents
from flexloop.embedded.mapper.general.bounds import Relaxation
from flexloop.embedded.mapper.general.branch import Branch
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.measure import Line, Measure
from flexloop.embedded.mapper.general.roots import Root
from flexloop.embedded.mapper.paths.conditions import Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.kernels import forward
from flexloop.embedded.mapper.paths.shortest import Shortest
from flexloop.embedded.mapper.slots import Genomes, picked
from flexloop.integers import divisors

_CHUNK = 64
"""Partial mappings that are taken one slot further together."""
_BATCH = 2048
"""Mappings that are costed together, about."""


class Labels(Branch):
    """Branch and bound below one root whose shortest path is known.

    Args:
        search: holds the best mapping known, and the clock.
        root: where to begin.
        relaxation: bounds mappings whose factors are decided.
        paths: the shortest paths: first for energy, then for the cycles of bandwidths, alone or beside energy.
    """

    def __init__(self, search: Incumbent, root: Root, relaxation: Relaxation, paths: Sequence[Shortest]) -> None:
        super().__init__(search, root, relaxation)
        self._paths, self._programmes = paths, [path.programme for path in paths]
        self._programme, self._window = paths[0].programme, paths[0].programme.window
        self._cycles, self._measure = root.cycles, Measure(search, root.part.facts, root.bounds)
        self._costs: dict[tuple[int, int], list[Floats]] = {}
        self._tiles: dict[int, Ints] = {}
        self._orders: dict[bytes, tuple[Ints, Ints] | None] = {}
        self._leads = [self._loops_of(d) for d in range(len(root.bounds))]

    def run(self) -> None:
        """Search everything below the root."""
        start = np.ones((1, 1, len(self._bounds)), dtype=np.int64)
        reached = [programme.start[None] for programme in self._programmes]
        self._follow(start, reached, np.full(1, self._floor), np.zeros(1))

    def _loops_of(self, d: int) -> tuple[Ints, Ints]:
        """The factors that a dimension may have, and [factors, 3] what `forward` needs to know of the loops."""
        found = [(0, -1, -1)]
        grid = self._window.grid
        factors = divisors(grid.bounds[d])
        for factor in factors[1:]:
            powers = exponents(factor)
            way = sum(int(self._window.axes[grid.axis(d, p), 0]) * power for p, power in powers.items())
            axis = grid.axis(d, max(powers))
            found.append((way, axis, axis if max(powers) < factor else -1))
        return np.array(factors, dtype=np.int64), np.array(found, dtype=np.int64)

    def _follow(self, spans: Ints, reached: list[Floats], primary: Floats, tie: Floats) -> None:
        """Search below partial mappings [n, slots, dimensions]."""
        place = spans.shape[1] - 1
        if place == len(self._choices.slots):
            self.cost(spans, primary, tie)
            return
        if self._choices.slots[place].spatial:
            grown = spans[:, -1] * np.array(self._filling[place], dtype=np.int64)
            self._follow(np.concatenate([spans, grown[:, None]], axis=1), reached, primary, tie)
            return
        grown, outside = self._grown_from(place, spans, reached)
        bounds, ties = self._keys(place + 1, grown, outside)
        rows = np.flatnonzero(self._search.hopeful(bounds, ties))
        rows = rows[np.lexsort((ties[rows], bounds[rows]))]
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            some = some[self._search.hopeful(bounds[some], ties[some])]
            if not len(some):
                return
            if self._late(bounds[rows[start:]], ties[rows[start:]]):
                return
            self._follow(grown[some], [part[some] for part in outside], bounds[some], ties[some])

    def _grown_from(self, place: int, spans: Ints, reached: list[Floats]) -> tuple[Ints, list[Floats]]:
        """Partial mappings with the factors of one more slot, and the least costs of their profiles."""
        low, high = (limits[place] for limits in self._choices.limits)
        integers = self._tiles_outside(place)
        parents, tiles = [], []
        for i, tile in enumerate(spans[:, -1]):
            least = [
                programme.beyond[place + 1] + part[i].min()
                for programme, part in zip(self._programmes, reached, strict=True)
            ]
            some = np.flatnonzero(self._search.hopeful(*self._keyed(*least)))
            factors, rest = np.divmod(integers[some], tile)
            some = some[((rest == 0) & (factors >= low) & (factors <= high)).all(axis=1)]
            parents.append(np.full(len(some), i))
            tiles.append(some)
        parent, reaching = np.concatenate(parents), np.concatenate(tiles)
        grown = np.concatenate([spans[parent], integers[reaching][:, None]], axis=1)
        if self._choices.few_loops is not None:
            rows = self._choices.few_loops.may_hold(grown, self._bounds)
            parent, grown = parent[rows], grown[rows]
        factors = grown[:, -1] // spans[parent, -1]
        return grown, [
            self._forward(place, spans[parent, -1], factors, part[parent], which) for which, part in enumerate(reached)
        ]

    def _tiles_outside(self, place: int) -> Ints:
        """[tiles, dimensions] the extents of the tiles outside of a slot."""
        if place not in self._tiles:
            self._tiles[place] = self._window.grid.tiles[self._programme.places(place + 1)].astype(np.int64)
        return self._tiles[place]

    def _forward(self, place: int, tiles: Ints, factors: Ints, reached: Floats, which: int = 0) -> Floats:
        """[n, rows] the least costs, to one programme, of profiles outside of a slot whose loops have the factors."""
        steps = self._programme.steps
        stages = steps.stages[place]
        if (place, which) not in self._costs:
            self._costs[place, which] = [self._programmes[which].costs(stage) for stage in stages]
        index = self._programme.index(place, tiles)
        for number in range(len(stages) - 1, -1, -1):
            stage = stages[number]
            rows = len(steps.keeps[place].rows) if number == 0 else len(stages[number - 1].rows)
            loops = self._loops(stage, factors)
            outside = np.full((len(index), rows), inf)
            best = np.empty((1 << loops.shape[1], len(stage.rows)))
            forward(reached, index, loops, stage.table, stage.moves, self._costs[place, which][number], best, outside)
            index, reached = index + loops[:, :, 0].sum(axis=1), outside
        keeps = steps.keeps[place]
        outside = np.full((len(index), len(steps.rows[place + 1])), inf)
        for row, after in enumerate(keeps.after):
            outside[:, after] = np.minimum(outside[:, after], reached[:, row])
        return outside

    def _loops(self, stage: Stage, factors: Ints) -> Ints:
        loops = np.empty((len(factors), len(stage.dims), 3), dtype=np.int64)
        for place, d in enumerate(stage.dims):
            known, leads = self._leads[d]
            loops[:, place] = leads[np.searchsorted(known, factors[:, d])]
        return loops

    def cost(self, tiles: Ints, primary: Floats, tie: Floats) -> None:
        """Cost every kind of order of mappings whose factors are decided; those that have the same loops together."""
        factors = tiles[:, 1:] // tiles[:, :-1]
        loops = (factors > 1) @ (1 << np.arange(factors.shape[2]))
        _, pattern = np.unique(loops, axis=0, return_inverse=True)
        for number in range(int(pattern.max(initial=-1)) + 1):
            rows = np.flatnonzero(pattern.ravel() == number)
            rows = rows[self._search.hopeful(primary[rows], tie[rows])]
            if not len(rows):
                continue
            orders = self._orders_of(loops[rows[0]].tobytes(), factors[rows[0]])
            if orders is None:
                super().cost(tiles[rows], primary[rows], tie[rows])
                continue
            for some in np.split(rows, range(_BATCH // len(orders[1]) + 1, len(rows), _BATCH // len(orders[1]) + 1)):
                if self._late(primary[some], tie[some]):
                    continue
                least = int(np.lexsort((tie[some], primary[some]))[0])
                floor = float(primary[some][least]), float(tie[some][least])
                self._search.cost(self._part, self._every(factors[some], *orders), floor)

    def _every(self, factors: Ints, orders: Ints, splits: Ints) -> Genomes:
        """All of some orders of mappings."""
        n, k = len(factors), len(splits)
        keep = np.broadcast_to(self._keep, (n * k, *self._keep.shape))
        return Genomes(np.repeat(factors, k, axis=0), np.tile(orders, (n, 1, 1)), np.tile(splits, (n, 1)), keep)

    def _orders_of(self, loops: bytes, factors: Ints) -> tuple[Ints, Ints] | None:
        """Orders and splits [orders, slots, ...] of loops, of each kind one; None where they are many."""
        if loops not in self._orders:
            linked = self._linked(factors)
            options = [self._arrangements(s, row, linked) for s, row in enumerate(factors)]
            sizes = [len(option.splits) for option in options]
            found = None
            if prod(sizes) <= _BATCH and all(option.complete for option in options):
                index = np.unravel_index(np.arange(prod(sizes)), sizes)
                found = picked([(option.orders, option.splits) for option in options], index)
            self._orders[loops] = found
        return self._orders[loops]

    def _keys(self, place: int, spans: Ints, reached: list[Floats]) -> tuple[Floats, Floats]:
        """Objectives and tie-breaks of partial mappings, at least."""
        index = self._programme.index(place, spans[:, -1])
        every = zip(self._programmes, reached, strict=True)
        return self._keyed(
            *((part + programme.values[place][:, index].T).min(axis=1, initial=inf) for programme, part in every)
        )

    def _keyed(self, energy: Floats, *others: Floats) -> tuple[Floats, Floats]:
        """The same given the least values along the paths."""
        cycles, lines = np.full(len(energy), self._cycles), []
        for path, least in zip(self._paths[1:], others, strict=True):
            if path.weight:
                lines.append(Line(path.weight, least))
            else:
                cycles = self._measure.cycles(cycles, least)
        primary, tie = self._measure.keys(energy, cycles, lines)
        return np.maximum(primary, self._floor), tie
