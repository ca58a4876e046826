"""What quick, normal and thorough mean for ``timeloop-mapper``, and when it enumerates."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb, factorial, prod

from flexloop.mapspace import Variant
from flexloop.rendering.render import SearchSettings
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS

ENUMERATED = 20_000
"""A mapspace of at most this many mappings is enumerated (``linear_pruned``) rather than sampled."""

_NEVER = 2**31 - 1
"""A timeout that no enumerated mapspace reaches."""

_SAMPLING = {
    # effort: timeout (consecutive invalid), victory_condition (valid without improvement), search_size (valid)
    "quick": (20_000, 500, 5_000),
    "normal": (100_000, 5_000, 100_000),
    "thorough": (1_000_000, 50_000, 0),
}


def search_settings(variant: Variant, bounds: Mapping[str, int], effort: str, threads: int = 1) -> SearchSettings:
    """Settings of ``timeloop-mapper`` for a variant at some padded bounds.

    Small mapspaces are enumerated whole: random search never notices that it has seen everything.
    """
    size = size_limit(variant, bounds)
    if size <= ENUMERATED:
        return SearchSettings("linear_pruned", threads, timeout=_NEVER, victory_condition=0, search_size=0)
    timeout, victory, most = _SAMPLING[effort]
    return SearchSettings("random_pruned", threads, timeout, victory, most)


def size_limit(variant: Variant, bounds: Mapping[str, int]) -> int:
    """An upper bound on the number of mappings that Timeloop counts in a variant's mapspace at some bounds."""
    factorizations = prod(_factorizations(variant, d, bounds[d]) for d in DIMENSIONS)
    return factorizations * _orders(variant, bounds)


def _factorizations(variant: Variant, dimension: str, bound: int) -> int:
    """Ordered factorisations of a bound over the places that are not pinned, pinned factors taken out first."""
    free = sum(dimension not in place.factors for place in _places(variant))
    for loop in variant.constraints.loops:
        bound = -(-bound // loop.factors.get(dimension, 1))
    return prod(comb(power + free - 1, free - 1) for power in _powers(bound)) if free else 1


def _powers(number: int) -> list[int]:
    """Exponents of a number's prime factors."""
    powers, prime = [], 2
    while prime * prime <= number:
        power = 0
        while number % prime == 0:
            number, power = number // prime, power + 1
        powers.append(power)
        prime += 1
    return [*powers, 1] if number > 1 else powers


def _orders(variant: Variant, bounds: Mapping[str, int]) -> int:
    """Orders of the loops that can be longer than 1 (``linear_pruned`` skips the others), and splits of the array."""
    orders = 1
    for place in _places(variant)[1:]:  # the innermost level's order is pinned, or changes nothing
        named = {*place.permutation, *place.suffix}
        orders *= factorial(sum(d not in named for d in _open_loops(place, bounds)))
        if place.spatial and place.split is None:
            orders *= len(DIMENSIONS) + 1
    return orders


def _places(variant: Variant) -> list[LoopConstraint]:
    """What is pinned at each place that loops may stand at, the innermost level's first, then spatial ones."""
    rules = variant.constraints
    temporal = [rules.loop(level, spatial=False) for level in variant.levels]
    return [*temporal, *(rules.loop(level, spatial=True) for level in variant.fanouts)]


def _open_loops(constraint: LoopConstraint, bounds: Mapping[str, int]) -> list[str]:
    return [d for d in DIMENSIONS if constraint.factors.get(d, bounds[d]) > 1]
