"""What a study logs: a line for each cell, and for each program that it starts, wherever that runs."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import fake_timeloop
import pytest
import small_archs
from typer.testing import CliRunner

import flexloop
from flexloop import Layer, Network
from flexloop.cli import app

NET = Network(name="n", layers=(Layer(name="a", C=4, M=4, R=3, P=8, Q=2), Layer(name="b", C=4, M=2)))


@pytest.fixture
def costed_by_a_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = fake_timeloop.install(tmp_path / "bin", model=f"{fake_timeloop.REPORT} .")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_cells_and_programs_are_logged_with_their_times_and_files(
    costed_by_a_stand_in: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, jobs: int
) -> None:
    caplog.set_level(logging.INFO, "flexloop")
    flexloop.run(
        "T0O0P0S0", NET, small_archs.plain(), mapper="embedded", engine="timeloop", jobs=jobs,
        store=tmp_path / "store", keep_runs=tmp_path / "runs",
    )  # fmt: skip
    for layer in "ab":
        cell = next(line for line in caplog.messages if line.startswith(f"plain4, T0O0P0S0, layer {layer}: ok"))
        kept = re.search(r"optimal, \d+\.\d\d s; kept in (\S+)$", cell)
        assert kept and Path(kept[1]).is_file()
    started = [line for line in caplog.messages if line.startswith("timeloop-model arch.yaml problem.yaml")]
    assert sorted(line.split("/")[-2].rpartition("-")[0] for line in started) == [
        "plain4-T0O0P0S0-a", "plain4-T0O0P0S0-b",
    ]  # fmt: skip
    ended = [re.search(r"timeloop-model: status 0 after \d+\.\d\d s, .* in (\S+)$", line) for line in caplog.messages]
    logs = [Path(found[1]) for found in ended if found]
    assert len(logs) == 2
    assert all((log.parent / "map.yaml").is_file() and tmp_path / "runs" in log.parents for log in logs)


def test_what_the_store_had_is_logged_as_such(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "flexloop")
    for _ in range(2):
        caplog.clear()
        flexloop.run("T0O0P0S0", NET, small_archs.plain(), engine="embedded", jobs=1, store=tmp_path)
    assert len(caplog.messages) == 2
    assert all(re.search(r"layer [ab]: ok, .*; from \S+\.cell$", line) for line in caplog.messages)
    caplog.clear()
    flexloop.run("T0O0P0S0", NET, small_archs.plain(), engine="embedded", jobs=1, use_store=False)
    assert all(line.endswith("; not kept") for line in caplog.messages) and len(caplog.messages) == 2


def test_the_command_line_logs_when_it_is_asked_to(tmp_path: Path) -> None:
    command = ["run", "--class", "T0O0P0S0", "--net", "ncf", "--engine", "embedded", "--no-store", "-j", "1", "--quiet"]
    quiet = CliRunner().invoke(app, [*command, "-o", str(tmp_path)])
    assert (quiet.exit_code, quiet.output) == (0, "")
    loud = CliRunner().invoke(app, [*command, "-o", str(tmp_path), "--verbose"])
    assert loud.exit_code == 0 and loud.stdout == ""
    lines = loud.stderr.splitlines()
    assert len(lines) == 4 and all(re.match(r"\d\d:\d\d:\d\d edge256, T0O0P0S0, layer ", line) for line in lines)
    assert CliRunner().invoke(app, [*command, "-o", str(tmp_path)]).output == "", "it was asked once only"


def test_a_place_for_runs_that_cannot_be_written_is_refused_before_the_search(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(flexloop.FlexloopError, match="cannot write to"):
        flexloop.run("T0O0P0S0", NET, small_archs.plain(), engine="embedded", keep_runs=tmp_path / "file")
