"""The embedded mapper: the best mapping of a set of mapspaces, with a statement of how good it is."""

from flexloop.embedded.mapper.find import find_best
from flexloop.embedded.mapper.space import BestSoFar, Certificate, Guide, Objective, Optimum, Seed, Space

__all__ = ["BestSoFar", "Certificate", "Guide", "Objective", "Optimum", "Seed", "Space", "find_best"]
