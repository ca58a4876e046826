"""What is said of progress where no terminal shows it."""

from __future__ import annotations

import pytest

from flexloop import FlexClass, Layer
from flexloop.cli import progress
from flexloop.running.cells import CellResult


def test_a_study_of_several_parts_counts_the_cells_of_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    done = CellResult(FlexClass.of("T0O0P0S0"), Layer(name="only"), "ok", "", 0.1)
    with progress.CellProgress(quiet=False) as shown:
        for cells in (2, 3):
            shown.begin(cells, "embedded", "embedded")
            for _ in range(cells):
                shown.finished(done)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" cells")[0] for line in lines] == ["1 of 2", "2 of 2", "3 of 5", "4 of 5", "5 of 5"]
    assert not any("-" in line for line in lines)
