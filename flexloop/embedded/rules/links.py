"""Words that neighbours hand to each other instead of asking their parent (rules 5 and 6b): the part without a formula.

The children of one instance are listed, each with the offset of its tile as a single number: ranks are digits, wide
enough for differences of either sign.
"""

from __future__ import annotations

from typing import Any

from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.multicast import add_entry
from flexloop.embedded.rules.tables import (
    COEF,
    COUNT,
    COUPLED_RANKS,
    DIM,
    LONE_RANKS,
    OUTER,
    RANK,
    STRIDE,
)

REACH, MOVED, DIGIT, START = range(4)
"""Rows of a table of ranks [4, R]: largest offset between two children, displacement by the loops so far, weight of the
rank's digit, displacement of the first step."""

KEY, GROUP, SKIP, SLOT_KEY, SLOT_SIZE = range(5)
"""Rows of a table of children [5, 4*A] of at most A children: offset of each, number of groups of so many children,
whether a child is left out, and a hash table from offsets to the number of children that have them."""


@kernel
def digits(shifts: Any, about: Any, t: int, spatial: Any, p: int, count: int, rows: Any) -> int:
    """Write for each rank the largest offset between two children, and the weight of its digit; the number of ranks."""
    ranks: int = about[t, COUPLED_RANKS] + about[t, LONE_RANKS]
    for rank in range(ranks):
        rows[REACH, rank] = 0
        for i in range(count):
            step = shifts[t, rank, spatial[p, i, DIM]] * spatial[p, i, STRIDE]
            rows[REACH, rank] += step * (spatial[p, i, COUNT] - 1)
    rows[DIGIT, 0] = 1
    for rank in range(1, ranks):
        rows[DIGIT, rank] = rows[DIGIT, rank - 1] * (2 * rows[REACH, rank - 1] + 1)
    return ranks


@noinline
def list_children(
    shifts: Any, t: int, ranks: int, spatial: Any, p: int, count: int, rows: Any, table: Any
) -> None:  # fmt: skip
    """Write the offset of each child's tile; the innermost spatial loop is least significant."""
    table[KEY, 0] = 0
    filled = 1
    for i in range(count):
        step = 0
        for rank in range(ranks):
            step += shifts[t, rank, spatial[p, i, DIM]] * spatial[p, i, STRIDE] * rows[DIGIT, rank]
        for k in range(1, spatial[p, i, COUNT]):
            for e in range(filled):
                table[KEY, k * filled + e] = table[KEY, e] + k * step
        filled *= spatial[p, i, COUNT]


@noinline
def count_groups(table: Any, children: int, merge: bool) -> int:
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
    slots = 2
    while slots < 2 * children:
        slots *= 2
    for i in range(slots):
        table[SLOT_SIZE, i] = 0
    for m in range(children + 1):
        table[GROUP, m] = 0
    groups = 0
    for e in range(children):
        if table[SKIP, e]:
            continue
        offset = table[KEY, e]
        i = (offset * 0x9E3779B97F4A7C1 >> 20) & (slots - 1)
        while table[SLOT_SIZE, i] > 0 and table[SLOT_KEY, i] != offset:
            i = (i + 1) & (slots - 1)
        size = table[SLOT_SIZE, i]
        if size == 0:
            table[SLOT_KEY, i] = offset
            groups += 1
        else:
            table[GROUP, size] -= 1
        table[SLOT_SIZE, i] = size + 1
        table[GROUP, size + 1] += 1
    return groups


@noinline
def mark_served(table: Any, children: int, move: int, row: int) -> int:
    """Mark the children whose next tile some neighbour holds now; return how many there are."""
    key, skip = table[KEY], table[SKIP]
    served = 0
    column = 0
    for e in range(children):
        wanted = key[e] + move
        found = column > 0 and key[e - 1] == wanted
        column += 1
        if column == row:
            column = 0
        found = found or (column > 0 and e + 1 < children and key[e + 1] == wanted)
        found = found or (e >= row and key[e - row] == wanted)
        found = found or (e + row < children and key[e + row] == wanted)
        skip[e] = found
        served += found
    return served


@kernel
def skip_none(table: Any, children: int) -> None:
    """Leave no child out."""
    for e in range(children):
        table[SKIP, e] = 0


@kernel
def add_step(step: Any, weight: Any, used: int, move: int, words: float) -> int:
    """Add words to the steps of one displacement; return the displacements now known."""
    for i in range(used):
        if step[i] == move:
            weight[i] += words
            return used
    step[used] = move
    weight[used] = words
    return used + 1


@noinline
def eligible_steps(
    roles: Any, t: int, size: int, elide: bool, loops: Any, begin: int, end: int, first: int, step: int,
    ranks: int, rows: Any, moves: Any, weight: Any,
) -> int:  # fmt: skip
    """Write displacements and words of the steps that neighbours may serve (rule 5d); return how many displacements.

    Those longer than the array reaches are left out. Without elision every step of every loop counts (rule 6b).
    """
    reach, digit, moved, start = rows[REACH], rows[DIGIT], rows[MOVED], rows[START]
    part = step < size
    used = 0
    for r in range(ranks):
        moved[r] = 0
    follows = 0.0
    reached = True
    if elide:
        rank = roles[t, loops[first, DIM], RANK]
        moved[rank] = roles[t, loops[first, DIM], COEF] * loops[first, STRIDE]
        reached = moved[rank] <= reach[rank]
        follows = float(loops[first, COUNT] - 1) * step
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
def add_groups(table: Any, children: int, words: float, entry: Any, access: Any, used: int) -> int:
    """Add accesses of the groups in row GROUP to a histogram; return the entries now used."""
    for m in range(1, children + 1):
        if table[GROUP, m] > 0:
            used = add_entry(entry, access, used, m, table[GROUP, m], table[GROUP, m] * words)
    return used


@noinline
def accesses(
    roles: Any, shifts: Any, about: Any, t: int, size: int, elide: bool, merge: bool, linkable: bool,
    loops: Any, begin: int, end: int, first: int, step: int, words: int,
    spatial: Any, p: int, count: int, row: int, children: int, groups: int,
    rows: Any, moves: Any, weight: Any, table: Any, entry: Any, access: Any,
) -> tuple[int, float, float]:  # fmt: skip
    """The histogram of accesses to one instance of level p by its children, for one data space.

    Args:
        roles, shifts, about: of `Tables`.
        t: the data space.
        size: words of a child's tile.
        elide: whether a tile that stays is not read again (not so for MACs).
        merge: whether equal tiles are read once.
        linkable: whether neighbours may hand on words.
        loops, begin, end: temporal loops above the children.
        first, step, words: what `words_into` returned.
        spatial, p, count: the spatial loops are the first ``count`` in row p.
        row: children in a row of the array.
        children: how many there are.
        groups: how many of their tiles differ; 0 if only a list of all tiles tells.
        rows, moves, weight, table: scratch, see `rules.rows.Workspace`.
        entry, access: the histogram to write: (multicast, scatter) sorted, and the accesses.

    Returns:
        The entries used (more than ENTRIES if there are too many; 0 if neighbours hand on nothing and the groups are
        known), the words that all children get from the parent, and the words that neighbours hand on.
    """
    ranks = digits(shifts, about, t, spatial, p, count, rows)
    kinds = 0
    if linkable:
        kinds = eligible_steps(roles, t, size, elide, loops, begin, end, first, step, ranks, rows, moves, weight)
    if kinds == 0 and groups > 0:
        return 0, 0.0, 0.0
    list_children(shifts, t, ranks, spatial, p, count, rows, table)
    known = groups > 0
    if not known:
        skip_none(table, children)
        groups = count_groups(table, children, merge)
    used, weighted, linked, plain = 0, 0.0, 0.0, float(words)
    for k in range(kinds):
        served = mark_served(table, children, moves[k], row) if weight[k] > 0.0 else 0
        if served > 0 and count_groups(table, children, merge) < groups:
            used = add_groups(table, children, weight[k], entry, access, used)
            weighted += (children - served) * weight[k]
            linked += served * weight[k]
            plain -= weight[k]
    if known and linked == 0.0:
        return 0, 0.0, 0.0
    skip_none(table, children)
    count_groups(table, children, merge)
    used = add_groups(table, children, plain, entry, access, used)
    return used, weighted + children * plain, linked
