"""The report of an exploration: its designs and front, from the files that `flexloop explore` wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from small_archs import plain
from typer.testing import CliRunner

from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.cli import app
from flexloop.errors import SpecError
from flexloop.report.exploration import is_exploration, load_exploration, render_exploration

pytest.importorskip("optuna", reason="exploration needs the extra `explore`")
from flexloop.studies.explore import ExploreOptions, ExploreOutcome, Space, explore

TINY = Network(name="tiny", layers=(Layer(name="a", C=4, M=8, P=4, Q=2, R=3),))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> ExploreOutcome:
    store = tmp_path_factory.mktemp("store")
    study = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, store=store)
    options = ExploreOptions(space=Space(array=(1,), spad=(1,)), designed=False, study=study)
    return explore([TINY], plain(), area_budget_mm2=50, trials=4, options=options)


@pytest.fixture
def folder(outcome: ExploreOutcome, tmp_path: Path) -> Path:
    return outcome.save(tmp_path / "out")


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_holds_every_design_and_which_are_on_the_front(outcome: ExploreOutcome, folder: Path) -> None:
    page = render_exploration(load_exploration(folder))
    data = data_of(page)
    assert data["trial"] == outcome.trials["trial"].tolist()
    on_front = [trial for trial, front in zip(data["trial"], data["front"], strict=True) if front]
    assert sorted(on_front) == sorted(outcome.front["trial"])
    assert "What to build in 50 mm²" in page
    assert set(re.findall(r"""(?:src|href)=["']([^"']*)""", page)) == {"data:,"}, "nothing is fetched"


def test_the_command_takes_the_folder_of_an_exploration(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    output, figures = tmp_path / "page.html", tmp_path / "figures"
    answer = CliRunner().invoke(app, ["report", str(folder), "-o", str(output), "--figures", str(figures)])
    assert answer.exit_code == 0, answer.output
    assert data_of(output.read_text(encoding="utf-8"))["trial"]
    assert sorted(path.name for path in figures.iterdir()) == ["pareto.pdf", "pareto.svg"]


def test_damaged_files_are_answered_by_name(folder: Path) -> None:
    assert is_exploration(folder)
    (folder / "meta.json").write_text("{", encoding="utf-8")
    with pytest.raises(SpecError, match="out: damaged results"):
        load_exploration(folder)
