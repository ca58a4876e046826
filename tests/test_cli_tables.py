"""Tables on terminals of several widths."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

import flexloop
from flexloop.cli import app
from flexloop.cli.tables import classes_table, edp, layers_tables, table


@pytest.fixture(scope="module")
def results() -> flexloop.Results:
    return flexloop.run("T0O0P0S0", "ncf", engine="embedded", use_store=False, jobs=1)


def printed(results: flexloop.Results, width: int) -> str:
    out = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    for made in layers_tables(out, "ncf", results.rows, results.totals.iloc[0]):
        out.print(made)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("product", "shown"),
    [(12.0, "1.200e1"), (1.2234e15, "1.223e15"), (5.692e17, "5.692e17"), (0.0, "0.000e0")],
)
def test_an_energy_delay_product_has_no_prefix_beside_its_units(product: float, shown: str) -> None:
    assert edp(product) == shown
    assert edp(None) == edp(float("nan")) == "-"


WIDTHS = (60, 80, 100, 120, 200)


def lines_of(made: Table, width: int) -> list[str]:
    out = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    out.print(made)
    assert isinstance(out.file, StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", WIDTHS)
def test_layers_keep_their_names_and_costs_at_any_width(results: flexloop.Results, width: int) -> None:
    text = printed(results, width)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    assert "…" not in text
    for name in [*results.rows["layer"], "cycles", "proved", "total"]:
        assert name in text
    assert ("not shown: MACs" in text) == (width <= 80)


@pytest.mark.parametrize("width", WIDTHS)
def test_classes_keep_their_names_and_gains_at_any_width(results: flexloop.Results, width: int) -> None:
    out = Console(width=width, force_terminal=True)
    lines = lines_of(classes_table(out, "ncf", results.speedups()), width)
    assert all(len(line) <= width for line in lines)
    assert sum("T0O0P0S0" in line and "1.00x" in line for line in lines) == 1
    assert any("EDP gain" in line for line in lines)
    assert any(line.strip().startswith("not shown") for line in lines) == (width < 120)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("command", "column"),
    [
        (["doctor"], "detail"),
        (["arch", "fields"], "meaning"),
        (["net", "fields"], "meaning"),
        (["columns"], "meaning"),
        (["archs"], "description"),
        (["classes"], "free"),
    ],
    ids=lambda it: " ".join(it) if isinstance(it, list) else None,
)
def test_texts_that_a_table_is_for_stay_at_any_width(
    command: list[str], column: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr("flexloop.cli.show.console", lambda: out)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0 and isinstance(out.file, StringIO)
    lines = [line.rstrip() for line in out.file.getvalue().splitlines()]
    assert all(len(line) <= width for line in lines)
    heads = next(line for line in lines[1:] if line.strip().startswith(("what", "field", "column", "name", "class ")))
    assert column in heads


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.sampled_from(WIDTHS))
def test_no_column_is_cut_and_what_is_left_out_is_named(sizes: list[int], width: int) -> None:
    columns = [f"c{index:02}" for index in range(len(sizes))]
    row = [chr(ord("a") + index) * size for index, size in enumerate(sizes)]
    out = Console(width=width, force_terminal=True)
    text, _, left_out = "\n".join(lines_of(table(out, "", columns, [row]), width)).partition("not shown:")
    whole = [column for column, cell in zip(columns, row, strict=True) if cell in text.split()]
    assert whole[0] == columns[0]
    assert [column for column in columns if column not in whole] == re.findall(r"c\d\d", left_out)


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
