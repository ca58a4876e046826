"""Whole inputs in older and looser spellings: the real Timeloop's bytes (see `data/readings/README.md`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flexloop.dropin.model import run_model

READINGS = sorted(path.parent for path in (Path(__file__).parent / "data" / "readings").glob("*/timeloop"))


@pytest.mark.parametrize("folder", READINGS, ids=[folder.name for folder in READINGS])
@pytest.mark.filterwarnings("ignore")
def test_the_real_ones_bytes_are_written(folder: Path, tmp_path: Path) -> None:
    run_model([folder], tmp_path)
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt"):
        assert (tmp_path / name).read_bytes() == (folder / "timeloop" / name).read_bytes()


def test_they_are_all_there() -> None:
    assert len(READINGS) == 9
