"""Runs of steps along a rank that two dimensions share, and what fanouts hand on whole of what they bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Run:
    """A run of steps.

    Attributes:
        child: the level that takes in what the run brings.
        d: its dimension.
        of_two: whether it has two iterations so far, or more.
        loops: how many loops it may consist of.
    """

    child: int
    d: int
    of_two: bool
    loops: int = 1


class Apart(NamedTuple):
    """What fanouts hand on whole.

    Attributes:
        shift: how far from a tile in the grid that one stands which is handed on whole.
        closer: the dimensions for which that may overlap more than steps say, see `Words.closer`.
        is_one: whether that is one tile of a child, wherever the loop stands that moves it first.
    """

    shift: int
    closer: frozenset[int]
    is_one: bool = False


NOT_APART = Apart(0, frozenset())
