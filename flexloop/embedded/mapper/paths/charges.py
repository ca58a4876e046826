"""What steps are charged: kinds of words, each worked out once for a grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.mapper.paths.conditions import END, Charge, Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.kernels import priced
from flexloop.embedded.mapper.paths.prices import Price, Prices, least_of
from flexloop.embedded.mapper.paths.sliding import Sliding
from flexloop.embedded.mapper.paths.words import Words

_HELD = 1 << 23
"""Words that are kept for further ways to fill the fanouts."""


class Bank:
    """Kinds of words at all tiles of a grid.

    Args:
        words: of the tiles.
    """

    def __init__(self, words: Words) -> None:
        self._size, self._relevant = words.grid.size, words.relevant
        self._sliding = [Sliding(words, t) for t in range(len(words.facts.tensors))]
        self._kinds: dict[Hashable, int] = {}
        self.rows = np.empty((0, self._size))
        """[kinds, tiles]: words, and more rows than there are kinds."""

    def tidy(self) -> None:
        """Forget what is held, where that is much."""
        if self.rows.size > _HELD:
            self._kinds.clear()
            self.rows = np.empty((0, self._size))

    def longest(self, t: int, level: int, d: int) -> float:
        """The most that a data space's tile which fits a level may span along a dimension of a shared rank."""
        return self._sliding[t].longest(level, d)

    def mates(self, charge: Charge) -> list[int]:
        """See `Sliding.mates`; none where no run is charged."""
        return [] if charge.run is None else self._sliding[charge.t].mates(charge.by, charge.run)

    def kind(self, charge: Charge, inside: float, passing: float, *, apart: bool) -> int:
        """The row of the words that the innermost of a charge's boundaries brings.

        Args:
            charge: the charge.
            inside: what the tile of the child may span along the dimension of the run, fanouts included, at most.
            passing: how many children may pass on to each other what all get together.
            apart: whether the loop that ends the run leads away from all of them.
        """
        charged = charge.run, inside, charge.first, charge.by, charge.prime
        key = (charge.t, passing, *self._sliding[charge.t].kind(*charged))
        if passing > 1.0:
            key += (apart, charge.by in self._relevant[charge.t], charge.prime, charge.first)
        if key not in self._kinds:
            self._kinds[key] = self._put(self._words(charge, inside, passing, apart=apart))
        return self._kinds[key]

    def _words(self, charge: Charge, inside: float, passing: float, *, apart: bool) -> Floats:
        sliding = self._sliding[charge.t]
        if charge.run is None:
            words = sliding.at_once(charge.first, charge.prime)
        elif charge.by == END:
            words = sliding.at_the_end(charge.run, inside)
        else:
            words = sliding.ended(charge.run, inside, charge.by, charge.prime)
        if passing == 1.0:
            return words
        new = sliding.new(charge.run, inside, charge.first, charge.by, charge.prime, apart=apart)
        return np.maximum(words / passing, new)

    def _put(self, words: Floats) -> int:
        number = len(self._kinds)
        if number == len(self.rows):
            grown = np.empty((2 * number + 8, self._size))
            grown[:number] = self.rows
            self.rows = grown
        self.rows[number] = words
        return number


@dataclass(frozen=True, eq=False)
class _Prices:
    """The prices of a stage's charges, one after the other, where each begins, and whose children pass words on."""

    price: Price
    first: Ints
    passing: Floats


class Charges:
    """What the charges of all stages cost.

    Args:
        bank: words.
        prices: of words.
        inside: for each level and dimension what the slots up to the level's may span.
    """

    def __init__(self, bank: Bank, prices: Prices, inside: Sequence[Sequence[float]]) -> None:
        self.prices = prices
        self._bank, self._inside = bank, inside
        self._stages: dict[int, _Prices] = {}

    def costs(self, stage: Stage, ways: Ints, places: Ints) -> Floats:
        """[charges, tiles]: what is charged in a stage (pJ), at least, in some ways to fill the fanouts.

        Args:
            stage: the stage.
            ways: which of the ways.
            places: [tiles] where the tiles stand in the grid.
        """
        found = self._stages.get(id(stage))
        if found is None:
            prices = [self.prices.moved(c.t, c.child, c.parent, c.level, c.first) for c in stage.charges]
            first = np.cumsum([0, *(len(price) for price, _ in prices)], dtype=np.int64)
            empty = np.empty((0, 3, len(self.prices.fillings)))
            price, passing = (np.concatenate([none, *some]) for none, some in zip(
                (empty, empty[:, 0]), zip(*prices, strict=True) if prices else ((), ()), strict=True))  # fmt: skip
            found = self._stages[id(stage)] = _Prices(price, first, passing)
        passing = found.passing[:, ways].max(axis=1)
        which = np.array(
            [
                self._kind(charge, ways, passed)
                for charge, begin, end in zip(stage.charges, found.first, found.first[1:], strict=False)
                for passed in passing[begin:end].tolist()
            ],
            dtype=np.int64,
        )
        costs, here = np.empty((len(stage.charges), len(places))), np.empty(len(places))
        priced(self._bank.rows, which, places, found.first, least_of(found.price, ways), here, costs)
        return costs

    def _kind(self, charge: Charge, ways: Ints, passing: float) -> int:
        run, inside = charge.run, 1.0
        if run is not None and not run.of_two:
            most, child, d = self.prices.most_along, run.child, run.d
            spanned = self._inside[child][d] * most(-1, charge.level, d, ways)
            fitting = self._bank.longest(charge.t, child, d) * most(child, charge.level, d, ways)
            inside = min(spanned, fitting)
        apart = passing > 1.0 and all(
            self.prices.most_along(-1, charge.level, d, ways) == 1.0 for d in self._bank.mates(charge)
        )
        return self._bank.kind(charge, inside, passing, apart=apart)
