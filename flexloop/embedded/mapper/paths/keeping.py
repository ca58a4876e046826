"""Whether the levels of a mapspace keep its data spaces, and the boundaries between those that do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BYPASSED, KEPT, OPEN, NOWHERE = range(4)
"""Whether a level keeps a data space: not, in any case, or as may be best. Loops outside of all levels that do move
words from nowhere, at no cost (rule 7d): on paths from the outermost level."""
Keeping = npt.NDArray[np.int8]


class Crossing(NamedTuple):
    """A boundary that words cross.

    Attributes:
        child: the level that gets them.
        parent: the level whose reads are charged, or the child where its fills are.
    """

    child: int
    parent: int


def keeping_of(kept: npt.NDArray[np.bool_], open_places: Sequence[tuple[int, int]]) -> Keeping:
    """What is kept in any case, what is open, what is bypassed."""
    keeping = kept.astype(np.int8)
    for place in open_places:
        keeping[place] = OPEN
    return keeping
