"""Fanouts with nothing between them, which are bounded as one first.

Where no level between two fanouts keeps anything or has loops, what a path costs follows from what their factors
multiply to, hardly from which of them lies where. So all ways that multiply to the same are bounded at once, as if the
inner fanout held everything: its children have no less in common than those of two fanouts, one inside the other.
"""

from __future__ import annotations

from itertools import pairwise

from flexloop.embedded.mapper.fillings import Fillings
from flexloop.embedded.mapper.paths.keeping import BYPASSED
from flexloop.embedded.mapper.paths.shortest import Decided

_WORTH = 4
"""How many times fewer ways there must be for that to be worth it."""


def joined(mapspace: Decided, fillings: Fillings) -> Fillings:
    """Ways to fill the fanouts, those with nothing between them taken for one; the same ways where that leaves many."""
    innermost = list(range(len(fillings.levels)))
    for number, (inner, outer) in enumerate(pairwise(fillings.levels)):
        if _are_one(mapspace, inner, outer):
            innermost[number + 1] = innermost[number]
    if len(set(innermost)) == len(innermost) or not len(fillings):
        return fillings
    fewer = fillings.join(tuple(innermost))
    return fewer if _WORTH * len(fewer) <= len(fillings) else fillings


def _are_one(mapspace: Decided, inner: int, outer: int) -> bool:
    """Whether the fanouts below two levels may be taken for one."""
    choices, levels = mapspace.choices, mapspace.facts.levels
    if inner == 0 or choices.imperfect:  # the MACs may be fed by neighbours
        return False
    between = [choices.temporal[level] for level in range(inner, outer)]
    has_loops = any(f.highs[place] > 1 for f in choices.of_bounds(mapspace.bounds) for place in between)
    is_kept = (mapspace.keeping[inner:outer] != BYPASSED).any()
    shared = levels[inner].no_multicast_no_reduction == levels[outer].no_multicast_no_reduction
    return shared and not has_loops and not is_kept
