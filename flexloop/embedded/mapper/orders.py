"""Which orders of a level's loops can differ in cost: one of each kind is enough.

For a tensor, what an order decides at a level is the set of loops inside the first one that moves it. Where two
dimensions share a rank (a halo) it is more: the sequence up to the first loop that moves the tensor in another rank.
Beyond that loop every refill is whole, because a move equals the last one, or takes it back, only while all moves lie
in one rank. Where neighbours may pass tiles on, moves along two shared ranks can also meet a neighbour's offset, so the
sequence runs to the first loop of a rank that is not shared: no neighbour is that far away. Neighbouring loops that do
not move the tensor may swap. Orders that agree in this for every tensor cost the same, because the model treats each
tensor apart.

Without transfers between neighbours costs never fall when words rise, so that of two orders that agree for the tensors
with halos the one with more loops inside the first moving one of every other tensor is at least as good.
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
    halos = [view for view in views if view.shared or linked]
    plain = [view for view in views if not view.shared and not linked]
    best: dict[tuple[object, ...], dict[tuple[frozenset[int], ...], tuple[int, ...]]] = {}
    watching: _Watching = dict.fromkeys(views)
    for d in prefix:
        watching = _watching(watching, d, linked)
    arranged = _arranged((), sorted(middle), watching, linked)
    for free in itertools.islice(arranged, MOST_ORDERS):
        order = (*prefix, *free, *suffix)
        kind = tuple(_sequence(order, view, linked) for view in halos)
        still = tuple(_still(order, view) for view in plain)
        best.setdefault(kind, {}).setdefault(still, order)
    found = [order for kinds in best.values() for order in _undominated(kinds)]
    return found, next(arranged, None) is None


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


def _undominated(kinds: dict[tuple[frozenset[int], ...], tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The orders for which no other leaves at least as many loops still, in every tensor."""
    bits: dict[int, int] = {}
    masks = np.array(
        [[sum(1 << bits.setdefault(d, len(bits)) for d in still) for still in kind] for kind in kinds], dtype=np.int64
    )
    sizes = np.array([sum(map(len, kind)) for kind in kinds])
    kept: list[int] = []
    largest = np.empty_like(masks)
    for i in np.argsort(-sizes, kind="stable"):  # only one with more loops in all may leave more in each
        if not ((largest[: len(kept)] & masks[i]) == masks[i]).all(axis=1).any():
            largest[len(kept)] = masks[i]
            kept.append(int(i))
    orders = list(kinds.values())
    return [orders[i] for i in sorted(kept)]


def _still(order: Sequence[int], view: TensorView) -> frozenset[int]:
    """The loops inside the first one that moves a tensor."""
    moving = dict(view.rank)
    return frozenset(itertools.takewhile(lambda d: d not in moving, order))


def _sequence(order: Sequence[int], view: TensorView, linked: bool) -> tuple[object, ...]:
    """What a tensor with a halo sees of one level's loops, innermost first."""
    moving = dict(view.rank)
    parts: list[object] = []
    still: set[int] = set()
    first: int | None = None
    for d in order:
        rank = moving.get(d)
        if rank is None:
            still.add(d)
            continue
        parts.append(frozenset(still))
        if rank not in view.shared or (not linked and first is not None and rank != first):
            return (*parts, "whole")
        first, still = rank, set()
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
