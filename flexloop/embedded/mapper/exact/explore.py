"""The search itself: configurations of one assignment of spatial factors and their buffer tiles."""

from __future__ import annotations

from math import inf

import numpy as np

from flexloop.embedded.jit import allocating, entry, kernel
from flexloop.embedded.mapper.exact.bounds import FAMILIES, configure, family_cost, hopeless, rank_of
from flexloop.embedded.mapper.exact.cost import ALL, W_OTHER
from flexloop.embedded.mapper.exact.grid import advance, fits
from flexloop.embedded.mapper.exact.nests import orders
from flexloop.embedded.mapper.exact.problem import (
    BEST_TYPE,
    CONFIG_TYPE,
    LATTICE_TYPE,
    MACHINE_TYPE,
    SCRATCH_TYPE,
    SLICE,
    Record,
)
from flexloop.embedded.mapper.exact.types import (
    BOOLEAN,
    F64,
    F_CUBE,
    F_VECTOR,
    I64,
    INTEGER,
    MATRIX,
    VECTOR,
    FloatArray,
    IntArray,
)
from flexloop.embedded.mapper.exact.words import IRRELEVANT, tile_words


@kernel
def config_bound(m: Record, g: Record, table: FloatArray, c: Record, point: I64, s: Record, best: Record) -> F64:
    """Least objective of a configuration, inf where it cannot beat the incumbent; leaves nothing else."""
    for row in range(4):
        s.extra[row] = table[1, row, point]
    if s.extra[0] == inf:
        return inf
    if not m.one_buffer:
        s.extra[1] = 0.0
    s.words[W_OTHER, ALL] = tile_words(g.bounds, m.coef, 2)
    for d in range(8):
        s.first[d] = 1 if c.left[d] > 1 else 0
    s.runs[0] = c.left[0] * c.left[6] * c.left[7]
    s.runs[1] = c.left[3]
    s.runs[2] = c.left[2] * c.left[4] * c.left[5]
    return _least_family(m, c, s, c.least, c.left, best)


@kernel
def _least_family(m: Record, c: Record, s: Record, least: IntArray, most: IntArray, best: Record) -> F64:
    lowest = inf
    for family in range(FAMILIES):
        cycles, energy = family_cost(m, c, family, s.first, least, most, s.runs, s.extra, s.words)
        if cycles != inf and not hopeless(m.objective, cycles, energy, best.cost):
            lowest = min(lowest, rank_of(m.objective, cycles, energy))
    return lowest


@kernel
def buffer_bound(m: Record, table: FloatArray, c: Record, point: I64, s: Record, best: Record) -> F64:
    """Least objective of a configuration with the buffer tile whose factors are in s.buffer and s.outer."""
    for row in range(4):
        s.extra[row] = table[0, row, point]
    if not m.one_buffer:
        s.extra[1] = 0.0
    loops = False
    for d in range(8):
        loops = loops or s.buffer[d] > 1
    for t in range(3):
        run, beyond = 1.0, 1.0
        inside = True
        for d in range(8):
            if IRRELEVANT[t, d]:
                run *= s.buffer[d]
                beyond *= s.outer[d]
            elif s.buffer[d] > 1:
                inside = False
        s.runs[t] = run * beyond if inside else run
    for d in range(8):
        s.first[d] = 1 if (s.buffer[d] if loops else s.outer[d]) > 1 else 0
    factors = s.buffer if loops else s.outer
    return _least_family(m, c, s, factors, factors, best)


@allocating
def expand(
    m: Record,
    rows: IntArray,
    g: Record,
    multiples: IntArray,
    table: FloatArray,
    c: Record,
    index: IntArray,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    most: F64,
    position: IntArray,
    best: Record,
) -> tuple[F64, bool]:
    """Look at the buffer tiles of a configuration and cost those bounded by ``most`` or less.

    ``index`` is that of the array's tile, [8]; ``position`` [8] is where to begin, all zeros at first, and then where
    to go on.

    Returns:
        The least bound, and whether all were looked at, before the work for one call was done.
    """
    lowest = inf
    sizes = np.empty(8, dtype=np.int64)
    for d in range(8):
        sizes[d] = g.buffer_start[d, index[d] + 1] - g.buffer_start[d, index[d]]
        if sizes[d] == 0:
            return inf, True
    s.words[W_OTHER, ALL] = tile_words(g.bounds, m.coef, 2)
    while True:
        point = 0
        for d in range(8):
            entry = g.buffer_start[d, index[d]] + position[d]
            i = multiples[4, entry]
            point += g.strides[d] * i
            s.tile[d] = g.divisors[d, i]
            s.buffer[d] = g.divisors[d, multiples[5, entry]]
            s.outer[d] = g.bounds[d] // s.tile[d]
        # A tile that is too large means that all larger ones are; asked only where no tile above is any good.
        over = table[1, 0, point] == inf and not fits(m, s.tile, 1)
        if table[0, 0, point] != inf:
            best.counts[2] += 1
            s.work += 8
            bound = buffer_bound(m, table, c, point, s, best)
            lowest = min(lowest, bound)
            if bound != inf and bound <= most:
                best.counts[3] += 1
                if not orders(m, rows, c, s, pes, placed, best):
                    best.open = min(best.open, bound)
        s.work += 1
        if not advance(position, sizes, over):
            return lowest, True
        if s.work > SLICE:
            return lowest, False


@entry(
    MACHINE_TYPE,
    LATTICE_TYPE,
    MATRIX,
    F_CUBE,
    MATRIX,
    INTEGER,
    CONFIG_TYPE,
    SCRATCH_TYPE,
    BEST_TYPE,
    F_VECTOR,
    MATRIX,
    allocates=True,
)
def gather(
    m: Record,
    g: Record,
    multiples: IntArray,
    table: FloatArray,
    choices: IntArray,
    begin: I64,
    c: Record,
    s: Record,
    best: Record,
    found: FloatArray,
    factors: IntArray,
) -> tuple[I64, I64]:
    """Collect the configurations that may beat the incumbent, of assignments of spatial factors from ``begin`` on.

    Stops between two assignments when the work for one call is done.

    Args:
        m, g, multiples, table: machine, lattice, and its arrays.
        choices: [n, 8] indices of spatial factors.
        begin: the first to look at.
        c, s, best: working memory, and the incumbent.
        found: [k] filled with the bounds of the configurations.
        factors: [k, 16] filled with the indices of their spatial factors and of the array's tiles.

    Returns:
        How many were found, and the first assignment not looked at: because the room was used up where it is
        ``begin``.
    """
    s.work = 0
    sizes = np.empty(8, dtype=np.int64)
    start = np.empty(8, dtype=np.int64)
    position = np.zeros(8, dtype=np.int64)
    index = np.empty(8, dtype=np.int64)
    count = 0
    for i in range(begin, choices.shape[0]):
        if s.work > SLICE:
            return count, i
        before = count
        more = True
        for d in range(8):
            start[d] = g.pe_start[d, choices[i, d]]
            sizes[d] = g.pe_start[d, choices[i, d] + 1] - start[d]
            position[d] = 0
            c.x[d] = g.divisors[d, choices[i, d]]
            more = more and sizes[d] > 0
        while more:
            point = 0
            for d in range(8):
                entry = start[d] + position[d]
                index[d] = multiples[2, entry]
                c.tile[d] = g.divisors[d, multiples[3, entry]]
                point += g.strides[d] * index[d]
            over = not fits(m, c.tile, 0)
            if not over and table[1, 0, point] != inf:
                best.counts[1] += 1
                s.work += 15
                configure(m, g.bounds, c)
                bound = config_bound(m, g, table, c, point, s, best)
                if bound != inf:
                    if count == len(found):
                        return before, i
                    found[count] = bound
                    for d in range(8):
                        factors[count, d] = choices[i, d]
                        factors[count, 8 + d] = index[d]
                    count += 1
            s.work += 1
            more = advance(position, sizes, over)
    return count, choices.shape[0]


@entry(
    MACHINE_TYPE,
    MATRIX,
    LATTICE_TYPE,
    MATRIX,
    F_CUBE,
    MATRIX,
    VECTOR,
    INTEGER,
    VECTOR,
    CONFIG_TYPE,
    SCRATCH_TYPE,
    MATRIX,
    MATRIX,
    BOOLEAN,
    BEST_TYPE,
    allocates=True,
)
def settle(
    m: Record,
    rows: IntArray,
    g: Record,
    multiples: IntArray,
    table: FloatArray,
    factors: IntArray,
    order: IntArray,
    begin: I64,
    position: IntArray,
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    dive: bool,
    best: Record,
) -> I64:
    """Search the configurations ``order`` (rows of ``factors``, see `gather`), leaving out those now without hope.

    A dive costs the buffer tile of the least bound alone, for an incumbent, and proves nothing. Stops when the work
    for one call is done, and returns the place in ``order`` where the next call has to begin, at the buffer tile of
    ``position`` [8].
    """
    s.work = 0
    index = np.empty(8, dtype=np.int64)
    for k in range(begin, len(order)):
        if s.work > SLICE:
            return k
        i = order[k]
        point = 0
        s.work += 15
        for d in range(8):
            index[d] = factors[i, 8 + d]
            c.x[d] = g.divisors[d, factors[i, d]]
            c.tile[d] = g.divisors[d, index[d]] // c.x[d]
            point += g.strides[d] * index[d]
        configure(m, g.bounds, c)
        if config_bound(m, g, table, c, point, s, best) != inf:
            most, done = inf, True
            if dive:
                most, done = expand(m, rows, g, multiples, table, c, index, s, pes, placed, -1.0, position, best)
                position[:] = 0
            if done:
                _, done = expand(m, rows, g, multiples, table, c, index, s, pes, placed, most, position, best)
            if not done and not dive:
                return k
        position[:] = 0
    return len(order)
