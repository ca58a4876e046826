"""The command ``classify``: which class an accelerator is in, and what freeing each axis would gain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli import complete
from flexloop.cli.common import console
from flexloop.cli.formalism import Define, one_arch
from flexloop.cli.options import with_study_options
from flexloop.cli.outcome import Report, check_places, conclude, default_folder, keep
from flexloop.cli.studies import Json, Net, Output, Quiet
from flexloop.errors import FlexloopError

if TYPE_CHECKING:
    import pandas as pd

    from flexloop.study import StudyOptions


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("classify")(with_study_options(classify))


def classify(
    files: Annotated[
        list[str],
        typer.Argument(
            autocompletion=complete.archs, help="A Timeloop design's files or folder, or an arch spec.", metavar="FILES"
        ),
    ],
    net: Net,
    options: StudyOptions,
    define: Define = [],  # noqa: B006 - Typer copies it
    gains: Annotated[bool, typer.Option("--gains/--no-gains", help="Search what freeing each axis would gain.")] = True,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Say which class an accelerator is in on networks, why, and what freeing each axis would gain."""
    from flexloop.cli.progress import CellProgress
    from flexloop.report.findings import with_findings
    from flexloop.studies.classify import WORDS, class_of, classification, run_classification
    from flexloop.subjects import load_networks
    from flexloop.tables.study import json_list

    if not gains and (report is not None or output is not None):
        raise FlexloopError("classify: --report and --output hold what was searched; leave out --no-gains")
    check_places(output, report)
    arch, networks = one_arch(files, define), load_networks(net, options.network_parameters)
    results = None
    if gains:
        with CellProgress(quiet=quiet or json) as progress:
            results = run_classification(arch, networks, options, progress)
    table = classification(arch, networks, results)
    if json:
        typer.echo(json_list(table))
    elif not quiet:
        for name, rows in table.groupby("network", sort=False):
            _print(rows, f"{arch.name} on {name}: {class_of(rows)}")
        console().print(f"{WORDS[0].upper()}{WORDS[1:]}", markup=False)
    if results is not None:
        results = with_findings(
            results, "The class of the design as it stands", [WORDS], {"Axis by axis": _texts(table)}
        )
        folder = output or default_folder(results, "classify")
        keep(results, folder, {"classification.csv": table}, report, quiet=quiet or json)
        conclude(results)


def _texts(rows: pd.DataFrame) -> pd.DataFrame:
    """A classification as a report shows it: small numbers with three digits."""
    texts = {name: rows[name].map(_number) for name in ("h_f", "w_f")}
    for name in ("alone", "last"):
        if name in rows:
            marks = rows[f"{name}_proved"].map(lambda proved: "" if proved else "~")
            texts[name] = marks + rows[name].map(_number)
    hidden = [name for name in rows if str(name).endswith(("_low", "_high", "_proved"))]
    return rows.assign(**texts).drop(columns=hidden)


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3g}"


def _print(rows: pd.DataFrame, title: str) -> None:
    from flexloop.cli.tables import table

    shown = _texts(rows).rename(columns={"digit": "class", "h_f": "H-F", "w_f": "W-F"})
    columns = [c for c in ("axis", "class", "H-F", "W-F", "alone", "last", "constraints", "where") if c in shown]
    text = ["constraints", "where"]
    cells = [[str(value) for value in row] for row in shown[columns].itertuples(index=False, name=None)]
    out = console()
    out.print(table(out, title, columns, cells, text=text, wraps=text, goes=["where"]))
