"""What steps are charged: kinds of words, each worked out once for a grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flexloop.embedded.mapper.paths.conditions import END, Charge, Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.kernels import priced
from flexloop.embedded.mapper.paths.neighbours import Served, served
from flexloop.embedded.mapper.paths.prices import Crossing, Prices
from flexloop.embedded.mapper.paths.rows import Price, least_of
from flexloop.embedded.mapper.paths.sliding import NOT_APART, Apart, Sliding
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.slots import Slot

_HELD = 1 << 21
"""Words that are kept for further ways to fill the fanouts."""


@dataclass(frozen=True)
class Passing:
    """What neighbours may pass on.

    Attributes:
        most: how many children may pass on to each other what the loop brings that moves their tiles first.
        around: how many may do so with what loops further out bring; 1: nothing is passed on.
        is_dense: whether all children together leave no gaps.
        is_apart: whether the loop that ends a run leads away from all of them.
        whole: what the fanouts outside of these hand on whole.
        served: the steps that may be, where that is known.
    """

    most: float = 1.0
    around: float = 1.0
    is_dense: bool = False
    is_apart: bool = False
    whole: Apart = NOT_APART
    served: Served | None = None


Passed = tuple[float, float]
"""How many children may pass on to each other what the first loop brings, and what loops further out do."""
Aparts = dict[tuple[int, ...], Apart]
_ASKED = 4096
"""Stages, in some ways to fill the fanouts each, whose kinds of words are kept."""


class Bank:
    """Kinds of words at all tiles of a grid.

    Args:
        words: of the tiles.
    """

    def __init__(self, words: Words) -> None:
        self.grid, self._size, self._relevant = words.grid, words.grid.size, words.relevant
        self._moved = words.shared
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

    def mates(self, charge: Charge) -> list[int]:
        """See `Sliding.mates`; none where no run is charged."""
        return [] if charge.run is None else self._sliding[charge.t].mates(charge.by, charge.run)

    def words_of(self, charge: Charge, crossing: Crossing) -> Hashable:
        """What the words that cross a boundary depend on, of a charge of one level."""
        if charge.run is None and charge.first not in self._moved[charge.t]:
            return charge.t, crossing
        return charge.t, crossing, charge.run, charge.first, charge.by, charge.prime

    def kind(self, charge: Charge, inside: float, passing: Passing, whole: Apart, *, alone: bool) -> int:
        """The row of the words that the innermost of a charge's boundaries brings.

        Args:
            charge: the charge.
            inside: see `Sliding.ended`.
            passing: what neighbours may pass on.
            whole: what all fanouts hand on whole.
            alone: whether fanouts are filled in one way.
        """
        charged = charge.run, inside, charge.first, charge.by, charge.prime
        key = (charge.t, passing, whole, alone, *self._sliding[charge.t].kind(*charged))
        if passing.around > 1.0:
            key += (charge.by in self._relevant[charge.t], charge.by == END, charge.prime, charge.first)
        if key not in self._kinds:
            self._kinds[key] = self._put(self._words(charge, inside, passing, whole, alone=alone))
        return self._kinds[key]

    def _words(self, charge: Charge, inside: float, passing: Passing, whole: Apart, *, alone: bool) -> Floats:
        sliding, run = self._sliding[charge.t].moved(whole, whole=alone), charge.run
        if run is None:
            words = sliding.at_once(charge.first, charge.prime)
        elif charge.by == END:
            words = sliding.at_the_end(run, inside)
        else:
            words = sliding.ended(run, inside, charge.by, charge.prime)
        if passing.around == 1.0:
            return words
        if run is None:
            least = sliding.at_once(charge.first, charge.prime, may_serve=True) / passing.most
        else:
            most, around = (np.full(self._size, n) for n in (passing.most, passing.around))
            if (served := passing.served) is not None:
                after, within = sliding.may_serve(run, inside, charge.by, charge.prime, served.beside)
                most = np.where(served.may_be(self.grid.tiles) | within, passing.most, 1.0)
                around = np.where(after, passing.around, 1.0)
            least = sliding.shared_out(run, inside, words, most, around)
        if passing.is_dense:
            together = self._sliding[charge.t].moved(passing.whole, whole=False)
            new = together.new(run, inside, charge.first, charge.by, charge.prime, apart=passing.is_apart)
            least = np.maximum(least, new)
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
    """The prices of a stage's charges: all parts, which of them each charge consists of, and what these are for.

    Parts of the same words are alike: ``different`` has one of each kind with its charge, ``alike`` says which it is.
    """

    price: Price
    part: Ints
    first: Ints
    crossings: tuple[Crossing, ...]
    passing: Floats
    different: list[tuple[Charge, int]]
    alike: Ints


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
        passing = prices.passing[:, :, ways].max(axis=2)[prices.part]
        key = stage, prices.crossings, prices.first.tobytes(), passing.tobytes(), self._what_counts(stage, ways)
        if key not in self._bank.asked:
            passed, aparts = passing.tolist(), Aparts()
            different = [
                self._kind(charge, ways, prices.crossings[part], tuple(passed[part]), aparts)
                for charge, part in prices.different
            ]
            self._bank.asked[key] = np.array(different, dtype=np.int64)[prices.alike]
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
        price, passing, crossings, part, first = [empty], [empty[:, :2]], list[Crossing](), list[int](), [0]
        owners: list[Charge] = []
        for c in stage.charges:
            prices, some, passed = self.prices.moved(c.t, c.child, c.parent, c.level, c.first)
            if id(prices) not in held:
                held[id(prices)] = sum(map(len, price))
                price.append(prices)
                passing.append(passed)
            part += range(held[id(prices)], held[id(prices)] + len(prices))
            owners += [c] * len(prices)
            crossings += some
            first.append(len(part))
        numbers = np.array(part, dtype=np.int64), np.array(first, dtype=np.int64)
        found: dict[Hashable, int] = {}
        alike = [found.setdefault(key, len(found)) for key in map(self._bank.words_of, owners, crossings)]
        places = np.unique(np.array(alike, dtype=np.int64), return_index=True)[1].tolist()
        different = [(self._with_loops(owners[place]), place) for place in places]
        return _Prices(
            np.concatenate(price), *numbers, tuple(crossings), np.concatenate(passing), different,
            np.array(alike, dtype=np.int64),
        )  # fmt: skip

    def _with_loops(self, charge: Charge) -> Charge:
        """A charge that says how many loops its run may consist of."""
        if (run := charge.run) is None:
            return charge
        own = [dims for slot, dims in self._slots if not slot.spatial and run.child < slot.level <= charge.level]
        return replace(charge, run=replace(run, loops=sum(run.d in dims for dims in own)))

    def _kind(self, charge: Charge, ways: Ints, crossing: Crossing, passing: Passed, aparts: Aparts) -> int:
        run, inside = charge.run, 1.0
        if run is not None:
            most, child, d = self.prices.most_along, run.child, run.d
            inside = most(child, charge.level, d, ways)
            if not run.of_two:
                spanned = self._inside[child][d] * most(-1, charge.level, d, ways)
                inside = min(spanned, self._bank.longest(charge.t, child, d) * inside)
        whole = self._whole(charge, crossing.child, crossing.parent, ways, aparts)
        passed = self._passing(charge, ways, crossing, passing, aparts)
        return self._bank.kind(charge, inside, passed, whole, alone=len(ways) == 1)

    def _passing(self, charge: Charge, ways: Ints, crossing: Crossing, passed: Passed, aparts: Aparts) -> Passing:
        if passed == (1.0, 1.0):
            return Passing()
        child, run, served_ = crossing.child, charge.run, None
        last = self.prices.last_waiting(charge.t, child, crossing.parent, charge.level)
        is_apart = all(self.prices.most_along(child, last + 1, d, ways) == 1.0 for d in self._bank.mates(charge))
        if run is not None and len(ways) == 1 and last == child and self.prices.fillings.arrays is None:
            longest = self._inside[child][run.d]
            served_ = served(self.prices, self._slots, charge.t, child, run, charge.level, int(ways[0]), longest)
        whole = self._whole(charge, last + 1, crossing.parent, ways, aparts)
        is_dense = self.prices.words.is_dense(charge.t, charge.first)
        return Passing(*passed, is_dense, is_apart, whole, served_)

    def _whole(self, charge: Charge, child: int, parent: int, ways: Ints, aparts: Aparts) -> Apart:
        """What is handed on whole (see `Prices.apart`)."""
        words, t = self.prices.words, charge.t
        if not words.shared[t] and not words.spaced[t]:
            return NOT_APART
        key = t, child, parent, charge.level
        if key not in aparts:
            every = self.prices.apart(*key)[ways]
            shift = int(self._bank.grid.index(np.gcd.reduce(every, axis=0)[None])[0])
            aparts[key] = Apart(shift, words.lesser_of(t, every))
        return aparts[key]
