"""Run the cells of a study: layer by layer, each layer's classes from the least flexible to the most.

A cell starts from the best mappings of its subclasses, so it waits for them. Layers are independent of each other and
run side by side. What the store has is taken from there, and what is computed is put there as soon as it is done.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod

from flexloop.classes import FlexClass
from flexloop.engines.base import Winner
from flexloop.errors import EngineError, FlexloopError, OutputError
from flexloop.integers import divisors
from flexloop.running.cells import (
    CellResult,
    CellTask,
    Found,
    keep,
    key_of,
    look_up,
    run_task,
    run_task_elsewhere,
    seeds_of,
    winner_of,
)
from flexloop.running.daskcluster import DaskCluster
from flexloop.running.executors import Executor, HereFirst, Serial
from flexloop.running.localprocesses import LocalProcesses
from flexloop.running.plan import Plan
from flexloop.running.store import StoredCell
from flexloop.workloads.layers import Layer

_LOG = logging.getLogger(__name__)

Cells = list[StoredCell]

_SERIAL_S = 1.0
"""Seconds after which starting processes pays, where cells are computed without starting programs."""


@dataclass(frozen=True)
class Placement:
    """Where a study runs.

    Attributes:
        jobs: processes of this machine; 1 runs everything in this one.
        dask: address of a Dask scheduler, ``local``, or None.
    """

    jobs: int = 1
    dask: str | None = None

    def executor(self, plan: Plan, cells: int) -> Executor[CellTask, Cells]:
        """Return an executor of a plan's tasks; a single cell is run in this process."""
        if self.dask is not None:
            return DaskCluster(partial(run_task_elsewhere, plan), self.dask, self.jobs)
        function = partial(run_task, plan)
        if self.jobs > 1 and cells > 1:
            processes = partial(LocalProcesses, function, min(self.jobs, cells))
            return HereFirst(function, processes, _SERIAL_S) if plan.is_quick else processes()
        return Serial(function)


def run_layers(
    plan: Plan,
    classes: Sequence[FlexClass],
    layers: Sequence[Layer],
    placement: Placement,
    submitted: Callable[[CellTask], None] = lambda task: None,
) -> Iterator[CellResult]:
    """Run every class on every layer and yield results as they finish, those first that are likely to take longest.

    Args:
        plan: arch, engines, options, store.
        classes: the classes, in any order.
        layers: the layers; give each shape once.
        placement: where to run.
        submitted: called with each task as it is submitted.

    Raises:
        FlexloopError: for what no cell can do without (a scheduler, a template, the same programs everywhere). What
            befalls one cell is that cell's result.
    """
    ordered = sorted(set(classes), key=lambda c: (c.rank, str(c)))
    below = {c: tuple(b for b in ordered if b < c) for c in ordered}
    keeper = _Keeper(plan)
    states = {layer.shape_key: _LayerState(plan, layer, below) for layer in layers}
    executor: Executor[CellTask, Cells] | None = None
    in_flight = 0
    try:
        for layer in sorted(layers, key=search_effort, reverse=True):
            state = states[layer.shape_key]
            yield from state.from_store()
            for task in state.tasks():
                executor = executor or placement.executor(plan, len(layers) * len(ordered))
                submitted(task)
                executor.submit(task)
                in_flight += 1
        while in_flight:
            assert executor is not None
            task, outcome = executor.next()
            in_flight -= 1
            state = states[task.layer.shape_key]
            yield from state.finish(task, _as_cells(task, outcome), keeper)
            yield from state.from_store()
            for task in state.tasks():
                submitted(task)
                executor.submit(task)
                in_flight += 1
    finally:
        if executor is not None:
            executor.close()


def search_effort(layer: Layer) -> tuple[bool, int]:
    """What orders layers by how long a search is likely to take: windows over groups above all, then tilings.

    Of 124 layers of ten networks it orders by time with a rank correlation of 0.69, their MACs with one of 0.20.
    """
    bounds = layer.bounds
    return bounds["G"] > 1 and bounds["R"] * bounds["S"] > 1, prod(len(divisors(bound)) for bound in bounds.values())


def _as_cells(task: CellTask, outcome: Cells | Exception) -> Cells:
    """What befell the worker is the cells' result; what is wrong for all cells ends the study."""
    if not isinstance(outcome, Exception):
        return outcome
    if isinstance(outcome, FlexloopError) and not isinstance(outcome, EngineError):
        raise outcome
    reason = str(outcome) if isinstance(outcome, FlexloopError) else f"{type(outcome).__name__}: {outcome}"
    return [StoredCell("failed", reason, 0.0) for _ in task.classes]


class _Keeper:
    """Puts cells in the store; says once that it cannot be written, and the study goes on without it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._said = False

    def keep(self, flexclass: FlexClass, layer: Layer, found: Found, cell: StoredCell) -> None:
        try:
            keep(self._plan, flexclass, layer, found, cell, anew=False)
        except OutputError as error:
            if not self._said:
                warnings.warn(f"{error}. This study goes on, but what it finds is not kept", stacklevel=2)
            self._said = True


class _LayerState:
    """One layer's classes: which are done, which are being run, which wait for their subclasses.

    A mapper that needs no seeds gets all that is not in the store as one task; any other gets each class as a task of
    its own, after its subclasses.
    """

    def __init__(self, plan: Plan, layer: Layer, below: dict[FlexClass, tuple[FlexClass, ...]]) -> None:
        self._plan = plan
        self._layer = layer
        self._below = below
        self._waiting = list(below)
        self._absent: set[FlexClass] = set()
        self._found: dict[FlexClass, Winner | None] = {}
        self._cells: dict[FlexClass, StoredCell] = {}

    def from_store(self) -> Iterator[CellResult]:
        """Yield what the store has of the classes whose subclasses are done."""
        for flexclass in list(self._waiting):
            if flexclass in self._absent or not self._is_ready(flexclass):
                continue
            cell = look_up(self._plan, flexclass, self._layer, self._found)
            if cell is None:
                self._absent.add(flexclass)
            else:
                self._waiting.remove(flexclass)
                yield self._done(flexclass, cell, from_store=True)

    def tasks(self) -> list[CellTask]:
        """What can be handed in now."""
        ready = [c for c in self._waiting if self._plan.whole_layers or self._is_ready(c)]
        self._waiting = [c for c in self._waiting if c not in ready]
        groups = [tuple(ready)] if self._plan.whole_layers and ready else [(c,) for c in ready]
        return [CellTask(self._layer, group, self._known(group)) for group in groups]

    def finish(self, task: CellTask, cells: Sequence[StoredCell], keeper: _Keeper) -> Iterator[CellResult]:
        """Take note of what came out of a task."""
        for flexclass, cell in zip(task.classes, cells, strict=True):
            keeper.keep(flexclass, self._layer, self._found, cell)
            yield self._done(flexclass, cell)

    def _done(self, flexclass: FlexClass, cell: StoredCell, *, from_store: bool = False) -> CellResult:
        winner = winner_of(cell, self._plan.space(flexclass, self._layer))
        self._found[flexclass] = winner
        self._cells[flexclass] = cell
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s", self._told(flexclass, cell, from_store=from_store))
        return CellResult(flexclass, self._layer, cell.status, cell.reason, cell.wall_s, winner, from_store)

    def _told(self, flexclass: FlexClass, cell: StoredCell, *, from_store: bool) -> str:
        """A cell in words: what came out of it, how long that took, and the file where it is kept."""
        winner, store = cell.winner, self._plan.store
        proof = "" if winner is None else ", proved optimal" if winner.optimal else ", not proved optimal"
        outcome = f"{cell.status}{f': {cell.reason}' if cell.reason else ''}{proof}"
        said = f"{self._plan.arch.name}, {flexclass}, layer {self._layer.name}: {outcome}, {cell.wall_s:.2f} s"
        path = None if store is None else store.path(key_of(self._plan, flexclass, self._layer, self._found))
        if path is None or not (from_store or path.exists()):
            return f"{said}; not kept"
        return f"{said}; {'from' if from_store else 'kept in'} {path}"

    def _is_ready(self, flexclass: FlexClass) -> bool:
        return all(b in self._found for b in self._below[flexclass])

    def _known(self, group: tuple[FlexClass, ...]) -> dict[FlexClass, StoredCell]:
        return {c: self._cells[c] for flexclass in group for c in seeds_of(flexclass, self._found)}
