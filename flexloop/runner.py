"""Run the cells of a study: layer by layer, each layer's classes from the least flexible to the most.

The best mapping of a class is a legal, known-good start for its superclasses, so a cell waits for its subclasses.
Layers are independent of each other and run side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import flexloop
from flexloop.archspec import ArchSpec
from flexloop.classes import FlexClass
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, Engine, SearchOptions, Winner, cost
from flexloop.engines.carry import carry_over
from flexloop.errors import EngineError, UnmappableError
from flexloop.executors import DaskCluster, Executor, LocalProcesses, Serial
from flexloop.mapspace import MapSpace, mapspace
from flexloop.store import Status, Store, StoredCell, StoredWinner, cell_key
from flexloop.workload import Layer


@dataclass(frozen=True)
class Plan:
    """What every cell of a study has in common.

    Attributes:
        arch: the arch spec.
        energy: its energies.
        mapper: the engine that searches.
        evaluator: the engine whose figures count.
        options: objective, effort, seed.
        templates: digest of the templates.
        store: where finished cells are kept, or None.
    """

    arch: ArchSpec
    energy: EnergyTables
    mapper: Engine
    evaluator: Engine
    options: SearchOptions
    templates: str
    store: Store | None = None


@dataclass(frozen=True)
class Placement:
    """Where a study runs.

    Attributes:
        jobs: processes of this machine; 1 runs everything in this one.
        dask: address of a Dask scheduler, ``local``, or None.
    """

    jobs: int = 1
    dask: str | None = None

    def executor(
        self, function: Callable[[CellTask], list[CellResult]], cells: int
    ) -> Executor[CellTask, list[CellResult]]:
        """Return an executor of the function; one cell alone never pays for a process."""
        if self.dask is not None:
            return DaskCluster(function, self.dask, self.jobs)
        if self.jobs > 1 and cells > 1:
            return LocalProcesses(function, min(self.jobs, cells))
        return Serial(function)


@dataclass(frozen=True)
class CellResult:
    """What came out of one class and layer: a winner, or the reason why there is none."""

    flexclass: FlexClass
    layer: Layer
    status: Status
    reason: str
    wall_s: float
    winner: Winner | None = None
    from_store: bool = False


@dataclass(frozen=True)
class CellTask:
    """Some classes of one layer, subclasses first, and what is known of their subclasses."""

    plan: Plan
    layer: Layer
    classes: tuple[FlexClass, ...]
    found: dict[FlexClass, Winner]


def run_layers(
    plan: Plan, classes: Sequence[FlexClass], layers: Sequence[Layer], placement: Placement
) -> Iterator[CellResult]:
    """Run every class on every layer and yield results as they finish.

    Args:
        plan: arch, engines, options, store.
        classes: the classes, in any order.
        layers: the layers; give each shape once.
        placement: where to run.
    """
    ordered = sorted(set(classes), key=lambda c: (c.rank, str(c)))
    executor = placement.executor(run_task, len(layers) * len(ordered))
    try:
        yield from _schedule(executor, plan, ordered, sorted(layers, key=lambda layer: -layer.macs))
    finally:
        executor.close()


def _schedule(
    executor: Executor[CellTask, list[CellResult]],
    plan: Plan,
    classes: Sequence[FlexClass],
    layers: Sequence[Layer],
) -> Iterator[CellResult]:
    """Hand in tasks as soon as what they start from is known.

    A mapper that needs no seeds and answers in no time gets a layer's classes as one task, so that it can share its
    tables among them; any other gets each class as a task of its own, after its subclasses.
    """
    waiting = {layer.shape_key: list(classes) for layer in layers}
    finished: dict[tuple[int, ...], dict[FlexClass, Winner | None]] = {layer.shape_key: {} for layer in layers}
    whole = bool(getattr(plan.mapper, "exhaustive", False))
    in_flight = 0

    def submit_ready(layer: Layer) -> int:
        done = finished[layer.shape_key]
        rest = waiting[layer.shape_key]
        ready = list(rest) if whole else [c for c in rest if all(b in done for b in classes if b < c)]
        waiting[layer.shape_key] = [c for c in rest if c not in ready]
        groups = [tuple(ready)] if whole and ready else [(c,) for c in ready]
        for group in groups:
            known = {c: w for c, w in done.items() if w is not None and any(c < other for other in group)}
            executor.submit(CellTask(plan, layer, group, known))
        return len(groups)

    for layer in layers:
        in_flight += submit_ready(layer)
    while in_flight:
        task, outcome = executor.next()
        in_flight -= 1
        results = _failures(task, outcome) if isinstance(outcome, BaseException) else outcome
        for result in results:
            finished[task.layer.shape_key][result.flexclass] = result.winner
            yield result
        in_flight += submit_ready(task.layer)


def _failures(task: CellTask, error: BaseException) -> list[CellResult]:
    """An engine's own failure is reported cell by cell; anything else is a fault that must not be hidden."""
    if not isinstance(error, EngineError):
        raise error
    return [CellResult(c, task.layer, "failed", str(error), 0.0) for c in task.classes]


def run_task(task: CellTask) -> list[CellResult]:
    """Run a task's classes; each starts from the best mappings of its subclasses."""
    found = dict(task.found)
    results = []
    for flexclass in task.classes:
        space = mapspace(flexclass, task.plan.arch, task.layer)
        result = _run_cell(task.plan, space, [(c, w) for c, w in found.items() if c < flexclass])
        if result.winner is not None:
            found[flexclass] = result.winner
        results.append(result)
    return results


def _run_cell(plan: Plan, space: MapSpace, inherited: Sequence[tuple[FlexClass, Winner]]) -> CellResult:
    seeds = [(c, carry_over(w.candidate, space), w) for c, w in inherited]
    key = _key(plan, space, [candidate for _, candidate, _ in seeds])
    if plan.store is not None and (stored := plan.store.get(key)) is not None:
        return _from_store(stored, space)
    began = time.perf_counter()
    try:
        winner = _search(plan, space, seeds)
        outcome = CellResult(space.flexclass, space.layer, "ok", "", time.perf_counter() - began, winner)
    except UnmappableError as error:
        outcome = CellResult(space.flexclass, space.layer, "unmappable", str(error), time.perf_counter() - began)
    except EngineError as error:
        return CellResult(space.flexclass, space.layer, "failed", str(error), time.perf_counter() - began)
    if plan.store is not None:
        plan.store.put(key, _to_store(outcome, space))
    return outcome


def _search(plan: Plan, space: MapSpace, seeds: Sequence[tuple[FlexClass, Candidate, Winner]]) -> Winner:
    """Search, let the evaluator have its say, and keep a subclass's mapping where that is the better one."""
    with TemporaryDirectory(prefix="flexloop-") as folder:
        candidates = [candidate for _, candidate, _ in seeds]
        winner = plan.mapper.map(space, plan.energy, plan.options, candidates, Path(folder) / "map")
        if plan.evaluator is not plan.mapper:
            figures = plan.evaluator.evaluate(winner.candidate, plan.energy, Path(folder) / "evaluate")
            if not figures.valid:
                raise EngineError(
                    f"{plan.evaluator.info().name} rejects the mapping that {plan.mapper.info().name} found: "
                    f"{figures.reason}"
                )
            winner = replace(winner, evaluation=figures)
    objective = plan.options.objective
    for subclass, candidate, earlier in seeds:
        if cost(objective, earlier.evaluation) < cost(objective, winner.evaluation):
            note = f"mapping inherited from {subclass}"
            winner = replace(winner, candidate=candidate, evaluation=earlier.evaluation, notes=(*winner.notes, note))
    return winner


def _key(plan: Plan, space: MapSpace, seeds: Sequence[Candidate]) -> str:
    mapper, evaluator = plan.mapper.info(), plan.evaluator.info()
    return cell_key(
        {
            "flexloop": flexloop.__version__,
            "arch": plan.arch.model_dump(mode="json", exclude={"name", "description", "sources"}),
            "layer": space.layer.shape_key,
            "class": str(space.flexclass),
            "ert": plan.energy.digest,
            "templates": plan.templates,
            "options": asdict(plan.options),
            "mapper": asdict(mapper),
            "evaluator": asdict(evaluator),
            "seeds": [] if getattr(plan.mapper, "exhaustive", False) else [str(c.mapping) for c in seeds],
        }
    )


def _to_store(result: CellResult, space: MapSpace) -> StoredCell:
    winner = result.winner
    stored = None
    if winner is not None:
        candidate = winner.candidate
        stored = StoredWinner(
            variant=space.variants.index(candidate.variant),
            bounds=candidate.bounds,
            mapping=candidate.mapping,
            evaluation=winner.evaluation,
            optimal=winner.optimal,
            lower_bound=winner.lower_bound,
            evaluated=winner.evaluated,
            excluded=winner.excluded,
            notes=winner.notes,
        )
    return StoredCell(result.status, result.reason, result.wall_s, stored)


def _from_store(cell: StoredCell, space: MapSpace) -> CellResult:
    stored = cell.winner
    winner = None
    if stored is not None:
        winner = Winner(
            Candidate(space.variants[stored.variant], stored.bounds, stored.mapping),
            stored.evaluation,
            stored.optimal,
            stored.lower_bound,
            stored.evaluated,
            stored.excluded,
            stored.notes,
        )
    return CellResult(space.flexclass, space.layer, cell.status, cell.reason, cell.wall_s, winner, from_store=True)
