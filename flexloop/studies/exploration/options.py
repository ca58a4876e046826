"""How an exploration goes about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flexloop.overhead import OverheadModel
from flexloop.studies.exploration.space import Space
from flexloop.study import StudyOptions


@dataclass(frozen=True)
class ExploreOptions:
    """How the designs are chosen.

    Attributes:
        space: the designs to choose from.
        sampler: ``tpe`` (Optuna's multi-objective tree-structured Parzen estimator) or ``nsga2``.
        designed: whether the fixed values of an arch spec are designed for the first network at every size
            (`studies.design`); else its tiles are the smallest there are, which is quick and unfair to classes with
            fixed tiles. The constraints of a Timeloop design stand as they are at every size.
        starts: random starts of that design.
        model: of the area; None takes the shipped one.
        study: how each design is run; its ``objective`` picks the mapping whose cycles and energy count.
    """

    space: Space = field(default_factory=Space)
    sampler: str = "tpe"
    designed: bool = True
    starts: int = 0
    model: OverheadModel | None = None
    study: StudyOptions = field(default_factory=StudyOptions)
