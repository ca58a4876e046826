"""The leaves of a configuration and its buffer tile: the orders worth a look, each with the least that it can cost.

What a leaf costs is the cost model's to say (see `leaves`). Here it is bounded by the words that its loops move, which
are all but exact where no neighbour can serve any of its steps.
"""

from __future__ import annotations

from math import inf

from flexloop.embedded.arrays import Floats
from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.bounds import hopeless, is_better, lane_steps, stays_in_lanes
from flexloop.embedded.mapper.exact.cost import (
    W_ARRAY,
    W_MAC,
    W_PE,
    set_outer,
    set_reads,
    totals,
)
from flexloop.embedded.mapper.exact.grid import outer_words
from flexloop.embedded.mapper.exact.overlap import first_loop, handed_pj
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BUFFER_EXTENTS,
    BUFFER_ORDER,
    BUFFER_ORDERS,
    DRAM_ORDER,
    DRAM_ORDERS,
    PE_FACTORS,
    SERVED,
    SPATIAL_FACTORS,
    Record,
    Subproblem,
    Workspace,
)
from flexloop.embedded.mapper.exact.words import append_loops, input_words, repeats


@kernel
def collect(subproblem: Subproblem, workspace: Workspace) -> bool:
    """Append the leaves of a configuration and the buffer tile at hand that may be better than the incumbent.

    The tile is in workspace.scratch. Returns False where the space for leaves is used up; then workspace.scratch.resume
    says where the next call goes on.
    """
    machine, orders, config, scratch = subproblem.machine, subproblem.orders, workspace.config, workspace.scratch
    inner = outer = 0
    for d in range(8):
        inner |= (1 << d) if scratch.buffer[d] > 1 else 0
        outer |= (1 << d) if scratch.outer[d] > 1 else 0
    kind, outer_kind = BUFFER_ORDERS, DRAM_ORDERS
    if config.linked:
        kind, outer_kind = ALL_BUFFER_ORDERS, ALL_DRAM_ORDERS
    first, end = machine.starts[outer_kind, outer], machine.starts[outer_kind, outer + 1]
    for k in range(first, end):
        outer_words(orders[k], scratch.tile, scratch.outer, machine.coef, scratch.nest, scratch.dram[k - first])
    for r in range(machine.starts[kind, inner] + scratch.resume[0], machine.starts[kind, inner + 1]):
        length = append_loops(orders[r], scratch.buffer, config.array, scratch.nest, 0)
        for k in range(scratch.resume[1], end - first):
            if scratch.leaves == len(workspace.leaves):
                scratch.resume[0], scratch.resume[1] = r - machine.starts[kind, inner], k
                return False
            whole = append_loops(orders[first + k], scratch.outer, scratch.tile, scratch.nest, length)
            scratch.work += 20
            cycles, energy, served = _least_cost(machine, workspace, whole, scratch.dram[k])
            if served or is_better(machine.objective, cycles, energy, workspace.best.cost):
                _append(workspace, cycles, energy, r, first + k, served)
        scratch.resume[1] = 0
    scratch.resume[0] = 0
    return True


@kernel
def _append(workspace: Workspace, cycles: float, energy: float, inner: int, outer: int, served: bool) -> None:
    n = workspace.scratch.leaves
    leaf = workspace.leaves[n]
    for d in range(8):
        leaf[PE_FACTORS + d] = workspace.config.tile[d]
        leaf[SPATIAL_FACTORS + d] = workspace.config.x[d]
        leaf[BUFFER_EXTENTS + d] = workspace.scratch.tile[d]
    leaf[BUFFER_ORDER], leaf[DRAM_ORDER], leaf[SERVED] = inner, outer, served
    workspace.costs[n, 0], workspace.costs[n, 1] = cycles, energy
    workspace.scratch.leaves = n + 1


@kernel
def _least_cost(machine: Record, workspace: Workspace, length: int, dram: Floats) -> tuple[float, float, bool]:
    """Least cycles and energy of the nest in workspace.scratch.nest, and whether neighbours may serve steps of it.

    Cycles are infinite where it is worse than the incumbent.
    """
    config, scratch = workspace.config, workspace.scratch
    _fill_words(machine, config, scratch, length, dram)
    plain = reads = scratch.words[W_ARRAY, 1]
    handed = 0.0
    served = config.linked != 0 and length > 0 and scratch.nest[0, 0] >= 4
    if served:
        _, reads, handed = first_loop(config, scratch.nest[0, 0] - 4, float(scratch.nest[0, 1]), config.above)
        if machine.scaled:
            reads = plain / config.groups[1] * config.used / config.most_shared
        reads = min(plain, reads)
    cycles, energy = _with_reads(machine, config, scratch, reads, handed)
    if served and hopeless(machine.objective, cycles, energy, workspace.best.cost):
        return inf, inf, False
    return cycles, energy, served


@kernel
def _with_reads(machine: Record, config: Record, scratch: Record, reads: float, handed: float) -> tuple[float, float]:
    """Cycles and energy of a nest whose inputs are read so often by the array, and handed on to as many PEs or more."""
    words = scratch.words
    set_reads(machine, words, 1, reads)
    pj = config.macs * machine.compute_pj + (handed_pj(machine, config, handed) if handed > 0 else 0.0)
    return totals(words, config.used, config.steps, pj, machine, machine.levels_i, scratch.none)


@kernel
def _fill_words(machine: Record, config: Record, scratch: Record, length: int, dram: Floats) -> None:
    """Write the words of the nest in scratch.nest if no neighbour hands on any; what rounding may hide is left out."""
    words = scratch.words
    for t in (0, 2):
        words[W_PE, t] = config.size[t] * repeats(scratch.nest, length, t)
    words[W_PE, 1] = input_words(config.tile, machine.coef, scratch.nest, length)
    for t in range(3):
        words[W_MAC, t] = _mac_words(machine, config, scratch, t, length)
        set_outer(machine, words, t, config.groups[t], dram[t])
    words[W_PE, 1] -= config.short


@kernel
def _mac_words(machine: Record, config: Record, scratch: Record, t: int, length: int) -> float:
    """Accesses of the innermost level by the MACs; lanes that want the words they had need no new ones."""
    if machine.lane_groups_still[t] == machine.lane_groups[t]:
        return config.steps * machine.lane_groups[t]
    still, ended, s1, s2, outer = lane_steps(machine, config, t)
    for j in range(length):
        if ended:
            break
        d, n = scratch.nest[j, 0], scratch.nest[j, 1]
        outer /= n
        ended, s1, s2, stays = stays_in_lanes(t, d, scratch.nest[j, 2], machine.coef, s1, s2)
        if stays:
            still += (n - 1) * outer
    return machine.lane_groups[t] * (config.steps - still) + machine.lane_groups_still[t] * still
