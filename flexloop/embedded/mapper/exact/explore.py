"""The search itself: configurations of one assignment of spatial factors and their buffer tiles."""

from __future__ import annotations

from math import inf

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F2, I1, I2, allocating, entry, flag, i64, kernel
from flexloop.embedded.mapper.exact.bounds import FAMILIES, configure, family_cost, hopeless
from flexloop.embedded.mapper.exact.cost import ALL, W_OTHER
from flexloop.embedded.mapper.exact.grid import advance, fits, look_up
from flexloop.embedded.mapper.exact.nests import collect
from flexloop.embedded.mapper.exact.problem import (
    SLICE,
    SUBPROBLEM_TYPE,
    WORKSPACE_TYPE,
    Record,
    Subproblem,
    Workspace,
)
from flexloop.embedded.mapper.exact.words import moving, repeating, tile_words
from flexloop.embedded.mapper.space import ranked_by


@kernel
def config_bound(subproblem: Subproblem, workspace: Workspace, point: int) -> tuple[float, float]:
    """Least objective and tie-break of a configuration, inf where it cannot beat the incumbent."""
    config, scratch, machine = workspace.config, workspace.scratch, subproblem.machine
    if not look_up(machine, subproblem.table[1], point, scratch):
        return inf, inf
    scratch.words[W_OTHER, ALL] = tile_words(subproblem.lattice.bounds, machine.coef, 2)
    for d in range(8):
        scratch.first[d] = 1 if config.left[d] > 1 else 0
    for t in range(3):
        scratch.runs[t] = repeating(config.left, t)
    return _least_family(machine, config, scratch, config.least, config.left, workspace.best)


@kernel
def _least_family(
    machine: Record, config: Record, scratch: Record, least: Ints, most: Ints, best: Record
) -> tuple[float, float]:
    lowest, lowest_tie = inf, inf
    for family in range(FAMILIES):
        cycles, energy = family_cost(machine, config, scratch, family, least, most)
        if cycles != inf and not hopeless(machine.objective, cycles, energy, best.cost):
            value, tie = ranked_by(machine.objective, cycles, energy)
            if value < lowest or (value == lowest and tie < lowest_tie):
                lowest, lowest_tie = value, tie
    return lowest, lowest_tie


@kernel
def buffer_bound(subproblem: Subproblem, workspace: Workspace, point: int) -> float:
    """Least objective of a configuration with the buffer tile whose factors are in scratch.buffer and scratch.outer."""
    machine, scratch = subproblem.machine, workspace.scratch
    look_up(machine, subproblem.table[0], point, scratch)
    loops = False
    for d in range(8):
        loops = loops or scratch.buffer[d] > 1
    for t in range(3):
        scratch.runs[t] = repeating(scratch.buffer, t)
        if moving(scratch.buffer, t) == 1:
            scratch.runs[t] *= repeating(scratch.outer, t)
    for d in range(8):
        scratch.first[d] = 1 if (scratch.buffer[d] if loops else scratch.outer[d]) > 1 else 0
    factors = scratch.buffer if loops else scratch.outer
    return _least_family(machine, workspace.config, scratch, factors, factors, workspace.best)[0]


@kernel
def _buffer_tile(subproblem: Subproblem, scratch: Record, index: Ints, position: Ints) -> int:
    """Write a buffer tile's extents and factors; its point in the lattice."""
    lattice = subproblem.lattice
    point = 0
    for d in range(8):
        entry = lattice.buffer_start[d, index[d]] + position[d]
        i = subproblem.multiples[4, entry]
        point += lattice.strides[d] * i
        scratch.tile[d] = lattice.divisors[d, i]
        scratch.buffer[d] = lattice.divisors[d, subproblem.multiples[5, entry]]
        scratch.outer[d] = lattice.bounds[d] // scratch.tile[d]
    return point


@allocating
def expand(
    subproblem: Subproblem, workspace: Workspace, index: Ints, most: float, position: Ints
) -> tuple[float, bool]:
    """Look at the buffer tiles of a configuration and collect the leaves of those bounded by ``most`` or less.

    ``index`` is that of the array's tile, [8]; ``position`` [8] is where to begin, all zeros at first, and then where
    to go on.

    Returns:
        The least bound, and whether all were looked at, before the work for one call was done or the space for leaves
        used up.
    """
    lattice, scratch, best = subproblem.lattice, workspace.scratch, workspace.best
    lowest = inf
    sizes = np.empty(8, dtype=np.int64)
    for d in range(8):
        sizes[d] = lattice.buffer_start[d, index[d] + 1] - lattice.buffer_start[d, index[d]]
        if sizes[d] == 0:
            return inf, True
    scratch.words[W_OTHER, ALL] = tile_words(lattice.bounds, subproblem.machine.coef, 2)
    while True:
        point = _buffer_tile(subproblem, scratch, index, position)
        # A tile that is too large means that all larger ones are; asked only where no tile above is any good.
        over = subproblem.table[1, 0, point] == inf and not fits(subproblem.machine, scratch.tile, 1)
        if subproblem.table[0, 0, point] != inf:
            best.counts[2] += 1
            scratch.work += 8
            bound = buffer_bound(subproblem, workspace, point)
            lowest = min(lowest, bound)
            if bound != inf and bound <= most:
                best.counts[3] += 1
                if not collect(subproblem, workspace):
                    return lowest, False
        scratch.resume[:] = 0
        scratch.work += 1
        if not advance(position, sizes, over):
            return lowest, True
        if scratch.work > SLICE:
            return lowest, False


@entry(SUBPROBLEM_TYPE, WORKSPACE_TYPE, I2, i64, F2, I2, allocates=True)
def gather(
    subproblem: Subproblem, workspace: Workspace, choices: Ints, begin: int, found: Floats, factors: Ints
) -> tuple[int, int]:
    """List the configurations that may beat the incumbent, of assignments of spatial factors from ``begin`` on.

    Stops between two assignments when the work for one call is done.

    Args:
        subproblem, workspace: what is searched, and working memory with the incumbent.
        choices: [n, 8] indices of spatial factors.
        begin: the first to look at.
        found: [k, 2] filled with the bounds of the configurations, objective and tie-break.
        factors: [k, 16] filled with the indices of their spatial factors and of the array's tiles.

    Returns:
        How many were found, and the first assignment not looked at: because the space was used up where it is
        ``begin``.
    """
    lattice, scratch = subproblem.lattice, workspace.scratch
    scratch.work = 0
    index = np.empty(8, dtype=np.int64)
    count = 0
    for i in range(begin, choices.shape[0]):
        if scratch.work > SLICE:
            return count, i
        for d in range(8):
            workspace.config.x[d] = lattice.divisors[d, choices[i, d]]
        more = _gather_tiles(subproblem, workspace, choices[i], index, found[count:], factors[count:])
        if more < 0:
            return count, i
        count += more
    return count, choices.shape[0]


@allocating
def _gather_tiles(
    subproblem: Subproblem,
    workspace: Workspace,
    choice: Ints,
    index: Ints,
    found: Floats,
    factors: Ints,
) -> int:
    """List an assignment's PE tiles that may beat the incumbent: how many, -1 for want of workspace."""
    lattice, config, scratch = subproblem.lattice, workspace.config, workspace.scratch
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
            index[d] = subproblem.multiples[2, entry]
            config.tile[d] = lattice.divisors[d, subproblem.multiples[3, entry]]
            point += lattice.strides[d] * index[d]
        over = not fits(subproblem.machine, config.tile, 0)
        if not over and subproblem.table[1, 0, point] != inf:
            workspace.best.counts[1] += 1
            scratch.work += 15
            configure(subproblem.machine, lattice.bounds, config)
            bound, tie = config_bound(subproblem, workspace, point)
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


@entry(SUBPROBLEM_TYPE, WORKSPACE_TYPE, I2, I1, i64, I1, flag, allocates=True)
def settle(
    subproblem: Subproblem,
    workspace: Workspace,
    factors: Ints,
    order: Ints,
    begin: int,
    position: Ints,
    dive: bool,
) -> int:
    """Collect the leaves of the configurations ``order`` (rows of ``factors``, see `gather`) that may be the best.

    A dive takes the buffer tile of the least bound alone, for an incumbent, and proves nothing. Stops when the work
    for one call is done or the space for leaves used up, and returns the place in ``order`` where the next call has to
    begin, at the buffer tile of ``position`` [8].
    """
    lattice, config, scratch = subproblem.lattice, workspace.config, workspace.scratch
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
        configure(subproblem.machine, lattice.bounds, config)
        if config_bound(subproblem, workspace, point)[0] != inf:
            most, done = inf, True
            if dive:
                most, done = expand(subproblem, workspace, index, -1.0, position)
                position[:] = 0
            if done:
                _, done = expand(subproblem, workspace, index, most, position)
            if not done and not dive:
                return k
        position[:] = 0
        scratch.resume[:] = 0
    return len(order)
