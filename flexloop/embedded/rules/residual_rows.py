"""Cost the mappings of a batch whose loops may have residuals, one after the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flexloop.embedded.jit import entry, kernel
from flexloop.embedded.rules.cost import cost
from flexloop.embedded.rules.counts import lacks_words, limit_reuse, write_counts
from flexloop.embedded.rules.nest import X_ALL, fits_levels, fits_macs, use_array
from flexloop.embedded.rules.residual_flows import residual_flows, residual_partitions
from flexloop.embedded.rules.residual_nest import FIRST, lay_nest, measure
from flexloop.embedded.rules.route_tables import ROUTES
from flexloop.embedded.rules.routes import network_energy, own_words
from flexloop.embedded.rules.rows import ROOM, Room, outermost
from flexloop.embedded.rules.tables import (
    B3,
    BELOW_ZERO,
    BEYOND_TABLES,
    F1,
    F2,
    I1,
    I2,
    I3,
    KEPT_NOWHERE,
    LEAKED,
    OUTER,
    READ_WRITE,
    TABLES,
    UNSHARED_RESIDUAL,
    VALID,
    Floats,
    Ints,
    Tables,
    i64,
    types,
)


class ResidualRoom(NamedTuple):
    """Room for one mapping with residuals at a time, beside `Room`.

    Attributes:
        nest, begin, extent, passes, used: see `rules.residual_nest`.
        steps: int64[N, R] how far an iteration of each loop moves a tile.
        visits, slots, states, trail, times: see `rules.residual_walk`.
        before: int64[4*A+1] offsets of children, with A the MACs.
        size: int64[R], pieces, others: int64[2*R, 2*R] extents of a tile, and parts of it.
        average: int64[L+1, 4] a grid of the instances that are in use on average, all along X.
    """

    nest: Ints
    begin: Ints
    extent: Ints
    passes: Floats
    used: Ints
    steps: Ints
    visits: Ints
    slots: Ints
    states: Ints
    trail: Ints
    times: Ints
    before: Ints
    size: Ints
    pieces: Ints
    others: Ints
    average: Ints


RESIDUAL_ROOM = types.NamedTuple([I2, I1, I3, F2, I1, I2, I2, I1, I2, I2, I1, I1, I1, I2, I2, I2], ResidualRoom)
"""Numba's type of ResidualRoom."""


def make_residual_room(tables: Tables, visits: int, room: Room) -> ResidualRoom:
    """Room on these tables, beside the room for mappings without residuals, for a power of two of visits of a loop."""
    levels, dims = len(tables.fanout), tables.roles.shape[1]
    ranks = tables.members.shape[1]
    loops = 2 * levels * dims
    return ResidualRoom(
        nest=np.zeros((loops, 9), np.int64),
        begin=np.zeros(2 * levels + 1, np.int64),
        extent=np.ones((4, levels + 1, dims), np.int64),
        passes=np.zeros((3, dims), np.float64),
        used=np.zeros(levels + 1, np.int64),
        steps=np.zeros((loops, ranks), np.int64),
        visits=np.zeros((visits, 11 + 2 * ranks), np.int64),
        slots=np.zeros(2 * visits, np.int64),
        states=np.zeros((visits // 4 + 2, 3 + 3 * ranks), np.int64),
        trail=np.zeros((loops + 2, 3 + ranks), np.int64),
        times=np.zeros(visits, np.int64),
        before=np.zeros(room.children.shape[1], np.int64),
        size=np.zeros(ranks, np.int64),
        pieces=np.zeros((2 * ranks, 2 * ranks), np.int64),
        others=np.zeros((2 * ranks, 2 * ranks), np.int64),
        average=np.ones((levels + 1, 4), np.int64),
    )


@kernel
def lay_out(
    tables: Any, tf: Any, to: Any, tr: Any, sf: Any, so: Any, sr: Any, split: Any, keep: Any, m: int, room: Any,
    own: Any,
) -> tuple[int, float, float]:  # fmt: skip
    """Write the nest of mapping m with its tiles; an outcome, the iterations that count, and computations."""
    levels = len(tables.fanout)
    use_array(tables.fanout, sf, so, split, m, room.grid)
    lay_nest(tf, to, tr, sf, so, sr, m, own.nest, own.begin, own.extent)
    steps, runs, macs = measure(own.nest, own.begin, own.extent, own.passes, own.used)
    if macs < 0:
        return UNSHARED_RESIDUAL, runs, macs
    room.loops[0, OUTER] = steps
    state = fits_macs(tables.hardware, room.grid, room.failure)
    if state != VALID:
        return state, runs, macs
    for p in range(levels):
        own.average[p + 1, X_ALL] = own.used[p + 1]
        for d in range(own.extent.shape[2]):
            room.tile[p + 1, d] = own.extent[FIRST, p + 1, d]
    state = fits_levels(
        tables.hardware, tables.about, tables.lone, tables.members, tables.unit, keep, m,
        room.grid, own.average, room.tile, room.size, room.failure,
    )  # fmt: skip
    return state, runs, macs


@entry(TABLES, I3, I3, I3, I3, I3, I3, I2, B3, i64, i64, I1, I1, F1, ROOM, RESIDUAL_ROOM, ROUTES)
def evaluate_residual_rows(
    tables: Any, tf: Any, to: Any, tr: Any, sf: Any, so: Any, sr: Any, split: Any, keep: Any, start: int, stop: int,
    outcome: Any, cycles: Any, energy: Any, room: Any, own: Any, routes: Any,
) -> int:  # fmt: skip
    """Cost mappings ``start`` to ``stop`` of a batch, up to the first that there is too little room for.

    Arguments are as of `rows.evaluate_rows`; ``tr`` and ``sr`` are the residuals; ``routes`` holds the networks.

    Returns:
        The mapping that there was too little room for; ``stop`` if there is none.
    """
    for m in range(start, stop):
        state, runs, macs = lay_out(tables, tf, to, tr, sf, so, sr, split, keep, m, room, own)
        for t in range(len(tables.about)):
            if state != VALID:
                break
            top = outermost(keep, m, t)
            if top < 0:
                state = KEPT_NOWHERE
                break
            state = residual_flows(
                tables.shifts, tables.about, tables.fanout, tables.limits, keep, m, t, top,
                room.grid, own.extent, own.nest, own.begin, runs, own.steps, room.spatial, room.ranks, room.children,
                own.before, own.size, own.pieces, own.others, own.visits, own.slots, own.states, own.trail, own.times,
                room.entry, room.access, room.flow, routes,
            )  # fmt: skip
            if state == VALID:
                state = residual_partitions(
                    tables.about, tables.lone, tables.members, tables.unit, t, own.extent, own.begin, room.size,
                    room.partition,
                )  # fmt: skip
            if state == VALID:
                if len(routes.entry) > 0:
                    own_words(keep, m, t, top, room.partition, routes)
                read_write = tables.about[t, READ_WRITE]
                if read_write:
                    if lacks_words(tables.limits, keep, m, t, top, own.average, room.flow, room.partition):
                        state = BELOW_ZERO
                    limit_reuse(tables.limits, t, top, room.flow, room.partition)
                write_counts(
                    keep, m, t, top, own.average, room.size, room.flow, room.partition, read_write, room.counts
                )
        outcome[m] = state
        if state == BEYOND_TABLES:
            return m
        if state == VALID:
            cycles[m], energy[m] = cost(
                tables.hardware, tables.rates, tables.about, tables.scale, keep, m, room.grid, own.average, room.counts,
                room.loops[0, OUTER], macs, room.figures,
            )  # fmt: skip
            if len(routes.networks) > 0:
                used = network_energy(tables.about, own.used, routes)
                energy[m] += used
                room.figures[len(tables.fanout), LEAKED] += used
    return stop
