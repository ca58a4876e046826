"""Tiles that one child gets, step by step, where loops have residuals (rules R5 and R6).

Timeloop runs a few iterations of each loop and weighs them. What a loop does depends on which dimensions are in their
last pass and on what the child held and got before, so each such visit is walked once and counted as often as it
occurs.
"""

from __future__ import annotations

from typing import Any

from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.residual_nest import (
    ACROSS,
    EVERY,
    INNER,
    LAST,
    LEVEL,
    RAGGED,
    RESIDUAL,
    SEEN,
)
from flexloop.embedded.rules.tables import COUNT, DIM

LOOP, PASSES, HELD, LEFT, PLACE, WORDS, INSIDE = range(7)
"""Columns of a table of visits [V, 11 + 2*R]: the loop (-1: the child's tile itself); dimensions in their last pass, as
bits; the state of the child before and after, as rows of a table of states (-1: it holds nothing); the visit's place in
the hash table; the words that the child gets; up to four visits inside; then, both from where the visit begins, the
offset of the tile held before and of that held afterwards."""
OFFSETS = INSIDE + 4

OVER, KNOWN, STEP = range(3)
"""Columns of a table of states [S, 3 + 3*R]: dimensions in their last pass around the child, as bits; whether the last
step of its tile is remembered; from the third column on that step, then the low and the high corner of what the tile
had in common with the one before."""


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
def find_visit(
    visits: Any, slots: Any, known: int, loop: int, over: int, held: int, offset: Any, at: int, step: Any, index: int,
    ranks: int,
) -> int:  # fmt: skip
    """The visit from a state, added at row ``known`` if it is new.

    Args:
        visits, slots: the table, and its hash table of rows + 1.
        known: rows in use.
        loop, over, held: see `LOOP`.
        offset, at: the offset of the tile held, from where the loop outside begins, stands there in a row from ``at``
            on.
        step, index: how far an iteration of that loop moves the tile, and which it is.
        ranks: of the data space.
    """
    key = (loop + 1) * 0x9E3779B1 + over
    key = key * 0x9E3779B1 + held
    for r in range(ranks):
        key = key * 0x9E3779B1 + (offset[at + r] - index * step[r])
    mask = len(slots) - 1
    place = (key ^ (key >> 29)) & mask
    while slots[place] > 0:
        v = slots[place] - 1
        same = visits[v, LOOP] == loop and visits[v, PASSES] == over and visits[v, HELD] == held
        for r in range(ranks):
            same = same and visits[v, OFFSETS + r] == offset[at + r] - index * step[r]
        if same:
            return int(v)
        place = (place + 1) & mask
    slots[place] = known + 1
    visits[known, LOOP] = loop
    visits[known, PASSES] = over
    visits[known, HELD] = held
    visits[known, PLACE] = place
    for r in range(ranks):
        visits[known, OFFSETS + r] = offset[at + r] - index * step[r]
    return known


@kernel
def empty(visits: Any, known: int, slots: Any) -> None:
    """Empty the hash table."""
    for v in range(known):
        slots[visits[v, PLACE]] = 0


@kernel
def tile_extent(shifts: Any, t: int, rank: int, extent: Any, p: int, over: int) -> int:
    """Words that the tile of one child of level p spans along a rank, given the dimensions in their last pass."""
    words = 1
    for d in range(extent.shape[2]):
        words += shifts[t, rank, d] * (extent[LAST if over >> d & 1 else EVERY, p, d] - 1)
    return words


@kernel
def half_away(twice: int) -> int:
    """Half of a number, rounded to the nearest whole one, halves away from zero."""
    return (twice + 1) // 2 if twice >= 0 else -((1 - twice) // 2)


@kernel
def take_tile(
    shifts: Any, t: int, ranks: int, extent: Any, p: int, hidden: int, elide: bool, linked: bool,
    visits: Any, v: int, states: Any, known: int,
) -> int:  # fmt: skip
    """The child gets its tile: write what it gets and holds afterwards; return the states now known.

    The step from one tile to the next is that of their centres, rounded. A part that both have in common stays where
    the tile does not move, moves for the first time, or by the same step as last time.

    Args:
        shifts, extent: of `Tables` and `lay_nest`.
        t, ranks: the data space and its ranks.
        p: the child is one of level p.
        hidden: dimensions of whose last pass the first child sees nothing, as bits.
        elide: whether what stays is not read again.
        linked: whether it matters later what just the child got.
        visits, v: the visit.
        states, known: the table of states, and rows in use.
    """
    held, over = visits[v, HELD], visits[v, PASSES]
    compared = elide and held >= 0
    state = states[known]
    moves, same, overlaps = False, True, compared
    words, common = 1, 1
    for r in range(ranks):
        size = tile_extent(shifts, t, r, extent, p, over & ~hidden)
        low, high, step = 0, 0, 0
        if compared:
            before = tile_extent(shifts, t, r, extent, p, states[held, OVER] & ~hidden)
            offset = visits[v, OFFSETS + r]
            step = half_away(size - before - 2 * offset)
            low, high = max(0, offset), min(size, offset + before)
            overlaps = overlaps and low < high
            moves = moves or step != 0
            same = same and states[held, STEP + r] == step
        words *= size
        common *= high - low
        state[STEP + r] = step
        state[STEP + ranks + r] = low
        state[STEP + 2 * ranks + r] = high
        visits[v, OFFSETS + ranks + r] = 0
    remembered = compared and states[held, KNOWN] > 0
    overlaps = overlaps and (same or not moves or not remembered)
    state[OVER] = over
    state[KNOWN] = compared and (remembered if not moves else same or not remembered)
    for r in range(ranks):
        if not state[KNOWN]:
            state[STEP + r] = 0
        elif not moves:
            state[STEP + r] = states[held, STEP + r]
        if not (overlaps and linked):
            state[STEP + ranks + r] = 0
            state[STEP + 2 * ranks + r] = 0
    visits[v, WORDS] = words - common if overlaps else words
    left = find_state(states, known, STEP + 3 * ranks)
    visits[v, LEFT] = left
    return max(known, left + 1)


@kernel
def find_state(states: Any, known: int, width: int) -> int:
    """The first row that equals row ``known``."""
    for s in range(known):
        equal = True
        for i in range(width):
            equal = equal and states[s, i] == states[known, i]
        if equal:
            return s
    return known


@kernel
def begin_walk(nest: Any, first: int, count: int) -> tuple[int, int, int, int]:
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
def walk(
    shifts: Any, t: int, ranks: int, extent: Any, nest: Any, count: int, p: int, first: int, hidden: int, elide: bool,
    linked: bool, steps: Any, visits: Any, slots: Any, states: Any, trail: Any,
) -> int:  # fmt: skip
    """Walk everything that one child of level p gets of a data space.

    Args:
        shifts, t, ranks: of `Tables`; the data space and its ranks.
        extent, nest, count: of `lay_nest`.
        p, first: the children are those of level p; the first loop outside its spatial ones.
        hidden, elide, linked: see `take_tile`.
        steps: int64[N, R] how far an iteration of each loop moves the tile.
        visits, slots, states: scratch, see `LOOP` and `OVER`; the hash table is empty.
        trail: int64[N + 2, 3 + R] scratch: the visits under way, the iteration of each, and the state by then.

    Returns:
        The number of visits, the first of which is all of it; -1 if the tables cannot hold them.
    """
    top, bottom, over, seen = begin_walk(nest, first, count)
    for r in range(ranks):
        trail[0, 3 + r] = 0
    known = find_visit(visits, slots, 0, top, over, -1, trail[0], 3, steps[0], 0, ranks) + 1
    depth, found = 0, 0
    trail[0, 0], trail[0, 1], trail[0, 2] = 0, 0, -1
    while depth >= 0:
        if known == len(visits) or found == len(states):
            empty(visits, known, slots)
            return -1
        here = trail[depth]
        v, i = here[0], here[1]
        j, over = visits[v, LOOP], visits[v, PASSES]
        if j < 0:
            found = take_tile(shifts, t, ranks, extent, p, hidden, elide, linked, visits, v, states, found)
            depth -= 1
            continue
        last = over >> nest[j, DIM] & 1 > 0
        n = nest[j, RESIDUAL if last else COUNT]
        last = last and nest[j, RAGGED] >> nest[j, DIM] & 1 > 0
        ragged = nest[j, RESIDUAL] != nest[j, COUNT]
        if i == runs_of(n, last, ragged):
            visits[v, LEFT] = here[2]
            for r in range(ranks):
                visits[v, OFFSETS + ranks + r] = here[3 + r]
            depth -= 1
            continue
        index = run_of(n, last, ragged, i)[0]
        inside = over & (seen if j == bottom else nest[j, SEEN])
        if index + 1 < nest[j, RESIDUAL]:
            inside &= ~(1 << nest[j, DIM])
        inner = -1 if j == bottom else nest[j, INNER]
        w = find_visit(visits, slots, known, inner, inside, here[2], here, 3, steps[j], index, ranks)
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
            here[3 + r] = visits[w, OFFSETS + ranks + r] + index * steps[j, r]
    return known


@kernel
def count_visits(nest: Any, p: int, across: bool, visits: Any, known: int, slots: Any, times: Any) -> None:
    """Write how often each visit of a tile occurs, and empty the hash table.

    Where no spatial loops stand between, words are counted at the innermost loop of level p itself.
    """
    empty(visits, known, slots)
    for v in range(known):
        times[v] = 0
    times[0] = 1
    for j in range(visits[0, LOOP], -1, -1):
        if nest[j, ACROSS]:
            continue
        for v in range(known):
            if visits[v, LOOP] != j:
                continue
            last = visits[v, PASSES] >> nest[j, DIM] & 1 > 0
            n = nest[j, RESIDUAL if last else COUNT]
            last = last and nest[j, RAGGED] >> nest[j, DIM] & 1 > 0
            ragged = nest[j, RESIDUAL] != nest[j, COUNT]
            for i in range(runs_of(n, last, ragged)):
                _, often, credited = run_of(n, last, ragged, i)
                w = visits[v, INSIDE + i]
                ends = visits[w, LOOP] < 0 and nest[j, LEVEL] == p and not across
                times[w] += times[v] * (credited if ends else often)
