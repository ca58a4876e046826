"""The loop nest of one mapping: array in use, loops with strides, tiles, and whether they fit (rules 1, 2 and 9)."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Bools, Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.tables import (
    CAPACITY,
    COUNT,
    COUPLED_RANKS,
    DIM,
    INSTANCES,
    LEAST,
    LEVEL_INSTANCES,
    LEVEL_X,
    LEVEL_Y,
    MAC_INSTANCES,
    MAC_X,
    MAC_Y,
    MESH_X,
    MESH_Y,
    OUTER,
    SPACED,
    STRIDE,
    TILE_TOO_LARGE,
    TILE_TOO_SMALL,
    UNITS,
    VALID,
    Tables,
)
from flexloop.embedded.rules.workspace import Mappings, Workspace

X_BELOW, Y_BELOW, X_ALL, Y_ALL = range(4)
"""Columns of a grid [L+1, 4]: children used of one instance of level p; instances used of level p-1 (row 0: MACs)."""


@kernel
def extent(members: Ints, t: int, rank: int, tile: Ints, row: int) -> int:
    """Words that one row of a table of tiles spans along a coupled rank."""
    words = 1
    for k in range(members[t, rank, 0]):
        words += members[t, rank, 2 * k + 2] * (tile[row, np.uint64(members[t, rank, 2 * k + 1])] - 1)
    return words


@kernel
def tile_size(tables: Tables, t: int, tile: Ints, row: int) -> int:
    """Words of the bounding box of one row of a table of tiles."""
    words = 1
    for i in range(tables.about[t, UNITS]):
        words *= tile[row, np.uint64(tables.unit[t, i])]
    for rank in range(tables.about[t, SPACED]):
        words *= 1 + tables.lone[t, rank, 1] * (tile[row, tables.lone[t, rank, 0]] - 1)
    for rank in range(tables.about[t, COUPLED_RANKS]):
        words *= extent(tables.members, t, rank, tile, row)
    return words


@kernel
def use_array(tables: Tables, mappings: Mappings, m: int, grid: Ints) -> None:
    """Fill the grid of mapping m."""
    fanout, factors, order = tables.fanout, mappings.spatial, mappings.spatial_order
    levels, dims = factors.shape[1:]
    grid[levels, X_ALL] = 1
    grid[levels, Y_ALL] = 1
    for p in range(levels - 1, -1, -1):
        x, y = 1, 1
        if fanout[p, 0] * fanout[p, 1] > 1:
            for i in range(dims):
                if i < mappings.split[m, p]:
                    x *= factors[m, p, order[m, p, i]]
                else:
                    y *= factors[m, p, order[m, p, i]]
        grid[p, X_BELOW] = x
        grid[p, Y_BELOW] = y
        grid[p, X_ALL] = grid[p + 1, X_ALL] * x
        grid[p, Y_ALL] = grid[p + 1, Y_ALL] * y


@kernel
def close_nest(present: Ints, end: int, work: Workspace) -> None:
    """Write what the first ``end`` loops have outside them, given the row after them."""
    loops, mover = work.loops, work.mover
    outer = loops[end, OUTER]
    for j in range(end - 1, -1, -1):
        d = np.uint64(loops[j, DIM])
        outer *= loops[j, COUNT]
        loops[j, OUTER] = outer
        for t in range(len(present)):
            mover[j, t] = j if present[t, d] else mover[j + 1, t]


@kernel
def build_nest(tables: Tables, mappings: Mappings, m: int, work: Workspace) -> None:
    """Write tiles and loops of mapping m, whose grid is known; of loops those above 1 iteration alone.

    Every loop is written and kept only if it iterates: that costs less than asking which do.
    """
    grid, tile, loops, spatial = work.grid, work.tile, work.loops, work.spatial
    levels, dims = mappings.temporal.shape[1:]
    count = 0
    for p in range(levels):
        for i in range(dims):
            tile[p + 1, i] = tile[p, i]
        k = 0
        if grid[p, X_BELOW] * grid[p, Y_BELOW] > 1:
            for i in range(dims):
                d = np.uint64(mappings.spatial_order[m, p, i])
                factor = mappings.spatial[m, p, d]
                spatial[p, k, DIM] = mappings.spatial_order[m, p, i]
                spatial[p, k, COUNT] = factor
                spatial[p, k, STRIDE] = tile[p + 1, d]
                tile[p + 1, d] *= factor
                k += factor > 1
        work.spatials[p] = k
        work.begin[p] = count
        for i in range(dims):
            d = np.uint64(mappings.temporal_order[m, p, i])
            factor = mappings.temporal[m, p, d]
            loops[count, DIM] = mappings.temporal_order[m, p, i]
            loops[count, COUNT] = factor
            loops[count, STRIDE] = tile[p + 1, d]
            tile[p + 1, d] *= factor
            count += factor > 1
    work.begin[levels] = count
    loops[count, OUTER] = 1
    for t in range(len(tables.present)):
        work.mover[count, t] = count
    close_nest(tables.present, count, work)


@kernel
def has_same_tiles(mappings: Mappings, m: int) -> bool:
    """Whether mapping m differs from the one before in nothing but the orders of its temporal loops."""
    factors, spatial, order = mappings.temporal, mappings.spatial, mappings.spatial_order
    for p in range(factors.shape[1]):
        difference = mappings.split[m, p] ^ mappings.split[m - 1, p]
        for d in range(factors.shape[2]):
            difference |= factors[m, p, d] ^ factors[m - 1, p, d]
            difference |= spatial[m, p, d] ^ spatial[m - 1, p, d]
            difference |= order[m, p, d] ^ order[m - 1, p, d]
        same = difference == 0
        for t in range(mappings.keep.shape[2]):
            same = same and mappings.keep[m, p, t] == mappings.keep[m - 1, p, t]
        if not same:
            return False
    return True


@kernel
def reorder_nest(tables: Tables, mappings: Mappings, m: int, work: Workspace) -> None:
    """Write the loops of mapping m, which has the tiles of the one before, at the levels where their order differs."""
    order, loops = mappings.temporal_order, work.loops
    levels, dims = order.shape[1:]
    end = 0
    for p in range(levels):
        same = True
        for i in range(dims):
            same = same and order[m, p, i] == order[m - 1, p, i]
        if same:
            continue
        j = work.begin[p]
        for i in range(dims):
            d = order[m, p, i]
            factor = mappings.temporal[m, p, d]
            if factor > 1:
                loops[j, DIM] = d
                loops[j, COUNT] = factor
                loops[j, STRIDE] = work.tile[p + 1, d] // factor
                j += 1
        end = j
    close_nest(tables.present, end, work)


@kernel
def fits_mesh(hardware: Ints, p: int, row: int, average: Ints, work: Workspace) -> int:
    """Whether the instances in use at one row of the grid fit the hardware of level p (the MACs: p = L).

    ``average`` is a grid of those that are in use on average; without residuals, of loops, it is the same.

    Returns 0, or 1, 2, 3 if too many instances in all, along X or along Y; then `failure` tells how many.
    """
    failure = work.failure
    x, y, used = work.grid[row, X_ALL], work.grid[row, Y_ALL], average[row, X_ALL] * average[row, Y_ALL]
    if used > hardware[p, INSTANCES]:
        failure[1], failure[2] = used, hardware[p, INSTANCES]
        return 1
    if x > hardware[p, MESH_X]:
        failure[1], failure[2] = x, hardware[p, MESH_X]
        return 2
    if y > hardware[p, MESH_Y]:
        failure[1], failure[2] = y, hardware[p, MESH_Y]
        return 3
    return 0


@kernel
def fits_macs(hardware: Ints, work: Workspace) -> int:
    """Whether the MACs are enough: an outcome, and in `failure` the level (-1), what is asked and what there is."""
    over = fits_mesh(hardware, len(hardware) - 1, 0, work.grid, work)
    work.failure[0] = -1
    return VALID if over == 0 else MAC_INSTANCES if over == 1 else MAC_X if over == 2 else MAC_Y


@kernel
def fits_levels(tables: Tables, held: Bools, average: Ints, work: Workspace) -> int:
    """Write the size of every tile; an outcome, and in `failure` where the first failure is.

    What fits and what is said first of what does not: rules 9d and 21. Where tiles do not fit a level, `failure` also
    tells whether its instances are too few, see `fits_mesh`.

    Args:
        tables: architecture and problem.
        held: bool[L, T] which levels keep which data space.
        average: a grid of the instances in use on average.
        work: the tiles; receives sizes and `failure`.
    """
    hardware, tile, size, failure = tables.hardware, work.tile, work.size, work.failure
    top = len(hardware) - 2
    known = True  # the outermost tile is mostly the one of the mapping before
    for d in range(tile.shape[1]):
        known = known and tile[top + 2, d] == tile[top + 1, d]
    for p in range(top + 1):
        words = 0
        if p == top:
            for d in range(tile.shape[1]):
                tile[top + 2, d] = tile[top + 1, d]
        for t in range(len(tables.about)):
            if p < top or not known:
                size[t, p + 1] = tile_size(tables, t, tile, p + 1)
            if held[p, t]:
                words += size[t, p + 1]
        failure[0] = p
        over = fits_mesh(hardware, p, p + 1, average, work)
        large = hardware[p, CAPACITY] >= 0 and words > hardware[p, CAPACITY]
        if large or words < hardware[p, LEAST]:
            failure[3], failure[4], failure[5] = over, failure[1], failure[2]
            failure[1], failure[2] = words, hardware[p, CAPACITY]
            return TILE_TOO_LARGE if large else TILE_TOO_SMALL
        if over > 0:
            return LEVEL_INSTANCES if over == 1 else LEVEL_X if over == 2 else LEVEL_Y
    return VALID
