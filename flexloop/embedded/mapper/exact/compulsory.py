"""What no mapping of a padded problem can do without: all MACs, and each tensor moved once."""

from __future__ import annotations

from math import ceil, prod

from flexloop.embedded.mapper.costing import facts_of
from flexloop.embedded.mapper.exact.form import Form
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.words import INPUTS
from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.mapper.relaxed import Compulsory


class CompulsoryWork:
    """What does not depend on the bounds: this is asked for every choice of padded bounds.

    Args:
        form: the mapspace.
        machine: the same as the compiled search knows it.
    """

    def __init__(self, form: Form, machine: Record) -> None:
        facts, self._lanes = facts_of(form.spec), int(machine["lanes"].prod())
        self._tensors, self._top = facts.tensors, facts.levels[-1]
        self._place = [form.roles.dimensions.index(name) for name in form.spec.problem.dimensions]
        self._least = Compulsory(facts.compute_energy, facts.tensors)
        fetched = machine["lane_groups"] * (machine["lane_groups"] == machine["lane_groups_still"]) / self._lanes
        for p, level in enumerate(facts.levels):
            group = form.group(p)
            for t in (t for t in range(3) if form.keeps(p)[t]):
                index = form.roles.tensors[t]
                if group == 0:
                    self._least.feeds(level, index, float(fetched[t]))
                elif group == 2 or t != INPUTS:  # these may reach most PEs from their neighbours
                    self._least.hands_out(level, index)
                if group == 1:
                    self._least.takes_in(level, index)

    def of(self, bounds: tuple[int, ...], pes: int) -> tuple[float, float]:
        """Cycles and energy that no mapping of a padded problem on so many PEs can do without."""
        named = [bounds[d] for d in self._place]
        macs, words = prod(bounds), [tensor.surely_moved(named) for tensor in self._tensors]
        cycles = self._least.cycles(macs, pes * self._lanes, words, self._top)
        return float(ceil(cycles * SLACK)), self._least.energy(macs, words)
