"""Every mapping of small layers costed, on designs with ranges, suffixes, two fanouts, open bypass and choices at p.

The best of each of the 81 points costs no more than the best of the points below it, and the search finds it. That the
points hold each other's mappings themselves is listed in `test_designs` and `test_design_remainders`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from functools import partial as partial_of

import pytest
from random_cases import OBJECTIVES, Case, spaces_of
from test_design_remainders import with_remainders
from test_designs import NAMES, design, partial

from flexloop.arch.design.model import Design
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.deadline import Deadline
from flexloop.embedded.mapper import find_best
from flexloop.embedded.mapper.space import Objective
from flexloop.energysources.choose import energy_tables
from flexloop.errors import UnmappableError
from flexloop.workloads.layers import Layer

POINTS = all_classes(degrees=True)
NEVER = 1e9
"""A time limit in seconds that compilation, too, stays below."""
ROUNDING = 1e-12
"""Relative difference between sums of the same numbers in another order."""

DESIGNS: dict[str, Callable[[], Design]] = {
    "partial": partial,
    "remainders": lambda: with_remainders(partial()),
    **{name: partial_of(design, name) for name in NAMES},
}
LAYERS = {
    "matmul": Layer(name="matmul", C=2, M=2),
    "filter": Layer(name="filter", C=2, M=2, R=2),
    "channels": Layer(name="channels", C=4),
    "prime": Layer(name="prime", M=5),
    "depthwise": Layer(name="depthwise", G=4, R=2),
    "indivisible": Layer(name="indivisible", M=3, P=2),
}
CASES = [
    *((name, layer) for name in ("partial", "remainders") for layer in LAYERS),
    *((name, layer) for name in NAMES for layer in ("channels", "matmul")),
]
QUICK: dict[tuple[str, str], Objective] = {
    ("partial", "filter"): "edp",
    ("remainders", "matmul"): "energy",
    ("eyeriss_like", "channels"): "latency",
    ("nested", "matmul"): "edp",
}
"""Cases that are tried with every change, and the objective in which the search then finds their best."""


@cache
def case(name: str, layer: str, point: FlexClass) -> Case:
    own = DESIGNS[name]()
    least = own.least_equivalent(point)
    if least != point:  # the same mapspaces
        return case(name, layer, least)
    ert = dict(energy_tables("table", own).ert)
    return Case(own, LAYERS[layer], point, spaces_of(point, own, LAYERS[layer], ert))


@cache
def listed(name: str, layer: str, point: FlexClass) -> dict[Objective, tuple[float, float]]:
    """The best cost of all mappings of a point, and its tie-break, in each objective."""
    found = case(name, layer, point)
    return found.enumerated() if found.flexclass == point else listed(name, layer, found.flexclass)


@pytest.mark.parametrize(
    ("name", "layer"), [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES]
)
def test_the_best_of_all_mappings_costs_no_more_than_at_the_points_below(name: str, layer: str) -> None:
    """For all 81 points, and every objective."""
    for point in POINTS:
        best = listed(name, layer, point)
        for below in point.subclasses(degrees=True):
            for objective, cost in listed(name, layer, below).items():
                assert best[objective][0] <= cost[0], f"{point} costs more than {below} in {objective}"
    assert case(name, layer, FULLY_FLEXIBLE).size > case(name, layer, RIGID).size


@pytest.mark.parametrize(
    ("name", "layer", "objective"),
    [
        pytest.param(*case, objective, marks=() if QUICK.get(case) == objective else pytest.mark.slow)
        for case, objective in itertools.product(CASES, OBJECTIVES)
    ],
)
def test_the_search_finds_the_best_of_all_mappings_and_proves_it(name: str, layer: str, objective: Objective) -> None:
    own = DESIGNS[name]()
    for point in {own.least_equivalent(point) for point in POINTS}:
        expected, spaces = listed(name, layer, point).get(objective), case(name, layer, point).spaces
        if expected is None:
            with pytest.raises(UnmappableError):
                find_best(spaces, objective, deadline=Deadline(NEVER))
            continue
        found = find_best(spaces, objective, deadline=Deadline(NEVER))
        assert found.certificate.optimal, point
        assert found.cost == pytest.approx(expected, rel=ROUNDING), point
