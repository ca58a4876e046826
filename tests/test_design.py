"""The best rigid design: its arithmetic is that of `tiles`, its cost that of a run, and its bound holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_archs import lanes, plain

from flexloop import EngineSettings, Layer, Network, StudyOptions, load_arch
from flexloop.archspec import ArchSpec
from flexloop.energy.source import shipped_tables
from flexloop.errors import UnsupportedError
from flexloop.studies.design import _Search, design, write_design
from flexloop.studies.futureproof import future_proof, neutral, scaled, variations
from flexloop.studies.rigid import largest_divisors
from flexloop.study import run_study
from flexloop.tiles import fixed_tiles, spatial_factor
from flexloop.workload import DIMENSIONS

NET = Network(name="past", layers=(Layer(name="conv", C=4, M=6, R=3, P=7, count=2), Layer(name="fc", C=9, M=8)))
LATER = Network(name="later", layers=(Layer(name="depthwise", G=6, R=3, P=4), Layer(name="fc", C=5, M=7, P=3)))


def options(tmp_path: Path, objective: str = "latency") -> StudyOptions:
    return StudyOptions(
        objective=objective, engines=EngineSettings(engine="embedded"), jobs=1, store=tmp_path / "store"
    )


@pytest.mark.parametrize("name", ["edge256", "cloud1024", "eyeriss"])
@pytest.mark.parametrize("edge", ["clip", "pad"])
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
    arch = load_arch(name).model_copy(update={"edge": edge})
    search = _Search(arch, NET, [], "latency", shipped_tables(arch), 0)
    tiles, expected = search.hardware.tiles(search._given(), layer), fixed_tiles(arch, layer)
    assert tiles.inner[0].tolist() == [expected.tiles[0][d] for d in DIMENSIONS]
    assert tiles.outer[0].tolist() == [expected.tiles[1][d] for d in DIMENSIONS]
    assert tiles.bounds[0].tolist() == [expected.bounds[d] for d in DIMENSIONS]


def test_largest_divisors() -> None:
    assert all(largest_divisors(60, 16)[n] == spatial_factor(n, 1, 16) for n in range(1, 61))


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_a_design_costs_what_a_run_of_it_says_and_never_less_than_its_bound(objective: str, tmp_path: Path) -> None:
    outcome = design(NET, plain(), must_map=[LATER], objective=objective, starts=1)
    path = write_design(outcome, tmp_path / "design.yaml")
    arch = load_arch(path)
    assert arch.axes == outcome.arch.axes
    results = run_study(["T0O0P0S0"], [NET, LATER], arch, options(tmp_path, objective))
    assert set(results.rows["status"]) == {"ok"}
    column = {"latency": "cycles", "energy": "energy_pj", "edp": "edp_sum"}[objective]
    assert results.totals[column].iloc[0] == pytest.approx(outcome.cost, rel=1e-12)
    assert outcome.lower_bound <= outcome.cost


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


@pytest.mark.parametrize("arch", [load_arch("edge256"), load_arch("eyeriss")], ids=lambda arch: arch.name)
def test_every_variation_is_a_valid_spec_that_changes_one_thing(arch: ArchSpec) -> None:
    for name, vary in variations(arch):
        varied = vary(neutral(arch))
        assert (varied == neutral(arch)) == (name == "as it is")
    assert scaled(neutral(arch), pes=2).pes == 4 * arch.pes
    assert np.isclose(scaled(neutral(arch), bandwidth=4).levels[0].read_bandwidth, 4 * arch.levels[0].read_bandwidth)
