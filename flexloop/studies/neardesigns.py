"""Rigid designs that suit a network nearly as well as the best one: what was costed on the way is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import numpy as np

from flexloop.engines.base import Objective
from flexloop.studies.rigid import Designs, Floats, Hardware, of_rows
from flexloop.workloads.layers import Network

MOST_NEAR = 5_000
"""Near designs that later networks are costed on; of more, so many are drawn."""


@dataclass(frozen=True)
class NearDesigns:
    """Designs of one hardware whose cost on a network lies little above the least.

    Attributes:
        hardware: what they are designs of.
        designs: those that are looked at: all, or `MOST_NEAR` drawn from them.
        found: how many there are among the designs costed.
        within: how much above the least their costs may lie, relatively.
        objective: what they are designed for.
    """

    hardware: Hardware
    designs: Designs
    found: int
    within: float
    objective: Objective

    def costs(self, network: Network) -> Floats:
        """What each of them costs a network (cycles, pJ, or the sum of layer EDPs): float64[n]."""
        total = np.zeros(len(self.designs))
        for layer in network.layers:
            cycles, energy = self.hardware.costs(self.designs, layer)
            total += layer.count * {"latency": cycles, "energy": energy, "edp": cycles * energy}[self.objective]
        return total


@dataclass
class NearSearch:
    """Collects the designs that a search costs within a relative distance of the least cost so far.

    Attributes:
        within: the distance; 0 collects nothing.
    """

    within: float
    _least: float = inf
    _kept: list[Designs] = field(default_factory=list)
    _costs: list[Floats] = field(default_factory=list)

    def limit(self, cost: float) -> float:
        """The greatest cost near a cost."""
        return cost * (1 + self.within)

    def add(self, designs: Designs, costs: Floats, known: float) -> None:
        """Keep those that are near; ``known`` is a cost that some design has."""
        self._least = min(self._least, known)
        if self.within and self._least < inf:
            near = costs <= self.limit(self._least)
            self._kept.append(designs.take(near))
            self._costs.append(costs[near])

    def drop_above(self, least: float) -> None:
        """Forget what is not near a cost that was found."""
        self._least = min(self._least, least)
        for index, costs in enumerate(self._costs):
            near = costs <= self.limit(self._least)
            self._kept[index], self._costs[index] = self._kept[index].take(near), costs[near]

    def found(self, least: float, like: Designs) -> Designs:
        """All that are near the least cost, each once; ``like`` any designs of the hardware."""
        self.drop_above(least)
        return unique(like.take(np.zeros(0, np.int64)).joined(*self._kept))


def unique(designs: Designs) -> Designs:
    """The designs, each once, sorted; column by column, which takes a fraction of the time of `np.unique` over rows."""
    rows = designs.rows[np.lexsort(designs.rows.T[::-1])]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return of_rows(rows[first])


def drawn(designs: Designs, most: int, seed: int, best: Designs) -> Designs:
    """At most so many of the designs, drawn at random, and the best one in any case."""
    if len(designs) <= most:
        return designs
    chosen = np.random.default_rng(seed).choice(len(designs), most - 1, replace=False)
    return unique(designs.take(chosen).joined(best))
