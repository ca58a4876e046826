"""Carry a mapping of one class over to the mapspace of a superclass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flexloop.engines.base import Candidate
from flexloop.mapspace import MapSpace, Variant
from flexloop.timeloop.constraints import DataspaceConstraint, LoopConstraint
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.workloads.layers import DIMENSIONS


def carry_over(candidate: Candidate, space: MapSpace) -> Candidate:
    """Return a subclass's mapping as a mapping of this mapspace, with the same tiles, orders and figures.

    Raises:
        ValueError: if the mapspace does not contain it, so that the class is no superclass.
    """
    for variant in space.variants:
        if variant.shape != candidate.variant.shape:
            continue
        if any(candidate.bounds[d] not in variant.bounds[d] for d in DIMENSIONS):
            continue
        mapping = repartition(candidate.mapping, variant)
        if satisfies(mapping, variant):
            return Candidate(variant, candidate.bounds, mapping)
    raise ValueError(f"{space.flexclass} on {space.layer.name} does not contain {candidate.mapping.one_line()}")


def repartition(mapping: Mapping, variant: Variant) -> Mapping:
    """Add or take away the levels that limit each tensor's share of a buffer; they carry no loops."""
    own = {level.target: level for level in mapping.levels}
    levels = tuple(own.get(name) or _idle(variant.constraints.dataspace(name)) for name in variant.levels)
    return replace(mapping, levels=levels)


def _idle(kept: DataspaceConstraint) -> LevelMapping:
    ones = dict.fromkeys(DIMENSIONS, 1)
    return LevelMapping(kept.target, factors=ones, permutation=DIMENSIONS, keep=kept.keep, bypass=kept.bypass)


def satisfies(mapping: Mapping, variant: Variant) -> bool:
    """Whether a mapping keeps to a variant's loop constraints. Loops of factor 1 may stand anywhere."""
    levels = {level.target: level for level in mapping.levels}
    left = _left(mapping)
    return all(_satisfied(levels[c.target], c, left[c.target, c.spatial]) for c in variant.constraints.loops)


def _left(mapping: Mapping) -> dict[tuple[str, bool], dict[str, int]]:
    """What the loops inside each place, by level and whether it is spatial, leave of each dimension."""
    left = mapping.bounds()
    found: dict[tuple[str, bool], dict[str, int]] = {}
    for level in mapping.levels:
        for spatial, factors in ((True, level.spatial_factors), (False, level.factors)):
            found[level.target, spatial] = dict(left)
            left = {d: -(-n // factors.get(d, 1)) for d, n in left.items()}
    return found


def _satisfied(level: LevelMapping, constraint: LoopConstraint, left: dict[str, int]) -> bool:
    """Whether a level keeps to a constraint; Timeloop cuts a pinned factor to what is left of the bound."""
    factors = dict(level.spatial_factors if constraint.spatial else level.factors)
    if any(factors.get(d, 1) != min(n, left.get(d, n)) for d, n in constraint.factors.items()):
        return False
    if any(factors.get(d, 1) < n for d, n in constraint.min_factors.items()):
        return False
    if any(factors.get(d, 1) > n for d, n in constraint.max_factors.items()):
        return False
    permutation = level.spatial_permutation if constraint.spatial else level.permutation
    moving = [d for d in permutation if factors.get(d, 1) > 1]
    if not _keeps_to(moving, constraint):
        return False
    on_x = {d for d in permutation[: level.split] if factors.get(d, 1) > 1}
    return not constraint.spatial or constraint.split is None or _splits(on_x, set(moving), constraint)


def _keeps_to(moving: Sequence[str], constraint: LoopConstraint) -> bool:
    """Whether loops begin with those of the pinned prefix and end with those of the pinned suffix, in their order."""
    first = [d for d in constraint.permutation if d in moving]
    last = [d for d in constraint.suffix if d in moving]
    return list(moving[: len(first)]) == first and list(moving[len(moving) - len(last) :]) == last


def _splits(on_x: set[str], moving: set[str], constraint: LoopConstraint) -> bool:
    """Whether a pinned split can put these loops on X: dimensions without a loop take places in the order too."""
    assert constraint.split is not None
    prefix, suffix = constraint.permutation, constraint.suffix
    middle = [d for d in DIMENSIONS if d not in prefix and d not in suffix]
    must_x = {*prefix[: constraint.split]} & moving
    reach = constraint.split - len(prefix)
    if reach >= len(middle):
        must_x |= {*middle, *suffix[: reach - len(middle)]} & moving
        return on_x == must_x
    on_middle = len(on_x & {*middle})
    if on_x - {*middle} != must_x:
        return False
    if reach <= 0:
        return on_middle == 0
    idle = sum(d not in moving for d in middle)
    return on_middle <= reach <= on_middle + idle
