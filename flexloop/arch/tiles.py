"""Fixed tiles on layers that they do not divide, and the bounds that free tiles may be padded to.

What a fixed tile is, has two readings (``pins`` of an arch spec). ``unit``: the temporal factors inside a PE and at
each on-chip level are pinned; what they hold grows with the array's spatial factors. ``buffer``: the extents of each
buffer's tile are pinned, array included. In both a tile that a layer does not fill shrinks (``edge: clip``) to what the
layer needs, and the bound is padded to a whole number of tiles, or with ``edge: remainder`` the last tile is smaller.
The rules are this project's own definition; see
docs/formalism.md.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from operator import mul
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from flexloop.arch.depthwise import follows_depthwise_rule
from flexloop.integers import balanced, ceil_div, divisors, multiple, smooth_above
from flexloop.workloads.layers import DIMENSIONS, Layer

if TYPE_CHECKING:
    from flexloop.arch.fields import Shape
    from flexloop.arch.spec import ArchSpec

Factors = dict[str, int]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


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
        return _products(self.inner[dimension], along, self.array_index, spatial)

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
        return _products(self.inner[dimension], self._cut(dimension, spatial), self.array_index, spatial)

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


def _role(arch: ArchSpec, layer: Layer, dimension: str) -> str | None:
    """The dimension of the spec whose fixed values a layer's dimension takes; None where it takes 1 throughout."""
    if follows_depthwise_rule(arch, layer):
        return {"G": "M", "M": None}.get(dimension, dimension)
    return dimension


def as_seen(arch: ArchSpec, layer: Layer, dimension: str) -> str:
    """The layer's dimension in the place that the spec gives to ``dimension``: G for M under the depthwise rule."""
    swap = {"G": "M", "M": "G"} if follows_depthwise_rule(arch, layer) else {}
    return swap.get(dimension, dimension)


def inner_factors(arch: ArchSpec, layer: Layer) -> dict[str, int]:
    """The pinned factor of the inner fanout for each dimension; under ``clip`` a smaller bound takes its place."""
    factors = {}
    for d, bound in layer.bounds.items():
        role = _role(arch, layer, d)
        factor = arch.inner_factors[role] if role else 1
        factors[d] = min(factor, bound) if arch.edge != "pad" else factor
    return factors


def fixed_tiles(arch: ArchSpec, layer: Layer) -> FixedTiles:
    """Return the spec's fixed tiles on a layer, and the bounds they pad it to."""
    inner = inner_factors(arch, layer)
    return (_unit_tiles if arch.pins == "unit" else _buffer_tiles)(arch, layer, inner)


def _unit_tiles(arch: ArchSpec, layer: Layer, inner: Factors) -> UnitTiles:
    clip = arch.edge != "pad"
    levels = range(len(arch.loop_levels) - 1)
    chains, passes, along = {}, {}, {}
    for d in DIMENSIONS:
        role = _role(arch, layer, d)
        unrolled = arch.unrolled(role) if role else 1
        needed = ceil_div(layer.bounds[d], inner[d])
        chains[d] = (
            _factors_along(arch, role, layer.bounds | {role: layer.bounds[d]}, needed) if role else [1] * len(levels)
        )
        passes[d] = ceil_div(needed, prod(chains[d]))
        spatial = balanced(passes[d], unrolled) if clip else unrolled
        along[d] = _products(inner[d], chains[d], arch.array_index, spatial)
    factors = tuple({d: chains[d][level] for d in DIMENSIONS} for level in levels)
    tiles = tuple({d: along[d][level] for d in DIMENSIONS} for level in levels)
    rest = (passes, clip, arch.array_index, _paired(arch, layer))
    if arch.edge == "remainder":
        return RemainderTiles(tiles, layer.bounds, inner, (*factors, {}), *rest, layer.bounds)
    bounds = {d: multiple(layer.bounds[d], along[d][-1]) for d in DIMENSIONS}
    return UnitTiles(tiles, bounds, inner, (*factors, {}), *rest)


def _products(inner: int, factors: Sequence[int], array_index: int, spatial: int) -> tuple[int, ...]:
    """Tiles along one dimension, innermost level first: what factors multiply to, the spatial one from the array on."""
    unrolled = (spatial if index == array_index else 1 for index in range(len(factors)))
    return tuple(itertools.accumulate((f * s for f, s in zip(factors, unrolled, strict=True)), mul, initial=inner))[1:]


def _paired(arch: ArchSpec, layer: Layer) -> frozenset[str]:
    pairs = (arch.axes.parallelization.fixed, *arch.axes.parallelization.partial)
    return frozenset(as_seen(arch, layer, d) for pair in pairs for d in (pair.X, pair.Y))


def _factors_along(arch: ArchSpec, role: str, bounds: Factors, needed: int) -> list[int]:
    """Temporal factors along one dimension, innermost first; ``role`` names the spec's dimension.

    They shrink to what is needed with the spec's own extent of the array in place; under ``edge: pad`` only those that
    are named after the layer's bounds do.
    """
    factors = []
    for index, (level, size) in enumerate(zip(arch.loop_levels, arch.tile_sizes(role, bounds), strict=False)):
        if index == arch.array_index:
            needed = ceil_div(needed, arch.unrolled(role))
        if arch.edge != "pad" or not isinstance(arch.axes.tiling.fixed[level.name].get(role, 1), int):  # type: ignore[call-overload]
            size = min(size, needed)
        factors.append(size)
        needed = ceil_div(needed, size)
    return factors


def _buffer_tiles(arch: ArchSpec, layer: Layer, inner: Factors) -> BufferTiles:
    by_dimension = {d: _tiles_along(arch, _role(arch, layer, d), layer.bounds[d], inner[d]) for d in DIMENSIONS}
    levels = range(len(arch.loop_levels) - 1)
    tiles = tuple({d: by_dimension[d][level] for d in DIMENSIONS} for level in levels)
    bounds = {d: multiple(layer.bounds[d], tiles[-1][d]) for d in DIMENSIONS}
    extents = [inner, *tiles, bounds]
    factors = tuple(
        {} if index == arch.array_index else {d: outside[d] // inside[d] for d in DIMENSIONS}
        for index, (inside, outside) in enumerate(zip(extents, extents[1:], strict=False))
    )
    return BufferTiles(tiles, bounds, inner, factors, arch.array_index)


def _tiles_along(arch: ArchSpec, role: str | None, bound: int, inner: int) -> list[int]:
    """Tiles along one dimension, innermost level first; ``role`` names the spec's dimension."""
    if role is None:
        return [1] * (len(arch.loop_levels) - 1)
    spec = [tile // arch.inner_factors[role] for tile in arch.tile_sizes(role)]
    if arch.edge == "clip":
        spec = _clip(spec, arch.array_index, arch.unrolled(role), ceil_div(bound, inner))
    return [tile * inner for tile in spec]


def _clip(spec: list[int], array_index: int, unrolled: int, bound: int) -> list[int]:
    """Shrink tiles to the bound: each is a multiple of the one inside it, and never above the spec's.

    With s the tile just below the array and B the bound: B <= s gives B at every level outside; s < B <= s*u gives
    s*ceil(B/s); else min(g, s*u*ceil(B/(s*u))). Further levels in or out follow the same pattern.
    """
    tiles: list[int] = []
    below = 1
    for index, tile in enumerate(spec):
        if below >= bound:
            clipped = below
        elif index == array_index:
            step = below * unrolled if bound > below * unrolled else below
            clipped = min(tile, multiple(bound, step))
        else:
            clipped = min(tile, multiple(bound, below))
        tiles.append(clipped)
        below = clipped
    return tiles


def held_factors(arch: ArchSpec, layer: Layer) -> tuple[Factors, ...]:
    """The temporal factors that stay pinned where tiling is free, at each level with loops, innermost first."""
    free, fixed = arch.axes.tiling.free, fixed_tiles(arch, layer)
    if free is None:
        return ({},) * len(arch.loop_levels)
    named = zip(arch.loop_levels[:-1], fixed.factors, strict=False)
    return (*({} if level.name in free else factors for level, factors in named), {})


def _held_step(arch: ArchSpec, layer: Layer, inner: Factors) -> Factors:
    """What every padded bound is a multiple of where tiling is free."""
    held = held_factors(arch, layer)
    return {d: inner[d] * prod(factors.get(d, 1) for factors in held) for d in DIMENSIONS}


def padded_bounds(arch: ArchSpec, layer: Layer) -> dict[str, tuple[int, ...]]:
    """The bounds that free tiles may factorise, for each dimension, ascending.

    The bound itself, the least 7-smooth number at or above it, the least multiples of the fixed shape's X and of its
    Y, and what the fixed tile pads to; each rounded up to a multiple of what stays pinned. A dimension of
    bound 1 has no loop to pad: it keeps 1 beside what the fixed tile makes of it.
    """
    fixed = fixed_tiles(arch, layer)
    shape, step = arch.axes.shape.fixed, _held_step(arch, layer, fixed.inner)
    allowed = {}
    for d, bound in layer.bounds.items():
        choices = {bound, fixed.bounds[d]}
        if bound > 1:
            choices |= {smooth_above(bound), multiple(bound, shape.X), multiple(bound, shape.Y)}
        allowed[d] = tuple(sorted({multiple(choice, step[d]) for choice in choices}))
    return allowed


def uniform_paddings(arch: ArchSpec, layer: Layer) -> dict[str, dict[str, int]]:
    """The paddings that treat every dimension alike, for searches that cannot search the cross product.

    Keys say which rule made the bounds: ``exact``, ``smooth``, ``X``, ``Y`` (multiples of the fixed shape's extents)
    or ``fixed`` (the fixed tile). Equal choices are kept once, under the first name.
    """
    fixed = fixed_tiles(arch, layer)
    shape, step = arch.axes.shape.fixed, _held_step(arch, layer, fixed.inner)
    rules: dict[str, Callable[[int], int]] = {
        "exact": lambda bound: bound,
        "smooth": smooth_above,
        "X": lambda bound: multiple(bound, shape.X) if bound > 1 else 1,
        "Y": lambda bound: multiple(bound, shape.Y) if bound > 1 else 1,
    }
    paddings = {
        name: {d: multiple(rule(bound), step[d]) for d, bound in layer.bounds.items()} for name, rule in rules.items()
    }
    paddings["fixed"] = fixed.bounds
    unique: dict[tuple[int, ...], str] = {}
    for name, padding in paddings.items():
        unique.setdefault(tuple(padding.values()), name)
    return {name: dict(zip(DIMENSIONS, key, strict=True)) for key, name in unique.items()}
