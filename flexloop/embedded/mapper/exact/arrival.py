"""Words of inputs that arrive in a PE as Timeloop's floating point has them, which may be just short of the whole.

Timeloop adds up what PEs get from the buffer, a term for each number of PEs that share a tile, and what neighbours hand
on; then it cuts the sum off. Where PEs do not share alike and their number is no power of two, rounding may leave the
sum below the whole number that it stands for, and one fill less is counted.
"""

from __future__ import annotations

import numpy as np

from flexloop.embedded.jit import allocating, kernel
from flexloop.embedded.mapper.exact.links import first_step, is_served, place
from flexloop.embedded.mapper.exact.placing import first_order
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.types import F64, I64, FloatArray, IntArray
from flexloop.embedded.mapper.exact.words import displacement


@allocating
def arriving(m: Record, c: Record, s: Record, pes: IntArray, length: I64, placed: I64, words: F64) -> F64:
    """The sum for one nest, in Timeloop's order of operations (rules 4, 5 and 8).

    Args:
        m, c, s: machine, configuration, and the nest in s.nest; s.linear is the order of the spatial loops.
        pes: room for `links.place`.
        length: loops of the nest.
        placed: shape * 16 + split, or -1 where neighbours hand on nothing, wherever the spatial loops lie.
        words: what arrives in all.
    """
    if placed < 0:
        first_order(m, s)
    n = place(s.linear, c.x, c.tile, m.coef, pes)
    row = m.shapes[placed // 16, 0] if placed >= 0 else n
    most = min(n, 2 + int(np.sqrt(2.0 * n)))  # so many different sizes of groups at most
    moves = np.empty((2 * length + 2, 2), dtype=np.int64)
    weight = np.zeros(2 * length + 2)
    kinds = _eligible(c, m.coef, s.nest, length, moves, weight) if c.linked and length and s.nest[0, 0] >= 4 else 0
    entry = np.empty(((kinds + 1) * most, 2), dtype=np.int64)
    access = np.empty((kinds + 1) * most)
    sizes = np.empty(n + 1, dtype=np.int64)
    groups = int(c.groups[1])
    used, linked, plain = 0, 0.0, words
    for k in range(kinds):
        left, served = group_sizes(pes, n, row, moves[k, 0], moves[k, 1], sizes)
        if weight[k] > 0.0 and left < groups:
            used = _add(sizes, weight[k], entry, access, used)
            linked += served * weight[k]
            plain -= weight[k]
    group_sizes(pes, n, 0, 0, 0, sizes)
    used = _add(sizes, plain, entry, access, used)
    share = 0.0
    for i in range(used):
        share += access[i] * entry[i, 0] / n
    return share + linked / n


@kernel
def group_sizes(pes: IntArray, n: I64, row: I64, v1: I64, v2: I64, sizes: IntArray) -> tuple[I64, I64]:
    """Write how many groups of m PEs with one tile ask the buffer for it; their number, and the PEs that do not ask.

    Args:
        pes, n: as `links.place` fills it.
        row: PEs in a row of the array; 0 where all ask.
        v1, v2: the step that neighbours may serve.
        sizes: [n + 1] receives the groups of each size m.
    """
    for e in range(n):
        pes[e, 4] = 0
        sizes[e + 1] = 0
    groups, served, column = 0, 0, 0
    for e in range(n):
        if row > 0 and is_served(pes, n, e, column, row, v1, v2):
            served += 1
        else:
            size = pes[pes[e, 3], 4]
            if size == 0:
                groups += 1
            else:
                sizes[size] -= 1
            sizes[size + 1] += 1
            pes[pes[e, 3], 4] = size + 1
        column = column + 1 if column + 1 < row else 0
    return groups, served


@kernel
def _eligible(c: Record, coef: IntArray, nest: IntArray, length: I64, moves: IntArray, weight: FloatArray) -> I64:
    """Displacements that neighbours may serve, and the words of their steps; how many there are (rule 5d)."""
    full, sub, a1, a2 = first_step(c.tile, coef, nest)
    part = sub < full
    outer = 1
    for j in range(1, length):
        outer *= nest[j, 1]
    follows = float(nest[0, 1] - 1) * sub
    moves[0, 0], moves[0, 1] = a1, a2
    weight[0] = 0.0 if part else follows
    kinds = 1
    s1, s2, su = a1, a2, 0
    for j in range(1, length):
        d1, d2, du = displacement(nest[j, 0], nest[j, 2], coef)
        outer //= nest[j, 1]
        steps = float((nest[j, 1] - 1) * outer)
        v1, v2 = d1 - s1, d2 - s2
        far = su != 0 or du != 0
        still = not far and v1 == 0 and v2 == 0
        same = not far and v1 == a1 and v2 == a2
        if same or (not still and not part):
            weight[0] += steps * follows
            if same:
                weight[0] += steps * sub
            elif not far:
                kinds = _add_move(moves, weight, kinds, v1, v2, steps * full)
        s1, s2, su = s1 + d1, s2 + d2, su + du
    return kinds


@kernel
def _add_move(moves: IntArray, weight: FloatArray, kinds: I64, v1: I64, v2: I64, words: F64) -> I64:
    for k in range(kinds):
        if moves[k, 0] == v1 and moves[k, 1] == v2:
            weight[k] += words
            return kinds
    moves[kinds, 0], moves[kinds, 1], weight[kinds] = v1, v2, words
    return kinds + 1


@kernel
def _add(sizes: IntArray, words: F64, entry: IntArray, access: FloatArray, used: I64) -> I64:
    """Add the accesses of groups to a histogram sorted by (size, groups of it); the entries now used."""
    for size in range(1, len(sizes)):
        groups = sizes[size]
        if groups == 0:
            continue
        i = 0
        while i < used and (entry[i, 0] < size or (entry[i, 0] == size and entry[i, 1] < groups)):
            i += 1
        if i < used and entry[i, 0] == size and entry[i, 1] == groups:
            access[i] += groups * words
            continue
        for k in range(used, i, -1):
            entry[k, 0], entry[k, 1], access[k] = entry[k - 1, 0], entry[k - 1, 1], access[k - 1]
        entry[i, 0], entry[i, 1], access[i] = size, groups, groups * words
        used += 1
    return used
