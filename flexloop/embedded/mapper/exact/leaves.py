"""The leaves of the exact search, costed by the model in the order of their bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flexloop.deadline import Deadline
from flexloop.embedded.arrays import Bools, Floats, Ints, Rows, told_apart
from flexloop.embedded.jit import interpreted
from flexloop.embedded.mapper.costing import Costing, sort_keys
from flexloop.embedded.mapper.exact.bounds import hopeless
from flexloop.embedded.mapper.exact.compulsory import CompulsoryWork
from flexloop.embedded.mapper.exact.form import Form
from flexloop.embedded.mapper.exact.linking import ALONG_WIDTH, Linking
from flexloop.embedded.mapper.exact.placements import LINEAR, SHAPE, SPLIT, Placed, placements
from flexloop.embedded.mapper.exact.problem import (
    BUFFER_EXTENTS,
    BUFFER_ORDER,
    DRAM_ORDER,
    FIRST_LOOP,
    FIRST_PJ,
    LEAST_CYCLES,
    LEAST_PJ,
    OTHERS_PJ,
    PE_FACTORS,
    PLAIN_PJ,
    SERVED,
    SPATIAL_FACTORS,
    Record,
)
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.slots import Genomes
from flexloop.embedded.mapper.space import OBJECTIVES, Objective, ranked
from flexloop.embedded.roles import R
from flexloop.timeloop.mapping import Mapping

_LEAST = [LEAST_CYCLES, LEAST_PJ]
_AT_ONCE, _MANY = 16, 1024
"""Leaves that are costed before the first comparison with the incumbent, and mappings after which fewer are."""


class Writer:
    """Leaves of a form as the model takes them.

    Attributes:
        costing: costs them.
        named: for each of the problem's dimensions the canonical one.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._choices = choices_of(form.space)
        self.costing = Costing(form.spec, self._choices)
        dimensions = self._choices.dimensions
        self.named = [form.roles.dimensions.index(name) for name in dimensions]
        self._place = np.full(8, -1)
        self._place[self.named] = range(len(dimensions))

    def placements(self, x: Ints, shape: int, *, every_order: bool) -> Ints:
        """The placements of spatial factors on this form's array, which is the given shape."""
        array = (slot for slot in self._choices.slots if slot.spatial and slot.level == self._form.array_level)
        return placements(next(array, None), x[self.named], shape, every_order=every_order)

    def genomes(self, leaves: Ints, placed: Ints, orders: Ints, bounds: Ints) -> Genomes:
        """Leaves [n, 27] at placements, with the table of orders and the problem's canonical bounds."""
        form, slots = self._form, self._choices.slots
        n, dims, top = len(leaves), len(self.named), len(form.spec.levels) - 1
        factors = np.ones((n, len(slots), dims), dtype=np.int64)
        arranged = np.tile(np.arange(dims), (n, len(slots), 1))
        splits = np.zeros((n, len(slots)), dtype=np.int64)
        pe, x, tile = (leaves[:, a : a + 8] for a in (PE_FACTORS, SPATIAL_FACTORS, BUFFER_EXTENTS))
        temporal = {
            0: (pe // form.lanes, np.tile(form.orders[0] or range(8), (n, 1))),
            form.array_level: (tile // (pe * x), orders[leaves[:, BUFFER_ORDER]]),
            top: (bounds // tile, orders[leaves[:, DRAM_ORDER]]),
        }
        for i, slot in enumerate(slots):
            if slot.spatial and slot.level == 0:
                rule = form.space.constraints.loop(form.spec.level_names[0], spatial=True)
                factors[:, i] = [rule.factors[d] for d in self._choices.dimensions]
                arranged[:, i] = [self._choices.dimensions.index(d) for d in rule.permutation]
                splits[:, i] = rule.split or 0
            elif slot.spatial:
                factors[:, i] = x[:, self.named]
                arranged[:, i], splits[:, i] = placed[:, LINEAR:], placed[:, SPLIT]
            elif slot.level in temporal:
                found, order = temporal[slot.level]
                factors[:, i] = found[:, self.named]
                arranged[:, i] = self._named(order)
        return Genomes(factors, arranged, splits, np.tile(self._choices.kept, (n, 1, 1)))

    def _named(self, canonical: Ints) -> Ints:
        """Orders of the canonical dimensions as orders of the problem's."""
        found = self._place[canonical]
        return found[found >= 0].reshape(len(canonical), -1)


class Family:
    """Forms that differ in the array's shape alone.

    Attributes:
        places: where they stand among the spaces given.
        forms: the forms.
        machine, orders: what the compiled search knows of them, see `form.machine`.
    """

    def __init__(self, places: list[int], forms: list[Form], machine: Record, orders: Ints) -> None:
        self.places, self.forms, self.machine, self.orders = places, forms, machine, orders
        self._writers: dict[int, Writer] = {}
        self._placed: dict[bytes, Placed] = {}
        self._every: dict[tuple[bytes, bool], Ints] = {}

    @cached_property
    def compulsory(self) -> CompulsoryWork:
        """What no mapping can do without."""
        return CompulsoryWork(self.forms[0], self.machine)

    def writer(self, shape: int) -> Writer:
        """What writes leaves of one of the forms."""
        if shape not in self._writers:
            self._writers[shape] = Writer(self.forms[shape])
        return self._writers[shape]

    def placed(self, leaves: Ints, bounds: Ints) -> Iterator[tuple[Rows, Placed]]:
        """The placements of the spatial loops of leaves, with the places of those that have them; the first's first."""
        x, tile, served = leaves[:, SPATIAL_FACTORS:BUFFER_EXTENTS], leaves[:, :SPATIAL_FACTORS], leaves[:, SERVED:]
        strides = self.machine["coef"][[0, 2, 1, 3]] * tile[:, R:]
        moved = np.where(bounds > x * tile, x, 0)[:, R:] * strides
        steps = np.gcd(moved[:, :2], moved[:, 2:])
        first, which = told_apart(np.concatenate([x, strides * served, steps * served, served], axis=1))
        for number in np.argsort(first).tolist():
            i = int(first[number])
            key = x[i].tobytes() + (strides[i].tobytes() + steps[i].tobytes() if served[i] else b"")
            if key not in self._placed:
                linking = Linking(self.writer(0).named, x[i], strides[i], steps[i]) if served[i] else None
                rows = self._rows(x[i], every_order=bool(served[i]))
                self._placed[key] = Placed(rows, self.machine["shapes"][rows[:, SHAPE], 0], linking)
            yield np.flatnonzero(which == number), self._placed[key]

    def _rows(self, x: Ints, *, every_order: bool) -> Ints:
        """All placements on all forms' arrays, or one on the first that holds any."""
        key = x.tobytes(), every_order
        if key not in self._every:
            found: list[Ints] = []
            for shape in range(len(self.forms)):
                if every_order or not any(map(len, found)):
                    found.append(self.writer(shape).placements(x, shape, every_order=every_order))
            self._every[key] = np.concatenate(found)
        return self._every[key]


@dataclass(frozen=True)
class Winner:
    """The best leaf yet.

    Attributes:
        family: of its form.
        bounds: the problem's canonical bounds.
        leaf, placed: the leaf, and its placement.
    """

    family: Family
    bounds: Ints
    leaf: Ints
    placed: Ints

    @property
    def shape(self) -> int:
        """Which of the family's forms it is of."""
        return int(self.placed[SHAPE])

    @cached_property
    def named(self) -> tuple[dict[str, int], Mapping]:
        """The bounds and the mapping by name."""
        writer = self.family.writer(self.shape)
        return writer.costing.mapping(
            writer.genomes(self.leaf[None], self.placed[None], self.family.orders, self.bounds)
        )


class Leaves:
    """Costs leaves for one search, and remembers the best.

    Args:
        objective: what is minimised.
        best: the incumbent's record, which is kept up to date.
        deadline: when to stop.
        leave_open: hears the least cycles and energy of a leaf that is left uncosted.
    """

    def __init__(
        self,
        objective: Objective,
        best: Record,
        deadline: Deadline,
        leave_open: Callable[[float, float], None],
    ) -> None:
        self._objective, self._code = objective, OBJECTIVES[objective]
        self._best, self._deadline, self._leave_open = best, deadline, leave_open
        self.winner: Winner | None = None
        self._position = -1

    def cost(self, family: Family, bounds: Ints, leaves: Ints, least: Floats) -> None:
        """Cost leaves [n, 27] in the order of what they cost at least [n, 8] until that reaches the incumbent.

        First those that no neighbour can serve, whose bounds are all but exact. Of leaves that cost the same the first
        counts.
        """
        order = np.lexsort(ranked(self._objective, *least[:, _LEAST].T)[::-1])
        self._position = -1
        for served in (False, True):
            some = order[leaves[order, SERVED] == served]
            begin, at_once = 0, _AT_ONCE
            while begin < len(some) and self._may_be_better(*least[some[begin], _LEAST].tolist(), served=served):
                if self._deadline.passed():
                    self._leave_open(*least[some[begin], _LEAST].tolist())
                    break
                mappings = self._cost_some(family, bounds, leaves, least, some[begin : begin + at_once])
                begin += at_once
                at_once = at_once * 2 if mappings < _MANY else max(at_once // 2, 1)

    def _may_be_better(self, cycles: float, energy: float, *, served: bool) -> bool:
        if not served:
            return ranked(self._objective, cycles, energy) < tuple(self._best["cost"])
        return not self._hopeless(cycles, energy)

    def _hopeless(self, cycles: Any, energy: Any) -> Any:
        """See `hopeless`, of one or many."""
        return interpreted(hopeless)(self._code, cycles, energy, self._best["cost"])

    def _cost_some(self, family: Family, bounds: Ints, leaves: Ints, least: Floats, chosen: Rows) -> int:
        """Cost some leaves in the placements that may beat the incumbent; how many mappings these are."""
        costed = 0
        for at, placed in family.placed(leaves[chosen], bounds):
            which, rows, energy = self._worth_costing(chosen[at], placed, least)
            cycles = least[which, LEAST_CYCLES]
            left = np.lexsort(ranked(self._objective, cycles, energy)[::-1])
            while len(left := left[~self._hopeless(cycles[left], energy[left])]):
                some, left = left[:_MANY], left[_MANY:]
                self._cost_placed(family, bounds, leaves, least, which[some], rows[some])
                costed += len(some)
        return costed

    def _worth_costing(self, chosen: Rows, placed: Placed, least: Floats) -> tuple[Rows, Ints, Floats]:
        """The leaves [n] with the placements [n, ...] that may beat the incumbent, and the least energy of each."""
        least = least[chosen, :, None]
        first = least[:, FIRST_LOOP, 0].astype(np.intp)

        def bounded(some: Rows) -> tuple[Floats, Bools]:
            served = placed.served[some]
            saved = served[:, first].T * least[:, FIRST_PJ] + least[:, OTHERS_PJ:, 0] @ served[:, ALONG_WIDTH:].T
            energy = np.maximum(least[:, LEAST_PJ], least[:, PLAIN_PJ] - saved)
            return energy, ~self._hopeless(least[:, LEAST_CYCLES], energy)

        some = np.arange(len(placed.rows))
        others = np.flatnonzero(least[:, OTHERS_PJ:, 0].any(axis=0)) + ALONG_WIDTH
        for step in [*np.unique(first).tolist(), *others.tolist()]:
            some = some[bounded(some)[1].any(axis=0)]
            placed.look_at(some, step, self._deadline)
        some = placed.different(some[bounded(some)[1].any(axis=0)], self._deadline)
        energy, may_be = bounded(some)
        leaf, placement = np.nonzero(may_be)
        return chosen[leaf], placed.rows[some[placement]], energy[leaf, placement]

    def _cost_placed(
        self, family: Family, bounds: Ints, leaves: Ints, least: Floats, which: Rows, placed: Ints
    ) -> None:
        """Cost leaves at placements."""
        for shape in np.unique(placed[:, SHAPE]).tolist():
            at = np.flatnonzero(placed[:, SHAPE] == shape)
            writer = family.writer(shape)
            before = writer.costing.uncounted
            genomes = writer.genomes(leaves[which[at]], placed[at], family.orders, bounds)
            costs = writer.costing.cost(genomes)
            self._best["counts"][0] += len(costs)
            if writer.costing.uncounted > before:
                self._leave_open(*least[which][:, _LEAST].min(axis=0).tolist())
            if not costs.valid.any():
                continue
            found = sort_keys(costs, self._objective)[:, :2]
            found[~costs.valid] = np.inf
            first = np.lexsort((which[at], found[:, 1], found[:, 0]))[0]
            self._offer(family, bounds, leaves, int(which[at[first]]), placed[at[first]], found[first])

    def _offer(self, family: Family, bounds: Ints, leaves: Ints, leaf: int, placed: Ints, cost: Floats) -> None:
        known = tuple(self._best["cost"])
        same = tuple(cost) == known and self._position >= 0 and leaf < self._position
        if tuple(cost) < known or same:
            self._best["cost"][:] = cost
            self.winner = Winner(family, bounds, leaves[leaf].copy(), placed)
            self._position = leaf
