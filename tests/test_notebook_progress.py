"""A study in a notebook has a bar while it runs, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra `notebooks`")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra `notebooks`")
pytest.importorskip("ipykernel", reason="notebooks need the extra `notebooks`")

STUDY = "flexloop.run('T0O0P0S0', 'ncf', engine='embedded', use_store=False, jobs=1).totals['class'].tolist()"

RECORDED = """
import time, flexloop
from flexloop.running import notebook, progress
from IPython import display
notebook.PATIENCE_S, said, begin = {patience}, [], progress.StudyProgress.begin
formats = notebook.NotebookProgress._formats
def told(bar):
    said.append(formats(bar))
    return said[-1]
def slow(bar, *about):
    begin(bar, *about)
    time.sleep(0.3)
notebook.NotebookProgress._formats, progress.StudyProgress.begin = told, slow
"""


def executed(*sources: str) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook.cells


def test_the_bar_counts_cells_and_is_gone_afterwards_and_a_study_that_is_over_at_once_shows_none() -> None:
    again = "notebook.PATIENCE_S = 600"
    cells = executed(RECORDED.format(patience=0.05), "print('before')\n" + STUDY, "said", again, STUDY)
    kinds = [output["output_type"] for output in cells[1].outputs]
    assert kinds == ["stream", "display_data", "execute_result"], "nothing on stderr, and the user's own output stays"
    assert cells[1].outputs[1]["data"] == {"text/html": "", "text/plain": ""}
    said = cells[2].outputs[0]["data"]["text/plain"]
    assert "0 of 4 cells" in said and '<progress value="0" max="4"' in said
    assert [output["output_type"] for output in cells[4].outputs] == ["execute_result"]


@pytest.mark.slow
def test_a_study_of_several_parts_has_one_bar() -> None:
    study = (
        "from flexloop.studies.futureproof import future_proof\nfrom flexloop import EngineSettings, StudyOptions\n"
        "options = StudyOptions('latency', engines=EngineSettings('embedded'), use_store=False, jobs=1)\n"
        "future_proof('ncf', ['ncf'], options=options, classes=[flexloop.FlexClass.parse('T0O0P0S0')]);"
    )
    cells = executed(RECORDED.format(patience=0.05), study)
    assert [output["output_type"] for output in cells[1].outputs] == ["display_data"]


@pytest.mark.slow
def test_a_script_prints_no_progress(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"import flexloop; print({STUDY})"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    assert (done.stdout, done.stderr) == ("['T0O0P0S0']\n", "")
