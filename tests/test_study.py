"""Studies end to end on a small arch and network, with the embedded engine."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pandas as pd
import pytest
from small_archs import lanes, plain

import flexloop
from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.arch.spec import ArchSpec
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import read_spec
from flexloop.errors import EngineError, FlexloopError, UnknownNameError
from flexloop.study import run_study
from flexloop.subjects import load_networks
from flexloop.tables.lattice import check_lattice
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping

NET = Network(
    name="small",
    layers=(
        Layer(name="conv", C=3, M=5, R=3, P=6, count=2),
        Layer(name="depthwise", G=6, R=3, P=4, Wstride=2),
        Layer(name="linear", C=8, M=6, P=2),
    ),
)
EMBEDDED = EngineSettings(engine="embedded")


def options(tmp_path: Path, objective: str = "edp", jobs: int = 1) -> StudyOptions:
    """Options that keep a test's cells in its own folder."""
    return StudyOptions(objective=objective, engines=EMBEDDED, jobs=jobs, store=tmp_path / "store")


@pytest.mark.parametrize("make", [plain, lanes])
@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
def test_all_classes_keep_to_the_lattice(make: object, objective: str, tmp_path: Path) -> None:
    arch: ArchSpec = make()  # type: ignore[operator]
    results = run_study(flexloop.all_classes(), [NET], arch, options(tmp_path, objective))
    check_lattice(results.rows)
    assert len(results.rows) == 16 * 3
    assert set(results.rows["status"]) == {"ok"}
    assert results.rows["optimal"].all()


def test_a_row_s_figures_are_those_of_its_files(tmp_path: Path) -> None:
    results = run_study(["T1O1P1S1", "TpOpPpSp"], [NET], plain(), options(tmp_path))
    for row in results.rows.to_dict("records"):
        files = results.mappings[row["arch"], row["network"], row["class"], row["layer"]]
        documents = {k: v for text in files.values() for k, v in yamlio.load(text).items()}
        spec = read_spec(documents["architecture"], documents["problem"], documents["ERT"])
        again = evaluate(spec, Mapping.from_directives(documents["mapping"]))
        assert (again.cycles, again.energy_pj) == (row["cycles"], row["energy_pj"])
        assert prod(spec.problem.bounds.values()) == row["padded_macs"]


def test_utilization_and_macs_are_those_of_the_real_layer(tmp_path: Path) -> None:
    rows = run_study(["T0O0P0S0"], [NET], plain(), options(tmp_path)).rows.set_index("layer")
    conv = rows.loc["conv"]
    assert conv["macs"] == 3 * 5 * 3 * 6
    assert conv["padded_macs"] == 4 * 8 * 3 * 6
    assert conv["padding"] == "C:3->4 M:5->8"
    assert conv["utilization"] == conv["macs"] / (4 * conv["cycles"])
    assert bool(rows.loc["depthwise", "depthwise_rule"])
    assert not bool(conv["depthwise_rule"])


def test_finished_cells_come_from_the_store(tmp_path: Path) -> None:
    first = run_study(["T1O0P1S0"], [NET], plain(), options(tmp_path)).rows
    entries = sorted((tmp_path / "store").rglob("*.cell"))
    assert len(entries) == 3
    entries[0].write_bytes(entries[0].read_bytes()[:-9])
    with pytest.warns(UserWarning, match="damaged"):
        second = run_study(["T1O0P1S0"], [NET], plain(), options(tmp_path)).rows
    pd.testing.assert_frame_equal(first.drop(columns="wall_s"), second.drop(columns="wall_s"))


def test_processes_give_the_same_as_one(tmp_path: Path) -> None:
    alone = run_study(["T0O0P0S0", "T1O0P0S0"], [NET], plain(), options(tmp_path / "a")).rows
    together = run_study(["T0O0P0S0", "T1O0P0S0"], [NET], plain(), options(tmp_path / "b", jobs=2)).rows
    pd.testing.assert_frame_equal(alone.drop(columns="wall_s"), together.drop(columns="wall_s"))


def test_identical_layers_are_evaluated_once(tmp_path: Path) -> None:
    twin = Network(name="twin", layers=(Layer(name="other_name", C=8, M=6, P=2),))
    run_study(["T0O0P0S0"], [NET, twin], plain(), options(tmp_path))
    assert len(list((tmp_path / "store").rglob("*.cell"))) == 3


def test_a_layer_that_does_not_fit_is_a_finding_with_its_reason(tmp_path: Path) -> None:
    wide = Network(name="wide", layers=(Layer(name="stride", P=8, Wstride=40),))
    row = run_study(["T0O0P0S0"], [wide], plain(), options(tmp_path)).rows.iloc[0]
    assert row["status"] == "unmappable"
    assert "exceeds buffer capacity" in row["reason"]


def test_parameters_go_to_the_networks_that_have_them() -> None:
    bert, vgg = load_networks(["bert", "vgg16"], {"sequence_length": 128})
    assert bert.parameters["sequence_length"] == 128
    assert "sequence_length" not in vgg.parameters
    with pytest.raises(UnknownNameError, match="sequence_length"):
        load_networks(["bert", "vgg16"], {"sequnce_length": 128})


@pytest.mark.parametrize(
    ("settings", "error", "complaint"),
    [
        (EngineSettings(engine="timelop"), UnknownNameError, "timeloop"),
        (EngineSettings(engine="timeloop"), EngineError, "PATH"),
    ],
)
def test_an_engine_that_is_not_there_is_named(
    settings: EngineSettings, error: type[FlexloopError], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(error, match=complaint):
        run_study(["T0O0P0S0"], [NET], plain(), StudyOptions(engines=settings, use_store=False))


def test_options_of_studies_and_of_engines_go_by_one_list_of_names(tmp_path: Path) -> None:
    results = flexloop.run("T0O0P0S0", NET, plain(), engine="embedded", objective="latency", jobs=1, store=tmp_path)
    assert results.meta["engine"] == "embedded"
    assert results.meta["objective"] == "latency"
    with pytest.raises(UnknownNameError, match="objective"):
        flexloop.run("T0O0P0S0", NET, plain(), objectiv="latency")
