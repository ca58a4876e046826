"""What steps are charged: kinds of words, each worked out once for a grid."""

from __future__ import annotations

from collections.abc import Hashable
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
        self._size = words.grid.size
        self._sliding = [Sliding(words, t) for t in range(len(words.facts.tensors))]
        self._kinds: dict[Hashable, int] = {}
        self.rows = np.empty((0, self._size))
        """[kinds, tiles]: words, and more rows than there are kinds."""

    def tidy(self) -> None:
        """Forget what is held, where that is much."""
        if self.rows.size > _HELD:
            self._kinds.clear()
            self.rows = np.empty((0, self._size))

    def kind(self, charge: Charge, spread: float) -> int:
        """The row of the words that the innermost of a charge's boundaries brings."""
        key = (charge.t, *self._sliding[charge.t].kind(charge.run, spread, charge.first, charge.by, charge.prime))
        if key not in self._kinds:
            self._kinds[key] = self._put(self._words(charge, spread))
        return self._kinds[key]

    def _words(self, charge: Charge, spread: float) -> Floats:
        sliding = self._sliding[charge.t]
        if charge.run is None:
            return sliding.at_once(charge.first, charge.prime)
        if charge.by == END:
            return sliding.at_the_end(charge.run, spread)
        return sliding.ended(charge.run, spread, charge.by, charge.prime)

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
    """The prices of a stage's charges, one after the other, and where each begins."""

    price: Price
    first: Ints


class Charges:
    """What the charges of all stages cost.

    Args:
        bank: words.
        prices: of words.
    """

    def __init__(self, bank: Bank, prices: Prices) -> None:
        self.prices = prices
        self._bank = bank
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
            first = np.cumsum([0, *map(len, prices)], dtype=np.int64)
            empty = np.empty((0, 3, len(self.prices.fillings)))
            found = self._stages[id(stage)] = _Prices(np.concatenate([empty, *prices]), first)
        which = np.array([self._kind(charge, ways) for charge in stage.charges], dtype=np.int64)
        costs = np.empty((len(which), len(places)))
        parts, here = least_of(found.price, ways), np.empty(len(places))
        priced(self._bank.rows, which, places, found.first, parts, here, costs)
        return costs

    def _kind(self, charge: Charge, ways: Ints) -> int:
        run = charge.run
        spread = 1.0
        if run is not None and not run.of_two:
            spread = self.prices.most_along(run.child, charge.level, run.d, ways)
        return self._bank.kind(charge, spread)
