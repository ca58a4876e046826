"""Hardware and class under an area budget: the front, the budget, and going on from a storage file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_archs import lanes, plain
from typer.testing import CliRunner

from flexloop import EngineSettings, Layer, Network, StudyOptions, load_arch, run_study
from flexloop.arch.tree import levels_above_array
from flexloop.cli import app
from flexloop.energy.ert import build_art
from flexloop.energy.source import shipped_tables
from flexloop.energysources.kept import table_files
from flexloop.errors import FlexloopError, SpecError, UnknownNameError, UnmappableError, UnsupportedError
from flexloop.overhead import base_area, class_area, dram_interface_area
from flexloop.timeloop.componentname import component_name

pytest.importorskip("optuna", reason="exploration needs the extra `explore`")
from flexloop.studies.explore import OBJECTIVES, ExploreOptions, ExploreOutcome, Space, explore, pareto

TINY = Network(name="tiny", layers=[Layer(name="a", C=4, M=8, P=4, Q=2, R=3, S=1)])
OTHER = Network(name="other", layers=[Layer(name="a", C=8, M=4, P=2, Q=1, R=1, S=1)])
SPACE = Space(array=(1, 2), buffer=(0.5, 1, 2), spad=(1,), bandwidth=(1, 2))
STUDY = StudyOptions(engines=EngineSettings(engine="embedded"), use_store=False, jobs=1)
OPTIONS = ExploreOptions(space=SPACE, designed=False, study=STUDY)
BUDGET = 0.9  # mm2: the DRAM interface at its bandwidth takes 0.8, at twice that 1.6


def run(storage: Path | None = None, trials: int = 6, **changes: Any) -> ExploreOutcome:
    arguments: dict[str, Any] = {"area_budget_mm2": BUDGET, "options": OPTIONS, "seed": 1} | changes
    return explore([TINY], plain(), trials=trials, storage=storage, **arguments)


@pytest.fixture(scope="module")
def whole() -> ExploreOutcome:
    """The search that several tests compare others with."""
    return run()


def same(left: ExploreOutcome, right: ExploreOutcome) -> bool:
    return left.trials.drop(columns="trial").equals(right.trials.drop(columns="trial"))


def test_every_design_keeps_the_budget_and_the_given_hardware_is_the_first(whole: ExploreOutcome) -> None:
    trials = whole.trials
    assert len(trials) == 6
    assert list(trials["class"][:2]) == ["T0O0P0S0", "T1O1P1S1"]
    assert (trials.loc[:1, ["array", "buffer", "spad", "bandwidth"]] == 1).all(axis=None)
    assert (trials["area_mm2"] <= BUDGET).all()
    assert (trials["bandwidth"] == 1).all()
    assert not trials.duplicated(["class", *SPACE.knobs]).any()
    assert whole.candidates == 2 * 3 * 1 * 2 * 16
    assert "6 designs run" in whole.statement


def test_a_design_can_be_run_again_from_its_arch_spec(whole: ExploreOutcome) -> None:
    for row in whole.trials[:4].to_dict("records"):
        spec = whole.specs[row["trial"]]
        totals = run_study([row["class"]], [TINY], spec, STUDY).totals.iloc[0]
        assert (totals["cycles"], totals["energy_pj"]) == (row["cycles"], row["energy_pj"])
        assert row["area_mm2"] == class_area(spec, row["class"]) + dram_interface_area(spec)
        shares = row["area_base_mm2"] + row["area_flexibility_mm2"] + row["area_dram_mm2"]
        assert shares == pytest.approx(row["area_mm2"])


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("nsga2", marks=pytest.mark.slow)])
def test_a_search_in_two_parts_is_the_search_in_one(sampler: str, tmp_path: Path) -> None:
    """More designs than TPE draws at random before it learns from them."""
    options = replace(OPTIONS, sampler=sampler)
    in_one = run(trials=12, options=options)
    run(tmp_path / "a.journal", trials=5, options=options)
    assert same(run(tmp_path / "a.journal", trials=12, options=options), in_one)


class _Stop:
    """Interrupts the search in the middle of a design."""

    def __init__(self, designs: int) -> None:
        self._left = designs

    def plan(self, cells: int, parts: int) -> None:
        pass

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt

    def submitted(self, task: object) -> None:
        pass

    def finished(self, result: object) -> None:
        pass


@pytest.mark.parametrize("designs", [pytest.param(0, marks=pytest.mark.slow), 3])
def test_an_interrupted_search_loses_only_the_design_it_was_at(
    designs: int, tmp_path: Path, whole: ExploreOutcome
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.journal", progress=_Stop(designs))
    resumed = run(tmp_path / "a.journal")
    columns = ["class", *SPACE.knobs, *OBJECTIVES]
    assert set(resumed.trials[columns].itertuples(index=False)) == set(whole.trials[columns].itertuples(index=False))


def test_a_finished_search_runs_nothing_again(tmp_path: Path) -> None:
    first = run(tmp_path / "a.journal")
    assert same(run(tmp_path / "a.journal", progress=_Stop(0)), first)


def test_a_storage_of_another_search_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a.journal", trials=1)
    with pytest.raises(SpecError, match="area_budget_mm2"):
        run(tmp_path / "a.journal", area_budget_mm2=0.85)
    with pytest.raises(SpecError, match="seed"):
        run(tmp_path / "a.journal", seed=2)
    (tmp_path / "b.journal").write_text("no journal\n")
    with pytest.raises(FlexloopError, match=r"b\.journal"):
        run(tmp_path / "b.journal")


def test_a_small_space_ends_when_it_is_exhausted() -> None:
    space = Space(array=(1,), buffer=(1,), spad=(1,), bandwidth=(1,))
    outcome = run(trials=50, classes=["T0O0P0S0", "T1O1P1S1"], options=replace(OPTIONS, space=space))
    assert len(outcome.trials) == 2
    assert len(outcome.front) == 2  # the rigid one is smaller, the flexible one better


def test_fixed_values_are_designed_for_the_hardware() -> None:
    space = Space(array=(1,), buffer=(1,), spad=(1,), bandwidth=(1,))
    options = replace(OPTIONS, space=space)
    smallest = run(trials=1, classes=["T0O0P0S0"], options=options)
    designed = run(trials=1, classes=["T0O0P0S0"], options=replace(options, designed=True))
    edp = [outcome.trials["cycles"][0] * outcome.trials["energy_pj"][0] for outcome in (smallest, designed)]
    assert edp[1] < edp[0]


def test_areas_come_from_the_energy_file_at_every_size(tmp_path: Path) -> None:
    """A file that makes the buffer three times as large as the shipped table does, for the given hardware."""
    tables, buffer = shipped_tables(plain()), levels_above_array(plain())[0]
    assert tables.art is not None
    for entry in tables.art["tables"]:
        entry["area"] *= 3 if component_name(entry["name"]) == buffer.name else 1
    (tmp_path / "tables.yaml").write_text(table_files(tables)["tables.yaml"])
    study = replace(STUDY, energy=str(tmp_path / "tables.yaml"))
    outcome = run(trials=6, area_budget_mm2=2 * BUDGET, options=replace(OPTIONS, study=study))
    assert outcome.trials["buffer"].nunique() > 1
    for row in outcome.trials.to_dict("records"):
        spec = outcome.specs[row["trial"]].as_spec("its areas")
        areas = {component_name(entry["name"]): entry["area"] / 1e6 for entry in build_art(spec)["tables"]}
        assert row["area_base_mm2"] == pytest.approx(base_area(spec) + 2 * areas[buffer.name])


def test_networks_count_alike() -> None:
    outcome = explore([TINY, OTHER], plain(), area_budget_mm2=BUDGET, trials=1, options=OPTIONS)
    row = outcome.trials.iloc[0]
    assert row["cycles"] == pytest.approx((row["cycles_tiny"] * row["cycles_other"]) ** 0.5)


def test_what_cannot_be_explored_is_refused() -> None:
    with pytest.raises(UnmappableError, match="over the budget"):
        run(area_budget_mm2=0.1)
    with pytest.raises(SpecError, match="area budget"):
        run(area_budget_mm2=0)
    with pytest.raises(UnknownNameError, match="sampler"):
        run(options=replace(OPTIONS, sampler="tp"))
    with pytest.raises(UnsupportedError, match="inner fanout"):
        explore([TINY], lanes(), area_budget_mm2=BUDGET, trials=1, options=OPTIONS)
    with pytest.raises(SpecError, match="buffer"):
        Space(buffer=(2, 1))


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 4)))
def test_the_front_is_what_nothing_beats(costs: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    def beats(a: Any, b: Any) -> bool:
        return bool((a <= b).all() and (a < b).any())

    assert list(pareto(costs)) == [not any(beats(other, row) for other in costs) for row in costs]


def test_saved_designs_load_again(tmp_path: Path) -> None:
    outcome = run(trials=3)
    folder = outcome.save(tmp_path / "out")
    front = pd.read_csv(folder / "front.csv")
    assert list(front["trial"]) == list(outcome.front["trial"])
    for number in front["trial"]:
        assert load_arch(str(folder / f"design{number}.yaml")) == outcome.specs[number]


def test_the_command_prints_the_front_and_goes_on(tmp_path: Path) -> None:
    command = ["explore", "-n", "ncf", "--area-budget", "10", "--engine", "embedded", "--no-store", "-j", "1"]
    command += ["--no-design", "--space", "array=0.5,1", "--space", "bandwidth=1", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--trials", "2"])
    assert result.exit_code == 0, result.output
    assert "2 designs run" in result.output
    assert "T1O1P1S1" in result.output
    again = CliRunner().invoke(app, [*command, "--trials", "3"])
    assert "3 designs run" in again.output
    assert len(pd.read_csv(tmp_path / "out" / "trials.csv")) == 3

    wrong = CliRunner().invoke(app, [*command, "--space", "bufer=1"])
    assert wrong.exit_code == 1
    assert "buffer" in wrong.output + wrong.stderr
