"""The general search finds what enumeration finds, on mapspaces of any form, and says how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from enumeration import best_of_all, find_best_general
from golden_specs import golden_space
from hypothesis import given, settings
from hypothesis import strategies as st
from nasty_spaces import CONVOLUTION, document, space_of
from random_spaces import joined_space, some_arrays, some_space, square_space
from test_imperfect_search import apart

from flexloop import Network, run
from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Seed, Space
from flexloop.embedded.mapper.costing import Costing
from flexloop.embedded.mapper.fillings import every_filling
from flexloop.embedded.mapper.general import joined, known_forms, pricing, roots
from flexloop.embedded.mapper.general import search as general_module
from flexloop.embedded.mapper.general.arrays import as_arrays
from flexloop.embedded.mapper.general.incumbent import Incumbent
from flexloop.embedded.mapper.sampler import choices_of
from flexloop.embedded.mapper.space import BestSoFar, Guide, Objective
from flexloop.embedded.model import evaluate
from flexloop.errors import UnmappableError, UnsupportedError
from flexloop.timeloop.constraints import Constraints, DataspaceConstraint
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.reuse import ReuseLimits
from flexloop.workloads.layers import Layer

objectives = st.sampled_from(["latency", "energy", "edp"])


@pytest.fixture
def no_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Branch and bound alone: no enumeration, no exact search; fanouts are joined wherever that can be."""
    monkeypatch.setattr(general_module, "_ENUMERATED", 0)
    monkeypatch.setattr(joined, "_WORTH", 0)
    monkeypatch.setattr(known_forms, "recognise", lambda space: None)


def enumerated(space: Space, objective: Objective) -> tuple[float, ...] | None:
    choices = choices_of(space)
    best = best_of_all(Costing(space.spec, choices), choices, objective)
    return None if best is None else best.key


def compare_with_enumeration(spaces: Sequence[Space], objective: Objective) -> None:
    expected = min((key for space in spaces if (key := enumerated(space, objective)) is not None), default=None)
    if expected is None:
        with pytest.raises((UnmappableError, UnsupportedError)):
            find_best_general(spaces, objective, samples=0)
        return
    found = find_best_general(spaces, objective, samples=0)
    assert found.certificate.optimal
    assert found.cost == pytest.approx(expected[:2], rel=1e-12)


EXAMPLES = [10, pytest.param(200, marks=pytest.mark.slow)]


def compare_drawn(draw: Callable[[int], list[Space]], examples: int) -> None:
    """Compare the search of random spaces, drawn by their seed, with enumeration."""

    @settings(max_examples=examples, deadline=None)
    @given(st.integers(0, 2**32), objectives)
    def check(seed: int, objective: Objective) -> None:
        compare_with_enumeration(draw(seed), objective)

    check()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_branch_and_bound_equals_enumeration(no_shortcuts: None, examples: int) -> None:
    compare_drawn(lambda seed: [some_space(seed, 1_500)], examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_arrays_of_several_shapes_are_searched_as_one(no_shortcuts: None, examples: int) -> None:
    compare_drawn(lambda seed: some_arrays(seed, 500), examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_of_what_mirrors_each_other_in_a_square_problem_one_is_enough(no_shortcuts: None, examples: int) -> None:
    compare_drawn(lambda seed: [square_space(seed, 500)], examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_fanouts_with_nothing_between_them_are_searched_as_one_first(no_shortcuts: None, examples: int) -> None:
    compare_drawn(lambda seed: some_arrays(seed, 500, joined_space), examples)


def test_words_that_the_outermost_level_feeds_the_macs_with_count_once(no_shortcuts: None) -> None:
    """DRAM alone keeps inputs, a register below it weights and outputs: 1,181 pJ, of which not 1,227 are compulsory."""
    compare_with_enumeration([square_space(9_200_117_600_270, 300)], "energy")


def test_bounds_that_differ_by_rounding_hide_no_better_tie_break(
    no_shortcuts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Energies of 1384.32 pJ on arrays of 12, 1, 8 and 6 PEs, in 3 to 12 cycles: sums of each data space's alone."""
    monkeypatch.setattr(pricing, "shortest", apart)
    monkeypatch.setattr(roots, "_FEW", 1)
    compare_with_enumeration(some_arrays(9_100_094_300_201, 300, joined_space), "energy")


@pytest.mark.parametrize("seed", [34, 375])
def test_a_way_to_fill_the_fanouts_is_bounded_once_for_all_arrays_that_hold_it(seed: int) -> None:
    """Of the second some lack a fanout that is constrained in the others."""
    spaces = some_arrays(seed, 500)
    assert len({repr(space.constraints) for space in spaces}) == (1 if seed == 34 else 2)
    parts = Incumbent(spaces, "edp", Deadline(60.0), BestSoFar()).filled
    (arrays,) = as_arrays(parts)
    bounds = [options[0].bound for options in arrays.choices.factorizations]
    joined = arrays.fillings(bounds, Deadline(60.0))
    assert joined is not None and joined.arrays is not None
    for place, part in enumerate(parts):
        own = part.fillings(bounds, Deadline(60.0))
        assert own is not None
        alone, ways = joined.on(part.choices, np.flatnonzero(joined.arrays[:, place]))
        assert {way.tobytes() for way in alone.factors[ways]} == {way.tobytes() for way in own.factors}
    assert len(joined) < sum(len(part.fillings(bounds, Deadline(60.0)) or ()) for part in parts)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_branch_and_bound_equals_enumeration_where_networks_use_energy_and_time(
    no_shortcuts: None, examples: int
) -> None:
    compare_drawn(lambda seed: [some_space(seed, 800, networks=1.0)], examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_floor_ends_the_search_and_changes_no_cost(no_shortcuts: None, examples: int) -> None:
    """The search ends at the first mapping of a cost that none is below; a floor below that says nothing."""

    @settings(max_examples=examples, deadline=None)
    @given(st.integers(0, 2**32), objectives)
    def check(seed: int, objective: Objective) -> None:
        space = some_space(seed, 800)
        try:
            plain = find_best_general([space], objective, samples=0)
        except (UnmappableError, UnsupportedError):
            return
        bounds, mapping, cost = plain.bounds, plain.mapping, plain.cost
        for floor in (cost, (cost[0] * 0.9, 0.0), (cost[0], 0.0)):
            found = find_best_general([space], objective, samples=0, floor=floor)
            assert found.certificate.optimal
            assert found.cost == pytest.approx(cost, rel=1e-12)
        seeded = find_best_general([space], objective, [Seed(0, bounds, mapping)], floor=cost)
        assert seeded.certificate.optimal and seeded.certificate.evaluated == 1

    check()


@pytest.mark.parametrize("examples", EXAMPLES)
def test_guides_change_no_cost_and_mostly_end_the_search_at_once(no_shortcuts: None, examples: int) -> None:
    """The best mapping shows where to look; one whose fanouts are none of the mapspace's leads nowhere."""
    led: list[bool] = []

    @settings(max_examples=examples, deadline=None)
    @given(st.integers(0, 2**32), objectives)
    def check(seed: int, objective: Objective) -> None:
        spaces = some_arrays(seed, 800)
        try:
            plain = find_best_general(spaces, objective, samples=0)
        except (UnmappableError, UnsupportedError):
            return
        other = next(replace(level, spatial_factors=dict.fromkeys(plain.bounds, 7)) for level in plain.mapping.levels)
        astray = Guide(plain.bounds, Mapping((other, *plain.mapping.levels[1:])))
        for floor in (plain.cost, (plain.cost[0] * 0.9, 0.0)):
            guides = [astray, Guide(plain.bounds, plain.mapping)]
            found = find_best_general(spaces, objective, samples=0, floor=floor, guides=guides)
            assert found.certificate.optimal
            assert found.cost == pytest.approx(plain.cost, rel=1e-12)
            led.append(found.certificate.evaluated <= plain.certificate.evaluated)

    check()
    assert sum(led) > 0.6 * len(led) > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_every_way_to_fill_the_fanouts_is_listed_once(seed: int) -> None:
    """As one finds them in the space's mappings, whatever limits, extents and splits there are."""
    choices = choices_of(some_space(seed, 1_500))
    places = [place for place, slot in enumerate(choices.slots) if slot.spatial]
    listed: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
    for genomes in choices.listed():
        for factors in genomes.factors[choices.fits_array(genomes)]:
            listed.setdefault(tuple(factors.prod(axis=0).tolist()), set()).add(tuple(factors[places].ravel().tolist()))
    for bounds, expected in listed.items():
        found = every_filling(choices, bounds, 10_000)
        assert found is not None
        ways = [tuple(row) for row in found.factors.reshape(len(found), -1).tolist()]
        assert len(ways) == len(set(ways))
        assert expected <= set(ways)
        if places:
            assert every_filling(choices, bounds, len(ways) - 1) is None


def test_hops_depend_on_where_children_stand(no_shortcuts: None) -> None:
    # In a row of six words go to children nearby or far away, by the order of the loops over the row.
    inputs = document([None, 64], [6, 1], {"M": 3, "K": 2, "N": 2})
    inputs["architecture"]["subtree"][0]["local"][0]["attributes"]["energy_per_hop"] = 100
    compare_with_enumeration([space_of(inputs)], "latency")


@pytest.mark.parametrize("tensor", ["A", "B", "Z"])
def test_what_the_outermost_level_bypasses_is_held_further_in(no_shortcuts: None, tensor: str) -> None:
    space = space_of(document([None, 64, 8], [1, 2, 1], {"M": 4, "K": 2, "N": 2}))
    kept = tuple(name for name in space.spec.data_space_names if name != tensor)
    bypass = DataspaceConstraint(space.spec.level_names[-1], kept, (tensor,))
    compare_with_enumeration([replace(space, constraints=Constraints(dataspaces=(bypass,)))], "energy")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), objectives)
def test_the_cost_is_what_the_model_says_of_the_mapping(seed: int, objective: Objective) -> None:
    space = some_space(seed, 500)
    try:
        found = find_best_general([space], objective, samples=0)
    except (UnmappableError, UnsupportedError):
        return
    problem = replace(space.spec.problem, bounds=found.bounds)
    evaluation = evaluate(replace(space.spec, problem=problem), found.mapping)
    costs = {"latency": evaluation.cycles, "energy": evaluation.energy_pj, "edp": evaluation.edp}
    assert evaluation.valid
    assert found.cost[0] == costs[objective]


def test_a_design_with_lanes_of_macs_is_proved_with_few_mappings() -> None:
    """What eight lanes of output channels read and write is charged for each of them: no lane has it from another."""
    layer = Layer(name="convolution", M=16, C=8, P=8, Q=8, R=3, S=3)
    network = Network(name="one", layers=(layer,))
    found = run("T1O1P1S0", network, "morph", objective="energy", time_limit=600, use_store=False)
    (row,) = found.rows.to_dict("records")
    assert row["optimal"]
    assert row["evaluated"] < 20_000


def test_a_matmul_is_proved_without_the_exact_search(no_shortcuts: None) -> None:
    space = golden_space("base-fc")
    found = find_best_general([space], "energy", samples=3_000, time_limit=600)
    assert found.certificate.optimal
    assert found.cost[0] == pytest.approx(4571831009.28)


def test_free_bypass_is_part_of_the_search() -> None:
    pinned = find_best_general([golden_space("base-conv3x3")], "edp", samples=2_000, time_limit=600)
    free = find_best_general([golden_space("base-conv3x3", keep=())], "edp", samples=2_000, time_limit=600)
    assert pinned.certificate.optimal
    assert free.certificate.optimal
    assert pinned.cost[0] == pytest.approx(4.463058153996e13)
    assert free.cost[0] == pytest.approx(2.939781724766e13)
    assert free.certificate.lower_bound == free.cost[0]


def test_bandwidths_are_asked_where_paths_take_long_too(no_shortcuts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked when a root's turn comes again; what is found and proved is the same."""
    content = document(
        [None, 256, 16], [1, 4, 1], {"N": 1, "C": 4, "M": 8, "R": 3, "S": 1, "P": 8, "Q": 1}, CONVOLUTION
    )
    outer = content["architecture"]["subtree"][0]
    outer["subtree"][0]["local"][0]["attributes"] |= {"read_bandwidth": 2, "write_bandwidth": 1}
    space = space_of(content, keep=True)
    at_once = find_best_general([space], "edp", samples=0)
    monkeypatch.setattr("flexloop.embedded.mapper.paths.programme.LONG", 0)
    later = find_best_general([space], "edp", samples=0)
    assert at_once.certificate.optimal
    assert later.certificate.optimal
    assert later.cost == pytest.approx(at_once.cost, rel=1e-12)


def test_at_the_time_limit_the_gap_is_stated(no_shortcuts: None) -> None:
    found = find_best_general([golden_space("base-conv3x3")], "edp", samples=2_000, time_limit=0)
    assert not found.certificate.optimal
    assert 0 < found.certificate.lower_bound < 4.463058153996e13 <= found.cost[0]
    assert 0 < found.gap < 1


def test_a_seed_is_never_made_worse() -> None:
    space = golden_space("base-conv3x3")
    best = find_best_general([space], "latency", samples=2_000, time_limit=600)
    seed = Seed(0, best.bounds, best.mapping)
    again = find_best_general([space], "latency", [seed], samples=0, time_limit=0)
    assert again.cost <= best.cost


def test_equal_arguments_give_equal_answers() -> None:
    space = golden_space("base-conv3x3", keep=("DRAM", "Spad"))
    answers = [find_best_general([space], "energy", samples=3_000, rng_seed=7, time_limit=0) for _ in range(2)]
    assert answers[0].mapping == answers[1].mapping


def test_the_mapper_asks_for_room_for_what_an_outermost_level_hands_on() -> None:
    # The model does not: nothing of it is held there. timeloop-mapper finds no mapping, timeloop-model has figures.
    space = space_of(document([10, 64], [1, 1], {"M": 2, "K": 2, "N": 2}), keep=True)
    limits = {"L2": ReuseLimits(no_coalesce=("A",))}
    space = replace(space, constraints=replace(space.constraints, limits=limits))
    mapping = Mapping((LevelMapping("L1", {"M": 2, "K": 2, "N": 2}, limits=ReuseLimits()), LevelMapping("L2")))
    assert not evaluate(space.spec, mapping).valid, "three matrices of 4 words each in a buffer of 10"
    assert evaluate(space.spec, space.limited(mapping)).levels[2].tensors["A"].utilized_capacity == 0
    with pytest.raises(UnmappableError, match="whole tiles of all that levels keep do not, which Timeloop's mapper"):
        find_best_general([space], "energy")


@pytest.mark.parametrize("objective", ["latency", "edp"])
def test_what_does_not_fit_is_unmappable_with_the_reason(objective: Literal["latency", "edp"]) -> None:
    space = golden_space("base-conv3x3")
    spad = replace(space.spec.levels[0], capacity=2)
    small = replace(space, spec=replace(space.spec, levels=(spad, *space.spec.levels[1:])))
    with pytest.raises(UnmappableError, match="couldn't map level Spad: mapped tile size 3 exceeds buffer capacity 2"):
        find_best_general([small], objective)
