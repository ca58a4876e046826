"""Fixed tiles on layers that they do not divide, and the bounds that free tiles may be padded to.

Everything here follows one rule per dimension. Let f be the pinned factor of the inner fanout, s the tile of the level
below the array, g the tile of the level above it, u the fixed shape's extent along the dimension (its X or Y where the
fixed pair unrolls the dimension, else 1). A tile that a layer does not fill shrinks (``edge: clip``) to what the layer
needs, and the bound is padded to a whole number of tiles. The rule is this project's own definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Protocol

from flexloop.arch.spec import ArchSpec
from flexloop.workloads.layers import DIMENSIONS, Layer


class HasDepthwiseRule(Protocol):
    """An arch spec or a design."""

    @property
    def depthwise(self) -> str:
        """``as_output_channels`` or ``off``."""
        ...


@dataclass(frozen=True)
class FixedTiles:
    """The spec's tiles as they fall on one layer.

    Attributes:
        tiles: extent of the tile at each level with loops except the outermost, innermost first, for every dimension.
        bounds: the layer's bounds, padded to whole tiles of the outermost of them.
        inner: the pinned spatial factor below the innermost level, for every dimension.
    """

    tiles: tuple[dict[str, int], ...]
    bounds: dict[str, int]
    inner: dict[str, int]


def follows_depthwise_rule(arch: HasDepthwiseRule, layer: Layer) -> bool:
    """Whether the layer's G takes the fixed values of M, as on hardware that sees groups as output channels."""
    return arch.depthwise == "as_output_channels" and layer.is_depthwise


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
        factors[d] = min(factor, bound) if arch.edge == "clip" else factor
    return factors


def fixed_tiles(arch: ArchSpec, layer: Layer) -> FixedTiles:
    """Return the spec's fixed tiles on a layer, and the bounds they pad it to."""
    inner = inner_factors(arch, layer)
    by_dimension = {d: _tiles_along(arch, _role(arch, layer, d), layer.bounds[d], inner[d]) for d in DIMENSIONS}
    levels = range(len(arch.loop_levels) - 1)
    tiles = tuple({d: by_dimension[d][level] for d in DIMENSIONS} for level in levels)
    bounds = {d: by_dimension[d][-1] * -(-layer.bounds[d] // by_dimension[d][-1]) for d in DIMENSIONS}
    return FixedTiles(tiles, bounds, inner)


def _tiles_along(arch: ArchSpec, role: str | None, bound: int, inner: int) -> list[int]:
    """Tiles along one dimension, innermost level first; ``role`` names the spec's dimension."""
    if role is None:
        return [1] * (len(arch.loop_levels) - 1)
    full = arch.inner_factors[role]
    spec = [arch.fixed_tile(level.name)[role] // full for level in arch.loop_levels[:-1]]
    if arch.edge == "clip":
        spec = _clip(spec, arch.array_index, _unrolled(arch, role), -(-bound // inner))
    return [tile * inner for tile in spec]


def _unrolled(arch: ArchSpec, role: str) -> int:
    pair, shape = arch.axes.parallelization.fixed, arch.axes.shape.fixed
    return {pair.X: shape.X, pair.Y: shape.Y}.get(role, 1)  # type: ignore[call-overload, no-any-return]


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
            clipped = min(tile, step * -(-bound // step))
        else:
            clipped = min(tile, below * -(-bound // below))
        tiles.append(clipped)
        below = clipped
    return tiles


def padded_bounds(arch: ArchSpec, layer: Layer) -> dict[str, tuple[int, ...]]:
    """The bounds that free tiles may factorise, for each dimension, ascending.

    The bound itself, the least 7-smooth number at or above it, the least multiples of the fixed shape's X and of its
    Y, and what the fixed tile pads to; each rounded up to a multiple of the inner fanout's factor. A dimension of
    bound 1 has no loop to pad: it keeps 1 beside what the fixed tile makes of it.
    """
    fixed = fixed_tiles(arch, layer)
    shape = arch.axes.shape.fixed
    allowed = {}
    for d, bound in layer.bounds.items():
        choices = {bound, fixed.bounds[d]}
        if bound > 1:
            choices |= {smooth_above(bound), _multiple(bound, shape.X), _multiple(bound, shape.Y)}
        allowed[d] = tuple(sorted({_multiple(choice, fixed.inner[d]) for choice in choices}))
    return allowed


def _multiple(value: int, step: int) -> int:
    return step * -(-value // step)


def smooth_above(bound: int) -> int:
    """The least number at or above ``bound`` with no prime factor above 7."""
    return min(_smooth_candidates(bound))


def _smooth_candidates(bound: int) -> Iterator[int]:
    """For each product of powers of 3, 5 and 7 below 2*bound, its least multiple by a power of two above the bound."""
    sevens = 1
    while sevens < 2 * bound:
        fives = sevens
        while fives < 2 * bound:
            threes = fives
            while threes < 2 * bound:
                yield threes << max(0, (-(-bound // threes) - 1).bit_length())
                threes *= 3
            fives *= 5
        sevens *= 7


def divisors(n: int) -> list[int]:
    """The divisors of a positive number, ascending."""
    small = [k for k in range(1, isqrt(n) + 1) if n % k == 0]
    return small + [n // k for k in reversed(small) if k * k != n]


def spatial_factor(tile: int, below: int, extent: int) -> int:
    """The pinned spatial factor of a dimension: the largest divisor of ``tile / below`` that fits the mesh axis."""
    ratio = tile // below
    return max(n for n in divisors(ratio) if n <= extent)


def uniform_paddings(arch: ArchSpec, layer: Layer) -> dict[str, dict[str, int]]:
    """The paddings that treat every dimension alike, for searches that cannot search the cross product.

    Keys say which rule made the bounds: ``exact``, ``smooth``, ``X``, ``Y`` (multiples of the fixed shape's extents)
    or ``fixed`` (the fixed tile). Equal choices are kept once, under the first name.
    """
    fixed = fixed_tiles(arch, layer)
    shape = arch.axes.shape.fixed
    rules: dict[str, Callable[[int], int]] = {
        "exact": lambda bound: bound,
        "smooth": smooth_above,
        "X": lambda bound: _multiple(bound, shape.X) if bound > 1 else 1,
        "Y": lambda bound: _multiple(bound, shape.Y) if bound > 1 else 1,
    }
    paddings = {
        name: {d: _multiple(rule(bound), fixed.inner[d]) for d, bound in layer.bounds.items()}
        for name, rule in rules.items()
    }
    paddings["fixed"] = fixed.bounds
    unique: dict[tuple[int, ...], str] = {}
    for name, padding in paddings.items():
        unique.setdefault(tuple(padding.values()), name)
    return {name: dict(zip(DIMENSIONS, key, strict=True)) for key, name in unique.items()}
