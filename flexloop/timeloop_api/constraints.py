"""The kinds of constraints, by the front end's names."""

from flexloop.timeloop.v4front.constraints import (
    Constraint,
    ConstraintGroup,
    Constraints,
    Dataspace,
    Iteration,
    MaxOverbookedProportion,
    Permutation,
    Spatial,
    Temporal,
)
from flexloop.timeloop.v4front.constraints import ConstraintList as ConstraintsList
from flexloop.timeloop.v4front.constraints import DataspaceNames as ProblemDataspaceList
from flexloop.timeloop.v4front.factors import Factor, Factors

__all__ = [
    "Constraint",
    "ConstraintGroup",
    "Constraints",
    "ConstraintsList",
    "Dataspace",
    "Factor",
    "Factors",
    "Iteration",
    "MaxOverbookedProportion",
    "Permutation",
    "ProblemDataspaceList",
    "Spatial",
    "Temporal",
]
