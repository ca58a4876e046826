"""A design whose open axes are pinned from one mapping, so that its degree 0 leaves one choice."""

from __future__ import annotations

from dataclasses import replace

from flexloop.arch.design import directives
from flexloop.arch.design.model import Design
from flexloop.classes import Axis
from flexloop.errors import SpecError
from flexloop.timeloop.constraints import Constraints, LoopConstraint
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.workloads.layers import DIMENSIONS


def pinned_by(design: Design, mapping: Mapping, source: str) -> Design:
    """Pin what a design leaves open of tiles, orders and parallelism to what a mapping chooses.

    What the design pins stays. Temporal factors of the outermost level stay open, since it takes the rest of a layer.

    Args:
        design: the design.
        mapping: a mapping in the canonical layer's names, on the design's levels.
        source: what the mapping is, for the description.

    Raises:
        SpecError: if the mapping lacks a level, or its dimensions have other names.
    """
    levels = {level.target: level for level in mapping.levels}
    if missing := [name for name in design.level_names if name not in levels]:
        raise SpecError(f"{source}: the mapping says nothing of {missing[0]}, a storage level of {design.name}")
    for level in mapping.levels:
        if unknown := sorted({*level.factors, *level.spatial_factors} - set(DIMENSIONS)):
            raise SpecError(f"{source}: dimension {unknown[0]!r} at {level.target}; write those of the canonical layer")
    idle = directives.keeping_nothing(design.always)
    names = [name for name in design.level_names if name not in idle]
    fanouts = [design.level_names[i] for i in design.flexible_levels]
    own = {axis: {loop.target: loop for loop in design.pinned(axis)} for axis in Axis}
    tiles = [_tile(levels[name], own[Axis.TILING].get(name)) for name in names if name != design.level_names[-1]]
    orders = [_order(levels[name], own[Axis.ORDERING].get(name)) for name in names]
    spatial = [_spatial_loop(levels[name], own[Axis.PARALLELIZATION].get(name)) for name in fanouts]
    made = {"T": tiles, "O": orders, "P": spatial}
    document = design.model_dump()
    document["constraints"] |= {axis: directives.write(Constraints(tuple(loops))) for axis, loops in made.items()}
    document["description"] = f"{design.description}; what it leaves open pinned to {source}".lstrip("; ")
    return Design.model_validate(document)


def _tile(level: LevelMapping, own: LoopConstraint | None) -> LoopConstraint:
    pinned = dict(own.factors) if own else {}
    return LoopConstraint(level.target, factors={d: pinned.get(d, level.factors.get(d, 1)) for d in DIMENSIONS})


def _order(level: LevelMapping, own: LoopConstraint | None) -> LoopConstraint:
    return LoopConstraint(level.target, permutation=_permutation(level.permutation, own))


def _permutation(chosen: tuple[str, ...], own: LoopConstraint | None) -> tuple[str, ...]:
    """The whole order that a mapping chooses, loops of one iteration where the design wants them."""
    first, last = (own.permutation, own.suffix) if own else ((), ())
    rest = [d for d in dict.fromkeys([*chosen, *DIMENSIONS]) if d not in first and d not in last]
    return (*first, *rest, *last)


def _spatial_loop(level: LevelMapping, own: LoopConstraint | None) -> LoopConstraint:
    own = own or LoopConstraint(level.target, spatial=True)
    factors = {d: own.factors.get(d, level.spatial_factors.get(d, 1)) for d in DIMENSIONS}
    shrunk = any(n != level.spatial_factors.get(d, 1) for d, n in own.factors.items())
    split = level.split if own.split is None and not shrunk else own.split  # a small layer has no say
    return replace(
        own, factors=factors, min_factors={}, max_factors={}, suffix=(), split=split,
        permutation=_permutation(level.spatial_permutation, own),
    )  # fmt: skip
