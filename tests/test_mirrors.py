"""Dimensions that can change places: mirrored ways to fill the fanouts are looked at once, and nothing is missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from enumeration import best_of_all, find_best_general
from nasty_spaces import document, space_of

from flexloop.embedded.mapper import Space
from flexloop.embedded.mapper.costing import Costing, facts_of
from flexloop.embedded.mapper.fillings import every_filling
from flexloop.embedded.mapper.general import known_forms
from flexloop.embedded.mapper.general import search as general_module
from flexloop.embedded.mapper.general.mirrors import mirrored, mirrors, without_mirrored
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import Objective
from flexloop.timeloop.constraints import LoopConstraint

DEPTHWISE: dict[str, Any] = {
    "Weights": [[["R"]], [["S"]]],
    "Inputs": [[["R"], ["P"]], [["S"], ["Q"]]],
    "Outputs": [[["P"]], [["Q"]]],
}
R, S, P, Q = range(4)


def space(r: int = 2, s: int = 2, p: int = 2, q: int = 2) -> Space:
    """A square kernel over a square image, on three levels with two fanouts."""
    bounds = {"R": r, "S": s, "P": p, "Q": q}
    return space_of(document([None, 16, 4], [2, 4, 1], bounds, DEPTHWISE), keep=True)


def swaps(some: Space) -> list[tuple[int, ...]]:
    choices = choices_of(some)
    return mirrors(choices, facts_of(some.spec), choices.factorizations)


def test_rows_and_columns_of_a_square_layer_change_places_together() -> None:
    assert (S, R, Q, P) in swaps(space())
    assert (S, R, P, Q) not in swaps(space())  # inputs would have other ranks
    assert (P, Q, R, S) not in swaps(space())  # so would weights: they become outputs


def test_what_is_not_square_has_no_mirror() -> None:
    assert swaps(space(q=4)) == []
    assert swaps(space(s=3)) == []


def padded(**bounds: tuple[int, ...]) -> Space:
    some = space(p=3, q=3)
    return replace(some, bounds=dict(some.bounds) | bounds)


def test_of_padded_bounds_that_mirror_each_other_one_is_left() -> None:
    some = padded(P=(3, 4), Q=(3, 4))
    assert mirrored((2, 2, 4, 3), swaps(some)) != mirrored((2, 2, 3, 4), swaps(some))
    assert not mirrored((2, 2, 4, 4), swaps(some))
    assert swaps(padded(P=(3, 4))) == []


def test_an_order_without_loops_tells_nothing_apart() -> None:
    some = space()
    level = some.spec.level_names[1]
    ordered = LoopConstraint(level, permutation=("R", "P"))
    unlooped = replace(ordered, factors=dict.fromkeys("RSPQ", 1))
    assert swaps(replace(some, constraints=replace(some.constraints, loops=(ordered,)))) == []
    assert (S, R, Q, P) in swaps(replace(some, constraints=replace(some.constraints, loops=(unlooped,))))


def test_of_every_way_to_fill_the_fanouts_one_is_left() -> None:
    some = space(p=4, q=4)
    choices = choices_of(some)
    found = every_filling(choices, [2, 2, 4, 4], 5_000)
    assert found is not None
    left = {found.factors[way].tobytes() for way in without_mirrored(found, swaps(some))}
    assert len(left) < len(found)
    for factors in found.factors:
        image = np.ascontiguousarray(factors[:, [S, R, Q, P]])
        assert factors.tobytes() in left or image.tobytes() in left


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_nothing_better_is_among_the_mirrored(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(general_module, "_ENUMERATED", 0)
    monkeypatch.setattr(known_forms, "recognise", lambda space: None)
    some = space()
    choices = choices_of(some)
    best = best_of_all(Costing(some.spec, choices), choices, objective)
    found = find_best_general([some], objective, samples=0)
    assert best is not None
    assert found.certificate.optimal
    assert found.cost == pytest.approx(best.key[:2], rel=1e-12)
