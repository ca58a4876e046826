"""Flexion of a Timeloop design: for a layer (W-F), and of its hardware (H-F), which is W-F on a layer that fills it.

A choice is, for tiling, a factor of each dimension at each storage level but the outermost (see
`flexloop.flexibility.designtiles`); for ordering, an order of the dimensions at each level where it can change a cost;
for parallelization, for each fanout an assignment of the dimensions to X, Y or neither; for the shape, the extents of
all fanouts. The definition is this project's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from math import factorial, nan, prod

from flexloop.arch.design.clip import Clipped, Loops, clipped
from flexloop.arch.design.directives import keeping_nothing, merged
from flexloop.arch.design.model import Design
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.flexibility.designtiles import DesignTiles
from flexloop.flexibility.intervals import Estimate
from flexloop.flexibility.measure import Flexion
from flexloop.flexibility.tilings import Sampling
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, Layer

REFERENCE = Layer(name="reference", **dict.fromkeys(DIMENSIONS, 8))
"""The layer that H-F is taken on: every dimension has 8 steps."""

Assignment = tuple[str, ...]
"""For each dimension ``X``, ``Y`` or, for neither, a blank."""


class DesignFlexion(Flexion):
    """Flexion of one layer on a design, at any degree or class.

    Args:
        design: the design.
        layer: the layer.
        sampling: how tiles too many to be counted are estimated.
    """

    def __init__(self, design: Design, layer: Layer, sampling: Sampling | None = None) -> None:
        self.arch, self.design, self.layer = design, design, layer
        sampling = sampling or Sampling()
        # A ratio of two estimates holds at the stated confidence if each of them fails half as often.
        self._sampling = replace(sampling, confidence=(1 + sampling.confidence) / 2)
        self._on_layer: Clipped = clipped(design, layer)
        self._moving = [d for d, bounds in self._on_layer.bounds(Degree.FULL).items() if max(bounds) > 1]
        self._known: dict[tuple[Axis, Degree], Estimate] = {}

    @cached_property
    def _tiles(self) -> DesignTiles:
        return DesignTiles(self.design, self.layer, self._sampling)

    def choices(self, axis: Axis, degree: Degree) -> Estimate:
        """Number of choices legal for the layer; exact, except for tiling where the tiles are very many."""
        if (axis, degree) not in self._known:
            self._known[axis, degree] = self._counted(axis, degree)
        return self._known[axis, degree]

    def _counted(self, axis: Axis, degree: Degree) -> Estimate:
        if axis is Axis.TILING:
            return self._tiles.count(degree)
        if axis is Axis.SHAPE:
            return Estimate.exactly(len(self.design.extents(degree)))
        counted: Callable[[list[Loops]], int] = self._orders if axis is Axis.ORDERING else self._assignments
        return Estimate.exactly(float(_union(list(self._on_layer.choices(axis, degree)), counted)))

    def _orders(self, together: list[Loops]) -> int:
        """Orders that keep to several choices at once."""
        rules = [{c.target: c for c in merged([*self._on_layer.always, *loops]) if not c.spatial} for loops in together]
        return prod(
            _orders_at([each.get(name, LoopConstraint(name)) for each in rules], self._moving)
            for name in self._ordered_levels
        )

    @cached_property
    def _ordered_levels(self) -> list[str]:
        """Levels where an order can change a cost: all that keep something, but the innermost without lanes."""
        idle = keeping_nothing(self.design.always)
        first = 0 if prod(self.design.hardware.fanouts[0]) > 1 else 1
        return [name for name in self.design.level_names[first:] if name not in idle]

    def _assignments(self, together: list[Loops]) -> int:
        """Assignments that keep to several choices at once."""
        rules = [{c.target: c for c in merged([*self._on_layer.always, *loops]) if c.spatial} for loops in together]
        count = 1
        for index in self.design.hardware.fanout_levels():
            name, extent = self.design.level_names[index], self.design.hardware.fanouts[index]
            of_each = [assignments(each.get(name, LoopConstraint(name, True)), extent, self._moving) for each in rules]
            count *= len(frozenset.intersection(*of_each))
        return count

    def hardware_choices(self, axis: Axis, degree: Degree) -> int:
        """Those on `REFERENCE`."""
        return round(_on_reference(self.design.model_dump_json()).choices(axis, degree).value)

    def mappings(self, flexclass: FlexClass) -> Estimate:
        """The product of the axes' choices."""
        tiling, ordering, parallelization, shape = (self.choices(a, flexclass.degree(a)) for a in Axis)
        return tiling * ordering * parallelization * shape

    def share_of_all(self, flexclass: FlexClass) -> Estimate:
        """It is not estimated."""
        return Estimate(nan, nan, nan)


@lru_cache(maxsize=16)
def _on_reference(design: str) -> DesignFlexion:
    return DesignFlexion(Design.model_validate_json(design), REFERENCE)


def _union(choices: Sequence[Loops], counted: Callable[[list[Loops]], int]) -> int:
    """How many things keep to at least one of several choices, by inclusion and exclusion."""
    total = 0
    for size in range(1, len(choices) + 1):
        for together in itertools.combinations(choices, size):
            total += (-1) ** (size + 1) * counted(list(together))
    return total


def _orders_at(rules: Sequence[LoopConstraint], moving: Sequence[str]) -> int:
    """Orders of the moving dimensions at one level that keep to all rules."""
    places: dict[int, str] = {}
    for rule in rules:
        first = [d for d in rule.permutation if d in moving]
        last = [d for d in rule.suffix if d in moving]
        pinned = [*enumerate(first), *enumerate(last, start=len(moving) - len(last))]
        for place, d in pinned:
            if places.setdefault(place, d) != d:
                return 0
    if len(set(places.values())) < len(places):
        return 0
    return factorial(len(moving) - len(places))


@lru_cache(maxsize=4096)
def _axes(extent: tuple[int, int]) -> tuple[str, ...]:
    return ("", *(axis for axis, n in zip("XY", extent, strict=True) if n > 1))


def assignments(rule: LoopConstraint, extent: tuple[int, int], moving: Sequence[str]) -> frozenset[Assignment]:
    """The assignments of the moving dimensions to the axes of a fanout that a rule allows."""
    options = []
    for d in moving:
        pinned = rule.factors.get(d)
        most = min(rule.max_factors.get(d, max(extent)), max(extent))
        least = rule.min_factors.get(d, 1)
        axes = _axes(extent)
        if pinned == 1 or most == 1:
            axes = ("",)
        elif (pinned or least) > 1:
            axes = axes[1:]
        options.append(axes)
    return frozenset(a for a in itertools.product(*options) if _placeable(rule, dict(zip(moving, a, strict=True))))


def _placeable(rule: LoopConstraint, axes: dict[str, str]) -> bool:
    """Whether a pinned split can put the loops where an assignment wants them; others may stand anywhere."""
    if rule.split is None and not rule.permutation and not rule.suffix:
        return True
    middle = [d for d in DIMENSIONS if d not in rule.permutation and d not in rule.suffix]
    splits = range(len(DIMENSIONS) + 1) if rule.split is None else [min(rule.split, len(DIMENSIONS))]
    return any(_fits_split(rule, middle, axes, split) for split in splits)


def _fits_split(rule: LoopConstraint, middle: Sequence[str], axes: dict[str, str], split: int) -> bool:
    first, last = len(rule.permutation), len(DIMENSIONS) - len(rule.suffix)
    for place, d in [*enumerate(rule.permutation), *enumerate(rule.suffix, start=last)]:
        if axes.get(d, "") == ("Y" if place < split else "X"):
            return False
    on_x, on_y = (sum(axes.get(d) == axis for d in middle) for axis in "XY")
    reach = min(max(split - first, 0), len(middle))
    return on_x <= reach <= len(middle) - on_y
