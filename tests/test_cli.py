"""The command line as a user meets it: tables, JSON, quiet, and errors on one screen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import flexloop
from flexloop.cli import app, complete

runner = CliRunner()


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXLOOP_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


def embedded(*arguments: str) -> Result:
    """A run with the embedded engine, in this process."""
    return invoke(*arguments, "--engine", "embedded", "--jobs", "1")


def test_run_prints_layers_and_totals() -> None:
    result = embedded("run", "--class", "t0o0p0s0", "--net", "ncf")
    assert result.exit_code == 0, result.output
    assert "ncf on edge256, class T0O0P0S0" in result.stdout
    assert re.search(r"total +4 ", result.stdout)
    assert "DRAM[WIO]" in result.stdout
    assert "\x1b" not in result.stdout


def test_json_is_one_object_and_nothing_else() -> None:
    result = embedded("run", "--class", "T0O0P0S0", "--net", "ncf", "--json")
    document = json.loads(result.stdout)
    assert [row["layer"] for row in document["rows"]] == ["mlp.fc1", "mlp.fc2", "mlp.fc3", "prediction"]
    assert document["totals"][0]["class"] == "T0O0P0S0"
    assert {"cycles", "energy_pj", "edp", "edp_sum"} <= set(document["totals"][0])


def test_studies_print_one_json_object_with_what_they_conclude(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("name: net\nlayers:\n- {name: fc, C: 8, M: 6}\n")
    isolated = json.loads(embedded("isolate", "--net", "net.yaml", "--json").stdout)
    assert [row["axis"] for row in isolated["isolation"]] == ["T", "O", "P", "S"]
    aged = json.loads(embedded("future-proof", "--net", "net.yaml", "--designed-for", "net.yaml", "--json").stdout)
    assert {row["class"] for row in aged["speedups"]} == {row["class"] for row in aged["totals"]}


def test_a_design_comes_as_spec_tables_and_report(tmp_path: Path) -> None:
    wanted = ["-o", "mine.yaml", "--results", "out", "--report", "mine.html"]
    result = invoke("design", "--net", "ncf", "--starts", "0", *wanted)
    assert result.exit_code == 0, result.output
    rows = flexloop.load(tmp_path / "out").rows
    assert set(rows["class"]) == {"T0O0P0S0"}
    assert set(rows["arch"]) == {flexloop.load_arch(str(tmp_path / "mine.yaml")).name}
    assert "Designed for ncf" in (tmp_path / "mine.html").read_text()


def test_quiet_prints_nothing_and_writes_files(tmp_path: Path) -> None:
    result = embedded("run", "--class", "T0O0P0S0", "--net", "ncf", "--quiet", "-o", str(tmp_path / "out"))
    assert result.output == ""
    back = flexloop.load(tmp_path / "out")
    assert len(back.rows) == 4
    assert (tmp_path / "out/mappings/edge256/ncf/T0O0P0S0/mlp.fc1/map.yaml").is_file()


def test_compare_shows_16_classes_and_their_gains() -> None:
    result = embedded("compare", "--net", "ncf", "--objective", "latency")
    assert result.exit_code == 0, result.output
    assert len(set(re.findall(r"T[01]O[01]P[01]S[01]", result.stdout))) == 16
    assert "1.00x" in result.stdout


def test_render_writes_what_timeloop_reads(tmp_path: Path) -> None:
    result = invoke("render", "--class", "T0O0P0S0", "--net", "ncf", "-o", str(tmp_path / "yaml"))
    assert result.exit_code == 0, result.output
    assert "4 mapspaces" in result.stdout
    folders = {file.parent for file in (tmp_path / "yaml").rglob("*.yaml")}
    names = {"arch.yaml", "problem.yaml", "constraints.yaml", "mapper.yaml", "ert.yaml"}
    assert all({file.name for file in folder.iterdir()} == names for folder in folders)


def test_a_cell_of_a_study_is_run_anew_by_its_folder(tmp_path: Path) -> None:
    embedded("run", "--class", "T0O0P0S0", "--net", "ncf", "-o", "out")
    rows = flexloop.load("out").rows
    cycles = int(rows[rows["layer"] == "mlp.fc1"]["cycles"].item())
    cell = next((tmp_path / "out" / "mappings").rglob("mlp.fc1"))
    result = invoke("model", str(cell), "-o", "again/fc1")
    assert result.exit_code == 0, result.output
    assert f"Cycles = {cycles}" in result.stdout
    assert (tmp_path / "again" / "fc1" / "timeloop-model.stats.txt").is_file()
    several = invoke("model", "out/results.parquet", "-o", "again")
    assert several.exit_code == 1
    assert "results of 4 cells; name the folder of one" in several.stderr


def test_results_of_one_cell_are_that_cell(tmp_path: Path) -> None:
    cell = tmp_path / "out" / "mappings" / "net" / "layer"
    cell.mkdir(parents=True)
    (tmp_path / "out" / "energy.yaml").write_text("ERT: {}")
    assert "results without a mapping" in invoke("model", "out").stderr
    (cell / "map.yaml").write_text("mapping: []")
    assert "no architecture is given" in invoke("model", "out").stderr
    (tmp_path / "empty").mkdir()
    assert "no files of Timeloop's in this folder" in invoke("model", "empty").stderr


@pytest.mark.parametrize("form", ["native", "v4"])
def test_a_rendered_mapspace_is_searched_by_its_folder(form: str, tmp_path: Path) -> None:
    invoke("render", "--class", "T0O0P0S0", "--net", "ncf", "-o", "yaml", "--format", form)
    folder = next(file.parent for file in (tmp_path / "yaml").rglob("arch.yaml"))
    result = invoke("mapper", str(folder), "-o", "found")
    assert result.exit_code == 0, result.output
    assert "proved optimal for edp" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["classes"],
        ["archs"],
        ["arch", "show", "eyeriss"],
        ["nets"],
        ["net", "show", "bert", "--param", "sequence_length=128"],
        ["doctor"],
    ],
)
def test_what_there_is_can_be_shown(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) > 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--class", "T1O0P1", "--net", "bert"], ["unknown class", "T1O0P1", "did you mean"]),
        (["run", "--class", "T1O0P1S0", "--net", "brt"], ["brt", "bert"]),
        (["run", "--class", "T1O0P1S0", "--net", "bert", "--arch", "eyeris"], ["eyeris", "eyeriss"]),
        (["run", "--class", "T1O0P1S0", "--net", "bert", "--objective", "power"], ["objective", "latency"]),
        (["run", "--class", "T1O0P1S0", "--net", "bert", "--engine", "gpu"], ["engine", "embedded"]),
        (["run", "--class", "T1O0P1S0", "--net", "bert", "--param", "x"], ["NAME=INTEGER"]),
        (["run", "--class", "T1O0P1S0", "--net", "bert", "--energy", "nowhere.yaml"], ["nowhere.yaml", "table"]),
        (["net", "show", "bert", "--param", "sequence_length=-1"], ["sequence_length", "-1"]),
    ],
)
def test_errors_name_the_value_and_the_way_out(arguments: list[str], words: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert all(word in result.stderr for word in words), result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) < 24


def test_broken_yaml_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("name: x\nlayers:\n- {name: a, C: 3\n- {name: b}\n")
    result = invoke("net", "show", str(tmp_path / "net.yaml"))
    assert result.exit_code == 1
    assert "net.yaml" in result.stderr and "line 4" in result.stderr


def test_a_spec_whose_tile_does_not_fit_is_refused(tmp_path: Path) -> None:
    shipped = (Path(__file__).parents[1] / "arch_specs" / "edge256.yaml").read_text()
    (tmp_path / "tight.yaml").write_text(shipped.replace("depth: 512", "depth: 16"))
    result = invoke("run", "--class", "T0O0P0S0", "--net", "ncf", "--arch", str(tmp_path / "tight.yaml"))
    assert result.exit_code == 1
    assert "tight.yaml" in result.stderr and "Spad" in result.stderr


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("run --class T0O0P0S0 --net ncf", "-o"),
        ("run --class T0O0P0S0 --net ncf", "--report"),
        ("compare --net ncf", "-o"),
        ("isolate --net ncf", "-o"),
        ("future-proof --net ncf", "-o"),
        ("design --net ncf", "-o"),
        ("design --net ncf", "--results"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_searched(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("flexloop.study.run_layers", None)
    result = invoke(*command.split(), option, str(tmp_path / "file" / "out"))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "cannot write to" in result.stderr and "give another place" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "-c", "T0O0P0S0", "-n", "ncf", "--objective", "edp", "--objective", "energy"],
        ["design", "--arch", "edge256", "-a", "eyeriss"],
        ["flexion", "--arch", "edge256", "--arch", "eyeriss"],
        ["energy", "show", "--arch", "edge256", "--arch", "eyeriss"],
    ],
)
def test_an_option_of_one_value_that_is_given_twice_is_an_error(arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "given 2 times" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "-c", "T0O0P0S0", "-n", "ncf", "--timeout", "-5"], "timeout"),
        (["run", "-c", "T0O0P0S0", "-n", "ncf", "--templates", "/nowhere"], "/nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    arguments: list[str], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flexloop.study.run_layers", None)
    result = invoke(*arguments)
    assert result.exit_code in (1, 2)
    assert word in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["classes"], {"class": "T0O0P0S0"}),
        (["archs"], {"name": "brainwave"}),
        (["nets"], {"name": "alexnet"}),
        (["doctor"], {"what": "engine embedded", "state": "works"}),
        (["taxonomy"], {"accelerator": "DianNao"}),
    ],
)
def test_lists_are_there_as_json_too(arguments: list[str], first: dict[str, str]) -> None:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert first.items() <= json.loads(result.stdout)[0].items()


def test_the_version_names_the_engines_that_work_here() -> None:
    shown = invoke("--version").stdout
    assert f"flexloop {flexloop.__version__}" in shown
    assert "engine embedded: " in shown and "engine container: " in shown


@pytest.mark.parametrize("arguments", [["-h"], ["run", "-h"], ["arch", "show", "-h"]])
def test_help_is_short_to_type(arguments: list[str]) -> None:
    shown = invoke(*arguments)
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    assert "list[" not in shown.stdout
    assert "<bool>" not in "".join(line for line in shown.stdout.splitlines() if "completion" not in line)


def test_defaults_of_one_s_own_stand_behind_what_is_typed(tmp_path: Path) -> None:
    (tmp_path / "flexloop.toml").write_text('arch = "eyeriss"\nobjective = "latency"\nengine = "embedded"\njobs = 1\n')
    rows = json.loads(invoke("run", "-c", "T0O0P0S0", "-n", "ncf", "--json").stdout)["rows"]
    assert {(row["arch"], row["objective"]) for row in rows} == {("eyeriss", "latency")}
    rows = json.loads(invoke("run", "-c", "T0O0P0S0", "-n", "ncf", "--json", "-a", "edge256").stdout)["rows"]
    assert {(row["arch"], row["objective"]) for row in rows} == {("edge256", "latency")}


@pytest.mark.parametrize(
    ("text", "words"), [('arhc = "x"', ["arhc", "arch"]), ("arch = 3", ["arch", "3"]), ("= [", ["TOML"])]
)
def test_a_wrong_configuration_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "flexloop.toml").write_text(text)
    result = invoke("run", "-c", "T0O0P0S0", "-n", "ncf")
    assert result.exit_code == 1
    assert all(word in result.stderr for word in ["flexloop.toml", *words])


def test_a_faulty_configuration_does_not_disturb_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flexloop.toml").write_text('ofjective = "edp"\n')
    words = {"_FLEXLOOP_COMPLETE": "complete_bash", "COMP_WORDS": "flexloop run --net re", "COMP_CWORD": "3"}
    result = CliRunner().invoke(app, prog_name="flexloop", env=words)
    assert result.stdout.split() == ["resnet50"]


def test_shells_complete_what_there_is() -> None:
    assert complete.networks("mo") == ["mobilenet_v2"]
    assert complete.archs("e") == ["edge256", "eyeriss", "eyeriss_v2"]
    assert complete.classes("t1o1p1") == ["T1O1P1S0", "T1O1P1S1"]
