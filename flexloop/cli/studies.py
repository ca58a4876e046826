"""Commands that run cells: ``run`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli.common import console
from flexloop.cli.options import with_study_options

if TYPE_CHECKING:
    from flexloop.results import Results
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
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Find the best mapping of a class for every layer of a network, and show what each costs."""
    results = _run(flexclass, net, arch, options, quiet=quiet or json)
    _finish(results, output, "run", quiet=quiet, json=json)


def compare(
    net: Net,
    options: StudyOptions,
    arch: Arch = "edge256",
    degrees: Annotated[bool, typer.Option("--degrees", help="All 81 points, not only the 16 classes.")] = False,
    output: Output = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run all 16 classes on a network and show what each gains over the rigid one, T0O0P0S0."""
    from flexloop.classes import all_classes

    classes = [str(c) for c in all_classes(degrees=degrees)]
    results = _run(classes, net, arch, options, quiet=quiet or json)
    _finish(results, output, "compare", quiet=quiet, json=json)


def _run(classes: list[str], nets: list[str], arch: str, options: StudyOptions, *, quiet: bool) -> Results:
    from flexloop.cli.progress import CellProgress
    from flexloop.study import run_study

    with CellProgress(quiet=quiet) as progress:
        return run_study(classes, nets, arch, options, progress)


def _finish(results: Results, output: Path | None, command: str, *, quiet: bool, json: bool) -> None:
    """Print first, so that a folder that cannot be written costs no one the figures."""
    if json:
        from flexloop.results import to_json

        typer.echo(to_json(results))
    elif not quiet:
        _print(results, command)
    folder = results.save(output or _default_folder(results, command))
    if not json and not quiet:
        console().print(f"tables and mappings: {folder}", markup=False)


def _default_folder(results: Results, command: str) -> Path:
    rows = results.rows
    nets = "+".join(dict.fromkeys(rows["network"]))
    classes = "+".join(dict.fromkeys(rows["class"])) if command == "run" else command
    return Path("results") / f"{nets}-{rows['arch'].iloc[0]}-{classes}-{rows['objective'].iloc[0]}"


def _print(results: Results, command: str) -> None:
    from flexloop.cli.tables import classes_table, layers_tables

    out = console()
    engine, mapper = results.meta["engine"], results.meta["mapper"]
    out.print(
        f"searched by {mapper}, figures by {engine} {results.meta['engine_version']}, "
        f"energies from {results.meta['energy_source']}, objective {results.meta['objective']}",
        markup=False,
    )
    totals = results.totals
    if command == "compare":
        gains = results.speedups()
        for network, group in gains.groupby("network", sort=False):
            out.print(classes_table(out, f"{network} on {group['arch'].iloc[0]}, gains over T0O0P0S0", group))
        return
    for keys, group in results.rows.groupby(["network", "class"], sort=False):
        mine = totals[(totals["network"] == keys[0]) & (totals["class"] == keys[1])]
        out.print(*layers_tables(out, group, mine), sep="\n")
