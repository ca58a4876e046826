"""Executors: every task comes back, errors as values, and a dying worker costs no other task its result."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flexloop.daskcluster import DaskCluster
from flexloop.executors import ATTEMPTS, Executor, Serial, WorkerDiedError
from flexloop.localprocesses import LocalProcesses


def square(number: int) -> int:
    """A task's work; a negative number is an error."""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number


def die_once(folder: str) -> str:
    """Kill the worker the first time, succeed the second."""
    mark = Path(folder) / "died"
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die_always(folder: str) -> str:
    """Count the attempts and kill the worker each time."""
    with (Path(folder) / "attempts").open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def work(task: tuple[str, Any]) -> Any:
    """Dispatch by name, so that one executor mixes good and deadly tasks."""
    functions: dict[str, Callable[[Any], Any]] = {"square": square, "once": die_once, "always": die_always}
    name, argument = task
    return functions[name](argument)


def collect(executor: Executor[Any, Any], tasks: list[Any]) -> dict[Any, Any]:
    """Hand in all tasks and gather what comes back."""
    try:
        for task in tasks:
            executor.submit(task)
        return dict(executor.next() for _ in tasks)
    finally:
        executor.close()


@pytest.fixture(params=["serial", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor[Any, Any]:
    """Each kind of executor, of `square`."""
    if request.param == "dask":
        pytest.importorskip("distributed", reason="the extra dask is not installed")
        return DaskCluster(square, "local", 2)
    return Serial(square) if request.param == "serial" else LocalProcesses(square, 2)


def test_every_task_comes_back_with_its_result(executor: Executor[Any, Any]) -> None:
    assert collect(executor, list(range(10))) == {n: n * n for n in range(10)}


def test_an_error_is_the_task_s_own(executor: Executor[Any, Any]) -> None:
    results = collect(executor, [2, -1, 3])
    assert results[2] == 4 and results[3] == 9
    assert isinstance(results[-1], ValueError)


def test_a_worker_killed_once_costs_nothing(tmp_path: Path) -> None:
    tasks = [("square", n) for n in range(6)] + [("once", str(tmp_path))]
    results = collect(LocalProcesses(work, 2), tasks)
    assert results["once", str(tmp_path)] == "alive"
    assert [results["square", n] for n in range(6)] == [n * n for n in range(6)]


def test_a_task_that_kills_its_worker_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    tasks = [("always", str(tmp_path))] + [("square", n) for n in range(6)]
    results = collect(LocalProcesses(work, 1), tasks)
    assert isinstance(results["always", str(tmp_path)], WorkerDiedError)
    assert len((tmp_path / "attempts").read_text()) == ATTEMPTS
    assert [results["square", n] for n in range(6)] == [n * n for n in range(6)]


def test_dask_gives_up_a_task_that_kills_its_worker(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    tasks = [("always", str(tmp_path))] + [("square", n) for n in range(4)]
    results = collect(DaskCluster(work, "local", 1), tasks)
    assert isinstance(results["always", str(tmp_path)], WorkerDiedError)
    assert [results["square", n] for n in range(4)] == [n * n for n in range(4)]
