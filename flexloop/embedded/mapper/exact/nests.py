"""The orders of a configuration and its buffer tile: which are worth a look, and what each nest costs."""

from __future__ import annotations

from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.best import keep_best
from flexloop.embedded.mapper.exact.bounds import lane_steps, stays_in_lanes
from flexloop.embedded.mapper.exact.cost import (
    ALL,
    FIRST,
    PEER,
    W_ARRAY,
    W_BUFFER,
    W_DRAM,
    W_MAC,
    W_OTHER,
    W_PE,
)
from flexloop.embedded.mapper.exact.grid import outer_words
from flexloop.embedded.mapper.exact.neighbours import neighbours
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BUFFER_ORDERS,
    DRAM_ORDERS,
    TOO_MUCH,
    Record,
)
from flexloop.embedded.mapper.exact.types import F64, I64, FloatArray, IntArray
from flexloop.embedded.mapper.exact.words import append_loops, input_words, repeats


@kernel
def orders(m: Record, rows: IntArray, c: Record, s: Record, pes: IntArray, placed: IntArray, best: Record) -> bool:
    """Cost every order worth a look for a configuration and a buffer tile; False where that was given up half-way."""
    before = s.work
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
            s.work += 20
            if not nest_cost(m, c, s, pes, placed, best, rows[r], rows[first + k], whole, s.dram[k]):
                return False
            if s.work - before > TOO_MUCH:
                return False
    return True


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
) -> bool:
    """Cost one nest (loops above the array in s.nest), keep it if it is the best yet; False if that was given up."""
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
        return neighbours(m, c, s, pes, placed, best, inner, outer, length)
    keep_best(m, c, s, pes, best, inner, outer, length, -1)
    return True


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
