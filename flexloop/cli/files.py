"""Commands on Timeloop's own files: ``render``, ``model`` and ``mapper``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop import interrupts
from flexloop.cli import complete
from flexloop.cli.common import console, parse_defines, parse_parameters
from flexloop.cli.options import EffortName, TimeLimit, with_energy_choice, with_engine_settings
from flexloop.deadline import Deadline
from flexloop.errors import NoVerdictError

if TYPE_CHECKING:
    from flexloop.energysources.complete import EnergyChoice
    from flexloop.engines.select import EngineSettings

Inputs = Annotated[list[Path], typer.Argument(help="Timeloop's files (YAML, libconfig) or folders of them; merged.")]
OutDir = Annotated[Path, typer.Option("--output", "-o", help="Folder for the output files, which is made.")]
Define = Annotated[list[str], typer.Option("--define", help="NAME=VALUE for templates of v4 files; may be repeated.")]
Root = Annotated[
    list[Path], typer.Option("--include-root", help="Folder below which templates may take in files; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command("render")(with_engine_settings(render))
    app.command("model")(with_energy_choice(model))
    app.command("mapper")(with_energy_choice(mapper))


def render(
    net: Annotated[
        list[str],
        typer.Option("--net", "-n", autocompletion=complete.networks, help="Network: a shipped name or a YAML file."),
    ],
    flexclass: Annotated[
        list[str],
        typer.Option(
            "--class", "-c", autocompletion=complete.classes, help="Class, such as T1O0P1S0; may be repeated."
        ),
    ],
    output: OutDir,
    engines: EngineSettings,
    arch: Annotated[
        str,
        typer.Option("--arch", "-a", autocompletion=complete.archs, help="Arch spec: a shipped name or a YAML file."),
    ] = "edge256",
    objective: Annotated[str, typer.Option(help="latency, energy or edp.")] = "edp",
    effort: Annotated[str, typer.Option(help="quick, normal or thorough: the mapper settings written.")] = "normal",
    energy: Annotated[str, typer.Option(help="table, accelergy, hwcomponents, or a file with an ERT.")] = "table",
    param: Annotated[list[str], typer.Option("--param", help="NAME=INTEGER; may be repeated.")] = [],  # noqa: B006
    form: Annotated[str, typer.Option("--format", help="native, or v4: v4.yaml for `tl mapper` beside it.")] = "native",
) -> None:
    """Write the Timeloop YAML of every layer's mapspace, one folder a variant, for use with plain Timeloop."""
    from flexloop.renderfiles import render_files

    parameters = parse_parameters(param)
    count = render_files(flexclass, net, arch, output, objective, effort, energy, parameters, engines, form)
    console().print(f"{count} mapspaces written to {output}", markup=False)


def model(
    files: Inputs,
    source: EnergyChoice,
    output: OutDir = Path(),
    define: Define = [],  # noqa: B006
    include_root: Root = [],  # noqa: B006
) -> None:
    """Evaluate one mapping as timeloop-model does, and write its output files."""
    from flexloop.dropin.model import run_model

    evaluation = run_model(files, output, source, defines=parse_defines(define), roots=include_root)
    console().print(
        f"Utilization = {evaluation.utilization:4.2f} | "
        f"pJ/Compute = {evaluation.energy_pj / evaluation.computes:8.3f} | Cycles = {evaluation.cycles}",
        markup=False,
    )


def mapper(
    files: Inputs,
    source: EnergyChoice,
    output: OutDir = Path(),
    define: Define = [],  # noqa: B006
    include_root: Root = [],  # noqa: B006
    effort: EffortName = "normal",
    time_limit: TimeLimit = None,
) -> None:
    """Search a mapspace as timeloop-mapper does, to a proved optimum where it can, and write its output files.

    Ctrl-C ends the search with the best mapping found so far, which is written too.
    """
    deadline = Deadline.of(effort, time_limit)
    from flexloop.cli.progress import SearchProgress
    from flexloop.dropin.mapper import run_mapper

    defines = parse_defines(define)
    with SearchProgress(deadline) as progress, interrupts.answered_by(progress.interrupt):
        try:
            outcome = run_mapper(
                files, output, source, deadline=deadline, so_far=progress.so_far, defines=defines,
                roots=include_root,
            )  # fmt: skip
        except NoVerdictError:
            if deadline.stopped:
                raise KeyboardInterrupt("no mapping was found yet") from None
            raise
    console().print(str(outcome), markup=False)
