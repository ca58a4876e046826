"""The conditions that data spaces are in on a path, and what steps do to them, whatever the fanouts hold.

A path leads from the tile of a MAC to the whole problem, slot by slot, and within a slot prime by prime. On its way
every data space is in one of three conditions:

* it *waits*: no loop that moves it has been met since a level that keeps it; a step along a dimension that it has will;
* it *slides*: the innermost loop that moves it runs along a rank that it shares with another dimension (see `sliding`).
  Further steps along that dimension lengthen the run, a step along any other one ends it, and so does the slot;
* it is *settled*: what crosses the boundary is charged, and the level that gives it is chosen. There it waits again.

The order of the steps is the order of the loops. Steps of one dimension that do not follow each other stand for
mappings with more loops than there are; those never cost less than loops that do.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from flexloop.embedded.mapper.paths.grid import Ints
from flexloop.embedded.mapper.paths.keeping import BYPASSED, KEPT, NOWHERE, Keeping
from flexloop.embedded.mapper.paths.runs import Run
from flexloop.embedded.mapper.slots import Slot

WAITS, SLIDES, SETTLED = range(3)
Condition = tuple[int, ...]
"""(WAITS, child), (SLIDES, child, dimension, whether two steps so far) or (SETTLED, the level that gives)."""
Profile = tuple[Condition, ...]
"""The condition of every data space."""
END, FREE = -1, -2
"""In place of an axis: the end of a slot. In place of what comes after: nothing changes."""


@dataclass(frozen=True)
class Charge:
    """What is charged for the boundaries of a data space that a step settles.

    Attributes:
        t: the data space.
        child: the innermost level whose tile has not moved yet.
        parent: the level that gives the outermost of the waiting levels its words.
        level: where the loop stands.
        first: the dimension of the innermost loop that moves the tile.
        run: the run that ends here, or None.
        by: the dimension of the loop that ends it, or `END`.
        prime: a factor of that loop's iterations.
    """

    t: int
    child: int
    parent: int
    level: int
    first: int
    run: Run | None = None
    by: int = END
    prime: int = 0


Levels = tuple[tuple[int, ...], ...]
After = tuple[Profile, tuple[Charge, ...]]
"""A profile that a step leads to, and what is charged for it."""


@dataclass(eq=False)
class Stage:
    """Some loops of a slot that may stand in any order, or the end of a slot.

    Attributes:
        slot: the slot.
        dims: dimensions of the loops; none at the end of a slot.
        rows: the profiles inside, in an order in which steps lead to earlier ones.
        table: [rows + 1, 3] for each the same profile's row outside (-1: none), the first of its moves, and 0.
        moves: [moves, 2 + data spaces] the axis of a step or `END`; the row after it (outside at the end of a slot),
            or `FREE`; the charges, or -1.
        charges: what these are.
    """

    slot: int
    dims: tuple[int, ...]
    rows: list[Profile]
    table: Ints
    moves: Ints
    charges: list[Charge]


@dataclass
class Keeps:
    """What a level keeps.

    Attributes:
        rows: the profiles before.
        after: [rows] their rows afterwards.
        kept: for each the data spaces that are kept.
    """

    rows: list[Profile]
    after: Ints
    kept: list[tuple[int, ...]]


class Transitions:
    """What steps do to the conditions of data spaces.

    Args:
        keepers: for each data space the levels that may keep it.
        relevant: for each the dimensions that move it.
        sliding: for each the dimensions along which its runs are followed.
    """

    def __init__(self, keepers: Levels, relevant: tuple[frozenset[int], ...], sliding: Levels) -> None:
        self._keepers, self._relevant, self._sliding = keepers, relevant, sliding
        self._memory: dict[tuple[int, Profile, int, int], list[After]] = {}

    def suppliers(self, t: int, level: int) -> list[Condition]:
        """The levels that may give a data space what a loop of a level settles."""
        return [(SETTLED, p) for p in self._keepers[t] if p >= level]

    def after(self, level: int, profile: Profile, d: int, prime: int) -> list[After]:
        """What a step along a dimension may do, or the end of a slot; which level gives what is settled is open."""
        key = level, profile, d, prime
        if key not in self._memory:
            change = self._ending if d == END else self._changes
            options = [list(change(t, level, condition, d, prime)) for t, condition in enumerate(profile)]
            self._memory[key] = [
                (tuple(condition for condition, _ in chosen), tuple(c for _, c in chosen if c is not None))
                for chosen in itertools.product(*options)
            ]
        return self._memory[key]

    def _ending(
        self, t: int, level: int, condition: Condition, d: int, prime: int
    ) -> Iterator[tuple[Condition, Charge | None]]:
        """At the end of a slot runs end or go on; one that the level does not end by keeping what it brings goes on."""
        yield condition, None
        if condition[0] == SLIDES and level in self._keepers[t]:
            run = Run(condition[1], condition[2], bool(condition[3]))
            yield (SETTLED, level), Charge(t, run.child, level, level, run.d, run)

    def _changes(
        self, t: int, level: int, condition: Condition, d: int, prime: int
    ) -> Iterator[tuple[Condition, Charge | None]]:
        if condition[0] == SETTLED or (condition[0] == WAITS and d not in self._relevant[t]):
            yield condition, None
        elif condition[0] == SLIDES and condition[2] == d:
            yield (SLIDES, condition[1], d, 0), None
        elif condition[0] == WAITS and d in self._sliding[t]:
            yield (SLIDES, condition[1], d, int(prime == 2)), None
        else:
            run = Run(condition[1], condition[2], bool(condition[3])) if condition[0] == SLIDES else None
            for supplier in self.suppliers(t, level):
                first = d if run is None else run.d
                yield supplier, Charge(t, condition[1], supplier[1], level, first, run, d, prime)


@lru_cache(maxsize=256)
def _transitions(keepers: Levels, relevant: tuple[frozenset[int], ...], sliding: Levels) -> Transitions:
    return Transitions(keepers, relevant, sliding)


class Steps:
    """All profiles of a mapspace and the steps between them, outermost slot first.

    Args:
        slots: the mapspace's slots.
        movable: for each slot of temporal loops the dimensions that it may have loops over.
        keeping: [levels, data spaces] what is kept, bypassed, open.
        primes: of each dimension's bound; all of them, one after the other, are the axes that steps go along.
        relevant: for each data space the dimensions that move it.
        sliding: for each those along which its runs are followed, which takes longer and bounds better.

    Attributes:
        rows: for each slot and after the last one, the profiles inside of it.
        keeps: for each slot of temporal loops what its level keeps.
        stages: for each slot of temporal loops, outermost first.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        movable: Sequence[Collection[int]],
        keeping: Keeping,
        primes: Sequence[Sequence[int]],
        relevant: tuple[frozenset[int], ...],
        sliding: Levels,
    ) -> None:
        every_axis = [(d, prime) for d, own in enumerate(primes) for prime in own]
        self._axis, self._primes, self._keeping = {a: k for k, a in enumerate(every_axis)}, primes, keeping
        self._tensors, self._sliding = range(keeping.shape[1]), sliding
        self.keepers = [[int(p) for p in np.flatnonzero(keeping[:, t] != BYPASSED)] for t in self._tensors]
        self._transitions = _transitions(tuple(map(tuple, self.keepers)), relevant, sliding)
        ends: list[Profile] = [
            tuple((WAITS, child) for child in children) for children in itertools.product(*self.keepers)
        ]
        self.rows: list[list[Profile]] = [ends]
        self.keeps: dict[int, Keeps] = {}
        self.stages: dict[int, list[Stage]] = {}
        for place in range(len(slots) - 1, -1, -1):
            slot = slots[place]
            rows = self.rows[0]
            if not slot.spatial:
                every = list(itertools.product(*(self._conditions(t, slot.level) for t in self._tensors)))
                self.keeps[place] = self._kept_at(slot.level, every, rows)
                rows = self.keeps[place].rows
                every.sort(key=_steps_left)
                self.stages[place] = []
                for dims in [(), *_groups(slot)]:
                    group = tuple(d for d in dims if d in movable[place] and primes[d])
                    if dims and not group:
                        continue
                    stage = self._stage(place, slot.level, group, every, rows)
                    if group or len(stage.moves):  # there may be nothing that the end of a slot changes
                        self.stages[place], rows = [*self.stages[place], stage], stage.rows
            self.rows.insert(0, rows)

    def _conditions(self, t: int, level: int) -> list[Condition]:
        """In what condition a data space may be inside a level's loops or within them."""
        children = [p for p in self.keepers[t] if p < level]
        waiting: list[Condition] = [(WAITS, child) for child in children]
        runs = itertools.product(children, self._sliding[t], (1, 0))
        sliding: list[Condition] = [(SLIDES, *run) for run in runs]
        return [*waiting, *sliding, *self._transitions.suppliers(t, level)]

    def _kept_at(self, level: int, every: Sequence[Profile], rows: Sequence[Profile]) -> Keeps:
        place = {profile: row for row, profile in enumerate(rows)}
        found = [(profile, self._kept(level, profile)) for profile in every]
        some = [(profile, kept) for profile, kept in found if kept is not None and kept[0] in place]
        after = np.array([place[kept[0]] for _, kept in some], dtype=np.int64)
        return Keeps([profile for profile, _ in some], after, [kept[1] for _, kept in some])

    def _kept(self, level: int, profile: Profile) -> tuple[Profile, tuple[int, ...]] | None:
        """The profile after a level keeps what it is to keep, and what that is; None where it cannot be."""
        after: list[Condition] = []
        kept = []
        for t, condition in enumerate(profile):
            always, chosen = self._keeping[level, t] == KEPT, condition == (SETTLED, level)
            if always and condition[0] != WAITS and not chosen:
                return None
            after.append((WAITS, level) if chosen else condition)
            if (always or chosen) and self._keeping[level, t] != NOWHERE:
                kept.append(t)
        return tuple(after), tuple(kept)

    def _stage(
        self, place: int, level: int, dims: tuple[int, ...], every: Sequence[Profile], outside: Sequence[Profile]
    ) -> Stage:
        before = {profile: row for row, profile in enumerate(outside)}
        inside: dict[Profile, int] = {}
        table: list[list[int]] = []
        moves: list[list[int]] = []
        charges: dict[Charge, int] = {}
        steps = [(self._axis[d, p], d, p) for d in dims for p in self._primes[d]] or [(END, END, 0)]
        for profile in every:
            here: list[list[int]] = []
            free = []
            for axis, d, prime in steps:
                found = self._transitions.after(level, profile, d, prime)
                if found == [(profile, ())]:
                    free.append([axis, FREE, *(-1 for _ in self._tensors)])
                    continue
                for after, charged in found:
                    if (row := (before if axis == END else inside).get(after)) is not None and after != profile:
                        numbers = [charges.setdefault(charge, len(charges)) for charge in charged]
                        here.append([axis, row, *numbers, *(-1 for _ in range(len(self._tensors) - len(numbers)))])
            if profile in before or here:
                inside[profile] = len(table)
                table.append([before.get(profile, -1), len(moves), 0])
                moves += here + (free if dims else [])
        table.append([-1, len(moves), 0])
        width = 2 + len(self._tensors)
        return Stage(
            place, dims, list(inside), np.array(table, dtype=np.int64),
            np.array(moves, dtype=np.int64).reshape(-1, width), list(charges),
        )  # fmt: skip


def profiles(keeping: Keeping, moving: Sequence[Sequence[int]]) -> int:
    """How many profiles there may be at once, given how many dimensions move each data space in its ranks."""
    counts = []
    for t, ranks in enumerate(moving):
        levels = int((keeping[:, t] != BYPASSED).sum())
        counts.append(levels * (1 + 2 * sum(count for count in ranks if count == 2)))
    return prod(counts)


def _steps_left(profile: Profile) -> int:
    """How many steps a profile is from having everything settled."""
    left = {WAITS: 3, SETTLED: 0}
    return sum(left.get(condition[0], 1 + condition[-1]) for condition in profile)


def _groups(slot: Slot) -> list[tuple[int, ...]]:
    """The dimensions of a slot's loops in groups, outermost first; within a group their order is free."""
    if not slot.counted:
        return [(*slot.prefix, *slot.middle, *slot.suffix)]
    return [*((d,) for d in reversed(slot.suffix)), slot.middle, *((d,) for d in reversed(slot.prefix))]
