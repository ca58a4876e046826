"""The mapspace of a class on an arch and a layer, as a union of Timeloop mapspaces.

A fixed axis is a constraint, a free axis the absence of one. What one Timeloop run cannot express as a choice (the
array's shape, one of a few orders or pairs, the padded bounds) becomes a `Variant`: a mapspace of its own, and the
class's mapspace is the union of its variants. Read axis by axis, the mapspace of degree 0 lies inside that of degree p,
which lies inside that of degree 1. What an axis pins is the arch's to say, see `flexloop.arch.base`.
"""

from __future__ import annotations

from dataclasses import dataclass

from flexloop.arch.base import Arch
from flexloop.arch.variant import Variant
from flexloop.classes import FlexClass
from flexloop.workloads.layers import Layer

__all__ = ["MapSpace", "Variant", "mapspace"]


@dataclass(frozen=True)
class MapSpace:
    """All mappings that a class allows for a layer: the union of its variants."""

    flexclass: FlexClass
    arch: Arch
    layer: Layer
    variants: tuple[Variant, ...]


def mapspace(flexclass: FlexClass, arch: Arch, layer: Layer) -> MapSpace:
    """Return the mapspace of a class (degrees allowed) on an arch for one layer; it holds those of its subclasses."""
    return MapSpace(flexclass, arch, layer, arch.on(layer).variants(flexclass))
