"""The leaves of a configuration and its buffer tile: the orders worth a look, each with the least that it can cost.

What a leaf costs is the cost model's to say (see `leaves`). Here it is bounded by the words that its loops move, which
are all but exact where no neighbour can serve any of its steps.
"""

from __future__ import annotations

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
from flexloop.embedded.mapper.exact.overlap import MOVED, first_loop, handed_pj
from flexloop.embedded.mapper.exact.problem import (
    ALL_BUFFER_ORDERS,
    ALL_DRAM_ORDERS,
    BUFFER_EXTENTS,
    BUFFER_ORDER,
    BUFFER_ORDERS,
    COSTS,
    DRAM_ORDER,
    DRAM_ORDERS,
    FIRST_LOOP,
    FIRST_PJ,
    LEAST_CYCLES,
    LEAST_PJ,
    OTHERS_PJ,
    PE_FACTORS,
    PLAIN_PJ,
    SERVED,
    SPATIAL_FACTORS,
    Record,
    Subproblem,
    Workspace,
)
from flexloop.embedded.mapper.exact.words import append_loops, displacement, input_words, repeats


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
            may_be, served = _bounded(machine, workspace, whole, scratch.dram[k])
            if may_be:
                _append(workspace, r, first + k, served)
        scratch.resume[1] = 0
    scratch.resume[0] = 0
    return True


@kernel
def _append(workspace: Workspace, inner: int, outer: int, served: bool) -> None:
    n = workspace.scratch.leaves
    leaf = workspace.leaves[n]
    for d in range(8):
        leaf[PE_FACTORS + d] = workspace.config.tile[d]
        leaf[SPATIAL_FACTORS + d] = workspace.config.x[d]
        leaf[BUFFER_EXTENTS + d] = workspace.scratch.tile[d]
    leaf[BUFFER_ORDER], leaf[DRAM_ORDER], leaf[SERVED] = inner, outer, served
    workspace.scratch.leaves = n + 1


@kernel
def _bounded(machine: Record, workspace: Workspace, length: int, dram: Floats) -> tuple[bool, bool]:
    """Write the least costs of the nest in workspace.scratch.nest, see `Workspace.costs`, after those of the leaves.

    Returns:
        Whether it may beat the incumbent, and whether neighbours may serve steps of it.
    """
    config, scratch, costs = workspace.config, workspace.scratch, workspace.costs[workspace.scratch.leaves]
    _fill_words(machine, config, scratch, length, dram)
    plain = reads = scratch.words[W_ARRAY, 1]
    handed = 0.0
    first = scratch.nest[0, 0] - 4 if length > 0 else -1
    served = config.linked != 0 and first >= 0
    for column in range(FIRST_LOOP, COSTS):
        costs[column] = 0.0
    if served:
        _, reads, handed = first_loop(config, first, float(scratch.nest[0, 1]), config.above)
        if machine.scaled:
            reads = plain / config.groups[1] * config.used / config.most_shared
        servable = _servable(machine, config, scratch, length, costs)
        share = plain / (scratch.words[W_PE, 1] * config.groups[1]) if machine.scaled else 1.0
        costs[FIRST_LOOP] = first
        for column in range(FIRST_PJ, COSTS):
            costs[column] *= share * machine.read_pj
        reads = min(plain, max(reads, plain - servable * share))
    cycles, energy = _with_reads(machine, config, scratch, reads)
    costs[LEAST_CYCLES], costs[LEAST_PJ], costs[PLAIN_PJ] = cycles, energy, energy
    if not served:
        return is_better(machine.objective, cycles, energy, workspace.best.cost), False
    costs[LEAST_PJ] += handed_pj(machine, config, handed)
    costs[PLAIN_PJ] += (plain - reads) * machine.read_pj - machine.read_row_pj
    return not hopeless(machine.objective, cycles, costs[LEAST_PJ], workspace.best.cost), True


@kernel
def _servable(machine: Record, config: Record, scratch: Record, length: int, reads: Floats) -> float:
    """Write the reads of inputs that neighbours may serve from column FIRST_PJ on; how many these are (rule 5d).

    Once a loop over N, G or C has moved a tile, no later step leads to one that a neighbour has. Where tiles overlap,
    only steps like the first are served.
    """
    nest = scratch.nest
    outer = config.above / nest[0, 1]
    moved = config.overlap[nest[0, 0] - 4, MOVED] * config.groups[1]
    overlap = moved < config.size[1] * config.groups[1]
    total = reads[FIRST_PJ] = moved * (nest[0, 1] - 1) * outer
    width, height, _ = displacement(nest[0, 0], nest[0, 2], machine.coef)
    for j in range(1, length):
        step1, step2, apart = displacement(nest[j, 0], nest[j, 2], machine.coef)
        if apart != 0:
            break
        outer /= nest[j, 1]
        words = moved * (nest[j, 1] - 1) * outer
        total += words
        if overlap:
            reads[FIRST_PJ] += words
        elif step2 == height:
            reads[OTHERS_PJ] += words
        elif step1 == width:
            reads[OTHERS_PJ + 1] += words
        else:
            reads[OTHERS_PJ + 2] += words
        width, height = width + step1, height + step2
    return total


@kernel
def _with_reads(machine: Record, config: Record, scratch: Record, reads: float) -> tuple[float, float]:
    """Cycles and energy of a nest whose inputs are read so often by the array."""
    words = scratch.words
    set_reads(machine, words, 1, reads)
    pj = config.macs * machine.compute_pj
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
