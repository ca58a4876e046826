"""Arithmetic of whole numbers: divisors, multiples, numbers of small prime factors, even shares."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import isqrt
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Whole = TypeVar("Whole", int, npt.NDArray[np.int64])


def ceil_div(number: Whole, by: Whole) -> Whole:
    """A quotient of whole numbers, rounded up."""
    return -(-number // by)


def balanced(passes: Whole, extent: Whole) -> Whole:
    """The least number of PEs, at most ``extent``, that takes no more repetitions for ``passes`` than ``extent`` PEs.

    Either may be an array of numbers.

    Examples:
        >>> balanced(20, 16), balanced(5, 16), balanced(32, 16)
        (10, 5, 16)
    """
    return ceil_div(passes, ceil_div(passes, extent))


def multiple(value: int, step: int) -> int:
    """The least multiple of ``step`` at or above ``value``."""
    return step * ceil_div(value, step)


def smooth_above(bound: int) -> int:
    """The least number at or above ``bound`` with no prime factor above 7."""
    return min(_smooth_candidates(bound))


def _smooth_candidates(bound: int) -> Iterator[int]:
    """For each product of powers of 3, 5 and 7 below 2*bound, its least multiple by a power of two above the bound."""
    sevens = 1
    while sevens < 2 * bound:
        fives = sevens
        while fives < 2 * bound:
            threes = fives
            while threes < 2 * bound:
                yield threes << max(0, (ceil_div(bound, threes) - 1).bit_length())
                threes *= 3
            fives *= 5
        sevens *= 7


@lru_cache(maxsize=256)
def least_factors(bound: int) -> npt.NDArray[np.int64]:
    """[bound + 1]: for each of its divisors the least prime factor; 1 of 1, and of what is no divisor 0.

    Examples:
        >>> least_factors(6).tolist()
        [0, 1, 2, 3, 0, 0, 2]
    """
    found = np.zeros(bound + 1, dtype=np.int64)
    for n in divisors(bound):
        found[n] = divisors(n)[:2][-1]
    return found


@lru_cache(maxsize=65536)
def divisors(n: int) -> tuple[int, ...]:
    """The divisors of a positive number, ascending."""
    small = [k for k in range(1, isqrt(n) + 1) if n % k == 0]
    return (*small, *(n // k for k in reversed(small) if k * k != n))
