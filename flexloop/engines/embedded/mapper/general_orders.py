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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TensorView:
    """What a tensor sees of the loops: the rank that each dimension moves it in, and which ranks are shared."""

    rank: tuple[tuple[int, int], ...]
    shared: frozenset[int]


def distinct_orders(
    prefix: Sequence[int], middle: Iterable[int], suffix: Sequence[int], views: Sequence[TensorView], *, linked: bool
) -> list[tuple[int, ...]]:
    """One order of each kind, of loops > 1 with some pinned innermost and outermost.

    Args:
        prefix, middle, suffix: the loops > 1 that are pinned innermost, free, and pinned outermost.
        views: the tensors.
        linked: whether neighbours may pass tiles on.
    """
    halos = [view for view in views if view.shared or linked]
    plain = [view for view in views if not view.shared and not linked]
    best: dict[tuple[object, ...], dict[tuple[frozenset[int], ...], tuple[int, ...]]] = {}
    for free in itertools.permutations(middle):
        order = (*prefix, *free, *suffix)
        kind = tuple(_sequence(order, view, linked) for view in halos)
        still = tuple(_still(order, view) for view in plain)
        best.setdefault(kind, {}).setdefault(still, order)
    return [order for kinds in best.values() for order in _undominated(kinds)]


def _undominated(kinds: dict[tuple[frozenset[int], ...], tuple[int, ...]]) -> list[tuple[int, ...]]:
    return [
        order
        for still, order in kinds.items()
        if not any(other != still and all(a >= b for a, b in zip(other, still, strict=True)) for other in kinds)
    ]


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
