"""The real Timeloop: ``timeloop-mapper`` searches, ``timeloop-model`` evaluates, each run in a folder of its own."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, EngineInfo, SearchOptions, Winner, cost
from flexloop.engines.formats import FRONT_END, Format, NativeFormat, no_front_end
from flexloop.engines.launcher import MAPPER, MODEL, Job, Launcher, PathLauncher
from flexloop.engines.process import Finished, tail
from flexloop.errors import EngineError, NoVerdictError, OutputError, UnmappableError
from flexloop.evaluation import Evaluation
from flexloop.mapspace import MapSpace, Variant
from flexloop.rendering.bundle import run_variants
from flexloop.rendering.effort import search_settings
from flexloop.rendering.render import SearchSettings, shared_renderer
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.stats import read_stats

_INVALID = ("couldn't map level ", "parsing mapping: product of all factors")
_TOO_LARGE = "overflow detected: mapspace size"
"""How Timeloop refuses to search more than 2^128 mappings."""
_FAILURE = re.compile(r"  Level: (\S+)\n    Fail count: (\d+)\n.*?    Fail reason: ([^\n]+)", re.DOTALL)


@dataclass(frozen=True)
class _Run:
    """One mapspace of one Timeloop run: a variant at some padded bounds, under a name of its own."""

    name: str
    variant: Variant
    bounds: dict[str, int]
    settings: SearchSettings


@dataclass(frozen=True)
class _Outcome:
    """What came out of a run: a mapping, or none; whether the run saw its whole mapspace, or refused to search it."""

    run: _Run
    found: tuple[Candidate, Evaluation] | None
    complete: bool
    statements: tuple[str, ...]
    refused: bool = False


class TimeloopEngine:
    """Searches and evaluates with Timeloop's programs.

    Args:
        launcher: how the programs are started; None takes those on PATH.
        templates: a folder of templates that override the shipped ones.
        form: the format of its input; None takes the native one.
    """

    exhaustive = False
    """It takes no seeds, and runs one class of a layer after the other."""

    keeps_time_limit = False
    """A search ends by its effort; a process that takes too long is stopped, and its search with it."""

    def __init__(
        self, launcher: Launcher | None = None, templates: Path | None = None, form: Format | None = None
    ) -> None:
        self._launcher = launcher or PathLauncher()
        self._form = form or NativeFormat()
        self._templates = templates

    def info(self) -> EngineInfo:
        """Name and version; raises EngineError with the way out where Timeloop does not work here."""
        info = self._launcher.info()
        if self._form.name == "native":
            return info
        if not self._launcher.provides(FRONT_END):
            where = info.detail.partition(" ")[2] if info.name == "container" else ""
            raise EngineError(no_front_end(where))
        return replace(info, version=f"{info.version} through {self._form.name}")

    def evaluate(
        self, candidate: Candidate, energy: EnergyTables, run_dir: Path, timeout_s: float | None = None
    ) -> Evaluation:
        """Cost one mapping (see `flexloop.engines.base.Engine.evaluate`)."""
        renderer = shared_renderer(self._templates)
        variant = candidate.variant
        files = self._form.mapping_files(renderer, candidate, energy)
        label = f"evaluate-{variant.layer.name}"
        finished = self._start(Job(MODEL, list(files), run_dir, label, timeout_s=timeout_s), files)
        if finished.timed_out:
            raise NoVerdictError(
                f"{MODEL} had not costed a mapping of layer {variant.layer.name} after {finished.seconds:.0f} s (a "
                "large array can take it minutes); give it longer with --timeout, or use --engine embedded"
            )
        reason = failure(finished)
        if reason is None:
            return self._form.figures(read_stats(run_dir / f"{MODEL}.stats.txt"), variant.arch)
        if reason.startswith(_INVALID):
            return Evaluation.invalid(reason)
        raise EngineError(f"{MODEL} failed on layer {variant.layer.name}: {reason}")

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        """Search every variant at its uniform paddings, and at the padding that the embedded mapper picks.

        Timeloop takes no starting points, so seeds are not used (see `flexloop.engines.base.Engine.map`).
        """
        outcomes = [
            self._search(run, space, energy, options, run_dir) for run in _runs(space, energy, options, run_dir)
        ]
        if any(outcome.found for outcome in outcomes):
            return _best(space, outcomes, options)
        if all(outcome.refused for outcome in outcomes):
            raise EngineError(f"{MAPPER} failed on layer {space.layer.name}: {outcomes[0].statements[0]}")
        if all(outcome.complete for outcome in outcomes):
            reason = self._diagnose(outcomes[0].run, space, energy, options, run_dir)
            raise UnmappableError(f"{space.flexclass} on layer {space.layer.name}: no valid mapping; {reason}")
        raise NoVerdictError(
            f"{MAPPER} found no valid mapping of layer {space.layer.name} in {space.flexclass}, which does not prove "
            f"that there is none ({'; '.join(outcomes[0].statements)}); try --effort thorough, a longer timeout, or "
            "--mapper embedded"
        )

    def _search(
        self, run: _Run, space: MapSpace, energy: EnergyTables, options: SearchOptions, run_dir: Path
    ) -> _Outcome:
        renderer = shared_renderer(self._templates)
        search = (options.objective, run.settings)
        files = self._form.mapspace_files(renderer, run.variant, run.bounds, search, energy)
        label = f"{space.flexclass}-{space.layer.name}-{run.name}"
        job = Job(MAPPER, list(files), run_dir / run.name, label, options.threads, options.timeout_s)
        finished = self._start(job, files)
        if (reason := failure(finished)) is not None and not finished.timed_out:
            if reason.startswith(_TOO_LARGE):
                return _Outcome(run, None, complete=False, statements=(reason,), refused=True)
            raise EngineError(f"{MAPPER} failed on layer {space.layer.name}: {reason}")
        complete = run.settings.algorithm == "linear_pruned" and not finished.timed_out
        return _Outcome(run, self._result(run, job.folder), complete, tuple(_statements(finished)))

    def _diagnose(self, run: _Run, space: MapSpace, energy: EnergyTables, options: SearchOptions, run_dir: Path) -> str:
        """Why mappings of a run are invalid: what most of them failed on."""
        run = replace(run, name=f"{run.name}-diagnostics", settings=replace(run.settings, diagnostics=True))
        self._search(run, space, energy, options, run_dir)
        log = self._form.job(Job(MAPPER, (), run_dir / run.name, "")).log.read_text(encoding="utf-8", errors="replace")
        failures = _FAILURE.findall(log)
        if not failures:
            return "Timeloop does not say why"
        level, _, reason = max(failures, key=lambda failed: int(failed[1]))
        return f"couldn't map level {level}: {reason}"

    def _start(self, job: Job, files: dict[str, str]) -> Finished:
        try:
            job.folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (job.folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {job.folder}: {error.strerror or error}") from error
        return self._form.judged(self._launcher.run(self._form.job(job)))

    def _result(self, run: _Run, folder: Path) -> tuple[Candidate, Evaluation] | None:
        """The mapping that a run wrote and its figures; None where the report is empty: Timeloop found no mapping."""
        report, mapping = folder / f"{MAPPER}.stats.txt", folder / f"{MAPPER}.map.yaml"
        if not report.exists() or not report.stat().st_size:
            return None
        arch = run.variant.arch
        evaluation = self._form.figures(read_stats(report), arch)
        directives = self._form.directives(yamlio.load(mapping).get("mapping"), arch)
        return Candidate(run.variant, run.bounds, Mapping.from_directives(directives, run.variant.levels)), evaluation


def _runs(space: MapSpace, energy: EnergyTables, options: SearchOptions, run_dir: Path) -> Iterator[_Run]:
    for variant, name, bounds in _mapspaces(space, energy, options, run_dir):
        settings = search_settings(variant, bounds, options.effort, options.threads)
        if settings.algorithm == "linear_pruned":
            settings = replace(settings, threads=1)  # a mapspace smaller than the number of threads cannot be split
        yield _Run(name, variant, bounds, settings)


def _mapspaces(
    space: MapSpace, energy: EnergyTables, options: SearchOptions, run_dir: Path
) -> Iterator[tuple[Variant, str, dict[str, int]]]:
    uniform = list(run_variants(space.variants))
    yield from uniform
    if any(variant.paddings > 1 for variant in space.variants):
        from flexloop.engines.embedded import EmbeddedEngine  # compiled code, loaded where it is needed

        quick = replace(options, effort="quick")
        try:
            picked = EmbeddedEngine().map(space, energy, quick, (), run_dir / "embedded").candidate
        except UnmappableError:
            return  # the verdict is Timeloop's
        if not any(variant is picked.variant and bounds == picked.bounds for variant, _, bounds in uniform):
            yield picked.variant, "embedded", dict(picked.bounds)


def _best(space: MapSpace, outcomes: Sequence[_Outcome], options: SearchOptions) -> Winner:
    found = [outcome.found for outcome in outcomes if outcome.found]
    candidate, evaluation = min(found, key=lambda pair: cost(options.objective, pair[1]))
    notes = []
    if len(outcomes) > 1:
        notes.append(f"best of {len(outcomes)} Timeloop runs: " + ", ".join(outcome.run.name for outcome in outcomes))
    if refused := [outcome.run.name for outcome in outcomes if outcome.refused]:
        notes.append(f"more mappings than Timeloop agrees to search (2^128), so not searched: {', '.join(refused)}")
    unpadded = all(variant.paddings == 1 for variant in space.variants)
    optimal = unpadded and all(outcome.complete for outcome in outcomes)
    return Winner(
        candidate,
        evaluation,
        optimal=optimal,
        lower_bound=cost(options.objective, evaluation)[0] if optimal else None,
        notes=tuple(notes),
    )


def failure(finished: Finished) -> str | None:
    """Why a program of Timeloop's failed, from its status and the end of its log; None if it did not."""
    if finished.status == 0:
        return None
    lines = tail(finished.log, 200)  # the v4 front end adds a traceback to what Timeloop says
    for line in reversed(lines):
        if line[:7].upper() == "ERROR: ":
            return line[7:]
    said = " ".join(line.strip() for line in lines[-2:])
    if finished.timed_out:
        return f"stopped after {finished.seconds:.0f} s"
    if finished.status < 0:
        name = signal.Signals(-finished.status).name
        return f"killed by {name}" + ("; out of memory?" if name == "SIGKILL" else "") + (f": {said}" if said else "")
    return f"exit status {finished.status}" + (f": {said}" if said else "")


def _statements(finished: Finished) -> list[str]:
    """How the mapper's threads say they ended."""
    if finished.timed_out:
        return [f"stopped after {finished.seconds:.0f} s"]
    return [line.partition("STATEMENT: ")[2] for line in tail(finished.log, 200) if "STATEMENT: " in line]
