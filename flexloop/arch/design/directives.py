"""Timeloop's constraint directives by axis: which kind pins which axis, and plain data to and from constraints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flexloop.classes import Axis
from flexloop.timeloop.constraints import Constraints, LoopConstraint, Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.workloads.layers import DIMENSIONS, TENSORS

WHOLE = 2**40
"""The factor that stands for the whole bound (``R=0`` in Timeloop's files)."""

Directive = dict[str, Any]


@dataclass(frozen=True)
class Sorted:
    """Constraints by what frees them.

    Attributes:
        always: no class does: what is kept where, reuse, least parallelism, and what a level that keeps nothing or a
            fanout of vector lanes pins.
        axes: factors of temporal loops (T), their orders (O), all of spatial loops (P).
    """

    always: Constraints
    axes: Mapping[Axis, tuple[LoopConstraint, ...]]


def sort(found: Constraints, lanes: frozenset[str]) -> Sorted:
    """Sort constraints by axis.

    Args:
        found: of a design.
        lanes: levels whose fanouts are vector lanes, pinned in every class.
    """
    nothing_kept = keeping_nothing(found)
    always: list[LoopConstraint] = []
    axes: dict[Axis, list[LoopConstraint]] = {axis: [] for axis in Axis}
    for loop in found.loops:
        if loop.target in (lanes if loop.spatial else nothing_kept):
            always.append(loop)
        elif loop.spatial:
            axes[Axis.PARALLELIZATION].append(loop)
        else:
            axes[Axis.TILING].append(replace(loop, permutation=(), suffix=()))
            axes[Axis.ORDERING].append(LoopConstraint(loop.target, permutation=loop.permutation, suffix=loop.suffix))
    said = {axis: tuple(loop for loop in loops if pins_anything(loop)) for axis, loops in axes.items()}
    return Sorted(replace(found, loops=tuple(always)), said)


def keeping_nothing(constraints: Constraints) -> set[str]:
    """Names of the levels that every tensor bypasses."""
    return {rule.target for rule in constraints.dataspaces if set(rule.bypass) == set(TENSORS)}


def pins_anything(loop: LoopConstraint) -> bool:
    """Whether a directive pins anything."""
    named = (loop.factors, loop.min_factors, loop.max_factors, loop.permutation, loop.suffix)
    return any(named) or loop.split is not None


def merged(loops: Iterable[LoopConstraint]) -> tuple[LoopConstraint, ...]:
    """One directive for each place: what several say of it, each about something else."""
    places: dict[tuple[str, bool], LoopConstraint] = {}
    for loop in loops:
        known = places.get((loop.target, loop.spatial), LoopConstraint(loop.target, loop.spatial))
        places[loop.target, loop.spatial] = LoopConstraint(
            loop.target,
            loop.spatial,
            factors={**known.factors, **loop.factors},
            min_factors={**known.min_factors, **loop.min_factors},
            max_factors={**known.max_factors, **loop.max_factors},
            permutation=loop.permutation or known.permutation,
            suffix=loop.suffix or known.suffix,
            split=known.split if loop.split is None else loop.split,
        )
    return tuple(places.values())


def read(directives: Sequence[Mapping[str, Any]], levels: Sequence[str], fanouts: Iterable[str]) -> Constraints:
    """Constraints in canonical names from plain data; a factor of 0 becomes `WHOLE`.

    Raises:
        SpecError, UnknownNameError, UnsupportedError: as Timeloop's constraints are read.
    """
    subject = Subject(tuple(levels), frozenset(fanouts), dict.fromkeys(DIMENSIONS, WHOLE), TENSORS)
    return read_constraints([dict(directive) for directive in directives], subject)


def write(constraints: Constraints) -> list[Directive]:
    """Plain data that `read` reads again."""
    loops = tuple(
        replace(loop, factors={d: 0 if n == WHOLE else n for d, n in loop.factors.items()})
        for loop in constraints.loops
        if pins_anything(loop)
    )
    return replace(constraints, loops=loops).to_directives()


def renamed(loop: LoopConstraint, names: Mapping[str, str]) -> LoopConstraint:
    """A directive with other names of dimensions; those that ``names`` lacks stay."""

    def of(dimensions: Iterable[str]) -> tuple[str, ...]:
        return tuple(names.get(d, d) for d in dimensions)

    def by(factors: Mapping[str, int]) -> dict[str, int]:
        return {names.get(d, d): n for d, n in factors.items()}

    return replace(
        loop,
        factors=by(loop.factors),
        min_factors=by(loop.min_factors),
        max_factors=by(loop.max_factors),
        permutation=of(loop.permutation),
        suffix=of(loop.suffix),
    )
