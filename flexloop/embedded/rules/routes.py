"""What the networks between levels carry and use: hops, and the energy of each network (rules 22 to 27)."""

from __future__ import annotations

import numpy as np

from flexloop.embedded.arrays import Bools, Floats, Ints
from flexloop.embedded.jit import kernel, noinline
from flexloop.embedded.rules.counts import LINKS
from flexloop.embedded.rules.links import GROUP, KEY, SKIP, SLOT_KEY, SLOT_SIZE, empty_slots, slot_of
from flexloop.embedded.rules.multicast import add_entry
from flexloop.embedded.rules.route_tables import (
    ACCESSES,
    ENERGY,
    FANOUT,
    HOPS,
    INGRESSES,
    LEGACY,
    LINK_ENERGY,
    LINKED,
    MEAN_HOPS,
    MULTICAST,
    NET_CARRIES,
    NET_HOP,
    NET_INGRESS,
    NET_KIND,
    NET_LEVEL,
    NET_OWN,
    NET_RETURNS,
    OWNED,
    REDUCTION_ENERGY,
    REDUCTIONS,
    USED,
    Routes,
)
from flexloop.embedded.rules.tables import READ_WRITE
from flexloop.embedded.rules.workspace import Workspace


@kernel
def list_groups(table: Ints, children: int, row: int, merge: bool, member: Ints) -> int:
    """Write the children of each group, column by column, and where groups begin; return how many groups there are."""
    slots = empty_slots(table, children)
    for g in range(children + 1):
        member[1, g], member[2, g] = 0, 0
    groups, place = 0, table[GROUP]
    for e in range(children):
        if table[SKIP, e]:
            continue
        g = groups
        if merge:
            offset = table[KEY, e]
            i = slot_of(table, slots, offset)
            if table[SLOT_SIZE, i] > 0:
                g = table[SLOT_SIZE, i] - 1
            table[SLOT_KEY, i], table[SLOT_SIZE, i] = offset, g + 1
        groups = max(groups, g + 1)
        place[e] = g
        member[1, g + 1] += 1
    for g in range(groups):
        member[1, g + 1] += member[1, g]
    for column in range(min(row, children)):
        for e in range(column, children, row):
            if table[SKIP, e] == 0:
                g = place[e]
                member[0, member[1, g] + member[2, g]] = e
                member[2, g] += 1
    return groups


@noinline
def count_hops(table: Ints, children: int, row: int, height: int, merge: bool, routes: Routes) -> None:
    """Write the hops of one word to all groups of so many children (rule 22).

    A word enters at the middle of the array's left side, goes along to the last column that wants it, and up and down
    in each column as far as it is wanted.

    Args:
        table: of `rules.links`; its row GROUP is lost.
        children: how many there are.
        row, height: of the array.
        merge: whether equal tiles are read once.
        routes: scratch, and what receives the hops.
    """
    groups = list_groups(table, children, row, merge, routes.member)
    for m in range(children + 1):
        routes.hops[m] = 0.0
    middle = (height - 1) / 2
    for g in range(groups):
        begin, end = routes.member[1, g], routes.member[1, g + 1]
        hops = float(routes.member[0, end - 1] % row)
        for i in range(begin, end):
            e = routes.member[0, i]
            above, below = e // row - middle, e // row - middle
            if i == begin or routes.member[0, i - 1] % row != e % row:
                hops += max(0.0, -below)
            if i + 1 == end or routes.member[0, i + 1] % row != e % row:
                hops += max(0.0, above)
        routes.hops[end - begin] += hops


@kernel
def add_hops(table: Ints, children: int, words: float, routes: Routes, used: int) -> int:
    """Add the hops of so many words to each group in row GROUP to a histogram; return the entries now used."""
    for m in range(1, children + 1):
        if table[GROUP, m] > 0:
            used = add_entry(routes.entry, routes.hop, used, m, table[GROUP, m], routes.hops[m] * words)
    return used


@noinline
def keep_routes(p: int, t: int, children: int, used: int, factor: float, work: Workspace, routes: Routes) -> None:
    """Keep what level p gives its children of data space t, scaled by a factor but for the hops (rule 23)."""
    about = routes.about[p, t]
    about[FANOUT], about[USED], about[LINKED] = children, used, int(work.flow[LINKS, p])
    for i in range(used):
        routes.keys[p, t, i, 0], routes.keys[p, t, i, 1] = work.entry[i, 0], work.entry[i, 1]
        routes.carried[p, t, i, ACCESSES] = work.access[i] * factor
        routes.carried[p, t, i, HOPS] = routes.hop[i] if children > 1 else 0.0


@kernel
def legacy(network: Floats, t: int, updated: bool, routes: Routes, p: int, figures: Floats) -> float:
    """Energy of a legacy network for one data space and one instance of level p (rules 24 and 25)."""
    about = routes.about[p, t]
    carries, back = int(network[NET_CARRIES]), network[NET_RETURNS] > 0.0
    wires, routers, reductions, ingresses = 0.0, 0, 0, 0.0
    for i in range(about[USED]):
        words, hops = routes.carried[p, t, i, ACCESSES], routes.carried[p, t, i, HOPS]
        if updated and back:
            words = 2 * words - about[OWNED]
        ingresses += words
        if words > 0.0:
            each = hops / words
            routers = int(routers + (1 + np.floor(each)) * words)
            wires += each * words
        if updated and carries & 2:
            reductions = int(reductions + (routes.keys[p, t, i, 0] - 1) * words)
    figures[INGRESSES], figures[REDUCTIONS] = ingresses, reductions
    figures[MEAN_HOPS] = wires / ingresses if ingresses > 0.0 else 0.0
    figures[ENERGY] = wires * network[NET_HOP] + routers * network[NET_OWN] + network[NET_INGRESS] * ingresses
    figures[LINK_ENERGY] = about[LINKED] * (network[NET_HOP] + 2 * network[NET_OWN])
    total: float = figures[LINK_ENERGY] + figures[ENERGY]
    return total


@kernel
def tree(network: Floats, t: int, updated: bool, routes: Routes, p: int, figures: Floats) -> float:
    """Energy of a reduction tree for one data space, whatever the number of instances (rule 26)."""
    if not updated:
        return 0.0
    wires, reductions, ingresses = 0.0, 0, 0.0
    for i in range(routes.about[p, t, USED]):
        words, factor = routes.carried[p, t, i, ACCESSES], routes.keys[p, t, i, 0]
        reductions = int(reductions + (factor - 1) * words)
        ingresses += words
        if words > 0.0:
            wires += np.floor(np.log2(factor)) * 0.5 * words
    figures[INGRESSES], figures[REDUCTIONS] = ingresses, reductions
    figures[MEAN_HOPS] = wires / ingresses if ingresses > 0.0 else 0.0
    figures[ENERGY], figures[REDUCTION_ENERGY] = wires * network[NET_HOP], reductions * network[NET_OWN]
    total: float = figures[ENERGY] + figures[REDUCTION_ENERGY]
    return total


@kernel
def multicast(sent: Floats, t: int, routes: Routes, p: int, figures: Floats) -> float:
    """Energy of a multicast network for one data space and one instance: that of the last entry alone (rule 27)."""
    for i in range(routes.about[p, t, USED]):
        words = routes.carried[p, t, i, ACCESSES]
        figures[INGRESSES] += words
        if words > 0.0:
            figures[ENERGY] = sent[t, routes.keys[p, t, i, 0]] * words
    total: float = figures[ENERGY]
    return total


@noinline
def begin_routes(t: int, routes: Routes) -> None:
    """Forget what the levels gave their children of data space t."""
    for p in range(len(routes.about)):
        for i in range(4):
            routes.about[p, t, i] = 0


@noinline
def own_words(held: Bools, t: int, top: int, partition: Ints, routes: Routes) -> None:
    """Keep the words of data space t that each instance of a level calls its own, where the level keeps any."""
    for p in range(top + 1):
        if held[p, t]:
            routes.about[p, t, OWNED] = partition[p]


@noinline
def network_energy(spaces: Ints, instances: Ints, routes: Routes) -> float:
    """Energy (pJ) of all networks, whose figures are written (rules 24 to 27).

    Args:
        spaces: `about` of `Tables`.
        instances: int64[L+1] in use of each level, in the row after its own.
        routes: the networks, and what the levels give their children.
    """
    total = 0.0
    for n in range(len(routes.networks)):
        network = routes.networks[n]
        p = int(network[NET_LEVEL])
        for t in range(len(spaces)):
            figures, updated = routes.figures[n, t], spaces[t, READ_WRITE] > 0
            for i in range(len(figures)):
                figures[i] = 0.0
            if network[NET_KIND] == LEGACY:
                total += legacy(network, t, updated, routes, p, figures) * instances[p + 1]
            elif network[NET_KIND] == MULTICAST:
                total += multicast(routes.sent[n], t, routes, p, figures) * instances[p + 1]
            else:
                total += tree(network, t, updated, routes, p, figures)
    return total
