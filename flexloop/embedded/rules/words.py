"""Words moved into one tile over all temporal loops above it, overlap of successive tiles credited (rule 3)."""

from __future__ import annotations

from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.nest import extent
from flexloop.embedded.rules.tables import ALONE, COEF, COUPLED, COUPLED_RANKS, DIM, KIND, OUTER, RANK, STRIDE, Tables
from flexloop.embedded.rules.workspace import Workspace


@kernel
def words_into(tables: Tables, t: int, p: int, differ: bool, work: Workspace) -> tuple[int, int, bool]:
    """Words of data space t moved into the tile of one child of level p, which is level p-1.

    Where a step moves the tile along a lone rank, nothing of the old tile is in the new one, and no later step of an
    outer loop finds any of it again: the whole nest from there on reloads the tile. So only steps along coupled ranks
    are looked at one by one.

    Args:
        tables: architecture and problem.
        t, p: which.
        differ: whether the tiles of one parent differ.
        work: the tiles, their sizes and the loops; `reach` of the tiles of one parent; `moved` is scratch.

    Returns:
        The words; the words of a step of the first loop that moves the tile; and whether some step is short enough that
        a neighbour may hold what it asks for (rule 5).
    """
    roles, loops, moved, size = tables.roles, work.loops, work.moved, work.size[t, p]
    ranks, begin, end = tables.about[t, COUPLED_RANKS], work.begin[p], work.begin[len(work.begin) - 1]
    a = work.mover[begin, t]
    if ranks == 0 or a == end or roles[t, loops[a, DIM], KIND] == ALONE:
        return size * loops[a, OUTER], size, False
    rank = roles[t, loops[a, DIM], RANK]
    delta = roles[t, loops[a, DIM], COEF] * loops[a, STRIDE]
    span = extent(tables.members, t, rank, work.tile, p)
    part = delta < span
    step = size // span * delta if part else size
    linkable = differ and a == begin
    near = linkable and delta <= work.reach[rank]
    words = size + step * (loops[a, OUTER] - loops[a + 1, OUTER])
    for r in range(ranks):
        moved[r] = 0
    moved[rank] = delta
    for j in range(a + 1, end):
        d = loops[j, DIM]
        kind = roles[t, d, KIND]
        if kind == ALONE:
            return words + size * (loops[j, OUTER] - 1), step, near
        along = -1
        if kind == COUPLED:
            along = roles[t, d, RANK]
            moved[along] -= roles[t, d, COEF] * loops[j, STRIDE]
        # The displacement of this carry is now -moved.
        still, same, close = True, True, linkable and not part
        for r in range(ranks):
            still = still and moved[r] == 0
            same = same and -moved[r] == (delta if r == rank else 0)
            close = close and abs(moved[r]) <= work.reach[r]
        if not still:
            words += (step if same else size) * (loops[j, OUTER] - loops[j + 1, OUTER])
            near = near or close
        if along >= 0:
            moved[along] += 2 * roles[t, d, COEF] * loops[j, STRIDE]
    return words, step, near
