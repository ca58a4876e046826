"""The loop nest of a mapping with residuals: tiles, instances in use and computations (rules R1 to R4).

A loop of n iterations with residual r has n in every pass over its dimension but the last one, which has r: the pass in
which all loops outside it, over the same dimension, are at their last iterations.
"""

from __future__ import annotations

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.tables import COUNT, DIM, STRIDE
from flexloop.embedded.rules.workspace import Mappings, ResidualWorkspace

RESIDUAL, LEVEL, ACROSS, INNER, RAGGED, SEEN = range(3, 9)
"""Columns of a nest beside dimension, iterations and stride: iterations in the last pass; level; whether the loop is
spatial; the next temporal loop inside (-1: none); the dimensions, as bits, over which a loop inside has a residual, and
those among them of whose last pass the next temporal loop inside sees anything."""

EVERY, LAST, FIRST, AROUND = range(4)
"""Tables of extents [4, L+1, D]: of the tile of level p-1 in row p (row 0: a MAC's) in any pass but the last; in the
last one; in the first step, where it is largest; and of all children of one instance of level p, then, in row p."""

OUTSIDE, BEFORE_LAST, IN_LAST = range(3)
"""Rows of a table of passes [3, D] over each dimension outside a loop: iterations of all loops; of temporal ones that
Timeloop runs, in passes but the last one; and in that."""


@kernel
def join_nest(nest: Ints, count: int) -> None:
    """Write for each loop what lies inside it, see `INNER`."""
    inner, ragged, hidden = -1, 0, 0
    for j in range(count):
        nest[j, INNER] = inner
        nest[j, RAGGED] = ragged
        nest[j, SEEN] = ragged & ~hidden
        here = 1 << nest[j, DIM]
        if nest[j, RESIDUAL] != nest[j, COUNT]:
            ragged |= here
        if nest[j, ACROSS] == 0:
            inner, hidden = j, 0
        elif nest[j, RESIDUAL] > 1:
            hidden |= here


@kernel
def lay_nest(mappings: Mappings, m: int, own: ResidualWorkspace) -> None:
    """Write the loops of mapping m (innermost first, those of 1 iteration left out), and tiles.

    Of the tiles (see `EVERY`) the first two kinds are written.
    """
    nest, every, last = own.nest, own.extent[EVERY], own.extent[LAST]
    levels, dims = mappings.temporal.shape[1:]
    count = 0
    for d in range(dims):
        every[0, d], last[0, d] = 1, 1
    for p in range(levels):
        own.hidden[p] = 0
        for d in range(dims):
            every[p + 1, d], last[p + 1, d] = every[p, d], last[p, d]
        for temporal in range(2):
            own.begin[2 * p + temporal] = count
            for i in range(dims):
                d = mappings.temporal_order[m, p, i] if temporal else mappings.spatial_order[m, p, i]
                factor = mappings.temporal[m, p, d] if temporal else mappings.spatial[m, p, d]
                residual = mappings.temporal_residual[m, p, d] if temporal else mappings.spatial_residual[m, p, d]
                if factor == 1:
                    continue
                nest[count, DIM] = d
                nest[count, COUNT] = factor
                nest[count, STRIDE] = every[p + 1, d]
                nest[count, RESIDUAL] = residual
                nest[count, LEVEL] = p
                nest[count, ACROSS] = 1 - temporal
                if temporal == 0 and residual > 1:
                    own.hidden[p] |= 1 << d
                last[p + 1, d] += every[p + 1, d] * (residual - 1)
                every[p + 1, d] *= factor
                count += 1
    own.begin[2 * levels] = count
    join_nest(nest, count)


@kernel
def has_outside(own: ResidualWorkspace, j: int) -> bool:
    """Whether a loop over the dimension of loop j stands outside it.

    Where a level has no temporal loops Timeloop puts one of 1 iteration over the last dimension.
    """
    nest, begin, levels = own.nest, own.begin, len(own.hidden)
    for k in range(j + 1, begin[2 * levels]):
        if nest[k, DIM] == nest[j, DIM]:
            return True
    for p in range(nest[j, LEVEL], levels):
        if nest[j, DIM] == own.extent.shape[2] - 1 and begin[2 * p + 1] == begin[2 * p + 2]:
            return True
    return False


@kernel
def measure(own: ResidualWorkspace) -> tuple[int, float, float]:
    """Write the first tiles, those of all children and the instances in use, from the outermost loop inwards.

    Returns:
        Temporal iterations in full passes; those that Timeloop counts, times the MACs below one instance of the
        innermost level; computations of all MACs, or -1 where a spatial loop has a residual and no loop over its
        dimension outside, which Timeloop gives up at.
    """
    nest, begin, extent, passes = own.nest, own.begin, own.extent, own.passes
    levels, dims = len(own.hidden), passes.shape[1]
    utilized, steps = 1.0, 1
    for d in range(dims):
        passes[OUTSIDE, d] = 1.0
        passes[BEFORE_LAST, d] = 0.0
        passes[IN_LAST, d] = 1.0
    for p in range(levels - 1, -1, -1):
        own.used[p + 1] = int(utilized)
        for d in range(dims):
            extent[FIRST, p + 1, d] = extent[EVERY if passes[BEFORE_LAST, d] > 0 else LAST, p + 1, d]
        for j in range(begin[2 * p + 2] - 1, begin[2 * p + 1] - 1, -1):
            d, n, residual = nest[j, DIM], nest[j, COUNT], nest[j, RESIDUAL]
            steps *= n
            passes[OUTSIDE, d] = residual + n * (passes[OUTSIDE, d] - 1)
            passes[BEFORE_LAST, d] = passes[BEFORE_LAST, d] * n + passes[IN_LAST, d] * (residual - 1)
        for d in range(dims):
            extent[AROUND, p, d] = extent[EVERY if passes[BEFORE_LAST, d] > 0 else LAST, p, d]
        for j in range(begin[2 * p + 1] - 1, begin[2 * p] - 1, -1):
            d, n, residual = nest[j, DIM], nest[j, COUNT], nest[j, RESIDUAL]
            extent[AROUND, p, d] += nest[j, STRIDE] * ((n if passes[BEFORE_LAST, d] > 0 else residual) - 1)
            if residual != n and not has_outside(own, j):
                return 0, 0.0, -1.0
            if p == 0:
                continue
            if residual == n:
                utilized *= n
            else:
                utilized = utilized * (residual + n * (passes[OUTSIDE, d] - 1)) / passes[OUTSIDE, d]
            passes[OUTSIDE, d] = residual + n * (passes[OUTSIDE, d] - 1)
            if residual > 1:  # Timeloop runs the first child for all of them
                passes[BEFORE_LAST, d] += passes[IN_LAST, d]
                passes[IN_LAST, d] = 0.0
    runs, macs = computations(nest[begin[0] : begin[1]], passes, utilized)
    return steps, runs, macs


@kernel
def computations(spatial: Ints, passes: Floats, utilized: float) -> tuple[float, float]:
    """Computations below one instance of the innermost level, and those of all MACs.

    The latter are those of the average MAC that ever works, as often as MACs are in use; both are cut off.

    Args:
        spatial: the spatial loops of the innermost level.
        passes: over each dimension outside these.
        utilized: instances of the innermost level in use, on average.
    """
    runs, working, children = 1.0, 1.0, 1.0
    for d in range(passes.shape[1]):
        before, last = passes[BEFORE_LAST, d], passes[IN_LAST, d]
        here = before + last
        for j in range(len(spatial)):
            if spatial[j, DIM] == d:
                n, residual = spatial[j, COUNT], spatial[j, RESIDUAL]
                here = before * n + last * residual
                working *= n if before > 0 else residual
                children *= n
        runs *= here
    return runs, float(int(runs / working * int(utilized * children)))
