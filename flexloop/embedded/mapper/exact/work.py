"""The compiled search of one choice of padded bounds, piece by piece, and the tables that it needs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Floats, Ints, Rows
from flexloop.embedded.mapper.exact.explore import gather, settle
from flexloop.embedded.mapper.exact.grid import Grid, tables
from flexloop.embedded.mapper.exact.leaves import Family, Leaves
from flexloop.embedded.mapper.exact.problem import COSTS, SERVED, Record, Subproblem, Workspace

_CONFIGS = 1 << 18
"""Configurations held at a time."""
_FEW_LEAVES, _DIVED_LEAVES, _LEAVES = 64, 2048, 8192
"""Leaves that are collected before they are costed: at first, in a dive, and at most."""


@dataclass
class Padding:
    """A family with one choice of padded bounds, and lower bounds of cycles and energy."""

    family: Family
    bounds: tuple[int, ...]
    cycles: float
    energy: float


def padding_of(family: Family, bounds: tuple[int, ...]) -> Padding:
    """A family with one choice of padded bounds, and what no mapping of it can do without."""
    return Padding(family, bounds, *family.compulsory.of(bounds, int(family.machine["pes"])))


class Work:
    """What the compiled functions need for one choice of padded bounds.

    Args:
        padding: what is searched.
        subproblem: the same as the compiled functions know it.
        memory: a configuration, working memory, the incumbent.
        leaves: costs leaves.
    """

    def __init__(
        self, padding: Padding, subproblem: Subproblem, memory: tuple[Record, Record, Record], leaves: Leaves
    ) -> None:
        self._padding, self._subproblem, self._leaves = padding, subproblem, leaves
        self._scratch = memory[1]
        self._workspace = Workspace(
            *memory, np.empty((_LEAVES, SERVED + 1), dtype=np.int64), np.empty((_LEAVES, COSTS))
        )
        self._position = np.zeros(8, dtype=np.int64)
        self._configs, self._at_once = _CONFIGS, _FEW_LEAVES

    def gather(self, choices: Ints, begin: int, deadline: Deadline) -> tuple[Floats, Ints, int]:
        """Bounds and factors of the configurations of some assignments from ``begin`` on, and where they end."""
        found, factors = np.empty((self._configs, 2)), np.empty((self._configs, 16), dtype=np.int64)
        count, end = 0, begin
        while end < len(choices) and not deadline.passed():
            more, reached = gather(self._subproblem, self._workspace, choices, end, found[count:], factors[count:])
            if reached == end and count:
                break
            if reached == end:
                self._configs *= 2
                found, factors = np.empty((self._configs, 2)), np.empty((self._configs, 16), dtype=np.int64)
            count, end = count + more, reached
        return found[:count], factors[:count], end

    def restart(self) -> None:
        """What `settle` is called for next begins anew, not where the last call ended."""
        self._position[:] = self._scratch["resume"][:] = 0

    def settle(self, factors: Ints, order: Rows, begin: int, *, dive: bool) -> int:
        """Search some configurations from ``begin`` on, and return how far the work for one call went.

        A dive costs the most promising buffer tile of each.
        """
        most = _DIVED_LEAVES if dive else self._at_once
        workspace = self._workspace._replace(leaves=self._workspace.leaves[:most], costs=self._workspace.costs[:most])
        reached: int = settle(self._subproblem, workspace, factors, order, begin, self._position, dive)
        if count := int(self._scratch["leaves"]):
            self._scratch["leaves"] = 0
            bounds = np.array(self._padding.bounds)
            self._leaves.cost(self._padding.family, bounds, workspace.leaves[:count], workspace.costs[:count])
            self._at_once = min(2 * self._at_once, _LEAVES)
        return reached


_TABLES: OrderedDict[tuple[object, ...], Floats] = OrderedDict()
_REMEMBERED = 4_000_000
"""Points of remembered tables, all together (64 bytes each)."""


def table_of(family: Family, on: Grid, lattice: Record, deadline: Deadline) -> Floats:
    """The tables of a padded problem (see `grid.tables`), remembered as classes of one layer share them."""
    form, machine = family.forms[0], family.machine
    shared = (machine[name].tobytes() for name in ("limits", "levels_i", "levels_f", "coef", "in_buffer"))
    key = (lattice["bounds"].tobytes(), form.pins.dram, form.orders[2], *shared)
    table = _TABLES.get(key)
    if table is None:
        table = _TABLES[key] = tables(machine, family.orders, lattice, on, deadline)
        while len(_TABLES) > 1 and sum(t.shape[2] for t in _TABLES.values()) > _REMEMBERED:
            _TABLES.popitem(last=False)
    _TABLES.move_to_end(key)
    return table
