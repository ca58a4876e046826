"""The loop nest of one mapping: array in use, loops with strides, tiles, and whether they fit (rules 1, 2 and 9)."""

from __future__ import annotations

from typing import Any

import numpy as np

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
)

X_BELOW, Y_BELOW, X_ALL, Y_ALL = range(4)
"""Columns of a grid [L+1, 4]: children used of one instance of level p; instances used of level p-1 (row 0: MACs)."""


@kernel
def extent(members: Any, t: int, rank: int, tile: Any, row: int) -> int:
    """Words that one row of a table of tiles spans along a coupled rank."""
    words = 1
    for k in range(members[t, rank, 0]):
        words += members[t, rank, 2 * k + 2] * (tile[row, np.uint64(members[t, rank, 2 * k + 1])] - 1)
    return words


@kernel
def tile_size(about: Any, lone: Any, members: Any, unit: Any, t: int, tile: Any, row: int) -> int:
    """Words of the bounding box of one row of a table of tiles."""
    words = 1
    for i in range(about[t, UNITS]):
        words *= tile[row, np.uint64(unit[t, i])]
    for rank in range(about[t, SPACED]):
        words *= 1 + lone[t, rank, 1] * (tile[row, lone[t, rank, 0]] - 1)
    for rank in range(about[t, COUPLED_RANKS]):
        words *= extent(members, t, rank, tile, row)
    return words


@kernel
def use_array(fanout: Any, sf: Any, so: Any, split: Any, m: int, grid: Any) -> None:
    """Fill the grid of mapping m."""
    levels, dims = sf.shape[1:]
    grid[levels, X_ALL] = 1
    grid[levels, Y_ALL] = 1
    for p in range(levels - 1, -1, -1):
        x, y = 1, 1
        if fanout[p, 0] * fanout[p, 1] > 1:
            for i in range(dims):
                if i < split[m, p]:
                    x *= sf[m, p, so[m, p, i]]
                else:
                    y *= sf[m, p, so[m, p, i]]
        grid[p, X_BELOW] = x
        grid[p, Y_BELOW] = y
        grid[p, X_ALL] = grid[p + 1, X_ALL] * x
        grid[p, Y_ALL] = grid[p + 1, Y_ALL] * y


@kernel
def close_nest(present: Any, loops: Any, end: int, mover: Any) -> None:
    """Write what the first ``end`` loops have outside them, given the row after them.

    Args:
        present: of `Tables`.
        loops: [L*D+1, 4] receives for each loop the iterations of it and of all outside.
        end: how many.
        mover: [L*D+1, T] receives for each loop and data space the first loop, it or one outside, that moves its tiles.
    """
    outer = loops[end, OUTER]
    for j in range(end - 1, -1, -1):
        d = np.uint64(loops[j, DIM])
        outer *= loops[j, COUNT]
        loops[j, OUTER] = outer
        for t in range(len(present)):
            mover[j, t] = j if present[t, d] else mover[j + 1, t]


@kernel
def build_nest(
    present: Any, tf: Any, to: Any, sf: Any, so: Any, m: int,
    grid: Any, tile: Any, loops: Any, begin: Any, mover: Any, spatial: Any, spatials: Any,
) -> int:  # fmt: skip
    """Write tiles and loops of mapping m, those above 1 iteration alone; return the number of temporal loops.

    Every loop is written and kept only if it iterates: that costs less than asking which do.

    Args:
        present: of `Tables`.
        tf, to, sf, so: temporal factors and orders, spatial factors and orders of a batch.
        m: which mapping.
        grid: of this mapping.
        tile: [L+2, D] extents of the tile of level p in row p+1; row 0 holds ones.
        loops: [L*D+1, 4] temporal loops, innermost first.
        begin: [L+1] the first temporal loop of each level, and the number of loops.
        mover: [L*D+1, T], see `close_nest`.
        spatial: [L, D, 4] the spatial loops below each level, innermost first.
        spatials: [L] how many there are.
    """
    levels, dims = tf.shape[1:]
    count = 0
    for p in range(levels):
        for i in range(dims):
            tile[p + 1, i] = tile[p, i]
        k = 0
        if grid[p, X_BELOW] * grid[p, Y_BELOW] > 1:
            for i in range(dims):
                d = np.uint64(so[m, p, i])
                factor = sf[m, p, d]
                spatial[p, k, DIM] = so[m, p, i]
                spatial[p, k, COUNT] = factor
                spatial[p, k, STRIDE] = tile[p + 1, d]
                tile[p + 1, d] *= factor
                k += factor > 1
        spatials[p] = k
        begin[p] = count
        for i in range(dims):
            d = np.uint64(to[m, p, i])
            factor = tf[m, p, d]
            loops[count, DIM] = to[m, p, i]
            loops[count, COUNT] = factor
            loops[count, STRIDE] = tile[p + 1, d]
            tile[p + 1, d] *= factor
            count += factor > 1
    begin[levels] = count
    loops[count, OUTER] = 1
    for t in range(len(present)):
        mover[count, t] = count
    close_nest(present, loops, count, mover)
    return count


@kernel
def has_same_tiles(tf: Any, sf: Any, so: Any, split: Any, keep: Any, m: int) -> bool:
    """Whether mapping m differs from the one before in nothing but the orders of its temporal loops."""
    for p in range(tf.shape[1]):
        difference = split[m, p] ^ split[m - 1, p]
        for d in range(tf.shape[2]):
            difference |= tf[m, p, d] ^ tf[m - 1, p, d]
            difference |= sf[m, p, d] ^ sf[m - 1, p, d]
            difference |= so[m, p, d] ^ so[m - 1, p, d]
        same = difference == 0
        for t in range(keep.shape[2]):
            same = same and keep[m, p, t] == keep[m - 1, p, t]
        if not same:
            return False
    return True


@kernel
def reorder_nest(present: Any, tf: Any, to: Any, m: int, tile: Any, loops: Any, begin: Any, mover: Any) -> None:
    """Write the loops of mapping m, which has the tiles of the one before, at the levels where their order differs."""
    levels, dims = tf.shape[1:]
    end = 0
    for p in range(levels):
        same = True
        for i in range(dims):
            same = same and to[m, p, i] == to[m - 1, p, i]
        if same:
            continue
        j = begin[p]
        for i in range(dims):
            d = to[m, p, i]
            factor = tf[m, p, d]
            if factor > 1:
                loops[j, DIM] = d
                loops[j, COUNT] = factor
                loops[j, STRIDE] = tile[p + 1, d] // factor
                j += 1
        end = j
    close_nest(present, loops, end, mover)


@kernel
def fits_mesh(hardware: Any, p: int, row: int, grid: Any, average: Any, failure: Any) -> int:
    """Whether the instances in use at one row of the grid fit the hardware of level p (the MACs: p = L).

    ``average`` is a grid of those that are in use on average; without residuals, of loops, it is the same.

    Returns 0, or 1, 2, 3 if too many instances in all, along X or along Y; then `failure` tells how many.
    """
    x, y, used = grid[row, X_ALL], grid[row, Y_ALL], average[row, X_ALL] * average[row, Y_ALL]
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
def fits_macs(hardware: Any, grid: Any, failure: Any) -> int:
    """Whether the MACs are enough: an outcome, and in `failure` the level (-1), what is asked and what there is."""
    over = fits_mesh(hardware, len(hardware) - 1, 0, grid, grid, failure)
    failure[0] = -1
    return VALID if over == 0 else MAC_INSTANCES if over == 1 else MAC_X if over == 2 else MAC_Y


@kernel
def fits_levels(
    hardware: Any, about: Any, lone: Any, members: Any, unit: Any, keep: Any, m: int,
    grid: Any, average: Any, tile: Any, size: Any, failure: Any,
) -> int:  # fmt: skip
    """Write the size of every tile of mapping m; an outcome, and in `failure` where the first failure is.

    Sizes are [T, L+1]; what fits and what is said first of what does not: rules 9d and 21.

    Where tiles do not fit a level, `failure` also tells whether its instances are too few, see `fits_mesh`.
    """
    top = len(hardware) - 2
    known = True  # the outermost tile is mostly the one of the mapping before
    for d in range(tile.shape[1]):
        known = known and tile[top + 2, d] == tile[top + 1, d]
    for p in range(top + 1):
        held = 0
        if p == top:
            for d in range(tile.shape[1]):
                tile[top + 2, d] = tile[top + 1, d]
        for t in range(len(about)):
            if p < top or not known:
                size[t, p + 1] = tile_size(about, lone, members, unit, t, tile, p + 1)
            if keep[m, p, t]:
                held += size[t, p + 1]
        failure[0] = p
        large = hardware[p, CAPACITY] >= 0 and held > hardware[p, CAPACITY]
        if large or held < hardware[p, LEAST]:
            over = fits_mesh(hardware, p, p + 1, grid, average, failure)
            failure[3], failure[4], failure[5] = over, failure[1], failure[2]
            failure[1], failure[2] = held, hardware[p, CAPACITY]
            return TILE_TOO_LARGE if large else TILE_TOO_SMALL
        over = fits_mesh(hardware, p, p + 1, grid, average, failure)
        if over > 0:
            return LEVEL_INSTANCES if over == 1 else LEVEL_X if over == 2 else LEVEL_Y
    return VALID
