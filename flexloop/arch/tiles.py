"""Fixed tiles on layers that they do not divide.

What a fixed tile is, has two readings (``pins`` of an arch spec). ``unit``: the temporal factors inside a PE and at
each on-chip level are pinned; what they hold grows with the array's spatial factors. ``buffer``: the extents of each
buffer's tile are pinned, array included. In both a tile that a layer does not fill shrinks (``edge: clip``) to what the
layer needs, and the bound is padded to a whole number of tiles, or with ``edge: remainder`` the last tile is smaller.
The rules are this project's own definition; see docs/formalism.md.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from flexloop.arch.depthwise import follows_depthwise_rule
from flexloop.arch.fixedtiles import BufferTiles, Factors, FixedTiles, RemainderTiles, UnitTiles, products
from flexloop.integers import balanced, ceil_div, multiple
from flexloop.workloads.layers import DIMENSIONS, Layer

if TYPE_CHECKING:
    from flexloop.arch.spec import ArchSpec


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
        along[d] = products(inner[d], chains[d], arch.array_index, spatial)
    factors = tuple({d: chains[d][level] for d in DIMENSIONS} for level in levels)
    tiles = tuple({d: along[d][level] for d in DIMENSIONS} for level in levels)
    rest = (passes, clip, arch.array_index, _paired(arch, layer))
    if arch.edge == "remainder":
        return RemainderTiles(tiles, layer.bounds, inner, (*factors, {}), *rest, layer.bounds)
    bounds = {d: multiple(layer.bounds[d], along[d][-1]) for d in DIMENSIONS}
    return UnitTiles(tiles, bounds, inner, (*factors, {}), *rest)


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
