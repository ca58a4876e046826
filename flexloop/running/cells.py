"""One cell: a class on a layer. How it is computed and kept, and what travels between processes.

The best mapping of a class is a legal, known-good start for its superclasses, and its cost a limit that they keep to.
What is proved of a class holds for its subclasses: one whose best mapping costs as little is proved as well.
"""

from __future__ import annotations

import secrets
import shutil
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import gettempdir

from flexloop.atomic import safe_name
from flexloop.classes import FlexClass
from flexloop.engines.base import Winner, cost
from flexloop.engines.carry import carry_over
from flexloop.errors import EngineError, FlexloopError, NoVerdictError, OutputError, UnmappableError, UnsupportedError
from flexloop.mapspace import MapSpace
from flexloop.running.executors import ATTEMPTS
from flexloop.running.plan import Plan, programs
from flexloop.running.store import Status, StoredCell, cell_key
from flexloop.running.storedwinner import from_stored, to_stored
from flexloop.workloads.layers import Layer

ROUNDING = 1e-9
"""Relative difference below which two engines' costs of one mapping are taken as equal."""


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

    layer: Layer
    classes: tuple[FlexClass, ...]
    known: dict[FlexClass, StoredCell]


Found = Mapping[FlexClass, Winner | None]
"""The winners of classes of one layer; None for a class that has none."""


def seeds_of(flexclass: FlexClass, found: Found) -> dict[FlexClass, Winner]:
    """The winners to start from: those of the largest subclasses, which are as good as all that lie below them."""
    below = {c: w for c, w in found.items() if w is not None and c < flexclass}
    largest: dict[FlexClass, Winner] = {}
    for c in sorted(below, key=lambda c: (-c.rank, str(c))):
        if not any(c < other for other in largest):
            largest[c] = below[c]
    return largest


def key_of(plan: Plan, flexclass: FlexClass, layer: Layer, found: Found) -> str:
    """The cell's key in the store."""
    seeds = {} if plan.whole_layers else seeds_of(flexclass, found)
    return cell_key(
        {
            "plan": plan.digest,
            "layer": layer.shape_key,
            "class": str(flexclass),
            "seeds": {str(c): [w.candidate.bounds, str(w.candidate.mapping)] for c, w in seeds.items()},
        }
    )


def look_up(plan: Plan, flexclass: FlexClass, layer: Layer, found: Found) -> StoredCell | None:
    """The cell as the store has it; None where it has to be computed."""
    if plan.store is None:
        return None
    cell = plan.store.get(key_of(plan, flexclass, layer, found))
    if cell is None or cell.winner is None:
        return cell
    return _reconsidered(plan, plan.space(flexclass, layer), cell, found)


def keep(plan: Plan, flexclass: FlexClass, layer: Layer, found: Found, cell: StoredCell, *, anew: bool = True) -> None:
    """Put a cell in the store, if there is one; a failure is not kept.

    Args:
        plan, flexclass, layer, found: what the cell is.
        cell: what came out of it.
        anew: whether to write it where an entry exists.

    Raises:
        OutputError: if the store cannot be written.
    """
    if plan.store is None or cell.status == "failed":
        return
    key = key_of(plan, flexclass, layer, found)
    if anew or not plan.store.has(key):
        plan.store.put(key, cell, plan.about(flexclass, layer))


def run_task(plan: Plan, task: CellTask) -> list[StoredCell]:
    """Run a task's classes; each is in the store as soon as it is done.

    Where the mapper needs no seeds superclasses come first, and what is proved of them ends the search of a subclass
    that reaches their cost.

    Raises:
        FlexloopError: for what is no fault of the cell, such as a wrong template.
    """
    found: dict[FlexClass, Winner | None] = {}
    for flexclass, known in task.known.items():
        found[flexclass] = winner_of(known, plan.space(flexclass, task.layer))
    cells: dict[FlexClass, StoredCell] = {}

    def done(flexclass: FlexClass, cell: StoredCell, *, is_new: bool) -> None:
        if is_new:
            with suppress(OutputError):  # where the study was started it is put once more, and failure is reported
                keep(plan, flexclass, task.layer, found, cell)
        found[flexclass] = winner_of(cell, plan.space(flexclass, task.layer))
        cells[flexclass] = cell

    for flexclass in reversed(task.classes) if plan.whole_layers else task.classes:
        stored = look_up(plan, flexclass, task.layer, found)
        cell = _compute(plan, plan.space(flexclass, task.layer), found) if stored is None else stored
        done(flexclass, cell, is_new=stored is None)
    for flexclass in task.classes if plan.whole_layers else ():
        # A subclass searched later may have found what the time for its superclass did not suffice for.
        cell = _reconsidered(plan, plan.space(flexclass, task.layer), cells[flexclass], found)
        if cell is not cells[flexclass]:
            done(flexclass, cell, is_new=True)
    return [cells[flexclass] for flexclass in task.classes]


def run_task_elsewhere(plan: Plan, task: CellTask) -> list[StoredCell]:
    """Run a task as `run_task` does, on a machine that may have other programs than the one that started the study.

    Raises:
        FlexloopError: if it has.
    """
    here = programs(plan)
    for name, version in plan.programs.items():
        if here[name] != version:
            raise FlexloopError(
                f"a worker has {name} {here[name]} where the study was started with {version}; "
                "install the same on all machines"
            )
    return run_task(plan, task)


def winner_of(cell: StoredCell, space: MapSpace) -> Winner | None:
    """The cell's winner in its mapspace, if it has one."""
    return None if cell.winner is None else from_stored(cell.winner, space)


def _reconsidered(plan: Plan, space: MapSpace, cell: StoredCell, found: Found) -> StoredCell:
    """A cell in view of its subclasses: none of their mappings is better, and one that failed may start from these."""
    seeds = seeds_of(space.flexclass, found)
    if cell.winner is None:
        return _compute(plan, space, found) if cell.status == "failed" and seeds else cell
    winner = from_stored(cell.winner, space)
    kept = _not_worse(plan, space, winner, seeds)
    return cell if kept is winner else replace(cell, winner=to_stored(kept, space))


def _compute(plan: Plan, space: MapSpace, found: Found) -> StoredCell:
    """Search the cell, several times if need be."""
    began, seeds = time.perf_counter(), seeds_of(space.flexclass, found)

    def cell(status: Status, reason: str = "", winner: Winner | None = None) -> StoredCell:
        stored = None if winner is None else to_stored(winner, space)
        return StoredCell(status, reason, time.perf_counter() - began, stored)

    reason = ""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return cell("ok", winner=_not_worse(plan, space, _search(plan, space, found), seeds))
        except UnmappableError as error:
            return cell("unmappable", str(error))
        except NoVerdictError as error:
            inherited = _inherited(plan, space, seeds)
            return cell("ok", winner=inherited) if inherited else cell("failed", str(error))
        except UnsupportedError as error:  # of this layer, and so each time
            return cell("failed", str(error))
        except EngineError as error:
            reason = f"failed {attempt} times: {error}"
        except FlexloopError:
            raise
        except Exception as error:
            reason = f"failed {attempt} times: {_fault(error)}; please report this fault of flexloop's"
    return cell("failed", reason)


def _fault(error: Exception) -> str:
    """An error that nobody raised on purpose, and where it came from."""
    *_, place = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"


def _search(plan: Plan, space: MapSpace, found: Found) -> Winner:
    """Let the mapper search and the evaluator have its say.

    A mapper that needs no seeds gets the best one, which says what is hopeless as well as all of them.
    """
    seeds = seeds_of(space.flexclass, found)
    best = _best(plan, seeds) if plan.whole_layers else None
    chosen = seeds.values() if best is None else [seeds[best]]
    starts = [carry_over(winner.candidate, space) for winner in chosen]
    above = [winner for c, winner in found.items() if winner is not None and space.flexclass < c]
    floor, guides = max((winner.floor for winner in above), default=plan.options.floor), []
    for winner in above:
        try:
            starts.append(carry_over(winner.candidate, space))
        except ValueError:  # it makes use of what this class has not
            guides += [winner.candidate] if winner.floor == floor else []
    options = replace(plan.options, floor=floor, guides=tuple(guides))
    with _run_folder(plan, space) as folder:
        winner = plan.mapper.map(space, plan.energy, options, starts, folder / "map")
        if plan.evaluator is plan.mapper:
            return winner
        timeout_s = plan.options.timeout_s
        figures = plan.evaluator.evaluate(winner.candidate, plan.energy, folder / "evaluate", timeout_s)
    if not figures.valid:
        raise NoVerdictError(
            f"{plan.evaluator.info().name} rejects the mapping that {plan.mapper.info().name} found: {figures.reason}"
        )
    return replace(winner, evaluation=figures)


@contextmanager
def _run_folder(plan: Plan, space: MapSpace) -> Iterator[Path]:
    """The name of a folder that nobody else has; an engine that needs it makes it, and it is removed unless kept."""
    if plan.keep_runs is not None:
        name = safe_name(f"{plan.arch.name}-{space.flexclass}-{space.layer.name}")
        yield plan.keep_runs.absolute() / f"{name}-{secrets.token_hex(4)}"
        return
    folder = Path(gettempdir()) / f"flexloop-{secrets.token_hex(8)}"
    try:
        yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def _not_worse(plan: Plan, space: MapSpace, winner: Winner, seeds: Mapping[FlexClass, Winner]) -> Winner:
    """The winner, or the best subclass's mapping where that is better; a proof that it refutes falls."""
    objective = plan.options.objective
    best = _best(plan, seeds)
    if best is None or cost(objective, seeds[best].evaluation) >= cost(objective, winner.evaluation):
        return winner
    inherited = _inherited(plan, space, seeds)
    assert inherited is not None
    ours, theirs = cost(objective, winner.evaluation)[0], cost(objective, inherited.evaluation)[0]
    refuted = winner.lower_bound is not None and theirs < winner.lower_bound * (1 - ROUNDING)
    return replace(
        winner,
        candidate=inherited.candidate,
        evaluation=inherited.evaluation,
        optimal=winner.optimal and not refuted and theirs >= ours * (1 - ROUNDING),
        lower_bound=None if refuted else winner.lower_bound,
        notes=(*winner.notes, *inherited.notes),
    )


def _inherited(plan: Plan, space: MapSpace, seeds: Mapping[FlexClass, Winner]) -> Winner | None:
    """The best of the subclasses' mappings as a mapping of this mapspace, about which nothing is proved."""
    best = _best(plan, seeds)
    if best is None:
        return None
    candidate = carry_over(seeds[best].candidate, space)
    return Winner(candidate, seeds[best].evaluation, notes=(f"mapping inherited from {best}",))


def _best(plan: Plan, seeds: Mapping[FlexClass, Winner]) -> FlexClass | None:
    return min(seeds, key=lambda c: cost(plan.options.objective, seeds[c].evaluation), default=None)
