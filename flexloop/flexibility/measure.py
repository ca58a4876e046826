"""Workload flexion: choices of an accelerator that are legal for a layer, against all that are legal for it.

    W-F(axis, layer) = |choices of this accelerator legal for the layer| / |choices legal for the layer|

A choice is, for tiling, a tile tuple of the layer (`flexloop.flexibility.tilings`); for ordering, an order of the
layer's dimensions at each level with loops except the innermost; for parallelization, an assignment of each of the
layer's dimensions to X, Y or neither; for the array's shape, a pair X*Y = PEs. The layer's dimensions are those
with a padded bound above 1. The definition is this project's own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod

from flexloop.arch.base import Arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, Axis, Degree, FlexClass
from flexloop.flexibility.hardware import check_countable, hardware_choices
from flexloop.flexibility.intervals import Estimate
from flexloop.flexibility.layers import count_assignments, count_orders
from flexloop.flexibility.mappings import count_unordered_mappings
from flexloop.flexibility.tilings import Sampling, count_tilings
from flexloop.workloads.layers import Layer


@dataclass(frozen=True)
class AxisFlexion:
    """Flexion of one axis at a degree, for a layer.

    Attributes:
        hardware: H-F, exactly.
        workload: W-F.
        choices: choices at this degree that are legal for the layer.
        all_choices: choices legal for the layer at the full degree.
    """

    axis: Axis
    degree: Degree
    hardware: Fraction
    workload: Estimate
    choices: Estimate
    all_choices: Estimate


@dataclass(frozen=True)
class ClassFlexion:
    """Flexion of a class, for a layer.

    Attributes:
        axes: the four axes at the class's degrees.
        hardware: H-F, the product over the axes.
        workload: W-F, the product over the axes.
        direct: the share of the fully flexible mapspace's mappings that the class has.
        mappings: the size of the class's mapspace.
    """

    flexclass: FlexClass
    axes: tuple[AxisFlexion, AxisFlexion, AxisFlexion, AxisFlexion]
    hardware: Fraction
    workload: Estimate
    direct: Estimate
    mappings: Estimate


class Flexion(ABC):
    """Flexion of one layer on one accelerator, at any degree or class.

    Attributes:
        arch: the arch.
        layer: the layer.
    """

    arch: Arch
    layer: Layer

    @abstractmethod
    def choices(self, axis: Axis, degree: Degree) -> Estimate:
        """Number of choices that are legal for the layer."""

    @abstractmethod
    def hardware_choices(self, axis: Axis, degree: Degree) -> int:
        """Number of choices that the hardware has, whatever it runs."""

    @abstractmethod
    def mappings(self, flexclass: FlexClass) -> Estimate:
        """Size of a class's mapspace."""

    @abstractmethod
    def share_of_all(self, flexclass: FlexClass) -> Estimate:
        """A class's share of the fully flexible mapspace's mappings; not a number where it is not estimated."""

    def hardware(self, axis: Axis, degree: Degree) -> Fraction:
        """H-F of one axis at a degree."""
        return Fraction(self.hardware_choices(axis, degree), self.hardware_choices(axis, Degree.FULL))

    def axis(self, axis: Axis, degree: Degree) -> AxisFlexion:
        """Flexion of one axis at a degree."""
        choices, everything = self.choices(axis, degree), self.choices(axis, Degree.FULL)
        share = Estimate.exactly(1.0) if degree is Degree.FULL else choices.share_of(everything)
        return AxisFlexion(axis, degree, self.hardware(axis, degree), share, choices, everything)

    def of(self, flexclass: FlexClass) -> ClassFlexion:
        """Flexion of a class."""
        tiling, ordering, parallelization, shape = (self.axis(a, flexclass.degree(a)) for a in Axis)
        axes = (tiling, ordering, parallelization, shape)
        return ClassFlexion(
            flexclass=flexclass,
            axes=axes,
            hardware=prod((axis.hardware for axis in axes), start=Fraction(1)),
            workload=tiling.workload * ordering.workload * parallelization.workload * shape.workload,
            direct=self.share_of_all(flexclass),
            mappings=self.mappings(flexclass),
        )


class LayerFlexion(Flexion):
    """Flexion of one layer on one accelerator, at any degree or class; what was counted once is kept.

    Examples:
        >>> from flexloop.arch.load import load_arch
        >>> measured = LayerFlexion(load_arch("edge256"), Layer(name="matmul", C=64, M=64, P=64))
        >>> float(measured.axis(Axis.SHAPE, Degree.FIXED).workload.value)  # one of nine shapes of 256 PEs
        0.1111111111111111
    """

    def __init__(self, arch: ArchSpec, layer: Layer, sampling: Sampling | None = None) -> None:
        check_countable(arch)
        self._spec = self.arch = arch
        self.layer = layer
        sampling = sampling or Sampling()
        # A ratio of two estimates holds at the stated confidence if each of them fails half as often.
        self._sampling = replace(sampling, confidence=(1 + sampling.confidence) / 2)
        self._unordered: dict[FlexClass, Estimate] = {}

    @cached_property
    def _tilings(self) -> dict[Degree, Estimate]:
        return count_tilings(self._spec, self.layer, self._sampling)

    def choices(self, axis: Axis, degree: Degree) -> Estimate:
        """Number of choices legal for the layer; exact, except for tiling where the lattice of tiles is very large."""
        match axis:
            case Axis.TILING:
                return self._tilings[degree]
            case Axis.ORDERING:
                return Estimate.exactly(count_orders(self._spec, self.layer, degree))
            case Axis.PARALLELIZATION:
                return Estimate.exactly(count_assignments(self._spec, self.layer, degree))
            case Axis.SHAPE:
                return Estimate.exactly(len(self._spec.shapes(degree)))

    def hardware_choices(self, axis: Axis, degree: Degree) -> int:
        """See `flexloop.flexibility.hardware`."""
        return hardware_choices(self._spec, axis, degree)

    def mappings(self, flexclass: FlexClass) -> Estimate:
        """Size of a class's mapspace (see `flexloop.flexibility.mappings.count_mappings`)."""
        point = flexclass.replace(Axis.ORDERING, Degree.FIXED)
        if point not in self._unordered:
            self._unordered[point] = count_unordered_mappings(self._spec, self.layer, point, self._sampling)
        return self.choices(Axis.ORDERING, flexclass.ordering) * self._unordered[point]

    def share_of_all(self, flexclass: FlexClass) -> Estimate:
        """A class's share of the mappings; that of a class that is full on T, P and S is its share of the orders."""
        if all(flexclass.degree(axis) is Degree.FULL for axis in Axis if axis is not Axis.ORDERING):
            return self.axis(Axis.ORDERING, flexclass.ordering).workload
        return self.mappings(flexclass).share_of(self.mappings(FULLY_FLEXIBLE))
