"""Reads, fills, updates and temporal reductions of one data space at every level (rules 3 to 8)."""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.links import accesses
from flexloop.embedded.rules.multicast import ENTRIES, EVEN, IRREGULAR, distinct_tiles, group_sizes
from flexloop.embedded.rules.nest import X_ALL, X_BELOW, Y_ALL, Y_BELOW, tile_size
from flexloop.embedded.rules.tables import (
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
    READS,
    REDUCTIONS,
    SIZE,
    SPACED,
    UPDATES,
    VALID,
)
from flexloop.embedded.rules.words import words_into

CONTENT, SHARE, LINKS = range(3)
"""Rows of a table of flows [3, L+1]: accesses of a level by what lies below it; its own words from the level above, as
the histogram there has them; words that its children hand to each other."""


def counting_flows(limited: bool) -> Any:
    """The kernel that counts flows, for mappings whose reuse is limited or not: most need not ask."""

    @kernel
    def flows(
        fanout: Any, roles: Any, shifts: Any, about: Any, members: Any, present: Any, limits: Any,
        keep: Any, m: int, t: int, top: int,
        grid: Any, tile: Any, size: Any, loops: Any, begin: Any, mover: Any, spatial: Any, spatials: Any, pair: Any,
        reach: Any, moved: Any, rows: Any, moves: Any, weight: Any, table: Any, entry: Any, access: Any,
        flow: Any,
    ) -> int:  # fmt: skip
        """Write the flows of data space t of mapping m up to its outermost level ``top``; an outcome.

        A level that does not keep the data space hands on the accesses that it gets, as often as its own multicast
        allows (rule 7); where all groups are equal that needs no words. So does one that keeps it and does not coalesce
        (rule 16).
        """
        end = begin[len(fanout)]
        here, below = 0, 0
        for p in range(top + 1):
            if limited:
                below, here = here, limits[p, t]
            children = grid[p, X_BELOW] * grid[p, Y_BELOW]
            flow[LINKS, p] = 0.0
            if p == 0 and children == 1:
                flow[CONTENT, 0] = loops[0, OUTER]
                continue
            count = spatials[p]
            groups, shape, differ = 1, EVEN, False
            if children > 1 and about[t, COUPLED_RANKS] == 0:
                for i in range(count):
                    groups *= spatial[p, i, COUNT] if present[t, np.uint64(spatial[p, i, DIM])] else 1
                differ = groups > 1
            elif children > 1:
                groups, shape, differ = distinct_tiles(roles, about, t, spatial, p, count, reach, pair)
            merge, elide = True, p > 0
            if limited and here & NO_MULTICAST:
                merge, groups, shape = False, children, EVEN
            words, first, step, near = loops[0, OUTER], 0, 1, True
            if limited and below & NO_REUSE:
                elide, words, near = False, size[t, p] * loops[begin[p], OUTER], children > 1
            elif p > 0:
                first = mover[begin[p], t]
                words, step, near = words_into(
                    roles, about, members, t, tile, p, size[t, p], loops, begin[p], first, end, reach, moved, differ,
                )  # fmt: skip
            if limited and here & NO_LINKS:
                near = False
            kept = p == 0 or keep[m, p - 1, t]
            if limited and below & NO_COALESCE:
                kept = False
            used, weighted, linked = 0, 0.0, 0.0
            if shape == IRREGULAR or near:
                used, weighted, linked = accesses(
                    roles, shifts, about, t, size[t, p] if p > 0 else 1, elide, merge, near,
                    loops, begin[p], end, first, step, words,
                    spatial, p, count, max(fanout[p, 0], grid[p, X_BELOW]), children, groups,
                    rows, moves, weight, table, entry, access,
                )  # fmt: skip
                if used > ENTRIES:
                    return BEYOND_TABLES
            if used == 0:
                if shape == EVEN:
                    if p > 0:
                        flow[SHARE, p - 1] = words
                    flow[CONTENT, p] = float(groups) * words if kept else flow[CONTENT, p - 1] * groups
                    continue
                used = group_sizes(roles, about, t, spatial, p, count, pair, entry)
                weighted = float(children) * words
                for i in range(used):
                    access[i] = float(entry[i, 1]) * words
            content, share, factor = 0.0, 0.0, 1.0
            if not kept and weighted > 0.0:
                factor = flow[CONTENT, p - 1] * children / weighted
                linked = 0.0
            for i in range(used):
                share += access[i] * entry[i, 0] / children
                content += access[i] * factor
            flow[CONTENT, p] = content
            flow[LINKS, p] = linked
            if p > 0:
                flow[SHARE, p - 1] = share
        return VALID

    return flows


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
def partitions(
    about: Any, lone: Any, members: Any, unit: Any, present: Any, t: int,
    tile: Any, size: Any, spatial: Any, spatials: Any, around: Any, partition: Any,
) -> int:  # fmt: skip
    """Write the words of data space t that are each instance's own (rule 2c); an outcome. ``around``: [1, D]."""
    top = len(partition) - 1
    partition[top] = size[t, top + 1]
    for p in range(top - 1, -1, -1):
        partition[p] = partition[p + 1]
        if spatials[p + 1] == 0:
            continue
        if about[t, COUPLED_RANKS] + about[t, SPACED] == 0:
            for i in range(spatials[p + 1]):
                if present[t, spatial[p + 1, i, DIM]]:
                    partition[p] //= spatial[p + 1, i, COUNT]
            continue
        for d in range(tile.shape[1]):
            around[0, d] = tile[p + 1, d]
        for i in range(spatials[p + 1]):
            around[0, spatial[p + 1, i, DIM]] *= spatial[p + 1, i, COUNT]
        whole = tile_size(about, lone, members, unit, t, around, 0)
        partition[p] = scaled(partition[p + 1], size[t, p + 1], whole)
        if partition[p] < 0:
            return BEYOND_TABLES
    return VALID


@noinline
def lacks_words(
    limits: Any, keep: Any, m: int, t: int, top: int, grid: Any, flow: Any, partition: Any
) -> bool:  # fmt: skip
    """Whether less of data space t, which is updated, crosses a boundary than an instance has of its own (rule 8)."""
    for p in range(top + 1):
        if not keep[m, p, t]:
            continue
        peer = 0.0 if p == top else flow[LINKS, p + 1] / (grid[p + 1, X_ALL] * grid[p + 1, Y_ALL])
        if flow[CONTENT, p] + peer < partition[p]:
            return True
        spared = limits[p, t] & (READ_FIRST | NO_COALESCE) == 0
        if p < top and spared and flow[SHARE, p] + peer - partition[p] <= -0.5:
            return True
    return False


@kernel
def limit_reuse(limits: Any, t: int, top: int, flow: Any, partition: Any) -> None:
    """Make the words of an updated data space those of limited reuse: no first update is spared (rules 15 and 16)."""
    for p in range(top + 1):
        if limits[p, t] & (READ_FIRST | NO_COALESCE):
            partition[p] = 0
        if limits[p, t] & NO_COALESCE:
            flow[SHARE, p] = flow[CONTENT, p]


@kernel
def write_counts(
    keep: Any, m: int, t: int, top: int, grid: Any, size: Any, flow: Any, partition: Any, read_write: int, counts: Any
) -> int:
    """Turn flows into the counts of each level that keeps data space t (rule 8); return the outermost level."""
    for p in range(top + 1):
        if not keep[m, p, t]:
            continue
        outermost = p == top
        peer = 0.0 if outermost else flow[LINKS, p + 1] / (grid[p + 1, X_ALL] * grid[p + 1, Y_ALL])
        share = 0.0 if outermost else flow[SHARE, p]
        counts[p, t, SIZE] = size[t, p + 1]
        if read_write:
            counts[p, t, UPDATES] = np.floor(flow[CONTENT, p] + 0.5)
            counts[p, t, READS] = np.floor(flow[CONTENT, p] + peer - partition[p] + 0.5)
            counts[p, t, REDUCTIONS] = counts[p, t, READS]
            counts[p, t, FILLS] = 0.0 if outermost else np.floor(share + peer - partition[p] + 0.5)
        else:
            counts[p, t, UPDATES] = 0.0
            counts[p, t, READS] = np.floor(flow[CONTENT, p] + peer + 0.5)
            counts[p, t, REDUCTIONS] = 0.0
            counts[p, t, FILLS] = np.trunc(share + peer)
    return top
