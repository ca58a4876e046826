"""Mapspace constraints in Timeloop's terms: temporal, spatial, dataspace and parallelism directives.

See Timeloop's documentation, "Constraints": https://timeloop.csail.mit.edu/v4/input-formats/constraints.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flexloop.timeloop import order
from flexloop.timeloop.reuse import ReuseLimits, limit_entries


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
        remainders: in an imperfect mapspace, the greatest factor of loops here, which may have residuals; None: they
            have none.
    """

    target: str
    spatial: bool = False
    factors: Mapping[str, int] = field(default_factory=dict)
    min_factors: Mapping[str, int] = field(default_factory=dict)
    max_factors: Mapping[str, int] = field(default_factory=dict)
    permutation: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()
    split: int | None = None
    remainders: int | None = None


@dataclass(frozen=True)
class DataspaceConstraint:
    """Which data spaces a level must keep and which must bypass it; those named in neither are free.

    At the outermost level the unnamed ones are kept.
    """

    target: str
    keep: tuple[str, ...] = ()
    bypass: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParallelismConstraint:
    """The least share of the array that a mapping must use: the product over fanouts of used over present.

    Timeloop wants it at the innermost level.
    """

    target: str
    minimum: float


@dataclass(frozen=True)
class Subject:
    """What directives are about: the names that they may use.

    Attributes:
        levels: storage levels, inner to outer.
        fanouts: those with more than one instance of the next inner level below them.
        bounds: problem dimensions and their bounds.
        data_spaces: the data spaces of the problem.
    """

    levels: tuple[str, ...]
    fanouts: Collection[str]
    bounds: Mapping[str, int]
    data_spaces: tuple[str, ...]


@dataclass(frozen=True)
class Constraints:
    """All directives of one mapspace; what no directive names is free.

    Attributes:
        loops, dataspaces, parallelism: what mappings may do.
        limits: by level, reuse that all mappings go without.
        template: which factors there are: ``perfect``, those that multiply to a bound; or, as in Timeloop, ``uber``,
            where they multiply to the next multiple of pinned ones that do not divide the bound, and ``ruby``.
    """

    loops: tuple[LoopConstraint, ...] = ()
    dataspaces: tuple[DataspaceConstraint, ...] = ()
    parallelism: ParallelismConstraint | None = None
    limits: Mapping[str, ReuseLimits] = field(default_factory=dict)
    template: str = "perfect"

    def loop(self, target: str, *, spatial: bool) -> LoopConstraint:
        """Return the directive for a level's temporal loops or the fanout below it; an empty one if there is none."""
        for constraint in self.loops:
            if constraint.target == target and constraint.spatial == spatial:
                return constraint
        return LoopConstraint(target, spatial)

    def dataspace(self, target: str) -> DataspaceConstraint:
        """Return the bypass directive for a level; an empty one if there is none."""
        for constraint in self.dataspaces:
            if constraint.target == target:
                return constraint
        return DataspaceConstraint(target)

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
        for target, limits in self.limits.items():
            for kind in ("spatial", "temporal", "dataspace"):
                if entries := limit_entries(kind, limits):
                    directives.append({"target": target, "type": kind, **entries})
        if self.parallelism is not None:
            directives.append(
                {"target": self.parallelism.target, "type": "parallelism", "min": self.parallelism.minimum}
            )
        return directives


def _loop_directive(loop: LoopConstraint) -> dict[str, Any]:
    directive: dict[str, Any] = {"target": loop.target, "type": "spatial" if loop.spatial else "temporal"}
    factors = [f"{d}={n}" for d, n in loop.factors.items()]
    factors += [f"{d}>={n}" for d, n in loop.min_factors.items()]
    factors += [f"{d}<={n}" for d, n in loop.max_factors.items()]
    if factors:
        directive["factors"] = " ".join(factors)
    if loop.permutation or loop.suffix:
        names = (*loop.permutation, *(("_", *loop.suffix) if loop.suffix else ()))
        directive["permutation"] = order.text_of(names)
    for name, value in (("split", loop.split), ("remainders", loop.remainders)):
        if value is not None:
            directive[name] = value
    return directive
