"""What crosses each boundary of a nest with residuals, for one data space (rule R7)."""

from __future__ import annotations

from flexloop.embedded.arrays import Bools
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.counts import LINKS, scaled, settle
from flexloop.embedded.rules.links import (
    KEY,
    SKIP,
    add_groups,
    count_groups,
    digits,
    list_children,
    mark_served,
    skip_none,
)
from flexloop.embedded.rules.nest import X_BELOW, Y_BELOW, tile_size
from flexloop.embedded.rules.residual_nest import AROUND, RESIDUAL
from flexloop.embedded.rules.residual_tiles import HELD, LOOP, OVER, PASSES, WORDS, handed_step
from flexloop.embedded.rules.residual_walk import count_visits, walk
from flexloop.embedded.rules.route_tables import Routes
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
    Tables,
)
from flexloop.embedded.rules.workspace import ENTRIES, ResidualWorkspace, Workspace


@kernel
def write_spatial_loops(p: int, over: int, work: Workspace, own: ResidualWorkspace) -> int:
    """Write the spatial loops below level p with the iterations of a pass; return the children that take part.

    ``over`` are the dimensions in their last pass, as bits.
    """
    first, children = own.begin[2 * p], 1
    work.spatials[p] = own.begin[2 * p + 1] - first
    for i in range(work.spatials[p]):
        loop, here = own.nest[first + i], work.spatial[p, i]
        here[DIM], here[STRIDE] = loop[DIM], loop[STRIDE]
        here[COUNT] = loop[RESIDUAL if over >> loop[DIM] & 1 else COUNT]
        children *= here[COUNT]
    return children


@kernel
def give(
    tables: Tables, t: int, p: int, v: int, used: int, work: Workspace, own: ResidualWorkspace, routes: Routes
) -> tuple[int, float]:
    """Add to the histogram what level p gives its children in one visit.

    Args:
        tables: architecture and problem.
        t, p: which.
        v: the visit.
        used: entries of the histogram in use.
        work: `digits` are written; receives the histogram.
        own: the nest and its visits.
        routes: receives the hops, where networks use energy.

    Returns:
        The entries now used, and words that neighbours hand on.
    """
    table, skip, visits = work.children, work.children[SKIP], own.visits
    row = max(tables.fanout[p, 0], work.grid[p, X_BELOW])
    merge = tables.limits[p, t] & NO_MULTICAST == 0
    words, handed, move, served = float(visits[v, WORDS]) * own.times[v], False, 0, 0
    held = visits[v, HELD]
    if held >= 0 and tables.limits[p, t] & NO_LINKS == 0:
        handed, move = handed_step(tables, t, p, v, work.ranks, own)
    past = 0
    if handed:
        past = write_spatial_loops(p, own.states[held, OVER], work, own)
        list_children(tables, t, p, work)
        for e in range(past):
            own.before[e] = table[KEY, e]
    children = write_spatial_loops(p, visits[v, PASSES], work, own)
    list_children(tables, t, p, work)
    skip_none(table, children)
    groups = count_groups(table, children, merge)
    if handed:
        served = mark_served(table[KEY], children, own.before, past, move, row, skip)
        if served > 0 and count_groups(table, children, merge) >= groups:
            served = 0
            skip_none(table, children)
            count_groups(table, children, merge)
    if len(routes.entry) > 0:
        height = max(tables.fanout[p, 1], work.grid[p, Y_BELOW])
        count_hops(table, children, row, height, merge, routes)
        count_groups(table, children, merge)
        add_hops(table, children, words, routes, used)
    return add_groups(children, words, used, work), served * words


@kernel
def write_steps(tables: Tables, t: int, own: ResidualWorkspace) -> None:
    """Write how far an iteration of each loop moves a tile of data space t."""
    for j in range(own.begin[len(own.begin) - 1]):
        for r in range(tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]):
            own.steps[j, r] = tables.shifts[t, r, own.nest[j, DIM]] * own.nest[j, STRIDE]


@kernel
def give_all(
    tables: Tables, t: int, p: int, known: int, work: Workspace, own: ResidualWorkspace, routes: Routes
) -> tuple[int, float]:
    """Write the histogram of what level p gives its children in all visits known; see `give`."""
    visits, times = own.visits, own.times
    across = work.grid[p, X_BELOW] * work.grid[p, Y_BELOW] > 1
    count_visits(p, across, known, own)
    used, linked = 0, 0.0
    if across:
        write_spatial_loops(p, 0, work, own)
        digits(tables, t, p, work)
    else:
        used = 1
        work.entry[0, 0], work.entry[0, 1], work.access[0] = 1, 1, 0.0
    for v in range(known):
        if visits[v, LOOP] >= 0 or visits[v, WORDS] == 0 or times[v] == 0:
            continue
        if not across:
            work.access[0] += float(visits[v, WORDS]) * times[v]
            continue
        used, handed = give(tables, t, p, v, used, work, own, routes)
        if used > ENTRIES:
            break
        linked += handed
    return used, linked


@kernel
def residual_flows(
    tables: Tables, held: Bools, t: int, top: int, work: Workspace, own: ResidualWorkspace, routes: Routes
) -> int:
    """Write the flows of data space t up to its outermost level ``top``; an outcome.

    Args:
        tables: architecture and problem.
        held: bool[L, T] which levels keep which data space.
        t, top: which.
        work, own: the nest; receive the flows, and details.
        routes: receives what networks carry, where they use energy.
    """
    routed = len(routes.entry) > 0
    if routed:
        begin_routes(t, routes)
    write_steps(tables, t, own)
    for p in range(top + 1):
        children = work.grid[p, X_BELOW] * work.grid[p, Y_BELOW]
        work.flow[LINKS, p] = 0.0
        used, linked, passes, elide = 1, 0.0, False, False
        if p == 0 and children == 1:
            work.entry[0, 0], work.entry[0, 1], work.access[0] = 1, 1, own.runs[0]
        else:
            if p > 0:
                below = tables.limits[p - 1, t]
                elide = below & NO_REUSE == 0
                passes = not held[p - 1, t] or below & NO_COALESCE != 0
            linkable = children > 1 and tables.limits[p, t] & NO_LINKS == 0
            known = walk(tables, t, p, elide, linkable, own)
            if known < 0:
                return BEYOND_TABLES
            used, linked = give_all(tables, t, p, known, work, own, routes)
            if used > ENTRIES:
                return BEYOND_TABLES
        factor = settle(p, children, passes, used, linked, work)
        if routed:
            keep_routes(p, t, children, used, factor, work, routes)
    return VALID


@kernel
def residual_partitions(tables: Tables, t: int, work: Workspace, own: ResidualWorkspace) -> int:
    """Write the words of data space t that are each instance's own, of its largest tiles; an outcome."""
    partition, begin = work.partition, own.begin
    top = len(partition) - 1
    partition[top] = work.size[t, top + 1]
    for p in range(top - 1, -1, -1):
        partition[p] = partition[p + 1]
        if begin[2 * p + 2] < begin[2 * p + 3]:
            whole = tile_size(tables, t, own.extent[AROUND], p + 1)
            partition[p] = scaled(partition[p + 1], work.size[t, p + 1], whole)
            if partition[p] < 0:
                return BEYOND_TABLES
    return VALID
