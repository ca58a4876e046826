"""What fixed tiles are on one layer: by unit, by buffer, or with a smaller last tile (see `flexloop.arch.tiles`)."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import mul
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flexloop.integers import balanced, ceil_div, divisors, multiple, smooth_above
from flexloop.workloads.layers import DIMENSIONS

if TYPE_CHECKING:
    from flexloop.arch.fields import Shape

Factors = dict[str, int]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def products(inner: int, factors: Sequence[int], array_index: int, spatial: int) -> tuple[int, ...]:
    """Tiles along one dimension, innermost level first: what factors multiply to, the spatial one from the array on."""
    unrolled = (spatial if index == array_index else 1 for index in range(len(factors)))
    return tuple(itertools.accumulate((f * s for f, s in zip(factors, unrolled, strict=True)), mul, initial=inner))[1:]


@dataclass(frozen=True)
class FixedTiles(ABC):
    """The spec's tiles as they fall on one layer.

    Attributes:
        tiles: extent of the tile at each level with loops except the outermost, innermost first, for every dimension:
            what the rigid class has, with the spec's own pair and shape.
        bounds: the layer's bounds, padded to whole tiles of the outermost of them.
        inner: the pinned spatial factor below the innermost level, for every dimension.
        factors: the pinned temporal factors at each level with loops, innermost first, the outermost included; empty
            where they are free.
    """

    tiles: tuple[Factors, ...]
    bounds: Factors
    inner: Factors
    factors: tuple[Factors, ...]

    @abstractmethod
    def spatial_factor(self, dimension: str, extent: int) -> int:
        """The pinned spatial factor of a dimension that lies on a mesh axis of some extent."""

    def factors_with(self, shape: Shape, pair: tuple[str, str] | None) -> tuple[Factors, ...]:
        """``factors`` on an array of some shape: with a pair of dimensions on X and Y, or with any (None)."""
        return self.factors

    @property
    def with_remainders(self) -> bool:
        """Whether loops may have fewer iterations in their last pass."""
        return False

    def divides(self, dimension: str, bound: Ints, spatial: Ints) -> Bools:
        """Whether padded bounds are whole numbers of what is pinned with spatial factors: [n] each."""
        return np.ones(len(bound), dtype=np.bool_)

    @abstractmethod
    def allowed(self, shape: Shape, pair: tuple[str, str] | None) -> dict[str, tuple[int, ...]]:
        """The padded bounds on an array of some shape: with a pair of dimensions on X and Y, or with any (None)."""

    @abstractmethod
    def passes_of(self, dimension: str, bound: int) -> int:
        """What of a padded bound may be mapped to PEs or repeated: spatial factors divide it."""

    @abstractmethod
    def tiles_with(self, dimension: str, spatial: int) -> tuple[int, ...]:
        """The tile along a dimension at each on-chip level with loops, innermost first, with a spatial factor."""


@dataclass(frozen=True)
class BufferTiles(FixedTiles):
    """Fixed tiles under ``pins: buffer``; ``array_index`` is the index of the level above the array."""

    array_index: int

    def spatial_factor(self, dimension: str, extent: int) -> int:
        """The largest divisor of what lies between the tiles in and above the array that fits the mesh axis."""
        return max(n for n in divisors(self._between(dimension)) if n <= extent)

    def allowed(self, shape: Shape, pair: tuple[str, str] | None) -> dict[str, tuple[int, ...]]:
        """Those of the rigid class: nothing else is padded."""
        return {d: (bound,) for d, bound in self.bounds.items()}

    def passes_of(self, dimension: str, bound: int) -> int:
        """What lies between the tiles in and above the array."""
        return self._between(dimension)

    def tiles_with(self, dimension: str, spatial: int) -> tuple[int, ...]:
        """The same, whatever the spatial factor."""
        return tuple(tile[dimension] for tile in self.tiles)

    def _between(self, dimension: str) -> int:
        return self.tiles[self.array_index][dimension] // self.tiles[self.array_index - 1][dimension]


@dataclass(frozen=True)
class UnitTiles(FixedTiles):
    """Fixed tiles under ``pins: unit``.

    Attributes:
        passes: for each dimension, how many PEs or repetitions are needed for the pinned factors to cover the layer.
        clip: whether no more PEs are used than are needed.
        array_index: index of the level above the array.
        paired: the dimensions that some pair of the spec unrolls.
    """

    passes: Factors
    clip: bool
    array_index: int
    paired: frozenset[str]

    def spatial_factor(self, dimension: str, extent: int) -> int:
        """The least number of PEs that needs no more repetitions than all would; without ``clip`` all of them."""
        return balanced(self.passes[dimension], extent) if self.clip else extent

    def allowed(self, shape: Shape, pair: tuple[str, str] | None) -> dict[str, tuple[int, ...]]:
        """Any number of PEs up to the extent may be used along a dimension, with as few repetitions as that leaves.

        What a pair unrolls has one bound. With any pair, besides what fills X or Y, the passes themselves and the
        least 7-smooth number above them may be factorised.
        """
        return {d: tuple(sorted({self._unit(d) * n for n in self._passes(d, shape, pair)})) for d in DIMENSIONS}

    def passes_of(self, dimension: str, bound: int) -> int:
        """The bound in units of what is pinned."""
        return bound // self._unit(dimension)

    def tiles_with(self, dimension: str, spatial: int) -> tuple[int, ...]:
        """The pinned factors' products, times the spatial factor from the array outwards."""
        along = [level[dimension] for level in self.factors[:-1]]
        return products(self.inner[dimension], along, self.array_index, spatial)

    def _unit(self, d: str) -> int:
        return self.inner[d] * prod(level[d] for level in self.factors[:-1])

    def _passes(self, d: str, shape: Shape, pair: tuple[str, str] | None) -> set[int]:
        needed = self.passes[d]
        if pair is not None:
            extent = shape.X if d == pair[0] else shape.Y if d == pair[1] else 1
            return {self._filled(d, extent)}
        if needed == 1 and (self.clip or d not in self.paired):
            return {1}
        return {needed, smooth_above(needed), self._filled(d, shape.X), self._filled(d, shape.Y)}

    def _filled(self, d: str, extent: int) -> int:
        return multiple(self.passes[d], self.spatial_factor(d, extent))


@dataclass(frozen=True)
class RemainderTiles(UnitTiles):
    """Fixed tiles under ``edge: remainder``: the last tile along a dimension is what is left of the layer.

    Attributes:
        real: the layer's bounds.
    """

    real: Factors

    @property
    def with_remainders(self) -> bool:
        """They have."""
        return True

    def allowed(self, shape: Shape, pair: tuple[str, str] | None) -> dict[str, tuple[int, ...]]:
        """The layer's own bounds."""
        return {d: (bound,) for d, bound in self.real.items()}

    def passes_of(self, dimension: str, bound: int) -> int:
        """The bound in units of what is pinned, the last one perhaps smaller."""
        return ceil_div(bound, self._unit(dimension))

    def divides(self, dimension: str, bound: Ints, spatial: Ints) -> Bools:
        """Whether every loop has all its iterations in its last pass too."""
        found = [self.tiles_with(dimension, int(n))[-1] for n in spatial]
        return np.asarray(bound % np.array(found, dtype=np.int64) == 0)

    def factors_with(self, shape: Shape, pair: tuple[str, str] | None) -> tuple[Factors, ...]:
        """Each factor at most what those inside, on the PEs that the pair uses, leave of the layer.

        With any dimensions on X and Y the factors stay; the same cut then follows from the spatial factors, as Timeloop
        makes it.
        """
        if pair is None:
            return self.factors
        spatial = {pair[0]: self.spatial_factor(pair[0], shape.X), pair[1]: self.spatial_factor(pair[1], shape.Y)}
        cut = {d: self._cut(d, spatial.get(d, 1)) for d in DIMENSIONS}
        return (*({d: cut[d][level] for d in DIMENSIONS} for level in range(len(self.factors) - 1)), {})

    def tiles_with(self, dimension: str, spatial: int) -> tuple[int, ...]:
        """The products of the factors, cut to what the layer leaves."""
        return products(self.inner[dimension], self._cut(dimension, spatial), self.array_index, spatial)

    def _cut(self, d: str, spatial: int) -> list[int]:
        """The temporal factors along one dimension, innermost first, with a spatial factor."""
        left = ceil_div(self.real[d], self.inner[d])
        found = []
        for index, level in enumerate(self.factors[:-1]):
            if index == self.array_index:
                left = ceil_div(left, spatial)
            found.append(min(level[d], left))
            left = ceil_div(left, found[-1])
        return found
