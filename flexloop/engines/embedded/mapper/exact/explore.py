"""The search itself: configurations of one assignment of spatial factors, their buffer tiles, and their orders."""

from __future__ import annotations

from math import inf

import numpy as np

from flexloop.engines.embedded.jit import allocating, entry, kernel
from flexloop.engines.embedded.mapper.exact.bounds import (
    FAMILIES,
    configure,
    family_cost,
    first_loop,
    handed_pj,
    hopeless,
    lane_steps,
    rank_of,
    stays_in_lanes,
)
from flexloop.engines.embedded.mapper.exact.cost import (
    ALL,
    FIRST,
    PEER,
    W_ARRAY,
    W_BUFFER,
    W_DRAM,
    W_MAC,
    W_OTHER,
    W_PE,
    totals,
)
from flexloop.engines.embedded.mapper.exact.grid import fits, outer_words
from flexloop.engines.embedded.mapper.exact.links import first_move_words, linked_moves, place, scan
from flexloop.engines.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BEST_TYPE,
    BUFFER_FACTOR,
    BUFFER_ORDERS,
    CONFIG_TYPE,
    DRAM_ORDERS,
    EDP,
    LATENCY,
    LATTICE_TYPE,
    MACHINE_TYPE,
    PE_TILE,
    PLACED_KEY,
    PLACED_RESULTS,
    SCALED,
    SCRATCH_TYPE,
    SPATIAL,
    Record,
)
from flexloop.engines.embedded.mapper.exact.types import (
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
from flexloop.engines.embedded.mapper.exact.words import (
    IRRELEVANT,
    append_loops,
    displacement,
    input_words,
    repeats,
    tile_words,
)


@kernel
def on_x(m: Record, x: IntArray, shape: I64) -> I64:
    """The set of dimensions (bit mask) to lay on X so that spatial factors fit a shape; -1 if they do not."""
    extent_x, extent_y = m.shapes[shape, 0], m.shapes[shape, 1]
    if m.order[0] >= 0:
        mask, along_x, along_y = 0, 1, 1
        for i in range(8):
            d = m.order[i]
            if i < m.split:
                along_x *= x[d]
                mask |= 1 << d
            else:
                along_y *= x[d]
        return mask if along_x <= extent_x and along_y <= extent_y else -1
    moving = 0
    used = 1
    for d in range(8):
        if x[d] > 1:
            moving |= 1 << d
            used *= x[d]
    chosen = moving
    while True:
        along_x = 1
        for d in range(8):
            if chosen >> d & 1:
                along_x *= x[d]
        if along_x <= extent_x and used // along_x <= extent_y:
            return chosen
        if chosen == 0:
            return -1
        chosen = (chosen - 1) & moving


@entry(MACHINE_TYPE, LATTICE_TYPE, allocates=True)
def spatial_choices(m: Record, g: Record) -> IntArray:
    """[k, 8] indices of the spatial factors that fit one of the shapes."""
    found = np.zeros((1024, 8), dtype=np.int64)
    n = 0
    index = np.zeros(8, dtype=np.int64)
    x = np.ones(8, dtype=np.int64)
    while True:
        used = 1
        good = True
        for d in range(8):
            x[d] = g.divisors[d, index[d]]
            used *= x[d]
            good = good and g.ok[SPATIAL, d, index[d]] != 0
        over = used > m.pes
        if good and not over:
            good = False
            for shape in range(m.n_shapes):
                if on_x(m, x, shape) >= 0:
                    good = True
                    break
            if good:
                if n == found.shape[0]:
                    larger = np.zeros((2 * n, 8), dtype=np.int64)
                    for i in range(n):
                        for d in range(8):
                            larger[i, d] = found[i, d]
                    found = larger
                for d in range(8):
                    found[n, d] = index[d]
                n += 1
        if not advance(index, g.counts, over):
            return found[:n]


@kernel
def advance(index: IntArray, counts: IntArray, over: bool) -> bool:
    """Go to the next point, last dimension fastest; where ``over``, past every point above the present one."""
    d = 7
    if over:
        while d >= 0 and index[d] == 0:
            d -= 1
        if d < 0:
            return False
        index[d] = 0
        d -= 1
    while d >= 0:
        index[d] += 1
        if index[d] < counts[d]:
            return True
        index[d] = 0
        d -= 1
    return False


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
    best: Record,
) -> F64:
    """Look at every buffer tile of a configuration and cost those bounded by ``most`` or less; the least bound.

    ``index`` is that of the array's tile, [8].
    """
    lowest = inf
    position = np.zeros(8, dtype=np.int64)
    sizes = np.empty(8, dtype=np.int64)
    for d in range(8):
        sizes[d] = g.start[d, index[d] + 1] - g.start[d, index[d]]
    s.words[W_OTHER, ALL] = tile_words(g.bounds, m.coef, 2)
    while True:
        point = 0
        good = True
        for d in range(8):
            entry = g.start[d, index[d]] + position[d]
            i = multiples[0, entry]
            point += g.strides[d] * i
            s.tile[d] = g.divisors[d, i]
            s.buffer[d] = g.divisors[d, multiples[1, entry]]
            s.outer[d] = g.bounds[d] // s.tile[d]
            good = good and g.ok[BUFFER_FACTOR, d, multiples[1, entry]] != 0
        # A tile that is too large means that all larger ones are; asked only where no tile above is any good.
        over = table[1, 0, point] == inf and not fits(m, s.tile, 1)
        if good and table[0, 0, point] != inf:
            best.counts[2] += 1
            bound = buffer_bound(m, table, c, point, s, best)
            lowest = min(lowest, bound)
            if bound != inf and bound <= most:
                best.counts[3] += 1
                orders(m, rows, c, s, pes, placed, best)
        if not advance(position, sizes, over):
            return lowest


@kernel
def orders(m: Record, rows: IntArray, c: Record, s: Record, pes: IntArray, placed: IntArray, best: Record) -> None:
    """Cost every order worth a look for a configuration and a buffer tile."""
    inner = outer = 0
    for d in range(8):
        inner |= (1 << d) if s.buffer[d] > 1 else 0
        outer |= (1 << d) if s.outer[d] > 1 else 0
    kind, outer_kind = BUFFER_ORDERS, DRAM_ORDERS
    if c.linked:
        kind, outer_kind = ALL_BUFFER_ORDERS, ALL_DRAM_ORDERS
    first, end = m.starts[outer_kind, outer], m.starts[outer_kind, outer + 1]
    for k in range(first, end):
        outer_words(rows[k], s.tile, s.outer, m.coef, s.nest, s.dram[k - first])
    kept = _pareto(s, end - first)
    through = _reaches(inner)
    for r in range(m.starts[kind, inner], m.starts[kind, inner + 1]):
        length = append_loops(rows[r], s.buffer, c.array, s.nest, 0)
        for i in range(end - first if through else kept):
            k = i if through else s.keep[i]
            whole = append_loops(rows[first + k], s.outer, s.tile, s.nest, length)
            nest_cost(m, c, s, pes, placed, best, rows[r], rows[first + k], whole, s.dram[k])


@kernel
def _reaches(inner: I64) -> bool:
    """Whether DRAM's order matters to what the array reads: the buffer's loops alone end no run (see docs)."""
    return inner & ~0b11000001 == 0 or inner & ~0b00110100 == 0 or inner & ~0b11111000 == 0


@kernel
def _pareto(s: Record, n: I64) -> I64:
    """Indices into s.dram of the orders that no other is at least as good as; their number."""
    kept = 0
    for k in range(n):
        beaten = False
        for i in range(kept):
            j = s.keep[i]
            if s.dram[j, 0] <= s.dram[k, 0] and s.dram[j, 1] <= s.dram[k, 1] and s.dram[j, 2] <= s.dram[k, 2]:
                beaten = True
                break
        if not beaten:
            left = 0
            for i in range(kept):
                j = s.keep[i]
                if s.dram[j, 0] < s.dram[k, 0] or s.dram[j, 1] < s.dram[k, 1] or s.dram[j, 2] < s.dram[k, 2]:
                    s.keep[left] = j
                    left += 1
            s.keep[left] = k
            kept = left + 1
    return kept


@kernel
def nest_cost(
    m: Record,
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    best: Record,
    inner: IntArray,
    outer: IntArray,
    length: I64,
    dram: FloatArray,
) -> None:
    """Cost one nest (loops above the array in s.nest) and keep it if it is the best yet."""
    words = s.words
    for t in (0, 2):
        words[W_PE, t] = c.size[t] * repeats(s.nest, length, t)
    words[W_PE, 1] = input_words(c.tile, m.coef, s.nest, length)
    for t in range(3):
        words[W_MAC, t] = _mac_words(m, c, s, t, length)
        words[W_ARRAY, t] = (words[W_PE, t] if m.in_pe[t] else words[W_MAC, t]) * c.groups[t]
        words[W_BUFFER, t] = dram[t]
        words[W_DRAM, t] = dram[t] if m.in_buffer[t] else words[W_ARRAY, t]
    words[W_OTHER, FIRST] = words[W_OTHER, ALL] / c.groups[2]
    words[W_OTHER, PEER] = 0.0
    if c.linked and length and s.nest[0, 0] >= 4:
        _neighbours(m, c, s, pes, placed, best, inner, outer, length)
    else:
        _keep_best(m, c, s, best, inner, outer, -1)


@kernel
def _mac_words(m: Record, c: Record, s: Record, t: I64, length: I64) -> F64:
    """Accesses of the innermost level by the MACs; lanes that want the words they had need no new ones."""
    if m.lane_groups_still[t] == m.lane_groups[t]:
        return c.steps * m.lane_groups[t]
    still, ended, s1, s2, outer = lane_steps(m, c, t)
    for j in range(length):
        if ended:
            break
        d, n = s.nest[j, 0], s.nest[j, 1]
        outer /= n
        ended, s1, s2, stays = stays_in_lanes(t, d, s.nest[j, 2], m.coef, s1, s2)
        if stays:
            still += (n - 1) * outer
    return m.lane_groups[t] * (c.steps - still) + m.lane_groups_still[t] * still


@kernel
def _neighbours(
    m: Record,
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    best: Record,
    inner: IntArray,
    outer: IntArray,
    length: I64,
) -> None:
    """Cost one nest for every placement of the spatial loops, with the words that neighbours hand over."""
    first = s.nest[0, 0]
    plain = s.words[W_ARRAY, 1]
    into = s.words[W_PE, 1] if m.in_pe[1] else s.words[W_MAC, 1]
    _, reads, handed = first_loop(c, first - 4, float(s.nest[0, 1]), c.above)
    s.words[W_ARRAY, 1] = min(plain, reads)
    if m.links == SCALED:
        s.words[W_ARRAY, 1] = into * c.used / c.most_shared
    if not m.in_buffer[1]:
        s.words[W_DRAM, 1] = s.words[W_ARRAY, 1]
    cycles, energy = _total(m, c, s)
    if hopeless(m.objective, cycles, energy + handed_pj(m, c, handed), best.cost):
        return
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
                s.words[W_PE, 1] = s.moves[1] / c.used + s.moves[2] / c.used
                _moved(m, c, s, plain, into)
                _keep_best(m, c, s, best, inner, outer, where)
                s.words[W_PE, 1] = total
            return
    _first_order(m, s)
    while True:
        for shape in range(m.n_shapes):
            split = _split_of(m, c.x, s.linear, shape)
            if split < 0:
                continue
            n = place(s.linear, c.x, c.tile, m.coef, pes)
            s.memo[0, 0] = 0
            linked_moves(c.tile, m.coef, s.nest, length, pes, n, groups, m.shapes[shape, 0], s.memo, s.moves)
            s.words[W_PE, 1] = s.moves[1] / n + s.moves[2] / n
            _moved(m, c, s, plain, into)
            _keep_best(m, c, s, best, inner, outer, shape * 16 + split)
        if m.order[0] >= 0 or not _next_order(s.linear, c.x):
            return


@kernel
def _first_order(m: Record, s: Record) -> None:
    for i in range(8):
        s.linear[i] = m.order[i] if m.order[0] >= 0 else i


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
    shape * 16 + split, nothing, and the linear order. What a step does depends on the spatial factors and on the ratios
    of tile sizes and step alone, so configurations share rows.
    """
    key = np.zeros(PLACED_KEY, dtype=np.int64)
    code = 0
    for d in range(8):
        key[d] = c.x[d]
    for rank in range(2):
        d, v = 4 + rank, v1 if rank == 0 else v2
        a = m.coef[2 * rank] * c.tile[d] if c.x[d] > 1 else 0
        b = m.coef[2 * rank + 1] * c.tile[d + 2] if c.x[d + 2] > 1 else 0
        shared = _gcd(_gcd(a, b), v)
        if shared:
            key[8 + 3 * rank], key[9 + 3 * rank], key[10 + 3 * rank] = a // shared, b // shared, v // shared
    for i in range(PLACED_KEY):
        code = (code * 1000003 + key[i]) & 0xFFFFFFFFFFFF
    entry = code % placed.shape[0]
    known = placed[entry, 0] != 0
    for i in range(PLACED_KEY):
        known = known and placed[entry, i] == key[i]
    if known:
        return entry
    for i in range(PLACED_KEY):
        placed[entry, i] = key[i]
    placed[entry, PLACED_KEY] = _try_placements(m, c, s, pes, placed[entry], v1, v2)
    return entry


@kernel
def _gcd(a: I64, b: I64) -> I64:
    while b:
        a, b = b, a % b
    return a


@kernel
def _try_placements(m: Record, c: Record, s: Record, pes: IntArray, row: IntArray, v1: I64, v2: I64) -> I64:
    count = 0
    groups = int(c.groups[1])
    _first_order(m, s)
    while True:
        n = 0
        for shape in range(m.n_shapes):
            split = _split_of(m, c.x, s.linear, shape)
            if split < 0:
                continue
            if n == 0:
                n = place(s.linear, c.x, c.tile, m.coef, pes)
            left, served = scan(pes, n, m.shapes[shape, 0], v1, v2)
            if left >= groups:
                left, served = groups, 0
            new = True
            for k in range(count):
                at = PLACED_KEY + 1 + 12 * k
                if row[at] == left and row[at + 1] == served:
                    new = False
                    break
            if new:
                if count == PLACED_RESULTS:
                    return -1
                at = PLACED_KEY + 1 + 12 * count
                row[at], row[at + 1], row[at + 2] = left, served, shape * 16 + split
                for i in range(8):
                    row[at + 4 + i] = s.linear[i]
                count += 1
        if m.order[0] >= 0 or not _next_order(s.linear, c.x):
            return count


@kernel
def _next_order(order: IntArray, x: IntArray) -> bool:
    """The next permutation of the loops > 1, in lexicographic order, the others kept last in theirs."""
    k = 0
    for i in range(8):
        if x[order[i]] > 1:
            order[k], order[i] = order[i], order[k]
            k += 1
    i = k - 2
    while i >= 0 and order[i] > order[i + 1]:
        i -= 1
    if i < 0:
        return False
    j = k - 1
    while order[j] < order[i]:
        j -= 1
    order[i], order[j] = order[j], order[i]
    i, j = i + 1, k - 1
    while i < j:
        order[i], order[j] = order[j], order[i]
        i, j = i + 1, j - 1
    return True


@kernel
def _split_of(m: Record, x: IntArray, linear: IntArray, shape: I64) -> I64:
    """How many loops of a linear order lie on X so that it fits a shape, -1 if it does not."""
    if m.order[0] >= 0:
        return m.split if on_x(m, x, shape) >= 0 else -1
    used = 1
    for d in range(8):
        used *= x[d]
    along = 1
    for i in range(9):
        if along > m.shapes[shape, 0]:
            return -1
        if used // along <= m.shapes[shape, 1]:
            return i
        along *= x[linear[i]]
    return -1


@kernel
def _total(m: Record, c: Record, s: Record) -> tuple[F64, F64]:
    pj = c.macs * m.compute_pj
    return totals(s.words, c.used, c.steps, pj, m, m.levels_i, s.none)


@kernel
def _keep_best(m: Record, c: Record, s: Record, best: Record, inner: IntArray, outer: IntArray, placed: I64) -> None:
    """Cost s.words exactly; ``placed`` is shape * 16 + split of s.linear, or -1 where any placement will do."""
    cycles, energy = _total(m, c, s)
    best.counts[0] += 1
    value = rank_of(m.objective, cycles, energy)
    tie = cycles if m.objective not in (LATENCY, EDP) else energy
    if value > best.cost[0] or (value == best.cost[0] and tie >= best.cost[1]):
        return
    best.cost[0] = value
    best.cost[1] = tie
    for d in range(8):
        best.nest[0, d], best.nest[1, d], best.nest[2, d] = c.tile[d], c.x[d], s.tile[d]
        best.nest[3, d], best.nest[4, d], best.nest[5, d] = inner[d], outer[d], s.linear[d]
    if placed >= 0:
        best.nest[6, 0], best.nest[6, 1] = placed // 16, placed % 16
        return
    for shape in range(m.n_shapes):
        mask = on_x(m, c.x, shape)
        if mask >= 0:
            k = 0
            for wanted in (1, 0):
                for d in range(8):
                    if mask >> d & 1 == wanted:
                        best.nest[5, k] = d
                        k += 1
                if wanted:
                    best.nest[6, 1] = k
            best.nest[6, 0] = shape
            return


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

    Args:
        m, g, multiples, table: machine, lattice, and its arrays.
        choices: [n, 8] indices of spatial factors.
        begin: the first to look at.
        c, s, best: working memory, and the incumbent.
        found: [k] filled with the bounds of the configurations.
        factors: [k, 16] filled with the indices of their spatial factors and of the array's tiles.

    Returns:
        How many were found, and the first assignment not looked at because the room was used up.
    """
    sizes = np.empty(8, dtype=np.int64)
    start = np.empty(8, dtype=np.int64)
    position = np.zeros(8, dtype=np.int64)
    index = np.empty(8, dtype=np.int64)
    count = 0
    for i in range(begin, choices.shape[0]):
        before = count
        for d in range(8):
            start[d] = g.start[d, choices[i, d]]
            sizes[d] = g.start[d, choices[i, d] + 1] - start[d]
            position[d] = 0
            c.x[d] = g.divisors[d, choices[i, d]]
        more = True
        while more:
            good = True
            point = 0
            for d in range(8):
                entry = start[d] + position[d]
                index[d] = multiples[0, entry]
                c.tile[d] = g.divisors[d, multiples[1, entry]]
                good = good and g.ok[PE_TILE, d, multiples[1, entry]] != 0
                point += g.strides[d] * index[d]
            over = not fits(m, c.tile, 0)
            if good and not over and table[1, 0, point] != inf:
                best.counts[1] += 1
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
    c: Record,
    s: Record,
    pes: IntArray,
    placed: IntArray,
    dive: bool,
    best: Record,
) -> None:
    """Search the configurations ``order`` (rows of ``factors``, see `gather`), leaving out those now without hope.

    A dive costs the buffer tile of the least bound alone, for an incumbent, and proves nothing.
    """
    index = np.empty(8, dtype=np.int64)
    for i in order:
        point = 0
        for d in range(8):
            index[d] = factors[i, 8 + d]
            c.x[d] = g.divisors[d, factors[i, d]]
            c.tile[d] = g.divisors[d, index[d]] // c.x[d]
            point += g.strides[d] * index[d]
        configure(m, g.bounds, c)
        if config_bound(m, g, table, c, point, s, best) != inf:
            most = inf
            if dive:
                most = expand(m, rows, g, multiples, table, c, index, s, pes, placed, -1.0, best)
            expand(m, rows, g, multiples, table, c, index, s, pes, placed, most, best)
