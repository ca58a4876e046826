"""The least that words moved cost in cycles and energy: compiled, for nests of three groups of levels.

Every rounding in it is monotone, so with lower bounds of the words put in, what comes out is a lower bound. What
neighbours hand on is left out.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.problem import Record

# Columns of the table of levels (integers): group (0 PE, 1 buffer, 2 DRAM), words of a row, whether each tensor is
# kept.
GROUP, BLOCK, KEPT = 0, 1, 2
# Columns of the table of levels (doubles): pJ of a read, a fill, an update, leakage; words a cycle read and written;
# most instances that count for energy.
E_READ, E_FILL, E_UPDATE, LEAK, READ_BW, WRITE_BW, INSTANCES = range(7)
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
        instances = min(np.float64(used if group == 0 else 1), machine.levels_f[level, INSTANCES])
        block = levels_i[level, BLOCK]
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
            pj = (
                ceil(reads / block) * machine.levels_f[level, E_READ]
                + ceil(fills / block) * machine.levels_f[level, E_FILL]
                + ceil(updates / block) * machine.levels_f[level, E_UPDATE]
            )
            level_energy += pj * instances
        slow = 1.0
        if machine.levels_f[level, READ_BW] < read:
            slow = machine.levels_f[level, READ_BW] / read
        if machine.levels_f[level, WRITE_BW] < written:
            slow = min(slow, machine.levels_f[level, WRITE_BW] / written)
        cycles = max(cycles, np.float64(ceil(steps / slow * extra[4])))
        energy += level_energy
    for level in range(machine.n_levels):
        instances = np.float64(used if levels_i[level, GROUP] == 0 else 1)
        energy += machine.levels_f[level, LEAK] * cycles * max(1.0, instances)
    return cycles, energy + compute_pj + extra[0]


@kernel
def _counts(words: Floats, group: int, t: int) -> tuple[float, float, float]:
    """Reads, fills and updates of one instance of a level in a group."""
    if group == 0:
        out, into = words[W_MAC, t], words[W_PE, t]
    elif group == 1:
        out, into = words[W_ARRAY, t], words[W_BUFFER, t]
    else:
        out, into = words[W_DRAM, t], 0.0
    if t == 2:
        first = words[W_OTHER, FIRST] if group == 0 else words[W_OTHER, ALL]
        fills = 0.0 if group == 2 else floor(into - first + 0.5)
        return floor(out - first + 0.5), fills, floor(out + 0.5)
    return floor(out + 0.5), floor(into), 0.0
