"""The exact search against enumeration by the cost model, and its certificate."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from golden_specs import golden_space
from random_cases import OBJECTIVES, random_case, spaces_of
from small_archs import lanes, plain

from flexloop import Network, run
from flexloop.arch.spec import ArchSpec
from flexloop.classes import all_classes
from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Seed, find_best
from flexloop.embedded.mapper.exact import work
from flexloop.embedded.mapper.exact.compulsory import CompulsoryWork
from flexloop.embedded.mapper.exact.form import recognise
from flexloop.embedded.mapper.exact.machine import machine_of, order_tables
from flexloop.embedded.mapper.exact.problem import ALL_BUFFER_ORDERS, BUFFER_ORDERS
from flexloop.embedded.mapper.find import cost_of
from flexloop.embedded.mapper.space import Objective
from flexloop.embedded.model import evaluate
from flexloop.energy.ert import build_ert
from flexloop.errors import UnmappableError
from flexloop.lattice import lines
from flexloop.workloads.layers import Layer

CASES = int(os.environ.get("FLEXLOOP_SEARCH_CASES", "5"))
"""Cases that each block draws; 2,000 make some 30,000 searches and take hours."""
MOST = 6_000
"""Mappings of a case that is enumerated here."""
NEVER = 1e9
"""A time limit in seconds that compilation, too, stays below."""


@pytest.mark.parametrize("cases", [CASES, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("block", range(12))
def test_equals_enumeration(block: int, cases: int) -> None:
    """Random archs, layers, classes with degrees, paddings and all objectives: the same best cost, to the last bit."""
    compared = 0
    for seed in range(10_000 * block, 10_000 * block + cases):
        case = random_case(seed)
        assert all(recognise(space) for space in case.spaces)
        if not 0 < case.size <= MOST:
            continue
        expected = case.enumerated()
        for objective in OBJECTIVES:
            compared += 1
            if not expected:
                with pytest.raises(UnmappableError):
                    find_best(case.spaces, objective, deadline=Deadline(NEVER))
                continue
            found = find_best(case.spaces, objective, deadline=Deadline(NEVER))
            assert found.cost == expected[objective], f"seed {seed}: {case.flexclass} {case.layer} {objective}"
            assert found.certificate.optimal
            assert found.certificate.lower_bound == found.cost[0]
    print(f"{compared} searches compared with enumeration")
    assert compared


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_fill_that_rounding_hides_counts_for_the_proof(objective: Objective) -> None:
    """Six PEs in groups of one and two: what Timeloop adds up for a PE is 1.9999999999999998 words, one fill."""
    case = random_case(20412)
    found = find_best(case.spaces, objective, deadline=Deadline(NEVER))
    assert found.cost == case.enumerated()[objective]
    assert found.certificate.optimal


@pytest.mark.parametrize("flexclass", ["T1O1P0S0", "T1O1P1S1"])
def test_a_depthwise_layer_with_unlimited_buffers_is_bounded_to_the_word(flexclass: str) -> None:
    """Where all tiles fit, thousands of nests come near the best one: bounds have to know what outer loops bring."""
    layer = Layer(name="depthwise", G=24, R=3, S=3, P=18, Q=18)
    (row,) = run(
        flexclass, Network(name="one", layers=(layer,)), "kao_dla", objective="energy", use_store=False
    ).rows.to_dict("records")
    assert row["optimal"]
    assert row["evaluated"] < 5_000


@pytest.mark.parametrize("degrees", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("arch", [plain(), pytest.param(lanes(), marks=pytest.mark.slow)], ids=lambda a: a.name)
@pytest.mark.parametrize(
    "layer",
    [
        Layer(name="convolution", M=2, C=3, P=5, R=3),
        pytest.param(Layer(name="matmul", M=6, C=4, P=6), marks=pytest.mark.slow),
        pytest.param(Layer(name="depthwise", G=4, P=4, R=2), marks=pytest.mark.slow),
        pytest.param(Layer(name="strided", M=2, C=2, P=4, R=3, Wstride=2), marks=pytest.mark.slow),
    ],
    ids=lambda x: x.name,
)
def test_costs_never_rise_along_the_lattice(arch: ArchSpec, layer: Layer, degrees: bool) -> None:
    """With or without seeds a class is at least as good as each of its subclasses; with degrees they are 81."""
    ert = build_ert(arch)
    best = {}
    for flexclass in all_classes(degrees=degrees):
        spaces = spaces_of(flexclass, arch, layer, ert)
        best[flexclass] = find_best(spaces, "edp", deadline=Deadline(NEVER)).cost[0]
    assert all(best[upper] <= best[lower] for lower, upper in lines(all_classes(degrees=degrees)))


def test_a_seed_changes_nothing_but_the_work() -> None:
    """The optimum as its own seed leaves nothing to evaluate that would beat it."""
    layer = Layer(name="matmul", M=12, C=8, P=12)
    spaces = spaces_of(all_classes()[-1], plain(), layer, build_ert(plain()))
    alone = find_best(spaces, "edp", deadline=Deadline(NEVER))
    seeded = find_best(spaces, "edp", [Seed(alone.space, alone.bounds, alone.mapping)], deadline=Deadline(NEVER))
    assert seeded.cost == alone.cost
    assert seeded.certificate.evaluated <= alone.certificate.evaluated
    assert seeded.certificate.optimal


def test_the_cost_is_the_models() -> None:
    """What is reported is what the cost model says of the mapping reported."""
    layer = Layer(name="convolution", M=4, C=4, P=6, R=3)
    spaces = spaces_of(all_classes()[-1], plain(), layer, build_ert(plain()))
    found = find_best(spaces, "energy", deadline=Deadline(NEVER))
    spec = spaces[found.space].spec
    spec = replace(spec, problem=replace(spec.problem, bounds=found.bounds))
    assert cost_of("energy", evaluate(spec, found.mapping)) == found.cost


def test_a_layer_that_fits_nowhere_says_why() -> None:
    """Two output columns that lie 40 inputs apart: no tile of both fits, and the cost model says so."""
    layer = Layer(name="strided", P=2, Wstride=40)
    spaces = spaces_of(all_classes()[0], plain(), layer, build_ert(plain()))
    with pytest.raises(UnmappableError, match="mapped tile size 44 exceeds buffer capacity 14"):
        find_best(spaces, "edp", deadline=Deadline(NEVER))


def test_without_any_time_there_is_still_a_mapping_and_a_bound() -> None:
    """A search that is out of time before it begins does not call the layer unmappable."""
    layer = Layer(name="convolution", M=4, C=4, P=6, R=3, Q=6, S=3)
    spaces = spaces_of(all_classes()[-1], plain(), layer, build_ert(plain()))
    best = find_best(spaces, "edp", deadline=Deadline(NEVER))
    found = find_best(spaces, "edp", deadline=Deadline(0))
    assert found.cost >= best.cost
    assert not found.certificate.optimal
    assert 0 < found.certificate.lower_bound <= best.cost[0]


@pytest.mark.parametrize(("name", "objective"), [("base-conv3x3", "energy"), ("base-depthwise3x3", "latency")])
def test_little_room_for_leaves_changes_nothing(
    name: str, objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room for all leaves of a configuration, the next call goes on where the last one ended."""
    space = golden_space(name, keep=("Spad", "GlobalBuffer", "DRAM"))
    best = find_best([space], objective)
    for room in ("_FEW_LEAVES", "_DIVED_LEAVES", "_LEAVES"):
        monkeypatch.setattr(work, room, 1)
    found = find_best([space], objective, deadline=Deadline(60.0))
    assert found.certificate.optimal
    assert found.cost == best.cost


def test_rows_of_the_order_tables_are_permutations() -> None:
    """Every set of loops that may be has at least one order, and where no neighbour serves another far fewer do."""
    moving = (False, True, True, True, True, True, True, True)
    starts, rows = order_tables(None, None, moving)
    assert all(sorted(row) == list(range(8)) for row in rows.tolist())
    counts = np.diff(starts)
    assert (counts[:, 0::2] >= 1).all()
    assert (counts[:, 1::2] == 0).all()
    assert counts[BUFFER_ORDERS].sum() * 5 < counts[ALL_BUFFER_ORDERS].sum()


def test_energy_that_no_mapping_can_do_without_is_shared_by_the_instances_of_a_row() -> None:
    """16 scratchpads in a row read a word each for the energy of one."""
    space = golden_space("base-fc")
    spad = replace(space.spec.levels[0], cluster_size=16, read_energy=1000.0, update_energy=1000.0)
    space = replace(space, spec=replace(space.spec, levels=(spad, *space.spec.levels[1:])))
    form = recognise(space)
    assert form is not None
    machine, _ = machine_of([form], "energy")
    bounds = tuple(space.bounds[name][0] if name else 1 for name in form.roles.dimensions)
    cycles, energy = CompulsoryWork(form, machine).of(bounds, int(machine["pes"]))
    found = find_best([space], "energy")
    assert found.certificate.optimal
    assert 0.5 * found.cost[0] < energy < found.cost[0]
    assert cycles <= found.cost[1]
