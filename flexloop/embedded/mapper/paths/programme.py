"""The least energy from every slot on, outermost first: a dynamic programme over tiles and profiles (`conditions`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import inf, prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.paths.bank import Bank
from flexloop.embedded.mapper.paths.blend import Blend
from flexloop.embedded.mapper.paths.charges import Charges
from flexloop.embedded.mapper.paths.conditions import SETTLED, Stage, Steps
from flexloop.embedded.mapper.paths.grid import Floats, Ints, Row, Window, spans
from flexloop.embedded.mapper.paths.keeping import KEPT
from flexloop.embedded.mapper.paths.kernels import ALIVE, Fanouts, Tiles, through, through_fanout
from flexloop.embedded.mapper.paths.words import Words
from flexloop.embedded.mapper.slots import Slot

Masks = list[npt.NDArray[np.bool_]]
FOLLOWED = 8_000_000
"""Values at a time of which those of all slots are kept, and for which runs along shared ranks are followed."""
TRACED = 4_000_000
"""Values at a time of which those within slots are kept too, for a path to be traced."""
LONG = 1_000_000
"""Values at a time for which a programme takes long."""
_MASKS = 256
"""Products of the fanouts' factors for which it is kept which tiles are reached."""


@dataclass(frozen=True, eq=False)
class Ways:
    """What the paths of all ways to fill the fanouts have in common.

    Attributes:
        slots: the mapspace's.
        limits: for each dimension the least and the greatest factors in the slots.
        words: of the tiles.
        keeping: [levels][data spaces] what is kept, bypassed, open.
        steps: between the tiles' profiles.
        profiles: how many of them there may be at once.
        bank: kinds of words.
    """

    slots: tuple[Slot, ...]
    limits: tuple[tuple[Row, Row], ...]
    words: Words
    keeping: tuple[Row, ...]
    steps: Steps
    profiles: int
    bank: Bank
    _masks: dict[Row, Masks] = field(default_factory=dict)

    @cached_property
    def fitting(self) -> dict[int, Floats]:
        """For each slot of temporal loops [kinds, tiles] 0 where what its level keeps fits, or infinite."""
        words, found = self.words, {}
        for place, every in self._kept_at.items():
            capacity = words.facts.levels[self.slots[place].level].capacity
            sizes = [sum((words.box[t] for t in kept), start=np.zeros(words.grid.size)) for kept in every]
            found[place] = np.where(np.array(sizes).reshape(-1, words.grid.size) <= capacity, 0.0, inf)
        return found

    @cached_property
    def kinds(self) -> dict[int, Ints]:
        """For each slot of temporal loops [rows] which of the kinds holds."""
        return {
            place: np.array([self._kept_at[place].index(kept) for kept in keeps.kept], dtype=np.int64)
            for place, keeps in self.steps.keeps.items()
        }

    @cached_property
    def _kept_at(self) -> dict[int, list[tuple[int, ...]]]:
        return {place: sorted(set(keeps.kept)) for place, keeps in self.steps.keeps.items()}

    @cached_property
    def whole(self) -> Window:
        """The whole grid."""
        return self.words.grid.window((1,) * len(self.limits))

    @cached_property
    def reachable(self) -> Masks:
        """For each slot [tiles] whether the slots inside it may span a tile and the others complete it."""
        bounds = self.words.grid.bounds
        every = [spans(bound, low, high) for bound, (low, high) in zip(bounds, self.limits, strict=True)]
        return [self.words.grid.among(self.whole.index, of_slot) for of_slot in zip(*every, strict=True)]

    @cached_property
    def movable(self) -> list[tuple[Slot, frozenset[int]]]:
        """The slots, each with the dimensions that it may have loops over."""
        return [
            (slot, frozenset(d for d, (_, high) in enumerate(self.limits) if high[place] > 1))
            for place, slot in enumerate(self.slots)
        ]

    @cached_property
    def inside(self) -> list[list[float]]:
        """For each level and dimension what the loops up to the level's own may span, fanouts left out."""
        found, least = list[list[float]](), [float(bound) for bound in self.words.grid.bounds]
        for level, facts in reversed(list(enumerate(self.words.facts.levels))):
            own = [place for place, slot in enumerate(self.slots) if not slot.spatial and slot.level <= level]
            least = [
                min(most, prod(high[place] for place in own))
                for most, (_, high) in zip(least, self.limits, strict=True)
            ]
            # A tile that a level keeps has a word at least for each place along a dimension that moves it.
            kept = [
                t for t, keeping in zip(self.words.facts.tensors, self.keeping[level], strict=True) if keeping == KEPT
            ]
            for d, step in (loop for t in kept for rank in t.ranks for loop in rank):
                least[d] = min(least[d], facts.longest(step))
            found.insert(0, least)
        return found

    def reachable_in(self, window: Window, taken: Row) -> Masks:
        """The same in the window that the factors of the fanouts leave, which are given by their products."""
        if taken not in self._masks:
            if len(self._masks) > _MASKS:
                self._masks.clear()
            every = []
            for bound, factor, (low, high) in zip(self.words.grid.bounds, taken, self.limits, strict=True):
                lows = tuple(1 if slot.spatial else n for slot, n in zip(self.slots, low, strict=True))
                highs = tuple(1 if slot.spatial else n for slot, n in zip(self.slots, high, strict=True))
                every.append(spans(bound // factor, lows, highs))
            grid = self.words.grid
            self._masks[taken] = [grid.among(window.index, of_slot) for of_slot in zip(*every, strict=True)]
        return self._masks[taken]


class Programme:
    """The least energy of a mapspace with the factors of its fanouts decided, or in the best of several ways.

    With the factors decided the tiles are those of the loops that are left, the fanouts inside being multiplied in. For
    several ways every data space takes the best of them.

    Args:
        ways: profiles, steps between them, and what fits.
        charges: what steps cost.
        which: of the ways to fill the fanouts.
        most: energies (pJ) above this one are of no interest.
        deadline: when to give up, with `TimeUp`.
        may_be_traced: whether the path is wanted, if values are not too many.

    Attributes:
        steps, words: see `Ways`.
        takes_long: whether it takes long.
        is_kept: whether the values of all slots are kept, for branch and bound along paths.
        least: the least energy (pJ), MACs included.
        start: [rows] energy (pJ) of MACs and operands in each profile that a path may begin with.
        traced: whether the path may be followed: the values within slots are kept.
        window: the tiles.
        values: for each slot and after the last one [rows, tiles] the least energy from there on; slots inside one from
            which nothing can be completed are left out, and all but the innermost where they are not kept.
        within: for each slot of temporal loops the values outside of its stages and inside each, where they are kept.
    """

    def __init__(
        self, ways: Ways, charges: Charges | Blend, which: Ints, most: float = inf, deadline: Deadline | None = None,
        *, may_be_traced: bool = True,
    ) -> None:  # fmt: skip
        self.steps, self.words = ways.steps, ways.words
        self._ways, self._charges, self._which, self._deadline = ways, charges, which, deadline
        alone = len(which) == 1
        self._costs = dict[int, Floats]()
        self.window, self._offsets, reachable = self._tiles()
        self.is_kept = alone and self.window.size * ways.profiles <= FOLLOWED
        self.traced = alone and may_be_traced and self.window.size * ways.profiles <= TRACED
        self.takes_long = self.window.size * ways.profiles > LONG
        self.start = self._operands()
        limit = inf if most == inf else (most - self.start.min(initial=inf)) * (1 + 1e-9)
        self._at = Tiles(self.window.axes, self.window.ends, np.full(self.window.size, limit))
        self.within: dict[int, list[Floats]] = {}
        self.values: list[Floats] = [self._at_the_end()]
        self.least = inf
        alive = np.ones(len(self.values[0]), dtype=np.int64)
        for place in range(len(ways.slots) - 1, -1, -1):
            self._look()
            if ways.slots[place].spatial:
                values = self.values[0] if alone else self._through_fanout(place)
            else:
                values, alive = self._slot(place, alive)
            self.values.insert(0, np.where(reachable[place], values, inf))
            if not self.is_kept:
                del self.values[1:]
            if not alive.any():
                return
        self.least = float((self.start + self.values[0][:, 0]).min(initial=inf))

    def _tiles(self) -> tuple[Window, list[int], Masks]:
        """The window, how far its tiles stand from those of each slot in the grid, and which of them are reached."""
        ways, fillings = self._ways, self._charges.prices.fillings
        offsets = [0] * (len(ways.slots) + 1)
        if len(self._which) > 1:
            return ways.whole, offsets, ways.reachable
        factors = fillings.factors[self._which[0]]
        for slot, row in zip(fillings.slots, ways.words.grid.index(factors).tolist(), strict=True):
            for place in range(slot + 1, len(offsets)):
                offsets[place] += row
        taken = tuple(factors.prod(axis=0).tolist())
        window = ways.words.grid.window(taken)
        return window, offsets, ways.reachable_in(window, taken)

    @cached_property
    def beyond(self) -> list[Floats]:
        """For each slot and after the last one [tiles] the least energy from there on."""
        return [values.min(axis=0, initial=inf) for values in self.values]

    def places(self, slot: int) -> Ints:
        """[tiles] where the tiles inside of a slot stand in the grid, the fanouts inside it being multiplied in."""
        return self.window.index + self._offsets[slot]

    def index(self, slot: int, tiles: Ints) -> Ints:
        """[n]: where tiles [n, dimensions] inside of a slot stand in the window."""
        return self.window.places_of(self._ways.words.grid.index(tiles) - self._offsets[slot])

    def fitting(self, place: int) -> Floats:
        """[rows, tiles] 0 where what the level of a slot of temporal loops keeps fits, or infinite."""
        found: Floats = self._ways.fitting[place][:, self.places(place)][self._ways.kinds[place]]
        return found

    def _look(self) -> None:
        if self._deadline is not None:
            self._deadline.check()

    def _operands(self) -> Floats:
        """What the MACs cost, and what they read and write."""
        prices = self._charges.prices
        known: dict[tuple[int, int], float] = {}
        start = np.full(len(self.steps.rows[0]), float(prices.computing[self._which].min()))
        for row, profile in enumerate(self.steps.rows[0]):
            for t, condition in enumerate(profile):
                if condition[0] != SETTLED:
                    start[row] = inf
                    continue
                parent = condition[1]
                if (t, parent) not in known:
                    known[t, parent] = float(prices.operands(t, parent)[self._which].min())
                start[row] += known[t, parent]
        return start

    def _at_the_end(self) -> Floats:
        """Nothing is left but what no loop has moved."""
        rows, prices = self.steps.rows[-1], self._charges.prices
        known = {
            (t, p): float(prices.never_moved(t, p)[self._which].min())
            for t, some in enumerate(self.steps.keepers)
            for p in some
        }
        values = np.full((len(rows), self.window.size), inf)
        values[:, -1] = [sum(known[t, child] for t, (_, child) in enumerate(profile)) for profile in rows]
        return values

    def _through_fanout(self, place: int) -> Floats:
        """The values inside a fanout that has the best of several factors."""
        fillings, grid = self._charges.prices.fillings, self._ways.words.grid
        factors = fillings.factors[self._which, fillings.slots.index(place)]
        ways, first = np.unique(grid.index(factors), return_index=True)
        outside, tiles = np.ascontiguousarray(self.values[0].T), np.flatnonzero(self._ways.reachable[place])
        inside = np.full_like(outside, inf)
        codes = grid.codes.take(tiles, axis=1)
        fanouts = Fanouts(ways, grid.codes_of(factors[first]), grid.fits)
        some = np.empty((len(codes) + 1, len(tiles) + 1), dtype=np.int64)
        through_fanout(outside, tiles, codes, fanouts, some, inside)
        return np.ascontiguousarray(inside.T)

    def _slot(self, place: int, alive: Ints) -> tuple[Floats, Ints]:
        """The values inside a slot of temporal loops, and which rows have any.

        Within a slot a step at a time leads to tiles that the slots inside cannot span.
        """
        keeps, stages = self.steps.keeps[place], self.steps.stages[place]
        values, alive = self.values[0][keeps.after], alive[keeps.after]
        values += self.fitting(place)
        self.within[place] = [values] if self.traced else []
        for stage in stages:
            self._look()
            table, inside = stage.table.copy(), np.empty((len(stage.rows), self.window.size))
            through(self._at, table, stage.moves, self.costs(stage), alive, values, inside)
            values, alive = inside, np.ascontiguousarray(table[:-1, ALIVE])
            if self.traced:
                self.within[place].append(values)
        return values, alive

    def costs(self, stage: Stage) -> Floats:
        """[charges, tiles]: what is charged in a stage (pJ)."""
        found = self._costs.get(id(stage))
        if found is None:
            found = self._charges.costs(stage, self._which, self.places(stage.slot))
            if self.traced:
                self._costs[id(stage)] = found
        return found
