"""Words moved into one tile over all temporal loops above it, overlap of successive tiles credited (rule 3)."""

from __future__ import annotations

from typing import Any

from flexloop.embedded.jit import kernel
from flexloop.embedded.rules.nest import extent
from flexloop.embedded.rules.tables import (
    ALONE,
    COEF,
    COUPLED,
    COUPLED_RANKS,
    DIM,
    KIND,
    OUTER,
    RANK,
    STRIDE,
)


@kernel
def words_into(
    roles: Any, about: Any, members: Any, t: int, tile: Any, row: int, size: int,
    loops: Any, begin: int, a: int, end: int, reach: Any, moved: Any, linkable: bool,
) -> tuple[int, int, bool]:  # fmt: skip
    """Words of data space t moved into one tile.

    Where a step moves the tile along a lone rank, nothing of the old tile is in the new one, and no later step of an
    outer loop finds any of it again: the whole nest from there on reloads the tile. So only steps along coupled ranks
    are looked at one by one.

    Args:
        roles, about, members: of `Tables`.
        t: the data space.
        tile, row: the tile is that row of the table of tiles.
        size: its words.
        loops, begin, end: the temporal loops above the tile.
        a: the first of them that moves it, see `nest.close_nest`; ``end`` if none does.
        reach: for each coupled rank the largest offset between the tiles of one parent.
        moved: scratch, one number a rank.
        linkable: whether the tiles of one parent differ.

    Returns:
        The words; the words of a step of the first loop that moves the tile; and whether some step is short enough that
        a neighbour may hold what it asks for (rule 5).
    """
    if about[t, COUPLED_RANKS] == 0 or a == end or roles[t, loops[a, DIM], KIND] == ALONE:
        return size * loops[a, OUTER], size, False
    first = loops[a, DIM]
    rank = roles[t, first, RANK]
    delta = roles[t, first, COEF] * loops[a, STRIDE]
    span = extent(members, t, rank, tile, row)
    part = delta < span
    step = size // span * delta if part else size
    linkable = linkable and a == begin
    near = linkable and delta <= reach[rank]
    words = size + step * (loops[a, OUTER] - loops[a + 1, OUTER])
    ranks = about[t, COUPLED_RANKS]
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
            close = close and abs(moved[r]) <= reach[r]
        if not still:
            words += (step if same else size) * (loops[j, OUTER] - loops[j + 1, OUTER])
            near = near or close
        if along >= 0:
            moved[along] += 2 * roles[t, d, COEF] * loops[j, STRIDE]
    return words, step, near
