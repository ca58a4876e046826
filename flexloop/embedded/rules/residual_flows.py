"""What crosses each boundary of a nest with residuals, for one data space (rule R7)."""

from __future__ import annotations

from typing import Any

from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.counts import CONTENT, LINKS, SHARE, scaled
from flexloop.embedded.rules.links import (
    DIGIT,
    KEY,
    REACH,
    SKIP,
    add_groups,
    count_groups,
    digits,
    list_children,
    skip_none,
)
from flexloop.embedded.rules.multicast import ENTRIES
from flexloop.embedded.rules.nest import X_BELOW, Y_BELOW, tile_size
from flexloop.embedded.rules.residual_nest import AROUND, RESIDUAL
from flexloop.embedded.rules.residual_walk import (
    HELD,
    LEFT,
    LOOP,
    OFFSETS,
    OVER,
    PASSES,
    STEP,
    WORDS,
    count_visits,
    tile_extent,
    walk,
)
from flexloop.embedded.rules.routes import add_hops, begin_routes, count_hops, keep_routes
from flexloop.embedded.rules.tables import (
    BEYOND_TABLES,
    COUNT,
    COUPLED_RANKS,
    DIM,
    LONE_RANKS,
    NO_COALESCE,
    NO_LINKS,
    NO_MULTICAST,
    NO_REUSE,
    STRIDE,
    VALID,
)


@kernel
def write_spatial_loops(nest: Any, first: int, end: int, over: int, spatial: Any, p: int) -> int:
    """Write the spatial loops below level p with the iterations of a pass; return the children that take part.

    Args:
        nest: of `lay_nest`; the loops are those from ``first`` to ``end``.
        first, end: which.
        over: the dimensions in their last pass, as bits.
        spatial, p: row p receives them.
    """
    children = 1
    for j in range(first, end):
        spatial[p, j - first, DIM] = nest[j, DIM]
        spatial[p, j - first, COUNT] = nest[j, RESIDUAL if over >> nest[j, DIM] & 1 else COUNT]
        spatial[p, j - first, STRIDE] = nest[j, STRIDE]
        children *= spatial[p, j - first, COUNT]
    return children


@kernel
def cut(size: Any, state: Any, ranks: int, pieces: Any) -> int:
    """Write the pieces of a tile that are new, as boxes; return how many.

    Args:
        size: extents of the tile along its ranks.
        state: a row of the table of states.
        ranks: of the data space.
        pieces: int64[2*R, 2*R] receives the low and the high corner of each.
    """
    for r in range(ranks):
        pieces[0, r], pieces[0, ranks + r] = 0, size[r]
    if state[STEP + 2 * ranks] == state[STEP + ranks]:
        return 1  # nothing in common
    count = 0
    for r in range(ranks):
        low, high = state[STEP + ranks + r], state[STEP + 2 * ranks + r]
        for after in range(2):
            begin, end = (high, size[r]) if after else (0, low)
            if begin == end:
                continue
            for i in range(ranks):
                within = i >= r
                pieces[count, i] = 0 if within else state[STEP + ranks + i]
                pieces[count, ranks + i] = size[i] if within else state[STEP + 2 * ranks + i]
            pieces[count, r], pieces[count, ranks + r] = begin, end
            count += 1
    return count


@kernel
def handed_step(
    shifts: Any, t: int, ranks: int, extent: Any, p: int, hidden: int, visits: Any, v: int, states: Any, rows: Any,
    size: Any, pieces: Any, others: Any,
) -> tuple[bool, int]:  # fmt: skip
    """Whether what a child gets is what it got before, moved; and by how much the latter lies behind, as a number.

    Args:
        shifts, extent: of `Tables` and `lay_nest`.
        t, ranks, p, hidden: see `residual_walk.take_tile`.
        visits, v, states: of `residual_walk.walk`; the visit.
        rows: of `links.digits`.
        size, pieces, others: scratch.
    """
    held, left = visits[v, HELD], visits[v, LEFT]
    for r in range(ranks):
        size[r] = tile_extent(shifts, t, r, extent, p, states[left, OVER] & ~hidden)
    count = cut(size, states[left], ranks, pieces)
    for r in range(ranks):
        size[r] = tile_extent(shifts, t, r, extent, p, states[held, OVER] & ~hidden)
    same = count > 0 and cut(size, states[held], ranks, others) == count
    move = 0
    for r in range(ranks):
        step = pieces[0, r] - others[0, r]
        for i in range(count):
            same = same and pieces[i, r] - others[i, r] == step
            same = same and pieces[i, ranks + r] - others[i, ranks + r] == step
        step -= visits[v, OFFSETS + r]
        same = same and abs(step) <= rows[REACH, r]
        move += step * rows[DIGIT, r]
    return same, move


@kernel
def mark_handed(now: Any, children: int, before: Any, others: int, move: int, row: int, skip: Any) -> int:
    """Mark the children that get what some neighbour got before; return how many there are.

    Args:
        now, children: offsets of the children's tiles.
        before, others: those of the children that took part in the step before.
        move: how far what they got then lies behind.
        row: children in a row of the array.
        skip: receives the marks.
    """
    served = 0
    for e in range(children):
        wanted = now[e] + move
        column = e % row
        found = column > 0 and e - 1 < others and before[e - 1] == wanted
        found = found or (column + 1 < row and e + 1 < others and before[e + 1] == wanted)
        found = found or (e >= row and e - row < others and before[e - row] == wanted)
        found = found or (e + row < others and before[e + row] == wanted)
        skip[e] = found
        served += found
    return served


@kernel
def give(
    shifts: Any, about: Any, t: int, extent: Any, nest: Any, begin: Any, p: int, hidden: int, linkable: bool,
    merge: bool, visits: Any, v: int, times: Any, states: Any, spatial: Any, row: int, rows: Any, table: Any,
    before: Any, size: Any, pieces: Any, others: Any, entry: Any, access: Any, used: int, height: int, routes: Any,
) -> tuple[int, float]:  # fmt: skip
    """Add to a histogram what level p gives its children in one visit; the entries now used, and words handed on.

    Args:
        shifts, about: of `Tables`.
        t: the data space.
        extent, nest, begin: of `lay_nest`.
        p, hidden: see `residual_walk.take_tile`.
        linkable: whether neighbours may hand on words.
        merge: whether equal tiles are read once.
        visits, v, times, states: of `residual_walk`; the visit.
        spatial: scratch.
        row: children in a row of the array.
        rows: of `links.digits`.
        table, before, size, pieces, others: scratch.
        entry, access, used: the histogram.
        height: children in a column of the array.
        routes: receives the hops, where networks use energy.
    """
    ranks = about[t, COUPLED_RANKS] + about[t, LONE_RANKS]
    first, end = begin[2 * p], begin[2 * p + 1]
    words, handed, move, served = float(visits[v, WORDS]) * times[v], False, 0, 0
    if linkable and visits[v, HELD] >= 0:
        handed, move = handed_step(shifts, t, ranks, extent, p, hidden, visits, v, states, rows, size, pieces, others)
    past = 0
    if handed:
        past = write_spatial_loops(nest, first, end, states[visits[v, HELD], OVER], spatial, p)
        list_children(shifts, t, ranks, spatial, p, end - first, rows, table)
        for e in range(past):
            before[e] = table[KEY, e]
    children = write_spatial_loops(nest, first, end, visits[v, PASSES], spatial, p)
    list_children(shifts, t, ranks, spatial, p, end - first, rows, table)
    skip_none(table, children)
    groups = count_groups(table, children, merge)
    if handed:
        served = mark_handed(table[KEY], children, before, past, move, row, table[SKIP])
        if served > 0 and count_groups(table, children, merge) >= groups:
            served = 0
            skip_none(table, children)
            count_groups(table, children, merge)
    if len(routes.entry) > 0:
        count_hops(table, children, row, height, merge, routes)
        count_groups(table, children, merge)
        add_hops(table, children, words, routes, used)
    return add_groups(table, children, words, entry, access, used), served * words


@kernel
def settle(passes: bool, children: int, used: int, entry: Any, access: Any, p: int, flow: Any) -> float:
    """Write the flows of level p from its histogram; return the factor by which its accesses are scaled.

    They are where what lies below hands on its own.
    """
    content, share, weighted, factor = 0.0, 0.0, 0.0, 1.0
    for i in range(used):
        weighted += access[i] * entry[i, 0]
    if passes and weighted > 0.0:
        factor = flow[CONTENT, p - 1] * children / weighted
        flow[LINKS, p] = 0.0
    for i in range(used):
        share += access[i] * entry[i, 0] / children
        content += access[i] * factor
    flow[CONTENT, p] = content
    if p > 0:
        flow[SHARE, p - 1] = share
    return factor


@kernel
def residual_flows(
    shifts: Any, about: Any, fanout: Any, limits: Any, keep: Any, m: int, t: int, top: int,
    grid: Any, extent: Any, nest: Any, begin: Any, runs: float, steps: Any, spatial: Any, rows: Any, table: Any,
    before: Any, size: Any, pieces: Any, others: Any, visits: Any, slots: Any, states: Any, trail: Any, times: Any,
    entry: Any, access: Any, flow: Any, routes: Any,
) -> int:  # fmt: skip
    """Write the flows of data space t of mapping m up to its outermost level ``top``; an outcome.

    Args:
        shifts, about, fanout, limits: of `Tables`.
        keep, m: of a batch.
        t, top: which.
        grid: see `rules.nest`.
        extent, nest, begin, runs: of `residual_nest`.
        flow: see `rules.counts`.
        steps, spatial, rows, table, before, size, pieces, others, visits, slots, states, trail, times, entry, access:
            scratch.
        routes: receives what networks carry, where they use energy.
    """
    routed = len(routes.entry) > 0
    if routed:
        begin_routes(t, routes)
    count = begin[len(begin) - 1]
    ranks = about[t, COUPLED_RANKS] + about[t, LONE_RANKS]
    for j in range(count):
        for r in range(ranks):
            d = nest[j, DIM]
            steps[j, r] = shifts[t, r, d] * nest[j, STRIDE]
    for p in range(top + 1):
        first, end = begin[2 * p], begin[2 * p + 1]
        flow[LINKS, p] = 0.0
        children = 1
        hidden = 0
        for j in range(first, end):
            children *= nest[j, COUNT]
            if nest[j, RESIDUAL] > 1:
                hidden |= 1 << nest[j, DIM]
        used = 0
        if p == 0 and children == 1:
            flow[CONTENT, 0] = runs
            if routed:
                entry[0, 0], entry[0, 1], access[0] = 1, 1, runs
                keep_routes(0, t, 1, 1, entry, access, 1.0, 0.0, routes)
            continue
        linkable = children > 1 and limits[p, t] & NO_LINKS == 0
        merge = limits[p, t] & NO_MULTICAST == 0
        below = limits[p - 1, t] if p > 0 else 0
        elide = p > 0 and below & NO_REUSE == 0
        known = walk(
            shifts, t, ranks, extent, nest, count, p, end, hidden, elide, linkable, steps, visits, slots, states, trail
        )
        if known < 0:
            return BEYOND_TABLES
        count_visits(nest, p, children > 1, visits, known, slots, times)
        if children == 1:
            used = 1
            entry[0, 0], entry[0, 1], access[0] = 1, 1, 0.0
        else:
            write_spatial_loops(nest, first, end, 0, spatial, p)
            digits(shifts, about, t, spatial, p, end - first, rows)
        row = max(fanout[p, 0], grid[p, X_BELOW])
        for v in range(known):
            if visits[v, LOOP] >= 0 or visits[v, WORDS] == 0 or times[v] == 0:
                continue
            if children == 1:
                access[0] += float(visits[v, WORDS]) * times[v]
                continue
            used, handed = give(
                shifts, about, t, extent, nest, begin, p, hidden, linkable, merge, visits, v, times, states, spatial,
                row, rows, table, before, size, pieces, others, entry, access, used,
                max(fanout[p, 1], grid[p, Y_BELOW]), routes,
            )  # fmt: skip
            if used > ENTRIES:
                return BEYOND_TABLES
            flow[LINKS, p] += handed
        passes = p > 0 and (not keep[m, p - 1, t] or below & NO_COALESCE != 0)
        factor = settle(passes, children, used, entry, access, p, flow)
        if routed:
            keep_routes(p, t, children, used, entry, access, factor, flow[LINKS, p], routes)
    return VALID


@kernel
def residual_partitions(
    about: Any, lone: Any, members: Any, unit: Any, t: int, extent: Any, begin: Any, size: Any, partition: Any
) -> int:  # fmt: skip
    """Write the words of data space t that are each instance's own, of its largest tiles; an outcome."""
    top = len(partition) - 1
    partition[top] = size[t, top + 1]
    for p in range(top - 1, -1, -1):
        partition[p] = partition[p + 1]
        if begin[2 * p + 2] < begin[2 * p + 3]:
            whole = tile_size(about, lone, members, unit, t, extent[AROUND], p + 1)
            partition[p] = scaled(partition[p + 1], size[t, p + 1], whole)
            if partition[p] < 0:
                return BEYOND_TABLES
    return VALID
