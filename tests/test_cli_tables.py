"""Tables on terminals of several widths."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

import flexloop
from flexloop.cli.tables import layers_tables


@pytest.fixture(scope="module")
def results() -> flexloop.Results:
    return flexloop.run("T0O0P0S0", "ncf", engine="embedded", use_store=False, jobs=1)


def printed(results: flexloop.Results, width: int) -> str:
    out = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    for table in layers_tables(out, "ncf", results.rows, results.totals.iloc[0]):
        out.print(table)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


def test_a_narrow_terminal_shows_the_mappings_whole_below_the_figures(results: flexloop.Results) -> None:
    text = printed(results, 90)
    assert all(len(line.rstrip()) <= 90 for line in text.splitlines())
    assert "…" not in text
    figures, mappings = text.split("layer", 2)[1:]
    assert "DRAM[WIO]" not in figures
    assert mappings.count("DRAM[WIO]") == len(results.rows)


def test_a_wide_terminal_shows_a_layer_on_one_line(results: flexloop.Results) -> None:
    lines = [line for line in printed(results, 200).splitlines() if "DRAM[WIO]" in line]
    assert [line.split()[0] for line in lines] == list(results.rows["layer"])
