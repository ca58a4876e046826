"""The runner: every cell comes back once, subclasses first, from the store where it is; one failure costs one row."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from nothing_engine import NothingEngine, nothing_plan, some_layers, table

from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.cores import available_cores, processes
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, EngineInfo, SearchOptions, Winner
from flexloop.errors import EngineError, FlexloopError, NoVerdictError, OutputError, SpecError, UnmappableError
from flexloop.mapspace import MapSpace
from flexloop.running.cells import CellResult, CellTask, run_task_elsewhere
from flexloop.running.executors import ATTEMPTS
from flexloop.running.plan import Plan
from flexloop.running.runner import Placement, run_layers
from flexloop.workloads.layers import Layer


@dataclass
class FailingEngine(NothingEngine):
    """Raises an error on the cells of some classes, the first so many times."""

    error: Exception = field(default_factory=lambda: EngineError("no luck"))
    classes: tuple[FlexClass, ...] = (RIGID,)
    times: int = 10**6
    calls: list[str] = field(default_factory=list)

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        self.calls.append(str(space.flexclass))
        if space.flexclass in self.classes and self.calls.count(str(space.flexclass)) <= self.times:
            raise self.error
        return super().map(space, energy, options, seeds, run_dir)


class LucklessEngine(NothingEngine):
    """A sampler out of luck: for the fully flexible class it finds a mapping twice as slow, and claims a proof."""

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        winner = super().map(space, energy, options, seeds, run_dir)
        if space.flexclass != FULLY_FLEXIBLE:
            return winner
        slow = replace(winner.evaluation, cycles=2 * winner.evaluation.cycles)
        return replace(winner, evaluation=slow, optimal=True, lower_bound=slow.edp)


def run(plan: Plan, placement: Placement | None = None, layers: Sequence[Layer] | None = None) -> list[CellResult]:
    """Run all classes."""
    return list(run_layers(plan, all_classes(), layers or some_layers(2), placement or Placement()))


@pytest.mark.parametrize("exhaustive", [False, True])
def test_every_cell_comes_back_once_and_after_its_subclasses(exhaustive: bool) -> None:
    results = run(nothing_plan(None, NothingEngine(exhaustive=exhaustive)))
    cells = [(r.layer.name, r.flexclass) for r in results]
    assert len(cells) == len(set(cells)) == 32
    for place, (layer, flexclass) in enumerate(cells):
        assert all((layer, lower) in cells[:place] for lower in flexclass.subclasses())


def test_what_takes_longest_comes_first(tmp_path: Path) -> None:
    """Windows over groups, then whatever has most tilings; a prime bound has few, however many MACs."""
    prime, tiled = Layer(name="prime", C=997, M=997, P=997), Layer(name="tiled", C=64, M=64, P=64)
    depthwise = Layer(name="depthwise", G=8, R=3, S=3, P=8, Q=8)
    order: list[str] = []
    layers = [prime, tiled, depthwise]
    list(run_layers(nothing_plan(tmp_path), [RIGID], layers, Placement(), lambda task: order.append(task.layer.name)))
    assert order == ["depthwise", "tiled", "prime"]


@pytest.mark.parametrize("exhaustive", [False, True])
@pytest.mark.parametrize(
    "placement",
    [
        pytest.param(Placement(2), id="processes"),
        pytest.param(Placement(2, "local"), id="dask", marks=pytest.mark.slow),
    ],
)
def test_processes_and_dask_answer_as_one_process_does(placement: Placement, exhaustive: bool, tmp_path: Path) -> None:
    if placement.dask:
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    plan = nothing_plan(tmp_path / "store", NothingEngine(exhaustive=exhaustive))
    expected = table(run(nothing_plan(None, NothingEngine(exhaustive=exhaustive))))
    assert table(run(plan, placement)) == expected
    again = run(plan)
    assert all(r.from_store for r in again)
    assert table(again) == expected


def test_a_rerun_computes_only_what_is_missing(tmp_path: Path) -> None:
    engine = FailingEngine(classes=())
    plan = nothing_plan(tmp_path, engine)
    run(plan)
    first = len(engine.calls)
    next(tmp_path.rglob("*.cell")).unlink()
    run(plan)
    assert (first, len(engine.calls)) == (32, 33)


def test_what_determines_a_cell_is_in_its_key(tmp_path: Path) -> None:
    engine = FailingEngine(classes=())
    plan = nothing_plan(tmp_path, engine)
    run(plan)
    changed: list[dict[str, Any]] = [
        {"options": SearchOptions(seed=1)},
        {"options": SearchOptions(objective="energy")},
        {"options": SearchOptions(effort="quick")},
        {"templates": "others"},
        {"energy": EnergyTables("file", {**plan.energy.ert, "version": 0.3})},
        {"arch": plan.arch.model_copy(update={"edge": "pad"})},
    ]
    for change in changed:
        engine.calls.clear()
        run(Plan(**({name: getattr(plan, name) for name in plan.__dataclass_fields__} | change)))
        assert len(engine.calls) == 32, change
    engine.calls.clear()
    renamed = plan.arch.model_copy(update={"name": "other", "description": "the same hardware"})
    run(Plan(**({name: getattr(plan, name) for name in plan.__dataclass_fields__} | {"arch": renamed})))
    assert not engine.calls


@pytest.mark.parametrize("error", [EngineError("no luck"), ZeroDivisionError("division by zero")])
def test_a_cell_that_fails_is_tried_again_then_reported_and_the_rest_goes_on(error: Exception, tmp_path: Path) -> None:
    engine = FailingEngine(error=error, classes=(RIGID,))
    results = run(nothing_plan(tmp_path, engine), layers=some_layers(1))
    failed = [r for r in results if r.status != "ok"]
    assert [(r.flexclass, r.status) for r in failed] == [(RIGID, "failed")]
    assert f"failed {ATTEMPTS} times" in failed[0].reason
    assert str(error) in failed[0].reason
    assert engine.calls.count(str(RIGID)) == ATTEMPTS
    assert len(list(tmp_path.rglob("*.cell"))) == 15, "a failure is not kept"


def test_a_failure_that_passes_leaves_no_trace() -> None:
    engine = FailingEngine(times=ATTEMPTS - 1)
    assert table(run(nothing_plan(None, engine))) == table(run(nothing_plan(None)))


@pytest.mark.parametrize("exhaustive", [False, True])
def test_a_search_without_an_answer_inherits(exhaustive: bool, tmp_path: Path) -> None:
    """It is not repeated, except from what its subclasses found since."""
    engine = FailingEngine(error=NoVerdictError("found nothing"), classes=(FULLY_FLEXIBLE,), exhaustive=exhaustive)
    results = {r.flexclass: r for r in run(nothing_plan(tmp_path, engine), layers=some_layers(1))}
    assert engine.calls.count(str(FULLY_FLEXIBLE)) == 1 + exhaustive
    winner = results[FULLY_FLEXIBLE].winner
    assert winner is not None and "inherited" in winner.notes[0] and not winner.optimal


@pytest.mark.parametrize("exhaustive", [False, True])
def test_a_class_inherits_what_a_subclass_does_better_and_the_row_says_so(exhaustive: bool, tmp_path: Path) -> None:
    plan = nothing_plan(tmp_path, LucklessEngine(exhaustive=exhaustive))
    results = {r.flexclass: r for r in run(plan, layers=some_layers(1))}
    winner, below = results[FULLY_FLEXIBLE].winner, results[RIGID].winner
    assert winner is not None and below is not None
    assert winner.evaluation.edp == below.evaluation.edp
    assert winner.notes[0].startswith("mapping inherited from T")
    assert not winner.optimal and winner.lower_bound is None, "the proof is refuted"


class ProvingEngine(NothingEngine):
    """Proves that nothing costs less than what it finds, and notes what it was told of superclasses."""

    def __init__(self) -> None:
        super().__init__(exhaustive=True)
        self.floors: dict[FlexClass, tuple[float, float]] = {}

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        self.floors[space.flexclass] = options.floor
        winner = super().map(space, energy, options, seeds, run_dir)
        return replace(winner, optimal=True, lower_bound=winner.evaluation.edp, tie_bound=float(space.flexclass.rank))


def test_what_is_proved_of_superclasses_is_told_to_their_subclasses() -> None:
    engine = ProvingEngine()
    results = run(nothing_plan(None, engine), layers=some_layers(1))
    assert results[0].winner is not None
    edp = results[0].winner.evaluation.edp
    assert engine.floors.pop(FULLY_FLEXIBLE) == (0.0, 0.0)
    assert engine.floors == {r.flexclass: (edp, FULLY_FLEXIBLE.rank) for r in results if r.flexclass != FULLY_FLEXIBLE}


def test_a_finding_is_kept_and_not_repeated(tmp_path: Path) -> None:
    engine = FailingEngine(error=UnmappableError("tile too large"))
    for _ in range(2):
        results = {r.flexclass: r for r in run(nothing_plan(tmp_path, engine), layers=some_layers(1))}
        assert (results[RIGID].status, results[RIGID].reason) == ("unmappable", "tile too large")
    assert engine.calls.count(str(RIGID)) == 1


def test_what_is_wrong_for_all_cells_ends_the_study() -> None:
    with pytest.raises(SpecError, match="template"):
        run(nothing_plan(None, FailingEngine(error=SpecError("template arch.yaml.j2, line 3: ..."))))


def test_a_store_that_cannot_be_written_is_reported_once_and_costs_no_result(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.warns(UserWarning, match="cannot write to the store") as said:
        results = run(nothing_plan(tmp_path / "store"))
    assert len(said) == 1
    assert table(results) == table(run(nothing_plan(None)))


def test_closing_early_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    stream = run_layers(nothing_plan(tmp_path), all_classes(), some_layers(2), Placement())
    finished = [next(stream) for _ in range(5)]
    stream.close()  # type: ignore[attr-defined]
    again = [r for r in run(nothing_plan(tmp_path)) if r.from_store]
    assert {(r.layer.name, r.flexclass) for r in finished} <= {(r.layer.name, r.flexclass) for r in again}


@pytest.mark.parametrize(
    ("jobs", "threads", "cores", "expected"),
    [(0, 1, 8, 8), (0, 3, 8, 2), (0, 16, 8, 1), (4, 1, 2, 4), (2, 2, 8, 2)],
)
def test_threads_are_counted_in(jobs: int, threads: int, cores: int, expected: int) -> None:
    assert processes(jobs, threads, cores) == expected


def test_more_processes_than_the_threads_leave_room_for_are_refused_aloud() -> None:
    with pytest.warns(UserWarning, match="needs 16 cores and there are 8"):
        assert processes(4, 4, 8) == 2


def test_a_container_s_share_of_the_cores_is_kept_to(tmp_path: Path) -> None:
    limit = tmp_path / "cpu.max"
    limit.write_text("100000 100000\n")
    assert available_cores(limit) == 1
    limit.write_text("max 100000\n")
    assert available_cores(limit) == available_cores(tmp_path / "absent")


@pytest.mark.parametrize(
    "error", [OutputError("full"), NoVerdictError("none"), FlexloopError("a"), SpecError("field: value")]
)
def test_errors_travel_between_processes(error: FlexloopError) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(back) is type(error) and str(back) == str(error)


def test_running_says_nothing_else() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(nothing_plan(None))


@pytest.mark.parametrize("store", [True, False])
def test_a_worker_with_another_version_is_refused(store: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = some_layers(1)[0]
    sent = pickle.dumps(nothing_plan(tmp_path if store else None))
    task = CellTask(layer, (RIGID,), {})
    assert run_task_elsewhere(pickle.loads(sent), task)[0].status == "ok"  # noqa: S301 - made here
    monkeypatch.setattr(NothingEngine, "info", lambda _: EngineInfo("nothing", "2"))
    with pytest.raises(FlexloopError, match="a worker has mapper nothing 2 .* started with nothing 1"):
        run_task_elsewhere(pickle.loads(sent), task)  # noqa: S301 - made here
