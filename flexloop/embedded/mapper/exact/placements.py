"""Where the spatial loops of a leaf may lie on the array, and which of these placements act alike.

What neighbours pass on are tiles of inputs: a PE takes one from a PE beside it that held it a step before (rule 5). So
two placements act alike where PEs with the same tiles have the same others beside them that may be a step away. Loops
tell that of most; of the rest every PE is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Ints, Rows, told_apart
from flexloop.embedded.mapper.fillings import fitting, one_fitting
from flexloop.embedded.mapper.slots import Slot
from flexloop.embedded.roles import C, G, N, R

SHAPE, SPLIT, LINEAR = range(3)
"""Columns of placements; the last and those after it are the order of the problem's dimensions on the array."""
_AT_ONCE = 1_000_000
"""PEs, over all placements, that are looked at between two looks at the clock."""


def placements(slot: Slot | None, factors: Ints, shape: int, *, every_order: bool) -> Ints:
    """[k, 2 + dimensions] placements of spatial factors on an array: one of each order of the loops > 1, or one of all.

    Args:
        slot: the array, if there is one.
        factors: [dimensions].
        shape: which of the arrays that are searched together it is.
        every_order: whether the order matters. Where along it a row of the array ends never does.
    """
    if slot is None:
        return np.array([[shape, 0, *range(len(factors))]])
    orders, splits = (fitting if every_order else one_fitting)(slot, factors)
    first, _ = told_apart(orders)
    return np.column_stack([np.full(len(first), shape), splits[first], orders[first]])


class Tiles:
    """The tiles of inputs of all PEs.

    Args:
        dims: for each of the problem's dimensions the canonical one.
        x: [8] spatial factors.
        strides: [4] how far PEs one apart along R, S, P, Q are from each other in inputs.
        steps: [2] what all steps along width and height are multiples of; 0: there are none.
    """

    def __init__(self, dims: Sequence[int], x: Ints, strides: Ints, steps: Ints) -> None:
        factors = tuple(x[dims].tolist())
        self._factors, self._steps = x[dims], steps
        offsets = np.zeros((3, *factors), dtype=np.int64)
        for d, digits in zip(dims, np.indices(factors), strict=True):
            if d in (N, G, C):
                offsets[2] = offsets[2] * x[d] + digits
            elif d >= R:
                offsets[d % 2] += strides[d - R] * digits
        # A step along each dimension, in offsets.
        self._shifts = np.array([offsets[(..., *one)] for one in np.eye(len(dims), dtype=np.int64) % factors])
        flat = offsets.reshape(3, -1).T
        first, number = told_apart(flat)
        self._number = number.reshape(factors)
        # PEs of which one may hold the next tile of the other are in one class.
        classes = flat[first]
        for rank in np.flatnonzero(steps):
            classes[:, rank] %= steps[rank]
        self._class = np.append(told_apart(classes)[1], -1)
        # Each tile has a number as a PE's own and one as that of a PE beside it.
        self._own, self._beside = np.random.default_rng(0).integers(1 << 62, size=(2, len(self._class)))

    def distinct(self, orders: Ints, rows: Ints, deadline: Deadline) -> Rows:
        """Places of one of each kind, of orders [k, dimensions] on arrays that have so many PEs [k] in a row.

        Raises:
            TimeUp: at the deadline.
        """
        still = np.argsort(self._factors[orders] == 1, axis=1, kind="stable")
        loops = np.take_along_axis(orders, still, axis=1)[:, : np.count_nonzero(self._factors > 1)]
        first = np.sort(told_apart(self._linking(loops, rows))[0])
        kinds = np.zeros(len(first), dtype=np.int64)
        for row in np.unique(rows[first]).tolist():
            at = rows[first] == row
            kinds[at] = self._of_all(orders[first[at]], row, deadline)
        return first[np.sort(np.unique(kinds, return_index=True)[1])]

    def _linking(self, orders: Ints, rows: Ints) -> Ints:
        """[k, columns] numbers, the same for orders of which the loops tell that they act alike.

        Where a row of the array ends with a loop, or with a part of one, steps along it count up through the parts
        inside, and steps across rows through those outside. The two ways may change places. Where it ends elsewhere,
        orders are told to act alike if no step leads from PE to PE.
        """
        factors = self._factors[orders]
        inside = np.clip(rows[:, None] // (np.cumprod(factors, axis=1) // factors), 1, factors)
        ends = inside.prod(axis=1) == np.minimum(rows, self._number.size)
        ends &= (factors % inside == 0).all(axis=1)
        some = np.flatnonzero(~ends)
        inside[some] = factors[some]
        one, other = self._counting(orders, inside, inside // inside), self._counting(orders, factors // inside, inside)
        differ = one - other
        swap = np.take_along_axis(differ, np.argmax(differ != 0, axis=1)[:, None], axis=1) > 0
        unlike = np.zeros(len(orders), dtype=np.int64)
        unlike[some] = np.where(one[some].any(axis=1) | self._across(orders[some], rows[some]), some + 1, 0)
        return np.column_stack([np.where(swap, other, one), np.where(swap, one, other), unlike])

    def _counting(self, orders: Ints, parts: Ints, times: Ints) -> Ints:
        """[k, loops] parts of loops up to the last one where a step in some direction may lead to the next tile.

        A step sets the loops inside one back to their first iteration and takes that one an iteration further. The
        loops outside the last one that counts go through all other tiles, in whatever order.

        Args:
            orders: [k, loops].
            parts: [k, loops] iterations of each part.
            times: [k, loops] iterations of the loop that one of the part is.
        """
        steps = self._shifts[orders] * times[..., None]
        back = steps * (parts[..., None] - 1)
        leads = self._lead(steps - (np.cumsum(back, axis=1) - back)) & (parts > 1)
        counts = (np.cumsum(leads[:, ::-1], axis=1)[:, ::-1] > 0) & (parts > 1)
        loops = np.where(counts, (orders * self._number.size + parts) * self._number.size + times, 0)
        return np.take_along_axis(loops, np.argsort(~counts, axis=1, kind="stable"), axis=1)

    def _across(self, orders: Ints, rows: Ints) -> Bools:
        """[k] whether a step across rows, which adds a row's PEs to the number of a PE, may lead to the next tile.

        Iterations are the digits of that number; which of the sums of digits carry depends on the PE.
        """
        factors, shifts = self._factors[orders], self._shifts[orders]
        adds = rows[:, None] // (np.cumprod(factors, axis=1) // factors) % factors
        plain = np.zeros((len(orders), 1, 3), dtype=np.int64)
        carried = plain[:, :0]
        for i in range(orders.shape[1]):
            further, back = (shifts[:, i, None] * n[:, i, None, None] for n in (adds, factors))
            sums = np.concatenate([plain + further, carried + further + shifts[:, i, None]], axis=1)
            plain, carried = sums, sums - back
        return np.asarray(self._lead(plain).any(axis=1))

    def _lead(self, steps: Ints) -> Bools:
        """Which steps [..., 3] may lead to the next tile."""
        leads: Bools = np.asarray(steps.any(axis=-1))
        for along, apart in enumerate((*self._steps.tolist(), 0)):
            leads &= (steps[..., along] % apart if apart else steps[..., along]) == 0
        return leads

    def _of_all(self, orders: Ints, row: int, deadline: Deadline) -> Ints:
        """[k] the same numbers for orders [k, dimensions] that act alike where a row of the array has so many PEs."""
        found, size = [], self._number.size
        at_once = max(_AT_ONCE // size, 1)
        for start in range(0, len(orders), at_once):
            deadline.check()
            some = orders[start : start + at_once]
            number = np.full((len(some), -(-size // row) * row), -1)
            for i, order in enumerate(some.tolist()):
                number[i, :size] = self._number.transpose(order[::-1]).ravel()
            found.append(self._kinds(number.reshape(len(some), -1, row)))
        return np.concatenate(found)

    def _kinds(self, number: Ints) -> Ints:
        """The same given which tile [k, rows, row] each PE has, -1 where there is none."""
        near = np.zeros_like(number)
        for axis in (1, 2):
            tile, to = np.moveaxis(number, axis, 0), np.moveaxis(near, axis, 0)
            linked = (self._class[tile[1:]] == self._class[tile[:-1]]) & (tile[1:] != tile[:-1])
            to[:-1] += np.where(linked, self._beside[tile[1:]], 0)
            to[1:] += np.where(linked, self._beside[tile[:-1]], 0)
        mixed = (self._own[number] ^ near) * 0x2545F4914F6CDD1D
        kinds: Ints = np.where(number >= 0, mixed ^ (mixed >> 29), 0).sum(axis=(1, 2))
        return kinds
