"""A design's pinned factors on a layer that they do not divide, and the padded bounds that a layer may take.

Per dimension, inner to outer over the places of the chain: a pinned factor f becomes min(f, rest), rest being what
the factors inside leave of the bound, rounded up, with the design's own spatial factors in place. A least factor
shrinks in the same way. What is found so holds in every class that keeps the constraint: it does not depend on what the
other axes choose. Where no temporal loop of a dimension is open and something is left, the outermost level takes it.

A bound is padded to a multiple of what is pinned. With q the product pinned and b = ceil(B/q), the allowed bounds are
q*b' for b' in b, the least 7-smooth number >= b, and for every extent n of the design's fanouts the n-balanced
f*ceil(b/n), where f = ceil(b/ceil(b/n)) is the number of units that share the work evenly in as few rounds. They are
the same in all classes of one tiling, and those of fixed tiles are among those of free ones.

With ``edge: remainder`` there are besides, for each choice of what is pinned, the mappings at the layer's own bound of
the dimensions that it does not divide: the last pass of a loop is a shorter one, Timeloop's residual factors.

The rule is this project's own definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from flexloop.arch.depthwise import follows_depthwise_rule
from flexloop.arch.design.directives import merged, renamed
from flexloop.classes import Axis, Degree
from flexloop.integers import balanced, ceil_div, multiple, smooth_above
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, Layer

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design

Loops = tuple[LoopConstraint, ...]

_AS_CHANNELS = {"M": "G", "G": "M"}


@dataclass(frozen=True)
class Clipped:
    """A design's constraints on one layer.

    Attributes:
        layer: the layer.
        always: what every class pins.
        tiles, orders, parallel: the choices of T, O and P at degree p, degree 0's first.
        taken: dimensions whose rest the outermost level takes although degree 0 pins it there.
        extents: the extents above 1 of the design's fanouts.
    """

    layer: Layer
    always: Loops
    tiles: tuple[Loops, ...]
    orders: tuple[Loops, ...]
    parallel: tuple[Loops, ...]
    taken: tuple[str, ...]
    extents: tuple[int, ...]

    def choices(self, axis: Axis, degree: Degree) -> tuple[Loops, ...]:
        """What an axis may pin at a degree; T, O and P alone."""
        if degree is Degree.FULL:
            return ((),)
        found = {Axis.TILING: self.tiles, Axis.ORDERING: self.orders, Axis.PARALLELIZATION: self.parallel}[axis]
        return found if degree is Degree.PART else found[:1]

    def bounds(self, tiling: Degree) -> dict[str, tuple[int, ...]]:
        """The bounds allowed at a degree of T, whatever the other axes do."""
        tiles = self.choices(Axis.TILING, Degree.PART if tiling is Degree.FULL else tiling)
        if tiling is Degree.FULL:
            tiles = ((), *tiles)
        allowed = {}
        for d, bound in self.layer.bounds.items():
            products = {_pinned(d, [*self.always, *t, *p]) for t in tiles for p in ((), *self.parallel)}
            allowed[d] = tuple(sorted({n for q in products for n in _padded(bound, q, self.extents)}))
        return allowed

    def bounds_with_remainders(self, loops: Iterable[LoopConstraint]) -> dict[str, tuple[int, ...]]:
        """The bounds with which a choice of what is pinned leaves remainders; empty where it divides the layer.

        They depend on the choice alone, so a class that has it has all mappings of its subclasses that have it.

        Args:
            loops: what is pinned, one directive a place.
        """
        rules = merged(loops)
        uneven = {d for d, n in self.layer.bounds.items() if n % prod(rule.factors.get(d, 1) for rule in rules)}
        if not uneven:
            return {}
        return {
            d: (n,) if d in uneven else tuple(sorted(_padded(n, _pinned(d, rules), self.extents)))
            for d, n in self.layer.bounds.items()
        }


def clipped(design: Design, layer: Layer) -> Clipped:
    """A design's constraints on a layer; M's are G's where the depthwise rule says so."""
    names = _AS_CHANNELS if follows_depthwise_rule(design, layer) else {}

    def of(loops: Iterable[LoopConstraint]) -> Loops:
        return tuple(renamed(loop, names) for loop in loops)

    tiles = [of(choice) for choice in design.choices(Axis.TILING, Degree.PART)]
    parallel = [of(choice) for choice in design.choices(Axis.PARALLELIZATION, Degree.PART)]
    own = _Walk(design, layer, [*of(design.always.loops), *tiles[0], *parallel[0]])
    always, spatial = own.clip(of(design.always.loops)), own.clip(parallel[0])
    fixed = own.clip(tiles[0])
    return Clipped(
        layer=layer,
        always=always,
        tiles=(fixed, *(_Walk(design, layer, [*always, *tile, *spatial]).clip(tile) for tile in tiles[1:])),
        orders=tuple(of(choice) for choice in design.choices(Axis.ORDERING, Degree.PART)),
        parallel=(spatial, *(_Walk(design, layer, [*always, *fixed, *each]).clip(each) for each in parallel[1:])),
        taken=own.taken,
        extents=tuple(sorted({n for fanout in design.hardware.fanouts for n in fanout if n > 1})),
    )


class _Walk:
    """The walk over the places of each dimension, inner to outer.

    Attributes:
        taken: dimensions of which something is left and no temporal loop is open.
    """

    def __init__(self, design: Design, layer: Layer, loops: Iterable[LoopConstraint]) -> None:
        self._outermost = design.level_names[-1]
        self._found: dict[tuple[str, bool, str], int] = {}
        rules = {(loop.target, loop.spatial): loop for loop in merged(loops)}
        fans = dict(zip(design.level_names, map(max, design.hardware.fanouts), strict=True))
        self.taken = tuple(d for d in DIMENSIONS if self._walk(d, layer.bounds[d], rules, fans))

    def _walk(
        self, d: str, rest: int, rules: Mapping[tuple[str, bool], LoopConstraint], fans: Mapping[str, int]
    ) -> bool:
        is_open = False
        for name, extent in fans.items():
            for spatial in (True, False) if extent > 1 else (False,):
                rule = rules.get((name, spatial), LoopConstraint(name, spatial))
                factor = min(rule.factors.get(d, rule.min_factors.get(d, 1)), rest)
                self._found[name, spatial, d] = factor
                rest = ceil_div(rest, factor)
                if d not in rule.factors:
                    is_open |= not spatial
        open_fanouts = prod(n for name, n in fans.items() if n > 1 and d not in _factors(rules, name))
        return not is_open and rest > open_fanouts

    def clip(self, loops: Loops) -> Loops:
        """Directives with their factors clipped; what the outermost level has to take is open there."""
        return tuple(self._clip(loop) for loop in loops)

    def _clip(self, loop: LoopConstraint) -> LoopConstraint:
        gives_way = self.taken if loop.target == self._outermost and not loop.spatial else ()

        def least(factors: Mapping[str, int]) -> dict[str, int]:
            found = {d: min(n, self._found.get((loop.target, loop.spatial, d), n)) for d, n in factors.items()}
            return {d: n for d, n in found.items() if d not in gives_way}

        most = {d: n for d, n in loop.max_factors.items() if d not in gives_way}
        return replace(loop, factors=least(loop.factors), min_factors=least(loop.min_factors), max_factors=most)


def _factors(rules: Mapping[tuple[str, bool], LoopConstraint], level: str) -> Mapping[str, int]:
    rule = rules.get((level, True))
    return rule.factors if rule else {}


def _pinned(d: str, loops: Sequence[LoopConstraint]) -> int:
    """The product of what is pinned of a dimension, least factors included."""
    return prod(loop.factors.get(d, loop.min_factors.get(d, 1)) for loop in merged(loops))


def _padded(bound: int, pinned: int, extents: Sequence[int]) -> set[int]:
    rest = ceil_div(bound, pinned)
    shared = [multiple(rest, balanced(rest, extent)) for extent in extents]
    return {pinned * n for n in (rest, smooth_above(rest), *shared)}
