"""How many children of a fanout share a tile at most: all tiles that may lie inside of it are looked at."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from flexloop.embedded.mapper.facts import TensorFacts
from flexloop.embedded.mapper.relaxed import Moved
from flexloop.integers import divisors

P, R = range(2)
BOUNDS = 24, 12


def alike(stride: int, factors: tuple[int, int], inside: tuple[int, int]) -> int:
    """Of a fanout of P times R children, by the bound."""
    moved = Moved(TensorFacts((((P, stride), (R, 1)),), False), BOUNDS)
    return int(moved.sharing(np.array([factors], dtype=np.float64), np.array([inside], dtype=np.float64))[0])


def counted(stride: int, factors: tuple[int, int], inside: tuple[int, int]) -> int:
    """The same, child by child, for every tile of a child that divides what is left of the bounds."""
    spans = [
        [n for n in divisors(bound // f) if n <= most] for bound, f, most in zip(BOUNDS, factors, inside, strict=True)
    ]
    return max(
        max(Counter(stride * p * i + r * j for i in range(factors[P]) for j in range(factors[R])).values())
        for p, r in itertools.product(*spans)
    )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("factors", [(2, 2), (4, 2), (3, 4), (6, 6)])
@pytest.mark.parametrize("inside", [(1, 1), (1, 4), (24, 12)])
def test_as_many_children_share_a_tile_as_the_tiles_inside_allow(
    stride: int, factors: tuple[int, int], inside: tuple[int, int]
) -> None:
    assert alike(stride, factors, inside) == counted(stride, factors, inside)


def test_macs_that_a_stride_keeps_apart_share_no_word() -> None:
    # I[2p + r]: two outputs and two filter taps side by side want words 0, 1, 2 and 3; with two taps each 0, 2, 2, 4.
    assert alike(2, (2, 2), (1, 1)) == 1
    assert alike(2, (2, 2), (1, 2)) == 2
