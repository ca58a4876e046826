"""The best nest yet: what a nest costs, and what is remembered of it: compiled."""

from __future__ import annotations

from flexloop.embedded.jit import allocating, kernel
from flexloop.embedded.mapper.exact.arrival import arriving
from flexloop.embedded.mapper.exact.bounds import rank_of
from flexloop.embedded.mapper.exact.cost import W_PE, totals
from flexloop.embedded.mapper.exact.placing import on_x
from flexloop.embedded.mapper.exact.problem import EDP, LATENCY, Record
from flexloop.embedded.mapper.exact.types import F64, I64, IntArray


@kernel
def nest_totals(m: Record, c: Record, s: Record) -> tuple[F64, F64]:
    """Cycles and energy of the words in s.words."""
    pj = c.macs * m.compute_pj
    return totals(s.words, c.used, c.steps, pj, m, m.levels_i, s.none)


@kernel
def _is_better(m: Record, cycles: F64, energy: F64, best: Record) -> bool:
    value, tie = _keys(m, cycles, energy)
    better: bool = value < best.cost[0] or (value == best.cost[0] and tie < best.cost[1])
    return better


@kernel
def _keys(m: Record, cycles: F64, energy: F64) -> tuple[F64, F64]:
    return rank_of(m.objective, cycles, energy), cycles if m.objective not in (LATENCY, EDP) else energy


@allocating
def keep_best(
    m: Record,
    c: Record,
    s: Record,
    pes: IntArray,
    best: Record,
    inner: IntArray,
    outer: IntArray,
    length: I64,
    placed: I64,
) -> None:
    """Cost the nest of s.words exactly; ``placed`` is shape * 16 + split of s.linear, or -1 where any will do."""
    best.counts[0] += 1
    whole = s.words[W_PE, 1]
    s.words[W_PE, 1] -= c.short
    cycles, energy = nest_totals(m, c, s)
    if c.short and _is_better(m, cycles, energy, best):
        s.words[W_PE, 1] = arriving(m, c, s, pes, length, placed, whole)
        cycles, energy = nest_totals(m, c, s)
    s.words[W_PE, 1] = whole
    if not _is_better(m, cycles, energy, best):
        return
    best.cost[0], best.cost[1] = _keys(m, cycles, energy)
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
