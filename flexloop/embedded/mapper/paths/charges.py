"""What the steps of a path are charged: the prices of kinds of words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flexloop.embedded.mapper.paths.bank import Bank, Given, Passing
from flexloop.embedded.mapper.paths.conditions import Charge, Stage
from flexloop.embedded.mapper.paths.grid import Floats, Ints
from flexloop.embedded.mapper.paths.keeping import Crossing
from flexloop.embedded.mapper.paths.kernels import priced
from flexloop.embedded.mapper.paths.neighbours import served
from flexloop.embedded.mapper.paths.prices import Prices
from flexloop.embedded.mapper.paths.rows import Price, least_of
from flexloop.embedded.mapper.paths.runs import NOT_APART, Apart, Run
from flexloop.embedded.mapper.slots import Slot

Passed = tuple[float, float]
"""How many children may pass on to each other what the first loop brings, and what loops further out do."""
Aparts = dict[tuple[int, ...], Apart]


@dataclass(frozen=True, eq=False)
class _Prices:
    """The prices of a stage's charges: all parts, which of them each charge consists of, and what these are for.

    Parts of the same words are alike: ``different`` has one of each kind with its charge, ``alike`` says which it is.
    Some of these words fanouts and neighbours do the same with: ``same`` says which, by one of its parts.
    """

    price: Price
    part: Ints
    first: Ints
    crossings: tuple[Crossing, ...]
    passing: Floats
    different: list[tuple[Charge, int]]
    same: list[int]
    alike: Ints


class Charges:
    """What the charges of all stages cost.

    Args:
        bank: words.
        prices: of words.
        slots: the mapspace's, each with the dimensions that it may have loops over.
    """

    def __init__(self, bank: Bank, prices: Prices, slots: Sequence[tuple[Slot, frozenset[int]]]) -> None:
        self.prices, self._slots, self._bank = prices, slots, bank
        self._extents = tuple(slot.extent for slot, _ in slots)
        self._stages: dict[int, _Prices] = {}
        self._runs: dict[tuple[Run, int], Run] = {}

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
        bank, places = self._bank.near(places, len(found.different))
        which = self._kinds(stage, found, ways, bank)
        costs, here = np.empty((len(stage.charges), len(places))), np.empty(len(places))
        priced(bank.rows, which, places, found.first, least_of(found.price, ways)[found.part], here, costs)
        return costs

    def _kinds(self, stage: Stage, prices: _Prices, ways: Ints, bank: Bank) -> Ints:
        """[parts] the kinds of words of a stage's parts, in some ways to fill the fanouts."""
        passing = prices.passing[:, :, ways].max(axis=2)[prices.part]
        key = stage, prices.crossings, prices.first.tobytes(), passing.tobytes(), self._what_counts(stage, ways)
        if key not in bank.asked:
            passed, aparts, asked = passing.tolist(), Aparts(), dict[int, tuple[float, Given]]()
            different = []
            for (charge, part), same in zip(prices.different, prices.same, strict=True):
                if same not in asked:
                    asked[same] = self._asked(charge, ways, prices.crossings[part], tuple(passed[part]), aparts, bank)
                different.append(bank.kind(charge, *asked[same]))
            bank.asked[key] = np.array(different, dtype=np.int64)[prices.alike]
        return bank.asked[key]

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
        asked: dict[Hashable, int] = {}
        same = [
            asked.setdefault((c.t, c.child, c.parent, c.level, c.first, c.run, crossings[place]), place)
            for c, place in different
        ]
        return _Prices(
            np.concatenate(price), *numbers, tuple(crossings), np.concatenate(passing), different, same,
            np.array(alike, dtype=np.int64),
        )  # fmt: skip

    def _with_loops(self, charge: Charge) -> Charge:
        """A charge that says how many loops its run may consist of."""
        if (run := charge.run) is None:
            return charge
        key = run, charge.level
        if key not in self._runs:
            own = [dims for slot, dims in self._slots if not slot.spatial and run.child < slot.level <= charge.level]
            self._runs[key] = replace(run, loops=sum(run.d in dims for dims in own))
        return replace(charge, run=self._runs[key])

    def _asked(
        self, charge: Charge, ways: Ints, crossing: Crossing, passing: Passed, aparts: Aparts, bank: Bank
    ) -> tuple[float, Given]:
        """What a bank is asked of a charge, whatever ends its run, see `Bank.kind`."""
        run, inside = charge.run, 1.0
        if run is not None:
            most, child, d = self.prices.most_along, run.child, run.d
            inside = most(child, charge.level, d, ways)
            if not run.of_two:
                spanned = self.prices.inside[child][d] * most(-1, charge.level, d, ways)
                inside = min(spanned, self._bank.longest(charge.t, child, d) * inside)
        whole = self._whole(charge, crossing.child, crossing.parent, ways, aparts)
        passed = self._passing(charge, ways, crossing, passing, aparts)
        return inside, bank.given(charge.t, passed, whole, alone=len(ways) == 1)

    def _passing(self, charge: Charge, ways: Ints, crossing: Crossing, passed: Passed, aparts: Aparts) -> Passing:
        if passed == (1.0, 1.0):
            return Passing()
        child, run, served_ = crossing.child, charge.run, None
        last = self.prices.last_waiting(charge.t, child, crossing.parent, charge.level)
        shared = self.prices.words.shared[charge.t] if run is not None else ()
        single = frozenset(d for d in shared if self.prices.most_along(child, last + 1, d, ways) == 1.0)
        if run is not None and len(ways) == 1 and last == child:
            served_ = served(self.prices, self._slots, charge.t, crossing, run, charge.level, int(ways[0]))
        whole = self._whole(charge, last + 1, crossing.parent, ways, aparts)
        is_dense = self.prices.words.is_dense(charge.t, charge.first)
        return Passing(*passed, is_dense, single, whole, served_)

    def _whole(self, charge: Charge, child: int, parent: int, ways: Ints, aparts: Aparts) -> Apart:
        """What is handed on whole (see `Prices.apart`)."""
        words, t = self.prices.words, charge.t
        if not words.shared[t] and not words.spaced[t]:
            return NOT_APART
        boundary = t, child, parent, charge.level
        key = *boundary, charge.run is None
        if key not in aparts:
            every = self.prices.apart(*boundary)[ways]
            shift = self._bank.grid.place(np.gcd.reduce(every, axis=0).tolist())
            is_one = len(ways) == 1 and charge.run is None and self._is_one(*boundary, int(ways[0]))
            aparts[key] = Apart(shift, self.prices.lesser_of(t, child, every, ways), is_one)
        return aparts[key]

    def _is_one(self, t: int, child: int, parent: int, level: int, way: int) -> bool:
        """Whether what is handed on whole is one tile of a child, fanouts being filled in one way."""
        prices, words = self.prices, self.prices.words
        among = [p for p in prices.fillings.by_level if child < p <= min(level, parent)]
        is_plain = words.shares.are_whole and not words.facts.tensors[t].is_diagonal
        is_child = prices.last_waiting(t, child, parent, level) == child
        return is_plain and is_child and not any(prices.pairs(t, p)[way].any() for p in among)
