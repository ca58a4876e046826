"""What steps are charged: kinds of words, each worked out once for a grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.mapper.paths.conditions import END, Charge, Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.kernels import priced
from flexloop.embedded.mapper.paths.neighbours import Served, served
from flexloop.embedded.mapper.paths.prices import Crossing, Price, Prices, least_of
from flexloop.embedded.mapper.paths.sliding import Run, Sliding
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.slots import Slot

_HELD = 1 << 21
"""Words that are kept for further ways to fill the fanouts."""


@dataclass(frozen=True)
class Passing:
    """What neighbours may pass on.

    Attributes:
        most: how many children may pass on to each other what all get together; 1: nothing is passed on.
        is_dense: whether all children together leave no gaps.
        is_apart: whether the loop that ends a run leads away from all of them.
        whole: how far from a tile in the grid that one stands which the fanouts outside of these hand on whole.
        served: the steps that may be, where that is known.
    """

    most: float
    is_dense: bool = False
    is_apart: bool = False
    whole: int = 0
    served: Served | None = None


_ASKED = 4096
"""Stages, in some ways to fill the fanouts each, whose kinds of words are kept."""


class Bank:
    """Kinds of words at all tiles of a grid.

    Args:
        words: of the tiles.
    """

    def __init__(self, words: Words) -> None:
        self.grid, self._size, self._relevant = words.grid, words.grid.size, words.relevant
        self._sliding = [Sliding(words, t) for t in range(len(words.facts.tensors))]
        every = range(len(words.facts.tensors))
        self.overlapping = sorted({d for t in every for d in (*words.shared[t], *words.spaced[t])})
        """The dimensions along which tiles of some data space overlap or leave gaps."""
        self._kinds: dict[Hashable, int] = {}
        self.rows = np.empty((0, self._size))
        """[kinds, tiles]: words, and more rows than there are kinds."""
        self.asked: dict[Hashable, Ints] = {}
        """The kinds of a stage's parts, by what they depend on."""

    def tidy(self) -> None:
        """Forget what is held, where that is much."""
        if len(self.asked) > _ASKED:
            self.asked.clear()
        if self.rows.size > _HELD:
            self.asked.clear()
            self._kinds.clear()
            self.rows = np.empty((0, self._size))

    def longest(self, t: int, level: int, d: int) -> float:
        """The most that a data space's tile which fits a level may span along a dimension of a shared rank."""
        return self._sliding[t].longest(level, d)

    def other(self, charge: Charge, run: Run) -> int:
        """The dimension that shares a rank with that of a run."""
        return self._sliding[charge.t].other(run.d)

    def mates(self, charge: Charge) -> list[int]:
        """See `Sliding.mates`; none where no run is charged."""
        return [] if charge.run is None else self._sliding[charge.t].mates(charge.by, charge.run)

    def kind(self, charge: Charge, inside: float, passing: Passing, whole: int, *, steady: bool, alone: bool) -> int:
        """The row of the words that the innermost of a charge's boundaries brings.

        Args:
            charge: the charge.
            inside: what the tile of the child may span along the dimension of the run, fanouts included, at most.
            passing: what neighbours may pass on.
            whole: how far from a tile in the grid that one stands which all fanouts hand on whole.
            steady: see `Sliding.at_the_end`.
            alone: whether fanouts are filled in one way.
        """
        charged = charge.run, inside, charge.first, charge.by, charge.prime
        key = (charge.t, passing, whole, steady, alone, *self._sliding[charge.t].kind(*charged))
        if passing.most > 1.0:
            key += (charge.by in self._relevant[charge.t], charge.by == END, charge.prime, charge.first)
        if key not in self._kinds:
            self._kinds[key] = self._put(self._words(charge, inside, passing, whole, steady=steady, alone=alone))
        return self._kinds[key]

    def _words(
        self, charge: Charge, inside: float, passing: Passing, whole: int, *, steady: bool, alone: bool
    ) -> Floats:
        sliding, run = self._sliding[charge.t].moved(whole, whole=alone), charge.run
        if run is None:
            words = sliding.at_once(charge.first, charge.prime)
        elif charge.by == END:
            words = sliding.at_the_end(run, inside, steady=steady)
        else:
            words = sliding.ended(run, inside, charge.by, charge.prime)
        if passing.most == 1.0:
            return words
        least = words / passing.most
        if passing.is_dense:
            together = self._sliding[charge.t].moved(passing.whole, whole=False)
            new = together.new(run, inside, charge.first, charge.by, charge.prime, apart=passing.is_apart)
            least = np.maximum(least, new)
        if passing.served is not None and run is not None:
            kept = sliding.kept(
                words, run, inside, charge.by, charge.prime, passing.most, goes_on=passing.served.goes_on
            )
            least = np.where(passing.served.may_be(self.grid.tiles), least, np.maximum(least, kept))
        return least

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
    """The prices of a stage's charges: all parts, which of them each charge consists of, and what these are for."""

    price: Price
    part: Ints
    first: Ints
    crossings: tuple[Crossing, ...]
    passing: Floats


class Charges:
    """What the charges of all stages cost.

    Args:
        bank: words.
        prices: of words.
        slots: the mapspace's, each with the dimensions that it may have loops over.
        inside: for each level and dimension what the slots up to the level's may span.
    """

    def __init__(
        self,
        bank: Bank,
        prices: Prices,
        slots: Sequence[tuple[Slot, frozenset[int]]],
        inside: Sequence[Sequence[float]],
    ) -> None:
        self.prices, self._slots = prices, slots
        self._bank, self._inside = bank, inside
        self._extents = tuple(slot.extent for slot, _ in slots)
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
            found = self._stages[id(stage)] = self._of(stage)
        which = self._kinds(stage, found, ways)
        costs, here = np.empty((len(stage.charges), len(places))), np.empty(len(places))
        priced(self._bank.rows, which, places, found.first, least_of(found.price, ways)[found.part], here, costs)
        return costs

    def _kinds(self, stage: Stage, prices: _Prices, ways: Ints) -> Ints:
        """[parts] the kinds of words of a stage's parts, in some ways to fill the fanouts."""
        passing = prices.passing[:, ways].max(axis=1)[prices.part]
        key = stage, prices.crossings, prices.first.tobytes(), passing.tobytes(), self._what_counts(stage, ways)
        if key not in self._bank.asked:
            first, shifts = prices.first.tolist(), dict[tuple[int, ...], int]()
            self._bank.asked[key] = np.array(
                [
                    self._kind(charge, ways, prices.crossings[part], float(passing[part]), shifts)
                    for number, charge in enumerate(stage.charges)
                    for part in range(first[number], first[number + 1])
                ],
                dtype=np.int64,
            )
        return self._bank.asked[key]

    def _what_counts(self, stage: Stage, ways: Ints) -> Hashable:
        """What the kinds of a stage's words depend on, of ways to fill the fanouts.

        Without runs these are factors of dimensions along which tiles overlap or leave gaps.
        """
        fillings = self.prices.fillings
        if len(ways) > 1 or any(charge.run is not None for charge in stage.charges):
            return fillings, ways.tobytes(), self._extents
        return fillings.levels, fillings.factors[ways[0]][:, self._bank.overlapping].tobytes()

    def _of(self, stage: Stage) -> _Prices:
        """The prices of a stage; what several charges have in common is held once: where ways are many it is large."""
        empty = np.empty((0, 3, len(self.prices.fillings)))
        held: dict[int, int] = {}
        price, passing, crossings, part, first = [empty], [empty[:, 0]], list[Crossing](), list[int](), [0]
        for c in stage.charges:
            prices, some, passed = self.prices.moved(c.t, c.child, c.parent, c.level, c.first)
            if id(prices) not in held:
                held[id(prices)] = sum(map(len, price))
                price.append(prices)
                passing.append(passed)
            part += range(held[id(prices)], held[id(prices)] + len(prices))
            crossings += some
            first.append(len(part))
        numbers = np.array(part, dtype=np.int64), np.array(first, dtype=np.int64)
        return _Prices(np.concatenate(price), *numbers, tuple(crossings), np.concatenate(passing))

    def _kind(
        self, charge: Charge, ways: Ints, crossing: Crossing, passing: float, shifts: dict[tuple[int, ...], int]
    ) -> int:
        run, inside = charge.run, 1.0
        if run is not None and not run.of_two:
            most, child, d = self.prices.most_along, run.child, run.d
            spanned = self._inside[child][d] * most(-1, charge.level, d, ways)
            fitting = self._bank.longest(charge.t, child, d) * most(child, charge.level, d, ways)
            inside = min(spanned, fitting)
        whole = self._whole(charge, crossing.child, crossing.parent, ways, shifts)
        steady = False
        if run is not None and charge.by == END:
            outside = self.prices.most_along(charge.level, len(self._inside), self._bank.other(charge, run), ways)
            steady = outside == 1.0
        passed = self._passing(charge, ways, crossing, passing, shifts)
        return self._bank.kind(charge, inside, passed, whole, steady=steady, alone=len(ways) == 1)

    def _passing(
        self, charge: Charge, ways: Ints, crossing: Crossing, most: float, shifts: dict[tuple[int, ...], int]
    ) -> Passing:
        if most == 1.0:
            return Passing(1.0)
        child, run, served_ = crossing.child, charge.run, None
        is_apart = all(self.prices.most_along(child, child + 1, d, ways) == 1.0 for d in self._bank.mates(charge))
        if run is not None and len(ways) == 1 and self.prices.fillings.arrays is None:
            longest = self._inside[child][run.d]
            served_ = served(self.prices, self._slots, charge.t, child, run, charge.level, int(ways[0]), longest)
        whole = self._whole(charge, child + 1, crossing.parent, ways, shifts)
        is_dense = self.prices.words.is_dense(charge.t, charge.first)
        return Passing(most, is_dense, is_apart, whole, served_)

    def _whole(self, charge: Charge, child: int, parent: int, ways: Ints, shifts: dict[tuple[int, ...], int]) -> int:
        """How far from a tile in the grid that one stands which is handed on whole (see `Prices.apart`)."""
        if not self.prices.words.shared[charge.t] and not self.prices.words.spaced[charge.t]:
            return 0
        key = charge.t, child, parent, charge.level
        if key not in shifts:
            apart = np.gcd.reduce(self.prices.apart(*key)[ways], axis=0)
            shifts[key] = int(self._bank.grid.index(apart[None])[0])
        return shifts[key]
