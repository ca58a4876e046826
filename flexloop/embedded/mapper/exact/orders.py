"""Loop orders that are enough to look at, for the temporal loops above the array.

Dimensions are N G C M R S P Q = 0..7. Weights do not depend on N, P, Q; inputs not on M; outputs not on C, R, S. What
an order costs depends on little: which leading loops leave weights or outputs in place, and, because inputs overlap
along P with R and along Q with S, which coupled loops run before the first of N, G, C (after that no tile of inputs
overlaps the one before, see docs/search.md). Two tables follow, both by the set of loops that are present (a bit mask):

- `complete`: every distinct behaviour, words that PEs hand to their neighbours included;
- `dominant`: where no such transfers can occur, a subset with an order at least as good as any for each behaviour.

A row is a permutation of all eight dimensions, innermost first; absent loops stand last.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from flexloop.embedded.arrays import Ints
from flexloop.embedded.roles import C, G, M, N, P, Q, R, S

COUPLED_OR_FREE = (P, Q, R, S, M)
PARTNER = {P: R, R: P, Q: S, S: Q}

Table = tuple[Ints, Ints]
"""Start of each mask's rows [257], and the rows [k, 8]."""


@lru_cache(maxsize=1)
def complete() -> Table:
    """The table of every distinct behaviour."""
    return _table(_complete)


@lru_cache(maxsize=1)
def dominant() -> Table:
    """The table for nests without transfers between neighbours."""
    return _table(_dominant)


def pinned(permutation: Sequence[int]) -> Table:
    """The table of one pinned order."""
    rows = np.array([permutation], dtype=np.int64)
    return np.arange(257, dtype=np.int64), np.repeat(rows, 256, axis=0)


def _table(rows_of: Callable[[frozenset[int]], Iterator[tuple[int, ...]]]) -> Table:
    starts, rows = [0], []
    for mask in range(256):
        loops = frozenset(d for d in range(8) if mask >> d & 1)
        rows += sorted({_fill(row, loops) for row in rows_of(loops)})
        starts.append(len(rows))
    return np.array(starts, dtype=np.int64), np.array(rows, dtype=np.int64)


def _fill(prefix: Sequence[int], loops: frozenset[int]) -> tuple[int, ...]:
    """A whole permutation: the prefix, the other loops that are present, then the absent ones."""
    rest = [d for d in range(8) if d not in prefix]
    return (*prefix, *(d for d in rest if d in loops), *(d for d in rest if d not in loops))


def _complete(loops: frozenset[int]) -> Iterator[tuple[int, ...]]:
    movable = [d for d in COUPLED_OR_FREE if d in loops]
    closers = [d for d in (N, C, G) if d in loops]
    for length in range(len(movable) + 1):
        for prefix in itertools.permutations(movable, length):
            for closer in closers:
                run = {N: (P, Q), C: (R, S)}.get(closer, ())
                yield (*prefix, closer, *(d for d in run if d in loops and d not in prefix))
            if not closers and length == len(movable):
                yield prefix


def _dominant(loops: frozenset[int]) -> Iterator[tuple[int, ...]]:
    def present(*dimensions: int) -> tuple[int, ...]:
        return tuple(d for d in dimensions if d in loops)

    for run in ((P, Q, N), (Q, P, N), (R, S, C), (S, R, C)):
        if kept := present(*run):
            yield kept
    for first, second in PARTNER.items():
        if first in loops and second in loops:
            yield first, second
    if M in loops:
        coupled = [d for d in PARTNER if d in loops]
        yield from ((M, first, *present(PARTNER[first])) for first in coupled)
        if not coupled:
            yield (M,)
    if not loops - {G}:
        yield present(G)
