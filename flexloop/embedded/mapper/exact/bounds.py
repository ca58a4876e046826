"""Lower bounds of a configuration (PE tile and spatial factors), alone or with a buffer tile: compiled.

Orders fall into families by their innermost loop: it leaves weights in place (N, P, Q), inputs (M), outputs (C, R, S)
or nothing (G), or there is no loop at all. In each family the words of the two other tensors are known but for the
overlap of input tiles, which is bounded. See docs/search.md, "Bounds".
"""

from __future__ import annotations

from math import inf
from typing import Any

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.cost import ALL, W_MAC, W_OTHER, W_PE, set_outer, set_reads, totals
from flexloop.embedded.mapper.exact.overlap import can_link, first_loop, handed_pj, overlaps
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.words import IRRELEVANT, displacement, offsets, tile_words
from flexloop.embedded.mapper.facts import SLACK
from flexloop.embedded.mapper.space import ENERGY, LATENCY, ranked_by

FAMILIES = 5
BY_WEIGHTS, BY_INPUTS, BY_OUTPUTS, BY_NONE, NO_LOOP = range(FAMILIES)


@kernel
def least_factor(n: int) -> int:
    """Least prime factor, 1 for 1."""
    if n == 1:
        return 1
    k = 2
    while k * k <= n:
        if n % k == 0:
            return k
        k += 1
    return n


@kernel
def configure(machine: Record, bounds: Ints, config: Record) -> None:
    """Fill in what follows from config.tile and config.x."""
    used = above = macs = inner = 1
    for d in range(8):
        config.array[d] = config.tile[d] * config.x[d]
        config.left[d] = bounds[d] // config.array[d]
        config.least[d] = least_factor(config.left[d])
        used *= config.x[d]
        above *= config.left[d]
        macs *= bounds[d]
        inner *= config.tile[d] // machine.lanes[d]
    config.used = used
    config.steps = above * inner
    config.above = above
    config.macs = macs
    for t in range(3):
        config.groups[t] = offsets(config.x, config.tile, machine.coef, t)
        config.size[t] = tile_words(config.tile, machine.coef, t)
    linked = used > 1 and can_link(machine, config)
    config.linked = 1 if linked else 0
    uneven = config.groups[1] < used // config.x[3]
    added = machine.in_pe[1] and not machine.scaled and (linked or uneven)
    config.short = 1 if added and used & (used - 1) else 0
    config.most_shared = config.x[3] * min(config.x[4], config.x[6]) * min(config.x[5], config.x[7])
    overlaps(machine, config)


@kernel
def _inputs(
    machine: Record, config: Record, family: int, present: Ints, least: Ints, most: Ints, run: float
) -> tuple[float, float, float]:
    """Least words of inputs into a PE, reads of the buffer for them, and pJ of handing over, in a family."""
    iterations = config.above / run
    words, reads, pj = inf, inf, inf
    for k in range(4):
        d = 4 + k
        # Where M is innermost, any loop left may come next.
        if not (present[d] > 0 or (family == BY_INPUTS and config.left[d] > 1)) or family >= BY_NONE:
            continue
        if (family == BY_WEIGHTS and d < 6) or (family == BY_OUTPUTS and d >= 6):
            continue
        into, least_reads, handed = first_loop(config, k, float(least[d]), iterations)
        if most[d] > least[d]:
            into_most, reads_most, handed_most = first_loop(config, k, float(most[d]), iterations)
            into, least_reads = min(into, into_most), min(least_reads, reads_most)
            handed = min(handed, handed_most)
        if family == BY_INPUTS:
            least_reads, handed = into * config.groups[1], 0.0
        words = min(words, into)
        reads = min(reads, least_reads)
        pj = min(pj, handed_pj(machine, config, handed))
    closes = (
        (present[0] > 0 and family == BY_WEIGHTS)
        or (present[2] > 0 and family == BY_OUTPUTS)
        or (present[1] > 0 and family == BY_NONE)
        or (family == BY_INPUTS and (config.left[0] > 1 or config.left[1] > 1 or config.left[2] > 1))
    )
    if closes or words == inf:
        words = min(words, config.size[1] * iterations)
        reads = min(reads, config.size[1] * iterations * config.groups[1])
        pj = 0.0
    return max(words, config.size[1]), reads, pj


@kernel
def _exists(family: int, present: Ints) -> bool:
    """Whether one of the loops that are present may be a family's innermost."""
    none = True
    for d in range(8):
        if present[d] > 0:
            none = False
            if d == 1 if family == BY_NONE else family < BY_NONE and IRRELEVANT[family, d]:
                return True
    return none and family == NO_LOOP


@kernel
def stays_in_lanes(t: int, d: int, stride: int, coef: Ints, s1: int, s2: int) -> tuple[bool, int, int, bool]:
    """One loop further out.

    Returns whether no step can leave the tensor in place any more, the displacements so far along width and height,
    and whether the steps of this loop leave it in place.
    """
    if t != 1:
        return not IRRELEVANT[t, d], 0, 0, IRRELEVANT[t, d]
    d1, d2, du = displacement(d, stride, coef)
    stays = du == 0 and d1 == s1 and d2 == s2
    s1, s2 = s1 + d1, s2 + d2
    return du != 0 or (s1 != 0 and s2 != 0), s1, s2, stays


@kernel
def lane_steps(machine: Record, config: Record, t: int) -> tuple[float, bool, int, int, float]:
    """Steps of the PE's own loops that leave a tensor in place in the lanes, and the state after them.

    The state: whether no further loop can, displacements along width and height, iterations of the loops above.
    """
    still = 0.0
    outer = config.steps
    ended = False
    s1 = s2 = 0
    for i in range(8):
        d = machine.lane_order[i]
        n = config.tile[d] // machine.lanes[d]
        if n == 1 or ended:
            continue
        outer /= n
        ended, s1, s2, stays = stays_in_lanes(t, d, machine.lanes[d], machine.coef, s1, s2)
        if stays:
            still += (n - 1) * outer
    return still, ended, s1, s2, outer


@kernel
def _lane_words(machine: Record, config: Record, t: int) -> float:
    """Least accesses of the innermost level by the MACs."""
    if machine.lane_groups_still[t] == machine.lane_groups[t]:
        return config.steps * machine.lane_groups[t]
    still, ended, _, _, _ = lane_steps(machine, config, t)
    moving = config.steps - still
    if not ended:
        moving /= config.above
    return machine.lane_groups[t] * moving + machine.lane_groups_still[t] * (config.steps - moving)


@kernel
def family_cost(
    machine: Record, config: Record, scratch: Record, family: int, least: Ints, most: Ints
) -> tuple[float, float]:
    """Least cycles and energy of the nests of one family (inf where it has none).

    Args:
        machine, config: machine and configuration.
        scratch: which dimensions may be innermost (``first``), the most iterations for which each tensor can stay in
            place (``runs``), the cost of the outermost boundary (``extra``), and space for words.
        family: which.
        least, most: [8] least and greatest factor of the loops that may be innermost.
    """
    if not _exists(family, scratch.first):
        return inf, inf
    words, iterations = scratch.words, config.above
    run = 1.0
    if family == BY_INPUTS:
        least, most, run = config.least, config.left, scratch.runs[1]
    words[W_PE, 1], reads, handed = _inputs(machine, config, family, scratch.first, least, most, run)
    for t in (0, 2):
        words[W_PE, t] = config.size[t] * iterations / (scratch.runs[t] if family == t else 1.0)
    for t in range(3):
        words[W_MAC, t] = _lane_words(machine, config, t)
        groups = config.used / config.most_shared if t == 1 and config.linked else config.groups[t]
        set_outer(machine, words, t, groups, words[W_OTHER, ALL] if t == 2 else 0.0)
    if machine.in_pe[1] and not machine.scaled:
        set_reads(machine, words, 1, reads)
    words[W_PE, 1] -= config.short
    pj = config.macs * machine.compute_pj + handed
    return totals(words, config.used, config.steps, pj, machine, machine.levels_b, scratch.extra)


@kernel
def hopeless(objective: int, cycles: Any, energy: Any, cost: Floats) -> Any:
    """Whether nothing that costs at least this much can beat the incumbent, ties included; interpreted, of many too."""
    energy = energy * SLACK
    if objective == LATENCY:
        return (cycles > cost[0]) | ((cycles == cost[0]) & (energy >= cost[1]))
    if objective == ENERGY:
        return (energy > cost[0]) | ((energy == cost[0]) & (cycles >= cost[1]))
    return cycles * energy > cost[0]


@kernel
def is_better(objective: int, cycles: float, energy: float, cost: Floats) -> bool:
    """Whether what costs just this beats the incumbent, tie-break included."""
    value, tie = ranked_by(objective, cycles, energy)
    better: bool = value < cost[0] or (value == cost[0] and tie < cost[1])
    return better
