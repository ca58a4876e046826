"""The best rigid design: its arithmetic is that of `tiles`, its cost that of a run, and its bound holds."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_archs import lanes, plain, remainder

from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.arch.fields import Pair
from flexloop.arch.load import load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import as_seen, fixed_tiles
from flexloop.classes import Degree
from flexloop.energy.source import shipped_tables
from flexloop.errors import UnmappableError, UnsupportedError
from flexloop.studies.design import design, write_design
from flexloop.studies.futureproof import future_proof
from flexloop.studies.rigid import Designs, Hardware
from flexloop.studies.rigidsearch import RigidSearch
from flexloop.studies.sensitivity import sensitivity, variations
from flexloop.study import run_study
from flexloop.workloads.layers import DIMENSIONS

NET = Network(name="past", layers=(Layer(name="conv", C=4, M=6, R=3, P=7, count=2), Layer(name="fc", C=9, M=8)))
LATER = Network(name="later", layers=(Layer(name="depthwise", G=6, R=3, P=4), Layer(name="fc", C=5, M=7, P=3)))


def options(tmp_path: Path, objective: str = "latency") -> StudyOptions:
    return StudyOptions(
        objective=objective, engines=EngineSettings(engine="embedded"), jobs=1, store=tmp_path / "store"
    )


@pytest.mark.parametrize("name", ["edge256", "cloud1024", "eyeriss"])
@pytest.mark.parametrize("edge", ["clip", "pad", "remainder"])
@pytest.mark.parametrize(
    "layer",
    [
        Layer(name="conv", C=3, M=50, R=11, S=11, P=55, Q=55, Wstride=4, Hstride=4),
        Layer(name="depthwise", G=33, R=3, S=3, P=14, Q=14),
        Layer(name="linear", C=700, M=1000, P=13),
    ],
    ids=lambda layer: layer.name,
)
def test_many_designs_follow_the_rule_of_one(name: str, edge: str, layer: Layer) -> None:
    arch = load_arch_spec(name).model_copy(update={"edge": edge})
    search = RigidSearch(arch, shipped_tables(arch), NET, [], "latency", [0.0] * len(NET.layers))
    tiles, expected = search.hardware.tiles(search.given(), layer), fixed_tiles(arch, layer)
    ours = zip(tiles.inner[0].tolist(), tiles.outer[0].tolist(), strict=True)
    spatial = dict(zip(DIMENSIONS, tiles.spatial[0].tolist(), strict=True))
    pair, shape = arch.axes.parallelization.fixed, arch.axes.shape.fixed
    on_x, on_y = as_seen(arch, layer, pair.X), as_seen(arch, layer, pair.Y)
    assert list(ours) == [expected.tiles_with(d, spatial[d]) for d in DIMENSIONS]
    assert spatial == dict.fromkeys(DIMENSIONS, 1) | {
        on_x: expected.spatial_factor(on_x, shape.X),
        on_y: expected.spatial_factor(on_y, shape.Y),
    }
    assert tiles.bounds[0].tolist() == [expected.bounds[d] for d in DIMENSIONS]


@pytest.mark.parametrize(
    ("objective", "own"),
    [
        pytest.param(objective, own, id=f"{objective}-{own.edge}", marks=() if quick else pytest.mark.slow)
        for own, quick_ones in ((plain(), ("latency", "edp")), (remainder(), ("energy",)))
        for objective in ("latency", "energy", "edp")
        for quick in [objective in quick_ones]
    ],
)
def test_a_design_costs_what_a_run_of_it_says_and_never_less_than_its_bound(
    objective: str, own: ArchSpec, tmp_path: Path
) -> None:
    outcome = design(NET, own, must_map=[LATER], objective=objective, starts=1)
    path = write_design(outcome, tmp_path / "design.yaml")
    arch = load_arch_spec(path)
    assert arch.axes == outcome.arch.as_spec("").axes
    results = run_study(["T0O0P0S0"], [NET, LATER], arch, options(tmp_path, objective))
    assert set(results.rows["status"]) == {"ok"}
    column = {"latency": "cycles", "energy": "energy_pj", "edp": "edp_sum"}[objective]
    assert results.totals[column].iloc[0] == pytest.approx(outcome.cost, rel=1e-12)
    assert outcome.lower_bound <= outcome.cost


def every_design(hardware: Hardware, extents: dict[str, int]) -> Designs:
    """All tiles and multiples up to the extents, any two of their dimensions unrolled, every shape and order."""
    tiles = np.array(list(itertools.product(*(range(1, extents.get(d, 1) + 1) for d in DIMENSIONS))), np.int64)
    pairs = np.array(
        [(DIMENSIONS.index(x), DIMENSIONS.index(y)) for x, y in itertools.permutations(extents, 2)], np.int64
    )
    counts = (len(tiles), len(tiles), len(pairs), len(hardware.shapes), *[len(hardware.orders)] * 2)
    inner, times, pair, shape, *order = (part.ravel() for part in np.indices(counts))
    return Designs(tiles[inner], tiles[times], pairs[pair], shape, np.stack(order, axis=1))


@pytest.mark.parametrize("own", [plain(), remainder()], ids=lambda arch: arch.edge)
@pytest.mark.parametrize(
    "objective",
    [pytest.param("latency", marks=pytest.mark.slow), pytest.param("energy", marks=pytest.mark.slow), "edp"],
)
def test_on_a_tiny_problem_the_design_is_the_best_of_all_there_are(objective: str, own: ArchSpec) -> None:
    """Of all of them, not only of the search's own candidates: every extent, every order of the three dimensions."""
    layers = (Layer(name="a", C=3, M=4, P=2), Layer(name="b", C=4, M=2, P=2, count=3))
    outcome = design(Network(name="tiny", layers=layers), own, objective=objective, starts=2)

    rest = "RSNGQ"
    orders = tuple((*order, *rest) for order in itertools.permutations("CMP"))
    hardware = Hardware(own, shipped_tables(own), tuple(own.shapes(Degree.FULL)), orders)
    designs = every_design(hardware, {"C": 4, "M": 4, "P": 2})
    designs = designs.take(hardware.fits(designs, layers))
    costs = np.zeros(len(designs))
    for layer in layers:
        cycles, picojoules = hardware.costs(designs, layer)
        costs += layer.count * {"latency": cycles, "energy": picojoules, "edp": cycles * picojoules}[objective]
    assert len(designs) > 10_000
    assert outcome.cost == pytest.approx(costs.min(), rel=1e-12)
    assert outcome.lower_bound <= costs.min()


def test_no_design_that_leaves_remainders_costs_less_than_the_bound() -> None:
    """5 rows on 3 PEs are 3 and 2; Timeloop cuts the average of 2.5 off to 2, and counts 8 of 10 computations.

    So the bound on energy takes half of what happens in PEs.
    """
    arch, layer = remainder(), Layer(name="rows", P=5, R=2)
    hardware = Hardware(arch, shipped_tables(arch), tuple(arch.shapes(Degree.FULL)), (DIMENSIONS,))
    designs = every_design(hardware, {"P": 3, "R": 2})
    designs = designs.take(hardware.fits(designs, [layer]))
    assert (hardware.tiles(designs, layer).spatial[:, DIMENSIONS.index("P")] == 3).any()
    cycles, energy = hardware.costs(designs, layer)
    for objective, costs in (("latency", cycles), ("energy", energy)):
        lower = design(Network(name="n", layers=(layer,)), arch, objective=objective, starts=0).lower_bound
        assert 0 < lower <= costs.min()


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    texts = [write_design(design(NET, plain(), starts=1, seed=7), tmp_path / name).read_bytes() for name in "ab"]
    assert texts[0] == texts[1]


def test_equal_latencies_are_told_apart_by_energy() -> None:
    net = Network(name="row", layers=(Layer(name="row", C=4, M=4, R=3),))
    search = RigidSearch(plain(), shipped_tables(plain()), net, [], "latency", [0.0])
    best, (cycles, energy) = search.run(1)
    neighbours = search.with_placements(best)
    costs = search.costs(neighbours.take(search.hardware.fits(neighbours, net.layers)))
    as_fast = costs[costs[:, 0] == cycles]
    assert as_fast[:, 1].min() == pytest.approx(energy, rel=1e-12)
    assert as_fast[:, 1].max() > energy


def test_what_a_square_network_cannot_tell_apart_is_laid_along_rows() -> None:
    """Height and width cost a square convolution the same, but only P holds the rows of a matrix product."""
    square = Network(name="square", layers=(Layer(name="conv", C=2, M=2, R=2, S=2, P=8, Q=8),))
    along_q = plain().model_dump(by_alias=True)
    along_q["axes"]["tiling"]["fixed"] = {"Spad": {"Q": 4}, "GlobalBuffer": {}}
    design_of = design(square, ArchSpec.model_validate(along_q), objective="energy", starts=0).arch.as_spec("")
    spad = design_of.fixed_tile("Spad")
    assert spad["P"] > spad["Q"]


def test_networks_that_must_be_mapped_shrink_the_tiles(tmp_path: Path) -> None:
    wide = Network(name="wide", layers=(Layer(name="stride", C=4, P=4, Wstride=9),))
    free, held = (design(NET, plain(), objective="energy", must_map=others, starts=0) for others in ([], [wide]))
    status = [
        run_study(["T0O0P0S0"], [wide], outcome.arch, options(tmp_path)).rows["status"].iloc[0]
        for outcome in (free, held)
    ]
    assert status == ["unmappable", "ok"]
    assert held.cost > free.cost


def test_pairs_can_be_prescribed() -> None:
    outcome = design(NET, plain(), pairs=[Pair(X="P", Y="C")], starts=1)
    assert outcome.arch.as_spec("").axes.parallelization.fixed == Pair(X="P", Y="C")


def test_a_network_that_no_tile_fits_is_said_to_be_unmappable() -> None:
    wide = Network(name="wide", layers=(Layer(name="stride", P=4, Q=4, Wstride=40, Hstride=40),))
    with pytest.raises(UnmappableError, match="no candidate tile fits"):
        design(wide, plain(), pairs=[Pair(X="P", Y="Q")], starts=1)


def test_a_design_is_no_worse_than_the_spec_s_own_values(tmp_path: Path) -> None:
    own = run_study(["T0O0P0S0"], [NET], plain(), options(tmp_path)).totals["cycles"].iloc[0]
    assert design(NET, plain(), starts=0).cost <= own


def test_an_inner_fanout_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="inner fanout"):
        design(NET, lanes())


def test_future_proof_speedups_are_over_the_design(tmp_path: Path) -> None:
    outcome = future_proof(NET, [LATER], plain(), options(tmp_path))
    table = outcome.table()
    assert table.loc["T0O0P0S0", "geomean"] == 1
    assert table.loc["T1O1P1S1", "later"] == table["later"].max() >= 1
    assert outcome.results.rows["arch"].unique().tolist() == [outcome.designed.arch.name]


@pytest.mark.parametrize("arch", [load_arch_spec("edge256"), load_arch_spec("eyeriss")], ids=lambda arch: arch.name)
def test_every_variation_changes_one_thing(arch: ArchSpec) -> None:
    as_it_is, *changed = variations(arch)
    assert as_it_is.hardware(arch) == arch.scaled({})
    assert all(v.hardware(arch) != arch.scaled({}) or v.pairs for v in changed)
    assert len({v.name for v in changed}) == len(changed)
    assert arch.scaled({"array": 2}).pes == 4 * arch.pes
    assert np.isclose(arch.scaled({"bandwidth": 4}).levels[0].read_bandwidth, 4 * arch.levels[0].read_bandwidth)


@pytest.mark.slow
def test_sensitivity_designs_anew_for_each_variation(tmp_path: Path) -> None:
    table: Any = sensitivity(NET, [LATER], plain(), options(tmp_path)).set_index("variation")
    assert len(table) == len(variations(plain()))
    assert table.loc["the spec's own fixed values", "rigid"] == "C:2 M:2"
    assert table.loc["rigid pair: R on X, P on Y", "rigid"].startswith("R:")
    single = table.loc["PEs / 4"]
    assert "at least 2 PEs" in single["rigid"] and single.isna()["T1O1P1S1"]
    gains = table[table["T1O1P1S1"].notna()]
    assert len(gains) > len(table) / 2
    assert (gains[["T1O0P0S0", "T0O1P0S0", "T0O0P1S0", "T0O0P0S1"]] >= 1).all(axis=None)
    assert (gains["T1O1P1S1"] >= gains["T1O0P0S0"]).all()
