"""Flexion of one layer on one accelerator: an axis at a degree, and a whole class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from flexloop.archspec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, Axis, Degree, FlexClass
from flexloop.flexion.hardware import class_hardware_flexion, hardware_flexion
from flexloop.flexion.intervals import Estimate
from flexloop.flexion.layers import layer_choices
from flexloop.flexion.mappings import count_unordered_mappings
from flexloop.flexion.tilings import Sampling
from flexloop.workload import Layer


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


class LayerFlexion:
    """Flexion of one layer on one accelerator, at any degree or class; what was counted once is kept.

    Examples:
        >>> from flexloop.archs import load_arch
        >>> measured = LayerFlexion(load_arch("edge256"), Layer(name="matmul", C=64, M=64, P=64))
        >>> float(measured.axis(Axis.SHAPE, Degree.FIXED).workload.value)  # one of nine shapes of 256 PEs
        0.1111111111111111
    """

    def __init__(self, arch: ArchSpec, layer: Layer, sampling: Sampling | None = None) -> None:
        self.arch = arch
        self.layer = layer
        self._sampling = sampling or Sampling()
        # A ratio of two estimates holds at the stated confidence if each of them fails half as often.
        halved = replace(self._sampling, confidence=(1 + self._sampling.confidence) / 2)
        self._choices = cache(lambda axis, degree: layer_choices(arch, layer, axis, degree, halved))
        self._unordered = cache(lambda flexclass: count_unordered_mappings(arch, layer, flexclass, halved))

    def axis(self, axis: Axis, degree: Degree) -> AxisFlexion:
        """Flexion of one axis at a degree."""
        choices, everything = self._choices(axis, degree), self._choices(axis, Degree.FULL)
        share = Estimate.exactly(1.0) if degree is Degree.FULL else choices.share_of(everything)
        return AxisFlexion(axis, degree, hardware_flexion(self.arch, axis, degree), share, choices, everything)

    def mappings(self, flexclass: FlexClass) -> Estimate:
        """Size of a class's mapspace (see `flexloop.flexion.mappings.count_mappings`)."""
        unordered: Estimate = self._unordered(flexclass.replace(Axis.ORDERING, Degree.FIXED))
        orders: Estimate = self._choices(Axis.ORDERING, flexclass.degree(Axis.ORDERING))
        return orders * unordered

    def of(self, flexclass: FlexClass) -> ClassFlexion:
        """Flexion of a class."""
        tiling, ordering, parallelization, shape = (self.axis(a, flexclass.degree(a)) for a in Axis)
        mappings = self.mappings(flexclass)
        return ClassFlexion(
            flexclass=flexclass,
            axes=(tiling, ordering, parallelization, shape),
            hardware=class_hardware_flexion(self.arch, flexclass),
            workload=tiling.workload * ordering.workload * parallelization.workload * shape.workload,
            direct=self._share_of_all(flexclass, mappings),
            mappings=mappings,
        )

    def _share_of_all(self, flexclass: FlexClass, mappings: Estimate) -> Estimate:
        """A class's share of the mappings; that of a class that is full on T, P and S is its share of the orders."""
        if all(flexclass.degree(axis) is Degree.FULL for axis in Axis if axis is not Axis.ORDERING):
            return self.axis(Axis.ORDERING, flexclass.ordering).workload
        return mappings.share_of(self.mappings(FULLY_FLEXIBLE))
