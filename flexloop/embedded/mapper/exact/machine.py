"""A mapspace in canonical form as the records that the compiled search takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import interpreted
from flexloop.embedded.mapper.exact.cost import KEPT
from flexloop.embedded.mapper.exact.form import Form, is_free_of_cost
from flexloop.embedded.mapper.exact.grid import Grid
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    BUFFER_FACTOR,
    BUFFER_TILE,
    MACHINE,
    PE_TILE,
    SPATIAL,
    Record,
)
from flexloop.embedded.mapper.exact.words import INPUTS, IRRELEVANT
from flexloop.embedded.mapper.orders import distinct_orders, view_of
from flexloop.embedded.mapper.space import OBJECTIVES, Objective
from flexloop.embedded.roles import C, G, N, P, Q, R, S
from flexloop.embedded.rules.links import beside
from flexloop.embedded.rules.tables import BLOCK, CLUSTERS, hardware_of, rates_of
from flexloop.embedded.spec import Spec
from flexloop.integers import divisors


def machine_of(forms: Sequence[Form], objective: Objective) -> tuple[Record, Ints]:
    """The record of a family of forms that differ in the array's shape alone, and its table of orders [k, 8]."""
    form = forms[0]
    spec = form.spec
    count = len(spec.levels)
    keeps = [form.keeps(level) for level in range(count)]
    groups = [form.group(level) for level in range(count)]
    limits = [
        [groups[i], level.tile_limit, *keeps[i]] for i, level in enumerate(spec.levels) if level.tile_limit is not None
    ]
    rows_i, rows_f = _level_tables(spec, keeps, groups)
    record = np.zeros(1, dtype=MACHINE)[0]
    record["objective"] = OBJECTIVES[objective]
    record["pes"] = spec.levels[0].instances
    record["scaled"] = not keeps[form.array_level - 1][1]
    record["compute_pj"] = spec.mac.compute_energy
    taken = form.array_level - 1
    if keeps[taken][1]:
        pe = spec.levels[taken]
        record["link_pj"] = pe.read_energy / pe.block_size / pe.cluster_size
        record["link_row_pj"] = 1.5 * pe.read_energy
    outside = spec.levels[next(i for i in range(form.array_level, count) if keeps[i][1])]
    record["read_pj"], record["read_row_pj"] = outside.read_energy / outside.block_size, outside.read_energy
    record["coef"], record["lanes"] = form.roles.coef, form.lanes
    record["lane_groups"], record["lane_groups_still"] = _lane_groups(form)
    record["lane_order"] = form.orders[0] or range(8)
    for group, name in enumerate(("in_pe", "in_buffer")):
        record[name] = [any(k[t] for k, g in zip(keeps, groups, strict=True) if g == group) for t in range(3)]
    place = {index: t for t, index in enumerate(form.roles.tensors)}
    record["names"] = [place[i] for i in range(3)]
    record["n_limits"], record["n_levels"], record["n_shapes"] = len(limits), len(rows_i), len(forms)
    record["limits"][: len(limits)] = np.array(limits).reshape(-1, 5)
    record["levels_i"][: len(rows_i)], record["levels_f"][: len(rows_i)] = rows_i, rows_f
    record["levels_b"] = record["levels_i"]
    for row in record["levels_b"]:
        if row[0] == 2:
            row[KEPT : KEPT + 3] &= 1 - record["in_buffer"]
    record["one_buffer"] = sum(row[0] == 1 for row in rows_i) == 1
    record["shapes"][: len(forms)] = [f.shape for f in forms]
    record["order"] = form.spatial_order or [-1] * 8
    record["split"] = form.split
    moving = (max(form.space.bounds[name]) > 1 if name else False for name in form.roles.dimensions)
    starts, rows = order_tables(*form.orders[1:], tuple(moving))
    record["starts"][:] = starts
    return record, rows


@lru_cache(maxsize=64)
def order_tables(
    buffer: tuple[int, ...] | None, dram: tuple[int, ...] | None, moving: tuple[bool, ...]
) -> tuple[Ints, Ints]:
    """Where the orders of each set of loops begin, [4, 257], and the orders [k, 8], innermost first.

    Args:
        buffer, dram: the orders that are pinned there.
        moving: the dimensions that may have loops > 1; sets with others have no orders.
    """
    starts, rows = np.zeros((4, 257), dtype=np.int64), list[tuple[int, ...]]()
    shared = moving[R] and moving[P], moving[S] and moving[Q]
    for kind in range(4):
        pinned = (buffer, dram)[kind % 2]
        for mask in range(256):
            starts[kind, mask] = len(rows)
            loops = tuple(d for d in range(8) if mask >> d & 1)
            if all(moving[d] for d in loops):
                rows += [pinned] if pinned else _orders(loops, shared, linked=kind >= ALL_BUFFER_ORDERS)
        starts[kind, 256] = len(rows)
    return starts, np.array(rows, dtype=np.int64)


@lru_cache(maxsize=4096)
def _orders(loops: tuple[int, ...], shared: tuple[bool, bool], *, linked: bool) -> list[tuple[int, ...]]:
    """One order of each kind of these loops, absent ones outermost; ``shared``: whether two dimensions share a rank."""
    coupled = [[[d, d + 2]] if is_shared else [[d], [d + 2]] for d, is_shared in zip((R, S), shared, strict=True)]
    views = []
    for t in range(3):
        ranks = [[d] for d in range(8) if not IRRELEVANT[t, d]]
        if t == INPUTS:
            ranks = [[N], [G], [C], *coupled[0], *coupled[1]]
        views.append(view_of(tuple(tuple((d, 1) for d in rank) for rank in ranks), set(range(8))))
    found, are_all = distinct_orders((), loops, (), views, linked=linked)
    assert are_all
    return [(*order, *(d for d in range(8) if d not in loops)) for order in found]


def _level_tables(spec: Spec, keeps: Sequence[tuple[bool, ...]], groups: Sequence[int]) -> tuple[Ints, Floats]:
    paid = [i for i, level in enumerate(spec.levels) if not is_free_of_cost(level)]
    hardware = hardware_of(spec)
    columns = (groups, hardware[:-1, BLOCK], *zip(*keeps, strict=True), hardware[:-1, CLUSTERS])
    return np.array(columns, dtype=np.int64).T[paid], rates_of(spec)[paid]


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
                offset.append(0 if IRRELEVANT[t, d] else rest % n)
                rest //= n
            offsets.append(tuple(offset))
        pairs = ((e, interpreted(beside)(e, e % row, way, row, total)) for e in range(total) for way in range(4))
        served = {e for e, f in pairs if f >= 0 and offsets[f] == offsets[e]}
        everyone = len(set(offsets))
        left = len({offsets[e] for e in range(total) if e not in served})
        groups.append(everyone)
        still.append(left)
    return groups, still


def lattice_of(form: Form, on: Grid) -> tuple[Record, Ints]:
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


def _ends(record: Record) -> Ints:
    """Where the multiples of each dimension end."""
    ends: Ints = record["start"][np.arange(8), record["counts"]]
    return ends
