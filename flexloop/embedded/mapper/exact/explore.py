"""The search itself: configurations of one assignment of spatial factors and their buffer tiles."""

from __future__ import annotations

from math import inf

import numpy as np

from flexloop.embedded.jit import allocating, entry, kernel
from flexloop.embedded.mapper.exact.bounds import FAMILIES, configure, family_cost, hopeless, rank_of, tie_of
from flexloop.embedded.mapper.exact.cost import ALL, W_OTHER
from flexloop.embedded.mapper.exact.grid import advance, fits
from flexloop.embedded.mapper.exact.nests import collect
from flexloop.embedded.mapper.exact.problem import (
    GROUND_TYPE,
    ROOM_TYPE,
    SLICE,
    Ground,
    Record,
    Room,
)
from flexloop.embedded.mapper.exact.types import (
    BOOLEAN,
    F64,
    F_MATRIX,
    I64,
    INTEGER,
    MATRIX,
    VECTOR,
    FloatArray,
    IntArray,
)
from flexloop.embedded.mapper.exact.words import IRRELEVANT, tile_words


@kernel
def config_bound(ground: Ground, room: Room, point: I64) -> tuple[F64, F64]:
    """Least objective and tie-break of a configuration, inf where it cannot beat the incumbent."""
    config, scratch, machine = room.config, room.scratch, ground.machine
    for row in range(4):
        scratch.extra[row] = ground.table[1, row, point]
    if scratch.extra[0] == inf:
        return inf, inf
    if not machine.one_buffer:
        scratch.extra[1] = 0.0
    scratch.words[W_OTHER, ALL] = tile_words(ground.lattice.bounds, machine.coef, 2)
    for d in range(8):
        scratch.first[d] = 1 if config.left[d] > 1 else 0
    scratch.runs[0] = config.left[0] * config.left[6] * config.left[7]
    scratch.runs[1] = config.left[3]
    scratch.runs[2] = config.left[2] * config.left[4] * config.left[5]
    return _least_family(machine, config, scratch, config.least, config.left, room.best)


@kernel
def _least_family(
    machine: Record, config: Record, scratch: Record, least: IntArray, most: IntArray, best: Record
) -> tuple[F64, F64]:
    lowest, lowest_tie = inf, inf
    for family in range(FAMILIES):
        cycles, energy = family_cost(machine, config, scratch, family, least, most)
        if cycles != inf and not hopeless(machine.objective, cycles, energy, best.cost):
            value, tie = rank_of(machine.objective, cycles, energy), tie_of(machine.objective, cycles, energy)
            if value < lowest or (value == lowest and tie < lowest_tie):
                lowest, lowest_tie = value, tie
    return lowest, lowest_tie


@kernel
def buffer_bound(ground: Ground, room: Room, point: I64) -> F64:
    """Least objective of a configuration with the buffer tile whose factors are in scratch.buffer and scratch.outer."""
    machine, scratch = ground.machine, room.scratch
    for row in range(4):
        scratch.extra[row] = ground.table[0, row, point]
    if not machine.one_buffer:
        scratch.extra[1] = 0.0
    loops = False
    for d in range(8):
        loops = loops or scratch.buffer[d] > 1
    for t in range(3):
        run, beyond = 1.0, 1.0
        inside = True
        for d in range(8):
            if IRRELEVANT[t, d]:
                run *= scratch.buffer[d]
                beyond *= scratch.outer[d]
            elif scratch.buffer[d] > 1:
                inside = False
        scratch.runs[t] = run * beyond if inside else run
    for d in range(8):
        scratch.first[d] = 1 if (scratch.buffer[d] if loops else scratch.outer[d]) > 1 else 0
    factors = scratch.buffer if loops else scratch.outer
    return _least_family(machine, room.config, scratch, factors, factors, room.best)[0]


@kernel
def _buffer_tile(ground: Ground, scratch: Record, index: IntArray, position: IntArray) -> I64:
    """Write a buffer tile's extents and factors; its point in the lattice."""
    lattice = ground.lattice
    point = 0
    for d in range(8):
        entry = lattice.buffer_start[d, index[d]] + position[d]
        i = ground.multiples[4, entry]
        point += lattice.strides[d] * i
        scratch.tile[d] = lattice.divisors[d, i]
        scratch.buffer[d] = lattice.divisors[d, ground.multiples[5, entry]]
        scratch.outer[d] = lattice.bounds[d] // scratch.tile[d]
    return point


@allocating
def expand(ground: Ground, room: Room, index: IntArray, most: F64, position: IntArray) -> tuple[F64, bool]:
    """Look at the buffer tiles of a configuration and collect the leaves of those bounded by ``most`` or less.

    ``index`` is that of the array's tile, [8]; ``position`` [8] is where to begin, all zeros at first, and then where
    to go on.

    Returns:
        The least bound, and whether all were looked at, before the work for one call was done or the room for leaves
        used up.
    """
    lattice, scratch, best = ground.lattice, room.scratch, room.best
    lowest = inf
    sizes = np.empty(8, dtype=np.int64)
    for d in range(8):
        sizes[d] = lattice.buffer_start[d, index[d] + 1] - lattice.buffer_start[d, index[d]]
        if sizes[d] == 0:
            return inf, True
    scratch.words[W_OTHER, ALL] = tile_words(lattice.bounds, ground.machine.coef, 2)
    while True:
        point = _buffer_tile(ground, scratch, index, position)
        # A tile that is too large means that all larger ones are; asked only where no tile above is any good.
        over = ground.table[1, 0, point] == inf and not fits(ground.machine, scratch.tile, 1)
        if ground.table[0, 0, point] != inf:
            best.counts[2] += 1
            scratch.work += 8
            bound = buffer_bound(ground, room, point)
            lowest = min(lowest, bound)
            if bound != inf and bound <= most:
                best.counts[3] += 1
                if not collect(ground, room):
                    return lowest, False
        scratch.resume[:] = 0
        scratch.work += 1
        if not advance(position, sizes, over):
            return lowest, True
        if scratch.work > SLICE:
            return lowest, False


@entry(GROUND_TYPE, ROOM_TYPE, MATRIX, INTEGER, F_MATRIX, MATRIX, allocates=True)
def gather(
    ground: Ground, room: Room, choices: IntArray, begin: I64, found: FloatArray, factors: IntArray
) -> tuple[I64, I64]:
    """List the configurations that may beat the incumbent, of assignments of spatial factors from ``begin`` on.

    Stops between two assignments when the work for one call is done.

    Args:
        ground, room: what is searched, and working memory with the incumbent.
        choices: [n, 8] indices of spatial factors.
        begin: the first to look at.
        found: [k, 2] filled with the bounds of the configurations, objective and tie-break.
        factors: [k, 16] filled with the indices of their spatial factors and of the array's tiles.

    Returns:
        How many were found, and the first assignment not looked at: because the room was used up where it is
        ``begin``.
    """
    lattice, scratch = ground.lattice, room.scratch
    scratch.work = 0
    index = np.empty(8, dtype=np.int64)
    count = 0
    for i in range(begin, choices.shape[0]):
        if scratch.work > SLICE:
            return count, i
        for d in range(8):
            room.config.x[d] = lattice.divisors[d, choices[i, d]]
        more = _gather_tiles(ground, room, choices[i], index, found[count:], factors[count:])
        if more < 0:
            return count, i
        count += more
    return count, choices.shape[0]


@allocating
def _gather_tiles(
    ground: Ground, room: Room, choice: IntArray, index: IntArray, found: FloatArray, factors: IntArray
) -> I64:
    """List an assignment's PE tiles that may beat the incumbent: how many, -1 for want of room."""
    lattice, config, scratch = ground.lattice, room.config, room.scratch
    sizes = np.empty(8, dtype=np.int64)
    position = np.zeros(8, dtype=np.int64)
    count = 0
    more = True
    for d in range(8):
        sizes[d] = lattice.pe_start[d, choice[d] + 1] - lattice.pe_start[d, choice[d]]
        more = more and sizes[d] > 0
    while more:
        point = 0
        for d in range(8):
            entry = lattice.pe_start[d, choice[d]] + position[d]
            index[d] = ground.multiples[2, entry]
            config.tile[d] = lattice.divisors[d, ground.multiples[3, entry]]
            point += lattice.strides[d] * index[d]
        over = not fits(ground.machine, config.tile, 0)
        if not over and ground.table[1, 0, point] != inf:
            room.best.counts[1] += 1
            scratch.work += 15
            configure(ground.machine, lattice.bounds, config)
            bound, tie = config_bound(ground, room, point)
            if bound != inf:
                if count == len(found):
                    return -1
                found[count, 0], found[count, 1] = bound, tie
                for d in range(8):
                    factors[count, d], factors[count, 8 + d] = choice[d], index[d]
                count += 1
        scratch.work += 1
        more = advance(position, sizes, over)
    return count


@entry(GROUND_TYPE, ROOM_TYPE, MATRIX, VECTOR, INTEGER, VECTOR, BOOLEAN, allocates=True)
def settle(
    ground: Ground, room: Room, factors: IntArray, order: IntArray, begin: I64, position: IntArray, dive: bool
) -> I64:
    """Collect the leaves of the configurations ``order`` (rows of ``factors``, see `gather`) that may be the best.

    A dive takes the buffer tile of the least bound alone, for an incumbent, and proves nothing. Stops when the work
    for one call is done or the room for leaves used up, and returns the place in ``order`` where the next call has to
    begin, at the buffer tile of ``position`` [8].
    """
    lattice, config, scratch = ground.lattice, room.config, room.scratch
    scratch.work = 0
    index = np.empty(8, dtype=np.int64)
    for k in range(begin, len(order)):
        if scratch.work > SLICE:
            return k
        i = order[k]
        point = 0
        scratch.work += 15
        for d in range(8):
            index[d] = factors[i, 8 + d]
            config.x[d] = lattice.divisors[d, factors[i, d]]
            config.tile[d] = lattice.divisors[d, index[d]] // config.x[d]
            point += lattice.strides[d] * index[d]
        configure(ground.machine, lattice.bounds, config)
        scratch.served = -1
        if config_bound(ground, room, point)[0] != inf:
            most, done = inf, True
            if dive:
                most, done = expand(ground, room, index, -1.0, position)
                position[:] = 0
            if done:
                _, done = expand(ground, room, index, most, position)
            if not done and not dive:
                return k
        position[:] = 0
        scratch.resume[:] = 0
    return len(order)
