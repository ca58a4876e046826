"""Reads, fills, updates and temporal reductions of one data space at every level (rules 3 to 8)."""

from __future__ import annotations

from math import gcd

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.links import accesses
from flexloop.embedded.rules.multicast import EVEN, IRREGULAR, distinct_tiles, group_sizes
from flexloop.embedded.rules.nest import X_ALL, X_BELOW, Y_ALL, Y_BELOW, tile_size
from flexloop.embedded.rules.tables import (
    BELOW_ZERO,
    BEYOND_TABLES,
    COUNT,
    COUPLED_RANKS,
    DIM,
    FILLS,
    NO_COALESCE,
    NO_LINKS,
    NO_MULTICAST,
    NO_REUSE,
    OUTER,
    READ_FIRST,
    READ_WRITE,
    READS,
    REDUCTIONS,
    SIZE,
    SPACED,
    UPDATES,
    VALID,
    Tables,
)
from flexloop.embedded.rules.words import words_into
from flexloop.embedded.rules.workspace import ENTRIES, Workspace

CONTENT, SHARE, LINKS = range(3)
"""Rows of a table of flows [3, L+1]: accesses of a level by what lies below it; its own words from the level above, as
the histogram there has them; words that its children hand to each other."""


@kernel
def flows(tables: Tables, held: Bools, t: int, top: int, work: Workspace) -> int:
    """Write the flows of data space t up to its outermost level ``top``; an outcome.

    A level that does not keep the data space (``held``: bool[L, T]) hands on the accesses that it gets, as often as
    its own multicast allows (rule 7); where all groups are equal that needs no words. So does one that keeps it and
    does not coalesce (rule 16).
    """
    flow = work.flow
    here = 0
    for p in range(top + 1):
        below, here = here, tables.limits[p, t]
        children = work.grid[p, X_BELOW] * work.grid[p, Y_BELOW]
        if p == 0 and children == 1:
            flow[CONTENT, 0], flow[LINKS, 0] = work.loops[0, OUTER], 0.0
            continue
        groups, shape, differ = 1, EVEN, False
        if children > 1:
            groups, shape, differ = distinct_tiles(tables, t, p, work)
        if here & NO_MULTICAST:
            groups, shape = children, EVEN
        words, step, near = work.loops[0, OUTER], 1, True
        if below & NO_REUSE:
            words, near = work.size[t, p] * work.loops[work.begin[p], OUTER], children > 1
        elif p > 0:
            words, step, near = words_into(tables, t, p, differ, work)
        if here & NO_LINKS:
            near = False
        passes = p > 0 and (not held[p - 1, t] or below & NO_COALESCE != 0)
        used, linked = 0, 0.0
        if shape == IRREGULAR or near:
            used, linked = accesses(tables, t, p, near, step, words, groups, work)
            if used > ENTRIES:
                return BEYOND_TABLES
        if used == 0 and shape == EVEN:
            if p > 0:
                flow[SHARE, p - 1] = words
            flow[CONTENT, p] = flow[CONTENT, p - 1] * groups if passes else float(groups) * words
            flow[LINKS, p] = 0.0
            continue
        if used == 0:
            used = group_sizes(tables, t, p, work)
            for i in range(used):
                work.access[i] = float(work.entry[i, 1]) * words
        settle(p, children, passes, used, linked, work)
    return VALID


@kernel
def settle(p: int, children: int, passes: bool, used: int, linked: float, work: Workspace) -> float:
    """Write the flows of level p from its histogram; return the factor by which its accesses are scaled.

    They are where what lies below (``passes``) hands on its own; then neighbours hand each other nothing.
    """
    flow, entry, access = work.flow, work.entry, work.access
    content, share, weighted, factor = 0.0, 0.0, 0.0, 1.0
    if passes:
        for i in range(used):
            weighted += access[i] * entry[i, 0]
    if weighted > 0.0:
        factor = flow[CONTENT, p - 1] * children / weighted
        linked = 0.0
    for i in range(used):
        share += access[i] * entry[i, 0] / children
        content += access[i] * factor
    flow[CONTENT, p] = content
    flow[LINKS, p] = linked
    if p > 0:
        flow[SHARE, p - 1] = share
    return factor


@kernel
def scaled(words: int, part: int, whole: int) -> int:
    """floor(words * part / whole) without overflow as long as the reduced fraction allows it; -1 if it does not."""
    if float(words) * float(part) < 4e18:
        return words * part // whole
    common = gcd(part, whole)
    part //= common
    if words > 2**62 // part:
        return -1
    return words * part // (whole // common)


@kernel
def partitions(tables: Tables, t: int, work: Workspace) -> int:
    """Write the words of data space t that are each instance's own (rule 2c); an outcome."""
    spatial, partition, around = work.spatial, work.partition, work.around
    top = len(partition) - 1
    partition[top] = work.size[t, top + 1]
    for p in range(top - 1, -1, -1):
        partition[p] = partition[p + 1]
        count = work.spatials[p + 1]
        if count == 0:
            continue
        if tables.about[t, COUPLED_RANKS] + tables.about[t, SPACED] == 0:
            for i in range(count):
                if tables.present[t, spatial[p + 1, i, DIM]]:
                    partition[p] //= spatial[p + 1, i, COUNT]
            continue
        for d in range(around.shape[1]):
            around[0, d] = work.tile[p + 1, d]
        for i in range(count):
            around[0, spatial[p + 1, i, DIM]] *= spatial[p + 1, i, COUNT]
        partition[p] = scaled(partition[p + 1], work.size[t, p + 1], tile_size(tables, t, around, 0))
        if partition[p] < 0:
            return BEYOND_TABLES
    return VALID


@kernel
def from_neighbours(p: int, top: int, average: Ints, flow: Floats) -> float:
    """Words that one instance of level p gets from its neighbours; none at the outermost level ``top``."""
    return 0.0 if p == top else flow[LINKS, p + 1] / (average[p + 1, X_ALL] * average[p + 1, Y_ALL])


@noinline
def lacks_words(tables: Tables, held: Bools, t: int, top: int, average: Ints, work: Workspace) -> bool:
    """Whether less of data space t, which is updated, crosses a boundary than an instance has of its own (rule 8)."""
    flow, partition = work.flow, work.partition
    for p in range(top + 1):
        if not held[p, t]:
            continue
        peer = from_neighbours(p, top, average, flow)
        if flow[CONTENT, p] + peer < partition[p]:
            return True
        spared = tables.limits[p, t] & (READ_FIRST | NO_COALESCE) == 0
        if p < top and spared and flow[SHARE, p] + peer - partition[p] <= -0.5:
            return True
    return False


@kernel
def limit_reuse(tables: Tables, t: int, top: int, work: Workspace) -> None:
    """Make the words of an updated data space those of limited reuse: no first update is spared (rules 15 and 16)."""
    for p in range(top + 1):
        if tables.limits[p, t] & (READ_FIRST | NO_COALESCE):
            work.partition[p] = 0
        if tables.limits[p, t] & NO_COALESCE:
            work.flow[SHARE, p] = work.flow[CONTENT, p]


@kernel
def write_counts(tables: Tables, held: Bools, t: int, top: int, average: Ints, work: Workspace) -> None:
    """Turn flows into the counts of each level that keeps data space t (rule 8)."""
    flow, partition, counts = work.flow, work.partition, work.counts
    for p in range(top + 1):
        if not held[p, t]:
            continue
        read_write, peer = tables.about[t, READ_WRITE] != 0, from_neighbours(p, top, average, flow)
        reads, fills, updates = whole_words(flow[CONTENT, p], flow[SHARE, p], peer, partition[p], read_write)
        counts[p, t, SIZE] = work.size[t, p + 1]
        counts[p, t, READS] = reads
        counts[p, t, FILLS] = 0.0 if p == top else fills
        counts[p, t, UPDATES] = updates
        counts[p, t, REDUCTIONS] = reads if read_write else 0.0


@kernel
def whole_words(content: float, share: float, peer: float, own: float, read_write: bool) -> tuple[float, float, float]:
    """Words that one instance reads, is filled with and updates, rounded (rule 8).

    Args:
        content: words that its children get.
        share, peer: words that it gets from its parent, and from its neighbours.
        own: words that are its own, of a data space that is updated.
        read_write: whether the data space is.
    """
    if read_write:
        return np.floor(content + peer - own + 0.5), np.floor(share + peer - own + 0.5), np.floor(content + 0.5)
    return np.floor(content + peer + 0.5), np.trunc(share + peer), 0.0


@kernel
def finish_counts(tables: Tables, held: Bools, t: int, top: int, average: Ints, may_lack: bool, work: Workspace) -> int:
    """Write the counts of data space t at all levels from its flows and partitions; an outcome."""
    state = VALID
    if tables.about[t, READ_WRITE]:
        if may_lack and lacks_words(tables, held, t, top, average, work):
            state = BELOW_ZERO
        limit_reuse(tables, t, top, work)
    write_counts(tables, held, t, top, average, work)
    return state
