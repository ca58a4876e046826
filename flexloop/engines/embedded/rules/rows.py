"""Cost the mappings of a batch, one after the other; the one place where all rules come together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flexloop.engines.embedded.jit import entry, kernel
from flexloop.engines.embedded.rules.cost import cost
from flexloop.engines.embedded.rules.counts import flows, partitions, write_counts
from flexloop.engines.embedded.rules.multicast import ENTRIES
from flexloop.engines.embedded.rules.nest import build_nest, fits_levels, fits_macs, use_array
from flexloop.engines.embedded.rules.tables import (
    B3,
    BYPASSED_EVERYWHERE,
    F1,
    F2,
    F3,
    I1,
    I2,
    I3,
    OUTER,
    READ_WRITE,
    TABLES,
    VALID,
    Floats,
    Ints,
    Tables,
    i64,
    types,
)


class Room(NamedTuple):
    """Room for one mapping at a time; each thread needs its own.

    Attributes:
        grid: int64[L+1, 4], see `rules.nest`.
        tile: int64[L+1, D] extents of the tile of level p in row p+1; row 0 is a MAC's, all ones.
        size: int64[T, L+1] words of these tiles.
        loops: int64[L*D+1, 4] temporal loops.
        begin: int64[L+1] the first of each level.
        spatial: int64[L, D, 4] spatial loops below each level.
        spatials: int64[L] how many there are.
        pair: int64[R, 2], reach: int64[R], moved: int64[R], around: int64[1, D] passing values.
        entry: int64[ENTRIES+1, 2], access: float64[ENTRIES+1] a histogram of accesses.
        flow: float64[3, L+1], see `rules.counts`.
        partition: int64[L] words that each instance of a level calls its own.
        counts: float64[L, T, 5] accesses of each data space at each level that keeps it, of one instance.
        figures: float64[L+1, 5] cycles, energy and instances of each level and of the whole.
        failure: int64[3] where an invalid mapping fails first: the level (-1: the MACs), what is asked, what there is.
    """

    grid: Ints
    tile: Ints
    size: Ints
    loops: Ints
    begin: Ints
    spatial: Ints
    spatials: Ints
    pair: Ints
    reach: Ints
    moved: Ints
    around: Ints
    entry: Ints
    access: Floats
    flow: Floats
    partition: Ints
    counts: Floats
    figures: Floats
    failure: Ints


ROOM = types.NamedTuple([I2, I2, I2, I2, I1, I3, I1, I2, I1, I1, I2, I2, F1, F2, I1, F3, F2, I1], Room)
"""Numba's type of Room."""


def make_room(tables: Tables) -> Room:
    """Room for mappings on these tables."""
    levels, spaces, dims = len(tables.fanout), len(tables.about), tables.roles.shape[1]
    ranks = tables.members.shape[1]
    return Room(
        grid=np.ones((levels + 1, 4), np.int64),
        tile=np.ones((levels + 1, dims), np.int64),
        size=np.ones((spaces, levels + 1), np.int64),
        loops=np.ones((levels * dims + 1, 4), np.int64),
        begin=np.zeros(levels + 1, np.int64),
        spatial=np.zeros((levels, dims, 4), np.int64),
        spatials=np.zeros(levels, np.int64),
        pair=np.zeros((ranks, 2), np.int64),
        reach=np.zeros(ranks, np.int64),
        moved=np.zeros(ranks, np.int64),
        around=np.ones((1, dims), np.int64),
        entry=np.zeros((ENTRIES + 1, 2), np.int64),
        access=np.zeros(ENTRIES + 1, np.float64),
        flow=np.zeros((3, levels + 1), np.float64),
        partition=np.zeros(levels, np.int64),
        counts=np.zeros((levels, spaces, 5), np.float64),
        figures=np.zeros((levels + 1, 5), np.float64),
        failure=np.zeros(3, np.int64),
    )


@kernel
def outermost(keep: Any, m: int, t: int) -> int:
    """The outermost level that keeps data space t in mapping m; -1 if none does."""
    for p in range(keep.shape[1] - 1, -1, -1):
        if keep[m, p, t]:
            return p
    return -1


@entry(TABLES, I3, I3, I3, I3, I2, B3, i64, i64, I1, I1, F1, ROOM)
def evaluate_rows(
    tables: Any, tf: Any, to: Any, sf: Any, so: Any, split: Any, keep: Any, start: int, stop: int,
    outcome: Any, cycles: Any, energy: Any, room: Any,
) -> None:  # fmt: skip
    """Cost mappings ``start`` to ``stop`` of a batch of n.

    Args:
        tables: architecture and problem.
        tf, to: int64[n, L, D] temporal factors, and their order: dimensions, innermost first.
        sf, so: int64[n, L, D] spatial factors below each level, and their order; those of a level without a fanout
            are not read.
        split: int64[n, L] how many dimensions of the spatial order lie on X.
        keep: bool[n, L, T].
        start, stop: which mappings.
        outcome: int64[n] receives VALID or why a mapping is not.
        cycles, energy: int64[n], float64[n] receive its costs (pJ), where valid.
        room: to work in; afterwards it holds the details of the last mapping.
    """
    spaces = len(tables.about)
    grid, tile, size, loops, begin = room.grid, room.tile, room.size, room.loops, room.begin
    spatial, spatials, pair, reach, moved = room.spatial, room.spatials, room.pair, room.reach, room.moved
    entry, access, flow, partition = room.entry, room.access, room.flow, room.partition
    counts, figures, failure = room.counts, room.figures, room.failure
    for m in range(start, stop):
        use_array(tables.fanout, sf, so, split, m, grid)
        state = VALID
        for t in range(spaces):
            if outermost(keep, m, t) < 0:
                state = BYPASSED_EVERYWHERE
        if state == VALID:
            state = fits_macs(tables.hardware, grid, failure)
        if state == VALID:
            build_nest(tf, to, sf, so, m, grid, tile, loops, begin, spatial, spatials)
            state = fits_levels(
                tables.hardware, tables.roles, tables.about, tables.lone, tables.members, keep, m,
                grid, tile, size, failure,
            )  # fmt: skip
        for t in range(spaces):
            if state != VALID:
                break
            top = outermost(keep, m, t)
            state = flows(
                tables.fanout, tables.roles, tables.about, tables.lone, tables.members, keep, m, t, top,
                grid, tile, size, loops, begin, spatial, spatials, pair, reach, moved, entry, access, flow,
            )  # fmt: skip
            read_write = tables.about[t, READ_WRITE]
            if state == VALID and read_write > 0:
                state = partitions(
                    tables.roles, tables.about, tables.lone, tables.members, t,
                    tile, size, spatial, spatials, room.around, partition,
                )  # fmt: skip
            write_counts(keep, m, t, top, grid, size, flow, partition, read_write, counts)
        outcome[m] = state
        if state == VALID:
            cycles[m], energy[m] = cost(
                tables.hardware, tables.rates, tables.scale, keep, m, grid, counts, loops[0, OUTER], figures
            )
