"""All tiles whose extents divide the bounds, as a grid with one axis for each prime of each dimension.

Multiplying a tile by a prime is one step along an axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.factors import exponents
from flexloop.integers import divisors

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def size_of(bounds: Sequence[int]) -> int:
    """The number of tiles of a grid."""
    return prod(len(divisors(bound)) for bound in bounds)


class Grid:
    """Tiles, and values at them: arrays of ``size`` numbers, those of unit tiles first, of the whole problem last.

    Args:
        bounds: of the dimensions.
    """

    def __init__(self, bounds: Sequence[int]) -> None:
        self.bounds = tuple(bounds)
        found = [exponents(bound) for bound in bounds]
        axes = [(d, prime) for d, primes in enumerate(found) for prime in primes]
        self._axis = {axis: k for k, axis in enumerate(axes)}
        self.shape = tuple(found[d][prime] + 1 for d, prime in axes)
        self.size = prod(self.shape)
        self.primes = [tuple(primes) for primes in found]
        powers = np.indices(self.shape).reshape(len(axes), self.size)
        self.tiles = np.ones((self.size, len(bounds)))
        """[size, dimensions]."""
        for k, (d, prime) in enumerate(axes):
            self.tiles[:, d] *= float(prime) ** powers[k]
        strides = [prod(self.shape[k + 1 :]) for k in range(len(axes))]
        self.axes = np.array([strides, self.shape], dtype=np.int64).T.reshape(-1, 2).copy()
        """[axes, 2]: how far a step leads, and how many tiles lie along the axis."""
        self._divisors = [np.array(divisors(bound), dtype=np.int64) for bound in bounds]
        self._places = [
            np.array([self._place(d, n, strides) for n in divisors(bound)], dtype=np.int64)
            for d, bound in enumerate(bounds)
        ]

    def _place(self, d: int, n: int, strides: Sequence[int]) -> int:
        return sum(power * strides[self._axis[d, prime]] for prime, power in exponents(n).items())

    def axis(self, d: int, prime: int) -> int:
        """The axis of a dimension's prime."""
        return self._axis[d, prime]

    def index(self, tiles: Ints) -> Ints:
        """[n]: where tiles [n, dimensions] stand."""
        index = np.zeros(len(tiles), dtype=np.int64)
        for d, (known, places) in enumerate(zip(self._divisors, self._places, strict=True)):
            index += places[np.searchsorted(known, tiles[:, d])]
        return index

    def scaled(self, values: Floats, factors: Sequence[int]) -> Floats:
        """[..., size]: at every tile the value at the tile times the factors; infinite where there is none."""
        grid = values.reshape(-1, *self.shape)
        moved = np.full_like(grid, inf)
        before, after = [slice(None)] * grid.ndim, [slice(None)] * grid.ndim
        for d, factor in enumerate(factors):
            for prime, power in exponents(factor).items():
                axis = self._axis.get((d, prime))
                if axis is None or power >= self.shape[axis]:
                    return moved.reshape(values.shape)
                before[axis + 1], after[axis + 1] = slice(power, None), slice(None, self.shape[axis] - power)
        moved[tuple(after)] = grid[tuple(before)]
        return moved.reshape(values.shape)

    def whole_along(self, values: Floats, d: int) -> Floats:
        """At every tile the value at the tile that spans all of one dimension."""
        grid = values.reshape(self.shape)
        for prime in self.primes[d]:
            axis = self._axis[d, prime]
            last = [slice(None)] * len(self.shape)
            last[axis] = slice(-1, None)
            grid = np.broadcast_to(grid[tuple(last)], self.shape)
        return np.ascontiguousarray(grid).ravel()
