"""Which orders of a level's loops can differ in cost: one of each kind is enough.

For a tensor, what an order decides at a level is the set of loops inside the first one that moves it. Where two
dimensions share a rank (a halo) it is more: the sequence up to the first loop that moves the tensor in another rank.
Beyond that loop every refill is whole, because a move equals the last one, or takes it back, only while all moves lie
in one rank. Where neighbours may pass tiles on, moves along two shared ranks can also meet a neighbour's offset, so the
sequence runs to the first loop of a rank that is not shared: no neighbour is that far away. Neighbouring loops that do
not move the tensor may swap. Orders that agree in this for every tensor cost the same, because the model treats each
tensor apart.

Without transfers between neighbours costs never fall when words rise. Then an order is left out where another leaves at
least as much in place for every tensor (`_left_in_place`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.mapper.slots import Slot


@dataclass(frozen=True)
class TensorView:
    """What a tensor sees of the loops: the rank that each dimension moves it in, and which ranks are shared."""

    rank: tuple[tuple[int, int], ...]
    shared: frozenset[int]


MOST_ORDERS = 4_000
"""Orders of one slot's loops that are told apart at most; where there are more, some are passed over."""


_Watching = dict[TensorView, int | None]
"""The tensors to which the order of further loops matters, with the shared rank that the loops so far moved first."""


def distinct_orders(
    prefix: Sequence[int], middle: Iterable[int], suffix: Sequence[int], views: Sequence[TensorView], *, linked: bool
) -> tuple[list[tuple[int, ...]], bool]:
    """One order of each kind, of loops > 1 with some pinned innermost and outermost, and whether these are all kinds.

    Args:
        prefix, middle, suffix: the loops > 1 that are pinned innermost, free, and pinned outermost.
        views: the tensors.
        linked: whether neighbours may pass tiles on.
    """
    found: dict[tuple[Iterable[object], ...], tuple[int, ...]] = {}
    watching: _Watching = dict.fromkeys(views)
    for d in prefix:
        watching = _watching(watching, d, linked)
    arranged = _arranged((), sorted(middle), watching, linked)
    for free in itertools.islice(arranged, MOST_ORDERS):
        order = (*prefix, *free, *suffix)
        kind = tuple(_sequence(order, view) if linked else _left_in_place(order, view) for view in views)
        found.setdefault(kind, order)
    orders = list(found.values())
    if not linked:
        orders = [orders[i] for i in _undominated(found)]
    return orders, next(arranged, None) is None


def _arranged(
    inner: tuple[int, ...], left: Sequence[int], watching: _Watching, linked: bool, least: int = 0
) -> Iterator[tuple[int, ...]]:
    """Orders of the loops that are left, outside some inner ones, without those that no tensor tells apart.

    Neighbours that move nothing may swap: those below ``least`` come only after one that moves something.
    """
    if not watching or not left:
        yield (*inner, *left)
        return
    for i, d in enumerate(left):
        idle = all(d not in dict(view.rank) for view in watching)
        if idle and d < least:
            continue
        rest = [*left[:i], *left[i + 1 :]]
        yield from _arranged((*inner, d), rest, _watching(watching, d, linked), linked, d if idle else 0)


def _watching(watching: _Watching, d: int, linked: bool) -> _Watching:
    """Which tensors still watch once a loop over d stands inside."""
    found: _Watching = {}
    for view, first in watching.items():
        rank = dict(view.rank).get(d)
        if rank is None:
            found[view] = first
        elif rank in view.shared and (linked or first is None or rank == first):
            found[view] = rank if first is None else first
    return found


def _undominated(kinds: Iterable[tuple[Iterable[object], ...]]) -> list[int]:
    """Which of these leave something in place, for some tensor, that no other one does together with all the rest."""
    number: dict[tuple[int, object], int] = {}
    rows = [[number.setdefault((t, e), len(number)) for t, left in enumerate(kind) for e in left] for kind in kinds]
    has = np.zeros((len(rows), len(number)), dtype=np.bool_)
    for i, row in enumerate(rows):
        has[i, row] = True
    packed = np.packbits(has, axis=1)
    kept: list[int] = []
    for i in np.argsort(-has.sum(axis=1), kind="stable").tolist():  # only one that leaves more may leave all of it
        if not ((packed[kept] & packed[i]) == packed[i]).all(axis=1).any():
            kept.append(i)
    return sorted(kept)


def _left_in_place(order: Sequence[int], view: TensorView) -> frozenset[object]:
    """What a tensor gains by an order where neighbours pass nothing on: an order that has all of it costs no more.

    Loops that stand inside the first one that moves the tensor repeat nothing. The moves that follow one another in the
    rank of the first may find some of the tile in place, which moves after them never do. A loop that does not move the
    tensor takes them back, for which the tile is loaded anew: the further out it stands among them, the fewer times.
    Where loops of inner levels have moved the tensor already, that is true of those inside the first one too, which
    therefore are the same in orders that gain the same moves.
    """
    moving = dict(view.rank)
    left: set[object] = set(itertools.takewhile(lambda d: d not in moving, order))
    moves: tuple[int, ...] = ()
    for i, d in enumerate(order):
        if d not in moving:
            continue
        if moving[d] not in view.shared or (moves and moving[d] != moving[moves[0]]):
            break
        left.update((moves, idle) for idle in order[i + 1 :] if idle not in moving)
        moves = (*moves, d)
        left.add(moves)
    return frozenset(left)


def _sequence(order: Sequence[int], view: TensorView) -> tuple[object, ...]:
    """What a tensor sees of one level's loops, innermost first, where neighbours may pass tiles on."""
    moving = dict(view.rank)
    parts: list[object] = []
    still: set[int] = set()
    for d in order:
        rank = moving.get(d)
        if rank is None:
            still.add(d)
            continue
        parts.append(frozenset(still))
        if rank not in view.shared:
            return (*parts, "whole")
        still = set()
        parts.append(d)
    return (*parts, frozenset(still))


def view_of(ranks: tuple[tuple[tuple[int, int], ...], ...], moving: set[int]) -> TensorView:
    """What a tensor of these ranks, given as (dimension, coefficient) pairs, sees of the dimensions with loops > 1."""
    shared = frozenset(r for r, rank in enumerate(ranks) if len({d for d, _ in rank} & moving) > 1)
    return TensorView(tuple((d, r) for r, rank in enumerate(ranks) for d, _ in rank if d in moving), shared)


@lru_cache(maxsize=1024)
def shared_dims(view: TensorView) -> frozenset[int]:
    """The dimensions of the ranks that a tensor shares."""
    return frozenset(d for d, rank in view.rank if rank in view.shared)


@lru_cache(maxsize=65536)
def temporal_orders(
    slot: Slot, loops: tuple[int, ...], views: tuple[TensorView, ...], *, linked: bool
) -> tuple[Ints, Ints, bool]:
    """One order of each kind for a level's temporal loops > 1, with splits, and whether these are all kinds."""
    prefix = [d for d in slot.prefix if d in loops]
    middle = [d for d in slot.middle if d in loops]
    suffix = [d for d in slot.suffix if d in loops]
    found, complete = distinct_orders(prefix, middle, suffix, views if slot.counted else (), linked=linked)
    orders = []
    for order in found:
        free = order[len(prefix) : len(order) - len(suffix)]
        orders.append((*slot.prefix, *free, *(d for d in slot.middle if d not in loops), *slot.suffix))
    return np.array(orders, dtype=np.int64), np.zeros(len(orders), dtype=np.int64), complete
