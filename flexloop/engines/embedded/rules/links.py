"""Words that neighbours hand to each other instead of asking their parent (rules 5 and 6b): the part without a formula.

The children of one instance are listed, each with the offset of its tile as a single number: ranks are digits, wide
enough for differences of either sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flexloop.engines.embedded.jit import kernel
from flexloop.engines.embedded.rules.multicast import add_entry
from flexloop.engines.embedded.rules.tables import (
    COEF,
    COUNT,
    COUPLED_RANKS,
    DIM,
    LONE_RANKS,
    OUTER,
    RANK,
    STRIDE,
)


@kernel
def digits(roles: Any, about: Any, t: int, spatial: Any, p: int, count: int) -> tuple[Any, Any]:
    """For each rank the largest offset between two children, and the weight of its digit."""
    ranks = about[t, COUPLED_RANKS] + about[t, LONE_RANKS]
    reach = np.zeros(ranks, np.int64)
    for i in range(count):
        rank = roles[t, spatial[p, i, DIM], RANK]
        if rank >= 0:
            reach[rank] += roles[t, spatial[p, i, DIM], COEF] * spatial[p, i, STRIDE] * (spatial[p, i, COUNT] - 1)
    digit = np.ones(ranks, np.int64)
    for rank in range(1, ranks):
        digit[rank] = digit[rank - 1] * (2 * reach[rank - 1] + 1)
    return reach, digit


@kernel
def list_children(roles: Any, t: int, spatial: Any, p: int, count: int, children: int, digit: Any) -> Any:
    """The offset of each child's tile; the innermost spatial loop is least significant."""
    key = np.zeros(children, np.int64)
    filled = 1
    for i in range(count):
        d = spatial[p, i, DIM]
        rank = roles[t, d, RANK]
        step = roles[t, d, COEF] * spatial[p, i, STRIDE] * digit[rank] if rank >= 0 else 0
        for k in range(1, spatial[p, i, COUNT]):
            for e in range(filled):
                key[k * filled + e] = key[e] + k * step
        filled *= spatial[p, i, COUNT]
    return key


@kernel
def count_groups(key: Any, skip: Any, group: Any) -> int:
    """Write how many groups of equal offset have m children, those to skip left out, into group[m]; how many in all."""
    slots = 2
    while slots < 2 * len(key):
        slots *= 2
    offset = np.empty(slots, np.int64)
    members = np.zeros(slots, np.int64)
    group[:] = 0
    groups = 0
    for e in range(len(key)):
        if skip[e]:
            continue
        slot = (key[e] * 0x9E3779B97F4A7C1 >> 20) & (slots - 1)
        while members[slot] > 0 and offset[slot] != key[e]:
            slot = (slot + 1) & (slots - 1)
        if members[slot] == 0:
            offset[slot] = key[e]
            groups += 1
        else:
            group[members[slot]] -= 1
        members[slot] += 1
        group[members[slot]] += 1
    return groups


@kernel
def mark_served(key: Any, move: int, row: int, skip: Any) -> int:
    """Mark the children whose next tile some neighbour holds now; return how many there are."""
    n = len(key)
    served = 0
    for e in range(n):
        wanted = key[e] + move
        column = e % row
        found = column > 0 and key[e - 1] == wanted
        found = found or (column < row - 1 and e + 1 < n and key[e + 1] == wanted)
        found = found or (e >= row and key[e - row] == wanted)
        found = found or (e + row < n and key[e + row] == wanted)
        skip[e] = found
        served += found
    return served


@kernel
def add_step(moves: Any, weight: Any, used: int, move: int, words: float) -> int:
    """Add words to the steps of one displacement; return the displacements now known."""
    for i in range(used):
        if moves[i] == move:
            weight[i] += words
            return used
    moves[used] = move
    weight[used] = words
    return used + 1


@kernel
def eligible_steps(
    roles: Any, t: int, size: int, elide: bool, loops: Any, begin: int, end: int, first: int, step: int,
    reach: Any, digit: Any, moves: Any, weight: Any,
) -> int:  # fmt: skip
    """Write displacements and words of the steps that neighbours may serve (rule 5d); return how many displacements.

    Those longer than the array reaches are left out. Without elision every step of every loop counts (rule 6b).
    """
    part = step < size
    used = 0
    moved = np.zeros(len(reach), np.int64)
    follows = 0.0
    reached = True
    if elide:
        rank = roles[t, loops[first, DIM], RANK]
        moved[rank] = roles[t, loops[first, DIM], COEF] * loops[first, STRIDE]
        reached = moved[rank] <= reach[rank]
        follows = float(loops[first, COUNT] - 1) * step
        if reached:
            used = add_step(moves, weight, used, moved[rank] * digit[rank], 0.0 if part else follows)
    start = moved.copy()
    for j in range(begin + 1 if elide else begin, end):
        d = loops[j, DIM]
        along = roles[t, d, RANK]
        delta = roles[t, d, COEF] * loops[j, STRIDE]
        still, same, near, move = True, elide, True, 0
        for r in range(len(reach)):
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
def add_groups(group: Any, words: float, entry: Any, access: Any, used: int) -> int:
    """Add accesses of groups, group[m] of m children each, to a histogram; return the entries now used."""
    for m in range(1, len(group)):
        if group[m] > 0:
            used = add_entry(entry, access, used, m, group[m], words)
    return used


@kernel
def accesses(
    roles: Any, about: Any, t: int, size: int, elide: bool,
    loops: Any, begin: int, end: int, first: int, step: int, words: int,
    spatial: Any, p: int, count: int, row: int, children: int, entry: Any, access: Any,
) -> tuple[int, float, float]:  # fmt: skip
    """The histogram of accesses to one instance of level p by its children, for one data space.

    Args:
        roles, about: of `Tables`.
        t: the data space.
        size: words of a child's tile.
        elide: whether a tile that stays is not read again (not so for MACs).
        loops, begin, end: temporal loops above the children.
        first, step, words: what `words_into` returned.
        spatial, p, count: the spatial loops are the first ``count`` in row p.
        row: children in a row of the array.
        children: how many there are.
        entry, access: the histogram to write: (multicast, scatter) sorted, and the accesses.

    Returns:
        The entries used (more than ENTRIES if there are too many), the words that all children get from the parent,
        and the words that neighbours hand on.
    """
    reach, digit = digits(roles, about, t, spatial, p, count)
    key = list_children(roles, t, spatial, p, count, children, digit)
    skip = np.zeros(children, np.bool_)
    group = np.zeros(children + 1, np.int64)
    groups = count_groups(key, skip, group)
    every = group.copy()
    moves = np.zeros(2 * (end - begin) + 2, np.int64)
    weight = np.zeros(2 * (end - begin) + 2, np.float64)
    kinds = eligible_steps(roles, t, size, elide, loops, begin, end, first, step, reach, digit, moves, weight)
    used, weighted, linked, plain = 0, 0.0, 0.0, float(words)
    for k in range(kinds):
        served = mark_served(key, moves[k], row, skip) if weight[k] > 0.0 else 0
        if served > 0 and count_groups(key, skip, group) < groups:
            used = add_groups(group, weight[k], entry, access, used)
            weighted += (children - served) * weight[k]
            linked += served * weight[k]
            plain -= weight[k]
    used = add_groups(every, plain, entry, access, used)
    return used, weighted + children * plain, linked
