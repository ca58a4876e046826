"""Recognise mapspaces of three groups of levels, and put them into the canonical form that the exact search works on.

The form: one fanout besides pinned lanes below the innermost level; the levels below that fanout (the PE group), those
above it (the buffer group) and the outermost level (DRAM). In the first two groups temporal loops stand at the
innermost level alone, so all levels of a group hold the same tile, and what another level of the group keeps costs
nothing where a level inside it keeps it too. Loop orders are pinned or free, factors pinned or free, bypass pinned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, prod

import numpy as np

from flexloop.embedded.mapper.exact import orders
from flexloop.embedded.mapper.exact.grid import Grid
from flexloop.embedded.mapper.exact.problem import (
    BUFFER_FACTOR,
    BUFFER_TILE,
    DIRECT,
    EDP,
    ENERGY,
    LATENCY,
    MACHINE,
    MOST_DIVISORS,
    MOST_LEVELS,
    MOST_POINTS,
    PE_TILE,
    SCALED,
    SPATIAL,
    Record,
)
from flexloop.embedded.mapper.exact.types import IntArray
from flexloop.embedded.mapper.space import Objective, Space
from flexloop.embedded.roles import C, M, N, P, Q, R, Roles, S, roles_of
from flexloop.embedded.spec import Problem, Spec, StorageSpec
from flexloop.errors import UnsupportedError
from flexloop.integers import divisors
from flexloop.timeloop.constraints import Constraints, LoopConstraint

OBJECTIVES: dict[str, int] = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}


@dataclass(frozen=True)
class Pins:
    """Pinned factors by canonical dimension (0: free): PE loops, spatial, buffer loops, DRAM loops."""

    pe: tuple[int, ...]
    array: tuple[int, ...]
    buffer: tuple[int, ...]
    dram: tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """A mapspace in canonical form.

    Attributes:
        space: the mapspace.
        roles: names.
        array_level: index of the level directly above the array.
        pins: pinned factors.
        orders: pinned orders of the PE's, the buffer's and DRAM's loops, canonical, or None.
        spatial_order: the pinned linear order of the array's loops, or None.
        split: how many of them lie on X.
    """

    space: Space
    roles: Roles
    array_level: int
    pins: Pins
    orders: tuple[tuple[int, ...] | None, ...]
    spatial_order: tuple[int, ...] | None
    split: int

    @property
    def spec(self) -> Spec:
        """The specification."""
        return self.space.spec

    @property
    def shape(self) -> tuple[int, int]:
        """Extents of the array."""
        return self.spec.fanout_xy[self.array_level]

    @property
    def lanes(self) -> tuple[int, ...]:
        """Pinned spatial factors below the innermost level."""
        pinned = self.space.constraints.loop(self.spec.level_names[0], spatial=True).factors
        return tuple(pinned.get(name, 1) if name else 1 for name in self.roles.dimensions)

    def family(self) -> tuple[object, ...]:
        """What forms must share to be searched together: everything but the array's shape."""
        levels = tuple(
            replace(level, mesh_x=1) if i < self.array_level else level for i, level in enumerate(self.spec.levels)
        )
        mac = replace(self.spec.mac, mesh_x=1)
        bounds = tuple(sorted((d, tuple(b)) for d, b in self.space.bounds.items()))
        lanes = repr(self.space.constraints.loop(self.spec.level_names[0], spatial=True))
        keeps = repr(self.space.constraints.dataspaces)
        return (levels, mac, self.roles, bounds, self.pins, self.orders, self.spatial_order, self.split, lanes, keeps)

    def keeps(self, level: int) -> tuple[bool, bool, bool]:
        """Whether a level keeps Weights, Inputs, Outputs."""
        names = self.spec.data_space_names
        kept = _kept(self.space.constraints, self.spec, level)
        return tuple(names[t] in kept for t in self.roles.tensors)  # type: ignore[return-value]

    def group(self, level: int) -> int:
        """0 for the PE group, 1 for the buffer group, 2 for DRAM."""
        return 0 if level < self.array_level else 1 if level < len(self.spec.levels) - 1 else 2


def recognise(space: Space) -> Form | None:
    """The canonical form of a mapspace, or None where it has another form."""
    spec, constraints = space.spec, space.constraints
    if constraints.parallelism is not None or any(limits.names for limits in constraints.limits.values()):
        return None
    if space.most_loops is not None or not _divides(space):
        return None
    if spec.costly_networks or spec.network_latency or not all(_is_plain(level) for level in spec.levels):
        return None
    roles = _roles(spec.problem)
    arrays = [i for i, (x, y) in enumerate(spec.fanout_xy) if i > 0 and x * y > 1]
    if len(spec.levels) > MOST_LEVELS or any(
        len(divisors(b)) > MOST_DIVISORS for c in space.bounds.values() for b in c
    ):
        return None
    if prod(len(divisors(min(choices))) for choices in space.bounds.values()) > MOST_POINTS:
        return None
    if roles is None or len(arrays) != 1 or not 0 < arrays[0] < len(spec.levels) - 1:
        return None
    array = arrays[0]
    top = len(spec.levels) - 1
    names = spec.level_names
    temporal = [constraints.loop(name, spatial=False) for name in names]
    array_rule = constraints.loop(names[array], spatial=True)
    rules = [temporal[0], temporal[array], temporal[top], array_rule]
    idle = [i for i in range(len(names)) if i not in (0, array, top)]
    if not all(_plain(rule, spec.problem.dimensions) for rule in rules):
        return None
    if any(temporal[i].factors.get(d) != 1 for i in idle for d in spec.problem.dimensions):
        return None
    if (
        array_rule.permutation
        and array_rule.split is None
        or not array_rule.permutation
        and array_rule.split is not None
    ):
        return None
    if not _lanes_are_pinned(space, roles, temporal[0]) or not _bypass_is_plain(space, array):
        return None
    pins = Pins(
        *(_canonical_factors(rule, roles) for rule in (temporal[0], array_rule, temporal[array], temporal[top]))
    )
    form_orders = tuple(_canonical_order(rule, roles) for rule in (temporal[0], temporal[array], temporal[top]))
    spatial_order = _canonical_order(array_rule, roles)
    split = 0
    if spatial_order is not None and array_rule.split is not None:
        on_x = array_rule.permutation[: array_rule.split]
        split = sum(1 for d in spatial_order if roles.dimensions[d] in on_x)
    return Form(space, roles, array, pins, form_orders, spatial_order, split)


def _is_plain(level: StorageSpec) -> bool:
    """Whether a level has nothing that the bounds do not count."""
    scaled = any(scale != 1 for _, scale in level.bandwidth_scale)
    gated = level.power_gated_at not in ("", level.name)
    return level.shared_bandwidth == inf and not (scaled or gated or level.min_utilization or level.address_energy)


def _divides(space: Space) -> bool:
    """Whether the factors of a space multiply to its bounds, so that no loop has a residual."""
    rules, template = space.constraints.loops, space.constraints.template
    return (
        template == "perfect"
        or template == "uber"
        and all(
            bound % prod(rule.factors.get(d, 1) for rule in rules) == 0
            for d, bounds in space.bounds.items()
            for bound in bounds
        )
    )


def _plain(rule: LoopConstraint, dimensions: Sequence[str]) -> bool:
    """Whether a directive pins factors or the whole order, and nothing else."""
    if rule.min_factors or rule.max_factors or rule.suffix or any(n < 1 for n in rule.factors.values()):
        return False
    return not rule.permutation or set(rule.permutation) == set(dimensions)


def _canonical_factors(rule: LoopConstraint, roles: Roles) -> tuple[int, ...]:
    return tuple(rule.factors.get(name, 0) if name else 1 for name in roles.dimensions)


def _canonical_order(rule: LoopConstraint, roles: Roles) -> tuple[int, ...] | None:
    if not rule.permutation:
        return None
    named = [roles.dimensions.index(d) for d in rule.permutation]
    return (*named, *(d for d in range(8) if d not in named))


def _kept(constraints: Constraints, spec: Spec, level: int) -> set[str]:
    rule = constraints.dataspace(spec.level_names[level])
    if level == len(spec.levels) - 1:
        return set(spec.data_space_names) - set(rule.bypass)
    return set(rule.keep)


def _bypass_is_plain(space: Space, array: int) -> bool:
    """Whether bypass is pinned, DRAM keeps everything, and what is kept twice in a group costs nothing outside."""
    spec, constraints = space.spec, space.constraints
    everything = set(spec.data_space_names)
    top = len(spec.levels) - 1
    for name in spec.level_names[:-1]:
        rule = constraints.dataspace(name)
        if set(rule.keep) | set(rule.bypass) != everything or set(rule.keep) & set(rule.bypass):
            return False
    if _kept(constraints, spec, top) != everything:
        return False
    for group in (range(array), range(array, top)):
        seen: set[str] = set()
        for level in group:
            kept = _kept(constraints, spec, level)
            if kept & seen and not _free_of_cost(spec.levels[level]):
                return False
            seen |= kept
    return True


def _free_of_cost(level: StorageSpec) -> bool:
    energies = (level.read_energy, level.write_energy, level.update_energy, level.leakage)
    return not any(energies) and min(level.read_bandwidth, level.write_bandwidth) == inf


def _lanes_are_pinned(space: Space, roles: Roles, innermost: LoopConstraint) -> bool:
    """Whether there are no lanes, or lanes of pinned factors, not on coupled dimensions, under a pinned order."""
    spec = space.spec
    extent_x, extent_y = spec.fanout_xy[0]
    if extent_x * extent_y == 1:
        return True
    rule = space.constraints.loop(spec.level_names[0], spatial=True)
    dimensions = spec.problem.dimensions
    if not _plain(rule, dimensions) or not rule.permutation or rule.split is None or not innermost.permutation:
        return False
    if any(d not in rule.factors for d in dimensions):
        return False
    on_x = prod(rule.factors[d] for d in rule.permutation[: rule.split])
    on_y = prod(rule.factors[d] for d in rule.permutation[rule.split :])
    coupled = [roles.dimensions[d] for d in (R, S, P, Q)]
    alone = all(rule.factors[name] == 1 for name in coupled if name is not None)
    return alone and on_x <= extent_x and on_y <= extent_y


def _roles(problem: Problem) -> Roles | None:
    try:
        return roles_of(problem.dimensions, problem.data_spaces)
    except UnsupportedError:
        return None


def machine(forms: Sequence[Form], objective: Objective) -> tuple[Record, IntArray]:
    """The record of a family of forms that differ in the array's shape alone, and its table of orders [k, 8]."""
    form = forms[0]
    spec = form.spec
    count = len(spec.levels)
    keeps = [form.keeps(level) for level in range(count)]
    groups = [form.group(level) for level in range(count)]
    limits = [[groups[i], level.room, *keeps[i]] for i, level in enumerate(spec.levels) if level.room is not None]
    rows_i, rows_f = _level_tables(spec, keeps, groups)
    m = np.zeros(1, dtype=MACHINE)[0]
    m["objective"] = OBJECTIVES[objective]
    m["pes"] = spec.levels[0].instances
    m["links"] = DIRECT if keeps[form.array_level - 1][1] else SCALED
    m["compute_pj"] = spec.mac.compute_energy
    taken = form.array_level - 1
    if keeps[taken][1]:
        pe = spec.levels[taken]
        m["link_pj"] = pe.read_energy / pe.block_size / pe.cluster_size
        m["link_row_pj"] = 1.5 * pe.read_energy
    outside = spec.levels[next(i for i in range(form.array_level, count) if keeps[i][1])]
    m["read_pj"], m["read_row_pj"] = outside.read_energy / outside.block_size, outside.read_energy
    m["coef"], m["lanes"] = form.roles.coef, form.lanes
    m["lane_groups"], m["lane_groups_still"] = _lane_groups(form)
    m["lane_order"] = form.orders[0] or range(8)
    for group, name in enumerate(("in_pe", "in_buffer")):
        m[name] = [any(k[t] for k, g in zip(keeps, groups, strict=True) if g == group) for t in range(3)]
    place = {index: t for t, index in enumerate(form.roles.tensors)}
    m["names"] = [place[i] for i in range(3)]
    m["n_limits"], m["n_levels"], m["n_shapes"] = len(limits), len(rows_i), len(forms)
    m["limits"][: len(limits)] = np.array(limits).reshape(-1, 5)
    m["levels_i"][: len(rows_i)], m["levels_f"][: len(rows_i)] = rows_i, rows_f
    m["levels_b"] = m["levels_i"]
    for row in m["levels_b"]:
        if row[0] == 2:
            row[2:] &= 1 - m["in_buffer"]
    m["one_buffer"] = sum(row[0] == 1 for row in rows_i) == 1
    m["shapes"][: len(forms)] = [f.shape for f in forms]
    m["order"] = form.spatial_order or [-1] * 8
    m["split"] = form.split
    starts, rows = _order_tables(*form.orders[1:])
    m["starts"][:] = starts
    return m, rows


@lru_cache(maxsize=64)
def _order_tables(buffer: tuple[int, ...] | None, dram: tuple[int, ...] | None) -> tuple[IntArray, IntArray]:
    """Where the orders of each set of loops begin, [4, 257], and the orders [k, 8], where some may be pinned."""
    pins = [orders.pinned(order) if order else None for order in (buffer, dram)]
    starts, rows, total = [], [], 0
    for kind in range(4):
        begins, table = pins[kind % 2] or (orders.dominant() if kind < 2 else orders.complete())
        starts.append(begins + total)
        rows.append(table)
        total += len(table)
    return np.array(starts), np.concatenate(rows)


def _level_tables(
    spec: Spec, keeps: Sequence[tuple[bool, ...]], groups: Sequence[int]
) -> tuple[list[list[int]], list[list[float]]]:
    rows_i, rows_f = [], []
    for i, level in enumerate(spec.levels):
        if _free_of_cost(level):
            continue
        rows_i.append([groups[i], level.block_size, *map(int, keeps[i])])
        rows_f.append(
            [
                level.read_energy,
                level.write_energy,
                level.update_energy,
                level.leakage,
                level.read_bandwidth,
                level.write_bandwidth,
                level.instances / level.cluster_size,
            ]
        )
    return rows_i, rows_f


def _lane_groups(form: Form) -> tuple[list[int], list[int]]:
    """For each tensor its distinct offsets in the lanes, and those that no neighbour has when nothing moves."""
    spec = form.spec
    rule = form.space.constraints.loop(spec.level_names[0], spatial=True)
    row = max(spec.fanout_xy[0][0], prod(rule.factors.get(d, 1) for d in rule.permutation[: rule.split or 0]))
    loops = [(form.roles.dimensions.index(d), rule.factors[d]) for d in rule.permutation if rule.factors.get(d, 1) > 1]
    total = prod(n for _, n in loops)
    groups, still = [], []
    for t in range(3):
        offsets = []
        for e in range(total):
            rest, offset = e, []
            for d, n in loops:
                offset.append(0 if _IRRELEVANT[t] >> d & 1 else rest % n)
                rest //= n
            offsets.append(tuple(offset))
        served = {e for e in range(total) for f in _neighbours(e, row, total) if offsets[f] == offsets[e]}
        everyone = len(set(offsets))
        left = len({offsets[e] for e in range(total) if e not in served})
        groups.append(everyone)
        still.append(left)
    return groups, still


_IRRELEVANT = (1 << N | 1 << P | 1 << Q, 1 << M, 1 << C | 1 << R | 1 << S)


def _neighbours(e: int, row: int, total: int) -> list[int]:
    near = [e - row, e + row]
    if e % row:
        near.append(e - 1)
    if (e + 1) % row:
        near.append(e + 1)
    return [f for f in near if 0 <= f < total]


def lattice(form: Form, on: Grid) -> tuple[Record, IntArray]:
    """The lattice of a padded problem with what the form's pins allow, and its multiples [6, k].

    Rows of the multiples: those of `Grid`, then the same two for what begins at ``pe_start`` and at ``buffer_start``.
    """
    record = on.record.copy()
    ok = record["ok"]
    pins, lanes = form.pins, form.lanes
    for d in range(8):
        bound = int(record["bounds"][d])
        for i, n in enumerate(divisors(bound)):
            ok[PE_TILE, d, i] = n % lanes[d] == 0 and pins.pe[d] in (0, n // lanes[d])
            ok[SPATIAL, d, i] = pins.array[d] in (0, n)
            ok[BUFFER_TILE, d, i] = pins.dram[d] in (0, bound // n)
            ok[BUFFER_FACTOR, d, i] = pins.buffer[d] in (0, n)
    product, factor = on.multiples
    multiples = np.zeros((6, len(product)), dtype=np.int64)
    multiples[:2] = on.multiples
    dimension = np.repeat(np.arange(8), np.diff(_ends(record), prepend=0))
    into_pe = ok[PE_TILE, dimension, factor] != 0
    into_buffer = (ok[BUFFER_FACTOR, dimension, factor] & ok[BUFFER_TILE, dimension, product]) != 0
    for row, allowed, start in ((2, into_pe, "pe_start"), (4, into_buffer, "buffer_start")):
        before = np.concatenate([[0], np.cumsum(allowed)])
        record[start] = before[record["start"]]
        multiples[row : row + 2, : before[-1]] = on.multiples[:, allowed]
    return record, multiples


def _ends(record: Record) -> IntArray:
    """Where the multiples of each dimension end."""
    ends: IntArray = record["start"][np.arange(8), record["counts"]]
    return ends
