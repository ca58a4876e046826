"""Command ``paper``: the paper's own classes, bases and networks, beside what is published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli import complete
from flexloop.cli.common import console
from flexloop.cli.options import with_study_options
from flexloop.cli.outcome import Report, check_places, conclude, keep, show
from flexloop.cli.studies import Json, Output, Quiet

if TYPE_CHECKING:
    from flexloop.study import StudyOptions

Bases = Annotated[
    list[str],
    typer.Option(
        "--arch", "-a", autocompletion=complete.archs, help="Base; may be repeated (default: the authors' three)."
    ),
]
Nets = Annotated[
    list[str],
    typer.Option(
        "--net", "-n", autocompletion=complete.networks, help="Network; may be repeated (default: the authors' seven)."
    ),
]
Beside = Annotated[
    Path | None,
    typer.Option(
        "--beside",
        metavar="FILE",
        help="Another tool's latencies beside ours: a CSV with base, class (T1O0P1S0 or 0101 as O-P-S-T), network, "
        "layer, latency.",
    ),
]
Vary = Annotated[
    bool,
    typer.Option(
        "--sensitivity",
        help="Show how the gains in latency move with the assumptions, one at a time: PEs, bandwidths, the edge rule, "
        "the reading of tiles, the levels that T frees. More than twice the cells.",
    ),
]
Without = Annotated[bool, typer.Option("--no-future-proof", help="Only the classes and axes, no rigid design.")]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("paper")(with_study_options(paper, without=("objective",)))


def paper(
    options: StudyOptions,
    net: Nets = [],  # noqa: B006 - Typer copies it
    arch: Bases = [],  # noqa: B006
    no_future_proof: Without = False,
    vary: Vary = False,
    beside: Beside = None,
    output: Output = None,
    report: Report = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Repeat the study of "A Formalism of DNN Accelerator Flexibility" with proofs, beside what is published.

    All 16 classes on the bases and networks of its authors' public program, in latency and in energy; what each axis is
    worth; and how a rigid design for AlexNet ages. Classes are named in both orders of the letters, T-O-P-S and
    O-P-S-T.
    """
    from flexloop.cli.progress import CellProgress
    from flexloop.results.files import save
    from flexloop.studies import kao
    from flexloop.studies import paper as study
    from flexloop.studies.othertool import compare_latencies, read_cells
    from flexloop.studies.papersensitivity import paper_sensitivity, paper_sensitivity_plan
    from flexloop.subjects import load_networks
    from flexloop.tables.study import to_json

    check_places(output, report)
    if beside is not None:
        read_cells(beside)  # what is wrong with it is said before hours of work
    archs, nets = arch or list(kao.BASES), net or list(kao.NETWORKS)
    later = [] if no_future_proof else [*kao.LATER, *kao.TODAY]
    with CellProgress(quiet=quiet or json) as progress:
        cells, parts = study.paper_plan(archs, nets, later, options)
        more, further = paper_sensitivity_plan(archs, nets, options) if vary else (0, 0)
        progress.plan(cells + more, parts + further)
        designed_for = None if no_future_proof else study.DESIGNED_FOR
        outcome = study.paper(archs, nets, options, progress, designed_for=designed_for, later=later)
        if vary:
            outcome = replace(outcome, sensitivity=paper_sensitivity(archs, nets, options, progress))
    if beside is not None:
        comparison = compare_latencies(
            beside, outcome.results["latency"], load_networks(nets, options.network_parameters)
        )
        outcome = replace(outcome, other_tool=comparison)
    if not (quiet or json):
        for caption, table in outcome.tables().items():
            show(table, caption)
        for sentence in outcome.sentences():
            console().print(sentence, markup=False)
    folder, files = output or Path("results") / "paper", outcome.files()
    save(outcome.results["energy"], folder / "energy")
    keep(outcome.reported(), folder, files, report, quiet=quiet or json)
    if json:
        tables = {name.removesuffix(".csv"): table for name, table in files.items() if not isinstance(table, str)}
        energy = outcome.results["energy"]
        typer.echo(to_json(outcome.results["latency"], **tables, energy_rows=energy.rows, energy_totals=energy.totals))
    for results in outcome.results.values():
        conclude(results)
