"""Words that neighbours hand to each other instead of asking their parent (rules 5 and 6b): the part without a formula.

The children of one instance are listed, each with the offset of its tile as a single number: ranks are digits, wide
enough for differences of either sign.
"""

from __future__ import annotations

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.multicast import add_entry
from flexloop.embedded.rules.nest import X_BELOW, Y_BELOW
from flexloop.embedded.rules.tables import (
    COEF,
    COUNT,
    COUPLED_RANKS,
    DIM,
    LONE_RANKS,
    NO_MULTICAST,
    NO_REUSE,
    OUTER,
    RANK,
    STRIDE,
    Tables,
)
from flexloop.embedded.rules.workspace import Workspace

REACH, MOVED, DIGIT, START = range(4)
"""Rows of a table of ranks [4, R]: largest offset between two children, displacement by the loops so far, weight of the
rank's digit, displacement of the first step."""

KEY, GROUP, SKIP, SLOT_KEY, SLOT_SIZE = range(5)
"""Rows of a table of children [5, 4*A] of at most A children: offset of each, number of groups of so many children,
whether a child is left out, and a hash table from offsets to the number of children that have them."""


@kernel
def digits(tables: Tables, t: int, p: int, work: Workspace) -> int:
    """Write for each rank the largest offset between two children, and the weight of its digit; the number of ranks."""
    spatial, rows = work.spatial, work.ranks
    ranks: int = tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]
    for rank in range(ranks):
        rows[REACH, rank] = 0
        for i in range(work.spatials[p]):
            step = tables.shifts[t, rank, spatial[p, i, DIM]] * spatial[p, i, STRIDE]
            rows[REACH, rank] += step * (spatial[p, i, COUNT] - 1)
    rows[DIGIT, 0] = 1
    for rank in range(1, ranks):
        rows[DIGIT, rank] = rows[DIGIT, rank - 1] * (2 * rows[REACH, rank - 1] + 1)
    return ranks


@noinline
def list_children(tables: Tables, t: int, p: int, work: Workspace) -> None:
    """Write the offset of each child's tile; the innermost spatial loop is least significant."""
    spatial, keys = work.spatial, work.children[KEY]
    keys[0] = 0
    filled = 1
    for i in range(work.spatials[p]):
        step = 0
        for rank in range(tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]):
            step += tables.shifts[t, rank, spatial[p, i, DIM]] * spatial[p, i, STRIDE] * work.ranks[DIGIT, rank]
        for k in range(1, spatial[p, i, COUNT]):
            for e in range(filled):
                keys[k * filled + e] = keys[e] + k * step
        filled *= spatial[p, i, COUNT]


@kernel
def empty_slots(table: Ints, children: int) -> int:
    """Empty the hash table; how many slots of it are for so many children."""
    slots = 2
    while slots < 2 * children:
        slots *= 2
    for i in range(slots):
        table[SLOT_SIZE, i] = 0
    return slots


@kernel
def slot_of(table: Ints, slots: int, offset: int) -> int:
    """The slot of the hash table that an offset is in, or where it belongs."""
    i = (offset * 0x9E3779B97F4A7C1 >> 20) & (slots - 1)
    while table[SLOT_SIZE, i] > 0 and table[SLOT_KEY, i] != offset:
        i = (i + 1) & (slots - 1)
    return i


@noinline
def count_groups(table: Ints, children: int, merge: bool) -> int:
    """Write into row GROUP how many groups have m children, those to skip left out; return how many in all.

    Groups are of children with equal offsets, or, unless these are merged, each child is one.
    """
    if not merge:
        table[GROUP, 0] = 0
        for m in range(1, children + 1):
            table[GROUP, m] = 0
        for e in range(children):
            table[GROUP, 1] += 1 - table[SKIP, e]
        return int(table[GROUP, 1])
    slots = empty_slots(table, children)
    for m in range(children + 1):
        table[GROUP, m] = 0
    groups = 0
    for e in range(children):
        if table[SKIP, e]:
            continue
        offset = table[KEY, e]
        i = slot_of(table, slots, offset)
        size = table[SLOT_SIZE, i]
        if size == 0:
            table[SLOT_KEY, i] = offset
            groups += 1
        else:
            table[GROUP, size] -= 1
        table[SLOT_SIZE, i] = size + 1
        table[GROUP, size + 1] += 1
    return groups


@kernel
def beside(e: int, column: int, way: int, row: int, n: int) -> int:
    """The neighbour of child e, in a column of its row, in one of four ways, of n children (rule 5a); below 0: none."""
    if way == 0:
        f = e + 1 if column + 1 < row else -1
    elif way == 1:
        f = e - 1 if column > 0 else -1
    else:
        f = e + row if way == 2 else e - row
    return f if f < n else -1


@noinline
def mark_served(now: Ints, children: int, before: Ints, others: int, move: int, row: int, skip: Ints) -> int:
    """Mark the children whose next tile some neighbour holds; return how many there are.

    Args:
        now, children: offsets of the children's tiles.
        before, others: those of the children that held tiles a step before.
        move: how far those lie behind.
        row: children in a row of the array.
        skip: receives the marks.
    """
    served = column = 0
    for e in range(children):
        wanted, found = now[e] + move, False
        for way in range(4):
            f = beside(e, column, way, row, others)
            found = found or (f >= 0 and before[f] == wanted)
        column = column + 1 if column + 1 < row else 0
        skip[e] = found
        served += found
    return served


@kernel
def skip_none(table: Ints, children: int) -> None:
    """Leave no child out."""
    for e in range(children):
        table[SKIP, e] = 0


@kernel
def add_step(step: Ints, weight: Floats, used: int, move: int, words: float) -> int:
    """Add words to the steps of one displacement; return the displacements now known."""
    for i in range(used):
        if step[i] == move:
            weight[i] += words
            return used
    step[used] = move
    weight[used] = words
    return used + 1


@noinline
def eligible_steps(tables: Tables, t: int, p: int, elide: bool, step: int, work: Workspace) -> int:
    """Write displacements and words of the steps that neighbours may serve (rule 5d); return how many displacements.

    Those longer than the array reaches are left out. Without elision every step of every loop counts (rule 6b); with
    it, the first loop moves the tile, and ``step`` is what `words_into` returned.
    """
    roles, loops, moves, weight = tables.roles, work.loops, work.moves, work.weight
    reach, digit, moved, start = work.ranks[REACH], work.ranks[DIGIT], work.ranks[MOVED], work.ranks[START]
    begin, end, size = work.begin[p], work.begin[len(work.begin) - 1], work.size[t, p] if p > 0 else 1
    ranks = digits(tables, t, p, work)
    part = step < size
    used = 0
    for r in range(ranks):
        moved[r] = 0
    follows = 0.0
    reached = True
    if elide:
        rank = roles[t, loops[begin, DIM], RANK]
        moved[rank] = roles[t, loops[begin, DIM], COEF] * loops[begin, STRIDE]
        reached = moved[rank] <= reach[rank]
        follows = float(loops[begin, COUNT] - 1) * step
        if reached:
            used = add_step(moves, weight, used, moved[rank] * digit[rank], 0.0 if part else follows)
    for r in range(ranks):
        start[r] = moved[r]
    for j in range(begin + 1 if elide else begin, end):
        d = loops[j, DIM]
        along = roles[t, d, RANK]
        delta = roles[t, d, COEF] * loops[j, STRIDE]
        still, same, near, move = True, elide, True, 0
        for r in range(ranks):
            v = (delta if r == along else 0) - moved[r]
            still = still and v == 0
            same = same and v == start[r]
            near = near and abs(v) <= reach[r]
            move += v * digit[r]
        if along >= 0:
            moved[along] += delta
        times = float(loops[j, OUTER] - loops[j + 1, OUTER])
        if not elide:
            if near:
                used = add_step(moves, weight, used, move, times * size)
            continue
        if same or (not still and not part):
            if reached:
                used = add_step(moves, weight, used, moves[0], times * follows)
            if near:
                used = add_step(moves, weight, used, move, times * (step if same else size))
    return used


@kernel
def add_groups(children: int, words: float, used: int, work: Workspace) -> int:
    """Add accesses of the groups in row GROUP to a histogram; return the entries now used."""
    group = work.children[GROUP]
    for m in range(1, children + 1):
        if group[m] > 0:
            used = add_entry(work.entry, work.access, used, m, group[m], group[m] * words)
    return used


@noinline
def accesses(
    tables: Tables, t: int, p: int, near: bool, step: int, words: int, groups: int, work: Workspace
) -> tuple[int, float]:
    """Write the histogram of accesses to one instance of level p by its children, for one data space.

    Args:
        tables: architecture and problem.
        t, p: which.
        near: whether neighbours may hand on words.
        step, words: what `words_into` returned.
        groups: how many of the children's tiles differ; 0 if only a list of all tiles tells.
        work: the loops; receives in `entry` (multicast, scatter), sorted, and in `access` the accesses.

    Returns:
        The entries used (more than ENTRIES if there are too many; 0 if neighbours hand on nothing and the groups are
        known), and the words that neighbours hand on.
    """
    table, weight = work.children, work.weight
    children = work.grid[p, X_BELOW] * work.grid[p, Y_BELOW]
    row = max(tables.fanout[p, 0], work.grid[p, X_BELOW])
    merge = tables.limits[p, t] & NO_MULTICAST == 0
    kinds = 0
    if near:
        elide = p > 0 and tables.limits[p - 1, t] & NO_REUSE == 0
        kinds = eligible_steps(tables, t, p, elide, step, work)
    else:
        digits(tables, t, p, work)
    if kinds == 0 and groups > 0:
        return 0, 0.0
    list_children(tables, t, p, work)
    known = groups > 0
    if not known:
        skip_none(table, children)
        groups = count_groups(table, children, merge)
    used, linked, plain = 0, 0.0, float(words)
    for k in range(kinds):
        served = 0
        if weight[k] > 0.0:
            served = mark_served(table[KEY], children, table[KEY], children, work.moves[k], row, table[SKIP])
        if served > 0 and count_groups(table, children, merge) < groups:
            used = add_groups(children, weight[k], used, work)
            linked += served * weight[k]
            plain -= weight[k]
    if known and linked == 0.0:
        return 0, 0.0
    skip_none(table, children)
    count_groups(table, children, merge)
    return add_groups(children, plain, used, work), linked
