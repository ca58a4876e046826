"""Find the best mapping of a set of mapspaces, and prove it: padded bounds, then spatial factors, then the rest.

Mapspaces that differ in the array's shape alone are searched as one. Everything is taken in the order of its lower
bound and dropped once that reaches the incumbent, which all mapspaces share.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

import numpy as np

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.arrays import Floats, Ints, Rows
from flexloop.embedded.jit import interpreted
from flexloop.embedded.mapper.exact.bounds import hopeless
from flexloop.embedded.mapper.exact.form import Form
from flexloop.embedded.mapper.exact.grid import grid
from flexloop.embedded.mapper.exact.leaves import Family, Leaves
from flexloop.embedded.mapper.exact.machine import lattice_of, machine_of
from flexloop.embedded.mapper.exact.placing import spatial_choices
from flexloop.embedded.mapper.exact.problem import (
    MOST_POINTS,
    MOST_SHAPES,
    Record,
    Subproblem,
    new_best,
    new_config,
    new_scratch,
)
from flexloop.embedded.mapper.exact.spatialbounds import spatial_bounds, tile_extremes
from flexloop.embedded.mapper.exact.work import Padding, Work, padding_of, table_of
from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.mapper.space import OBJECTIVES, BestSoFar, Objective, ranked
from flexloop.integers import divisors
from flexloop.timeloop.mapping import Mapping

_DIVES = 8
"""Assignments of spatial factors among whose configurations a first incumbent is looked for."""
_DIVED = 64
"""Configurations of which the most promising buffer tile is costed for it."""
_POINTS = 50_000
"""Points of a lattice, or assignments, that are looked at between two looks at the clock."""


@dataclass
class Outcome:
    """The best nest found, and what is known about it.

    Attributes:
        place: index of its mapspace among those given.
        bounds: padded bounds by the problem's names.
        mapping: the mapping.
    """

    place: int
    bounds: dict[str, int]
    mapping: Mapping


def families(forms: Sequence[tuple[int, Form]], objective: Objective) -> list[Family]:
    """Forms grouped by what they share."""
    found: dict[tuple[object, ...], list[tuple[int, Form]]] = {}
    for place, form in forms:
        found.setdefault(form.family(), []).append((place, form))
    return [
        Family([place for place, _ in part], [f for _, f in part], *machine_of([f for _, f in part], objective))
        for group in found.values()
        for part in (group[i : i + MOST_SHAPES] for i in range(0, len(group), MOST_SHAPES))
    ]


class Search:
    """One search over families of mapspaces with a shared incumbent.

    Of mappings that cost the same, the first in a fixed order is the answer, whatever incumbent the search was given:
    an incumbent and what a dive finds only say what is hopeless, and a mapping of just that cost is looked for again.

    Args:
        groups: the families.
        objective: what is minimised.
        incumbent: cost (objective, tie-break) to reach or beat; infinite without one.
        deadline: when the proof is given up.
        so_far: receives the best cost and its bound whenever they improve.

    Attributes:
        best: the incumbent.
        open: the least objective and tie-break of what is not searched to the end; infinite where all is.
    """

    def __init__(
        self,
        groups: Sequence[Family],
        objective: Objective,
        incumbent: tuple[float, float],
        deadline: Deadline,
        so_far: BestSoFar | None = None,
    ) -> None:
        self._groups = groups
        self._objective: Objective = objective
        self._code = OBJECTIVES[objective]
        self._deadline, self._so_far = deadline, so_far or BestSoFar()
        self.best = new_best()
        self.best["cost"][:] = incumbent
        self._admit_equals()
        self.open = inf, inf
        self._memory = new_config(), new_scratch(), self.best
        self._leaves = Leaves(objective, self.best, deadline, self._leave_leaf_open)

    def run(self) -> Outcome | None:
        """The best mapping that beats the incumbent, or None where nothing does."""
        queue = sorted(self._paddings(), key=self._key)
        for position, padding in enumerate(queue):
            if interpreted(hopeless)(self._code, padding.cycles, padding.energy, self.best["cost"]):
                continue
            if self._late():
                self._leave_open(*map(self._key, queue[position:]))
                break
            try:
                self._search_padding(padding)
            except TimeUp:
                self._leave_open(self._key(padding))
        return self._outcome()

    @property
    def evaluated(self) -> int:
        """Mappings costed."""
        return int(self.best["counts"][0])

    @property
    def lower_bound(self) -> float:
        """No mapping costs less in the objective."""
        return float(min(self.open[0], self.best["cost"][0]))

    def _admit_equals(self) -> None:
        """Raise the incumbent's tie-break by the least step, so that a mapping of the same cost beats it."""
        self.best["cost"][1] = np.nextafter(self.best["cost"][1], inf)

    def _leave_open(self, *keys: tuple[float, float]) -> None:
        self.open = min(self.open, *keys)

    def _leave_leaf_open(self, cycles: float, energy: float) -> None:
        self._leave_open(ranked(self._objective, cycles, energy))

    def _late(self) -> bool:
        """Whether time is up."""
        self._so_far.best = float(self.best["cost"][0])
        return self._deadline.passed()

    def _key(self, padding: Padding) -> tuple[float, float]:
        return ranked(self._objective, padding.cycles, padding.energy)

    def _paddings(self) -> list[Padding]:
        """Every choice of padded bounds; what there is no time or no space for is left open."""
        found = []
        for family in self._groups:
            form = family.forms[0]
            options = [form.space.bounds[name] if name else (1,) for name in form.roles.dimensions]
            for bounds in itertools.product(*options):
                if self._late():
                    self._leave_open(self._key(padding_of(family, tuple(map(min, options)))))
                    break
                if any(b % n for b, n in zip(bounds, form.lanes, strict=True)):
                    continue
                padding = padding_of(family, bounds)
                if prod(len(divisors(b)) for b in bounds) > MOST_POINTS:
                    self._leave_open(self._key(padding))
                else:
                    found.append(padding)
        return found

    def _search_padding(self, padding: Padding) -> None:
        """Search one choice of padded bounds (TimeUp while its tables are made)."""
        family = padding.family
        machine, best = family.machine, self.best
        on = grid(padding.bounds)
        lattice, multiples = lattice_of(family.forms[0], on)
        choices = self._spatial_choices(machine, lattice)
        if not len(choices) or self._leaves_too_many_idle(padding, lattice, choices):
            return
        table = table_of(family, on, lattice, self._deadline)
        extremes = tile_extremes(machine, lattice)
        if extremes[0] == inf or not np.isfinite(table[1, 0, 0]):
            return
        bounds = self._spatial_bounds(machine, lattice, table, choices, extremes)
        choices = choices[np.lexsort((bounds[:, 1], bounds[:, 0]))]
        bounds = np.sort(bounds[:, 0])
        work = Work(padding, Subproblem(machine, family.orders, lattice, multiples, table), self._memory, self._leaves)
        begin, dive = 0, True
        while True:
            last = int(np.searchsorted(bounds, best["cost"][0] / SLACK, side="right"))
            if begin >= last:
                break
            self._so_far.bound = min(self.open[0], float(bounds[begin]))
            if self._late():
                self._leave_open((float(bounds[begin]), self._key(padding)[1]))
                break
            if dive:
                found, factors, _ = work.gather(choices[: min(last, _DIVES)], 0, self._deadline)
                self._dive(work, factors, np.lexsort((found[:, 1], found[:, 0]))[:_DIVED])
                dive = False
                continue
            found, factors, begin = work.gather(choices[:last], begin, self._deadline)
            self._settle(work, found, factors, self._key(padding)[1])

    def _spatial_choices(self, machine: Record, lattice: Record) -> Ints:
        index, found = np.zeros(8, dtype=np.int64), []
        while index[0] >= 0:
            self._deadline.check()
            found.append(spatial_choices(machine, lattice, index, _POINTS))
        return np.concatenate(found)

    def _spatial_bounds(
        self, machine: Record, lattice: Record, table: Floats, choices: Ints, extremes: Floats
    ) -> Floats:
        found = []
        for begin in range(0, len(choices), _POINTS):
            self._deadline.check()
            found.append(
                spatial_bounds(machine, lattice, table, choices[begin : begin + _POINTS], extremes, self._memory[1])
            )
        return np.concatenate(found)

    def _leaves_too_many_idle(self, padding: Padding, lattice: Record, choices: Ints) -> bool:
        """Whether a padded problem is hopeless because its factors cannot use the whole array."""
        factors = np.take_along_axis(lattice["divisors"], choices.T, axis=1)
        most = int(factors.prod(axis=0).max())
        cycles, energy = padding.family.compulsory.of(padding.bounds, most)
        return bool(interpreted(hopeless)(self._code, cycles, energy, self.best["cost"]))

    def _dive(self, work: Work, factors: Ints, order: Rows) -> None:
        """Look for a first incumbent among the most promising configurations."""
        begin, known = 0, tuple(self.best["cost"])
        work.restart()
        while begin < len(order) and not self._late():
            begin = work.settle(factors, order, begin, dive=True)
        if tuple(self.best["cost"]) != known:
            self._admit_equals()

    def _settle(self, work: Work, found: Floats, factors: Ints, tie: float) -> None:
        """Search configurations in the order of their bounds; ``tie`` bounds the tie-break of all."""
        order = np.lexsort((found[:, 1], found[:, 0]))
        begin = 0
        work.restart()
        while begin < len(order):
            if self._late():
                self._leave_open((float(found[order[begin], 0]), tie))
                return
            begin = work.settle(factors, order, begin, dive=False)

    def _outcome(self) -> Outcome | None:
        winner = self._leaves.winner
        if winner is None:
            return None
        bounds, mapping = winner.named
        place = winner.family.places[winner.shape]
        return Outcome(place, bounds, mapping)
