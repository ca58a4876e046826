"""The least that words moved cost in cycles and energy: compiled, for nests of three groups of levels.

Every rounding in it is monotone, so with lower bounds of the words put in, what comes out is a lower bound. What
neighbours hand on is left out.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.rules.cost import energy_of_all, row_energy, slowdown
from flexloop.embedded.rules.counts import whole_words
from flexloop.embedded.rules.tables import LEAK

# Columns of the table of levels (integers): group (0 PE, 1 buffer, 2 DRAM), words of a row, whether each tensor is
# kept, clusters. The table of doubles has the columns of the model's `Tables.rates`.
GROUP, BLOCK, KEPT, CLUSTERS = 0, 1, 2, 5
# Rows of the array of words: innermost accesses, words into a PE, reads of the buffer by the array, words into the
# buffer, reads of DRAM; then scalars of a nest.
W_MAC, W_PE, W_ARRAY, W_BUFFER, W_DRAM, W_OTHER = range(6)
# In row W_OTHER: output words that a PE first touches, all output words.
FIRST, ALL = range(2)


@kernel
def totals(
    words: Floats,
    used: int,
    steps: float,
    compute_pj: float,
    machine: Record,
    levels_i: Ints,
    extra: Floats,
) -> tuple[float, float]:
    """Cycles and energy (pJ) of a nest.

    Args:
        words: [6, 3] words by kind and tensor (Weights, Inputs, Outputs), see the constants above.
        used: PEs in use.
        steps: temporal iterations.
        compute_pj: energy of all MACs.
        machine: the machine.
        levels_i: its table of levels, for leaves or for what stands for many of them (`levels_b`).
        extra: for bounds, what is not in ``words``: pJ; words written to the one buffer; words read from and written
            to DRAM (all 0 for leaves); last, a factor on cycles before they are rounded up, below 1 for bounds
            because sums in another order may come out a little larger (1 for leaves).
    """
    cycles = steps
    energy = 0.0
    for level in range(machine.n_levels):
        group = levels_i[level, GROUP]
        instances = used if group == 0 else 1
        read = extra[2] / steps if group == 2 else 0.0
        written = extra[3] / steps if group == 2 else extra[1] / steps if group == 1 else 0.0
        level_energy = 0.0
        for k in range(3):
            t = machine.names[k]
            if not levels_i[level, KEPT + t]:
                continue
            reads, fills, updates = _counts(words, group, t)
            read += reads / steps
            written += (fills + updates) / steps
            pj = row_energy(reads, fills, updates, level, levels_i[level, BLOCK], machine.levels_f)
            level_energy += energy_of_all(pj, instances, instances, levels_i[level, CLUSTERS])
        slow = slowdown(machine.levels_f, level, read, written)
        cycles = max(cycles, np.float64(ceil(steps / slow * extra[4])))
        energy += level_energy
    for level in range(machine.n_levels):
        energy += machine.levels_f[level, LEAK] * cycles * (used if levels_i[level, GROUP] == 0 else 1)
    return cycles, energy + compute_pj + extra[0]


@kernel
def set_reads(machine: Record, words: Floats, t: int, reads: float) -> None:
    """Write what the array reads of a tensor: from the buffer, or from DRAM where that keeps none of it."""
    words[W_ARRAY, t] = reads
    if not machine.in_buffer[t]:
        words[W_DRAM, t] = reads


@kernel
def set_outer(machine: Record, words: Floats, t: int, groups: float, outer: float) -> None:
    """Write what crosses the boundaries above the PEs, given what crosses theirs.

    Args:
        machine: the machine.
        words: has what goes into a PE, and to its MACs, and all output words.
        t: the tensor.
        groups: distinct offsets in the array.
        outer: words into the buffer.
    """
    if t == 2:
        words[W_OTHER, FIRST] = words[W_OTHER, ALL] / groups
    words[W_BUFFER, t] = words[W_DRAM, t] = outer
    set_reads(machine, words, t, (words[W_PE, t] if machine.in_pe[t] else words[W_MAC, t]) * groups)


@kernel
def _counts(words: Floats, group: int, t: int) -> tuple[float, float, float]:
    """Reads, fills and updates of one instance of a level in a group."""
    own = words[W_OTHER, FIRST] if group == 0 else words[W_OTHER, ALL]
    if group == 0:
        out, into = words[W_MAC, t], words[W_PE, t]
    elif group == 1:
        out, into = words[W_ARRAY, t], words[W_BUFFER, t]
    else:
        out, into = words[W_DRAM, t], 0.0
    reads, fills, updates = whole_words(out, into, 0.0, own, t == 2)
    return reads, 0.0 if group == 2 else fills, updates
