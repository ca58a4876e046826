"""What an arch makes of a layer: Timeloop mapspaces, whose union is the mapspace of a class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from flexloop.arch.extents import Extents
from flexloop.classes import FlexClass
from flexloop.timeloop.constraints import Constraints
from flexloop.workloads.layers import Layer

if TYPE_CHECKING:
    from flexloop.arch.base import Arch


@dataclass(frozen=True)
class Variant:
    """One Timeloop mapspace: the extents of all fanouts, the allowed bounds, and constraints.

    Attributes:
        arch: the arch.
        layer: the layer, with its real bounds.
        shape: the extents of all fanouts.
        bounds: for each dimension the padded bounds that may be factorised, independently of the other dimensions.
        partitioned: whether each tensor is held to its share of a buffer, by further levels of the chain.
        constraints: what is pinned.
    """

    arch: Arch
    layer: Layer
    shape: Extents
    bounds: dict[str, tuple[int, ...]]
    partitioned: bool
    constraints: Constraints

    @property
    def paddings(self) -> int:
        """Number of padded bounds in the cross product."""
        return prod(len(choices) for choices in self.bounds.values())

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return self.arch.chain(partitioned=self.partitioned)

    @property
    def fanouts(self) -> tuple[str, ...]:
        """Names of the levels with several instances below one of theirs, innermost first."""
        named = zip(self.arch.level_names, self.shape.fanouts, strict=True)
        return tuple(name for name, (x, y) in named if x * y > 1)


class OnLayer(ABC):
    """An arch on one layer.

    Attributes:
        layer: the layer.
    """

    layer: Layer

    @abstractmethod
    def variants(self, flexclass: FlexClass) -> tuple[Variant, ...]:
        """The mapspaces of a class, degrees allowed. A class has all that its subclasses have."""

    def uniform_paddings(self) -> dict[str, dict[str, int]]:
        """Bounds of all dimensions by the name of the rule that made them, for searches that take one choice of them.

        Empty where no rule has a name.
        """
        return {}
