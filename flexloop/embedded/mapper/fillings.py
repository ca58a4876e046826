"""How the loops of a mapspace may lie on its fanouts: what each can hold, and every way to fill them all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats, Ints, told_apart
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.slots import Slot, every_arrangement
from flexloop.integers import divisors

Filling = dict[int, tuple[int, ...]]
"""The factor of each dimension in each fanout, by slot."""
_AT_ONCE = 1_000_000
"""Factors that are tried at once."""
_NONE = np.empty(0, dtype=np.int64)
Ranks = tuple[tuple[tuple[int, int], ...], ...]


class Joined(NamedTuple):
    """Fanouts that are taken for one.

    Attributes:
        every: the ways to fill them all.
        kind: [those ways] what they multiply to, as one of the ways to fill the fewer fanouts.
        innermost: for each fanout the innermost that it is one with.
    """

    every: Fillings
    kind: Ints
    innermost: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Fillings:
    """Ways to fill all fanouts.

    Attributes:
        slots: the fanouts' slots.
        levels: the level above each.
        factors: [ways, fanouts, dimensions].
        arrays: [ways, arrays] which of several arrays hold each way, where there are several.
        joined: the fanouts that are taken for one, where there are such.
    """

    slots: tuple[int, ...]
    levels: tuple[int, ...]
    factors: Ints
    arrays: Bools | None = None
    joined: Joined | None = None

    @classmethod
    def of(cls, choices: Choices, ways: Sequence[Filling]) -> Fillings:
        """Ways that are given one by one."""
        slots = tuple(choices.spatial.values())
        factors = np.array([[way[place] for place in slots] for way in ways], dtype=np.int64)
        levels = tuple(choices.spatial)
        return cls(slots, levels, factors.reshape(len(ways), len(slots), len(choices.dimensions)))

    def __len__(self) -> int:
        return len(self.factors)

    def some(self, ways: Ints) -> Fillings:
        """Some of them alone."""
        arrays, joined = None if self.arrays is None else self.arrays[ways], None
        if self.joined is not None:
            every, kind, innermost = self.joined
            number = np.full(len(self), -1)
            number[ways] = np.arange(len(ways))
            held = np.flatnonzero(number[kind] >= 0)
            joined = Joined(every.some(held), number[kind[held]], innermost)
        return Fillings(self.slots, self.levels, self.factors[ways], arrays, joined)

    def join(self, innermost: tuple[int, ...]) -> Fillings:
        """The ways to fill the fanouts were some of them one; for each, the innermost that it is one with is given."""
        factors = np.ones_like(self.factors)
        for fanout, inner in enumerate(innermost):
            factors[:, inner] *= self.factors[:, fanout]
        first, kind = told_apart(factors.reshape(len(self), -1))
        return Fillings(self.slots, self.levels, factors[first], joined=Joined(self, kind, innermost))

    def limits(self, factors: tuple[int, ...]) -> tuple[int, ...]:
        """The least or the greatest factors of a dimension in all slots, where some fanouts are taken for one."""
        found = list(factors)
        for fanout, inner in enumerate(self.joined.innermost if self.joined is not None else ()):
            if inner < fanout:
                found[self.slots[inner]] *= found[self.slots[fanout]]
                found[self.slots[fanout]] = 1
        return tuple(found)

    def apart(self, way: int) -> Fillings:
        """The ways that one stands for where some fanouts are taken for one."""
        assert self.joined is not None
        return self.joined.every.some(np.flatnonzero(self.joined.kind == way))

    def factors_below(self, level: int, way: int) -> list[tuple[int, ...]]:
        """The factors that the fanout below a level may have in one way: several where fanouts are taken for one."""
        place = self.levels.index(level)
        if self.joined is None:
            return [tuple(self.factors[way, place].tolist())]
        rows = self.joined.every.factors[self.joined.kind == way, place]
        return [tuple(row) for row in np.unique(rows, axis=0).tolist()]

    def on(self, choices: Choices, ways: Ints) -> tuple[Fillings, Ints]:
        """Some of them on one of the arrays, which may lack fanouts, and which these are."""
        if tuple(choices.spatial) == self.levels:
            return self._of_one, ways
        fanouts = [self.levels.index(level) for level in choices.spatial]
        slots = tuple(choices.spatial.values()), tuple(choices.spatial)
        return Fillings(*slots, self.factors[ways][:, fanouts]), np.arange(len(ways))

    @cached_property
    def _of_one(self) -> Fillings:
        """The same on an array that holds them."""
        return Fillings(self.slots, self.levels, self.factors)

    def one(self, way: int) -> Filling:
        """One of them."""
        return {slot: tuple(row) for slot, row in zip(self.slots, self.factors[way].tolist(), strict=True)}

    @cached_property
    def by_level(self) -> dict[int, Floats]:
        """[ways, dimensions] the factors of the fanout below each level that has one."""
        return {level: self.factors[:, i].astype(np.float64) for i, level in enumerate(self.levels)}

    @cached_property
    def lanes(self) -> Ints:
        """[ways] how many MACs work at once."""
        return np.asarray(self.factors.prod(axis=(1, 2)))

    def halved(self, ways: Ints, tensors: Sequence[Ranks]) -> tuple[Ints, Ints]:
        """Some of the ways in two parts that differ in what costs most: how often fanouts repeat a data space."""
        columns = _what_costs(self, tuple(tensors))[:, ways]
        widest = columns[np.argmax(columns.max(axis=1) / columns.min(axis=1))]
        order = np.argsort(widest, kind="stable")
        place = np.searchsorted(widest[order], np.sqrt(widest.max() * widest.min()), side="right")
        cut = int(place) if 0 < place < len(ways) else len(ways) // 2
        return ways[order[:cut]], ways[order[cut:]]


@lru_cache(maxsize=32)
def _what_costs(fillings: Fillings, tensors: tuple[Ranks, ...]) -> Floats:
    """[figures, ways]: how often each fanout repeats each data space, and the factors of each dimension."""
    moving = [{d for rank in ranks for d, _ in rank} for ranks in tensors]
    still = [[d for d in range(fillings.factors.shape[2]) if d not in dims] for dims in moving]
    repeats = [factors[:, dims].prod(axis=1) for factors in fillings.by_level.values() for dims in still]
    return np.array([*repeats, *fillings.factors.prod(axis=1, dtype=np.float64).T])


def every_filling(
    choices: Choices, bounds: Sequence[int], most: int, deadline: Deadline | None = None, rooms: Ints | None = None
) -> Fillings | None:
    """Every way to fill the fanouts, or None where there are more than ``most`` (TimeUp at the deadline).

    Args:
        choices: the mapspace's slots.
        bounds: of the dimensions.
        most: ways.
        deadline: when to give up.
        rooms: [arrays, fanouts] how many children those of several arrays have, if that alone tells what they hold.
    """
    slots = tuple(choices.spatial.values())
    found = np.empty((1, 0, len(bounds)), dtype=np.int64)
    left = np.array([bounds], dtype=np.int64)
    known = np.array([[prod(choices.slots[place].extent) for place in slots]]) if rooms is None else rooms
    arrays = np.ones((1, len(known)), dtype=np.bool_)
    for number, place in enumerate(slots):
        factors = fanout_factors(choices, place, bounds, most, deadline)
        if factors is None:
            return None
        factors = factors[np.argsort(factors.prod(axis=1), kind="stable")]
        children, room = factors.prod(axis=1), np.where(arrays, known[:, number], 0).max(axis=1)
        first, which = told_apart(np.concatenate([left, room[:, None]], axis=1))
        held = np.searchsorted(children, room[first], side="right")
        fitting = _dividing(left[first], factors, held, deadline)
        ways = [fitting[kind] for kind in which]
        rows, chosen = np.repeat(np.arange(len(ways)), [len(some) for some in ways]), np.concatenate([_NONE, *ways])
        if len(rows) > most:
            return None
        arrays = arrays[rows] & (children[chosen, None] <= known[:, number])
        found = np.concatenate([found[rows], factors[chosen][:, None]], axis=1)
        left = left[rows] // factors[chosen]
    fills = choices.imperfect.may_fill(found)
    return Fillings(slots, tuple(choices.spatial), found[fills], None if rooms is None else arrays[fills])


def _dividing(left: Ints, factors: Ints, held: Ints, deadline: Deadline | None) -> list[Ints]:
    """For each row of what is left of the dimensions which of so many first factors [n, dimensions] divide it."""
    found, rows = list[Ints](), max(_AT_ONCE // max(len(factors), 1), 1)
    for start in range(0, len(left), rows):
        if deadline is not None:
            deadline.check()
        some = slice(start, start + rows)
        divides = np.arange(len(factors)) < held[some, None]
        for d in np.flatnonzero((factors > 1).any(axis=0)):
            divides &= left[some, d, None] % factors[:, d] == 0
        found += [np.flatnonzero(row) for row in divides]
    return found


def fanout_factors(
    choices: Choices, place: int, bounds: Sequence[int], most: int, deadline: Deadline | None = None
) -> Ints | None:
    """[ways, dimensions] every way to fill one fanout, or None where there are more than ``most``.

    Raises:
        TimeUp: at the deadline.
    """
    slot = choices.slots[place]
    lows, highs = choices.limits[0][place].tolist(), choices.limits[1][place].tolist()
    options = [[f for f in divisors(n) if low <= f <= high] for n, low, high in zip(bounds, lows, highs, strict=True)]
    for d, known in choices.imperfect.factors_of(place):
        options[d] = [f for f in options[d] if f in known]
    any_order = told_by_room(slot)
    found: list[tuple[int, ...]] = []
    for factors in _within(options, prod(slot.extent)):
        if deadline is not None:
            deadline.check()
        if any_order or _fits(slot, factors):
            found.append(factors)
        if len(found) > most:
            return None
    return np.array(found, dtype=np.int64).reshape(len(found), len(bounds))


def told_by_room(slot: Slot) -> bool:
    """Whether a fanout holds any loops that need no more than its children: in one row, where a split may put all."""
    (x, y), dims = slot.extent, len(slot.prefix) + len(slot.middle) + len(slot.suffix)
    return min(x, y) == 1 and (slot.split is None or (x == 1 and slot.split == 0) or (y == 1 and slot.split >= dims))


def _fits(slot: Slot, factors: Sequence[int]) -> bool:
    """Whether a fanout's extents hold loops of some factors."""
    if slot.split is None and not slot.prefix and not slot.suffix:
        return _fit(tuple(sorted(factor for factor in factors if factor > 1)), *slot.extent)
    return slot.placed(factors) is not None


@lru_cache(maxsize=4096)
def _fit(factors: tuple[int, ...], x: int, y: int) -> bool:
    """Whether some factors can be parted in two products that are no more than two numbers."""
    if not factors:
        return True
    first, *rest = factors
    return any(first <= n and _fit(tuple(rest), *left) for n, left in ((x, (x // first, y)), (y, (x, y // first))))


def _within(options: Sequence[Sequence[int]], room: int) -> Iterator[tuple[int, ...]]:
    """Every choice of one factor from each dimension whose product is at most ``room``."""
    if not options:
        yield ()
        return
    for factor in itertools.takewhile(lambda f: f <= room, options[0]):
        for rest in _within(options[1:], room // factor):
            yield (factor, *rest)


MOST_LOOPS = 7
"""Loops of a fanout of which all orders are listed; of more only one order is."""


@lru_cache(maxsize=1024)
def arrangements(slot: Slot, loops: tuple[tuple[int, int], ...], *, all_orders: bool) -> tuple[Ints, Ints]:
    """The arrangements of a fanout's loops > 1 that fit its extents; one of them unless their order matters."""
    factors = np.ones(len(slot.prefix) + len(slot.middle) + len(slot.suffix), dtype=np.int64)
    for d, factor in loops:
        factors[d] = factor
    return (fitting if all_orders and len(loops) <= MOST_LOOPS else one_fitting)(slot, factors)


def one_fitting(slot: Slot, factors: Ints) -> tuple[Ints, Ints]:
    """One arrangement of a fanout's loops that fits its extents, or none: orders [k, dimensions] and splits [k]."""
    placed = slot.placed(factors.tolist())
    found = [] if placed is None else [placed]
    orders = np.array([order for order, _ in found], dtype=np.int64).reshape(len(found), len(factors))
    return orders, np.array([split for _, split in found], dtype=np.int64)


def fitting(slot: Slot, factors: Ints) -> tuple[Ints, Ints]:
    """Every arrangement of a fanout's loops > 1 that fits its extents: orders [k, dimensions] and splits [k]."""
    orders, splits = every_arrangement(slot, frozenset(np.flatnonzero(factors > 1).tolist()))
    on_x = np.arange(orders.shape[1]) < splits[:, None]
    x, y = np.where(on_x, factors[orders], 1).prod(axis=1), np.where(on_x, 1, factors[orders]).prod(axis=1)
    rows = np.flatnonzero((x <= slot.extent[0]) & (y <= slot.extent[1]))
    return orders[rows], splits[rows]
