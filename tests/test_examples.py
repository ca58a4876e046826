"""The notebooks run from top to bottom, and give the numbers that they were committed with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebooks need the extra `notebooks`")
nbclient = pytest.importorskip("nbclient", reason="the notebooks need the extra `notebooks`")
pytest.importorskip("ipykernel", reason="the notebooks need the extra `notebooks`")
pytest.importorskip("matplotlib", reason="the notebooks need the extra `notebooks`")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


def numbers(notebook: Any) -> list[list[str]]:
    """The numbers in what each code cell printed or returned, in order."""
    return [re.findall(r"\d[\d.]*(?:e[+-]?\d+)?", _text(cell)) for cell in notebook.cells if cell.cell_type == "code"]


def _text(cell: Any) -> str:
    outputs = (output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    return "\n".join(outputs)


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["custom_accelerator", "results_in_pandas"]


@pytest.mark.slow
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in NOTEBOOKS])
def test_a_notebook_runs_and_gives_its_numbers(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXLOOP_STORE", str(tmp_path / "store"))
    committed = nbformat.read(path, as_version=4)
    again = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(again, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    assert any(numbers(committed)), "outputs are kept"
    assert numbers(again) == numbers(committed)
