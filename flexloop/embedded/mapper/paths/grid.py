"""All tiles whose extents divide the bounds, as a grid with one axis for each prime of each dimension.

Multiplying a tile by a prime is one step along an axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        self._divisors = [np.array(divisors(bound), dtype=np.int64) for bound in bounds]
        self._places = [
            np.array([self._place(d, n, strides) for n in divisors(bound)], dtype=np.int64)
            for d, bound in enumerate(bounds)
        ]

    def _place(self, d: int, n: int, strides: Sequence[int]) -> int:
        return sum(power * strides[self._axis[d, prime]] for prime, power in exponents(n).items())

    def index(self, tiles: Ints) -> Ints:
        """[n]: where tiles [n, dimensions] stand."""
        index = np.zeros(len(tiles), dtype=np.int64)
        for d, (known, places) in enumerate(zip(self._divisors, self._places, strict=True)):
            index += places[np.searchsorted(known, tiles[:, d])]
        return index

    def stepped(self, values: Floats, d: int, prime: int) -> Floats:
        """At every tile the value at the tile so many times as long along a dimension; infinite where there is none."""
        return self._shifted(values, self._axis[d, prime], 1)

    def scaled(self, values: Floats, factors: Sequence[int]) -> Floats:
        """At every tile the value at the tile times the factors; infinite where there is none."""
        for d, factor in enumerate(factors):
            for prime, power in exponents(factor).items():
                if (d, prime) not in self._axis:
                    return np.full(self.size, inf)
                values = self._shifted(values, self._axis[d, prime], power)
        return values

    def _shifted(self, values: Floats, axis: int, power: int) -> Floats:
        moved = np.full(self.shape, inf)
        before, after = [slice(None)] * len(self.shape), [slice(None)] * len(self.shape)
        before[axis], after[axis] = slice(power, None), slice(None, max(self.shape[axis] - power, 0))
        moved[tuple(after)] = values.reshape(self.shape)[tuple(before)]
        return moved.ravel()

    def least(self, values: Floats, dims: Iterable[int]) -> Floats:
        """At every tile the least value at its multiples along some dimensions."""
        grid = values.reshape(self.shape)
        for d in dims:
            for prime in self.primes[d]:
                axis = self._axis[d, prime]
                grid = np.flip(np.minimum.accumulate(np.flip(grid, axis), axis=axis), axis)
        return np.ascontiguousarray(grid).ravel()

    def whole_along(self, values: Floats, d: int) -> Floats:
        """At every tile the value at the tile that spans all of one dimension."""
        grid = values.reshape(self.shape)
        for prime in self.primes[d]:
            axis = self._axis[d, prime]
            last = [slice(None)] * len(self.shape)
            last[axis] = slice(-1, None)
            grid = np.broadcast_to(grid[tuple(last)], self.shape)
        return np.ascontiguousarray(grid).ravel()
