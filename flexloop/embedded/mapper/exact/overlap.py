"""Least words of inputs where tiles overlap, and where a neighbour may hold the next one: compiled.

With R, S, P or Q innermost, a step of that loop (the first loop) moves a tile along one rank and fetches what is new.
A carry, a step of a loop further out, takes the tile elsewhere. What it can save depends on which loop it is of:

- along N, G or C: nothing, no tile or neighbour holds any of it;
- along the same rank: it may meet the tile before (nothing is fetched), or move as far as the first loop does (again
  what is new);
- of any other loop: a neighbour may hold the tile, and nothing else saves anything.

See docs/search.md, "Overlap and neighbours".
"""

from __future__ import annotations

from flexloop.embedded.jit import kernel
from flexloop.embedded.mapper.exact.links import unserved
from flexloop.embedded.mapper.exact.problem import Record
from flexloop.embedded.mapper.exact.types import F64, I64
from flexloop.embedded.mapper.exact.words import distinct, rank_extents

MOVED, STILL, STEP_READS, CARRY_READS, HANDED, AGAIN = range(6)
"""Columns of a configuration's ``overlap``: words that a step moves; whether a carry may move nothing; reads of the
buffer by a step, and by a carry that is not along N, G or C; words that neighbours hand over in a step; whether a carry
along the partner, the other dimension of the rank, may save anything."""


@kernel
def overlaps(m: Record, c: Record) -> None:
    """Fill c.overlap for each of R, S, P, Q as the first loop."""
    _, width, height = rank_extents(c.tile, m.coef)
    full, groups = c.size[1], c.groups[1]
    for k in range(4):
        d, partner = 4 + k, 4 + (k + 2) % 4
        step, other = _slope(m, d) * c.array[d], _slope(m, partner) * c.array[partner]
        extent = width if d % 2 == 0 else height
        moved = full / extent * min(step, extent)
        most = _most(c, d, step)
        still = c.left[partner] > 1 and other <= most and other * c.left[partner] >= step
        again = c.left[partner] > 1 and other <= most + step
        c.overlap[k, MOVED] = moved
        c.overlap[k, STILL] = 1.0 if still else 0.0
        c.overlap[k, STEP_READS] = moved * groups
        c.overlap[k, CARRY_READS] = 0.0 if still else moved * groups
        c.overlap[k, HANDED] = 0.0
        c.overlap[k, AGAIN] = 1.0 if again else 0.0
        if not c.linked or c.left[d] == 1:
            continue
        across, reach = _rank_groups(m, c, d), _reach(m, c, d)
        left = groups
        if step <= reach and (moved == full or again or c.least[d] == 2):
            left = groups / across * _unserved(m, c, d, step, True)
        c.overlap[k, STEP_READS] = moved * left
        c.overlap[k, HANDED] = moved * (groups - left)
        if not still:
            c.overlap[k, CARRY_READS] = moved * left if moved < full else full * _left_by_carries(m, c, d)


@kernel
def _most(c: Record, d: I64, step: I64) -> I64:
    """The most that the loops over d inside a loop over its partner displace; a larger step of that cannot undo it."""
    return step + (step * c.left[d] // c.least[d] if c.left[d] > c.least[d] else 0)


@kernel
def _left_by_carries(m: Record, c: Record, d: I64) -> F64:
    """Least offsets that a carry which moves whole tiles, not along N, G or C, leaves to the buffer; d is first.

    Neighbours hold at most those offsets whose sum with the carry's displacement lies within the array, rank by rank.
    """
    partner, crossing, image = d + 2 if d < 6 else d - 2, 5 - d % 2, 7 - d % 2
    step, other = _slope(m, d) * c.array[d], _slope(m, partner) * c.array[partner]
    most = _most(c, d, step)
    meets = c.left[partner] > 1 and other <= most
    along, across = _rank_groups(m, c, d), _rank_groups(m, c, crossing)
    near = _reach(m, c, d) + 1  # least displacement of a carry along the rank; past the reach where there is none
    if c.left[d] > c.least[d]:
        near = step
    if c.left[partner] > 1:
        near = 1 if meets else min(near, other - most)
    held = along - _unserved(m, c, d, near, False)
    if c.left[3] > 1:
        held = max(held, along - _unserved(m, c, d, step, False))
    held *= across
    if c.left[crossing] > 1 or c.left[image] > 1:
        on_rank = along if meets else along - _unserved(m, c, d, min(near, step), False)
        on_other = across
        if c.left[crossing] == 1 or c.left[image] == 1:
            turned = crossing if c.left[crossing] > 1 else image
            on_other -= _unserved(m, c, crossing, _slope(m, turned) * c.array[turned], False)
        held = max(held, on_rank * on_other)
    return c.groups[1] - c.groups[1] / (along * across) * held


@kernel
def _slope(m: Record, d: I64) -> I64:
    """Coefficient of R, S, P or Q in its rank."""
    return m.coef[(0, 2, 1, 3)[d - 4]]


@kernel
def _reach(m: Record, c: Record, d: I64) -> I64:
    """Largest distance between two PEs along the rank of d."""
    f = 4 + d % 2
    return _slope(m, f) * c.tile[f] * (c.x[f] - 1) + _slope(m, f + 2) * c.tile[f + 2] * (c.x[f + 2] - 1)


@kernel
def _rank_groups(m: Record, c: Record, d: I64) -> F64:
    """Distinct offsets in the array along the rank of d."""
    f = 4 + d % 2
    return float(distinct(c.x[f], _slope(m, f) * c.tile[f], c.x[f + 2], _slope(m, f + 2) * c.tile[f + 2]))


@kernel
def _unserved(m: Record, c: Record, d: I64, move: I64, exact: bool) -> F64:
    """Of these, how many a displacement leaves to the buffer (see `links.unserved`)."""
    f = 4 + d % 2
    if move > _reach(m, c, d):
        return _rank_groups(m, c, d)
    a, b = _slope(m, f) * c.tile[f], _slope(m, f + 2) * c.tile[f + 2]
    return float(unserved(c.x[f], a, c.x[f + 2], b, move, exact))


@kernel
def first_loop(c: Record, k: I64, n: F64, iterations: F64) -> tuple[F64, F64, F64]:
    """Least words of inputs into a PE, reads of the buffer, and words handed over, with R, S, P or Q innermost.

    Between the least and the most that n may be, all three are least at one of the two.

    Args:
        c: configuration.
        k: 0 to 3 for R, S, P, Q.
        n: iterations of that loop.
        iterations: of all loops above the array.
    """
    full, moved, groups = c.size[1], c.overlap[k, MOVED], c.groups[1]
    carries = iterations / n - 1
    whole = _whole_carries(c, k, n, iterations)
    steps = carries + 1
    words = moved * steps * (n - 1) + full * (whole + 1)
    if not c.overlap[k, STILL]:
        words += moved * (carries - whole)
    if moved == full and c.linked:
        whole = float(c.left[0] * c.left[1] * c.left[2] - 1)
    elif moved < full:
        steps = carries - whole  # where tiles overlap, neighbours serve only what follows a move like the one before
    reads = c.overlap[k, STEP_READS] * steps * (n - 1) + moved * groups * (carries + 1 - steps) * (n - 1)
    reads += c.overlap[k, CARRY_READS] * (carries - whole) + full * groups * (whole + 1)
    return words, reads, c.overlap[k, HANDED] * steps * (n - 1)


@kernel
def _whole_carries(c: Record, k: I64, n: F64, iterations: F64) -> F64:
    """How many carries at least bring whole tiles, whatever neighbours hold.

    All but those over the partner, where its step is short enough, or over the dimension itself once more, which moves
    as far as the first loop where that has two iterations.
    """
    d, partner = 4 + k, 4 + (k + 2) % 4
    if c.overlap[k, AGAIN]:
        return iterations / (c.left[d] * c.left[partner]) - 1
    if n == 2 and c.left[d] > 2:
        return iterations / c.left[d] - 1
    return iterations / n - 1


@kernel
def handed_pj(m: Record, c: Record, handed: F64) -> F64:
    """Least energy of taking words from neighbours instead of leaving them to the reads of the buffer.

    Each word less read there is taken over by x[M] PEs or more. What rounding may hide is granted.
    """
    return max(0.0, handed * min(m.link_pj * c.x[3], m.read_pj) - m.link_row_pj * c.used - m.read_row_pj)
