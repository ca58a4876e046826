"""The options that every study command takes, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from flexloop.cli import complete, log
from flexloop.cli.common import console, parse_parameters

if TYPE_CHECKING:
    from flexloop.energysources.complete import EnergyChoice
    from flexloop.engines.select import EngineSettings
    from flexloop.study import StudyOptions

_ENGINES = complete.one_of("auto", "embedded", "timeloop", "container")

Objective = Annotated[
    str,
    typer.Option(
        autocompletion=complete.one_of("latency", "energy", "edp"),
        help="What to minimise: latency (cycles), energy (pJ) or edp, their product.",
    ),
]
Engine = Annotated[
    str, typer.Option(autocompletion=_ENGINES, help="Whose figures count: auto, embedded, timeloop or container.")
]
MapperName = Annotated[
    str, typer.Option("--mapper", autocompletion=_ENGINES, help="Who searches: auto, embedded, timeloop or container.")
]
EffortName = Annotated[
    str,
    typer.Option(
        "--effort",
        autocompletion=complete.one_of("quick", "normal", "thorough"),
        help="How long a search may take: quick, normal or thorough.",
    ),
]
TimeLimit = Annotated[
    float | None, typer.Option(min=0, help="Seconds a search of the embedded mapper may take, in place of --effort's.")
]
Energy = Annotated[
    str, typer.Option(help="Energies: table (shipped, 45 nm), accelergy, hwcomponents, or a file with an ERT.")
]
EnergySource = Annotated[
    str,
    typer.Option(
        autocompletion=complete.one_of("auto", "table", "accelergy", "hwcomponents"),
        help="Energies: auto (an ERT that is given, else accelergy, hwcomponents or table, the first that is there), "
        "one of these, or a file with an ERT.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes (0: as many as the cores allow).")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of one Timeloop search; taken off the processes.")]
DaskAddress = Annotated[str | None, typer.Option("--dask", help="Dask: tcp://HOST:PORT, a scheduler file, or local.")]
Seed = Annotated[int, typer.Option(help="Seed of random choices.")]
Timeout = Annotated[
    float | None, typer.Option(min=0, help="Seconds one Timeloop process may take, to search or to evaluate.")
]
Parameter = Annotated[list[str], typer.Option("--param", help="A network's parameter, NAME=INTEGER; may be repeated.")]
Templates = Annotated[Path | None, typer.Option(help="Folder of templates that override the shipped ones.")]
NoStore = Annotated[bool, typer.Option("--no-store", help="Neither read nor keep finished cells.")]
Cli = Annotated[str | None, typer.Option("--container-cli", help="docker or podman (default: whichever is found).")]
Image = Annotated[str | None, typer.Option("--image", help="Container image with Timeloop.")]
RunArgument = Annotated[list[str], typer.Option("--container-arg", help="Further argument of the container's run.")]
InputFormat = Annotated[str, typer.Option("--format", help="Timeloop's input: native, or v4 through pytimeloop.")]
Batch = Annotated[bool, typer.Option("--container-batch", help="One container for many runs, not one for each.")]
KeepRuns = Annotated[
    Path | None, typer.Option("--keep-runs", help="Folder where the files of each Timeloop process are left.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log each cell, and each program that is run, its time and its files.")
]


def study_options(
    *,
    objective: Objective = "edp",
    engine: Engine = "auto",
    mapper: MapperName = "auto",
    effort: EffortName = "normal",
    time_limit: TimeLimit = None,
    energy: Energy = "table",
    jobs: Jobs = 0,
    threads: Threads = 1,
    dask: DaskAddress = None,
    seed: Seed = 0,
    timeout: Timeout = None,
    param: Parameter = [],  # noqa: B006 - Typer copies it
    templates: Templates = None,
    no_store: NoStore = False,
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
    container_batch: Batch = False,
    input_format: InputFormat = "native",
    keep_runs: KeepRuns = None,
) -> StudyOptions:
    """Make a study's options of what the user typed."""
    from flexloop.embedded.helper import begin_at_first_use

    if (engine if mapper == "auto" else mapper) in ("auto", "embedded"):
        begin_at_first_use()

    from flexloop.engines.select import EngineSettings
    from flexloop.study import StudyOptions

    return StudyOptions(
        objective=objective,
        effort=effort,
        time_limit=time_limit,
        engines=EngineSettings(
            engine, mapper, container_cli, image, tuple(container_arg), templates, container_batch, input_format
        ),
        energy=energy,
        jobs=jobs,
        threads=threads,
        dask=dask,
        seed=seed,
        timeout_s=timeout,
        use_store=not no_store,
        network_parameters=parse_parameters(param),
        keep_runs=keep_runs,
    )


def engine_settings(
    *,
    engine: Engine = "auto",
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
    templates: Templates = None,
) -> EngineSettings:
    """Make the settings that commands without a study need, for Accelergy above all, of what the user typed."""
    from flexloop.engines.select import EngineSettings

    return EngineSettings(
        engine, container_cli=container_cli, image=image, container_args=tuple(container_arg), templates=templates
    )


def energy_choice(
    *,
    energy: EnergySource = "auto",
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
) -> EnergyChoice:
    """Make the choice of energies for Timeloop's own files of what the user typed."""
    from flexloop.energysources.complete import EnergyChoice
    from flexloop.engines.select import EngineSettings

    settings = EngineSettings(container_cli=container_cli, image=image, container_args=tuple(container_arg))
    return EnergyChoice(energy, settings, lambda text: console(stderr=True).print(text, markup=False))


def with_study_options(
    command: Callable[..., None], *, without: Collection[str] = (), **defaults: object
) -> Callable[..., None]:
    """Give a command the options of `study_options`, which reach it as ``options``, and ``--verbose``.

    Args:
        command: the command.
        without: those that it does not take.
        defaults: values of shared options that differ from theirs in `study_options`.
    """
    return _with_options(command, study_options, "options", defaults, without)


def with_engine_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `engine_settings`, which reach it as ``engines``, and ``--verbose``."""
    return _with_options(command, engine_settings, "engines", {})


def with_energy_choice(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `energy_choice`, which reach it as ``source``, and ``--verbose``."""
    return _with_options(command, energy_choice, "source", {})


def _with_options(
    command: Callable[..., None],
    make: Callable[..., object],
    argument: str,
    defaults: Mapping[str, object],
    without: Collection[str] = (),
) -> Callable[..., None]:
    given = {n: p for n, p in _parameters(make).items() if n not in without}
    shared = {n: p.replace(default=defaults.get(n, p.default)) for n, p in given.items()}
    own = _parameters(command)
    del own[argument]

    def wrapper(*, verbose: bool, **arguments: Any) -> None:
        made = make(**{name: arguments.pop(name) for name in shared})
        with log.shown(verbose):
            command(**{argument: made}, **arguments)

    last = inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Verbose)
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own.values(), *shared.values(), last]]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    wrapper.__doc__ = command.__doc__
    wrapper.__name__ = command.__name__
    return wrapper


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    made = dict.fromkeys(("StudyOptions", "EngineSettings", "EnergyChoice"), object)
    hints = get_type_hints(function, localns=made, include_extras=True)
    return {n: p.replace(annotation=hints[n]) for n, p in inspect.signature(function).parameters.items()}
