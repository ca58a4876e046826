"""All tiles whose extents divide the bounds, as a grid with one axis for each prime of each dimension.

Multiplying a tile by a prime is one step along an axis.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import inf, prod

import numpy as np
import numpy.typing as npt

from flexloop.embedded.mapper.factors import exponents
from flexloop.integers import divisors

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Row = tuple[int, ...]


_HELD = 1 << 22
"""Tiles of the grid times windows that are kept."""


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
        self._pairs: dict[tuple[int, int], tuple[Ints, Ints]] = {}
        self._windows: dict[tuple[int, ...], Window] = {}
        self._divisors = [np.array(divisors(bound), dtype=np.int64) for bound in bounds]
        self._places = [
            np.array([self._place(d, n, strides) for n in divisors(bound)], dtype=np.int64)
            for d, bound in enumerate(bounds)
        ]

    @cached_property
    def _place_of(self) -> list[dict[int, int]]:
        """For each dimension how far each extent leads from the unit tile."""
        return [
            dict(zip(known.tolist(), places.tolist(), strict=True))
            for known, places in zip(self._divisors, self._places, strict=True)
        ]

    def _place(self, d: int, n: int, strides: Sequence[int]) -> int:
        return sum(power * strides[self._axis[d, prime]] for prime, power in exponents(n).items())

    def axis(self, d: int, prime: int) -> int:
        """The axis of a dimension's prime."""
        return self._axis[d, prime]

    def index(self, tiles: Ints) -> Ints:
        """[n]: where tiles [n, dimensions] stand."""
        index = np.zeros(len(tiles), dtype=np.int64)
        for codes, places in zip(self.codes_of(tiles), self._places, strict=True):
            index += places[codes]
        return index

    def place(self, tile: Sequence[int]) -> int:
        """Where one tile stands."""
        return sum(places[n] for places, n in zip(self._place_of, tile, strict=True))

    def codes_of(self, tiles: Ints | Floats) -> Ints:
        """[dimensions, n]: which divisors of the bounds the extents of tiles [n, dimensions] are."""
        return np.array([np.searchsorted(some, tiles[:, d]) for d, some in enumerate(self._divisors)])

    @cached_property
    def everywhere(self) -> Ints:
        """[size]: where all tiles stand."""
        return np.arange(self.size)

    @cached_property
    def codes(self) -> Ints:
        """[dimensions, size]: the same of all tiles."""
        return self.codes_of(self.tiles)

    def among(self, where: Ints, extents: Sequence[Collection[int]]) -> npt.NDArray[np.bool_]:
        """[n]: whether each dimension of the tiles at some places is among some numbers."""
        found = np.ones(len(where), dtype=np.bool_)
        for codes, known, some in zip(self.codes, self._divisors, extents, strict=True):
            are_among = np.array([n in some for n in known.tolist()])
            if not are_among.all():
                found &= are_among[codes[where]]
        return found

    @cached_property
    def fits(self) -> npt.NDArray[np.bool_]:
        """[dimensions, divisors, divisors]: whether two divisors of a bound multiply to another one."""
        found = np.zeros((len(self.bounds), *[max(map(len, self._divisors))] * 2), dtype=np.bool_)
        for d, (bound, known) in enumerate(zip(self.bounds, self._divisors, strict=True)):
            found[d, : len(known), : len(known)] = bound % (known[:, None] * known) == 0
        return found

    def pairs(self, d: int, other: int) -> tuple[Ints, Ints]:
        """Where one tile for each pair of extents along two dimensions stands, and which pair each tile [size] has.

        The former span all of the other dimensions; those of the same extent along the first come together.
        """
        if (d, other) not in self._pairs:
            tiles = np.tile(
                np.array(self.bounds, dtype=np.int64), (len(self._divisors[d]) * len(self._divisors[other]), 1)
            )
            tiles[:, d] = np.repeat(self._divisors[d], len(self._divisors[other]))
            tiles[:, other] = np.tile(self._divisors[other], len(self._divisors[d]))
            self._pairs[d, other] = self.index(tiles), self.codes[d] * len(self._divisors[other]) + self.codes[other]
        return self._pairs[d, other]

    def window(self, factors: Sequence[int]) -> Window:
        """What is left of the grid where some factors are taken: the tiles of the bounds divided by them."""
        key = tuple(factors)
        if key not in self._windows:
            if len(self._windows) * self.size > _HELD:
                self._windows.clear()
            taken = [exponents(factor) for factor in key]
            shape = [n - taken[d][prime] for (d, prime), n in zip(self._axis, self.shape, strict=True)]
            index = np.zeros(1, dtype=np.int64)
            for stride, n in zip(self.axes[:, 0].tolist(), shape, strict=True):
                if n > 1:
                    index = np.add.outer(index, np.arange(0, n * stride, stride)).ravel()
            strides = [prod(shape[k + 1 :]) for k in range(len(shape))]
            self._windows[key] = Window(index, np.array([strides, shape], dtype=np.int64).T.reshape(-1, 2).copy(), self)
        return self._windows[key]

    def whole_along(self, values: Floats, d: int) -> Floats:
        """At every tile the value at the tile that spans all of one dimension."""
        grid = values.reshape(self.shape)
        for prime in self.primes[d]:
            axis = self._axis[d, prime]
            last = [slice(None)] * len(self.shape)
            last[axis] = slice(-1, None)
            grid = np.broadcast_to(grid[tuple(last)], self.shape)
        return np.ascontiguousarray(grid).ravel()


@dataclass(frozen=True, eq=False)
class Window:
    """Some tiles of a grid, those whose extents divide smaller bounds, and values at them as for a grid.

    A tile times a factor stands in the grid at the sum of what the two stand at.

    Attributes:
        index: [size] where the tiles stand in the grid.
        axes: [axes, 2] how far a step leads in the window, and how many tiles lie along the axis.
        grid: the grid.
    """

    index: Ints
    axes: Ints
    grid: Grid

    @property
    def size(self) -> int:
        """The number of tiles."""
        return len(self.index)

    @cached_property
    def ends(self) -> Floats:
        """[axes, tiles] infinite at tiles from which no step leads along an axis, or 0."""
        places = np.arange(self.size)
        last = [places // way % shape == shape - 1 for way, shape in self.axes.tolist()]
        return np.where(np.array(last).reshape(-1, self.size), inf, 0.0)

    def places_of(self, index: Ints) -> Ints:
        """[n]: where tiles of the window stand in it that stand at an index of the grid."""
        return np.searchsorted(self.index, index)  # both count the same axis fastest


@lru_cache(maxsize=4096)
def spans(bound: int, lows: Row, highs: Row) -> tuple[frozenset[int], ...]:
    """For each slot what the slots inside it may multiply to so that the others complete the bound."""
    every = divisors(bound)
    allowed = [[f for f in every if low <= f <= high] for low, high in zip(lows, highs, strict=True)]
    beyond = [{bound}]
    for factors in reversed(allowed):
        beyond.insert(0, {n for n in every if any(n * f in beyond[0] for f in factors)})
    found, inside = [], {1}
    for factors, completed in zip(allowed, beyond, strict=False):
        found.append(frozenset(inside & completed))
        inside = {n * f for n in inside for f in factors if bound % (n * f) == 0}
    return tuple(found)
