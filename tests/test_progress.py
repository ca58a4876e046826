"""What is said of progress where no terminal shows it."""

from __future__ import annotations

import pytest

from flexloop import FlexClass, Layer
from flexloop.cli import progress
from flexloop.running.cells import CellResult, CellTask

RIGID, FREE = FlexClass.of("T0O0P0S0"), FlexClass.of("T1O1P1S1")
LAYER = Layer(name="only")


def test_a_study_of_several_parts_counts_the_cells_of_all() -> None:
    lines = []
    with progress.CellProgress(quiet=False) as shown:
        for cells in (2, 3):
            shown.begin(cells, "embedded", "embedded")
            for _ in range(cells):
                shown.finished(CellResult(RIGID, LAYER, "ok", "", 0.1))
                lines.append(shown.line())
    assert [line.split(" cells")[0] for line in lines] == ["1 of 2", "2 of 2", "3 of 5", "4 of 5", "5 of 5"]
    assert not any("-" in line for line in lines)


def test_the_cell_that_is_waited_for_longest_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.01)
    said = ""
    with progress.CellProgress(quiet=False) as shown:
        shown.begin(2, "embedded", "timeloop")
        shown.handed_in(CellTask(LAYER, (RIGID, FREE), {}))
        while not said:  # nothing finishes, and a line comes nevertheless
            said += capsys.readouterr().err
        shown.finished(CellResult(RIGID, LAYER, "ok", "", 0.1))
        assert shown.line().endswith("waiting for T1O1P1S1 only")
    assert said.startswith("0 of 2 cells, ? left, waiting for T0O0P0S0 only\n")
