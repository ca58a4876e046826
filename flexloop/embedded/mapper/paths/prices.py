"""What the words of a data space cost at the levels that hand them on, as lower bounds.

A boundary lies between a level that keeps a data space (the child) and the next one outside that does. All children
together receive ``words`` / (iterations for which the tile stays), ``words`` being the size of the tile that is spanned
where the first loop moves it, times the iterations and instances left outside: a tile that stays through whole slots
may be charged as if it stood further out. Fanouts in between repeat what children receive by their factors of
dimensions that the data space does not have, and do not repeat what the parent gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.general_facts import Facts
from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.paths.grid import Floats, Grid

BYPASSED, KEPT, OPEN = 0, 1, 2
"""Whether a level keeps a data space: not, in any case, or as may be best."""
Keeping = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Price:
    """What words cost: so much a word, less what the first visits of partial sums and rounding may save."""

    a_word: float
    less: float

    def of(self, words: Floats) -> Floats:
        """The cost of words (pJ)."""
        cost: Floats = np.maximum(words * self.a_word - self.less, 0.0)
        return cost


class Prices:
    """The prices of one mapspace with the factors of its fanouts decided.

    Args:
        facts: architecture and problem.
        keeping: [levels, data spaces], see above.
        grid: the tiles.
        spread: the factors of the fanouts by slot.
        levels: the level above each of these slots.
    """

    def __init__(self, facts: Facts, keeping: Keeping, grid: Grid, spread: Spread, levels: dict[int, int]) -> None:
        self.facts, self._grid = facts, grid
        bounds = grid.bounds
        self.macs = float(prod(bounds))
        self._fanouts = {levels[slot]: factors for slot, factors in spread.items()}
        dims = range(len(bounds))
        self.relevant = [frozenset(d for rank in t.ranks for d, _ in rank if bounds[d] > 1) for t in facts.tensors]
        self.shared = [
            {d: rank for rank in t.groups for d, _ in rank if bounds[d] > 1 and sum(bounds[i] > 1 for i, _ in rank) > 1}
            for t in facts.tensors
        ]
        """For each data space the ranks that two or more dimensions move it in, by dimension."""
        self._irrelevant = [[d for d in dims if d not in found] for found in self.relevant]
        self.always = [[int(p) for p in np.flatnonzero(keeping[:, t] == KEPT)] for t in range(len(facts.tensors))]
        self._memory: dict[tuple[int, ...], Price] = {}
        self.box = [self._sizes(t, grid.tiles) for t in range(len(facts.tensors))]
        """[size] for each data space: the words of a tile."""
        self.words = [self._least_words(t) for t in range(len(facts.tensors))]
        """[size] for each data space: words of a tile times the iterations and instances outside, at least."""
        self._everything = [float(self._sizes(t, np.array([bounds], float))[0]) for t in range(len(facts.tensors))]

    def _sizes(self, t: int, tiles: Floats) -> Floats:
        words = np.ones(len(tiles))
        for rank in self.facts.tensors[t].ranks:
            words = words * (1.0 + sum(coefficient * (tiles[:, d] - 1.0) for d, coefficient in rank))
        return words

    def _least_words(self, t: int) -> Floats:
        """What a tile needs at least, gaps left out, so that it never needs more than the tiles that it consists of."""
        tiles = self._grid.tiles
        words: Floats = np.asarray((np.array(self._grid.bounds) / tiles).prod(axis=1))
        if self.facts.tensors[t].is_diagonal:
            return np.zeros(len(tiles))
        for rank in self.facts.tensors[t].ranks:
            moving = [(d, coefficient) for d, coefficient in rank if self._grid.bounds[d] > 1]
            extents = [tiles[:, d] for d, _ in moving]
            if len(moving) == 2:
                box = 1.0 + sum(coefficient * (tiles[:, d] - 1.0) for d, coefficient in moving)
                words = words * np.minimum(box, extents[0] * extents[1])
            elif moving:
                words = words * np.max(extents, axis=0)
        return words

    def used(self) -> float:
        """MACs that work at once."""
        return float(prod(f for factors in self._fanouts.values() for f in factors))

    def _repeats(self, t: int, low: int, high: int) -> float:
        """How often the fanouts of the levels above ``low`` up to ``high`` repeat a tile."""
        found = (self._fanouts[p] for p in self._fanouts if low < p <= high)
        return float(prod(factors[d] for factors in found for d in self._irrelevant[t]))

    def _sharing(self, t: int, low: int, high: int) -> float:
        """How many children get the same tile at most: those along one rank differ as often as its longest loop."""
        share = self._repeats(t, low, high)
        for factors in (self._fanouts[p] for p in self._fanouts if low < p <= high):
            for rank in set(self.shared[t].values()):
                along = [factors[d] for d, _ in rank]
                share *= prod(along) / (1 if self.facts.tensors[t].is_diagonal else max(along))
        return share

    def _passed_on(self, t: int, low: int, high: int, d: int) -> float:
        """By how much neighbours may divide the reads of a parent where the innermost loop is over d.

        Along the displacement of that loop tiles lie one after the other only in steps of the rank's other dimensions.
        """
        if d not in self.shared[t]:
            return 1.0
        found = (self._fanouts[p] for p in self._fanouts if low < p <= high)
        others = [i for i, _ in self.shared[t][d] if i != d or self.facts.tensors[t].is_diagonal]
        return float(prod(factors[i] for factors in found for i in others))

    def longest(self, t: int, level: int, d: int) -> float:
        """The most that a tile of a data space which fits a level may span along a dimension."""
        capacity = self.facts.levels[level].capacity
        coefficient = next(c for rank in self.facts.tensors[t].ranks for i, c in rank if i == d)
        return min(float(self._grid.bounds[d]), (max(capacity, 1.0) - 1.0) / coefficient + 1.0)

    def spread_along(self, low: int, high: int, d: int) -> float:
        """The factors of a dimension in the fanouts of the levels above ``low`` up to ``high``."""
        return float(prod(factors[d] for p, factors in self._fanouts.items() if low < p <= high))

    def _first(self, t: int, level: int) -> float:
        """Words of an output that the first visits save reading, over all instances of a level, at most."""
        if not self.facts.tensors[t].read_write:
            return 0.0
        repeating = [*self._irrelevant[t], *self.shared[t]]
        outside = (self._fanouts[p] for p in self._fanouts if p > level)
        return float(prod(factors[d] for factors in outside for d in repeating)) * self._everything[t]

    def _filling(self, t: int, level: int, times: float) -> Price:
        facts = self.facts.levels[level]
        return Price(times * facts.write_energy, (self._first(t, level) + facts.instances) * facts.write_energy)

    def _giving(self, t: int, level: int, times: float) -> Price:
        facts = self.facts.levels[level]
        read, less = times * facts.read_energy, (self._first(t, level) + facts.instances) * facts.read_energy
        if self.facts.tensors[t].read_write:
            read, less = read + times * facts.update_energy, less + facts.instances * facts.update_energy
        return Price(read, less)

    def _chain(self, t: int, child: int, below: int) -> list[int]:
        """A child and the levels outside it, below another one, that keep the data space in any case."""
        return [child, *(p for p in self.always[t] if child < p < below)]

    def moved(self, t: int, child: int, parent: int, level: int, first: int) -> Price:
        """The price of all boundaries from a child on that wait for a loop, which is now found at a level.

        Args:
            t: the data space.
            child: the innermost level whose tile has not moved yet.
            parent: the level that gives the outermost of the waiting levels its words.
            level: where the loop stands.
            first: the dimension of the innermost loop that moves the tile.
        """
        key = (t, child, parent, level, first if first in self.shared[t] else -1)
        if key not in self._memory:
            parts = []
            chain = [*self._chain(t, child, level), parent]
            for inner, outer in itertools.pairwise(chain):
                passed_on = self._passed_on(t, inner, outer, first)
                # With fanouts outside, what neighbours pass on is spread over instances that do not get it.
                lost = passed_on if any(p > inner + 1 for p in self._fanouts) else 1.0
                parts.append(self._filling(t, inner, self._repeats(t, inner, level) / lost))
                times = 1.0 / self._sharing(t, level, parent) if outer == parent else self._repeats(t, outer, level)
                parts.append(self._giving(t, outer, times / passed_on))
            self._memory[key] = Price(sum(p.a_word for p in parts), sum(p.less for p in parts))
        return self._memory[key]

    def never_moved(self, t: int, child: int) -> float:
        """What the boundaries from a child on cost (pJ) where no loop moves its tile."""
        top = len(self.facts.levels)
        chain = self._chain(t, child, top)
        parts = [self._filling(t, p, self._repeats(t, p, top)) for p in chain[:-1]]
        parts += [self._giving(t, p, self._repeats(t, p, top)) for p in chain[1:]]
        words = self.words[t][-1:]
        return float(Price(sum(p.a_word for p in parts), sum(p.less for p in parts)).of(words)[0])

    def operands(self, t: int, parent: int) -> float:
        """What the MACs cost (pJ) at the innermost level that keeps a data space, if no neighbours feed them."""
        if 0 in self._fanouts:
            return 0.0
        passed_on = 1.0
        for factors in (self._fanouts[p] for p in self._fanouts if p <= parent):
            passed_on *= max((prod(factors[d] for d, _ in rank) for rank in self.shared[t].values()), default=1)
        words = np.array([self.macs / self._sharing(t, -1, parent) / passed_on])
        return float(self._giving(t, parent, 1.0).of(words)[0])


def keeping_of(kept: npt.NDArray[np.bool_], open_places: Sequence[tuple[int, int]]) -> Keeping:
    """What is kept in any case, what is open, what is bypassed."""
    keeping = kept.astype(np.int8)
    for place in open_places:
        keeping[place] = OPEN
    return keeping
