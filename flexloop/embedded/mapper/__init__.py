"""The embedded mapper: the best mapping of a set of mapspaces, with a statement of how good it is."""

from flexloop.embedded.mapper.find import find_best
from flexloop.embedded.mapper.space import Certificate, Objective, Optimum, Seed, Space, Standing

__all__ = ["Certificate", "Objective", "Optimum", "Seed", "Space", "Standing", "find_best"]
