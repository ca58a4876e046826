"""Orders of the loops and assignments of dimensions to mesh axes that a layer can tell apart.

Of a layer's eight dimensions only those with a padded bound above 1 matter; choices that differ in others count once.
"""

from __future__ import annotations

from math import factorial

from flexloop.arch.compact import orders, pairs
from flexloop.arch.padding import padded_bounds
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import as_seen
from flexloop.classes import Degree
from flexloop.workloads.layers import Layer


def active_dimensions(arch: ArchSpec, layer: Layer) -> list[str]:
    """The dimensions of a layer with a padded bound above 1."""
    return [d for d, bounds in padded_bounds(arch, layer).items() if max(bounds) > 1]


def count_orders(arch: ArchSpec, layer: Layer, degree: Degree) -> int:
    """Distinct orders of a layer's dimensions, one tuple over all levels with loops except the innermost."""
    active = active_dimensions(arch, layer)
    if degree is Degree.FULL:
        return int(factorial(len(active)) ** len(arch.ordered_levels))
    names = [level.name for level in arch.ordered_levels]
    chosen = [order for order in orders(arch, degree) if order is not None]
    return len({tuple(tuple(d for d in order[name] if d in active) for name in names) for order in chosen})


def count_assignments(arch: ArchSpec, layer: Layer, degree: Degree) -> int:
    """Distinct assignments of a layer's dimensions to X, Y or neither."""
    active = active_dimensions(arch, layer)
    if degree is Degree.FULL:
        return int(3 ** len(active))
    chosen = [(as_seen(arch, layer, p.X), as_seen(arch, layer, p.Y)) for p in pairs(arch, degree) if p is not None]
    return len({tuple(d if d in active else None for d in pair) for pair in chosen})
