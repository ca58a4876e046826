"""The mapspace of a class on a design and a layer: a Timeloop mapspace for each choice that one run cannot express."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from flexloop.arch.design.clip import Clipped, clipped
from flexloop.arch.design.directives import merged, pins_anything
from flexloop.arch.extents import Extents
from flexloop.arch.variant import OnLayer, Variant
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import TENSORS, Layer

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design

_WITH_LOOPS = (Axis.TILING, Axis.ORDERING, Axis.PARALLELIZATION)
"""The axes that pin loops; the shape pins extents."""

_Pinned: TypeAlias = tuple[tuple[LoopConstraint, ...], dict[str, tuple[int, ...]], str]
"""Directives, one a place; the bounds allowed; and which factors there are (see `Constraints.template`)."""


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

        design = self._design
        pinned = [*self._padded(flexclass), *self._with_remainders(flexclass)]
        for extents in design.extents(flexclass.degree(Axis.SHAPE)):
            for loops, bounds, template in pinned:
                kept, fits = at_extents(loops, design.level_names, extents)
                constraints = replace(design.always, loops=kept, template=template)
                choices = Choices(design.level_names, extents.fanouts, bounds, TENSORS, constraints)
                empty = not fits or choices.empty_dimension is not None
                feasible = {
                    d: bounds[d] if len(bounds[d]) == 1 else tuple(each.bound for each in options) or bounds[d]
                    for d, options in zip(choices.dimensions, choices.factorizations, strict=True)
                }
                yield Variant(design, self.layer, extents, feasible, False, constraints), empty

    def _padded(self, flexclass: FlexClass) -> Iterator[_Pinned]:
        """What a class may pin, at bounds that all of it divides."""
        bounds = self.constraints.bounds(flexclass.tiling)
        given = (self.constraints.choices(axis, flexclass.degree(axis)) for axis in _WITH_LOOPS)
        for chosen in itertools.product(*given):
            yield merged([*self.constraints.always, *itertools.chain(*chosen)]), bounds, "perfect"

    def _with_remainders(self, flexclass: FlexClass) -> Iterator[_Pinned]:
        """What a class may pin that does not divide the layer, at the layer's own bounds.

        Free factors do not have the remainders that pinned ones leave, so where T and P are free what they may pin
        stands beside that.
        """
        if self._design.edge != "remainder":
            return
        for chosen in itertools.product(*(self._choices_and_pins(axis, flexclass) for axis in _WITH_LOOPS)):
            loops = merged([*self.constraints.always, *itertools.chain(*chosen)])
            if bounds := self.constraints.bounds_with_remainders(loops):
                yield loops, bounds, "uber"

    def _choices_and_pins(self, axis: Axis, flexclass: FlexClass) -> tuple[tuple[LoopConstraint, ...], ...]:
        own = self.constraints.choices(axis, flexclass.degree(axis))
        if axis is Axis.ORDERING or flexclass.degree(axis) is not Degree.FULL:
            return own
        pins = [choice for choice in self.constraints.choices(axis, Degree.PART) if choice]
        return (*pins, *own)


def at_extents(
    loops: Sequence[LoopConstraint], names: Sequence[str], extents: Extents
) -> tuple[tuple[LoopConstraint, ...], bool]:
    """The directives without those on fanouts of one instance, which Timeloop refuses; whether the extents hold all."""
    extent = {name: max(fanout) for name, fanout in zip(names, extents.fanouts, strict=True)}
    kept, fits = [], True
    for loop in loops:
        if loop.spatial:
            fits &= max([1, *loop.factors.values(), *loop.min_factors.values()]) <= extent[loop.target]
        if pins_anything(loop) and not (loop.spatial and extent[loop.target] == 1):
            kept.append(loop)
    return tuple(kept), fits
