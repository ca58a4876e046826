"""Find the best mapping of a set of mapspaces, and prove it: padded bounds, then spatial factors, then the rest.

Mapspaces that differ in the array's shape alone are searched as one. Everything is taken in the order of its lower
bound and dropped once that reaches the incumbent, which all mapspaces share.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from flexloop.engines.embedded.jit import interpreted
from flexloop.engines.embedded.mapper.exact.bounds import hopeless
from flexloop.engines.embedded.mapper.exact.compulsory import compulsory
from flexloop.engines.embedded.mapper.exact.explore import gather, settle
from flexloop.engines.embedded.mapper.exact.form import OBJECTIVES, Form, canonical_bounds, lattice, machine
from flexloop.engines.embedded.mapper.exact.grid import Grid, grid, tables
from flexloop.engines.embedded.mapper.exact.mapping import to_mapping
from flexloop.engines.embedded.mapper.exact.placing import spatial_choices
from flexloop.engines.embedded.mapper.exact.problem import (
    ENERGY,
    LATENCY,
    MOST_SHAPES,
    SLACK,
    Record,
    new_best,
    new_config,
    new_placed,
    new_scratch,
)
from flexloop.engines.embedded.mapper.exact.spread import spatial_bounds, tile_extremes
from flexloop.engines.embedded.mapper.exact.types import FloatArray, IntArray
from flexloop.engines.embedded.mapper.space import Objective
from flexloop.timeloop.mapping import Mapping

_DIVES = 8
"""Assignments of spatial factors among whose configurations a first incumbent is looked for."""
_DIVED = 64
"""Configurations of which the most promising buffer tile is costed for it."""
_ROOM = 1 << 18
"""Configurations held at a time."""


@dataclass
class Family:
    """Forms that differ in the array's shape alone, by their place among the spaces given."""

    places: list[int]
    forms: list[Form]
    machine: Record
    rows: IntArray


@dataclass
class _Padding:
    """A family with one choice of padded bounds, and lower bounds of cycles and energy."""

    family: Family
    bounds: tuple[int, ...]
    cycles: float
    energy: float


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
        family: its machine and orders.
        lattice: of the padded problem, with its multiples and its tables.
        config, scratch: working memory.
        best: the incumbent.
    """

    def __init__(
        self,
        family: Family,
        lattice: tuple[Record, IntArray, FloatArray],
        config: Record,
        scratch: Record,
        best: Record,
    ) -> None:
        self._family, self._lattice = family, lattice
        self._config, self._scratch, self._best = config, scratch, best
        self._pes = np.zeros((int(family.machine["pes"]), 5), dtype=np.int64)
        self._placed = new_placed()
        self._room = _ROOM

    def gather(self, choices: IntArray, begin: int) -> tuple[FloatArray, IntArray, int]:
        """Bounds and factors of the configurations of some assignments from ``begin`` on, and where they end."""
        memory = self._config, self._scratch, self._best
        while True:
            found, factors = np.empty(self._room), np.empty((self._room, 16), dtype=np.int64)
            count, end = gather(self._family.machine, *self._lattice, choices, begin, *memory, found, factors)
            if end > begin:
                return found[:count], factors[:count], end
            self._room *= 2

    def settle(self, factors: IntArray, some: npt.NDArray[np.intp], *, dive: bool) -> None:
        """Search some configurations; a dive costs the most promising buffer tile of each."""
        memory = self._config, self._scratch, self._pes, self._placed
        settle(self._family.machine, self._family.rows, *self._lattice, factors, some, *memory, dive, self._best)


class Search:
    """One search over families of mapspaces with a shared incumbent.

    Of mappings that cost the same, the first in a fixed order is the answer, whatever incumbent the search was given:
    an incumbent and what a dive finds only say what is hopeless, and a mapping of just that cost is looked for again.

    Args:
        groups: the families.
        objective: what is minimised.
        incumbent: cost (objective, tie-break) to reach or beat; infinite without one.
        deadline: CPU time of this thread (time.thread_time()) after which the proof is given up.
    """

    def __init__(
        self, groups: Sequence[Family], objective: Objective, incumbent: tuple[float, float], deadline: float
    ) -> None:
        self._groups = groups
        self._code = OBJECTIVES[objective]
        self._deadline = deadline
        self.best = new_best()
        self.best["cost"][:] = incumbent
        self._admit_equals()
        self._winner: _Padding | None = None
        self._open = inf
        self._config, self._scratch = new_config(), new_scratch()

    def run(self) -> Outcome | None:
        """The best mapping that beats the incumbent, or None where nothing does."""
        queue = sorted(self._paddings(), key=self._key)
        for position, padding in enumerate(queue):
            if interpreted(hopeless)(self._code, padding.cycles, padding.energy, self.best["cost"]):
                continue
            if self._late():
                self._open = min(self._open, *(self._key(p)[0] for p in queue[position:]))
                break
            self._search_padding(padding)
        return self._outcome()

    @property
    def lower_bound(self) -> float:
        """No mapping costs less in the objective."""
        return float(min(self._open, self.best["cost"][0]))

    def _admit_equals(self) -> None:
        """Raise the incumbent's tie-break by the least step, so that a mapping of the same cost beats it."""
        self.best["cost"][1] = np.nextafter(self.best["cost"][1], inf)

    def _late(self) -> bool:
        """Whether time is up; never before there is a mapping to answer with, where one exists."""
        return time.thread_time() > self._deadline and bool(np.isfinite(self.best["cost"][0]))

    def _key(self, padding: _Padding) -> tuple[float, float]:
        return _ranked(self._code, padding.cycles, padding.energy)

    def _paddings(self) -> list[_Padding]:
        found = []
        for family in self._groups:
            form = family.forms[0]
            names = [name for name in form.roles.dimensions if name]
            for choice in itertools.product(*(form.space.bounds[name] for name in names)):
                bounds = canonical_bounds(form, dict(zip(names, choice, strict=True)))
                if all(b % n == 0 for b, n in zip(bounds, form.lanes, strict=True)):
                    least = compulsory(family.machine, bounds, int(family.machine["pes"]))
                    found.append(_Padding(family, bounds, *least))
        return found

    def _search_padding(self, padding: _Padding) -> None:
        family = padding.family
        m, best = family.machine, self.best
        on = grid(padding.bounds)
        g = lattice(family.forms[0], on)
        choices = spatial_choices(m, g)
        if not len(choices) or self._leaves_too_many_idle(padding, g, choices):
            return
        table = table_of(family, on, g)
        extremes = tile_extremes(m, g)
        if extremes[0] == inf or not np.isfinite(table[1, 0, 0]):
            return
        bounds = spatial_bounds(m, g, table, choices, extremes, self._scratch)
        choices = choices[np.lexsort((bounds[:, 1], bounds[:, 0]))]
        bounds = np.sort(bounds[:, 0])
        work = _Work(family, (g, on.multiples, table), self._config, self._scratch, best)
        before = tuple(best["cost"])
        begin, dive = 0, True
        while True:
            last = int(np.searchsorted(bounds, best["cost"][0] / (1 - SLACK), side="right"))
            if begin >= last:
                break
            if self._late():
                self._open = min(self._open, float(bounds[begin]))
                break
            if dive:
                found, factors, _ = work.gather(choices[: min(last, _DIVES)], 0)
                known = tuple(best["cost"])
                work.settle(factors, np.argsort(found, kind="stable")[:_DIVED], dive=True)
                if tuple(best["cost"]) != known:
                    self._admit_equals()
                dive = False
                continue
            found, factors, begin = work.gather(choices[:last], begin)
            self._settle(work, found, factors)
        if tuple(best["cost"]) != before:
            self._winner = padding

    def _leaves_too_many_idle(self, padding: _Padding, g: Record, choices: IntArray) -> bool:
        """Whether a padded problem is hopeless because its factors cannot use the whole array."""
        factors = np.take_along_axis(g["divisors"], choices.T, axis=1)
        most = int(factors.prod(axis=0).max())
        cycles, energy = compulsory(padding.family.machine, padding.bounds, most)
        return bool(interpreted(hopeless)(self._code, cycles, energy, self.best["cost"]))

    def _settle(self, work: _Work, found: FloatArray, factors: IntArray) -> None:
        """Search configurations in the order of their bounds, in growing batches so that time is kept."""
        order = np.argsort(found, kind="stable")
        begin, batch = 0, 16
        while begin < len(order):
            if self._late():
                self._open = min(self._open, float(found[order[begin]]))
                return
            work.settle(factors, order[begin : begin + batch], dive=False)
            begin, batch = begin + batch, min(2 * batch, 256)

    def _outcome(self) -> Outcome | None:
        if self._winner is None:
            return None
        family = self._winner.family
        shape = int(self.best["nest"][6, 0])
        form = family.forms[shape]
        names = form.roles.dimensions
        return Outcome(
            family.places[shape],
            {name: b for name, b in zip(names, self._winner.bounds, strict=True) if name},
            to_mapping(form, self.best["nest"], self._winner.bounds),
            (float(self.best["cost"][0]), float(self.best["cost"][1])),
            self.lower_bound,
            int(self.best["counts"][0]),
        )


def _ranked(code: int, cycles: float, energy: float) -> tuple[float, float]:
    if code == LATENCY:
        return cycles, energy
    return (energy, cycles) if code == ENERGY else (cycles * energy, energy)


_TABLES: OrderedDict[tuple[object, ...], FloatArray] = OrderedDict()
_REMEMBERED = 4_000_000
"""Points of remembered tables, all together (64 bytes each)."""


def table_of(family: Family, on: Grid, g: Record) -> FloatArray:
    """The tables of a padded problem (see `grid.tables`), remembered as classes of one layer share them."""
    form, m = family.forms[0], family.machine
    shared = (m[name].tobytes() for name in ("limits", "levels_i", "levels_f", "coef", "in_buffer"))
    key = (g["bounds"].tobytes(), form.pins.dram, form.orders[2], *shared)
    table = _TABLES.get(key)
    if table is None:
        table = _TABLES[key] = tables(m, family.rows, g, on)
        while len(_TABLES) > 1 and sum(t.shape[2] for t in _TABLES.values()) > _REMEMBERED:
            _TABLES.popitem(last=False)
    _TABLES.move_to_end(key)
    return table
