"""Run the cells of a study: layer by layer, each layer's classes from the least flexible to the most.

The unit of work is one layer with all its classes, because the best mapping of a class is a legal, known-good start for
its superclasses. Layers are independent of each other and run side by side.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import flexloop
from flexloop.archspec import ArchSpec
from flexloop.classes import FlexClass
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, Engine, SearchOptions, Winner, cost
from flexloop.engines.carry import carry_over
from flexloop.errors import EngineError, UnmappableError
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
class CellResult:
    """What came out of one class and layer: a winner, or the reason why there is none."""

    flexclass: FlexClass
    layer: Layer
    status: Status
    reason: str
    wall_s: float
    winner: Winner | None = None
    from_store: bool = False


def run_layers(
    plan: Plan, classes: Sequence[FlexClass], layers: Sequence[Layer], jobs: int = 1
) -> Iterator[CellResult]:
    """Run every class on every layer and yield results as they finish.

    Args:
        plan: arch, engines, options, store.
        classes: the classes, in any order.
        layers: the layers; give each shape once.
        jobs: processes to use; 1 runs everything in this one.
    """
    ordered = sorted(set(classes), key=lambda c: (c.rank, str(c)))
    if jobs <= 1 or len(layers) <= 1:
        for layer in layers:
            yield from run_layer(plan, ordered, layer)
        return
    with ProcessPoolExecutor(min(jobs, len(layers)), mp_context=get_context("spawn")) as pool:
        yield from _scatter(pool, plan, ordered, layers)


def _scatter(pool: Executor, plan: Plan, classes: Sequence[FlexClass], layers: Sequence[Layer]) -> Iterator[CellResult]:
    """The largest layers first, so that none of them is left running alone at the end."""
    pending = {pool.submit(_run_layer_list, plan, classes, layer) for layer in sorted(layers, key=lambda x: -x.macs)}
    try:
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    finally:
        for future in pending:
            future.cancel()


def _run_layer_list(plan: Plan, classes: Sequence[FlexClass], layer: Layer) -> list[CellResult]:
    return list(run_layer(plan, classes, layer))


def run_layer(plan: Plan, classes: Sequence[FlexClass], layer: Layer) -> Iterator[CellResult]:
    """Run the classes, subclasses first, on one layer; each starts from the best mappings of its subclasses."""
    found: dict[FlexClass, Winner] = {}
    for flexclass in classes:
        space = mapspace(flexclass, plan.arch, layer)
        inherited = [(c, w) for c, w in found.items() if c < flexclass]
        result = _run_cell(plan, space, inherited)
        if result.winner is not None:
            found[flexclass] = result.winner
        yield result


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
