"""A design's own names of dimensions and data spaces, and the canonical layer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flexloop.arch.design import directives
from flexloop.embedded.problem import Problem, read_problem
from flexloop.embedded.roles import N, P, R, S, roles_of
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint, LoopConstraint
from flexloop.timeloop.reuse import ReuseLimits
from flexloop.workloads.layers import DIMENSIONS, TENSORS

_CONVOLUTION: Mapping[str, Any] = {
    "dimensions": ["C", "M", "R", "S", "N", "P", "Q"],
    "coefficients": [{"name": c, "default": 1} for c in ("Wstride", "Hstride", "Wdilation", "Hdilation")],
    "data_spaces": [
        {"name": "Weights", "projection": [[["C"]], [["M"]], [["R"]], [["S"]]]},
        {
            "name": "Inputs",
            "projection": [
                [["N"]], [["C"]], [["R", "Wdilation"], ["P", "Wstride"]], [["S", "Hdilation"], ["Q", "Hstride"]]
            ],
        },
        {"name": "Outputs", "projection": [[["N"]], [["M"]], [["Q"]], [["P"]]], "read_write": True},
    ],
}  # fmt: skip

BOUND = 20160
"""Bound of every dimension while v4 files are translated: divisible by most extents, and 1 for none, so that nothing is
made of the bounds that the files happen to have."""


def convolution() -> dict[str, Any]:
    """A problem for files that give none: a convolution in Timeloop's usual names."""
    return {"version": 0.4, "shape": {"name": "convolution", **_CONVOLUTION}, "instance": {}}


def with_bounds(problem: Any, bound: int) -> Any:
    """A problem with one bound for every dimension, whatever its own."""
    if not isinstance(problem, dict) or not isinstance(problem.get("shape"), dict):
        return problem
    dimensions = problem["shape"].get("dimensions")
    own = problem.get("instance")
    named = dimensions if isinstance(dimensions, list) else []
    instance = {**(own if isinstance(own, dict) else {}), **{str(d): bound for d in named}}
    return {**problem, "instance": instance}


@dataclass(frozen=True)
class Names:
    """The canonical names of a design's dimensions and data spaces.

    Attributes:
        dimensions, data_spaces: canonical names by the design's own.
    """

    dimensions: Mapping[str, str]
    data_spaces: Mapping[str, str]

    @classmethod
    def of(cls, problem: Any) -> Names:
        """Match what stands under the key ``problem``.

        Raises:
            SpecError: if it is malformed.
            UnsupportedError: naming what has no part in the canonical layer.
        """
        read: Problem = read_problem(with_bounds(problem, 2))
        roles = roles_of(read.dimensions, read.data_spaces)
        places = list(roles.dimensions)
        if places[P] is None and places[R] is None and places[S] is None:  # rows of a matrix lie along P in networks
            places[N], places[P] = None, places[N]
        return cls(
            {own: DIMENSIONS[i] for i, own in enumerate(places) if own is not None},
            {read.data_spaces[i].name: tensor for i, tensor in zip(roles.tensors, TENSORS, strict=True)},
        )

    @property
    def absent(self) -> tuple[str, ...]:
        """Canonical dimensions that the design's problem does not have."""
        return tuple(d for d in DIMENSIONS if d not in self.dimensions.values())

    def _placed(self, loop: LoopConstraint) -> LoopConstraint:
        """A spatial directive with dimensions that the problem lacks at the end of its order, so that its split holds.

        They have no loop there; a split counts them all the same.
        """
        if not loop.spatial or loop.split is None:
            return loop
        if loop.split >= len(self.dimensions):
            return replace(loop, split=len(DIMENSIONS))
        return replace(loop, suffix=(*loop.suffix, *self.absent))

    def canonical(self, found: Constraints) -> Constraints:
        """Constraints in canonical names."""

        def tensors(names: Sequence[str]) -> tuple[str, ...]:
            named = {self.data_spaces[name] for name in names}
            return tuple(t for t in TENSORS if t in named)

        limits = {
            level: ReuseLimits(**{kind: tensors(named) for kind, named in vars(limit).items()})
            for level, limit in found.limits.items()
        }
        return replace(
            found,
            loops=tuple(self._placed(directives.renamed(loop, self.dimensions)) for loop in found.loops),
            dataspaces=tuple(
                DataspaceConstraint(rule.target, tensors(rule.keep), tensors(rule.bypass)) for rule in found.dataspaces
            ),
            limits=limits,
        )
