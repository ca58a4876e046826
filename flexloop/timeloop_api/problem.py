"""The parts of a problem, by the front end's names."""

from flexloop.timeloop.v4front.problem import DataSpace, Densities, Density, Instance, Problem, Shape
from flexloop.timeloop.v4front.problem import DataSpaces as ProblemDataspaceList

__all__ = ["DataSpace", "Densities", "Density", "Instance", "Problem", "ProblemDataspaceList", "Shape"]
