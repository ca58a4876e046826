"""What one child gets at a step, and what of it its neighbour got before, where loops have residuals (rules R6, R7)."""

from __future__ import annotations

from flexloop.embedded.arrays import Ints
from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.links import DIGIT, REACH
from flexloop.embedded.rules.residual_nest import EVERY, LAST
from flexloop.embedded.rules.tables import COUPLED_RANKS, LONE_RANKS, Tables
from flexloop.embedded.rules.workspace import ResidualWorkspace

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
def tile_extent(tables: Tables, t: int, rank: int, extent: Ints, p: int, over: int) -> int:
    """Words that the tile of one child of level p spans along a rank, given the dimensions in their last pass."""
    words = 1
    for d in range(extent.shape[2]):
        words += tables.shifts[t, rank, d] * (extent[LAST if over >> d & 1 else EVERY, p, d] - 1)
    return words


@kernel
def half_away(twice: int) -> int:
    """Half of a number, rounded to the nearest whole one, halves away from zero."""
    return (twice + 1) // 2 if twice >= 0 else -((1 - twice) // 2)


@kernel
def take_tile(
    tables: Tables, t: int, p: int, elide: bool, linked: bool, v: int, known: int, own: ResidualWorkspace
) -> int:
    """The child gets its tile: write what it gets and holds afterwards; return the states now known.

    The step from one tile to the next is that of their centres, rounded. A part that both have in common stays where
    the tile does not move, moves for the first time, or by the same step as last time.

    Args:
        tables: architecture and problem.
        t, p: the data space; the child is one of level p.
        elide: whether what stays is not read again.
        linked: whether it matters later what just the child got.
        v: the visit.
        known: states known.
        own: the visits and the states.
    """
    visits, states, hidden = own.visits, own.states, own.hidden[p]
    ranks = tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]
    held, over = visits[v, HELD], visits[v, PASSES]
    compared = elide and held >= 0
    state = states[known]
    moves, same, overlaps = False, True, compared
    words, common = 1, 1
    for r in range(ranks):
        size = tile_extent(tables, t, r, own.extent, p, over & ~hidden)
        low, high, step = 0, 0, 0
        if compared:
            before = tile_extent(tables, t, r, own.extent, p, states[held, OVER] & ~hidden)
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
def find_state(states: Ints, known: int, width: int) -> int:
    """The first row that equals row ``known``."""
    for s in range(known):
        equal = True
        for i in range(width):
            equal = equal and states[s, i] == states[known, i]
        if equal:
            return s
    return known


@kernel
def cut(size: Ints, state: Ints, ranks: int, pieces: Ints) -> int:
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
def handed_step(tables: Tables, t: int, p: int, v: int, rows: Ints, own: ResidualWorkspace) -> tuple[bool, int]:
    """Whether what a child gets is what it got before, moved; and by how much the latter lies behind, as a number.

    Args:
        tables: architecture and problem.
        t, p: which; the child is one of level p.
        v: the visit.
        rows: of `links.digits`.
        own: the visits and the states.
    """
    visits, states, pieces, others = own.visits, own.states, own.pieces, own.others
    ranks = tables.about[t, COUPLED_RANKS] + tables.about[t, LONE_RANKS]
    held, left = visits[v, HELD], visits[v, LEFT]
    for r in range(ranks):
        own.size[r] = tile_extent(tables, t, r, own.extent, p, states[left, OVER] & ~own.hidden[p])
    count = cut(own.size, states[left], ranks, pieces)
    for r in range(ranks):
        own.size[r] = tile_extent(tables, t, r, own.extent, p, states[held, OVER] & ~own.hidden[p])
    same = count > 0 and cut(own.size, states[held], ranks, others) == count
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
