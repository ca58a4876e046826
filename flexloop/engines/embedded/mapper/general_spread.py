"""How the loops of a mapspace may lie on its fanouts: what each can hold, and every way to fill them all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.mapper.choices import Choices, Slot
from flexloop.engines.embedded.mapper.factors import divisors

Ints = npt.NDArray[np.int64]
Spread = dict[int, tuple[int, ...]]
"""The factor of each dimension in each fanout, by slot."""


def spreads(choices: Choices, bounds: Sequence[int], most: int) -> list[Spread] | None:
    """Every way to fill the fanouts, or None where there are more than ``most``."""
    found: list[Spread] = [{}]
    for place, slot in enumerate(choices.slots):
        if not slot.spatial:
            continue
        grown = []
        for spread in found:
            left = [bound // prod(f[d] for f in spread.values()) for d, bound in enumerate(bounds)]
            for factors in fillings(choices, place, left):
                grown.append({**spread, place: factors})
                if len(grown) > most:
                    return None
        found = grown
    return found


def fillings(choices: Choices, place: int, left: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to fill one fanout with factors that divide what is left of the dimensions."""
    slot = choices.slots[place]
    lows, highs = choices.limits[0][place].tolist(), choices.limits[1][place].tolist()
    options = [[f for f in divisors(n) if low <= f <= high] for n, low, high in zip(left, lows, highs, strict=True)]
    for factors in _within(options, prod(slot.extent)):
        if len(arrangements(slot, tuple((d, f) for d, f in enumerate(factors) if f > 1), all_orders=False)[0]):
            yield factors


def _within(options: Sequence[Sequence[int]], room: int) -> Iterator[tuple[int, ...]]:
    """Every choice of one factor from each dimension whose product is at most ``room``."""
    if not options:
        yield ()
        return
    for factor in itertools.takewhile(lambda f: f <= room, options[0]):
        for rest in _within(options[1:], room // factor):
            yield (factor, *rest)


@lru_cache(maxsize=65536)
def arrangements(slot: Slot, loops: tuple[tuple[int, int], ...], *, all_orders: bool) -> tuple[Ints, Ints]:
    """The arrangements of a fanout's loops > 1 that fit its extents; one of them unless their order matters."""
    orders, splits = slot.arrangements(frozenset(d for d, _ in loops))
    factors = np.ones(orders.shape[1], dtype=np.int64)
    for d, factor in loops:
        factors[d] = factor
    placed = factors[orders]
    on_x = np.arange(orders.shape[1]) < splits[:, None]
    x, y = np.where(on_x, placed, 1).prod(axis=1), np.where(on_x, 1, placed).prod(axis=1)
    rows = np.flatnonzero((x <= slot.extent[0]) & (y <= slot.extent[1]))
    if not all_orders:
        rows = rows[:1]
    return orders[rows], splits[rows]
