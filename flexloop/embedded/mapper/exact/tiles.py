"""The tiles of inputs of all PEs: which placements act alike, and how many tiles neighbours serve.

This looks at every PE, for what the loops do not tell (see `linking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats, Ints, Rows, told_apart
from flexloop.embedded.mapper.exact.linking import ALONG_WIDTH, Linking, by_direction

_AT_ONCE = 1_000_000
"""PEs, over all placements, that are looked at between two looks at the clock."""


class Tiles:
    """The tiles of all PEs.

    Args:
        linking: the loops on the array.
    """

    def __init__(self, linking: Linking) -> None:
        shape = tuple(linking.factors.tolist())
        flat = np.tensordot(np.indices(shape), linking.shifts, (0, 0)).reshape(-1, 3)
        first, number = told_apart(flat)
        self._number = number.reshape(shape)
        # Where tiles lie, as one number; no tile is a step away from where there is no PE.
        far = int(linking.weights[1])
        self._place, self._moves = np.append(flat[first] @ linking.weights, [far**3]), linking.moves.tolist()
        self._along = [np.append(flat[first, along], -1) for along in (0, 1)]
        # PEs of which one may hold the next tile of the other are in one class.
        classes = flat[first]
        for along, apart in enumerate(linking.steps):
            if apart:
                classes[:, along] %= apart
        self._class = np.append(told_apart(classes)[1], -1)
        # Each tile has a number as a PE's own and one as that of a PE beside it.
        self._own, self._beside = np.random.default_rng(0).integers(1 << 62, size=(2, len(self._class)))

    def kinds(self, orders: Ints, rows: Ints, deadline: Deadline) -> Ints:
        """[k] the same numbers for orders [k, dimensions] that act alike, on arrays with so many PEs [k] in a row.

        Raises:
            TimeUp: at the deadline.
        """
        kinds = np.empty(len(orders), dtype=np.int64)
        for at, number in self._laid_out(orders, rows, deadline):
            near = np.zeros_like(number)
            for tile, to in _along_both(number, near):
                linked = self._linked(tile)
                to[:-1] += np.where(linked, self._beside[tile[1:]], 0)
                to[1:] += np.where(linked, self._beside[tile[:-1]], 0)
            mixed = (self._own[number] ^ near) * 0x2545F4914F6CDD1D
            kinds[at] = np.where(number >= 0, mixed ^ (mixed >> 29), 0).sum(axis=(1, 2))
        return kinds

    def served(self, orders: Ints, rows: Ints, step: int, deadline: Deadline) -> Floats:
        """[k] the share of the tiles that neighbours serve, as all PEs that want its next one have it beside them.

        Args:
            orders, rows: see `kinds`.
            step: of R, S, P or Q as the first loop above the array, or any step that leads along the width, the height,
                or both, see `linking`: then the share is what it is at most.
            deadline: when to stop.

        Raises:
            TimeUp: at the deadline.
        """
        share = np.empty(len(orders))
        for at, number in self._laid_out(orders, rows, deadline):
            asks = np.zeros((len(at), len(self._class)), dtype=np.bool_)
            alone = np.nonzero(~self._has_next(number, step))
            asks[alone[0], number[alone]] = True
            share[at] = 1 - asks[:, :-1].mean(axis=1)
        return share

    def _laid_out(self, orders: Ints, rows: Ints, deadline: Deadline) -> Iterator[tuple[Rows, Ints]]:
        """Some of the orders at a time, with the tile [k, rows, row] that each PE has, -1 where there is none."""
        size = self._number.size
        at_once = max(_AT_ONCE // size, 1)
        for row in np.unique(rows).tolist():
            places = np.flatnonzero(rows == row)
            for start in range(0, len(places), at_once):
                deadline.check()
                at = places[start : start + at_once]
                number = np.full((len(at), -(-size // row), row), -1)
                for one, order in zip(number.reshape(len(at), -1), orders[at].tolist(), strict=True):
                    one[:size] = self._number.transpose(order[::-1]).ravel()
                yield at, number

    def _linked(self, tile: Ints) -> Bools:
        """Which PEs of a row or a column, but the first, may have the next tile of the one before, or the other way."""
        return np.asarray((self._class[tile[1:]] == self._class[tile[:-1]]) & (tile[1:] != tile[:-1]))

    def _has_next(self, number: Ints, step: int) -> Bools:
        """[k, rows, row] which PEs have what they want in a step beside them."""
        found = np.zeros(number.shape, dtype=np.bool_)
        for tile, to in _along_both(number, found):
            if step >= ALONG_WIDTH:
                width, height = (place[tile[1:]] != place[tile[:-1]] for place in self._along)
                linked = self._linked(tile) & by_direction(width, height)[step - ALONG_WIDTH]
                to[:-1] |= linked
                to[1:] |= linked
            else:
                apart = self._place[tile[1:]] - self._place[tile[:-1]]
                to[:-1] |= apart == self._moves[step]
                to[1:] |= apart == -self._moves[step]
        return found


def _along_both(tiles: Ints, found: Any) -> Iterator[tuple[Ints, Any]]:
    """The tiles of PEs, and what is found of these, with the PEs of a column one after the other, and of a row."""
    for axis in (1, 2):
        yield np.moveaxis(tiles, axis, 0), np.moveaxis(found, axis, 0)
