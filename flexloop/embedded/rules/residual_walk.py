"""Which tiles one child gets, step by step, where loops have residuals (rule R5).

Timeloop runs a few iterations of each loop and weighs them. What a loop does depends on which dimensions are in their
last pass and on what the child held and got before, so each such visit is walked once and counted as often as it
occurs.
"""

from __future__ import annotations

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.residual_nest import ACROSS, INNER, LEVEL, RAGGED, RESIDUAL, SEEN
from flexloop.embedded.rules.residual_tiles import HELD, INSIDE, LEFT, LOOP, OFFSETS, PASSES, PLACE, take_tile
from flexloop.embedded.rules.tables import COUNT, COUPLED_RANKS, DIM, LONE_RANKS, Tables
from flexloop.embedded.rules.workspace import ResidualWorkspace


@kernel
def runs_of(n: int, last: bool, ragged: bool) -> int:
    """How many of a loop's n iterations Timeloop runs.

    Args:
        n: iterations.
        last: whether they end the last pass over a dimension with a residual further inside.
        ragged: whether this loop has a residual too.
    """
    if not last:
        return min(n, 2)
    return min(n, 4 if ragged else 3)


@kernel
def run_of(n: int, last: bool, ragged: bool, i: int) -> tuple[int, int, int]:
    """The i-th iteration that Timeloop runs, how often it counts, and how often words count that cross at the loop."""
    if i == 0 or (last and (n == 2 or (n == 3 and ragged))):
        return i, 1, 1
    if not last:
        return 1, n - 1, n - 1
    if not ragged:
        return (1, n - 2, n - 1) if i == 1 else (n - 1, 1, 0)
    if i == 1:
        return 1, n - 3, n - 2
    return (n - 2, 1, 0) if i == 2 else (n - 1, 1, 1)


@kernel
def add_visit(own: ResidualWorkspace, known: int, ranks: int) -> int:
    """The visit that row ``known`` of the table describes: the row of one like it, or, if it is new, that row."""
    visits, slots = own.visits, own.slots
    key = (visits[known, LOOP] + 1) * 0x9E3779B1 + visits[known, PASSES]
    key = key * 0x9E3779B1 + visits[known, HELD]
    for r in range(ranks):
        key = key * 0x9E3779B1 + visits[known, OFFSETS + r]
    mask = len(slots) - 1
    place = (key ^ (key >> 29)) & mask
    while slots[place] > 0:
        v = slots[place] - 1
        same = True
        for i in (LOOP, PASSES, HELD):
            same = same and visits[v, i] == visits[known, i]
        for r in range(ranks):
            same = same and visits[v, OFFSETS + r] == visits[known, OFFSETS + r]
        if same:
            return int(v)
        place = (place + 1) & mask
    slots[place] = known + 1
    visits[known, PLACE] = place
    return known


@kernel
def empty(own: ResidualWorkspace, known: int) -> None:
    """Empty the hash table."""
    for v in range(known):
        own.slots[own.visits[v, PLACE]] = 0


@kernel
def begin_walk(nest: Ints, first: int, count: int) -> tuple[int, int, int, int]:
    """Where a walk begins and ends.

    Returns:
        The outermost temporal loop from ``first`` on and the innermost one (-1: none); the last passes that the former
        is in, as bits, or, without loops, the child itself; and those that the child sees anything of.
    """
    top, bottom, hidden, before = -1, -1, 0, 0
    over = 0
    for j in range(count):
        here = 1 << nest[j, DIM]
        if nest[j, RESIDUAL] != nest[j, COUNT]:
            over |= here
        if j < first:
            continue
        if nest[j, ACROSS] == 0:
            if bottom < 0:
                bottom, before = j, nest[j, RAGGED] & ~hidden
            top, hidden = j, 0
        elif nest[j, RESIDUAL] > 1:
            hidden |= here
    return top, bottom, over & ~hidden, before


@kernel
def runs_from(nest: Ints, j: int, over: int) -> tuple[int, bool, bool]:
    """Iterations of loop j in a pass, and what `runs_of` asks of them; ``over``: dimensions in their last pass."""
    last = over >> nest[j, DIM] & 1 > 0
    n = nest[j, RESIDUAL if last else COUNT]
    return n, last and nest[j, RAGGED] >> nest[j, DIM] & 1 > 0, nest[j, RESIDUAL] != nest[j, COUNT]


@kernel
def enter(own: ResidualWorkspace, here: Ints, index: int, bottom: int, seen: int, known: int, ranks: int) -> int:
    """The visit inside another one; ``known`` if it is new.

    Args:
        own: the nest and the visits.
        here: the row of the trail of the other one.
        index: iteration of its loop.
        bottom, seen: of `begin_walk`.
        known: visits known.
        ranks: of the data space.
    """
    nest, visits = own.nest, own.visits
    j = visits[here[0], LOOP]
    inside = visits[here[0], PASSES] & (seen if j == bottom else nest[j, SEEN])
    if index + 1 < nest[j, RESIDUAL]:
        inside &= ~(1 << nest[j, DIM])
    visits[known, LOOP] = -1 if j == bottom else nest[j, INNER]
    visits[known, PASSES] = inside
    visits[known, HELD] = here[2]
    for r in range(ranks):
        visits[known, OFFSETS + r] = here[3 + r] - index * own.steps[j, r]
    return add_visit(own, known, ranks)


@kernel
def walk(tables: Tables, t: int, p: int, elide: bool, linked: bool, own: ResidualWorkspace) -> int:
    """Walk everything that one child of level p gets of data space t.

    Args:
        tables: architecture and problem.
        t, p: which.
        elide, linked: see `take_tile`.
        own: the nest and `steps`; receives `visits` and `states`; its hash table is empty.

    Returns:
        The number of visits, the first of which is all of it; -1 if the tables cannot hold them.
    """
    nest, visits, trail = own.nest, own.visits, own.trail
    ranks = tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]
    top, bottom, over, seen = begin_walk(nest, own.begin[2 * p + 1], own.begin[len(own.begin) - 1])
    visits[0, LOOP], visits[0, PASSES], visits[0, HELD] = top, over, -1
    for r in range(ranks):
        visits[0, OFFSETS + r], trail[0, 3 + r] = 0, 0
    known = add_visit(own, 0, ranks) + 1
    depth, found = 0, 0
    trail[0, 0], trail[0, 1], trail[0, 2] = 0, 0, -1
    while depth >= 0:
        if known == len(visits) or found == len(own.states):
            empty(own, known)
            return -1
        here = trail[depth]
        v, i = here[0], here[1]
        j = visits[v, LOOP]
        if j < 0:
            found = take_tile(tables, t, p, elide, linked, v, found, own)
            depth -= 1
            continue
        n, last, ragged = runs_from(nest, j, visits[v, PASSES])
        if i == runs_of(n, last, ragged):
            visits[v, LEFT] = here[2]
            for r in range(ranks):
                visits[v, OFFSETS + ranks + r] = here[3 + r]
            depth -= 1
            continue
        index = run_of(n, last, ragged, i)[0]
        w = enter(own, here, index, bottom, seen, known, ranks)
        if w == known:
            known += 1
            depth += 1
            trail[depth, 0], trail[depth, 1], trail[depth, 2] = w, 0, here[2]
            for r in range(ranks):
                trail[depth, 3 + r] = visits[w, OFFSETS + r]
            continue
        visits[v, INSIDE + i] = w
        here[1], here[2] = i + 1, visits[w, LEFT]
        for r in range(ranks):
            here[3 + r] = visits[w, OFFSETS + ranks + r] + index * own.steps[j, r]
    return known


@kernel
def count_visits(p: int, across: bool, known: int, own: ResidualWorkspace) -> None:
    """Write how often each visit of a tile occurs, and empty the hash table.

    Where no spatial loops stand between, words are counted at the innermost loop of level p itself.
    """
    nest, visits, times = own.nest, own.visits, own.times
    empty(own, known)
    for v in range(known):
        times[v] = 0
    times[0] = 1
    for j in range(visits[0, LOOP], -1, -1):
        if nest[j, ACROSS]:
            continue
        for v in range(known):
            if visits[v, LOOP] != j:
                continue
            n, last, ragged = runs_from(nest, j, visits[v, PASSES])
            for i in range(runs_of(n, last, ragged)):
                _, often, credited = run_of(n, last, ragged, i)
                w = visits[v, INSIDE + i]
                ends = visits[w, LOOP] < 0 and nest[j, LEVEL] == p and not across
                times[w] += times[v] * (credited if ends else often)
