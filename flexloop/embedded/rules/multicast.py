"""Which tiles below one parent are equal, and the histogram of what reading each once costs (rule 4)."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.tables import ABSENT, COEF, COUNT, COUPLED, COUPLED_RANKS, DIM, KIND, RANK, STRIDE, Tables
from flexloop.embedded.rules.workspace import ENTRIES, Workspace

EVEN, UNEVEN, IRREGULAR = range(3)
"""Groups of equal tiles: all of one size; of several in closed form; known only from a list of all tiles."""


@kernel
def shift_of(step: int, step2: int) -> tuple[int, int]:
    """The least (i, j) for which i*step = j*step2."""
    a, b = step, step2
    while b > 0:
        a, b = b, a % b
    return step2 // a, step // a


@kernel
def pairs_apart(n: int, shift: int, n2: int, shift2: int, times: int) -> int:
    """Pairs (i, j), i < n, j < n2, to which the shift between equal sums applies ``times`` times (see `shift_of`)."""
    return max(0, n - times * shift) * max(0, n2 - times * shift2)


@kernel
def loops_of(tables: Tables, t: int, p: int, rank: int, work: Workspace) -> tuple[int, int, int, int]:
    """Iterations and displacement of the two loops along a coupled rank."""
    first, second = work.spatial[p, work.pair[rank, 0]], work.spatial[p, work.pair[rank, 1]]
    return (
        first[COUNT],
        first[STRIDE] * tables.roles[t, first[DIM], COEF],
        second[COUNT],
        second[STRIDE] * tables.roles[t, second[DIM], COEF],
    )


@kernel
def distinct_tiles(tables: Tables, t: int, p: int, work: Workspace) -> tuple[int, int, bool]:
    """How many different tiles of data space t the children of one instance of level p have.

    Args:
        tables: architecture and problem.
        t, p: which.
        work: the spatial loops; receives for each coupled rank in `reach` the largest offset between two tiles and in
            `pair` its one or two loops (-1 where there is none).

    Returns:
        The number of different tiles (0 if irregular); EVEN, UNEVEN or IRREGULAR; whether the tiles differ at all.
    """
    spatial, reach, pair = work.spatial, work.reach, work.pair
    ranks = tables.about[t, COUPLED_RANKS]
    for r in range(ranks):
        reach[r] = 0
        pair[r, 0] = -1
        pair[r, 1] = -1
    groups, shape, moves = 1, EVEN, False
    for i in range(work.spatials[p]):
        d = np.uint64(spatial[p, i, DIM])
        kind = tables.roles[t, d, KIND]
        if kind == ABSENT:
            continue
        moves = True
        groups *= spatial[p, i, COUNT]
        if kind == COUPLED:
            r = tables.roles[t, d, RANK]
            reach[r] += tables.roles[t, d, COEF] * spatial[p, i, STRIDE] * (spatial[p, i, COUNT] - 1)
            if pair[r, 1] >= 0:
                return 0, IRREGULAR, True
            pair[r, 0 if pair[r, 0] < 0 else 1] = i
    for r in range(ranks):
        if pair[r, 1] >= 0:
            n, step, n2, step2 = loops_of(tables, t, p, r, work)
            shift, shift2 = shift_of(step, step2)
            double = pairs_apart(n, shift, n2, shift2, 1)
            if double > 0:
                shape = UNEVEN
                groups = groups // (n * n2) * (n * n2 - double)
    return groups, shape, moves


@kernel
def add_entry(entry: Ints, access: Floats, used: int, multicast: int, scatter: int, amount: float) -> int:
    """Add an amount to a histogram sorted by (multicast, scatter); return the entries now used, ENTRIES + 1 if full."""
    i = 0
    while i < used and (entry[i, 0] < multicast or (entry[i, 0] == multicast and entry[i, 1] < scatter)):
        i += 1
    if i < used and entry[i, 0] == multicast and entry[i, 1] == scatter:
        access[i] += amount
        return used
    if used >= ENTRIES:
        return ENTRIES + 1
    for k in range(used, i, -1):
        entry[k, 0], entry[k, 1], access[k] = entry[k - 1, 0], entry[k - 1, 1], access[k - 1]
    entry[i, 0], entry[i, 1], access[i] = multicast, scatter, amount
    return used + 1


@kernel
def _add_size(sizes: Ints, used: int, children: int, groups: int) -> int:
    """Add groups of so many children to a table of group sizes; return the rows now used."""
    i = 0
    while i < used and sizes[i, 0] < children:
        i += 1
    if i < used and sizes[i, 0] == children:
        sizes[i, 1] += groups
        return used
    for k in range(used, i, -1):
        sizes[k, 0], sizes[k, 1] = sizes[k - 1, 0], sizes[k - 1, 1]
    sizes[i, 0], sizes[i, 1] = children, groups
    return used + 1


@kernel
def _unequal_pairs(n: int, shift: int, n2: int, shift2: int, sizes: Ints, used: int) -> int:
    """Split groups, counted as if all sums of a pair of loops differed, by how many of the sums are equal."""
    # What is split stands at the end of the table meanwhile.
    last = len(sizes) - 1
    for k in range(used):
        sizes[last - k, 0], sizes[last - k, 1] = sizes[k, 0], sizes[k, 1] // (n * n2)
    count = used
    used = 0
    equal = 1
    longer = n * n2
    while longer > 0:
        # Chains of equal sums: those with just this many, out of the pairs that start this many or more.
        here, longer = longer, pairs_apart(n, shift, n2, shift2, equal)
        chains = here - 2 * longer + pairs_apart(n, shift, n2, shift2, equal + 1)
        if chains > 0:
            for k in range(count):
                used = _add_size(sizes, used, sizes[last - k, 0] * equal, sizes[last - k, 1] * chains)
        equal += 1
    return used


@noinline
def group_sizes(tables: Tables, t: int, p: int, work: Workspace) -> int:
    """Write the groups of equal tiles that are not irregular into `entry`: (children of a group, number of groups).

    They are ascending; how many rows there are is returned. `distinct_tiles` has been asked before.
    """
    sizes = work.entry
    sizes[0, 0], sizes[0, 1] = 1, 1
    for i in range(work.spatials[p]):
        absent = tables.roles[t, work.spatial[p, i, DIM], KIND] == ABSENT
        sizes[0, 0 if absent else 1] *= work.spatial[p, i, COUNT]
    used = 1
    for r in range(tables.about[t, COUPLED_RANKS]):
        if work.pair[r, 1] < 0:
            continue
        n, step, n2, step2 = loops_of(tables, t, p, r, work)
        shift, shift2 = shift_of(step, step2)
        if pairs_apart(n, shift, n2, shift2, 1) > 0:
            used = _unequal_pairs(n, shift, n2, shift2, sizes, used)
    return used
