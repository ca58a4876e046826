"""A nest whose PEs may take inputs from their neighbours: every placement that acts differently is costed."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.jit import allocating, kernel
from flexloop.embedded.mapper.exact.arrival import group_sizes
from flexloop.embedded.mapper.exact.best import keep_best, nest_totals
from flexloop.embedded.mapper.exact.bounds import hopeless
from flexloop.embedded.mapper.exact.cost import PEER, W_ARRAY, W_DRAM, W_MAC, W_OTHER, W_PE
from flexloop.embedded.mapper.exact.links import first_move_words, least_moves, linked_moves, place, scan
from flexloop.embedded.mapper.exact.overlap import first_loop, handed_pj
from flexloop.embedded.mapper.exact.placing import first_order, next_order, split_of
from flexloop.embedded.mapper.exact.problem import PLACED_KEY, PLACED_RESULTS, SCALED, TOO_MUCH, Record
from flexloop.embedded.mapper.exact.types import F64, I64, IntArray
from flexloop.embedded.mapper.exact.words import displacement


@kernel
def neighbours(
    m: Record,
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    best: Record,
    inner: IntArray,
    outer: IntArray,
    length: I64,
) -> bool:
    """Cost one nest for every placement of the spatial loops, with the words that neighbours hand over.

    Returns False where that is more work than a nest is worth: then not all placements were costed.
    """
    first = s.nest[0, 0]
    plain = s.words[W_ARRAY, 1]
    into = s.words[W_PE, 1] if m.in_pe[1] else s.words[W_MAC, 1]
    _, reads, handed = first_loop(c, first - 4, float(s.nest[0, 1]), c.above)
    s.words[W_ARRAY, 1] = min(plain, reads)
    if m.links == SCALED:
        s.words[W_ARRAY, 1] = into * c.used / c.most_shared
    if not m.in_buffer[1]:
        s.words[W_DRAM, 1] = s.words[W_ARRAY, 1]
    s.words[W_PE, 1] -= c.short
    cycles, energy = nest_totals(m, c, s)
    s.words[W_PE, 1] += c.short
    if hopeless(m.objective, cycles, energy + handed_pj(m, c, handed), best.cost):
        return True
    reach1 = m.coef[0] * c.tile[4] * (c.x[4] - 1) + m.coef[1] * c.tile[6] * (c.x[6] - 1)
    reach2 = m.coef[2] * c.tile[5] * (c.x[5] - 1) + m.coef[3] * c.tile[7] * (c.x[7] - 1)
    v1, v2, _ = displacement(first, s.nest[0, 2], m.coef)
    words, others = first_move_words(c.tile, m.coef, s.nest, length, reach1, reach2)
    groups = int(c.groups[1])
    if v1 > reach1 or v2 > reach2:
        words = 0.0
    if not others:
        entry = outcomes(m, c, s, pes, placed, v1, v2) if words > 0 else -1
        if words == 0.0 or placed[entry, PLACED_KEY] >= 0:
            total = s.words[W_PE, 1]
            for k in range(placed[entry, PLACED_KEY] if words > 0 else 1):
                left, served, where = groups, 0, -1
                if words > 0:
                    at = PLACED_KEY + 1 + 12 * k
                    left, served, where = placed[entry, at], placed[entry, at + 1], placed[entry, at + 2]
                    for i in range(8):
                        s.linear[i] = placed[entry, at + 4 + i]
                s.moves[0] = (total - words) * groups + words * left
                s.moves[1] = (total - words) * c.used + words * (c.used - served)
                s.moves[2] = words * served
                _moved(m, c, s, plain, into)
                keep_best(m, c, s, pes, best, inner, outer, length, where)
            return True
    if _with_known_effects(m, c, s, pes, placed, best, inner, outer, length, plain, into):
        return True
    first_order(m, s)
    before = s.work
    while True:
        for shape in range(m.n_shapes):
            split = split_of(m, c.x, s.linear, shape)
            if split < 0:
                continue
            n = place(s.linear, c.x, c.tile, m.coef, pes)
            s.memo[0, 0] = 0
            linked_moves(c.tile, m.coef, s.nest, length, pes, n, groups, m.shapes[shape, 0], s.memo, s.moves)
            _moved(m, c, s, plain, into)
            keep_best(m, c, s, pes, best, inner, outer, length, shape * 16 + split)
            s.work += 20 + (1 + s.memo[0, 0]) * n // 4
        if m.order[0] >= 0 or not next_order(s.linear, c.x):
            return True
        if s.work - before > TOO_MUCH:
            return False


@allocating
def _with_known_effects(
    m: Record,
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    best: Record,
    inner: IntArray,
    outer: IntArray,
    length: I64,
    plain: F64,
    into: F64,
) -> bool:
    """Cost one nest for every placement by what each does to each of the nest's steps, as nests share that.

    Placements where no step is served cost the same. Returns False where there are more placements than are kept.
    """
    groups = int(c.groups[1])
    least_moves(c.tile, c.x, m.coef, s.nest, length, groups, s.memo)
    steps = s.memo[0, 0]
    rows = np.full(steps + 1, -1, dtype=np.int64)
    for i in range(1, steps + 1):
        if s.memo[i, 2] < groups:
            rows[i] = effects(m, c, s, pes, placed, s.memo[i, 0], s.memo[i, 1], rows[:i])
            if placed[rows[i], PLACED_KEY] < 0:
                return False
    first_order(m, s)
    number, plainly = 0, False
    while True:
        for shape in range(m.n_shapes):
            split = split_of(m, c.x, s.linear, shape)
            if split < 0:
                continue
            at = PLACED_KEY + 1 + 2 * number
            number += 1
            none = True
            for i in range(1, steps + 1):
                if rows[i] >= 0:
                    s.memo[i, 2], s.memo[i, 3] = placed[rows[i], at], placed[rows[i], at + 1]
                    none = none and s.memo[i, 2] == groups
            s.work += 5
            if none and plainly:
                continue
            plainly = plainly or none
            linked_moves(c.tile, m.coef, s.nest, length, pes, c.used, groups, 0, s.memo, s.moves)
            _moved(m, c, s, plain, into)
            keep_best(m, c, s, pes, best, inner, outer, length, shape * 16 + split)
            s.work += 10
        if m.order[0] >= 0 or not next_order(s.linear, c.x):
            return True


@kernel
def _moved(m: Record, c: Record, s: Record, plain: F64, into: F64) -> None:
    """Put what s.moves says into the words of the nest."""
    s.words[W_OTHER, PEER] = 0.0
    if s.moves[2] == 0.0:
        s.words[W_ARRAY, 1] = plain
    elif m.links == SCALED:
        s.words[W_ARRAY, 1] = into * c.used * s.moves[0] / s.moves[1]
    else:
        s.words[W_ARRAY, 1] = s.moves[0]
        s.words[W_OTHER, PEER] = s.moves[2]
    if not m.in_buffer[1]:
        s.words[W_DRAM, 1] = s.words[W_ARRAY, 1]


@allocating
def outcomes(m: Record, c: Record, s: Record, pes: IntArray, placed: IntArray, v1: I64, v2: I64) -> I64:
    """Row of ``placed`` with every distinct effect that a placement of the spatial loops has on one step.

    A row holds its key, the number of effects (-1: too many), and for each: offsets left to the buffer, PEs served,
    shape * 16 + split, what tells sizes of groups apart, and the linear order.
    """
    entry, known = _row_of(m, c, placed, v1, v2, False, np.empty(0, dtype=np.int64))
    if not known:
        placed[entry, PLACED_KEY] = _try_placements(m, c, s, pes, placed[entry], v1, v2)
    return entry


@allocating
def effects(m: Record, c: Record, s: Record, pes: IntArray, placed: IntArray, v1: I64, v2: I64, taken: IntArray) -> I64:
    """Row of ``placed`` with what each placement of the spatial loops, one after the other, does to one step.

    A row holds its key, the number of placements (-1: too many), and for each: offsets left to the buffer (all of them
    where that is no less), PEs served. The rows ``taken`` stay as they are.
    """
    entry, known = _row_of(m, c, placed, v1, v2, True, taken)
    if known:
        return entry
    row = placed[entry]
    groups = int(c.groups[1])
    count = 0
    first_order(m, s)
    while True:
        n = 0
        for shape in range(m.n_shapes):
            if split_of(m, c.x, s.linear, shape) < 0:
                continue
            at = PLACED_KEY + 1 + 2 * count
            if at + 2 > len(row):
                row[PLACED_KEY] = -1
                return entry
            if n == 0:
                n = place(s.linear, c.x, c.tile, m.coef, pes)
            row[at], row[at + 1] = scan(pes, n, m.shapes[shape, 0], v1, v2)
            s.work += n // 4
            if row[at] >= groups:
                row[at], row[at + 1] = groups, 0
            count += 1
        if m.order[0] >= 0 or not next_order(s.linear, c.x):
            row[PLACED_KEY] = count
            return entry


@allocating
def _row_of(m: Record, c: Record, placed: IntArray, v1: I64, v2: I64, each: bool, taken: IntArray) -> tuple[I64, bool]:
    """The row of ``placed`` for a step, and whether it is filled in already.

    What a step does depends on the spatial factors and on the ratios of tile sizes and step alone, so configurations
    share rows.

    Args:
        m, c, placed: as for the others.
        v1, v2: displacement of the step along width and height.
        each: whether it is to hold every placement, or the distinct effects alone.
        taken: rows that must not be written over.
    """
    key = np.zeros(PLACED_KEY, dtype=np.int64)
    code = 0
    for d in range(8):
        key[d] = c.x[d]
    if each:
        key[0] = -key[0]
    for rank in range(2):
        d, v = 4 + rank, v1 if rank == 0 else v2
        a = m.coef[2 * rank] * c.tile[d] if c.x[d] > 1 else 0
        b = m.coef[2 * rank + 1] * c.tile[d + 2] if c.x[d + 2] > 1 else 0
        shared = _gcd(_gcd(a, b), abs(v))
        if shared:
            key[8 + 3 * rank], key[9 + 3 * rank], key[10 + 3 * rank] = a // shared, b // shared, v // shared
    for i in range(PLACED_KEY):
        code = (code * 1000003 + key[i]) & 0xFFFFFFFFFFFF
    entry = code % placed.shape[0]
    while True:
        known = placed[entry, 0] != 0
        for i in range(PLACED_KEY):
            known = known and placed[entry, i] == key[i]
        if known:
            return entry, True
        free = True
        for other in taken:
            free = free and other != entry
        if free:
            break
        entry = (entry + 1) % placed.shape[0]
    for i in range(PLACED_KEY):
        placed[entry, i] = key[i]
    return entry, False


@kernel
def _gcd(a: I64, b: I64) -> I64:
    while b:
        a, b = b, a % b
    return a


@kernel
def _told_apart(sizes: IntArray) -> I64:
    """A number for the sizes of the groups that ask the buffer: on these depends what rounding makes of their sum."""
    code = 0
    for size in range(1, len(sizes)):
        code = (code * 1000003 + sizes[size]) & 0xFFFFFFFFFFFF
    return code


@allocating
def _try_placements(m: Record, c: Record, s: Record, pes: IntArray, row: IntArray, v1: I64, v2: I64) -> I64:
    count = 0
    groups = int(c.groups[1])
    sizes = np.empty(c.used + 1 if c.short else 0, dtype=np.int64)
    first_order(m, s)
    before = s.work
    while True:
        n = 0
        for shape in range(m.n_shapes):
            split = split_of(m, c.x, s.linear, shape)
            if split < 0:
                continue
            if n == 0:
                n = place(s.linear, c.x, c.tile, m.coef, pes)
            told = 0
            if c.short:
                left, served = group_sizes(pes, n, m.shapes[shape, 0], v1, v2, sizes)
                told = _told_apart(sizes)
            else:
                left, served = scan(pes, n, m.shapes[shape, 0], v1, v2)
            s.work += n // 4
            if left >= groups:
                left, served, told = groups, 0, 0
            new = True
            for k in range(count):
                at = PLACED_KEY + 1 + 12 * k
                if row[at] == left and row[at + 1] == served and row[at + 3] == told:
                    new = False
                    break
            if new:
                if count == PLACED_RESULTS:
                    return -1
                at = PLACED_KEY + 1 + 12 * count
                row[at], row[at + 1], row[at + 2], row[at + 3] = left, served, shape * 16 + split, told
                for i in range(8):
                    row[at + 4 + i] = s.linear[i]
                count += 1
        if m.order[0] >= 0 or not next_order(s.linear, c.x):
            return count
        if s.work - before > TOO_MUCH:
            return -1
