"""The mapspace of a class on a design and a layer: a Timeloop mapspace for each choice that one run cannot express."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from flexloop.arch.design.clip import Clipped, clipped
from flexloop.arch.design.directives import merged, says_something
from flexloop.arch.extents import Extents
from flexloop.arch.variant import OnLayer, Variant
from flexloop.classes import Axis, FlexClass
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import TENSORS, Layer

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design


class DesignOnLayer(OnLayer):
    """A design on a layer."""

    def __init__(self, design: Design, layer: Layer) -> None:
        self._design, self.layer = design, layer

    @cached_property
    def constraints(self) -> Clipped:
        """The design's constraints, clipped to the layer."""
        return clipped(self._design, self.layer)

    def variants(self, flexclass: FlexClass) -> tuple[Variant, ...]:
        """The mapspaces of a class, without those that no factors fit, unless none do.

        Degree 1 of an axis deletes its constraints and p has more of them to choose among, while the bounds of a less
        flexible tiling are among those of a more flexible one: so the mapspace of a class holds those of its
        subclasses.
        """
        found = list(self._variants(flexclass))
        possible = tuple(variant for variant, empty in found if not empty)
        return possible or (found[0][0],)

    def _variants(self, flexclass: FlexClass) -> Iterator[tuple[Variant, bool]]:
        """Each with whether no factors fit it."""
        from flexloop.embedded.mapper.choices import Choices  # brings the mapper, loaded where it is needed

        design, on_layer = self._design, self.constraints
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
                yield Variant(design, self.layer, extents, feasible, False, constraints), empty


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
