"""The bounds that free tiles may be padded to; the rules are this project's own, see docs/formalism.md."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from flexloop.arch.fixedtiles import Factors
from flexloop.arch.tiles import fixed_tiles
from flexloop.integers import multiple, smooth_above
from flexloop.workloads.layers import DIMENSIONS, Layer

if TYPE_CHECKING:
    from flexloop.arch.spec import ArchSpec


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
