"""Where the spatial loops of a leaf may lie on the array, of placements that act alike one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Ints, Rows, told_apart
from flexloop.embedded.mapper.exact.linking import ALONG_BOTH, Linking
from flexloop.embedded.mapper.exact.tiles import Tiles
from flexloop.embedded.mapper.fillings import fitting, one_fitting
from flexloop.embedded.mapper.slots import Slot

_tiles = lru_cache(maxsize=1)(Tiles)
"""The tiles of the loops that are looked at; these come one after the other."""
SHAPE, SPLIT, LINEAR = range(3)
"""Columns of placements; the last and those after it are the order of the problem's dimensions on the array."""


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


class Placed:
    """The placements of some spatial factors that the loops tell apart.

    Args:
        rows: [k, 2 + dimensions] placements.
        in_row: [k] PEs in a row of the array.
        linking: the loops on the array; None where no PE can serve another, so that all placements act alike.

    Attributes:
        rows: those that differ, [k, 2 + dimensions].
        served: [k, 7] which share of the tiles of inputs neighbours serve at most, see `Tiles.served`.
    """

    def __init__(self, rows: Ints, in_row: Ints, linking: Linking | None) -> None:
        self._linking = linking
        if linking is None:
            first, leads = np.arange(len(rows[:1])), np.zeros((len(rows[:1]), ALONG_BOTH + 1), dtype=np.bool_)
        else:
            told, leads = linking.told(rows[:, LINEAR:], in_row)
            first = np.sort(told_apart(told)[0])
        self.rows, self._in_row = rows[first], in_row[first]
        self.served = leads[first].astype(np.float64)
        self._looked_at = ~leads[first]
        self._kinds = np.full(len(first), -1)

    def look_at(self, some: Rows, step: int, deadline: Deadline) -> None:
        """Look at the PEs of some placements to tell closer what neighbours serve in a step.

        Raises:
            TimeUp: at the deadline.
        """
        new = some[~self._looked_at[some, step]]
        if len(new) and self._linking is not None:
            orders, in_row = self.rows[new, LINEAR:], self._in_row[new]
            self.served[new, step] = _tiles(self._linking).served(orders, in_row, step, deadline)
            self._looked_at[new, step] = True

    def different(self, some: Rows, deadline: Deadline) -> Rows:
        """Of some placements one of each kind.

        Raises:
            TimeUp: at the deadline.
        """
        new = some[self._kinds[some] == -1]
        if len(new) and len(some) > 1 and self._linking is not None:
            self._kinds[new] = _tiles(self._linking).kinds(self.rows[new, LINEAR:], self._in_row[new], deadline)
        return some[np.sort(np.unique(self._kinds[some], return_index=True)[1])]
