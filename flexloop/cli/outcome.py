"""How the commands of studies show and keep what came out: small tables, the results' folder, the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli.common import console
from flexloop.errors import EngineError

if TYPE_CHECKING:
    import pandas as pd

    from flexloop.results.table import Results

Report = Annotated[Path | None, typer.Option("--report", help="Write the HTML report to this file too.")]


def show(frame: pd.DataFrame, title: str) -> None:
    """Print a small table, numbers with two decimals."""
    from flexloop.cli.tables import table

    out = console()
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    text = [str(c) for c in frame.columns if any(isinstance(value, str) for value in frame[c])]
    out.print(table(out, title, [str(c) for c in frame.columns], rows, text=text))


def keep(
    results: Results, folder: Path, tables: Mapping[str, pd.DataFrame], report: Path | None, *, quiet: bool
) -> None:
    """Save results and further tables (by file name), write the report if one is asked for, and say where all is."""
    from flexloop.report.html import write_report
    from flexloop.results.files import save_tables

    written = [results.save(folder)]
    save_tables(tables, folder)
    if report is not None:
        written.append(write_report(results, report))
    if not quiet:
        names = ("tables and mappings", "report")
        for name, path in zip(names, written, strict=False):
            console().print(f"{name}: {path}", markup=False)


def conclude(results: Results) -> None:
    """End a command, after everything was shown and saved, with an error where cells lack what they were run for.

    A layer that is proved unmappable is a finding and no error, as long as anything has a result.

    Raises:
        EngineError: if a cell failed, or no cell has a result; the command then ends with exit status 1.
    """
    rows = results.rows
    failed, without = rows[rows["status"] == "failed"], rows[rows["status"] != "ok"]
    if len(failed):
        first = failed.iloc[0]
        raise EngineError(
            f"{len(failed)} of {len(rows)} cells failed, the first of them {first['class']} on layer {first['layer']}: "
            f"{first['reason']}; the same command tries them again, and what is finished is kept"
        )
    if len(without) == len(rows):
        first = rows.iloc[0]
        raise EngineError(f"no layer has a result; {first['layer']}: {first['reason']}")


def default_folder(results: Results, study: str) -> Path:
    """``results/`` and what was studied."""
    rows = results.rows
    nets = "+".join(dict.fromkeys(rows["network"]))
    return Path("results") / f"{nets}-{rows['arch'].iloc[0]}-{study}-{rows['objective'].iloc[0]}"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.2f}"
    return str(value)
