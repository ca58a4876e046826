"""Paths through given loops: what partial mappings cost at least, given the programme of what lies beyond."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from flexloop.embedded.mapper.factors import exponents
from flexloop.embedded.mapper.paths.conditions import Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.kernels import forward
from flexloop.embedded.mapper.paths.programme import Programme
from flexloop.integers import divisors


class Follow:
    """Follows the paths of a programme whose values are kept.

    Args:
        programme: the programme.
    """

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._costs: dict[int, list[Floats]] = {}
        self._fits: dict[int, Floats] = {}
        self._leads = [self._loops_of(d) for d in range(len(programme.window.grid.bounds))]

    @property
    def start(self) -> Floats:
        """[1, rows] what the MACs cost, in each profile that a path may begin with."""
        return self._programme.start[None]

    def beyond(self, place: int, tiles: Ints, reached: Floats) -> Floats:
        """[n]: the least cost of paths through tiles [n, dimensions] inside of a slot, reached at costs [n, rows]."""
        values = self._programme.values[place][:, self._programme.index(place, tiles)].T
        return np.asarray((reached + values).min(axis=1, initial=inf))

    def least_beyond(self, place: int, reached: Floats) -> Floats:
        """[tiles]: the same for all tiles outside of a slot, were there nothing in it; costs [rows] are inside."""
        return self._programme.beyond[place + 1] + float(reached.min(initial=inf))

    def through(self, place: int, tiles: Ints, factors: Ints, reached: Floats, orders: Ints | None = None) -> Floats:
        """[n, rows] the least costs of profiles outside of a slot of temporal loops.

        Args:
            place: the slot.
            tiles: [n, dimensions] the tiles inside.
            factors: [n, dimensions] of the loops.
            reached: [n, rows] the costs inside.
            orders: [n, dimensions] of the loops, the innermost first; None: the best.
        """
        steps = self._programme.steps
        stages = steps.stages[place]
        if place not in self._costs:
            self._costs[place] = [self._programme.costs(stage) for stage in stages]
        index = self._programme.index(place, tiles)
        inside = None if orders is None else np.argsort(orders, axis=1)
        for number in range(len(stages) - 1, -1, -1):
            stage = stages[number]
            rows = len(steps.keeps[place].rows) if number == 0 else len(stages[number - 1].rows)
            loops = self._loops(stage, factors, inside)
            outside = np.full((len(index), rows), inf)
            best = np.empty((1 << loops.shape[1], len(stage.rows)))
            forward(reached, index, loops, stage.table, stage.moves, self._costs[place][number], best, outside)
            index, reached = index + loops[:, :, 0].sum(axis=1), outside
        reached += self._fitting(place)[:, index].T
        keeps = steps.keeps[place]
        outside = np.full((len(index), len(steps.rows[place + 1])), inf)
        for row, after in enumerate(keeps.after):
            outside[:, after] = np.minimum(outside[:, after], reached[:, row])
        return outside

    def _fitting(self, place: int) -> Floats:
        if place not in self._fits:
            self._fits[place] = self._programme.fitting(place)
        return self._fits[place]

    def _loops_of(self, d: int) -> tuple[Ints, Ints]:
        """The factors that a dimension may have, and [factors, 3] what `forward` needs to know of the loops."""
        window = self._programme.window
        found, grid = [(0, -1, -1)], window.grid
        factors = divisors(grid.bounds[d])
        for factor in factors[1:]:
            powers = exponents(factor)
            way = sum(int(window.axes[grid.axis(d, p), 0]) * power for p, power in powers.items())
            axis = grid.axis(d, max(powers))
            found.append((way, axis, axis if max(powers) < factor else -1))
        return np.array(factors, dtype=np.int64), np.array(found, dtype=np.int64)

    def _loops(self, stage: Stage, factors: Ints, places: Ints | None) -> Ints:
        """[n, loops, 4]: the loops of a stage, all of them or those that there are; see `forward`.

        ``places`` [n, dimensions] are their places in a given order.
        """
        dims: Sequence[int] = stage.dims
        if places is not None and len(factors):
            dims = [d for d in dims if factors[0, d] > 1]
        loops = np.zeros((len(factors), len(dims), 4), dtype=np.int64)
        for place, d in enumerate(dims):
            known, leads = self._leads[d]
            loops[:, place, :3] = leads[np.searchsorted(known, factors[:, d])]
            if places is not None:
                loops[:, place, 3] = (places[:, dims] < places[:, d, None]) @ (1 << np.arange(len(dims)))
        return loops
