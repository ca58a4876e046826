"""What the compiled rules work on, beside `Tables`: mappings, what comes of them, and scratch arrays, as records."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.jit import B3, F1, F2, F3, I1, I2, I3, types
from flexloop.embedded.rules.tables import INSTANCES, Tables
from flexloop.errors import UnsupportedError

ENTRIES = 2048
"""Room in a histogram of accesses."""

MAX_CHILDREN = 2**24
"""Instances in use below one instance of a level, beyond which their tiles are not listed."""


class Mappings(NamedTuple):
    """n mappings, as in `flexloop.embedded.batch.Batch`.

    Attributes:
        temporal, temporal_order: int64[n, L, D] temporal factors, and their order: dimensions, innermost first.
        temporal_residual: int64[n, L, D] iterations in the last pass over a loop's dimension.
        spatial, spatial_order, spatial_residual: the same below each level; those of a level without a fanout are not
            read.
        split: int64[n, L] how many dimensions of the spatial order lie on X.
        keep: bool[n, L, T], without levels that hand on all accesses to none outside (rule 16).
    """

    temporal: Ints
    temporal_order: Ints
    temporal_residual: Ints
    spatial: Ints
    spatial_order: Ints
    spatial_residual: Ints
    split: Ints
    keep: Bools


MAPPINGS = types.NamedTuple([I3, I3, I3, I3, I3, I3, I2, B3], Mappings)
"""Numba's type of Mappings."""


class Outcomes(NamedTuple):
    """What comes of n mappings.

    Attributes:
        outcome: int64[n] `tables.VALID`, or why a mapping is not.
        cycles: int64[n] of the valid ones.
        energy: float64[n] of the valid ones, in pJ.
    """

    outcome: Ints
    cycles: Ints
    energy: Floats


OUTCOMES = types.NamedTuple([I1, I1, F1], Outcomes)
"""Numba's type of Outcomes."""


def no_outcomes(n: int) -> Outcomes:
    """Room for those of n mappings."""
    return Outcomes(np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.float64))


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


class ResidualWorkspace(NamedTuple):
    """Scratch arrays for one mapping with residuals at a time, beside `Workspace`.

    Attributes:
        nest: int64[2*L*D, 9] loops, see `rules.residual_nest`.
        begin: int64[2*L+1] the first spatial loop of level p in 2p, its first temporal one in 2p + 1, and the number of
            loops.
        hidden: int64[L] the dimensions of whose last pass the first child of a level sees nothing, as bits.
        extent: int64[4, L+1, D], passes: float64[3, D], see `rules.residual_nest`.
        used: int64[L+1] the instances of level p-1 in use in row p: their average, cut off.
        runs: float64[1] temporal iterations that count, times the MACs below one instance of the innermost level.
        steps: int64[N, R] how far an iteration of each loop moves a tile.
        visits, states: see `rules.residual_tiles`.
        slots: int64[2*V] a hash table of visits: rows + 1; times: int64[V] how often each occurs.
        trail: int64[N+2, 3+R] the visits under way, the iteration of each, the state by then, the tile's offset.
        before: int64[4*A+1] offsets of children, with A the MACs.
        size: int64[R], pieces, others: int64[2*R, 2*R] extents of a tile, and parts of it.
        average: int64[L+1, 4] a grid of the instances that are in use on average, all along X.
    """

    nest: Ints
    begin: Ints
    hidden: Ints
    extent: Ints
    passes: Floats
    used: Ints
    runs: Floats
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
    [I2, I1, I1, I3, F2, I1, F1, I2, I2, I1, I2, I2, I1, I1, I1, I2, I2, I2], ResidualWorkspace
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
        hidden=np.zeros(levels, np.int64),
        extent=np.ones((4, levels + 1, dims), np.int64),
        passes=np.zeros((3, dims), np.float64),
        used=np.zeros(levels + 1, np.int64),
        runs=np.zeros(1, np.float64),
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
