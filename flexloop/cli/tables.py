"""Tables for the terminal, made of results and specs."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flexloop.cli.common import printable

if TYPE_CHECKING:
    import pandas as pd

_UNITS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

MIN_TEXT = 24
"""Characters of a column of texts below which its lines would be too short to read, from 120 columns on.

Narrower terminals have a fifth of their width, since a text in short lines says more than one that is left out."""

GAP = 3
"""Characters between two columns; one more stands at the edge of the table."""

WIDE = 150
"""Columns of a terminal from which a layer's mapping stands beside its figures."""

_PLAIN = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
"""Lines of hyphens under the heading and above the totals, nothing else."""


def number(value: float | None, digits: int = 4) -> str:
    """A number with an SI prefix, to so many significant digits; a dash where there is none."""
    if value is None or isnan(value):
        return "-"
    for size, unit in _UNITS:
        if abs(value) >= size:
            scaled = value / size
            return f"{scaled:.{digits}g}{unit}" if scaled < 10**digits else f"{scaled:.0f}{unit}"
    return f"{value:.{digits}g}"


def energy(picojoules: float | None) -> str:
    """An energy in the unit that suits it."""
    if picojoules is None or isnan(picojoules):
        return "-"
    for size, unit in ((1e12, "J"), (1e9, "mJ"), (1e6, "uJ"), (1e3, "nJ")):
        if abs(picojoules) >= size:
            return f"{picojoules / size:.4g} {unit}"
    return f"{picojoules:.4g} pJ"


def edp(product: float | None) -> str:
    """An energy-delay product as a power of ten, since its unit has a prefix of its own."""
    if product is None or isnan(product):
        return "-"
    mantissa, exponent = f"{product:.3e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def percent(fraction: float | None) -> str:
    """A fraction as a percentage."""
    return "-" if fraction is None or isnan(fraction) else f"{100 * fraction:.1f}%"


def times(ratio: float) -> str:
    """A gain as a factor."""
    return "-" if isnan(ratio) else f"{ratio:.2f}x"


def table(
    out: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    text: Sequence[str] = (),
    wraps: Sequence[str] = (),
    goes: Sequence[str] = (),
) -> Table:
    """A table that fits the console: names stay whole, and where there is no room some columns are left out.

    A line below it says which were, and how to see them.

    Args:
        out: where it will be printed.
        title: above it.
        columns: headings; the first column always stays.
        rows: cells as text.
        text: columns aligned to the left, as the first one is; the others are aligned to the right.
        wraps: columns whose texts may run over several lines (see `MIN_TEXT`).
        goes: columns that are left out first, in this order; then go the others, the last one first.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    shown = _columns_that_fit(out, columns, cells, wraps, goes)
    made = Table(
        title=escape(printable(title)) or None, title_justify="left", box=box.SIMPLE_HEAD if out.is_terminal else _PLAIN
    )
    for index in shown:
        column, is_text = columns[index], index == 0 or columns[index] in text
        made.add_column(
            escape(printable(column)), justify="left" if is_text else "right", no_wrap=column not in wraps,
            overflow="fold",
        )  # fmt: skip
    for row in cells:
        made.add_row(*(escape(row[index]) for index in shown))
    if len(shown) < len(columns):
        left_out = ", ".join(column for index, column in enumerate(columns) if index not in shown)
        made.caption = escape(f"not shown: {left_out}; a wider terminal, a pipe (| less -S) or the files have them")
        made.caption_justify = "left"
    return made


def _columns_that_fit(
    out: Console, columns: Sequence[str], cells: Sequence[Sequence[str]], wraps: Sequence[str], goes: Sequence[str]
) -> list[int]:
    """Indices of the columns that there is room for (see `table`)."""
    shown = list(range(len(columns)))
    leaving = [columns.index(column) for column in goes]
    leaving += [i for i in reversed(shown[1:]) if i not in leaving]
    widths = [max([cell_len(column), *(cell_len(row[i]) for row in cells)]) for i, column in enumerate(columns)]
    for i, column in enumerate(columns):
        if column in wraps:
            widths[i] = min(widths[i], max(cell_len(column), min(MIN_TEXT, out.width // 5)))
    for i in leaving:
        if 1 + sum(widths[j] + GAP for j in shown) <= out.width:
            break
        shown.remove(i)
    return shown


def listing(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows of a table as a JSON list of objects, by its headings."""
    return json.dumps([dict(zip(columns, row, strict=True)) for row in rows])


def layers_tables(out: Console, title: str, rows: pd.DataFrame, total: pd.Series[Any]) -> list[Table]:
    """The layers of one network and class, and the network's totals in the last row.

    On a terminal too narrow for the mappings beside the figures, they are a table of their own.
    """
    cells = [_layer_cells(row) for row in rows.to_dict("records")]
    last = "mapping" if (rows["status"] == "ok").all() else "mapping or reason"
    sums = _total_cells(total)
    columns = ["layer", "count", "MACs", "cycles", "energy", "EDP (pJ*cyc)", "util", "array", "proved"]
    goes = ["MACs", "array", "util", "EDP (pJ*cyc)"]
    if out.width >= WIDE:
        figures = table(out, title, [*columns, last], [*cells, sums], text=[last], wraps=[last], goes=goes)
        tables = [figures]
    else:
        figures = table(out, title, columns, [*(row[:-1] for row in cells), sums[:-1]], goes=goes)
        mappings = [(row[0], row[-1]) for row in cells]
        tables = [figures, table(out, "", ["layer", last], mappings, text=[last], wraps=[last])]
    figures.rows[-2].end_section = True
    figures.rows[-1].style = "bold"
    return tables


def _total_cells(total: pd.Series[Any]) -> list[str]:
    return [
        "total",
        str(total["layers"]),
        number(total["macs"]),
        number(total["cycles"]),
        energy(total["energy_pj"]),
        edp(total["edp"]),
        percent(total["utilization"]),
        "",
        "all" if total["optimal"] else "",
        f"{total['unmappable']} layer{'s' * (total['unmappable'] != 1)} without a result"
        if total["unmappable"]
        else "",
    ]


def _layer_cells(row: Mapping[Hashable, Any]) -> list[str]:
    name, count, macs = str(row["layer"]), str(row["count"]), number(row["macs"])
    if row["status"] != "ok":
        return [name, count, macs, "-", "-", "-", "-", "-", "", f"{row['status']}: {row['reason']}"]

    proved = "yes" if row["optimal"] else f"gap {percent(row['gap'])}"
    return [
        name,
        count,
        macs,
        number(row["cycles"]),
        energy(row["energy_pj"]),
        edp(row["edp"]),
        percent(row["utilization"]),
        f"{row['array_x']:.0f}x{row['array_y']:.0f}",
        proved,
        str(row["mapping"]),
    ]


def classes_table(out: Console, title: str, gains: pd.DataFrame) -> Table:
    """Totals of the classes of one network, with the gains over the baseline."""
    gained = ["speedup", "energy gain", "EDP gain"]
    columns = ["class", "cycles", "energy", "EDP (pJ*cyc)", "util", "area (mm2)", *gained, "note"]
    rows = [
        [
            str(row["class"]),
            number(row["cycles"]),
            energy(row["energy_pj"]),
            edp(row["edp"]),
            percent(row["utilization"]),
            number(row.get("area_mm2"), 3),
            times(row["speedup"]),
            times(row["energy_gain"]),
            times(row["edp_gain"]),
            _note(row),
        ]
        for row in gains.to_dict("records")
    ]
    goes = ["util", "note", "area (mm2)", "EDP (pJ*cyc)", "energy", "cycles"]
    return table(out, title, columns, rows, text=["note"], goes=goes)


def _note(row: Mapping[Hashable, Any]) -> str:
    if row["unmappable"]:
        return f"{row['unmappable']} layer{'s' * (row['unmappable'] != 1)} unmappable"
    return "all proved" if row["optimal"] else ""
