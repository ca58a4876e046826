"""Faults that a study must survive: each function causes one, at a random point, and returns how many cells it cost.

Every study here runs in a process of its own (`nothing_engine`), with an engine that takes a moment a cell. When the
fault is over the study is run again where it did not end by itself, and its table must equal that of an undisturbed
run. That the fault really struck is asserted too.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from nothing_engine import NothingEngine, nothing_plan, some_layers, table

from flexloop.classes import all_classes
from flexloop.running.runner import Placement, run_layers
from flexloop.running.store import Store

CELLS = 96
DELAY_S = 0.02
LAYERS = CELLS // 16
PATIENCE_S = 300.0
"""Seconds after which a study is taken to hang."""


class Study:
    """A study in a process of its own; what it says on stderr is kept beside its table."""

    def __init__(self, store: Path, out: Path, *options: str, cells: int = CELLS, delay: float = DELAY_S) -> None:
        self.store, self.out = store, out
        self._said = out.with_suffix(".stderr")
        here = Path(__file__).parent
        command = [sys.executable, str(here / "nothing_engine.py"), str(store), str(out)]
        sizes = ["--cells", str(cells), "--delay", str(delay)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), *filter(None, sys.path)])}
        with self._said.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, *sizes, *options],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stderr,
                preexec_fn=hear_interrupts,
            )

    @property
    def stderr(self) -> str:
        """What it said on stderr."""
        return self._said.read_text()

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the study hangs:\n{self.stderr}") from None

    def finish(self) -> int:
        """Wait for its good end; how many cells it computed."""
        assert self.process.stdout is not None
        status, said = self.wait(), self.process.stdout.read().decode()
        match = re.fullmatch(r"computed (\d+), kept \d+\n", said)
        assert status == 0 and match, f"exit status {status}:\n{self.stderr}"
        return int(match[1])

    def wait_for(self, entries: int) -> None:
        """Wait until the store has so many entries."""
        try:
            wait_until(lambda: finished(self.store) >= entries or self.process.poll() is not None)
        except AssertionError as error:
            raise AssertionError(f"the study hangs:\n{self.stderr}") from error
        assert finished(self.store) >= entries, f"over too soon:\n{self.stderr}"


def hear_interrupts() -> None:
    """Undo what a process in the background of a shell hands down: that Ctrl-C is not heard."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"not so after {PATIENCE_S} s"
        time.sleep(0.005)


@cache
def undisturbed(layers: int = LAYERS) -> str:
    """The table of a study that nothing happens to."""
    return table(run_layers(nothing_plan(None), all_classes(), some_layers(layers), Placement()))


def lost(got: str, layers: int = LAYERS) -> int:
    """Cells of a finished study's table that are missing, differ, or are there twice."""
    expected, lines = undisturbed(layers).splitlines(), got.splitlines()
    return max(len(set(expected) - set(lines)), abs(len(expected) - len(lines)))


def finished(store: Path) -> int:
    """Entries of a store."""
    return len(list(Store(store).files()))


def kill_main(folder: Path, rng: random.Random) -> int:
    """Kill -9 of the main process, three times; the fourth run finishes with what the others left."""
    store, out = folder / "store", folder / "table"
    for _ in range(3):
        study = Study(store, out, "--jobs", "2")
        study.wait_for(finished(store) + rng.randrange(1, CELLS // 5))
        time.sleep(rng.uniform(0, 2 * DELAY_S))
        study.process.kill()
        assert study.wait() == -signal.SIGKILL
    before = finished(store)
    computed = Study(store, out, "--jobs", "2").finish()
    assert computed <= CELLS - before, "what was finished was computed again"
    assert finished(store) == CELLS
    return lost(out.read_text())


def kill_workers(folder: Path, rng: random.Random, placement: tuple[str, ...] = ("--jobs", "2")) -> int:
    """Kill -9 of a worker, three times in one run."""
    study = Study(folder / "store", folder / "table", *placement)
    killed = 0
    for share in (1, 3, 5):
        study.wait_for(share * CELLS // 8)
        time.sleep(rng.uniform(0, 2 * DELAY_S))
        if workers := _workers(study.process.pid):
            os.kill(rng.choice(workers), signal.SIGKILL)
            killed += 1
    study.finish()
    assert killed, "there was no worker to kill"
    return lost(study.out.read_text())


def kill_dask_workers(folder: Path, rng: random.Random) -> int:
    """Kill -9 of a worker of a local Dask cluster, three times in one run."""
    return kill_workers(folder, rng, ("--dask", "local", "--jobs", "2"))


def kill_remote_workers(folder: Path, rng: random.Random) -> int:
    """Kill -9 of the two workers of a scheduler that was started elsewhere, one after the other; a third takes over."""
    with scheduler(folder) as (_, file), worker(file) as first, worker(file) as second:
        study = Study(folder / "store", folder / "table", "--dask", json.loads(file.read_text())["address"])
        study.wait_for(rng.randrange(1, CELLS // 4))
        first.kill()
        study.wait_for(rng.randrange(CELLS // 3, CELLS // 2))
        second.kill()
        assert study.process.poll() is None, "over too soon"
        with worker(file):
            study.finish()
        return lost(study.out.read_text())


def kill_scheduler(folder: Path, rng: random.Random) -> int:
    """Kill -9 of a Dask scheduler: the study ends with the way out, and goes on with the next scheduler."""
    store, out = folder / "store", folder / "table"
    with scheduler(folder) as (process, file), worker(file):
        study = Study(store, out, "--dask", str(file))
        study.wait_for(rng.randrange(1, CELLS // 2))
        process.kill()
        assert study.wait() != 0
        assert "the scheduler is gone" in study.stderr, study.stderr
    before = finished(store)
    with scheduler(folder) as (_, file), worker(file):
        assert Study(store, out, "--dask", str(file)).finish() <= CELLS - before
    return lost(out.read_text())


def interrupt_main(folder: Path, rng: random.Random) -> int:
    """Ctrl-C; the second run finishes."""
    store, out = folder / "store", folder / "table"
    study = Study(store, out, "--jobs", "2")
    study.wait_for(rng.randrange(1, CELLS // 2))
    study.process.send_signal(signal.SIGINT)
    assert study.wait() != 0
    before = finished(store)
    assert Study(store, out, "--jobs", "2").finish() <= CELLS - before
    return lost(out.read_text())


def damage_entries(folder: Path, rng: random.Random) -> int:
    """Entries of a finished study are cut short, or a bit of them is flipped."""
    store, out = folder / "store", folder / "table"
    Study(store, out, delay=0).finish()
    damaged = rng.sample(list(Store(store).files()), CELLS // 3)
    for path in damaged:
        raw = bytearray(path.read_bytes())
        place = rng.randrange(len(raw))
        if rng.random() < 0.5:
            del raw[place:]
        else:
            raw[place] ^= 1 << rng.randrange(8)
        path.write_bytes(raw)
    study = Study(store, out, delay=0)
    assert study.finish() == len(damaged)
    assert all(path.stem in study.stderr for path in damaged), "an entry was not named"
    return lost(out.read_text())


def two_studies(folder: Path, rng: random.Random) -> int:
    """Two studies on one store at the same time."""
    store, studies = folder / "store", []
    for name in ("one", "two"):
        studies.append(Study(store, folder / name, "--jobs", "2"))
        time.sleep(rng.random() / 2)
    for study in studies:
        study.finish()
    assert finished(store) == CELLS
    assert not list(store.rglob(".tmp-*"))
    return sum(lost(study.out.read_text()) for study in studies)


def full_disk(folder: Path, rng: random.Random) -> int:
    """The store's disk is full after some cells; the table is complete nevertheless, and again when there is room."""
    out = folder / "table"
    with mounted(folder / "small", f"size={rng.randrange(64, 256)}k") as small:
        study = Study(small / "store", out, delay=0)
        study.finish()
        assert finished(small / "store") < CELLS, "the disk was large enough"
        assert "No space left" in study.stderr
        missing = lost(out.read_text())
        subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
        Study(small / "store", out, delay=0).finish()
        assert finished(small / "store") == CELLS
        return missing + lost(out.read_text())


def read_only_store(folder: Path, rng: random.Random) -> int:
    """A store with some entries that cannot be written: they are used, the others computed."""
    out = folder / "table"
    with mounted(folder / "mount", "size=16m") as mount:
        Study(mount / "store", out, delay=0).finish()
        gone = rng.sample(list(Store(mount / "store").files()), CELLS // 2)
        for path in gone:
            path.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        study = Study(mount / "store", out, delay=0)
        assert study.finish() == len(gone)
        assert "Read-only" in study.stderr
        return lost(out.read_text())


def clock_jumps(folder: Path, rng: random.Random) -> int:
    """The wall clock jumps by years between any two readings, and entries seem to be from the past and the future."""
    true_time = time.time
    time.time = lambda: true_time() + rng.uniform(-3e8, 3e8)
    try:
        plan = nothing_plan(folder / "store", NothingEngine())
        assert plan.store is not None
        first = table(run_layers(plan, all_classes(), some_layers(LAYERS), Placement()))
        for path in plan.store.files():
            os.utime(path, (time.time(), time.time()))
        again = list(run_layers(plan, all_classes(), some_layers(LAYERS), Placement()))
    finally:
        time.time = true_time
    assert all(result.from_store for result in again), "an entry's age counted"
    return lost(first) + lost(table(again))


def ten_thousand_cells(folder: Path, rng: random.Random) -> int:
    """10,000 cells in one study, in two processes, one of which is killed; a second run takes all from the store."""
    store, out = folder / "store", folder / "table"
    study = Study(store, out, "--jobs", "2", "--whole-layers", cells=10_000, delay=0)
    study.wait_for(rng.randrange(100, 5000))
    os.kill(rng.choice(_workers(study.process.pid)), signal.SIGKILL)
    study.finish()
    missing = lost(out.read_text(), 625)
    assert Study(store, out, "--whole-layers", cells=10_000, delay=0).finish() == 0
    return missing + lost(out.read_text(), 625)


FAULTS: dict[str, Callable[[Path, random.Random], int]] = {
    "kill -9 of the main process": kill_main,
    "kill -9 of workers": kill_workers,
    "kill -9 of Dask workers": kill_dask_workers,
    "kill -9 of a Dask scheduler's workers": kill_remote_workers,
    "kill -9 of a Dask scheduler": kill_scheduler,
    "Ctrl-C": interrupt_main,
    "damaged store entries": damage_entries,
    "two studies on one store": two_studies,
    "full disk": full_disk,
    "read-only store": read_only_store,
    "clock that jumps": clock_jumps,
    "10,000 cells, a worker killed": ten_thousand_cells,
}
NEED_DASK = (kill_dask_workers, kill_remote_workers, kill_scheduler)
NEED_ROOT = (full_disk, read_only_store)
"""Faults that need a file system of their own."""


def can_mount(folder: Path) -> bool:
    """Whether this process may mount a tmpfs."""
    try:
        with mounted(folder / "try", "size=64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A Dask scheduler as `dask scheduler` starts it: its process and its scheduler file."""
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    with _dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)) as process:
        wait_until(lambda: process.poll() is not None or bool(file.exists() and file.read_text().endswith("}")))
        yield process, file


@contextmanager
def worker(scheduler_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of it as `dask worker` starts one, without the nanny that would replace it."""
    with _dask("worker", "--scheduler-file", str(scheduler_file), "--nthreads", "1", "--no-nanny") as process:
        yield process


@contextmanager
def _dask(program: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), *filter(None, sys.path)])}
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments, "--no-dashboard"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _workers(main: int) -> list[int]:
    """The processes below a study that were started to run tasks."""
    found, todo = [], [main]
    while todo:
        for child in children(todo.pop()):
            todo.append(child)
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in command:
                found.append(child)
    return found


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.extend(map(int, (task / "children").read_text().split()))
    except OSError:
        pass
    return found
