"""Which orders of loops can differ in cost: one of each kind is enough.

For a tensor, what an order decides at a level is the set of loops inside the first one that moves it, and, where a rank
is shared by two dimensions (a halo), the sequence up to the first loop that moves it in another rank: beyond that loop
every refill is whole and nothing passes between neighbours. Neighbouring loops that do not move the tensor may swap.
Orders that agree in this for every tensor cost the same, because the model treats each tensor apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TensorView:
    """What a tensor sees of the loops: the dimensions that move it, and those of shared ranks."""

    relevant: frozenset[int]
    shared: frozenset[int]


def signature(order: Sequence[int], view: TensorView) -> tuple[object, ...]:
    """What a tensor sees of one level's loops > 1, innermost first."""
    parts: list[object] = []
    still: set[int] = set()
    for d in order:
        if d not in view.relevant:
            still.add(d)
            continue
        parts.append(frozenset(still))
        if d not in view.shared:
            return (*parts, "whole")
        still = set()
        parts.append(d)
    return (*parts, frozenset(still))


def distinct_orders(
    prefix: Sequence[int], middle: Iterable[int], suffix: Sequence[int], views: Sequence[TensorView]
) -> list[tuple[int, ...]]:
    """One order of each kind, of loops > 1 with some pinned innermost and outermost."""
    found: dict[tuple[object, ...], tuple[int, ...]] = {}
    for free in itertools.permutations(middle):
        order = (*prefix, *free, *suffix)
        found.setdefault(tuple(signature(order, view) for view in views), order)
    return list(found.values())
