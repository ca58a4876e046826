"""Which loops outside of a run may cost less than whole tiles: every nest of a few loops is followed by rule 3b."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from flexloop.embedded.mapper.paths.meetings import Along, after_first, after_run, steps_of_nests
from flexloop.integers import divisors

OWN, OTHER = 0, 1
Loops = list[tuple[int, int, bool]]
"""Dimension, factor, and whether it is a fanout's, from the innermost outwards."""


def nests(bounds: tuple[int, int], number: int) -> Iterator[Loops]:
    """Random nests of the two dimensions' loops and fanouts that make up the bounds, none of factor 1."""
    rng = random.Random(number)
    for _ in range(number):
        left, loops = list(bounds), Loops()
        while any(n > 1 for n in left):
            d = rng.choice([d for d in (OWN, OTHER) if left[d] > 1])
            factor = rng.choice([n for n in divisors(left[d]) if n > 1])
            loops.append((d, factor, rng.random() < 0.3))
            left[d] //= factor
        yield loops


def places(
    loops: Loops, coefficients: tuple[int, int], child: int
) -> tuple[list[tuple[int, int, int]], list[list[int]]]:
    """For each temporal loop outside of a child (dimension, factor, how far it leads), and what lies inside of each."""
    tile, lengths, inside = [1, 1], list[int](), list[list[int]]()
    found = list[tuple[int, int, int]]()
    for place, (d, factor, is_fanout) in enumerate(loops):
        if place >= child and not is_fanout:
            inside.append(list(tile))
            found.append((d, factor, coefficients[d] * tile[d] - sum(lengths)))
            lengths.append(coefficients[d] * tile[d])
        tile[d] *= factor
    return found, inside


def largest_prime(n: int) -> int:
    return max(p for p in (2, 3, 5, 7) if n % p == 0)


def less_than_whole(bounds: tuple[int, int], coefficients: tuple[int, int]) -> int:
    """How many loops of random nests cost less than whole tiles; all of them are foreseen."""
    own, other = (Along(*both) for both in zip(bounds, coefficients, strict=True))
    seen = 0
    for loops, child in product(nests(bounds, 400), (0, 1, 2)):
        found, inside = places(loops, coefficients, child)
        if not found or found[0][0] != OWN:
            continue
        at = [tuple(divisors(n).index(k) for n, k in zip(bounds, tile, strict=True)) for tile in inside]
        _, factor, step = found[0]
        if any(away == 0 for _, _, away in found):
            assert after_first(own, other, largest_prime(factor))[0][at[0]]
        ended = next((k for k, (d, _, _) in enumerate(found) if d == OTHER), None)
        if ended is None:
            continue
        of_two, prime = ended == 1 and factor == 2, largest_prime(found[ended][1])
        fanouts = np.prod([n for d, n, is_fanout in loops if is_fanout and d == OWN], initial=1.0)
        most = float(fanouts) if of_two else np.inf
        known = after_run(own, other, most, prime, ended, of_two=of_two)
        unknown = after_run(own, other, most, 0, ended, of_two=of_two)
        for place, (_, _, away) in enumerate(found[ended:]):
            nothing, same = (
                (known.later_nothing, known.later_step | known.again) if place else (known.nothing, known.step)
            )
            assert away != 0 or (nothing[at[ended]] and unknown.later_nothing[at[ended]])
            assert away != step or (same[at[ended]] and (unknown.later_step | unknown.again)[at[ended]])
            seen += away in (0, step)
    return seen


@pytest.mark.parametrize("bounds", [(12, 3), (3, 12), (8, 6), (16, 5), (2, 8), (6, 9)])
def test_what_loops_cost_less_is_foreseen(bounds: tuple[int, int]) -> None:
    assert sum(less_than_whole(bounds, some) for some in [(1, 1), (2, 1), (1, 2), (2, 3), (1, 4)])


def test_with_a_stride_of_two_no_filter_of_three_meets_the_steps_of_outputs() -> None:
    """I[2p + r]: steps of p are even, and the one step of r is 1 long."""
    found = after_run(Along(28, 2), Along(3, 1), 1.0, 0, 1, of_two=True)
    assert not found.later_nothing.any()
    assert not found.later_step.any() and not found.again[-1].any()


def test_a_run_may_be_of_several_loops() -> None:
    """Of 12 steps are one loop, two of 3 and 4 with steps of 1 and 3, three of 2, 3 and 2 with steps of 1, 2 and 6."""
    assert steps_of_nests(12, 1) == ((1,),)
    assert {(1, 3), (1, 2), (1, 6)} <= set(steps_of_nests(12, 2))
    assert (1, 2, 6) in set(steps_of_nests(12, 3)) - set(steps_of_nests(12, 2))
