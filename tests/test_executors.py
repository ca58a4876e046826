"""Executors: every task comes back, errors as values, and a dying worker costs no other task its result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flexloop.engines.process import run_program
from flexloop.errors import EngineError
from flexloop.running.daskcluster import DaskCluster
from flexloop.running.executors import ATTEMPTS, Executor, HereFirst, Serial, WorkerDiedError
from flexloop.running.localprocesses import LocalProcesses


def square(number: int) -> int:
    """A task's work; a negative number is an error."""
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number


def warn(number: int) -> int:
    """Warns of its number's kind, with a class of its own for odd ones."""
    warnings.warn(
        "odd number" if number % 2 else "even number", OddWarning if number % 2 else UserWarning, stacklevel=1
    )
    return number


class OddWarning(Warning):
    """A class that the process which started the workers need not have."""


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


def slow(file: str) -> str:
    """Count the attempts and take longer than three workers take to die."""
    with Path(file).open("a") as attempts:
        attempts.write("x")
    time.sleep(2)
    return "done"


def own_pid(_: None) -> int:
    """The worker's process."""
    return os.getpid()


def unsendable(_: int) -> Any:
    """Something that cannot be pickled."""
    return lambda: None


def program(folder: str) -> str:
    """Run a program as engines do, and say its process."""
    command = ["sh", "-c", f"echo $$ >{folder}/new; mv {folder}/new {folder}/pid; exec sleep 300"]
    run_program(command, Path(folder), Path(folder) / "log")
    return "ended by itself"


def interrupt(folder: str) -> int:
    """Run a program whose time is up at once; its exit status."""
    return run_program(["sleep", "300"], Path(folder), Path(folder) / "log", timeout_s=0.5).status


class Unloadable:
    """A function that ends the process of whoever unpickles it."""

    def __call__(self, _: object) -> str:
        return "never"

    def __reduce__(self) -> tuple[Callable[[int], object], tuple[int]]:
        return os._exit, (7,)


class LoadedByFew:
    """A function that ends the second to sixth process that unpickles it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, _: object) -> str:
        return "never"

    def __reduce__(self) -> tuple[Callable[[Path], object], tuple[Path]]:
        return load_unless_early, (self.folder,)


def load_unless_early(folder: Path) -> Callable[[object], int]:
    """Count who comes here; of the first six only the first lives, and works until a seventh does."""
    born = 1
    while True:
        try:
            (folder / str(born)).touch(exist_ok=False)
            break
        except FileExistsError:
            born += 1
    if 1 < born < 7:
        os._exit(7)

    def number(_: object) -> int:
        deadline = time.monotonic() + 60
        while not (folder / "7").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return born

    return number


def work(task: tuple[str, Any]) -> Any:
    """Dispatch by name, so that one executor mixes good and deadly tasks."""
    functions: dict[str, Callable[[Any], Any]] = {
        "square": square,
        "once": die_once,
        "always": die_always,
        "slow": slow,
        "pid": own_pid,
        "unsendable": unsendable,
        "program": program,
        "interrupt": interrupt,
    }
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


KINDS = ["serial", "here first", "processes", pytest.param("dask", marks=pytest.mark.slow)]


@pytest.fixture(params=["serial", "here first", "processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor[Any, Any]:
    """Each kind of executor, of `square`."""
    if request.param == "dask":
        pytest.importorskip("distributed", reason="the extra dask is not installed")
        return DaskCluster(square, "local", 2)
    if request.param == "here first":
        return HereFirst(square, lambda: LocalProcesses(square, 2), 0.0)
    return Serial(square) if request.param == "serial" else LocalProcesses(square, 2)


def test_every_task_comes_back_with_its_result(executor: Executor[Any, Any]) -> None:
    assert collect(executor, list(range(10))) == {n: n * n for n in range(10)}


def test_only_what_takes_longer_than_a_moment_leaves_this_process() -> None:
    def elsewhere() -> Executor[int, int]:
        raise AssertionError("no process was worth it")

    quick: Executor[int, int] = HereFirst(square, elsewhere, 3600.0)
    assert collect(quick, list(range(4))) == {n: n * n for n in range(4)}
    slow: Executor[int, int] = HereFirst(square, elsewhere, 0.0)
    with pytest.raises(AssertionError, match="no process was worth it"):
        collect(slow, list(range(4)))


@pytest.mark.parametrize("executor", KINDS, indirect=True)
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


@pytest.mark.slow
def test_dask_gives_up_a_task_that_kills_its_worker(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    tasks = [("always", str(tmp_path))] + [("square", n) for n in range(4)]
    results = collect(DaskCluster(work, "local", 1), tasks)
    assert isinstance(results["always", str(tmp_path)], WorkerDiedError)
    assert len((tmp_path / "attempts").read_text()) == ATTEMPTS
    assert [results["square", n] for n in range(4)] == [n * n for n in range(4)]


def test_a_death_is_blamed_on_the_task_that_it_hit(tmp_path: Path) -> None:
    """Long tasks beside a deadly one keep their one attempt."""
    tasks = [("always", str(tmp_path))] + [("slow", str(tmp_path / f"slow{n}")) for n in range(3)]
    results = collect(LocalProcesses(work, 4), tasks)
    assert isinstance(results["always", str(tmp_path)], WorkerDiedError)
    for n in range(3):
        assert results["slow", str(tmp_path / f"slow{n}")] == "done"
        assert (tmp_path / f"slow{n}").read_text() == "x", "ran once"


def test_a_worker_killed_while_idle_is_no_task_s_fault() -> None:
    executor: Executor[Any, Any] = LocalProcesses(work, 1)
    try:
        executor.submit(("pid", None))
        os.kill(int(str(executor.next()[1])), signal.SIGKILL)
        executor.submit(("square", 3))
        assert executor.next() == (("square", 3), 9)
    finally:
        executor.close()


def test_workers_that_do_not_come_to_life_end_the_study() -> None:
    with pytest.raises(EngineError, match=r"ended before they took a cell \(the last with status 7\)"):
        collect(LocalProcesses(Unloadable(), 2), [1, 2, 3])


def test_workers_that_do_not_come_to_life_end_nothing_while_another_works(tmp_path: Path) -> None:
    results = collect(LocalProcesses(LoadedByFew(tmp_path), 2), [1, 2])
    assert set(results.values()) == {1, 7}


def test_warnings_of_workers_are_the_parent_s_each_text_once() -> None:
    with pytest.warns() as heard:
        collect(LocalProcesses(warn, 2), [1, 2, 3, 4])
    assert {str(warning.message) for warning in heard} == {"odd number", "even number"}
    assert {warning.category for warning in heard} == {UserWarning}


def test_what_cannot_be_sent_back_is_an_error_and_not_a_death() -> None:
    results = collect(LocalProcesses(work, 1), [("unsendable", 0), ("square", 2)])
    assert "cannot be sent" in str(results["unsendable", 0])
    assert results["square", 2] == 4


def test_closing_stops_what_workers_started(tmp_path: Path) -> None:
    executor = LocalProcesses(work, 1)
    executor.submit(("program", str(tmp_path)))
    pid = int(wait_for(tmp_path / "pid"))
    executor.close()
    assert is_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_and_what_they_started_end_with_the_main_process(number: signal.Signals, tmp_path: Path) -> None:
    script = (
        "from test_executors import *\n"
        f"executor = LocalProcesses(work, 1)\nexecutor.submit(('program', {str(tmp_path)!r}))\nexecutor.next()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    main = subprocess.Popen([sys.executable, "-c", script], env=environment)
    pid = int(wait_for(tmp_path / "pid"))
    main.send_signal(number)
    main.wait()
    assert is_gone(pid)


def test_ctrl_c_reaches_programs_that_workers_start(tmp_path: Path) -> None:
    """Workers leave Ctrl-C to the main process, but what they start must still hear an interrupt."""
    assert (
        collect(LocalProcesses(work, 1), [("interrupt", str(tmp_path))])["interrupt", str(tmp_path)] == -signal.SIGINT
    )


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flexloop.running.daskcluster.CONNECT_TIMEOUT", "1s")
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with pytest.raises(EngineError, match="no scheduler answers there"):
        DaskCluster(work, "tcp://127.0.0.1:9", 1)


def wait_for(file: Path, seconds: float = 60) -> str:
    """The content of a file as soon as it has some."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{file} did not appear")


def is_gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process ends within some time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
            return True
        if state.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
