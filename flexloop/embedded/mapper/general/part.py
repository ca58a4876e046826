"""One of the mapspaces that are searched together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline
from flexloop.embedded.mapper.choices import Choices
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.facts import Facts
from flexloop.embedded.mapper.fillings import Fillings, every_filling
from flexloop.embedded.mapper.paths.keeping import BYPASSED, KEPT, keeping_of
from flexloop.embedded.mapper.relaxed import Compulsory, Moved
from flexloop.embedded.mapper.space import Space

MOST_WAYS = 1_000_000
"""Ways to fill the fanouts that are told apart; where there are more, compulsory work alone bounds them."""
Mask = npt.NDArray[np.bool_]


@dataclass
class Part:
    """One of the mapspaces that are searched together, with what searching it needs.

    Attributes:
        index: its place among them.
        space: the mapspace.
        choices: what it leaves open.
        costing: costs its mappings.
        proved: patterns of bypass about which everything is proved, as bytes.
    """

    index: int
    space: Space
    choices: Choices
    costing: Costing
    proved: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._fillings: tuple[tuple[int, ...], Fillings | None] = (), None

    @cached_property
    def facts(self) -> Facts:
        """What bounds need to know of architecture and problem."""
        return facts_of(self.costing.spec, self.choices.reuse)

    @cached_property
    def most_lanes(self) -> int:
        """MACs that may work at once."""
        return prod(prod(slot.extent) for slot in self.choices.slots if slot.spatial)

    def fillings(self, bounds: Sequence[int], deadline: Deadline) -> Fillings | None:
        """Every way to fill the fanouts, or None where these are too many; the last answer is kept."""
        if self._fillings[:1] != (tuple(bounds),):
            self._fillings = tuple(bounds), self._fillings_of(bounds, deadline)
        return self._fillings[1]

    def _fillings_of(self, bounds: Sequence[int], deadline: Deadline) -> Fillings | None:
        return every_filling(self.choices, bounds, MOST_WAYS, deadline)

    def compulsory(self, bounds: Sequence[int]) -> float:
        """Energy (pJ) that no mapping does without: all MACs, what surely feeds them, each word handed on once."""
        computed = self._least_computed * prod(self.choices.imperfect.shares(bounds).positions)
        words = [max(t.surely_moved(bounds) - self.facts.levels[-1].instances, 0) for t in self.facts.tensors]
        return self._least.energy(prod(bounds) * computed, words)

    @cached_property
    def _least_computed(self) -> float:
        return self.choices.imperfect.least_computed()

    @cached_property
    def _least(self) -> Compulsory:
        choices, levels = self.choices, self.facts.levels
        least = Compulsory(self.facts.compute_energy, self.facts.tensors)
        keeping = keeping_of(choices.kept, choices.free_bypass)
        # Residuals may leave words out, neighbours feed the MACs, children of a fanout share what they are given.
        for t in range(len(self.facts.tensors)) if not choices.imperfect else ():
            if 0 in choices.spatial and not self._macs_are_apart(t):
                continue
            first, outermost = int((keeping[:, t] != BYPASSED).argmax()), len(levels) - 1
            is_fed = keeping[first, t] == KEPT and first < min((p for p in choices.spatial if p), default=len(levels))
            if is_fed and t not in levels[first].no_coalesce:
                least.feeds(levels[first], t, 1.0)
            if choices.kept[-1, t] and t not in levels[-1].no_coalesce and not (is_fed and first == outermost):
                least.hands_out(levels[-1], t)
        return least

    def _macs_are_apart(self, t: int) -> bool:
        """Whether MACs of one fanout never have words of a data space in common, see `Prices.operands`."""
        options = self.choices.factorizations
        common = Moved(self.facts.tensors[t], [max(f.bound for f in some) for some in options]).repeating
        return all(f.highs[self.choices.spatial[0]] == 1 for d in common for f in options[d])

    def patterns(self) -> Iterator[Mask]:
        """The patterns of bypass that nothing is proved about yet and that keep every tensor somewhere."""
        for keep in self.choices.bypass_patterns():
            if keep.any(axis=0).all() and keep.tobytes() not in self.proved:
                yield keep

    @property
    def is_open(self) -> bool:
        """Whether there is a pattern that nothing is proved about yet."""
        return next(self.patterns(), None) is not None
