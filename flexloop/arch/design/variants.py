"""The mapspace of a class on a design and a layer: a Timeloop mapspace for each choice that one run cannot express."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flexloop.arch.design.clip import Clipped, clipped
from flexloop.arch.design.directives import merged, says_something
from flexloop.arch.design.hardware import Extents
from flexloop.arch.design.model import Design
from flexloop.classes import Axis, FlexClass
from flexloop.timeloop.constraints import Constraints, LoopConstraint
from flexloop.workloads.layers import TENSORS, Layer


@dataclass(frozen=True)
class DesignVariant:
    """One Timeloop mapspace of a design.

    Attributes:
        shape: the extents of all fanouts.
        bounds: for each dimension the padded bounds that some factors within the constraints multiply to.
        constraints: what is pinned.
    """

    shape: Extents
    bounds: dict[str, tuple[int, ...]]
    constraints: Constraints


def design_variants(flexclass: FlexClass, design: Design, layer: Layer) -> tuple[DesignVariant, ...]:
    """The variants of a class (degrees allowed), without those that no factors fit, unless none do.

    Degree 1 of an axis deletes its constraints and p has more of them to choose among, while the bounds of a less
    flexible tiling are among those of a more flexible one: so the mapspace of a class holds those of its subclasses.
    """
    on_layer = clipped(design, layer)
    found = list(_variants(flexclass, design, on_layer))
    possible = tuple(variant for variant, empty in found if not empty)
    return possible or (found[0][0],)


def _variants(flexclass: FlexClass, design: Design, on_layer: Clipped) -> Iterator[tuple[DesignVariant, bool]]:
    from flexloop.embedded.mapper.choices import Choices  # brings the mapper, loaded where it is needed

    bounds = on_layer.bounds(flexclass.tiling)
    axes = (Axis.TILING, Axis.ORDERING, Axis.PARALLELIZATION)
    pinned = list(itertools.product(*(on_layer.choices(axis, flexclass.degree(axis)) for axis in axes)))
    for extents in design.extents(flexclass.degree(Axis.SHAPE)):
        for chosen in pinned:
            loops = merged([*on_layer.always, *itertools.chain(*chosen)])
            kept, fits = at_extents(loops, design.level_names, extents)
            constraints = replace(design.always, loops=kept)
            choices = Choices(design.level_names, extents.fanouts, bounds, TENSORS, constraints)
            empty = not fits or choices.empty_dimension is not None
            feasible = {
                d: tuple(option.bound for option in options) or bounds[d]
                for d, options in zip(choices.dimensions, choices.factorizations, strict=True)
            }
            yield DesignVariant(extents, feasible, constraints), empty


def at_extents(
    loops: Sequence[LoopConstraint], names: Sequence[str], extents: Extents
) -> tuple[tuple[LoopConstraint, ...], bool]:
    """The directives without those on fanouts of one instance, which Timeloop refuses, and whether these allow that."""
    single = {name for name, (x, y) in zip(names, extents.fanouts, strict=True) if x * y == 1}
    kept, fits = [], True
    for loop in loops:
        if loop.spatial and loop.target in single:
            fits &= max([1, *loop.factors.values(), *loop.min_factors.values()]) == 1
        elif says_something(loop):
            kept.append(loop)
    return tuple(kept), fits
