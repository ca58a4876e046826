"""Commands that run cells: ``run`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli.common import console
from flexloop.cli.options import with_study_options
from flexloop.cli.outcome import Report, conclude, default_folder, keep, show

if TYPE_CHECKING:
    from flexloop.results.table import Results
    from flexloop.study import StudyOptions

Net = Annotated[list[str], typer.Option("--net", "-n", help="Network: a shipped name or a YAML file; may be repeated.")]
Arch = Annotated[str, typer.Option("--arch", "-a", help="Arch spec: a shipped name or a YAML file.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for tables and mappings.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object: rows and totals.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("run")(with_study_options(run))
    app.command("compare")(with_study_options(compare))


def run(
    net: Net,
    flexclass: Annotated[list[str], typer.Option("--class", "-c", help="Class, such as T1O0P1S0; may be repeated.")],
    options: StudyOptions,
    arch: Arch = "edge256",
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Find the best mapping of a class for every layer of a network, and show what each costs."""
    results = _run(flexclass, net, arch, options, quiet=quiet or json)
    if json:
        _print_json(results)
    elif not quiet:
        _print_origin(results)
        _print_layers(results)
    folder = output or default_folder(results, "+".join(dict.fromkeys(results.rows["class"])))
    keep(results, folder, {}, report, quiet=quiet or json)
    conclude(results)


def compare(
    net: Net,
    options: StudyOptions,
    arch: Arch = "edge256",
    degrees: Annotated[bool, typer.Option("--degrees", help="All 81 points, not only the 16 classes.")] = False,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run all 16 classes on a network and show what each gains over the rigid one, T0O0P0S0."""
    from flexloop.classes import all_classes
    from flexloop.report.findings import with_findings
    from flexloop.studies.analysis import axis_gains, comparison, edge_gains, layer_gains

    classes = [str(c) for c in all_classes(degrees=degrees)]
    results = _run(classes, net, arch, options, quiet=quiet or json)
    tables = comparison(results)
    if json:
        _print_json(results)
    elif not quiet:
        _print_origin(results)
        _print_classes(results)
        for title, table in tables.items():
            show(table, title)
    results = with_findings(results, "What the axes gain, and which layers profit", [], tables)
    more = {"edges": edge_gains(results), "axis_gains": axis_gains(results), "layer_gains": layer_gains(results)}
    keep(results, output or default_folder(results, "compare"), more, report, quiet=quiet or json)
    conclude(results)


def _run(classes: list[str], nets: list[str], arch: str, options: StudyOptions, *, quiet: bool) -> Results:
    from flexloop.cli.progress import CellProgress
    from flexloop.study import run_study

    with CellProgress(quiet=quiet) as progress:
        return run_study(classes, nets, arch, options, progress)


def _print_json(results: Results) -> None:
    from flexloop.results.table import to_json

    typer.echo(to_json(results))


def _print_origin(results: Results) -> None:
    engine, mapper = results.meta["engine"], results.meta["mapper"]
    console().print(
        f"searched by {mapper}, figures by {engine} {results.meta['engine_version']}, "
        f"energies from {results.meta['energy_source']}, objective {results.meta['objective']}",
        markup=False,
    )


def _print_classes(results: Results) -> None:
    from flexloop.cli.tables import classes_table

    out = console()
    for network, group in results.speedups().groupby("network", sort=False):
        out.print(classes_table(out, f"{network} on {group['arch'].iloc[0]}, gains over T0O0P0S0", group))


def _print_layers(results: Results) -> None:
    from flexloop.cli.tables import layers_tables

    out, totals = console(), results.totals
    for keys, group in results.rows.groupby(["network", "class"], sort=False):
        mine = totals[(totals["network"] == keys[0]) & (totals["class"] == keys[1])]
        out.print(*layers_tables(out, group, mine), sep="\n")
