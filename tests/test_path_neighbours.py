"""Which steps neighbours may serve: all ways to place a fanout's loops are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from flexloop.embedded.mapper.paths.meetings import Beside
from flexloop.embedded.mapper.paths.neighbours import Served, differences, divided
from flexloop.embedded.mapper.slots import Slot

M, R, P = range(3)


def fanout(x: int, y: int, order: Sequence[int] = (M, R, P)) -> Slot:
    """A fanout of x times y children below level 1, its loops in a free order."""
    return Slot(1, spatial=True, extent=(x, y), prefix=(), middle=tuple(order), suffix=(), split=None, counted=True)


def test_children_along_one_dimension_differ_by_one_place() -> None:
    found = differences(fanout(4, 1), (1, 1, 4), (P, R), frozenset())
    assert found == frozenset({(1, 0), (-1, 0)})


def test_rows_of_two_bring_children_two_places_apart_together() -> None:
    # Four children along P fit two by two only if P lies on X alone: packed into rows of two they are 0 1 / 2 3.
    slot = Slot(1, spatial=True, extent=(2, 2), prefix=(), middle=(M, R, P), suffix=(), split=None, counted=True)
    found = differences(slot, (1, 2, 2), (P, R), frozenset())
    assert found is not None
    assert {(1, 0), (0, 1)} <= found
    assert all(abs(i) <= 1 and abs(j) <= 1 for i, j in found)


def test_the_last_child_of_a_row_of_loops_is_beside_the_first_of_the_next_one() -> None:
    # P innermost, M outside of it, all on X: the child (P=2, M=0) is followed by (P=0, M=1), two places back along P.
    found = differences(fanout(6, 1), (2, 1, 3), (P, R), frozenset())
    assert found is not None
    assert (2, 0) in found
    # A data space that M moves as well has other words there.
    apart = differences(fanout(6, 1), (2, 1, 3), (P, R), frozenset({M}))
    assert apart is not None
    assert (2, 0) not in apart


@pytest.mark.parametrize(("spanned", "served"), [(2, True), (1, False)])
def test_a_step_is_served_where_it_is_as_long_as_two_neighbours_are_apart(spanned: int, served: bool) -> None:
    # I[2p + r], three children along R, one place each: a step of P by one is two places of R; neighbours differ by as
    # much only where a child spans two places of R.
    steps = Served(
        d=P,
        other=R,
        lengths=((1, 2, 3.0),),
        inside=3,
        least=1,
        longest=np.inf,
        beside=Beside((1,), 3, frozenset()),
    )
    tiles = np.ones((1, 3))
    tiles[0, R], tiles[0, P] = 3 * spanned, 4
    assert steps.divided(tiles)[0] == (3.0 if served else 1.0)


def test_a_word_is_sent_where_one_of_the_children_that_want_it_is_at_an_edge() -> None:
    # Four children along P in a row: of a step by one place the last one's word alone is sent.
    four = fanout(4, 1), (1, 1, 4), ((P, 1), (R, 1)), 1, frozenset[int]()
    assert divided(*four, fills=False) == 4.0
    # A step by two places: no neighbour of one copy. Of two copies of three children, side by side, one child of the
    # second is beside the last of the first, which is two places ahead: its word is sent all the same, to the other.
    two = fanout(6, 1), (2, 1, 3), ((P, 1), (R, 1)), 2, frozenset[int]()
    assert divided(*two, fills=True) == 6 / 5
    assert divided(*two, fills=False) == 1.0
