"""Commands that decide: ``isolate``, ``design`` and ``future-proof``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli import complete
from flexloop.cli.common import console
from flexloop.cli.options import with_engine_settings, with_study_options
from flexloop.cli.outcome import Report, check_places, conclude, default_folder, keep, show
from flexloop.cli.studies import Arch, Archs, Json, Net, Output, Quiet, Rigid, RigidFor, pinned_archs

if TYPE_CHECKING:
    from flexloop.engines.select import EngineSettings
    from flexloop.study import StudyOptions

Nets = Annotated[
    list[str],
    typer.Option(
        "--net", "-n", autocompletion=complete.networks, help="Network to run; may be repeated (default: ten)."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("isolate")(with_study_options(isolate))
    app.command("design")(with_engine_settings(design))
    app.command("future-proof")(with_study_options(future_proof, objective="latency"))


def isolate(
    net: Net,
    options: StudyOptions,
    arch: Archs = ["edge256"],  # noqa: B006 - Typer copies it
    rigid: Rigid = None,
    rigid_for: RigidFor = None,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """What each axis is worth: alone, freed last, and as its Shapley value over the 16 classes.

    alone: the gain over the rigid class where only that axis is free. last: the gain of freeing it where all others
    are. shapley: the mean, over all orders of freeing the axes, of the logarithm of what it adds, as a factor; the four
    multiply to the gain of everything free. share: its part of that.
    """
    from flexloop.cli.progress import CellProgress
    from flexloop.report.findings import with_findings
    from flexloop.report.gains import OBJECTIVE_WORDS
    from flexloop.studies.isolate import ISOLATION_WORDS, isolation_table
    from flexloop.studies.isolate import isolate as run
    from flexloop.tables.study import to_json

    check_places(output, report)
    with CellProgress(quiet=quiet or json) as progress:
        results = run(net, pinned_archs(arch, rigid, rigid_for, options), options, progress)
    table = isolation_table(results)
    title = (
        f"Gain in {OBJECTIVE_WORDS[options.objective]} of each axis on {', '.join(dict.fromkeys(results.rows['arch']))}"
    )
    if json:
        typer.echo(to_json(results, isolation=table))
    elif not quiet:
        show(table, title)
    results = with_findings(results, "What each axis is worth", [ISOLATION_WORDS], {title: table})
    folder = output or default_folder(results, "isolate")
    keep(results, folder, {"isolation.csv": table}, report, quiet=quiet or json)
    conclude(results)


def design(
    engines: EngineSettings,
    net: Annotated[
        str, typer.Option("--net", "-n", autocompletion=complete.networks, help="The network to design for.")
    ] = "alexnet",
    arch: Arch = "edge256",
    must_map: Annotated[list[str], typer.Option("--must-map", help="Network that it must map too.")] = [],  # noqa: B006
    objective: Annotated[str, typer.Option(help="What to minimise: latency, energy or edp.")] = "latency",
    energy: Annotated[
        str, typer.Option(help="Energies: table, accelergy, hwcomponents, or a file with an ERT.")
    ] = "table",
    starts: Annotated[int, typer.Option(min=0, max=1000, help="Random starts of the search.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random starts.")] = 0,
    time_limit: Annotated[
        float | None, typer.Option(min=0, help="Seconds a layer's search may take; for a Timeloop design alone.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("design.yaml"),
    results: Annotated[
        Path | None, typer.Option(help="Run the network on the design, and keep its tables here.")
    ] = None,
    report: Report = None,
) -> None:
    """Find the best rigid accelerator for a network on an arch's hardware, and write it as a file that --arch takes.

    Rigid: one tile, one order of loops, one pair of parallel dimensions and one array shape for all layers. Levels,
    capacities, bandwidths and the number of PEs stay those of the arch. Of a Timeloop design the array's shape stays
    too, and it gets the best of the layers' own best mappings.
    """
    from flexloop.arch.load import load_arch
    from flexloop.cli.show import axes_table
    from flexloop.report.findings import with_findings
    from flexloop.studies.design import design as search
    from flexloop.studies.design import write_design
    from flexloop.study import run

    check_places(results or (Path("results") if report else output.parent), output, report)
    if time_limit is not None:
        load_arch(arch).as_design("--time-limit")
    costs: dict[str, Any] = {"objective": objective, "energy": energy, "engines": engines}
    outcome = search(net, arch, must_map=must_map, starts=starts, seed=seed, time_limit=time_limit, **costs)
    out = console()
    out.print(axes_table(out, f"{outcome.arch.name}: {objective} {outcome.cost:,.6g}", outcome.arch))
    out.print(outcome.statement, markup=False)
    out.print(f"written: {write_design(outcome, output)}", markup=False)
    if results or report:
        found = run("T0O0P0S0", net, outcome.arch, **costs)
        found = with_findings(found, f"Designed for {net}", [outcome.statement], {})
        keep(found, results or default_folder(found, "design"), {}, report, quiet=False)
        conclude(found)


def future_proof(
    options: StudyOptions,
    net: Nets = [],  # noqa: B006
    designed_for: Annotated[str, typer.Option("--designed-for", help="The network of the past.")] = "alexnet",
    arch: Arch = "edge256",
    rigid: Rigid = None,
    rigid_for: RigidFor = None,
    vary: Annotated[bool, typer.Option("--sensitivity", help="Show how the gain moves with the assumptions.")] = False,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Design for one network, run later ones, and show what each class of flexibility adds.

    The rigid design that suits the first network best runs the others; the speedup of a class is over that. With
    --rigid or --rigid-for a Timeloop design so pinned takes its place.

    Beside it stand the design's mirror image, which a network of square images cannot tell apart, and the range of the
    gain over all designs that were found within 1% of the best.
    """
    from flexloop.cli.progress import CellProgress
    from flexloop.errors import SpecError
    from flexloop.studies import futureproof as study
    from flexloop.studies import sensitivity as moves
    from flexloop.tables.study import to_json

    check_places(output, report)
    if vary and (rigid or rigid_for):
        raise SpecError("--sensitivity designs anew for each assumption: leave out --rigid and --rigid-for")
    nets = net or list(study.FUTURE)
    with CellProgress(quiet=quiet or json) as progress:
        later = moves.sensitivity_plan(nets, arch, options) if vary else (0, 0)
        (own,) = pinned_archs([arch], rigid, rigid_for, options)
        outcome = study.future_proof(designed_for, nets, own, options, None, progress, rigid=own != arch, later=later)
        if not (quiet or json):
            for caption, table in outcome.tables().items():
                show(table, caption)
        folder, files = output or default_folder(outcome.results, "future-proof"), outcome.files()
        # Kept before the sensitivity, which takes longer, and with it once more afterwards.
        keep(outcome.reported(), folder, files, report, quiet=quiet or json or vary)
        if not (quiet or json):
            for sentence in outcome.sentences():
                console().print(sentence, markup=False)
        moved = moves.sensitivity(designed_for, nets, arch, options, progress) if vary else None
    if moved is not None:
        if not (quiet or json):
            show(moved, "Geometric mean speedup as the assumptions move")
        files["sensitivity.csv"] = moved
        keep(outcome.reported(moved), folder, files, report, quiet=quiet or json)
    if json:
        named = {name.removesuffix(".csv"): file for name, file in files.items() if not isinstance(file, str)}
        typer.echo(to_json(outcome.results, **named))
    conclude(outcome.results)
