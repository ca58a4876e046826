"""What the energies and cycles of paths amount to: bounds of the objective and its tie-break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexloop.embedded.arrays import Floats
from flexloop.embedded.mapper.facts import SLACK, Facts
from flexloop.embedded.mapper.general.incumbent import Incumbent


@dataclass(frozen=True)
class Line:
    """A line that all mappings lie above: energy (pJ, leakage left out) plus ``weight`` times a bandwidth's cycles.

    Attributes:
        weight: pJ a cycle.
        least: [n] the least sum.
    """

    weight: float
    least: Floats


class Measure:
    """Bounds of mappings with the same bounds of the dimensions.

    Args:
        search: knows the objective.
        facts: architecture and problem.
        bounds: the bound of each dimension.
    """

    def __init__(self, search: Incumbent, facts: Facts, bounds: Sequence[int]) -> None:
        self._search, self._facts, self._latency = search, facts, facts.latency
        self._less = facts.below_zero(bounds)

    def cycles(self, least: Floats, needed: Floats) -> Floats:
        """[n] the least cycles, given what is known and what a bandwidth needs."""
        found: Floats = np.maximum(least, np.ceil(needed * SLACK) + self._latency)
        return found

    def total(self, energy: Floats, cycles: Floats) -> Floats:
        """[n] energy (pJ) with leakage, and less what networks may take off."""
        return self._facts.total(energy, cycles - self._latency, self._less)

    def keys(self, energy: Floats, cycles: Floats, lines: Sequence[Line] = ()) -> tuple[Floats, Floats]:
        """Objectives and tie-breaks, at least; infinite where energy, cycles or a line are.

        Along a line energy falls as cycles rise. What lies above it costs no less than one of the line's ends does,
        since the product of both is concave where a cycle saves more energy than leaks in it, and else rises.

        Args:
            energy: [n] the least energy (pJ, leakage left out).
            cycles: [n] the least cycles.
            lines: what mappings lie above.
        """
        possible = np.isfinite(energy) & np.isfinite(cycles)
        for line in lines:
            possible &= np.isfinite(line.least)
        energy, cycles = np.where(possible, energy, 0.0), np.where(possible, cycles, 0.0)
        primary, tie = self._search.keys(self.total(energy, cycles), cycles)
        for line in lines:
            least = np.where(possible, line.least, 0.0)
            most = np.maximum(energy, least - line.weight * (cycles - self._latency))
            begin = self._search.keys(self.total(most, cycles), cycles)
            last = np.maximum(cycles, np.ceil((least * SLACK - energy) / line.weight) + self._latency)
            end = self._search.keys(self.total(energy, last), last)
            primary, tie = _later((primary, tie), _earlier(begin, end))
        return np.where(possible, primary, np.inf), tie


def _earlier(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The less of keys."""
    first = (one[0] < other[0]) | ((one[0] == other[0]) & (one[1] < other[1]))
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])


def _later(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The greater of keys."""
    first = (one[0] > other[0]) | ((one[0] == other[0]) & (one[1] > other[1]))
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])
