"""Commands of the formalism: ``flexion``, ``taxonomy``, ``arch new`` and ``arch check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.atomic import write_file
from flexloop.cli import complete
from flexloop.cli.common import console, parse_defines
from flexloop.cli.options import with_study_options
from flexloop.cli.show import arch_app

if TYPE_CHECKING:
    import pandas as pd

    from flexloop.arch.base import Arch as ArchKind
    from flexloop.study import StudyOptions

Arch = Annotated[
    str, typer.Option("--arch", "-a", autocompletion=complete.archs, help="Arch spec: a shipped name or a YAML file.")
]


Define = Annotated[
    list[str], typer.Option("--define", metavar="NAME=VALUE", help="Variable of a Jinja template; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("flexion")(flexion)
    app.command("taxonomy")(with_study_options(taxonomy))


def flexion(
    arch: Arch = "edge256",
    net: Annotated[
        list[str],
        typer.Option("--net", "-n", autocompletion=complete.networks, help="Network: a shipped name or a YAML file."),
    ] = [],  # noqa: B006
    flexclass: Annotated[
        str | None, typer.Option("--class", "-c", autocompletion=complete.classes, help="One class; default: all 16.")
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show every layer, not only the networks.")] = False,
    samples: Annotated[int, typer.Option(min=100, max=10**7, help="Samples of Monte Carlo estimates.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the Monte Carlo estimates.")] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write all rows to this CSV file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all rows as one JSON list.")] = False,
) -> None:
    """Say how flexible an accelerator is: by its hardware (H-F), and for the layers of networks (W-F).

    H-F: the choices that the accelerator has on an axis over those of a fully flexible one with the same resources.
    W-F: the same for a layer, counting only choices that are legal for it; of a network, the mean over its layers.
    """
    from flexloop.cli.tables import table
    from flexloop.flexibility import Sampling, flexion_cells
    from flexloop.studies.flexion import flexion as flexion_of
    from flexloop.tables.study import json_list

    sampling = Sampling(samples=samples, seed=seed)
    rows = flexion_of(net, arch, flexclass, sampling=sampling)
    if output is not None:
        write_file(output, rows.to_csv(index=False))
    if json:
        typer.echo(json_list(rows))
        return
    shown = rows if layers else rows[rows["scope"] != "layer"]
    out = console()
    columns, cells = flexion_cells(shown)
    names = ["network", "layer", "axis", "degree"]
    goes = [*([] if layers else ["layer"]), "log10 choices", "direct estimate"]
    out.print(table(out, f"Flexion of {arch}", columns, cells, text=names, goes=goes))
    if rows["samples"].max() > 0:
        out.print(
            f"Figures without an interval are exact; intervals: {sampling.confidence:.0%}, {samples:,} samples, seed "
            f"{seed}. A network's W-F is the mean over its layers, weighted by count.",
            markup=False,
        )


def taxonomy(
    options: StudyOptions,
    figure: Annotated[Path | None, typer.Option(help="Draw the catalogue on the lattice: .svg, .pdf or .png.")] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Give each axis's reason and citation.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Run each that has an arch spec, as it is and with every axis freed.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="Run what publications give figures for, and show both.")
    ] = False,
    net: Annotated[
        list[str],
        typer.Option(
            "--net", "-n", autocompletion=complete.networks, help="Network to measure; may be repeated (resnet50)."
        ),
    ] = [],  # noqa: B006
    only: Annotated[
        list[str], typer.Option("--only", help="An accelerator or arch spec to run; may be repeated (default: all).")
    ] = [],  # noqa: B006
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write all columns to this CSV file.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON list instead of a table.")] = False,
) -> None:
    """Show where published accelerators stand among the classes; measure them.

    How flexible each is on each axis: 0 nothing, p a few choices, 1 any.

    The options of a study count with --measure and --published alone.
    """
    from flexloop.cli.tables import listing, table
    from flexloop.errors import SpecError
    from flexloop.published.accelerators import taxonomy_cells, taxonomy_markdown
    from flexloop.tables.study import json_list

    if measure and published:
        raise SpecError("--measure and --published are two tables; ask for one at a time")
    if net and not measure:
        raise SpecError("--net says what to measure: give it with --measure")
    if only and not (measure or published):
        raise SpecError("--only says what to run: give it with --measure or --published")
    out = console()
    if measure or published:
        run = _measured if measure else _published
        rows = run(net, only, options, quiet or json)
        if output is not None:
            write_file(output, rows.to_csv(index=False))
        if json:
            typer.echo(json_list(rows))
        elif not quiet:
            _show_measured(rows, options.objective) if measure else _show_published(rows)
    elif json:
        typer.echo(listing(*taxonomy_cells()))
    elif reasons:
        typer.echo(taxonomy_markdown())
    else:
        columns, cells = taxonomy_cells()
        out.print(table(out, "Published accelerators", columns, cells, text=columns))
    if figure is not None:
        from flexloop.published.figure import taxonomy_figure

        out.print(f"figure: {taxonomy_figure(figure)}", markup=False)


def _measured(nets: list[str], only: list[str], options: StudyOptions, quiet: bool) -> pd.DataFrame:
    from flexloop.cli.progress import CellProgress
    from flexloop.studies.catalogue import measure_catalogue

    with CellProgress(quiet=quiet) as progress:
        return measure_catalogue(nets or ["resnet50"], only, options, progress)


def _published(_nets: list[str], only: list[str], options: StudyOptions, quiet: bool) -> pd.DataFrame:
    from flexloop.cli.progress import CellProgress
    from flexloop.studies.catalogue import compare_published

    with CellProgress(quiet=quiet) as progress:
        return compare_published(only, options, progress)


def _show_measured(rows: pd.DataFrame, objective: str) -> None:
    from flexloop.cli.tables import table
    from flexloop.studies.catalogue import AS_IS, STATES, measured_cells

    out = console()
    for network, part in rows.groupby("network", sort=False):
        columns, cells = measured_cells(part)
        out.print(table(out, f"The catalogue on {network}", columns, cells, text=columns[:3], goes=["H-F", "area mm2"]))
    said = [f"{state}: {meaning}" for state, meaning in STATES.items() if state in set(rows["state"])]
    said.append(f"gain: in {objective}, over {AS_IS}")
    if not rows["optimal"].all():
        said.append("*: not every cell is proved to be the best, or some layer has no mapping")
    out.print("; ".join(said) + ".", markup=False)


def _show_published(rows: pd.DataFrame) -> None:
    from flexloop.cli.tables import table
    from flexloop.studies.catalogue import published_cells

    out = console()
    columns, cells = published_cells(rows)
    out.print(table(out, "Published figures and ours", columns, cells, text=columns[:4]))
    for name, remark in dict(zip(rows["arch"] + ", " + rows["network"], rows["remark"], strict=True)).items():
        out.print(f"{name}: {remark}", markup=False)


@arch_app.command("new")
def arch_new(path: Annotated[Path, typer.Argument(help="The YAML file to write.")]) -> None:
    """Write a commented arch spec to start from."""
    from flexloop.arch.new import write_new_arch

    written = write_new_arch(path)
    console().print(f"{written}: edit it, then `flexloop arch check {written}`", markup=False)


def one_arch(files: list[str], define: list[str]) -> ArchKind:
    """The arch that a command is given: a shipped name or a file, or the files of a Timeloop design."""
    from flexloop.arch.load import load_arch

    if len(files) == 1 and not define:
        return load_arch(files[0])
    from flexloop.arch.design.read import read_design

    return read_design([Path(file) for file in files], parse_defines(define))


@arch_app.command("import")
def arch_import(
    files: Annotated[list[Path], typer.Argument(help="Timeloop's files, native or v4, or a folder of them.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The YAML file (default: printed).")] = None,
    define: Define = [],  # noqa: B006
    name: Annotated[str | None, typer.Option("--name", help="What tables call it.")] = None,
    rigid: Annotated[
        Path | None,
        typer.Option("--rigid", metavar="FILE", help="Pin what is open to a mapping (canonical names of dimensions)."),
    ] = None,
    rigid_for: Annotated[
        str | None, typer.Option("--rigid-for", metavar="NETWORK", help="Pin it to the best one for a network.")
    ] = None,
    objective: Annotated[str, typer.Option(help="What is best: latency, energy or edp.")] = "edp",
    time_limit: Annotated[float, typer.Option(min=0, help="Seconds a layer's search for --rigid-for may take.")] = 5.0,
) -> None:
    """Write a Timeloop design as a commented file, its constraints by axis, which --arch takes."""
    from flexloop.arch.design.read import read_design
    from flexloop.arch.design.text import design_text
    from flexloop.errors import FlexloopError

    if rigid is not None and rigid_for is not None:
        raise FlexloopError("arch import: give one of --rigid and --rigid-for")
    design = read_design(files, parse_defines(define), name=name)
    if rigid is not None:
        from flexloop.studies.rigiddesign import pinned_by_file

        design = pinned_by_file(design, rigid)
    if rigid_for is not None:
        from flexloop.networks import load_network
        from flexloop.studies.rigiddesign import rigid_for as best_for
        from flexloop.study import StudyOptions

        options = StudyOptions.of(objective=objective, time_limit=time_limit, engine="embedded")
        design = best_for(design, load_network(rigid_for), options)
    text = design_text(design)
    if output is None:
        typer.echo(text, nl=False)
        return
    write_file(output, text)
    console().print(f"{output}: `flexloop arch check {output}` says in words what it is", markup=False)


@arch_app.command("check")
def arch_check(
    name: Annotated[
        list[str],
        typer.Argument(autocompletion=complete.archs, help="Shipped name, YAML file, or a Timeloop design's files."),
    ],
    define: Define = [],  # noqa: B006
    net: Annotated[
        list[str],
        typer.Option("--net", "-n", autocompletion=complete.networks, help="Network (default: all shipped ones)."),
    ] = [],  # noqa: B006
) -> None:
    """Check an arch spec or a Timeloop design against networks, and say in words what it means."""
    from flexloop.checks.archspec import check
    from flexloop.networks import network_names
    from flexloop.subjects import load_networks

    out = console()
    arch, networks = one_arch(name, define), load_networks(net or network_names(), {})
    report = check(arch, networks)
    for sentence in report.sentences():
        out.print(sentence, markup=False)
    if not report.ok:
        raise typer.Exit(1)
