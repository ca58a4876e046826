"""What no mapping of a padded problem can do without: all MACs, and each tensor moved once."""

from __future__ import annotations

from math import ceil, prod

from flexloop.embedded.mapper.costing import facts_of
from flexloop.embedded.mapper.exact.form import Form
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.words import INPUTS
from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.mapper.relaxed import certain, handed_out, taken_in


class Compulsory:
    """What does not depend on the bounds: this is asked for every choice of padded bounds.

    Args:
        form: the mapspace.
        machine: the same as the compiled search knows it.
    """

    def __init__(self, form: Form, machine: Record) -> None:
        facts, self._lanes = facts_of(form.spec), int(machine["lanes"].prod())
        self._tensors, self._top = facts.tensors, facts.levels[-1]
        self._place = [form.roles.dimensions.index(name) for name in form.spec.problem.dimensions]
        self._per_mac, self._per_word = facts.compute_energy, [0.0] * len(facts.tensors)
        fetched = machine["lane_groups"] * (machine["lane_groups"] == machine["lane_groups_still"]) / self._lanes
        for p, level in enumerate(facts.levels):
            group = form.group(p)
            for t in (t for t in range(3) if form.keeps(p)[t]):
                tensor = facts.tensors[index := form.roles.tensors[t]]
                given, taken = (
                    certain(handed_out(level, index, tensor), tensor),
                    certain(taken_in(level, index), tensor),
                )
                # Inputs may reach most PEs from their neighbours: their reads of the buffer are left out.
                self._per_mac += given * float(fetched[t]) if group == 0 else 0.0
                self._per_word[index] += given if group == 2 or (group == 1 and t != INPUTS) else 0.0
                self._per_word[index] += taken if group == 1 else 0.0

    def of(self, bounds: tuple[int, ...], pes: int) -> tuple[float, float]:
        """Cycles and energy that no mapping of a padded problem on so many PEs can do without."""
        named = [bounds[d] for d in self._place]
        macs, energy, read, written = prod(bounds), 0.0, 0, 0
        for tensor, pj in zip(self._tensors, self._per_word, strict=True):
            words = tensor.surely_moved(named)
            energy += pj * words
            read, written = (read, written + words) if tensor.read_write else (read + words, written)
        limits = read / self._top.read_bandwidth, written / self._top.write_bandwidth
        cycles = max(-(-macs // (pes * self._lanes)), *limits)
        return float(ceil(cycles * SLACK)), macs * self._per_mac + energy
