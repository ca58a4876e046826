"""Rows that words are paid for by, as lower bounds: what a price is, and what it makes words cost (see `prices`)."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.mapper.paths.grid import Floats, Ints

Price = Floats
"""[parts, 3, ways] what words cost at all levels that they pass, for each way to fill the fanouts."""


def cost_of(price: Price, words: Floats | float) -> Floats:
    """[ways]: the cost of words (pJ)."""
    rows = np.ceil(np.maximum(words * price[:, 0] - price[:, 1], 0.0) * SLACK)
    return np.asarray((price[:, 2] * rows).sum(axis=0))


def least_of(price: Price, ways: Ints) -> Floats:
    """[parts, 3]: a price that is the least in some ways to fill the fanouts; of several ways it knows no rows."""
    if len(ways) == 1:
        return np.ascontiguousarray(price[:, :, ways[0]])
    some = price[:, :, ways]
    energy, less = some[:, 0] * some[:, 2], some[:, 1] * some[:, 2]
    return np.stack([energy.min(axis=1), less.max(axis=1), np.zeros(len(some))], axis=1)
