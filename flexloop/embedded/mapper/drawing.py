"""Random mappings, and random parts of them, out of the choices that a mapspace leaves."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.slots import Genomes


def draw(choices: Choices, rng: np.random.Generator, n: int) -> Genomes:
    """Draw n random mappings; those that do not fit the array are left in."""
    slots = range(len(choices.slots))
    if choices.few_loops is not None:
        factors = choices.few_loops.sampled(rng, n)
    else:
        factors = np.stack([draw_factors(choices, rng, d, n) for d in range(len(choices.dimensions))], axis=2)
    orders = np.stack([draw_orders(choices, rng, n, s) for s in slots], axis=1)
    splits = np.stack([draw_splits(choices, rng, factors[:, s], orders[:, s], s) for s in slots], axis=1)
    keep = np.broadcast_to(choices.kept, (n, *choices.kept.shape)).copy()
    for level, t in choices.free_bypass:
        keep[:, level, t] = rng.integers(0, 2, n) == 1
    return Genomes(factors, orders, splits, keep)


def draw_factors(choices: Choices, rng: np.random.Generator, d: int, n: int) -> Ints:
    """[n, slots]: random factors of one dimension, each of its bounds as likely as any other."""
    options = choices.factorizations[d]
    factors = np.empty((n, len(choices.slots)), dtype=np.int64)
    which = rng.integers(0, len(options), n)
    for i, option in enumerate(options):
        rows = np.flatnonzero(which == i)
        factors[rows] = option.sample(rng, len(rows))
    return factors


def draw_orders(choices: Choices, rng: np.random.Generator, n: int, s: int) -> Ints:
    """[n, dimensions]: random orders of one slot."""
    slot = choices.slots[s]
    middle = rng.permuted(np.tile(np.array(slot.middle, dtype=np.int64), (n, 1)), axis=1)
    pinned = [np.tile(np.array(part, dtype=np.int64), (n, 1)) for part in (slot.prefix, slot.suffix)]
    return np.concatenate([pinned[0], middle, pinned[1]], axis=1)


def draw_splits(choices: Choices, rng: np.random.Generator, factors: Ints, orders: Ints, s: int) -> Ints:
    """[n]: random splits of one slot, among those that fit its extents where some do.

    Args:
        choices: what is open.
        rng: the source of chance.
        factors, orders: [n, dimensions] of the slot.
        s: the slot.
    """
    slot, n = choices.slots[s], len(factors)
    if not slot.spatial:
        return np.zeros(n, dtype=np.int64)
    if slot.split is not None:
        return np.full(n, slot.split, dtype=np.int64)
    placed = np.take_along_axis(factors, orders, axis=1)
    x = np.concatenate([np.ones((n, 1), dtype=np.int64), np.cumprod(placed, axis=1)], axis=1)
    fits = (x <= slot.extent[0]) & (x[:, -1:] // x <= slot.extent[1])
    chosen: Ints = np.argmax(rng.random(x.shape) + fits, axis=1).astype(np.int64)
    return chosen
