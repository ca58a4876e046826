"""Lower bounds of an assignment of spatial factors, over all PE tiles at once: compiled."""

from __future__ import annotations

from math import inf

import numpy as np

from flexloop.embedded.arrays import Floats, Ints
from flexloop.embedded.jit import F1, F3, I2, entry, kernel
from flexloop.embedded.mapper.exact.cost import (
    ALL,
    FIRST,
    W_ARRAY,
    W_MAC,
    W_OTHER,
    W_PE,
    set_outer,
    set_reads,
    totals,
)
from flexloop.embedded.mapper.exact.grid import advance, fits, look_up
from flexloop.embedded.mapper.exact.problem import LATTICE_TYPE, MACHINE_TYPE, PE_TILE, SCRATCH_TYPE, Record
from flexloop.embedded.mapper.exact.words import (
    INPUTS,
    OUTPUTS,
    WEIGHTS,
    brought,
    displacement,
    moving,
    offsets,
    repeating,
    tile_words,
)
from flexloop.embedded.mapper.space import ranked_by

# Over all PE tiles that fit: most MACs for one word of weights and of outputs, least words of inputs for one MAC where
# another tensor stays in place, and the same times the tile's M, for where inputs stay.
PER_WEIGHT, PER_OUTPUT, PER_MAC, PER_MAC_STAY = range(4)


@entry(MACHINE_TYPE, LATTICE_TYPE, allocates=True)
def tile_extremes(machine: Record, lattice: Record) -> Floats:
    """The best that any PE tile does for each tensor taken alone; all inf where none fits."""
    best = np.zeros(4)
    best[PER_MAC] = best[PER_MAC_STAY] = inf
    index = np.zeros(8, dtype=np.int64)
    tile = np.ones(8, dtype=np.int64)
    while True:
        good = True
        for d in range(8):
            tile[d] = lattice.divisors[d, index[d]]
            good = good and lattice.ok[PE_TILE, d, index[d]] != 0
        over = not fits(machine, tile, 0)
        if good and not over:
            macs = 1.0
            for d in range(8):
                macs *= tile[d]
            least = np.float64(tile_words(tile, machine.coef, INPUTS))
            for k in range(4):
                d, partner = 4 + k, 4 + (k + 2) % 4
                if tile[d] == lattice.bounds[d]:
                    continue
                step1, step2, _ = displacement(d, tile[d], machine.coef)
                still = 0.5 if tile[partner] < lattice.bounds[partner] else 1.0
                least = min(least, np.float64(still * brought(tile, machine.coef, step1, step2)))
            best[PER_WEIGHT] = max(best[PER_WEIGHT], np.float64(repeating(tile, WEIGHTS)))
            best[PER_OUTPUT] = max(best[PER_OUTPUT], np.float64(repeating(tile, OUTPUTS)))
            best[PER_MAC] = min(best[PER_MAC], least / macs)
            best[PER_MAC_STAY] = min(best[PER_MAC_STAY], least / macs * tile[3])
        if not advance(index, lattice.counts, over):
            break
    if best[PER_MAC] == inf:
        for i in range(4):
            best[i] = inf
    return best


@entry(MACHINE_TYPE, LATTICE_TYPE, F3, I2, F1, SCRATCH_TYPE, allocates=True)
def spatial_bounds(
    machine: Record, lattice: Record, table: Floats, choices: Ints, extremes: Floats, scratch: Record
) -> Floats:
    """[n, 2] least objective and least tie-break of each assignment of spatial factors (indices [n, 8])."""
    bounds = np.full((choices.shape[0], 2), inf)
    x = np.ones(8, dtype=np.int64)
    for i in range(choices.shape[0]):
        point = 0
        for d in range(8):
            x[d] = lattice.divisors[d, choices[i, d]]
            point += lattice.strides[d] * choices[i, d]
        if not look_up(machine, table[1], point, scratch):
            continue
        for family in range(4):
            cycles, energy = _family(machine, lattice, x, family, extremes, scratch)
            value, tie = ranked_by(machine.objective, cycles, energy)
            bounds[i, 0] = min(bounds[i, 0], value)
            bounds[i, 1] = min(bounds[i, 1], tie)
    return bounds


@kernel
def _family(
    machine: Record, lattice: Record, x: Ints, family: int, extremes: Floats, scratch: Record
) -> tuple[float, float]:
    words = scratch.words
    used = lanes = 1
    each = np.float64(1)
    for d in range(8):
        used *= x[d]
        lanes *= machine.lanes[d]
        each *= lattice.bounds[d] // x[d]
    for t in (0, 2):
        words[W_PE, t] = each / extremes[PER_WEIGHT if t == 0 else PER_OUTPUT]
        if family == t:
            words[W_PE, t] = np.float64(moving(lattice.bounds, t) // moving(x, t))
    words[W_PE, 1] = each * extremes[PER_MAC]
    if family == 1:
        words[W_PE, 1] = each * extremes[PER_MAC_STAY] / (lattice.bounds[3] // x[3])
    groups_w, groups_o = offsets(x, x, machine.coef, WEIGHTS), offsets(x, x, machine.coef, OUTPUTS)
    coupled = (lattice.bounds[4] > 1 and lattice.bounds[6] > 1) or (lattice.bounds[5] > 1 and lattice.bounds[7] > 1)
    groups_i = x[0] * x[1] * x[2]
    if not coupled:
        groups_i *= x[4] * x[5] * x[6] * x[7]
    elif family == 1:
        groups_i *= (x[4] + x[6] - 1) * (x[5] + x[7] - 1)
    steps = each / lanes
    whole = words[W_OTHER, ALL] = np.float64(tile_words(lattice.bounds, machine.coef, 2))
    for t in range(3):
        many = groups_w if t == 0 else groups_i if t == 1 else groups_o
        still = machine.lane_groups_still[t] != machine.lane_groups[t]
        words[W_MAC, t] = 0.0 if still else steps * machine.lane_groups[t]
        set_outer(machine, words, t, many, whole if t == 2 else 0.0)
    # Every output word passes each level at least once.
    words[W_PE, 2] = max(words[W_PE, 2], words[W_OTHER, FIRST])
    words[W_MAC, 2] = max(words[W_MAC, 2], words[W_OTHER, FIRST])
    set_reads(machine, words, 2, max(words[W_ARRAY, 2], whole))
    if used & (used - 1) and coupled:
        words[W_PE, 1] = max(0.0, words[W_PE, 1] - 1)  # see `arrival`
    macs = each * used
    return totals(words, used, steps, macs * machine.compute_pj, machine, machine.levels_b, scratch.extra)
