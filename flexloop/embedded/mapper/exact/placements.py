"""Where the spatial loops of a leaf may lie on the array, and which of these placements act alike.

What neighbours pass on are tiles of inputs: a PE takes one from a PE beside it that held it a step before (rule 5). So
two placements act alike where PEs with the same tiles have the same others beside them that may be a step away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Ints, told_apart
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
        offsets = np.zeros((3, *factors), dtype=np.int64)
        for d, digits in zip(dims, np.indices(factors), strict=True):
            if d in (N, G, C):
                offsets[2] = offsets[2] * x[d] + digits
            elif d >= R:
                offsets[d % 2] += strides[d - R] * digits
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

    def kinds(self, orders: Ints, row: int, deadline: Deadline) -> Ints:
        """[k] the same numbers for orders [k, dimensions] that act alike where a row of the array has so many PEs.

        Raises:
            TimeUp: at the deadline.
        """
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
