"""Slots, the places of a mapspace where loops stand, and mappings as they fill them.

A *slot* is a level's temporal loops, or the fanout below one. Slots run inner to outer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, prod

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Ints, Rows


@dataclass(frozen=True)
class Genomes:
    """A batch of n mappings as Timeloop parametrises them.

    Attributes:
        factors: [n, slots, dimensions].
        orders: [n, slots, dimensions], dimensions from the innermost outwards, unit loops included.
        splits: [n, slots], how many dimensions of a fanout's order lie on X; 0 for temporal slots.
        keep: [n, levels, data spaces].
    """

    factors: Ints
    orders: Ints
    splits: Ints
    keep: Bools

    def __len__(self) -> int:
        return len(self.factors)

    def take(self, rows: Rows | slice) -> Genomes:
        """The chosen rows."""
        return Genomes(self.factors[rows], self.orders[rows], self.splits[rows], self.keep[rows])

    def on_x(self) -> Bools:
        """[n, slots, dimensions]: whether a fanout's loop over the dimension lies on X."""
        position = np.argsort(self.orders, axis=2)
        return position < self.splits[:, :, None]


def concatenate(parts: Sequence[Genomes]) -> Genomes:
    """Batches one after the other."""
    return Genomes(
        np.concatenate([p.factors for p in parts]),
        np.concatenate([p.orders for p in parts]),
        np.concatenate([p.splits for p in parts]),
        np.concatenate([p.keep for p in parts]),
    )


@dataclass(frozen=True)
class Slot:
    """A place for loops: a level's temporal loops, or the fanout below it with its extents and its order's rule.

    Attributes:
        level: index of the storage level, innermost first.
        spatial: whether this is the fanout below the level.
        extent: instances along X and Y; (1, 1) for temporal slots.
        prefix, middle, suffix: dimensions pinned innermost, free, and pinned outermost.
        split: the pinned split, or None.
        counted: whether the order of its loops can change a cost.
    """

    level: int
    spatial: bool
    extent: tuple[int, int]
    prefix: tuple[int, ...]
    middle: tuple[int, ...]
    suffix: tuple[int, ...]
    split: int | None
    counted: bool

    def order_count(self, middle: int, total: int) -> int:
        """Distinct orders and splits of ``total`` loops > 1, ``middle`` of them free to move."""
        orders = factorial(middle) if self.counted else 1
        return orders * (len(self._x_counts(middle, total)) if self.spatial else 1)

    def _x_counts(self, middle: int, total: int) -> range:
        """How many free loops a split may put on X (split pinned), or loops at all (split free)."""
        if self.split is None:
            return range(total + 1)
        reach = self.split - len(self.prefix)
        if reach <= 0 or reach >= len(self.middle):
            return range(1)
        units = len(self.middle) - middle
        return range(max(0, reach - units), min(reach, middle) + 1)

    def arrangements(self, moving: frozenset[int]) -> tuple[Ints, Ints]:
        """Every distinct order of the loops > 1, as orders of all dimensions [k, dimensions], and splits [k]."""
        free = [d for d in self.middle if d in moving]
        idle = [d for d in self.middle if d not in moving]
        listed = itertools.permutations(free) if self.counted else [tuple(free)]
        loops = np.array(list(listed), dtype=np.int64)
        orders, splits = [], []
        for x in self._x_counts(len(free), len(moving)) if self.spatial else range(1):
            first, split = self._arrange(free, idle, x, moving)
            order = np.tile(np.array(first, dtype=np.int64), (len(loops), 1))
            order[:, [first.index(d) for d in free]] = loops
            orders.append(order)
            splits.append(np.full(len(loops), split, dtype=np.int64))
        dims = len(self.prefix) + len(self.middle) + len(self.suffix)
        return np.stack(orders, axis=1).reshape(-1, dims), np.stack(splits, axis=1).ravel()

    def placed(self, factors: Sequence[int]) -> tuple[tuple[int, ...], int] | None:
        """An order and a split with which the loops of these factors fit the extents, or None where none does."""
        moving = frozenset(d for d, factor in enumerate(factors) if factor > 1)
        free = [d for d in self.middle if d in moving]
        idle = [d for d in self.middle if d not in moving]
        for chosen, x in self._shares_of_x(free, moving):
            loops = (*chosen, *(d for d in free if d not in chosen))
            order, split = self._arrange(loops, idle, x, moving)
            on_x, on_y = prod(factors[d] for d in order[:split]), prod(factors[d] for d in order[split:])
            if not self.spatial or (on_x <= self.extent[0] and on_y <= self.extent[1]):
                return order, split
        return None

    def _shares_of_x(self, free: Sequence[int], moving: frozenset[int]) -> Iterator[tuple[Sequence[int], int]]:
        """What may lie on X: free loops > 1, and how many loops > 1 a split puts there, see `_x_counts`."""
        if not self.spatial:
            yield free, 0
            return
        counts = self._x_counts(len(free), len(moving))
        before = sum(d in moving for d in self.prefix) if self.split is None else 0
        for x in reversed(counts):
            inside = min(max(x - before, 0), len(free))
            # Outside the free loops a split leaves no choice of what lies on X.
            for chosen in itertools.combinations(free, inside):
                yield chosen, x

    def _arrange(
        self, loops: Sequence[int], idle: Sequence[int], x: int, moving: frozenset[int]
    ) -> tuple[tuple[int, ...], int]:
        if not self.spatial:
            return (*self.prefix, *loops, *idle, *self.suffix), 0
        if self.split is None:
            order = (*self.prefix, *loops, *idle, *self.suffix)
            seen = itertools.accumulate((d in moving for d in order), initial=0)
            return order, next(position for position, count in enumerate(seen) if count == x)
        reach = self.split - len(self.prefix)
        if 0 < reach < len(self.middle):
            cut = reach - x
            return (*self.prefix, *loops[:x], *idle[:cut], *loops[x:], *idle[cut:], *self.suffix), self.split
        return (*self.prefix, *loops, *idle, *self.suffix), self.split


@lru_cache(maxsize=4096)
def every_arrangement(slot: Slot, moving: frozenset[int]) -> tuple[Ints, Ints]:
    """`Slot.arrangements`, worked out once."""
    return slot.arrangements(moving)


def picked(options: Sequence[tuple[Ints, Ints]], index: Sequence[Rows]) -> tuple[Ints, Ints]:
    """Orders [n, slots, dimensions] and splits [n, slots]: each slot's arrangements with the given numbers."""
    pairs = [(orders[i], splits[i]) for (orders, splits), i in zip(options, index, strict=True)]
    return np.stack([orders for orders, _ in pairs], axis=1), np.stack([splits for _, splits in pairs], axis=1)


def held_by_fanouts(tables: Sequence[Ints], slots: Sequence[Slot], deadline: Deadline | None) -> Iterator[Ints]:
    """Every [slots, dimensions] of factors whose fanouts hold their loops by count."""
    limits = np.array([prod(s.extent) if s.spatial else np.iinfo(np.int64).max for s in slots])
    bounded = limits < np.iinfo(np.int64).max

    def walk(d: int, columns: list[Ints], used: Ints) -> Iterator[Ints]:
        if d == len(tables):
            yield np.stack(columns, axis=1)
            return
        if deadline is not None:
            deadline.check()
        grown = np.where(bounded, used * tables[d], 1)
        fitting = (grown <= limits).all(axis=1)
        for row, in_use in zip(tables[d][fitting], grown[fitting], strict=True):
            yield from walk(d + 1, [*columns, row], in_use)

    yield from walk(0, [], np.ones(len(slots), dtype=np.int64))
