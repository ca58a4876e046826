"""Cycles under the bandwidths, and energy (rules 10 and 11), in Timeloop's order of operations."""

from __future__ import annotations

from math import ceil

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.nest import X_ALL, Y_ALL
from flexloop.embedded.rules.tables import (
    BLOCK,
    CLUSTERS,
    COMPUTES,
    CYCLES,
    E_ADDRESS,
    E_FILL,
    E_READ,
    E_UPDATE,
    ENERGY,
    FILLS,
    GATE,
    INSTANCES,
    LEAK,
    LEAKED,
    OUTER,
    READ_BW,
    READ_WRITE,
    READS,
    ROWS_A_WORD,
    SHARED_BW,
    SLOWDOWN,
    UPDATES,
    USED,
    WRITE_BW,
    Tables,
)
from flexloop.embedded.rules.workspace import Workspace


@kernel
def slowdown(rates: Floats, p: int, reads: float, writes: float) -> float:
    """How much slower than its demand of words a cycle level p runs: 1, or below (rules 10b and 18)."""
    slow = 1.0
    if rates[p, READ_BW] < reads:
        slow = min(slow, rates[p, READ_BW] / reads)
    if rates[p, WRITE_BW] < writes:
        slow = min(slow, rates[p, WRITE_BW] / writes)
    if rates[p, SHARED_BW] < writes + reads:
        slow = min(slow, rates[p, SHARED_BW] / (writes + reads))
    return slow


@kernel
def is_near_limit(rates: Floats, p: int, reads: float, writes: float, steps: int) -> bool:
    """Whether words in all, over all steps, may exceed a bandwidth of level p, rounding granted."""
    most = steps * (1 - 1e-9)
    above: bool = reads > rates[p, READ_BW] * most
    above = above or writes > rates[p, WRITE_BW] * most
    return above or reads + writes > rates[p, SHARED_BW] * most


@noinline
def averaged(words: float, most: int, used: int) -> float:
    """Words of one instance, shared by the ``most`` that may ever work where on average only ``used`` of them do."""
    return words if most == used else np.ceil(words / (most / used))


@kernel
def demand(tables: Tables, held: Bools, p: int, most: int, used: int, work: Workspace) -> tuple[float, float]:
    """Words that one instance of level p reads and writes a step; ``most`` and ``used`` as of `averaged`."""
    counts, steps = work.counts, work.loops[0, OUTER]
    reads, writes = 0.0, 0.0
    for t in range(counts.shape[1]):
        if held[p, t]:
            read, written = counts[p, t, READS], counts[p, t, FILLS] + counts[p, t, UPDATES]
            if most != used:
                read, written = averaged(read, most, used), averaged(written, most, used)
            reads += read / steps * tables.scale[p, t]
            writes += written / steps * tables.scale[p, t]
    return reads, writes


@kernel
def energy_of_all(one: float, most: int, used: int, clusters: int) -> float:
    """Energy of all instances given that of one; those of a cluster share rows."""
    rows = min(most, clusters)
    return one * rows if most == used else on_average(one, most, rows, used)


@noinline
def on_average(one: float, most: int, rows: int, used: int) -> float:
    """Energy of the instances that are in use on average."""
    return one / (most / rows) * used


@kernel
def row_energy(reads: float, fills: float, updates: float, p: int, block: int, rates: Floats) -> float:
    """Energy (pJ) of the rows that words read, filled and updated in one instance of level p take."""
    exact = rates[p, ROWS_A_WORD]
    if exact > 0.0:
        reads, fills, updates = np.ceil(reads * exact), np.ceil(fills * exact), np.ceil(updates * exact)
    else:
        reads, fills, updates = np.ceil(reads / block), np.ceil(fills / block), np.ceil(updates / block)
    energy: float = reads * rates[p, E_READ] + fills * rates[p, E_FILL] + updates * rates[p, E_UPDATE]
    return energy


@kernel
def address_energy(counts: Floats, p: int, t: int, read_write: int, rates: Floats) -> float:
    """Energy (pJ) of the addresses that one cluster of level p generates for data space t (rule 20)."""
    addresses = counts[p, t, FILLS] + (counts[p, t, UPDATES] if read_write else counts[p, t, READS])
    energy: float = addresses * rates[p, E_ADDRESS]
    return energy


@noinline
def addressing(tables: Tables, held: Bools, p: int, most: int, counts: Floats) -> float:
    """Energy (pJ) of all addresses that level p generates; ``most`` is how many instances may work."""
    energy = 0.0
    for t in range(counts.shape[1]):
        if held[p, t]:
            one = address_energy(counts, p, t, tables.about[t, READ_WRITE], tables.rates)
            energy += one * min(most, tables.hardware[p, CLUSTERS])
    return energy


@noinline
def gated(hardware: Ints, p: int, figures: Floats) -> float:
    """Instances of level p that leak where another level gates its power, given those in use (rule 19)."""
    gate = hardware[p, GATE]
    shared = hardware[p, INSTANCES] / hardware[gate, INSTANCES]
    instances: float = max(1.0, figures[p, USED])
    if shared > 1.0:
        instances = shared * max(1.0, figures[gate, USED])
    return instances


@kernel
def cost(tables: Tables, held: Bools, average: Ints, computes: float, work: Workspace) -> tuple[int, float]:
    """Cycles and energy (pJ) of a mapping from its counts; `figures` receives what each level contributes.

    Args:
        tables: architecture and problem.
        held: bool[L, T] which levels keep which data space.
        average: a grid of the instances in use on average; without residuals, of loops, it is that of ``work``.
        computes: of all MACs.
        work: counts, and temporal iterations (`OUTER` of the first loop).
    """
    hardware, rates, grid, counts, figures = tables.hardware, tables.rates, work.grid, work.counts, work.figures
    levels, steps = len(tables.scale), work.loops[0, OUTER]
    slowest, energy = steps, 0.0
    for p in range(levels):
        reads, writes, level_energy = 0.0, 0.0, 0.0
        most = grid[p + 1, X_ALL] * grid[p + 1, Y_ALL]
        used = average[p + 1, X_ALL] * average[p + 1, Y_ALL]
        for t in range(counts.shape[1]):
            if held[p, t]:
                reads += counts[p, t, READS] * tables.scale[p, t]
                writes += (counts[p, t, FILLS] + counts[p, t, UPDATES]) * tables.scale[p, t]
                accesses = counts[p, t, READS], counts[p, t, FILLS], counts[p, t, UPDATES]
                one = row_energy(*accesses, p, hardware[p, BLOCK], rates)
                level_energy += energy_of_all(one, most, used, hardware[p, CLUSTERS])
        if rates[p, E_ADDRESS] > 0.0:
            level_energy += addressing(tables, held, p, most, counts)
        slow = 1.0
        if is_near_limit(rates, p, reads, writes, steps):
            reads, writes = demand(tables, held, p, most, used, work)
            slow = slowdown(rates, p, reads, writes)
        cycles = steps if slow == 1.0 else int(ceil(steps / slow))
        slowest = max(slowest, cycles)
        energy += level_energy
        figures[p, CYCLES] = cycles
        figures[p, ENERGY] = level_energy
        figures[p, USED] = used
        figures[p, SLOWDOWN] = slow
    for p in range(levels):
        powered = max(1.0, figures[p, USED]) if hardware[p, GATE] == p else gated(hardware, p, figures)
        figures[p, LEAKED] = rates[p, LEAK] * slowest * powered
        energy += figures[p, LEAKED]
    figures[levels, ENERGY] = computes * rates[levels, E_READ]
    figures[levels, COMPUTES] = computes
    energy += figures[levels, ENERGY]
    figures[levels, CYCLES] = slowest
    figures[levels, USED] = grid[0, X_ALL] * grid[0, Y_ALL]
    figures[levels, LEAKED] = energy
    return slowest, energy
