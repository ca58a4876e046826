"""What the embedded mapper is given and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import inf
from typing import Literal, TypeVar

from flexloop.embedded.arrays import Floats
from flexloop.embedded.jit import interpreted, kernel
from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.spec import Spec
from flexloop.evaluation import Evaluation
from flexloop.timeloop.constraints import Constraints
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.reuse import ReuseLimits

Objective = Literal["latency", "energy", "edp"]

LATENCY, ENERGY, EDP = range(3)
OBJECTIVES: dict[Objective, int] = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}
"""The objectives as compiled functions know them."""


_Number = TypeVar("_Number", float, Floats)


@kernel
def ranked_by(objective: int, cycles: _Number, energy: _Number) -> tuple[_Number, _Number]:
    """An objective and its tie-break, given cycles and energy (pJ): compiled."""
    if objective == LATENCY:
        return cycles, energy
    return (energy, cycles) if objective == ENERGY else (energy * cycles, energy)


def ranked(objective: Objective, cycles: _Number, energy: _Number) -> tuple[_Number, _Number]:
    """An objective and its tie-break, given cycles and energy (pJ); of one mapping or of many."""
    return interpreted(ranked_by)(OBJECTIVES[objective], cycles, energy)


@dataclass(frozen=True)
class Space:
    """One Timeloop mapspace as the mapper sees it.

    Attributes:
        spec: architecture, problem shape and energy table.
        bounds: for each dimension the allowed (padded) bounds, independent of the other dimensions.
        constraints: what is pinned; what no directive names is free.
        most_loops: temporal loops of more than one iteration that a mapping may have; None: any number.
    """

    spec: Spec
    bounds: Map[str, tuple[int, ...]]
    constraints: Constraints
    most_loops: int | None = None

    def limited(self, mapping: Mapping) -> Mapping:
        """A mapping with the limits of reuse that hold in this space."""
        limits = self.constraints.limits
        return Mapping(
            tuple(replace(level, limits=limits.get(level.target, ReuseLimits())) for level in mapping.levels)
        )


@dataclass(frozen=True)
class Guide:
    """The best mapping of mapspaces that hold those searched: where to look first, for one that costs as little.

    Attributes:
        bounds: the padded bound of each dimension.
        mapping: the mapping.
    """

    bounds: Map[str, int]
    mapping: Mapping


@dataclass(frozen=True)
class Seed:
    """A mapping known to be in a space, to start from.

    Attributes:
        space: index into the spaces given to the mapper.
        bounds: the padded bound of each dimension.
        mapping: the mapping.
    """

    space: int
    bounds: Map[str, int]
    mapping: Mapping


@dataclass(frozen=True)
class Certificate:
    """How good an optimum is known to be.

    Attributes:
        optimal: whether the mapping is proved to be the best of all spaces.
        lower_bound: no mapping of the spaces costs less in the objective searched (the cost itself where optimal).
        evaluated: mappings costed one by one.
        excluded: mappings excluded by proof.
        tie_bound: where optimal, none of the mapping's equals in the objective costs less in its tie-break.
    """

    optimal: bool
    lower_bound: float
    evaluated: int
    excluded: float
    tie_bound: float = 0.0

    @classmethod
    def of(cls, cost: tuple[float, float], bound: tuple[float, float], evaluated: int) -> Certificate:
        """What is proved of a mapping by a bound of the objective and its tie-break, which no mapping is below.

        Both are compared to within the rounding of sums in another order.
        """
        optimal = bound[0] >= cost[0] * SLACK
        if not optimal:
            return cls(optimal, bound[0], evaluated, 0.0)
        only = bound[0] > cost[0] or bound[1] >= cost[1] * SLACK
        return cls(optimal, cost[0], evaluated, 0.0, cost[1] if only else bound[1])

    @property
    def bound(self) -> tuple[float, float]:
        """The objective and its tie-break, of which no mapping is below both."""
        return self.lower_bound, self.tie_bound


@dataclass
class BestSoFar:
    """What a search has found and proved so far, for whoever watches it from another thread.

    Attributes:
        best: the objective of the best mapping yet.
        bound: no mapping costs less.
        searching: whether the search has begun and is not over, so that it would hear of an end of its time.
    """

    best: float = inf
    bound: float = 0.0
    searching: bool = False

    def __str__(self) -> str:
        return f"best {self.best:.4g}, none below {self.bound:.4g}" if self.best < inf else "no mapping yet"

    @contextmanager
    def searched(self) -> Iterator[None]:
        """The time of the search."""
        self.searching = True
        try:
            yield
        finally:
            self.searching = False


@dataclass(frozen=True)
class Optimum:
    """The best mapping found.

    Attributes:
        space: index into the spaces given.
        bounds: the padded bound chosen for each dimension.
        mapping: the mapping.
        cost: the objective and its tie-break: latency by energy, energy by latency, EDP by energy.
        certificate: what is proved about it.
        evaluation: all figures of the mapping, where they are at hand.
    """

    space: int
    bounds: dict[str, int]
    mapping: Mapping
    cost: tuple[float, float]
    certificate: Certificate
    evaluation: Evaluation | None = None

    @property
    def gap(self) -> float:
        """Largest possible relative distance of the objective from the true optimum."""
        return 0.0 if self.certificate.optimal else (self.cost[0] - self.certificate.lower_bound) / self.cost[0]

    @property
    def tie_gap(self) -> float:
        """The same of the tie-break, among mappings that are as good in the objective; 1 where nothing is proved."""
        if not self.certificate.optimal or not self.cost[1]:
            return 0.0 if self.certificate.optimal else 1.0
        return (self.cost[1] - self.certificate.tie_bound) / self.cost[1]
