"""What residuals leave of the words, iterations and instances that the same factors make without them."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from flexloop.embedded.arrays import Floats, Ints

Left = tuple[float, float, float, float]
"""The shares of one dimension, see `Shares`."""
WHOLE: Left = 1.0, 1.0, 1.0, 1.0
_BELOW = 1 - 1e-12
"""What a product may lack of a whole number for being rounded."""


class Shares(NamedTuple):
    """Of what the same factors make without residuals, the shares that are left at least, by dimension.

    Iterations and instances, and words that lie side by side, shrink by no more than true bound / product. A loop with
    a residual of one does not move in its last pass, and leaves whole data spaces where they are: these passes are left
    out. So are, where tiles overlap, first tiles: only the steps of the innermost loop are sure to bring anything.

    Attributes:
        positions: of iterations and instances.
        moving: of those that a loop over the dimension makes by moving tiles, if it is innermost.
        stepping: the same of its steps, the first iteration of each pass left out.
        in_use: of the instances that fanouts let work.
    """

    positions: tuple[float, ...]
    moving: tuple[float, ...]
    stepping: tuple[float, ...]
    in_use: tuple[float, ...]

    @property
    def are_whole(self) -> bool:
        """Whether there are no residuals."""
        return min(self.stepping, default=1.0) == 1.0

    def working(self, instances: Floats) -> Floats | float:
        """The share of instances that work; Timeloop cuts off their average number."""
        share = prod(self.in_use)
        return 1.0 if share == 1.0 else np.asarray(np.maximum(np.floor(instances * share * _BELOW), 1.0) / instances)

    def computed(self, macs: float, lanes: Floats) -> Floats:
        """The computations that Timeloop counts of so many on so many MACs, cut off too."""
        counted = macs + 0.0 * lanes
        if not self.are_whole:
            counted = np.floor(counted * prod(self.positions) * self.working(lanes) * _BELOW)
        return counted


NONE = Shares((), (), (), ())


def left_of(rows: Ints, bound: int, product: int, spatial: Ints) -> Left:
    """See `Shares`: of one dimension, of those of its factors [k, slots] that multiply to a product."""
    rows = rows[rows.prod(axis=1) == product]
    outside = np.cumprod(rows, axis=1)
    inside = outside // rows
    loops = (rows > 1) & ~np.isin(np.arange(rows.shape[1]), spatial)
    passes, last = -(-bound // outside), (bound - 1) % outside + 1
    moved = (passes - 1) * outside + np.where(last > inside, last, 0)
    stepped = (passes - 1) * (outside - inside) + np.maximum(last - inside, 0)
    moving = np.where(loops, moved / product, 1.0).min(initial=bound / product)
    every = product // outside * np.maximum(outside - inside, 1)
    stepping = np.where(loops, stepped / every, 1.0).min(initial=bound / product)
    used = -(-bound // inside) / (rows * passes)
    in_use = used[:, spatial].prod(axis=1).min(initial=1.0)
    return bound / product, float(moving), float(stepping), float(in_use)
