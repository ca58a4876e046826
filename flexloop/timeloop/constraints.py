"""Mapspace constraints in Timeloop's terms: temporal, spatial and dataspace directives.

See Timeloop's documentation, "Constraints": https://timeloop.csail.mit.edu/v4/input-formats/constraints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LoopConstraint:
    """What a temporal or a spatial directive pins at one target level.

    Attributes:
        target: the storage level; for a spatial directive the fanout below it.
        spatial: whether this is a spatial directive.
        factors: dimensions whose factor is pinned, and to what.
        min_factors, max_factors: bounds on the factors of dimensions that are not pinned.
        permutation: the pinned innermost loops, leftmost innermost (all dimensions: the whole order is pinned).
        suffix: the pinned outermost loops, in the same direction.
        split: spatial only: how many dimensions of the order lie on X; None leaves it free.
    """

    target: str
    spatial: bool = False
    factors: Mapping[str, int] = field(default_factory=dict)
    min_factors: Mapping[str, int] = field(default_factory=dict)
    max_factors: Mapping[str, int] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    split: int | None = None


@dataclass(frozen=True)
class DataspaceConstraint:
    """Which data spaces a level must keep and which must bypass it; those named in neither are free."""

    target: str
    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()


@dataclass(frozen=True)
class Constraints:
    """All directives of one mapspace; what no directive names is free."""

    loops: tuple[LoopConstraint, ...] = ()
    dataspaces: tuple[DataspaceConstraint, ...] = ()

    def loop(self, target: str, *, spatial: bool) -> LoopConstraint:
        """Return the directive for a level's temporal loops or the fanout below it; an empty one if there is none."""
        for constraint in self.loops:
            if constraint.target == target and constraint.spatial == spatial:
                return constraint
        return LoopConstraint(target, spatial)

    def to_directives(self) -> list[dict[str, Any]]:
        """Return the list that stands under ``targets`` of Timeloop's ``architecture_constraints``."""
        directives: list[dict[str, Any]] = []
        for dataspace in self.dataspaces:
            directives.append(
                {
                    "target": dataspace.target,
                    "type": "dataspace",
                    "keep": list(dataspace.keep),
                    "bypass": list(dataspace.bypass),
                }
            )
        directives.extend(_loop_directive(loop) for loop in self.loops)
        return directives


def _loop_directive(loop: LoopConstraint) -> dict[str, Any]:
    directive: dict[str, Any] = {"target": loop.target, "type": "spatial" if loop.spatial else "temporal"}
    factors = [f"{d}={n}" for d, n in loop.factors.items()]
    factors += [f"{d}>={n}" for d, n in loop.min_factors.items()]
    factors += [f"{d}<={n}" for d, n in loop.max_factors.items()]
    if factors:
        directive["factors"] = " ".join(factors)
    if loop.permutation or loop.suffix:
        directive["permutation"] = "".join(loop.permutation) + ("_" + "".join(loop.suffix) if loop.suffix else "")
    if loop.split is not None:
        directive["split"] = loop.split
    return directive
