"""Flexion and classes of Timeloop designs, against brute force."""

from __future__ import annotations

import itertools
import json
from functools import cache
from math import factorial, prod
from pathlib import Path

import pytest
from test_designs import DESIGNS, NAMES, design, flexloop_command, partial

import flexloop
from flexloop.arch.design.clip import clipped
from flexloop.arch.design.directives import merged
from flexloop.arch.design.model import Design
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.flexibility import designtiles, flexion_table
from flexloop.flexibility.designs import DesignFlexion, assignments
from flexloop.flexibility.tilings import Sampling
from flexloop.studies.classify import class_of, classification
from flexloop.timeloop.constraints import LoopConstraint
from flexloop.workloads.layers import DIMENSIONS, Layer, Network, tile_size

LAYERS = [
    Layer(name="matmul", C=4, M=4, P=4),
    Layer(name="indivisible", C=3, M=5, P=2),
    Layer(name="window", C=2, M=2, R=3, P=4, Wstride=2),
    Layer(name="depthwise", G=4, R=3, P=2),
]


@cache
def divisors(n: int) -> list[int]:
    return [k for k in range(1, n + 1) if n % k == 0]


def tuples(product: int, count: int) -> list[tuple[int, ...]]:
    if count == 1:
        return [(product,)]
    return [(n, *rest) for n in divisors(product) for rest in tuples(product // n, count - 1)]


def tiles(own: Design, layer: Layer, degree: Degree) -> int:
    """Choices of tiles, listed one by one: factors at all levels but the outermost that fit and may go on."""
    on_layer = clipped(own, layer)
    bounds, names = on_layer.bounds(Degree.FULL), own.level_names
    spread = prod(x * y for x, y in own.hardware.fanouts)
    found = set()
    for choice in on_layer.choices(Axis.TILING, degree):
        loops = merged([*on_layer.always, *choice])
        rules = {c.target: c for c in loops if not c.spatial}
        lanes = {(c.target, d): n for c in on_layer.always if c.spatial for d, n in c.factors.items()}
        columns = []
        for d in DIMENSIONS:
            possible = set()
            lane = prod(lanes.get((name, d), 1) for name in names)
            for bound in bounds[d]:
                for factors in tuples(bound // lane, len(names) + 1) if bound % lane == 0 else ():
                    *temporal, spatial = factors  # the last one is spread over the array
                    ok = spatial <= spread
                    for name, n in zip(names, temporal, strict=True):
                        rule = rules.get(name, LoopConstraint(name))
                        ok &= rule.factors.get(d, n) == n
                        ok &= rule.min_factors.get(d, 1) <= n <= rule.max_factors.get(d, n)
                    if ok:
                        possible.add(tuple(temporal[:-1]))
            columns.append(sorted(possible))
        kept = {rule.target: rule.keep for rule in own.always.dataspaces}
        for each in itertools.product(*columns):
            fits, tile = True, dict.fromkeys(DIMENSIONS, 1)
            for index, level in enumerate(own.hardware.levels[:-1]):
                for d, factors in zip(DIMENSIONS, each, strict=True):
                    tile[d] *= factors[index] * lanes.get((level.name, d), 1)
                words = sum(tile_size(t, tile, layer.coefficients) for t in kept.get(level.name, ()))
                fits &= level.capacity is None or words <= level.capacity
            if fits:
                found.add(each)
    return len(found)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_tiles_are_counted_as_brute_force_lists_them(layer: Layer) -> None:
    own = partial()
    measured = DesignFlexion(own, layer)
    for degree in Degree:
        assert measured.choices(Axis.TILING, degree).value == tiles(own, layer, degree)


def test_sampled_tiles_hold_the_exact_count(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, sampling = LAYERS[0], Sampling(samples=4000, seed=1, confidence=0.999)
    exact = {degree: DesignFlexion(partial(), layer).choices(Axis.TILING, degree) for degree in Degree}
    monkeypatch.setattr(designtiles, "LATTICE_LIMIT", 0)
    sampled = DesignFlexion(partial(), layer, sampling)
    for degree in Degree:
        estimate = sampled.choices(Axis.TILING, degree)
        assert (estimate.samples, exact[degree].samples) == (4000, 0)
        assert estimate.low <= exact[degree].value <= estimate.high


def orders(rule: LoopConstraint, moving: list[str]) -> set[tuple[str, ...]]:
    """Orders of the moving dimensions in some order of all that the rule allows."""
    middle = [d for d in DIMENSIONS if d not in rule.permutation and d not in rule.suffix]
    return {
        tuple(d for d in (*rule.permutation, *each, *rule.suffix) if d in moving)
        for each in itertools.permutations(middle)
    }


def test_orders_are_counted_as_brute_force_lists_them() -> None:
    """At the scratchpad, the buffer and DRAM, and at the registers, which have lanes below them."""
    own, layer = partial(), Layer(name="matmul", C=4, M=4, P=4, Q=2)
    moving = ["C", "M", "P", "Q"]
    measured = DesignFlexion(own, layer)
    listed: dict[Degree, int] = {Degree.FULL: factorial(4) ** 4}
    sets = []
    for choice in own.choices(Axis.ORDERING, Degree.PART):
        rules = {c.target: c for c in choice}
        each = [orders(rules.get(name, LoopConstraint(name)), moving) for name in own.level_names]
        sets.append(set(itertools.product(*each)))
    listed |= {Degree.FIXED: len(sets[0]), Degree.PART: len(sets[0] | sets[1])}
    assert {degree: measured.choices(Axis.ORDERING, degree).value for degree in Degree} == listed


def test_assignments_follow_splits() -> None:
    """Of C and M in the first two places, a split of 1 puts C on X and M on Y; what follows lies on Y."""
    rule = LoopConstraint("array", spatial=True, permutation=("C", "M"), split=1)
    found = assignments(rule, (4, 4), ["C", "M", "P"])
    assert found == {(c, m, p) for c in ("", "X") for m in ("", "Y") for p in ("", "Y")}
    assert assignments(LoopConstraint("array", spatial=True), (4, 1), ["C"]) == {("",), ("X",)}
    pinned = LoopConstraint("array", spatial=True, factors={"C": 4, "M": 1})
    assert assignments(pinned, (4, 4), ["C", "M"]) == {("X", ""), ("Y", "")}


@pytest.mark.parametrize("name", NAMES)
def test_flexion_rises_along_the_lattice(name: str) -> None:
    network = Network(name="net", layers=tuple(LAYERS))
    rows = flexion_table(design(name), [network])
    for column in ("h_f", "w_f"):
        for _, group in rows[rows["axis"] != "all"].groupby(["scope", "layer", "axis"]):
            values = group.set_index("degree")[column].dropna()
            if len(values):
                assert values["0"] <= values["p"] <= values["1"] == 1


def test_a_class_says_where_one_choice_is_left_and_where_all_are() -> None:
    """Simba's example pins no order; its array's extents are one of 45; spatial factors leave some choices."""
    network = Network(name="net", layers=(LAYERS[0],))
    table = classification(design("simba_like"), [network])
    assert str(class_of(table)) == "T1O1PpS0"
    parallel = table.set_index("axis").loc["P"]
    assert "inter_PE_spatial (spatial) R=1 S=1 P=1 Q=1 N=1 G=1" in parallel["constraints"]
    assert "designs/simba_like.yaml:" in parallel["where"]


@pytest.mark.slow
def test_classify_prints_and_reports_what_freeing_gains(tmp_path: Path) -> None:
    network = tmp_path / "net.yaml"
    network.write_text("name: small\nlayers:\n- {name: fc, C: 4, M: 6}\n", encoding="utf-8")
    report = tmp_path / "report.html"
    common = ("classify", DESIGNS / "nested.yaml", "--net", network, "--engine", "embedded", "--no-store")
    text = flexloop_command(*common, "-o", tmp_path / "out", "--report", report)
    assert "nested on small: T" in text
    rows = json.loads(flexloop_command(*common, "--json", "-o", tmp_path / "out"))
    assert [row["axis"] for row in rows] == ["T", "O", "P", "S"]
    assert all(row["alone"] >= 1 and row["last"] >= 1 for row in rows)
    assert max(row["alone"] for row in rows) > 1
    assert "The class of the design as it stands" in report.read_text(encoding="utf-8")


def test_classes_with_the_same_mapspaces_are_searched_once_and_cost_the_same(tmp_path: Path) -> None:
    """Simba's example pins no order, so that freeing it changes nothing; degree p without alternatives is degree 0."""
    own = design("simba_like")
    assert str(own.least_equivalent(FlexClass.parse("TpO1P0Sp"))) == "T0O0P0S0"
    assert str(partial().least_equivalent(FlexClass.parse("TpO1P0Sp"))) == "TpO1P0Sp"
    network = Network(name="net", layers=(Layer(name="fc", C=8, M=12),))
    results = flexloop.run(["T0O0P0S0", "T0O1P0S0"], network, own, use_store=False, engine="embedded", time_limit=0.5)
    costs = results.rows.set_index("class")["edp"]
    assert costs["T0O0P0S0"] == costs["T0O1P0S0"]
