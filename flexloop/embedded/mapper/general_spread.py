"""How the loops of a mapspace may lie on its fanouts: what each can hold, and every way to fill them all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.slots import Slot
from flexloop.integers import divisors

Ints = npt.NDArray[np.int64]
Spread = dict[int, tuple[int, ...]]
"""The factor of each dimension in each fanout, by slot."""


def spreads(
    choices: Choices, bounds: Sequence[int], most: int, deadline: Deadline | None = None
) -> list[Spread] | None:
    """Every way to fill the fanouts, or None where there are more than ``most`` (TimeUp at the deadline)."""
    found: list[Spread] = [{}]
    for place, slot in enumerate(choices.slots):
        if not slot.spatial:
            continue
        grown = []
        for spread in found:
            left = [bound // prod(f[d] for f in spread.values()) for d, bound in enumerate(bounds)]
            for factors in fillings(choices, place, left, deadline):
                grown.append({**spread, place: factors})
                if len(grown) > most:
                    return None
        found = grown
    return found


def fillings(
    choices: Choices, place: int, left: Sequence[int], deadline: Deadline | None = None
) -> Iterator[tuple[int, ...]]:
    """Every way to fill one fanout with factors that divide what is left of the dimensions (TimeUp at the deadline)."""
    slot = choices.slots[place]
    lows, highs = choices.limits[0][place].tolist(), choices.limits[1][place].tolist()
    options = [[f for f in divisors(n) if low <= f <= high] for n, low, high in zip(left, lows, highs, strict=True)]
    for factors in _within(options, prod(slot.extent)):
        if deadline is not None:
            deadline.check()
        if slot.placed(factors) is not None:
            yield factors


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
    if not all_orders or len(loops) > MOST_LOOPS:
        placed = slot.placed(factors.tolist())
        found = [] if placed is None else [placed]
        orders = np.array([order for order, _ in found], dtype=np.int64).reshape(len(found), len(factors))
        return orders, np.array([split for _, split in found], dtype=np.int64)
    orders, splits = slot.arrangements(frozenset(d for d, _ in loops))
    on_x = np.arange(orders.shape[1]) < splits[:, None]
    x, y = np.where(on_x, factors[orders], 1).prod(axis=1), np.where(on_x, 1, factors[orders]).prod(axis=1)
    rows = np.flatnonzero((x <= slot.extent[0]) & (y <= slot.extent[1]))
    return orders[rows], splits[rows]
