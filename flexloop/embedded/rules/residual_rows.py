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
from flexloop.embedded.rules.rows import WORKSPACE, Workspace, outermost
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


class ResidualWorkspace(NamedTuple):
    """Scratch arrays for one mapping with residuals at a time, beside `Workspace`.

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


RESIDUAL_WORKSPACE = types.NamedTuple(
    [I2, I1, I3, F2, I1, I2, I2, I1, I2, I2, I1, I1, I1, I2, I2, I2], ResidualWorkspace
)
"""Numba's type of ResidualWorkspace."""


def make_residual_workspace(tables: Tables, visits: int, workspace: Workspace) -> ResidualWorkspace:
    """A workspace for these tables that holds a power of two of visits of a loop, beside that without residuals."""
    levels, dims = len(tables.fanout), tables.roles.shape[1]
    ranks = tables.members.shape[1]
    loops = 2 * levels * dims
    return ResidualWorkspace(
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
        before=np.zeros(workspace.children.shape[1], np.int64),
        size=np.zeros(ranks, np.int64),
        pieces=np.zeros((2 * ranks, 2 * ranks), np.int64),
        others=np.zeros((2 * ranks, 2 * ranks), np.int64),
        average=np.ones((levels + 1, 4), np.int64),
    )


@kernel
def lay_out(
    tables: Any, tf: Any, to: Any, tr: Any, sf: Any, so: Any, sr: Any, split: Any, keep: Any, m: int, workspace: Any,
    own: Any,
) -> tuple[int, float, float]:  # fmt: skip
    """Write the nest of mapping m with its tiles; an outcome, the iterations that count, and computations."""
    levels = len(tables.fanout)
    use_array(tables.fanout, sf, so, split, m, workspace.grid)
    lay_nest(tf, to, tr, sf, so, sr, m, own.nest, own.begin, own.extent)
    steps, runs, macs = measure(own.nest, own.begin, own.extent, own.passes, own.used)
    if macs < 0:
        return UNSHARED_RESIDUAL, runs, macs
    workspace.loops[0, OUTER] = steps
    state = fits_macs(tables.hardware, workspace.grid, workspace.failure)
    if state != VALID:
        return state, runs, macs
    for p in range(levels):
        own.average[p + 1, X_ALL] = own.used[p + 1]
        for d in range(own.extent.shape[2]):
            workspace.tile[p + 1, d] = own.extent[FIRST, p + 1, d]
    state = fits_levels(
        tables.hardware, tables.about, tables.lone, tables.members, tables.unit, keep, m,
        workspace.grid, own.average, workspace.tile, workspace.size, workspace.failure,
    )  # fmt: skip
    return state, runs, macs


@entry(TABLES, I3, I3, I3, I3, I3, I3, I2, B3, i64, i64, I1, I1, F1, WORKSPACE, RESIDUAL_WORKSPACE, ROUTES)
def evaluate_residual_rows(
    tables: Any, tf: Any, to: Any, tr: Any, sf: Any, so: Any, sr: Any, split: Any, keep: Any, start: int, stop: int,
    outcome: Any, cycles: Any, energy: Any, workspace: Any, own: Any, routes: Any,
) -> int:  # fmt: skip
    """Cost mappings ``start`` to ``stop`` of a batch, up to the first that the workspace is too small for.

    Arguments are as of `rows.evaluate_rows`; ``tr`` and ``sr`` are the residuals; ``routes`` holds the networks.

    Returns:
        The mapping that the workspace was too small for; ``stop`` if there is none.
    """
    for m in range(start, stop):
        state, runs, macs = lay_out(tables, tf, to, tr, sf, so, sr, split, keep, m, workspace, own)
        for t in range(len(tables.about)):
            if state != VALID:
                break
            top = outermost(keep, m, t)
            if top < 0:
                state = KEPT_NOWHERE
                break
            state = residual_flows(
                tables.shifts, tables.about, tables.fanout, tables.limits, keep, m, t, top,
                workspace.grid, own.extent, own.nest, own.begin, runs, own.steps, workspace.spatial, workspace.ranks,
                workspace.children,
                own.before, own.size, own.pieces, own.others, own.visits, own.slots, own.states, own.trail, own.times,
                workspace.entry, workspace.access, workspace.flow, routes,
            )  # fmt: skip
            if state == VALID:
                state = residual_partitions(
                    tables.about, tables.lone, tables.members, tables.unit, t, own.extent, own.begin, workspace.size,
                    workspace.partition,
                )  # fmt: skip
            if state == VALID:
                if len(routes.entry) > 0:
                    own_words(keep, m, t, top, workspace.partition, routes)
                read_write = tables.about[t, READ_WRITE]
                if read_write:
                    if lacks_words(tables.limits, keep, m, t, top, own.average, workspace.flow, workspace.partition):
                        state = BELOW_ZERO
                    limit_reuse(tables.limits, t, top, workspace.flow, workspace.partition)
                write_counts(
                    keep,
                    m,
                    t,
                    top,
                    own.average,
                    workspace.size,
                    workspace.flow,
                    workspace.partition,
                    read_write,
                    workspace.counts,
                )
        outcome[m] = state
        if state == BEYOND_TABLES:
            return m
        if state == VALID:
            cycles[m], energy[m] = cost(
                tables.hardware, tables.rates, tables.about, tables.scale, keep, m, workspace.grid,
                own.average, workspace.counts,
                workspace.loops[0, OUTER], macs, workspace.figures,
            )  # fmt: skip
            if len(routes.networks) > 0:
                used = network_energy(tables.about, own.used, routes)
                energy[m] += used
                workspace.figures[len(tables.fanout), LEAKED] += used
    return stop
