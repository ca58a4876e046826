"""The least energy from every slot on, outermost first: a dynamic programme over tiles and profiles (`conditions`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.paths.conditions import END, SETTLED, Charge, Ints, Stage, Steps
from flexloop.embedded.mapper.paths.grid import Floats
from flexloop.embedded.mapper.paths.kernels import ALIVE, priced, through
from flexloop.embedded.mapper.paths.prices import Prices
from flexloop.embedded.mapper.paths.sliding import Sliding
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.slots import Slot
from flexloop.integers import divisors


@dataclass(frozen=True, eq=False)
class Ways:
    """What the paths of all ways to fill the fanouts have in common.

    Attributes:
        slots: the mapspace's.
        words: of the tiles.
        steps: between the tiles' profiles.
        reachable: for each slot [tiles] whether the slots inside it may span a tile and the others complete it.
        fitting: for each slot of temporal loops [kinds, tiles] 0 where what its level keeps fits, or infinite.
        kinds: for each of these slots [rows] which of them holds.
        kept: whether the values of all slots are kept, for branch and bound along paths.
        traced: whether paths are traced.
        is_fine: whether nothing is left out.
    """

    slots: tuple[Slot, ...]
    words: Words
    steps: Steps
    reachable: list[npt.NDArray[np.bool_]]
    fitting: dict[int, Floats]
    kinds: dict[int, Ints]
    kept: bool
    traced: bool
    is_fine: bool

    @classmethod
    def of(
        cls, slots: tuple[Slot, ...], spans: Sequence[Sequence[Sequence[int]]], words: Words, steps: Steps,
        *, kept: bool, traced: bool, is_fine: bool,
    ) -> Ways:  # fmt: skip
        """Work out what fits.

        Args:
            slots, words, steps, kept, traced, is_fine: as above.
            spans: for each slot and dimension what the slots inside it may multiply to.
        """
        grid = words.grid
        masks = [
            np.logical_and.reduce([np.isin(grid.tiles[:, d], some) for d, some in enumerate(of_slot)])
            for of_slot in spans
        ]
        fitting, kinds = {}, {}
        for place, keeps in steps.keeps.items():
            capacity = words.facts.levels[slots[place].level].capacity
            every = sorted(set(keeps.kept))
            sizes = [sum((words.box[t] for t in kept), start=np.zeros(grid.size)) for kept in every]
            fitting[place] = np.where(np.array(sizes).reshape(-1, grid.size) <= capacity, 0.0, inf)
            kinds[place] = np.array([every.index(kept) for kept in keeps.kept], dtype=np.int64)
        return cls(slots, words, steps, masks, fitting, kinds, kept, traced, is_fine)


class Programme:
    """The least energy of a mapspace with the factors of its fanouts decided.

    Args:
        ways: profiles, steps between them, and what fits.
        prices: what words cost.
        spread: the factors of the fanouts, by slot.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.

    Attributes:
        least: the least energy (pJ), MACs included.
        start: [rows] energy (pJ) of MACs and operands in each profile that a path may begin with.
        values: for each slot and after the last one [rows, tiles] the least energy from there on; slots inside one from
            which nothing can be completed are left out, and all but the innermost where they are not kept.
        within: for each slot of temporal loops the values outside of its stages and inside each, where they are kept.
    """

    def __init__(
        self, ways: Ways, prices: Prices, spread: Spread, most: float = inf, deadline: Deadline | None = None
    ) -> None:
        self.steps, self.prices, self._grid, self._ways = ways.steps, prices, ways.words.grid, ways
        self._deadline = deadline
        self._sliding = [Sliding(prices, self._grid, t) for t in range(len(prices.facts.tensors))]
        self.start = self._operands()
        self._limit = np.full(self._grid.size, inf)
        if most < inf:
            self._limit[:] = (most - self.start.min(initial=inf)) * (1 + 1e-9)
        self.within: dict[int, list[Floats]] = {}
        self.values: list[Floats] = [self._at_the_end()]
        self.least = inf
        alive = np.ones(len(self.values[0]), dtype=np.int64)
        for place in range(len(ways.slots) - 1, -1, -1):
            self._look()
            slot = ways.slots[place]
            if slot.spatial:
                values = self._grid.scaled(self.values[0], spread[place])
            else:
                values, alive = self._slot(place, alive)
            self.values.insert(0, np.where(ways.reachable[place], values, inf))
            if not ways.kept:
                del self.values[1:]
            if not alive.any():
                return
        self.least = float((self.start + self.values[0][:, 0]).min(initial=inf))

    @cached_property
    def beyond(self) -> list[Floats]:
        """For each slot and after the last one [tiles] the least energy from there on."""
        return [values.min(axis=0, initial=inf) for values in self.values]

    def _look(self) -> None:
        if self._deadline is not None:
            self._deadline.check()

    def _operands(self) -> Floats:
        """What the MACs cost, and what they read and write."""
        known: dict[tuple[int, int], float] = {}
        start = np.full(len(self.steps.rows[0]), self.prices.macs * self.prices.facts.compute_energy)
        for row, profile in enumerate(self.steps.rows[0]):
            for t, condition in enumerate(profile):
                if condition[0] != SETTLED:
                    start[row] = inf
                    continue
                parent = condition[1]
                if (t, parent) not in known:
                    known[t, parent] = self.prices.operands(t, parent)
                start[row] += known[t, parent]
        return start

    def _at_the_end(self) -> Floats:
        """Nothing is left but what no loop has moved."""
        rows = self.steps.rows[-1]
        known = {(t, p): self.prices.never_moved(t, p) for t, some in enumerate(self.steps.keepers) for p in some}
        values = np.full((len(rows), self._grid.size), inf)
        values[:, -1] = [sum(known[t, child] for t, (_, child) in enumerate(profile)) for profile in rows]
        return values

    def _slot(self, place: int, alive: Ints) -> tuple[Floats, Ints]:
        """The values inside a slot of temporal loops, and which rows have any.

        Within a slot a step at a time leads to tiles that the slots inside cannot span.
        """
        keeps, stages = self.steps.keeps[place], self.steps.stages[place]
        values, alive = self.values[0][keeps.after], alive[keeps.after]
        values += self._ways.fitting[place][self._ways.kinds[place]]
        self.within[place] = [values] if self._ways.traced else []
        for stage in stages:
            self._look()
            table, inside = stage.table.copy(), np.empty((len(stage.rows), self._grid.size))
            through(table, alive, stage.moves, self._grid.axes, self.costs(stage), self._limit, values, inside)
            values, alive = inside, np.ascontiguousarray(table[:-1, ALIVE])
            if self._ways.traced:
                self.within[place].append(values)
        return values, alive

    def costs(self, stage: Stage) -> Floats:
        """[charges, tiles]: what is charged in a stage (pJ)."""
        prices = [self.prices.moved(c.t, c.child, c.parent, c.level, c.first) for c in stage.charges]
        parts = [(part.rows, part.less, part.energy) for price in prices for part in price]
        first = np.cumsum([0, *map(len, prices)], dtype=np.int64)
        costs = np.empty((len(prices), self._grid.size))
        for row, charge in enumerate(stage.charges):
            costs[row] = self._words(charge)
        priced(costs, first, np.array(parts, dtype=np.float64).reshape(-1, 3))
        return costs

    def _words(self, charge: Charge) -> Floats:
        """[tiles]: the words that the innermost of the boundaries brings."""
        sliding = self._sliding[charge.t]
        if charge.run is None:
            return sliding.at_once(charge.first)
        if charge.by == END:
            return sliding.at_the_end(charge.run, charge.level)
        return sliding.ended(charge.run, charge.level, charge.by, charge.prime)


def spans(bound: int, lows: Sequence[int], highs: Sequence[int]) -> Iterator[list[int]]:
    """For each slot what the slots inside it may multiply to so that the others complete the bound."""
    every = divisors(bound)
    allowed = [[f for f in every if low <= f <= high] for low, high in zip(lows, highs, strict=True)]
    beyond = [{bound}]
    for factors in reversed(allowed):
        beyond.insert(0, {n for n in every if any(n * f in beyond[0] for f in factors)})
    inside = {1}
    for factors, completed in zip(allowed, beyond, strict=False):
        yield sorted(inside & completed)
        inside = {n * f for n in inside for f in factors if bound % (n * f) == 0}
