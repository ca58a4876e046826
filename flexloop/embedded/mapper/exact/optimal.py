"""Find the best mapping of a set of mapspaces, and prove it: padded bounds, then spatial factors, then the rest.

Mapspaces that differ in the array's shape alone are searched as one. Everything is taken in the order of its lower
bound and dropped once that reaches the incumbent, which all mapspaces share.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

import numpy as np
import numpy.typing as npt

from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.jit import interpreted
from flexloop.embedded.mapper.exact.bounds import hopeless
from flexloop.embedded.mapper.exact.explore import gather, settle
from flexloop.embedded.mapper.exact.form import OBJECTIVES, Form, lattice, machine
from flexloop.embedded.mapper.exact.grid import Grid, grid, tables
from flexloop.embedded.mapper.exact.leaves import Family, Leaves
from flexloop.embedded.mapper.exact.neighbours import new_steps
from flexloop.embedded.mapper.exact.placing import spatial_choices
from flexloop.embedded.mapper.exact.problem import (
    ENERGY,
    LATENCY,
    MOST_POINTS,
    MOST_SHAPES,
    SERVED,
    SLACK,
    Ground,
    Record,
    Room,
    new_best,
    new_config,
    new_scratch,
)
from flexloop.embedded.mapper.exact.spread import spatial_bounds, tile_extremes
from flexloop.embedded.mapper.exact.types import FloatArray, IntArray
from flexloop.embedded.mapper.space import Objective, Standing
from flexloop.integers import divisors
from flexloop.timeloop.mapping import Mapping

_DIVES = 8
"""Assignments of spatial factors among whose configurations a first incumbent is looked for."""
_DIVED = 64
"""Configurations of which the most promising buffer tile is costed for it."""
_POINTS = 50_000
"""Points of a lattice, or assignments, that are looked at between two looks at the clock."""
_ROOM = 1 << 18
"""Configurations held at a time."""
_FEW_LEAVES, _DIVED_LEAVES, _LEAVES = 64, 2048, 8192
"""Leaves that are collected before they are costed: at first, in a dive, and at most."""


@dataclass
class _Padding:
    """A family with one choice of padded bounds, and lower bounds of cycles and energy."""

    family: Family
    bounds: tuple[int, ...]
    cycles: float
    energy: float


def _padding(family: Family, bounds: tuple[int, ...]) -> _Padding:
    return _Padding(family, bounds, *family.compulsory.of(bounds, int(family.machine["pes"])))


@dataclass
class Outcome:
    """The best nest found, and what is known about it.

    Attributes:
        place: index of its mapspace among those given.
        bounds: padded bounds by the problem's names.
        mapping: the mapping.
        cost: objective and tie-break.
        lower_bound: no mapping costs less.
        evaluated: mappings costed.
    """

    place: int
    bounds: dict[str, int]
    mapping: Mapping
    cost: tuple[float, float]
    lower_bound: float
    evaluated: int


def families(forms: Sequence[tuple[int, Form]], objective: Objective) -> list[Family]:
    """Forms grouped by what they share."""
    found: dict[tuple[object, ...], list[tuple[int, Form]]] = {}
    for place, form in forms:
        found.setdefault(form.family(), []).append((place, form))
    return [
        Family([place for place, _ in part], [f for _, f in part], *machine([f for _, f in part], objective))
        for group in found.values()
        for part in (group[i : i + MOST_SHAPES] for i in range(0, len(group), MOST_SHAPES))
    ]


class _Work:
    """What the compiled functions need for one choice of padded bounds.

    Args:
        padding: what is searched.
        ground: the same as the compiled functions know it.
        memory: a configuration, working memory, the incumbent.
        leaves: costs leaves.
    """

    def __init__(
        self, padding: _Padding, ground: Ground, memory: tuple[Record, Record, Record], leaves: Leaves
    ) -> None:
        self._padding, self._ground, self._leaves = padding, ground, leaves
        self._scratch = memory[1]
        self._room = Room(*memory, new_steps(), np.empty((_LEAVES, SERVED + 1), dtype=np.int64), np.empty((_LEAVES, 2)))
        self._position = np.zeros(8, dtype=np.int64)
        self._configs, self._at_once = _ROOM, _FEW_LEAVES

    def gather(self, choices: IntArray, begin: int, deadline: Deadline) -> tuple[FloatArray, IntArray, int]:
        """Bounds and factors of the configurations of some assignments from ``begin`` on, and where they end."""
        found, factors = np.empty((self._configs, 2)), np.empty((self._configs, 16), dtype=np.int64)
        count, end = 0, begin
        while end < len(choices) and not deadline.passed():
            more, reached = gather(self._ground, self._room, choices, end, found[count:], factors[count:])
            if reached == end and count:
                break
            if reached == end:
                self._configs *= 2
                found, factors = np.empty((self._configs, 2)), np.empty((self._configs, 16), dtype=np.int64)
            count, end = count + more, reached
        return found[:count], factors[:count], end

    def settle(self, factors: IntArray, order: npt.NDArray[np.intp], begin: int, *, dive: bool) -> int:
        """Search some configurations from ``begin`` on, and return how far the work for one call went.

        A dive costs the most promising buffer tile of each.
        """
        if begin == 0:
            self._position[:] = self._scratch["resume"][:] = 0
        most = _DIVED_LEAVES if dive else self._at_once
        room = self._room._replace(leaves=self._room.leaves[:most], costs=self._room.costs[:most])
        reached: int = settle(self._ground, room, factors, order, begin, self._position, dive)
        if count := int(self._scratch["leaves"]):
            self._scratch["leaves"] = 0
            bounds = np.array(self._padding.bounds)
            self._leaves.cost(self._padding.family, bounds, room.leaves[:count], room.costs[:count])
            self._at_once = min(2 * self._at_once, _LEAVES)
        return reached


class Search:
    """One search over families of mapspaces with a shared incumbent.

    Of mappings that cost the same, the first in a fixed order is the answer, whatever incumbent the search was given:
    an incumbent and what a dive finds only say what is hopeless, and a mapping of just that cost is looked for again.

    Args:
        groups: the families.
        objective: what is minimised.
        incumbent: cost (objective, tie-break) to reach or beat; infinite without one.
        deadline: when the proof is given up.
        standing: called with the best mapping and its bound whenever they improve.

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
        standing: Standing | None = None,
    ) -> None:
        self._groups = groups
        self._code = OBJECTIVES[objective]
        self._deadline, self._standing = deadline, standing or Standing()
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
    def lower_bound(self) -> float:
        """No mapping costs less in the objective."""
        return float(min(self.open[0], self.best["cost"][0]))

    def _admit_equals(self) -> None:
        """Raise the incumbent's tie-break by the least step, so that a mapping of the same cost beats it."""
        self.best["cost"][1] = np.nextafter(self.best["cost"][1], inf)

    def _leave_open(self, *keys: tuple[float, float]) -> None:
        self.open = min(self.open, *keys)

    def _leave_leaf_open(self, cycles: float, energy: float) -> None:
        self._leave_open(_ranked(self._code, cycles, energy))

    def _late(self) -> bool:
        """Whether time is up."""
        self._standing.best = float(self.best["cost"][0])
        return self._deadline.passed()

    def _key(self, padding: _Padding) -> tuple[float, float]:
        return _ranked(self._code, padding.cycles, padding.energy)

    def _paddings(self) -> list[_Padding]:
        """Every choice of padded bounds; what there is no time or no room for is left open."""
        found = []
        for family in self._groups:
            form = family.forms[0]
            options = [form.space.bounds[name] if name else (1,) for name in form.roles.dimensions]
            for bounds in itertools.product(*options):
                if self._late():
                    self._leave_open(self._key(_padding(family, tuple(map(min, options)))))
                    break
                if any(b % n for b, n in zip(bounds, form.lanes, strict=True)):
                    continue
                padding = _padding(family, bounds)
                if prod(len(divisors(b)) for b in bounds) > MOST_POINTS:
                    self._leave_open(self._key(padding))
                else:
                    found.append(padding)
        return found

    def _search_padding(self, padding: _Padding) -> None:
        """Search one choice of padded bounds (TimeUp while its tables are made)."""
        family = padding.family
        m, best = family.machine, self.best
        on = grid(padding.bounds)
        g, multiples = lattice(family.forms[0], on)
        choices = self._spatial_choices(m, g)
        if not len(choices) or self._leaves_too_many_idle(padding, g, choices):
            return
        table = table_of(family, on, g, self._deadline)
        extremes = tile_extremes(m, g)
        if extremes[0] == inf or not np.isfinite(table[1, 0, 0]):
            return
        bounds = self._spatial_bounds(m, g, table, choices, extremes)
        choices = choices[np.lexsort((bounds[:, 1], bounds[:, 0]))]
        bounds = np.sort(bounds[:, 0])
        work = _Work(padding, Ground(m, family.orders, g, multiples, table), self._memory, self._leaves)
        begin, dive = 0, True
        while True:
            last = int(np.searchsorted(bounds, best["cost"][0] / (1 - SLACK), side="right"))
            if begin >= last:
                break
            self._standing.bound = min(self.open[0], float(bounds[begin]))
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

    def _spatial_choices(self, m: Record, g: Record) -> IntArray:
        index, found = np.zeros(8, dtype=np.int64), []
        while index[0] >= 0:
            self._deadline.check()
            found.append(spatial_choices(m, g, index, _POINTS))
        return np.concatenate(found)

    def _spatial_bounds(
        self, m: Record, g: Record, table: FloatArray, choices: IntArray, extremes: FloatArray
    ) -> FloatArray:
        found = []
        for begin in range(0, len(choices), _POINTS):
            self._deadline.check()
            found.append(spatial_bounds(m, g, table, choices[begin : begin + _POINTS], extremes, self._memory[1]))
        return np.concatenate(found)

    def _leaves_too_many_idle(self, padding: _Padding, g: Record, choices: IntArray) -> bool:
        """Whether a padded problem is hopeless because its factors cannot use the whole array."""
        factors = np.take_along_axis(g["divisors"], choices.T, axis=1)
        most = int(factors.prod(axis=0).max())
        cycles, energy = padding.family.compulsory.of(padding.bounds, most)
        return bool(interpreted(hopeless)(self._code, cycles, energy, self.best["cost"]))

    def _dive(self, work: _Work, factors: IntArray, order: npt.NDArray[np.intp]) -> None:
        """Look for a first incumbent among the most promising configurations."""
        begin, known = 0, tuple(self.best["cost"])
        while begin < len(order) and not self._late():
            begin = work.settle(factors, order, begin, dive=True)
        if tuple(self.best["cost"]) != known:
            self._admit_equals()

    def _settle(self, work: _Work, found: FloatArray, factors: IntArray, tie: float) -> None:
        """Search configurations in the order of their bounds; ``tie`` bounds the tie-break of all."""
        order = np.lexsort((found[:, 1], found[:, 0]))
        begin = 0
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
        cost = float(self.best["cost"][0]), float(self.best["cost"][1])
        place = winner.family.places[winner.shape]
        return Outcome(place, bounds, mapping, cost, self.lower_bound, int(self.best["counts"][0]))


def _ranked(code: int, cycles: float, energy: float) -> tuple[float, float]:
    if code == LATENCY:
        return cycles, energy
    return (energy, cycles) if code == ENERGY else (cycles * energy, energy)


_TABLES: OrderedDict[tuple[object, ...], FloatArray] = OrderedDict()
_REMEMBERED = 4_000_000
"""Points of remembered tables, all together (64 bytes each)."""


def table_of(family: Family, on: Grid, g: Record, deadline: Deadline) -> FloatArray:
    """The tables of a padded problem (see `grid.tables`), remembered as classes of one layer share them."""
    form, m = family.forms[0], family.machine
    shared = (m[name].tobytes() for name in ("limits", "levels_i", "levels_f", "coef", "in_buffer"))
    key = (g["bounds"].tobytes(), form.pins.dram, form.orders[2], *shared)
    table = _TABLES.get(key)
    if table is None:
        table = _TABLES[key] = tables(m, family.orders, g, on, deadline)
        while len(_TABLES) > 1 and sum(t.shape[2] for t in _TABLES.values()) > _REMEMBERED:
            _TABLES.popitem(last=False)
    _TABLES.move_to_end(key)
    return table
