"""Cost the mappings of a batch, one after the other; the one place where all rules come together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flexloop.embedded.jit import entry, kernel
from flexloop.embedded.rules.cost import cost
from flexloop.embedded.rules.counts import counting_flows, lacks_words, limit_reuse, partitions, write_counts
from flexloop.embedded.rules.multicast import ENTRIES
from flexloop.embedded.rules.nest import (
    X_ALL,
    Y_ALL,
    build_nest,
    fits_levels,
    fits_macs,
    has_same_tiles,
    reorder_nest,
    use_array,
)
from flexloop.embedded.rules.tables import (
    B3,
    BELOW_ZERO,
    COUPLED_RANKS,
    F1,
    F2,
    F3,
    I1,
    I2,
    I3,
    INSTANCES,
    KEPT_NOWHERE,
    OUTER,
    READ_WRITE,
    SPACED,
    TABLES,
    VALID,
    Floats,
    Ints,
    Tables,
    i64,
    types,
)
from flexloop.errors import UnsupportedError


class Workspace(NamedTuple):
    """Scratch arrays for one mapping at a time, and its details afterwards; each thread needs its own.

    Attributes:
        grid: int64[L+1, 4], see `rules.nest`.
        tile: int64[L+2, D] extents of the tile of level p in row p+1; row 0 is a MAC's, all ones; the last row is the
            outermost tile that the sizes are of.
        size: int64[T, L+1] words of these tiles.
        loops: int64[L*D+1, 4] temporal loops.
        begin: int64[L+1] the first of each level.
        mover: int64[L*D+1, T] the first loop outside that moves a data space, see `rules.nest`.
        spatial: int64[L, D, 4] spatial loops below each level.
        spatials: int64[L] how many there are.
        pair: int64[R, 2], around: int64[1, D] passing values.
        reach: int64[R], moved: int64[R] passing values.
        ranks: int64[4, R], children: int64[5, 4*A+1] with A children of an instance, see `rules.links`.
        moves: int64[2*L*D+2], weight: float64[2*L*D+2] displacements of the steps that neighbours may serve, and words.
        entry: int64[ENTRIES+1, 2], access: float64[ENTRIES+1] a histogram of accesses.
        flow: float64[3, L+1], see `rules.counts`.
        partition: int64[L] words that each instance of a level calls its own.
        counts: float64[L, T, 5] accesses of each data space at each level that keeps it, of one instance.
        figures: float64[L+1, 6] cycles, energy and instances of each level and of the whole.
        failure: int64[6] where an invalid mapping fails first: the level (-1: the MACs), what is asked, what there is,
            and where it is tiles that do not fit, the same of its instances, see `rules.nest`.
    """

    grid: Ints
    tile: Ints
    size: Ints
    loops: Ints
    begin: Ints
    mover: Ints
    spatial: Ints
    spatials: Ints
    pair: Ints
    around: Ints
    reach: Ints
    moved: Ints
    ranks: Ints
    moves: Ints
    weight: Floats
    children: Ints
    entry: Ints
    access: Floats
    flow: Floats
    partition: Ints
    counts: Floats
    figures: Floats
    failure: Ints


WORKSPACE = types.NamedTuple(
    [I2, I2, I2, I2, I1, I2, I3, I1, I2, I2, I1, I1, I2, I1, F1, I2, I2, F1, F2, I1, F3, F2, I1], Workspace
)
"""Numba's type of Workspace."""


MAX_CHILDREN = 2**24
"""Instances in use below one instance of a level, beyond which their tiles are not listed."""


def make_workspace(tables: Tables, spatial: Ints) -> Workspace:
    """A workspace for mappings on these tables.

    Args:
        tables: architecture and problem.
        spatial: int64[n, L, D] their spatial factors.

    Raises:
        UnsupportedError: if one instance of a level has more than `MAX_CHILDREN` below it in use.
    """
    levels, spaces, dims = len(tables.fanout), len(tables.about), tables.roles.shape[1]
    ranks = tables.members.shape[1]
    used = spatial[:, tables.fanout.prod(axis=1) > 1].prod(axis=2, dtype=np.float64)
    most = int(min(used.max(initial=1.0), tables.hardware[-1, INSTANCES]))
    if most > MAX_CHILDREN:
        raise UnsupportedError(f"{most:,} instances in use below one instance; at most {MAX_CHILDREN:,} are modelled")
    return Workspace(
        grid=np.ones((levels + 1, 4), np.int64),
        tile=np.ones((levels + 2, dims), np.int64),
        size=np.ones((spaces, levels + 1), np.int64),
        loops=np.ones((levels * dims + 1, 4), np.int64),
        begin=np.zeros(levels + 1, np.int64),
        mover=np.zeros((levels * dims + 1, spaces), np.int64),
        spatial=np.zeros((levels, dims, 4), np.int64),
        spatials=np.zeros(levels, np.int64),
        pair=np.zeros((ranks, 2), np.int64),
        around=np.ones((1, dims), np.int64),
        reach=np.zeros(ranks, np.int64),
        moved=np.zeros(ranks, np.int64),
        ranks=np.zeros((4, ranks), np.int64),
        moves=np.zeros(2 * levels * dims + 2, np.int64),
        weight=np.zeros(2 * levels * dims + 2, np.float64),
        children=np.zeros((5, 4 * most + 1), np.int64),
        entry=np.zeros((ENTRIES + 1, 2), np.int64),
        access=np.zeros(ENTRIES + 1, np.float64),
        flow=np.zeros((3, levels + 1), np.float64),
        partition=np.zeros(levels, np.int64),
        counts=np.zeros((levels, spaces, 5), np.float64),
        figures=np.zeros((levels + 1, 6), np.float64),
        failure=np.zeros(6, np.int64),
    )


@kernel
def outermost(keep: Any, m: int, t: int) -> int:
    """The outermost level that keeps data space t in mapping m; -1 if none does."""
    for p in range(keep.shape[1] - 1, -1, -1):
        if keep[m, p, t]:
            return p
    return -1


def _rows(limited: bool) -> Any:
    flows = counting_flows(limited)

    @entry(TABLES, I3, I3, I3, I3, I2, B3, i64, i64, I1, I1, F1, WORKSPACE)
    def evaluate_rows(
        tables: Any, tf: Any, to: Any, sf: Any, so: Any, split: Any, keep: Any, start: int, stop: int,
        outcome: Any, cycles: Any, energy: Any, workspace: Any,
    ) -> None:  # fmt: skip
        """Cost mappings ``start`` to ``stop`` of a batch of n.

        Args:
            tables: architecture and problem.
            tf, to: int64[n, L, D] temporal factors, and their order: dimensions, innermost first.
            sf, so: int64[n, L, D] spatial factors below each level, and their order; those of a level without a fanout
                are not read.
            split: int64[n, L] how many dimensions of the spatial order lie on X.
            keep: bool[n, L, T], without levels that hand on all accesses to none outside (rule 16).
            start, stop: which mappings.
            outcome: int64[n] receives VALID or why a mapping is not.
            cycles, energy: int64[n], float64[n] receive its costs (pJ), where valid.
            workspace: afterwards it holds the details of the last mapping.
        """
        spaces = len(tables.about)
        grid, tile, size, loops, begin, mover = (
            workspace.grid,
            workspace.tile,
            workspace.size,
            workspace.loops,
            workspace.begin,
            workspace.mover,
        )
        spatial, spatials, flow, partition = workspace.spatial, workspace.spatials, workspace.flow, workspace.partition
        reach, moved = workspace.reach, workspace.moved
        ranks, moves, weight, children = workspace.ranks, workspace.moves, workspace.weight, workspace.children
        entry, access = workspace.entry, workspace.access
        counts, figures, failure = workspace.counts, workspace.figures, workspace.failure
        tiled = VALID
        for m in range(start, stop):
            if m > start and has_same_tiles(tf, sf, so, split, keep, m):
                if tiled == VALID:
                    reorder_nest(tables.present, tf, to, m, tile, loops, begin, mover)
            else:
                use_array(tables.fanout, sf, so, split, m, grid)
                tiled = fits_macs(tables.hardware, grid, failure)
                if tiled == VALID:
                    build_nest(tables.present, tf, to, sf, so, m, grid, tile, loops, begin, mover, spatial, spatials)
                    tiled = fits_levels(
                        tables.hardware, tables.about, tables.lone, tables.members, tables.unit, keep, m,
                        grid, grid, tile, size, failure,
                    )  # fmt: skip
            state = tiled
            for t in range(spaces):
                if state != VALID:
                    break
                top = outermost(keep, m, t)
                if top < 0:
                    state = KEPT_NOWHERE
                    break
                state = flows(
                    tables.fanout, tables.roles, tables.shifts, tables.about, tables.members, tables.present,
                    tables.limits, keep, m, t, top,
                    grid, tile, size, loops, begin, mover, spatial, spatials, workspace.pair,
                    reach, moved, ranks, moves, weight, children, entry, access, flow,
                )  # fmt: skip
                read_write = tables.about[t, READ_WRITE]
                if state == VALID and read_write > 0:
                    state = partitions(
                        tables.about, tables.lone, tables.members, tables.unit, tables.present, t,
                        tile, size, spatial, spatials, workspace.around, partition,
                    )  # fmt: skip
                    if tables.about[t, COUPLED_RANKS] + tables.about[t, SPACED] > 0 and lacks_words(
                        tables.limits, keep, m, t, top, grid, flow, partition
                    ):
                        state = BELOW_ZERO
                    if limited:
                        limit_reuse(tables.limits, t, top, flow, partition)
                write_counts(keep, m, t, top, grid, size, flow, partition, read_write, counts)
            outcome[m] = state
            if state == VALID:
                steps = loops[0, OUTER]
                cycles[m], energy[m] = cost(
                    tables.hardware, tables.rates, tables.about, tables.scale, keep, m, grid, grid, counts, steps,
                    float(steps) * (grid[0, X_ALL] * grid[0, Y_ALL]), figures,
                )  # fmt: skip

    return evaluate_rows


evaluate_rows, evaluate_limited_rows = _rows(False), _rows(True)
"""The second is for mappings whose levels have bits in `Tables.limits`."""
