"""Commands that decide: ``isolate``, ``design`` and ``future-proof``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli.common import console
from flexloop.cli.options import with_study_options
from flexloop.cli.studies import Arch, Json, Net, Output, Quiet

if TYPE_CHECKING:
    import pandas as pd

    from flexloop.study import StudyOptions

Nets = Annotated[list[str], typer.Option("--net", "-n", help="Network to run; may be repeated (default: ten).")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("isolate")(with_study_options(isolate))
    app.command("design")(design)
    app.command("future-proof")(with_study_options(future_proof, objective="latency"))


def isolate(
    net: Net,
    options: StudyOptions,
    arch: Arch = "edge256",
    output: Output = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """What each axis is worth: alone, freed last, and as its Shapley value over the 16 classes."""
    from flexloop.cli.progress import CellProgress
    from flexloop.report.findings import with_findings
    from flexloop.studies.isolate import ISOLATION_WORDS, isolation_table
    from flexloop.studies.isolate import isolate as run

    with CellProgress(quiet=quiet or json) as progress:
        results = run(net, arch, options, progress)
    table = isolation_table(results)
    _show(table, f"Gain in {options.objective} of each axis on {arch}", quiet=quiet, json=json)
    if output is not None:
        title, caption = "What each axis is worth", f"Gain in {options.objective}, and shares of it"
        with_findings(results, title, [ISOLATION_WORDS], {caption: table}).save(output)


def design(
    net: Annotated[str, typer.Option("--net", "-n", help="The network to design for.")] = "alexnet",
    arch: Arch = "edge256",
    must_map: Annotated[list[str], typer.Option("--must-map", help="Network that it must map too.")] = [],  # noqa: B006
    objective: Annotated[str, typer.Option(help="What to minimise: latency, energy or edp.")] = "latency",
    energy: Annotated[
        str, typer.Option(help="Energies: table, accelergy, hwcomponents, or a file with an ERT.")
    ] = "table",
    starts: Annotated[int, typer.Option(min=0, max=1000, help="Random starts of the search.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random starts.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="The arch spec file to write.")] = Path("design.yaml"),
) -> None:
    """Find the best rigid accelerator for a network on an arch spec's hardware, and write it as an arch spec."""
    from flexloop.cli.show import axes_table
    from flexloop.studies.design import design as search
    from flexloop.studies.design import write_design

    outcome = search(net, arch, must_map=must_map, objective=objective, energy=energy, starts=starts, seed=seed)
    out = console()
    out.print(axes_table(out, f"{outcome.arch.name}: {objective} {outcome.cost:,.6g}", outcome.arch))
    out.print(outcome.statement, markup=False)
    out.print(f"arch spec: {write_design(outcome, output)}", markup=False)


def future_proof(
    options: StudyOptions,
    net: Nets = [],  # noqa: B006
    designed_for: Annotated[str, typer.Option("--designed-for", help="The network of the past.")] = "alexnet",
    arch: Arch = "edge256",
    vary: Annotated[bool, typer.Option("--sensitivity", help="Show how the gain moves with the assumptions.")] = False,
    output: Output = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Design for one network, run later ones, and show what each class of flexibility adds."""
    from flexloop.cli.progress import CellProgress
    from flexloop.studies import futureproof as study

    nets = net or list(study.FUTURE)
    with CellProgress(quiet=quiet or json) as progress:
        outcome = study.future_proof(designed_for, nets, arch, options, None, progress)
    out = console()
    title = f"Speedup over the rigid design for {designed_for} on {arch}"
    _show(outcome.table().reset_index(), title, quiet=quiet, json=json)
    if output is not None:
        outcome.reported().save(output)
    if not (quiet or json):
        full = outcome.table()["geomean"]["T1O1P1S1"]
        out.print(f"the design: {outcome.designed.statement}", markup=False)
        out.print(f"full flexibility: {full:.2f}x; the paper's abstract: {study.PAPER_GEOMEAN}x. What differs:")
        for difference in study.DIFFERENCES:
            out.print(f"- {difference}", markup=False)
    if vary:
        with CellProgress(quiet=quiet or json) as progress:
            table = study.sensitivity(designed_for, nets, arch, options, progress)
        if output is not None:
            outcome.reported(table).save(output)
        _show(table, "Geometric mean speedup as the assumptions move", quiet=quiet, json=json)


def _show(frame: pd.DataFrame, title: str, *, quiet: bool, json: bool) -> None:
    if json:
        typer.echo(frame.to_json(orient="records"))
    elif not quiet:
        from flexloop.cli.tables import table

        out = console()
        rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False, name=None)]
        text = [str(c) for c in frame.columns if frame[c].dtype == object]
        out.print(table(out, title, [str(c) for c in frame.columns], rows, text=text))


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
