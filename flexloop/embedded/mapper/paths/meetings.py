"""Whether loops outside of a run may cost less than whole tiles, by the lengths of their steps.

A loop outside rewinds one step of every loop inside (rule 3b). So along the rank of a run whose steps are s words long,
the loops outside of it, with steps s1, s2, ..., lead sk - (s1 + ... + s(k-1)) - s away. That costs nothing where it is
0, and what a step of the run does where it is s (rule 3e): where sk less the steps between the two comes to s or to
2 s. Every step along a dimension is as long as what lies inside of it spans, or a multiple of that, whatever the
fanouts hold. So it is a matter of divisibility. Along a dimension that has a single prime factor left there is at most
one more step, and its length is known.

A run that goes through several slots consists of several loops, whose steps are all rewound. Neighbours serve loops
that lead as far as they are away (rule 5b).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flexloop.integers import divisors, least_factors

Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Along:
    """A dimension of a rank: its bound and its coefficient."""

    bound: int
    coefficient: int


class Meetings(NamedTuple):
    """What may be, by the divisors of the bounds that a tile spans: [of the run's dimension, of the other one].

    Attributes:
        nothing, step: whether the next loop may cost nothing, or what a step of the run does, where it is known.
        later_nothing: whether any loop further out may cost nothing.
        later_step: whether any may cost a step, one along the other dimension being inside of it or that loop itself.
        again: whether any may with none along the other dimension.
        served: whether neighbours may serve the next loop or any further out.
        served_inside: whether they may serve any loop of the run but the innermost.
        served_along: as ``served``, of loops along the rank alone.
    """

    nothing: Mask
    step: Mask
    later_nothing: Mask
    later_step: Mask
    again: Mask
    served: Mask
    served_inside: Mask
    served_along: Mask


@dataclass(frozen=True)
class Beside:
    """Neighbours of the children that a run moves.

    Attributes:
        along: what fanouts inside of the run's innermost loop may span along its dimension.
        across: what fanouts inside of the end of the run span along the other one.
        apart: by how many places neighbours differ along the two.
    """

    along: tuple[int, ...]
    across: int
    apart: frozenset[tuple[int, int]]


@lru_cache(maxsize=4096)
def after_run(
    own: Along, other: Along, inside: float, prime: int, loops: int, beside: Beside | None = None, *, of_two: bool
) -> Meetings:
    """What loops outside of a run may cost, given the tile that it spans.

    Args:
        own: the dimension of the run.
        other: the one that shares its rank.
        inside: what lies inside of the run may span along its dimension, at most, fanouts between the two included; of
            a run of two iterations these alone.
        prime: a factor of the iterations of the other dimension's loop, if that comes next; 0: it does not.
        loops: how many loops the run may consist of.
        beside: neighbours that may serve steps.
        of_two: whether the run has two iterations, or more.
    """
    d, o = _extents(own, other)
    found = [np.zeros(d.shape, dtype=np.bool_) for _ in range(8)]
    begun = other.coefficient * o if prime else np.zeros_like(o)
    spanned = o * prime if prime else o
    for width in divisors(own.bound)[1:]:
        # What the run and the fanouts outside of its loop span: its iterations, or a multiple of them.
        possible = d % width == 0
        possible &= width % 2 == 0 and width <= 2 * inside if of_two else (width >= 3) & (width * inside >= d)
        length = own.coefficient * (d // width)
        nests = steps_of_nests(width, 1 if of_two else loops)
        for rewound in {sum(steps) for steps in nests}:
            none, one = rewound * length, (rewound + 1) * length
            found[0] |= possible & (begun == none) & (prime > 0)
            found[1] |= possible & (begun == one) & (prime > 0)
            found[2] |= possible & _comes_to(none + begun, own, d, other, spanned)
            found[3] |= possible & _comes_to(one + begun, own, d, other, spanned, others_too=True)
            found[4] |= possible & _comes_to_own(one + begun, own, d)
            if beside is not None:
                for along in beside.along:
                    held = possible & (d // width % along == 0) & (o % beside.across == 0)
                    away = _away(beside, length // along, other.coefficient * o // beside.across)
                    served_along = held & _served(away, none, begun, own, d, other, spanned)
                    found[5] |= served_along | held & _served_across(away, none, begun, own, d, other, spanned)
                    found[7] |= served_along
                    for inside_of in {steps[-1] - sum(steps[:-1]) for steps in nests if len(steps) > 1}:
                        found[6] |= held & (inside_of * length == away).any(axis=0)
    return Meetings(*found)


@lru_cache(maxsize=4096)
def after_first(own: Along, other: Along, prime: int) -> tuple[Mask, Mask]:
    """Whether a loop outside of the one that moves a tile first may cost nothing, or what a step does, given the tile.

    The latter with one along the other dimension inside of it, or that loop itself.

    Args:
        own: the dimension of the loop that moves the tile first.
        other: the one that shares its rank.
        prime: a factor of its iterations.
    """
    d, o = _extents(own, other)
    length, after = own.coefficient * d, d * prime
    return _comes_to(length, own, after, other, o), _comes_to(2 * length, own, after, other, o, others_too=True)


@lru_cache(maxsize=1024)
def steps_of_nests(width: int, loops: int) -> tuple[tuple[int, ...], ...]:
    """The steps of a run's loops that span a width, in steps of the innermost one: of every nest of at most so many."""
    found: list[tuple[int, ...]] = [(1,)]
    if loops > 1:
        for inside in divisors(width)[1:-1]:
            found += [(1, *(inside * n for n in steps)) for steps in steps_of_nests(width // inside, loops - 1)]
    return tuple(found)


def _away(beside: Beside, along: Ints, across: Ints) -> Ints:
    """[neighbours, ...] how far they are, given the length of a place along each dimension."""
    places = np.array(sorted(beside.apart), dtype=np.int64).reshape(-1, 2, 1, 1)
    found: Ints = places[:, 0] * along + places[:, 1] * across
    return found


def _served(away: Ints, rewound: Ints, begun: Ints, own: Along, d: Ints, other: Along, spanned: Ints) -> Mask:
    """Whether loops outside of a run, along its rank, may lead a child to a neighbour's tile."""
    found = (begun > 0) & (begun - rewound == away)
    found |= _comes_to(rewound + begun + away, own, d, other, spanned)
    return np.asarray(found.any(axis=0))


def _served_across(away: Ints, rewound: Ints, begun: Ints, own: Along, d: Ints, other: Along, spanned: Ints) -> Mask:
    """The same of loops of other dimensions, which lead back along the rank."""
    back = -away - rewound - begun
    found = (back >= 0) & _divides(np.gcd(_still(own, d), _still(other, spanned)), back)
    return np.asarray(found.any(axis=0))


def _still(along: Along, spanned: Ints) -> Ints:
    """The shortest step that is still to come, or 0 for none."""
    found: Ints = np.where(spanned < along.bound, along.coefficient * spanned, 0)
    return found


def _extents(own: Along, other: Along) -> tuple[Ints, Ints]:
    d, o = np.meshgrid(divisors(own.bound), divisors(other.bound), indexing="ij")
    return d.astype(np.int64), o.astype(np.int64)


def _comes_to(length: Ints, own: Along, d: Ints, other: Along, o: Ints, *, others_too: bool = False) -> Mask:
    """Whether some step along the rank, less those inside it, may come to a length, of all that are still to come.

    With ``others_too`` one along the other dimension is among these.
    """
    steps, others = _still(own, d), _still(other, o)
    one = (others >= length) & _divides(steps, others - length)
    one |= (steps > 0) & _divides(steps, length + others)
    left = other.bound // o
    are_one = (left > 1) & (least_factors(other.bound)[left] == left)
    found: Mask = np.where(are_one, one, _divides(np.gcd(steps, others), length))
    found &= others > 0
    return found if others_too else found | _comes_to_own(length, own, d)


def _comes_to_own(length: Ints, own: Along, d: Ints) -> Mask:
    """The same of steps along the run's own dimension alone."""
    steps = _still(own, d)
    found: Mask = (steps > 0) & _divides(steps, length)
    return found


def _divides(divisor: Ints, number: Ints) -> Mask:
    """Whether a number is a multiple of another one; of 0 there is 0 alone."""
    found: Mask = np.where(divisor > 0, number % np.maximum(divisor, 1) == 0, number == 0)
    return found
