"""Command ``explore``: hardware and flexibility chosen together under an area budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli import complete
from flexloop.cli.common import console
from flexloop.cli.options import with_study_options
from flexloop.cli.progress import CellProgress
from flexloop.cli.studies import Arch, Net, Output, Quiet

if TYPE_CHECKING:
    from flexloop.studies.explore import ExploreOutcome, Space
    from flexloop.study import StudyOptions

Budget = Annotated[float, typer.Option("--area-budget", help="No design may be larger, mm2, DRAM interface included.")]
Trials = Annotated[int, typer.Option(min=1, help="Designs to run in all, those in the storage counted.")]
Storage = Annotated[Path | None, typer.Option(help="File of finished designs, from which the same search goes on.")]
Classes = Annotated[
    list[str],
    typer.Option(
        "--class", "-c", autocompletion=complete.classes, help="Class to choose from; may be repeated (default: 16)."
    ),
]
Factors = Annotated[
    list[str],
    typer.Option(
        "--space",
        help="Factors of array, buffer, spad or bandwidth, as in buffer=0.5,1,2, or of one level's depth, bandwidth, X "
        "or Y, as in GlobalBuffer.depth=1,2; may be repeated.",
    ),
]
Sampler = Annotated[str, typer.Option(help="Who proposes designs: tpe or nsga2.")]
NoDesign = Annotated[
    bool, typer.Option("--no-design", help="An arch spec's smallest fixed tiles, not those designed for the network.")
]
AreaModel = Annotated[Path | None, typer.Option(help="YAML file with the areas of what flexibility adds.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("explore")(with_study_options(explore))


def explore(
    net: Net,
    area_budget: Budget,
    options: StudyOptions,
    arch: Arch = "edge256",
    trials: Trials = 100,
    flexclass: Classes = [],  # noqa: B006 - Typer copies it
    space: Factors = [],  # noqa: B006 - Typer copies it
    sampler: Sampler = "tpe",
    no_design: NoDesign = False,
    area_model: AreaModel = None,
    storage: Storage = None,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Search hardware and class together: the Pareto front of latency, energy and area under an area budget.

    Hardware is the arch with its PEs, buffers, scratchpads and DRAM bandwidth times a factor each; a Timeloop design's
    constraints stand as they are. On the front is each design that no other beats in one of the three without losing in
    another.
    """
    from flexloop.overhead import load_overhead
    from flexloop.studies.explore import ExploreOptions
    from flexloop.studies.explore import explore as search

    folder = output or Path("results") / f"{'+'.join(Path(n).stem for n in net)}-{Path(arch).stem}-explore"
    chosen = ExploreOptions(
        space=parse_space(space),
        sampler=sampler,
        designed=not no_design,
        model=load_overhead(area_model),
        study=options,
    )
    with CellProgress(quiet=quiet) as progress:
        outcome = search(
            net,
            arch,
            area_budget_mm2=area_budget,
            trials=trials,
            storage=storage or folder / "explore.journal",
            classes=flexclass or None,
            seed=options.seed,
            options=chosen,
            progress=progress,
        )
    if not quiet:
        _print(outcome, f"Pareto front on {', '.join(net)}, {area_budget:g} mm2 at most")
    outcome.save(folder)
    if not quiet:
        console().print(f"tables, arch specs and storage: {folder}", markup=False)


def parse_space(texts: list[str]) -> Space:
    """Read ``knob=factor,factor`` texts; knobs that are not named keep their factors.

    Raises:
        SpecError: if a text is no such thing.
    """
    from flexloop.errors import SpecError
    from flexloop.studies.explore import Space

    given = {}
    for text in texts:
        knob, _, factors = text.partition("=")
        try:
            given[knob] = tuple(float(factor) for factor in factors.split(","))
        except ValueError:
            raise SpecError(f"--space {text!r}: write {knob}=FACTOR,FACTOR, for example {knob}=0.5,1,2") from None
    return Space.of(given)


def _print(outcome: ExploreOutcome, title: str) -> None:
    from flexloop.cli.tables import energy, number, table

    knobs = [knob for knob in outcome.meta["space"] if knob != "array"]
    columns = ["design", "class", "PEs", "array", *knobs, "cycles", "energy", "area (mm2)"]
    rows = [
        [
            str(row["trial"]),
            str(row["class"]),
            str(row["pes"]),
            f"{row['array_x']}x{row['array_y']}",
            *(f"x{row[knob]:g}" for knob in knobs),
            number(row["cycles"]),
            energy(row["energy_pj"]),
            f"{row['area_mm2']:.3g}",
        ]
        for row in outcome.front.to_dict("records")
    ]
    out = console()
    goes = [*reversed(knobs), "array"]
    out.print(table(out, title, columns, rows, text=["class"], goes=goes))
    out.print(outcome.statement, markup=False)
