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
from math import ceil, prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.general_spread import Spread
from flexloop.embedded.mapper.paths.words import Words

BYPASSED, KEPT, OPEN = 0, 1, 2
"""Whether a level keeps a data space: not, in any case, or as may be best."""
Keeping = npt.NDArray[np.int8]
WHOLE = 1 - 1e-12
"""What a product may exceed a whole number by for being rounded."""


@dataclass(frozen=True)
class Part:
    """What words cost at one level: rows of several words are paid for as a whole, by each instance in use.

    Attributes:
        rows: rows of an instance for each word of all children.
        less: rows that an instance saves by first visits of partial sums, and by rounding, at most.
        energy: of a row in all instances (pJ).
    """

    rows: float
    less: float
    energy: float


Price = tuple[Part, ...]
"""What words cost at all levels that they pass."""


def cost_of(price: Price, words: float) -> float:
    """The cost of words (pJ)."""
    return sum(part.energy * ceil(max(words * part.rows - part.less, 0.0) * WHOLE) for part in price)


class Prices:
    """The prices of one mapspace with the factors of its fanouts decided.

    Args:
        words: of the tiles.
        keeping: [levels, data spaces], see above.
        spread: the factors of the fanouts by slot.
        levels: the level above each of these slots.
    """

    def __init__(self, words: Words, keeping: Keeping, spread: Spread, levels: dict[int, int]) -> None:
        self.words, self.facts = words, words.facts
        self._bounds = words.grid.bounds
        self.macs = float(prod(self._bounds))
        self._fanouts = {levels[slot]: factors for slot, factors in spread.items()}
        self.always = [[int(p) for p in np.flatnonzero(keeping[:, t] == KEPT)] for t in range(keeping.shape[1])]
        self._whole = [self._is_whole(t) for t in range(keeping.shape[1])]
        self._memory: dict[tuple[int, ...], Price] = {}

    def _is_whole(self, t: int) -> bool:
        """Whether all counts of a data space are whole numbers, so that none is rounded down.

        Children then get equally many words: none of their tiles overlap, so that no neighbour passes anything on.
        """
        across = {d for factors in self._fanouts.values() for d, factor in enumerate(factors) if factor > 1}
        return not across & set(self.words.shared[t]) and 0 not in self._fanouts

    def _rounded(self, t: int, level: int) -> float:
        """The words over all instances of a level that rounding may take off a count."""
        return 0.0 if self._whole[t] else float(self.facts.levels[level].instances)

    def used(self) -> float:
        """MACs that work at once."""
        return float(prod(f for factors in self._fanouts.values() for f in factors))

    def _repeats(self, t: int, low: int, high: int) -> float:
        """How often the fanouts of the levels above ``low`` up to ``high`` repeat a tile."""
        found = (self._fanouts[p] for p in self._fanouts if low < p <= high)
        return float(prod(factors[d] for factors in found for d in self.words.irrelevant[t]))

    def _sharing(self, t: int, low: int, high: int) -> float:
        """How many children get the same tile at most: those along one rank differ as often as its longest loop."""
        share = self._repeats(t, low, high)
        for factors in (self._fanouts[p] for p in self._fanouts if low < p <= high):
            for rank in set(self.words.shared[t].values()):
                along = [factors[d] for d, _ in rank]
                share *= prod(along) / (1 if self.facts.tensors[t].is_diagonal else max(along))
        return share

    def _passed_on(self, t: int, low: int, high: int, d: int) -> float:
        """By how much neighbours may divide the reads of a parent where the innermost loop is over d.

        Along the displacement of that loop tiles lie one after the other only in steps of the rank's other dimensions.
        """
        if d not in self.words.shared[t]:
            return 1.0
        found = (self._fanouts[p] for p in self._fanouts if low < p <= high)
        others = [i for i, _ in self.words.shared[t][d] if i != d or self.facts.tensors[t].is_diagonal]
        return float(prod(factors[i] for factors in found for i in others))

    def longest(self, t: int, level: int, d: int) -> float:
        """The most that a tile of a data space which fits a level may span along a dimension."""
        capacity = self.facts.levels[level].capacity
        coefficient = next(c for rank in self.facts.tensors[t].ranks for i, c in rank if i == d)
        return min(float(self._bounds[d]), (max(capacity, 1.0) - 1.0) / coefficient + 1.0)

    def spread_along(self, low: int, high: int, d: int) -> float:
        """The factors of a dimension in the fanouts of the levels above ``low`` up to ``high``."""
        return float(prod(factors[d] for p, factors in self._fanouts.items() if low < p <= high))

    def _first(self, t: int, level: int) -> float:
        """Words of an output that the first visits save reading, over all instances of a level, at most."""
        if not self.facts.tensors[t].read_write:
            return 0.0
        repeating = [*self.words.irrelevant[t], *self.words.shared[t]]
        outside = (self._fanouts[p] for p in self._fanouts if p > level)
        return float(prod(factors[d] for factors in outside for d in repeating)) * self.words.everything[t]

    def _part(self, level: int, times: float, less: float, energy: float) -> Part:
        """What words cost at a level, given the energy of a word where all instances work (pJ).

        Instances in use that share rows pay for a row each, until all rows are paid for.
        """
        facts = self.facts.levels[level]
        used = prod(f for p, factors in self._fanouts.items() if p > level for f in factors)
        words = used * facts.block
        rows = facts.block * facts.cluster * min(used, facts.clusters)
        return Part(times / words, less / words, energy * rows)

    def _filling(self, t: int, level: int, times: float) -> Price:
        less = self._first(t, level) + self._rounded(t, level)
        return (self._part(level, times, less, self.facts.levels[level].write_energy),)

    def _giving(self, t: int, level: int, times: float) -> Price:
        facts, rounded = self.facts.levels[level], self._rounded(t, level)
        read = self._part(level, times, self._first(t, level) + rounded, facts.read_energy)
        if not self.facts.tensors[t].read_write:
            return (read,)
        return read, self._part(level, times, rounded, facts.update_energy)

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
        key = (t, child, parent, level, first if first in self.words.shared[t] else -1)
        if key not in self._memory:
            price: Price = ()
            chain = [*self._chain(t, child, level), parent]
            for inner, outer in itertools.pairwise(chain):
                passed_on = self._passed_on(t, inner, outer, first)
                # With fanouts outside, what neighbours pass on is spread over instances that do not get it.
                lost = passed_on if any(p > inner + 1 for p in self._fanouts) else 1.0
                price += self._filling(t, inner, self._repeats(t, inner, level) / lost)
                times = 1.0 / self._sharing(t, level, parent) if outer == parent else self._repeats(t, outer, level)
                price += self._giving(t, outer, times / passed_on)
            self._memory[key] = tuple(part for part in price if part.energy)
        return self._memory[key]

    def never_moved(self, t: int, child: int) -> float:
        """What the boundaries from a child on cost (pJ) where no loop moves its tile."""
        top = len(self.facts.levels)
        chain = self._chain(t, child, top)
        price: Price = ()
        for inner, outer in itertools.pairwise(chain):
            price += self._filling(t, inner, self._repeats(t, inner, top))
            price += self._giving(t, outer, self._repeats(t, outer, top))
        return cost_of(price, float(self.words.least[t][-1]))

    def operands(self, t: int, parent: int) -> float:
        """What the MACs cost (pJ) at the innermost level that keeps a data space, if no neighbours feed them."""
        if 0 in self._fanouts:
            return 0.0
        passed_on = 1.0
        for factors in (self._fanouts[p] for p in self._fanouts if p <= parent):
            passed_on *= max((prod(factors[d] for d, _ in rank) for rank in self.words.shared[t].values()), default=1)
        return cost_of(self._giving(t, parent, 1.0), self.macs / self._sharing(t, -1, parent) / passed_on)


def keeping_of(kept: npt.NDArray[np.bool_], open_places: Sequence[tuple[int, int]]) -> Keeping:
    """What is kept in any case, what is open, what is bypassed."""
    keeping = kept.astype(np.int8)
    for place in open_places:
        keeping[place] = OPEN
    return keeping
