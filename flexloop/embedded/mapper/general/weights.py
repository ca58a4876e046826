"""How many pJ a cycle is worth where energy and cycles are bounded at once (see `paths.blend`)."""

from __future__ import annotations

from math import inf

from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.general.roots import Key, Root
from flexloop.embedded.mapper.paths.shortest import Shortest
from flexloop.embedded.mapper.sampler import best_of

_MOST = 4
"""Weights that are tried for a bandwidth."""
_SMALL = 1e-2
"""By how much less a cycle is worth each time where it only decides between mappings of the same energy."""


def slow_end(incumbent: Incumbent, root: Root, found: Shortest) -> Key | None:
    """Energy (pJ) and cycles of the mapping of a path, if it is traced and needs more cycles than its root does."""
    if found.genomes is None:
        return None
    best = best_of(found.genomes, root.part.costing.cost(found.genomes, incumbent.deadline), "energy")
    return (best.key[0], best.key[1]) if best is not None and best.key[1] > root.cycles else None


class Weights:
    """Weights for one bandwidth, each the slope of a line from where cycles are least to where energy is.

    The line begins at the least cycles, with the energy of a mapping that would be as good as the best one. It ends at
    a mapping of less energy and more cycles: that of the path found last; or, for EDP, where the energy is the least
    one and the cycles are such that it would be as good as the best one too. For energy, where cycles decide between
    mappings of the least, a cycle is worth less and less.

    Args:
        incumbent: the best mapping yet.
        root: what is bounded.
    """

    def __init__(self, incumbent: Incumbent, root: Root) -> None:
        self._incumbent, self._root = incumbent, root
        self._end = root.energy, 2.0 * root.cycles
        self._tried: list[float] = []

    def hear(self, found: Shortest) -> None:
        """Hear of a path."""
        if self._incumbent.objective == "latency":
            self._end = slow_end(self._incumbent, self._root, found) or self._end

    def next(self) -> float:
        """The weight to be tried next; 0 where there is none."""
        (best, tie), root = self._incumbent.best_key, self._root
        if best == inf or root.energy <= 0 or len(self._tried) == _MOST:
            return 0.0
        if self._incumbent.objective == "energy":
            weight = root.energy / root.cycles * _SMALL ** (1 + len(self._tried))
            self._tried.append(weight)
            return weight
        if self._incumbent.objective == "latency":
            begin = tie if root.cycles >= best else 0.0
            energy, cycles = self._end
        else:
            begin = best / root.cycles
            energy, cycles = root.energy, best / root.energy
        rise, run = begin - energy, cycles - root.cycles
        weight = rise / run if rise > 0 and run > 0 else 0.0
        if weight in self._tried:
            return 0.0
        self._tried.append(weight)
        return weight
