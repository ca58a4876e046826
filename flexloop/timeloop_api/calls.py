"""Runs of a specification: the search of its mapspace, the costs of its mapping.

What Timeloop's v4 front end starts the native programs for is done in this process by `flexloop mapper` and `flexloop
model`, on the file that stands in the output folder as ``parsed-processed-input.yaml``; their files stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from flexloop.deadline import Deadline
from flexloop.dropin.mapper import run_mapper
from flexloop.dropin.model import run_model
from flexloop.embedded.mapper import BestSoFar
from flexloop.energysources.complete import AUTO, EnergyChoice
from flexloop.evaluation import Evaluation
from flexloop.timeloop.v4front.architecture import Leaf
from flexloop.timeloop_api.inputs import Log, check_arguments, input_files, opened, write
from flexloop.timeloop_api.output_files import areas_of, from_evaluation, read_output
from flexloop.timeloop_api.output_parsing import OutputStats
from flexloop.timeloop_api.searches import interruptible, signs_of_life
from flexloop.timeloop_api.specification import Specification


def call_mapper(
    specification: Specification,
    output_dir: str | Path,
    environment: Mapping[str, str] | None = None,
    extra_input_files: Sequence[str | Path] | None = None,
    dump_intermediate_to: str | Path | None = None,
    log_to: Log = None,
    extra_args: Sequence[str] = (),
    return_proc: bool = False,
    *,
    energy: str = AUTO,
    effort: str = "normal",
    time_limit: float | None = None,
) -> OutputStats:
    """Find the best mapping of a specification's mapspace, as `flexloop mapper` does.

    Ctrl-C ends the search; the best mapping so far is written before the call raises KeyboardInterrupt.

    Args:
        specification: what to model; it is not changed.
        output_dir: folder for the output files, made if it is not there.
        environment: passed over with a warning; nothing is started that would read it.
        extra_input_files: files with further top-level keys, such as an ``ERT``, in the keys of Timeloop's programs.
        dump_intermediate_to: passed over; the input always stands in the output folder.
        log_to: file, or path of one, for what the search says; absent, stdout.
        extra_args: refused.
        return_proc: refused; a call can run in another process or thread instead.
        energy: where energies come from: ``auto`` (an ERT that is given, else Accelergy where it is installed, else
            hwcomponents, else the shipped table), ``accelergy``, ``hwcomponents``, ``table``, or a file with an ERT.
        effort: how long the search may take where it does not end by itself: ``quick``, ``normal`` or ``thorough``.
        time_limit: the same in seconds; goes before the effort.

    Raises:
        SpecError, UnknownNameError: a specification that is malformed or contradicts itself.
        UnsupportedError: a feature that is not modelled, or an argument that is refused.
        EngineError: if a source of energies that was named is missing or fails.
        UnmappableError: if no mapping fits, with the reason.
        NoVerdictError: if none was found in time, and none is proved not to exist.
        OutputError: if the files cannot be written.
    """
    check_arguments(environment, extra_args, return_proc)
    folder, spec = Path(output_dir), specification.evaluated()
    files = input_files(spec, folder, extra_input_files, for_model=False)
    deadline, so_far = Deadline.of(effort, time_limit), BestSoFar()
    with (
        opened(log_to) as log,
        _energies(energy, log, folder / "timeloop-mapper.accelergy.log") as choice,
        signs_of_life(so_far, log),
        interruptible(deadline, so_far, folder),
    ):
        outcome = run_mapper(files, folder, choice, deadline=deadline, so_far=so_far)
        print(outcome, file=log)
    certificate = outcome.optimum.certificate
    return _results(spec, outcome.evaluation, folder, "timeloop-mapper", certificate.optimal, outcome.optimum.gap)


def call_model(
    specification: Specification,
    output_dir: str | Path,
    environment: Mapping[str, str] | None = None,
    extra_input_files: Sequence[str | Path] | None = None,
    dump_intermediate_to: str | Path | None = None,
    log_to: Log = None,
    extra_args: Sequence[str] = (),
    return_proc: bool = False,
    *,
    energy: str = AUTO,
) -> OutputStats:
    """Evaluate the mapping of a specification, as `flexloop model` does.

    The arguments and errors are those of `call_mapper`.

    Raises:
        UnmappableError: if the mapping is invalid, in Timeloop's words.
    """
    check_arguments(environment, extra_args, return_proc)
    folder, spec = Path(output_dir), specification.evaluated()
    files = input_files(spec, folder, extra_input_files, for_model=True)
    with opened(log_to) as log, _energies(energy, log, folder / "timeloop-model.accelergy.log") as choice:
        evaluation = run_model(files, folder, choice)
        print(
            f"Utilization = {evaluation.utilization:4.2f} | "
            f"pJ/Compute = {evaluation.energy_pj / evaluation.computes:8.3f} | Cycles = {evaluation.cycles}",
            file=log,
        )
    return _results(spec, evaluation, folder, "timeloop-model")


def parse_timeloop_output(spec: Specification, output_dir: str | Path, prefix: str = "timeloop-mapper") -> OutputStats:
    """The results of an earlier run, of flexloop or of Timeloop, from its files, with a specification's variables.

    Args:
        spec: what was run.
        output_dir: the folder.
        prefix: ``timeloop-mapper`` or ``timeloop-model``.

    Raises:
        EngineError, SpecError: as `flexloop.timeloop_api.read_output`.
    """
    evaluated = spec.evaluated()
    seconds = _cycle_seconds(evaluated)
    return read_output(output_dir, prefix, cycle_seconds=seconds, variables=evaluated.variables)


@contextmanager
def _energies(source: str, log: TextIO, path: Path) -> Iterator[EnergyChoice]:
    """Where energies come from; what is said of it stands in Accelergy's log too where Accelergy did not run."""
    lines: list[str] = []

    def tell(text: str) -> None:
        lines.append(f"{text}\n")
        print(text, file=log)

    path.unlink(missing_ok=True)
    yield EnergyChoice(str(source), tell=tell)
    if not path.exists():
        write(path.parent, {path.name: "".join(["Accelergy did not run.\n", *lines])})


def _results(
    spec: Specification,
    evaluation: Evaluation,
    folder: Path,
    prefix: str,
    optimal: bool | None = None,
    gap: float | None = None,
) -> OutputStats:
    leaves = spec.get_nodes_of_type(Leaf)
    there = {level.name for level in evaluation.levels} | {leaf.name for leaf in leaves if leaf.get("enabled", True)}
    areas = areas_of(folder / f"{prefix}.energy.yaml")  # a table that is given may have more components
    return from_evaluation(
        evaluation,
        {name: area for name, area in areas.items() if name in there},
        spec.variables,
        cycle_seconds=_cycle_seconds(spec),
        mapping=(folder / f"{prefix}.map.txt").read_text(encoding="utf-8"),
        optimal=optimal,
        gap=gap,
    )


def _cycle_seconds(spec: Specification) -> float:
    """Seconds of a cycle: of the variables or else of the first node that gives them, else a nanosecond."""
    for held in (spec.variables, *(leaf.attributes for leaf in spec.get_nodes_of_type(Leaf))):
        for name in ("GLOBAL_CYCLE_SECONDS", "global_cycle_seconds"):
            value = held.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
    return 1e-9
