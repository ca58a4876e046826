"""Commands that run cells: ``run`` and ``compare``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli import complete
from flexloop.cli.common import console
from flexloop.cli.options import with_study_options
from flexloop.cli.outcome import Report, check_places, conclude, default_folder, keep, show

if TYPE_CHECKING:
    from flexloop.results.table import Results
    from flexloop.study import StudyOptions

Net = Annotated[
    list[str],
    typer.Option(
        "--net", "-n", autocompletion=complete.networks, help="Network: a shipped name or a YAML file; may be repeated."
    ),
]
Arch = Annotated[
    str, typer.Option("--arch", "-a", autocompletion=complete.archs, help="Arch spec: a shipped name or a YAML file.")
]
Archs = Annotated[
    list[str],
    typer.Option(
        "--arch",
        "-a",
        autocompletion=complete.archs,
        help="Arch spec: a shipped name or a YAML file; several are compared.",
    ),
]
Baseline = Annotated[
    str | None, typer.Option(help="Class that gains are over (default: the least flexible that maps every layer).")
]
Rigid = Annotated[
    Path | None,
    typer.Option(
        "--rigid", metavar="FILE", help="Pin what Timeloop designs leave open to a mapping, such as a cell's map.yaml."
    ),
]
RigidFor = Annotated[
    str | None,
    typer.Option(
        "--rigid-for",
        metavar="NETWORK",
        autocompletion=complete.networks,
        help="Pin what Timeloop designs leave open to the best single mapping for a network.",
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder for tables and mappings.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object: rows and totals.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("run")(with_study_options(run))
    app.command("compare")(with_study_options(compare))


def run(
    net: Net,
    flexclass: Annotated[
        list[str],
        typer.Option(
            "--class",
            "-c",
            autocompletion=complete.classes,
            help="Class, such as T1O0P1S0: tile sizes T, loop order O, parallel dimensions P, array shape S, each "
            "fixed (0), one of a few (p) or free (1); may be repeated.",
        ),
    ],
    options: StudyOptions,
    arch: Archs = ["edge256"],  # noqa: B006 - Typer copies it
    rigid: Rigid = None,
    rigid_for: RigidFor = None,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Find the best mapping of a class for every layer of a network, and show what each costs."""
    check_places(output, report)
    results = _run(flexclass, net, pinned_archs(arch, rigid, rigid_for, options), options, quiet=quiet or json)
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
    arch: Archs = ["edge256"],  # noqa: B006 - Typer copies it
    rigid: Rigid = None,
    rigid_for: RigidFor = None,
    degrees: Annotated[
        bool, typer.Option("--degrees", help="All 81 points, each axis at 0, p and 1, not only the 16 classes.")
    ] = False,
    baseline: Baseline = None,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run all 16 classes on a network and show what each gains over the rigid one, T0O0P0S0.

    A gain is the cost of the baseline class over that of the class: 2 is half the cost. Means over networks are
    geometric; the gain of an axis is over the pairs of classes that differ in it alone.
    """
    from flexloop.classes import FlexClass, all_classes
    from flexloop.report.findings import with_findings
    from flexloop.studies.analysis import axis_gains, comparison, edge_gains, layer_gains

    check_places(output, report)
    classes = [str(c) for c in all_classes(degrees=degrees)]
    over = [] if baseline is None else [str(FlexClass.parse(baseline))]
    results = _run([*classes, *over], net, pinned_archs(arch, rigid, rigid_for, options), options, quiet=quiet or json)
    results = replace(results, meta={**results.meta, **({"baseline": over[0]} if over else {})})
    tables = comparison(results)
    if json:
        _print_json(results)
    elif not quiet:
        _print_origin(results)
        _print_classes(results)
        for title, table in tables.items():
            show(table, title)
    results = with_findings(results, "What the axes gain, and which layers profit", [], tables)
    more = {
        "edges.csv": edge_gains(results),
        "axis_gains.csv": axis_gains(results),
        "layer_gains.csv": layer_gains(results),
    }
    keep(results, output or default_folder(results, "compare"), more, report, quiet=quiet or json)
    conclude(results)


def pinned_archs(archs: list[str], rigid: Path | None, rigid_for: str | None, options: StudyOptions) -> list[Any]:
    """What ``--arch`` names, as ``--rigid`` or ``--rigid-for`` pins it; the names themselves without these."""
    if rigid is None and rigid_for is None:
        return list(archs)
    from flexloop.studies.rigiddesign import rigid_archs
    from flexloop.subjects import load_archs

    return rigid_archs(load_archs(archs), rigid, rigid_for, options)


def _run(classes: list[str], nets: list[str], arch: list[Any], options: StudyOptions, *, quiet: bool) -> Results:
    from flexloop.cli.progress import CellProgress
    from flexloop.study import run_study

    with CellProgress(quiet=quiet) as progress:
        return run_study(classes, nets, arch, options, progress)


def _print_json(results: Results) -> None:
    from flexloop.tables.study import to_json

    typer.echo(to_json(results))


def _print_origin(results: Results) -> None:
    engine, mapper = results.meta["engine"], results.meta["mapper"]
    console().print(
        f"searched by {mapper}, figures by {engine} {results.meta['engine_version']}, "
        f"energies from {results.meta['energy_source']}, objective {results.meta['objective']}",
        markup=False,
    )


def _print_classes(results: Results) -> None:
    from flexloop.classes import RIGID
    from flexloop.cli.tables import classes_table
    from flexloop.tables.study import subject
    from flexloop.tables.totals import STUDIED

    out = console()
    over = f"gains over {results.baseline}"
    if not results.meta.get("baseline") and results.baseline != RIGID:
        over += f", the least flexible class that maps every layer ({RIGID} does not)"
    for (arch, network), group in results.speedups().groupby(STUDIED, sort=False):
        out.print(classes_table(out, f"{subject(results, str(network))} on {arch}, {over}", group))


def _print_layers(results: Results) -> None:
    from flexloop.cli.tables import layers_tables
    from flexloop.tables.study import subject
    from flexloop.tables.totals import STUDIED

    out, keys = console(), [*STUDIED, "class"]
    totals = dict(iter(results.totals.groupby(keys)))
    for place, group in results.rows.groupby(keys, sort=False):
        arch, network, name = map(str, place)
        title = f"{subject(results, network)} on {arch}, class {name}"
        out.print(*layers_tables(out, title, group, totals[place].iloc[0]), sep="\n")
