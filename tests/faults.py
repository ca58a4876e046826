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
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from nothing_engine import NothingEngine, nothing_plan, some_layers, table
from small_archs import plain

from flexloop.classes import all_classes
from flexloop.engines.containerengine import ContainerEngine
from flexloop.engines.select import EngineSettings
from flexloop.running.runner import Placement, run_layers
from flexloop.running.store import Store
from flexloop.study import StudyOptions, run_study
from flexloop.workloads.layers import Layer, Network

CELLS = 96
DELAY_S = 0.02
LAYERS = CELLS // 16
PATIENCE_S = 300.0
"""Seconds after which a study is taken to hang."""


class Study:
    """A study in a process of its own; what it says on stderr is kept beside its table."""

    def __init__(
        self,
        store: Path,
        out: Path,
        *options: str,
        cells: int = CELLS,
        delay: float = DELAY_S,
        env: dict[str, str] | None = None,
    ) -> None:
        self.store, self.out = store, out
        self._said = out.with_suffix(".stderr")
        here = Path(__file__).parent
        command = [sys.executable, str(here / "nothing_engine.py"), str(store), str(out)]
        sizes = ["--cells", str(cells), "--delay", str(delay)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), *filter(None, sys.path)])} | (env or {})
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
    return lost_lines(undisturbed(layers), got)


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
        assert "distributed.client - ERROR" not in study.stderr, study.stderr
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


def clock_jumps_everywhere(folder: Path, rng: random.Random) -> int:
    """The clock of the study, of its workers and of all files jumps by years while they run (libfaketime)."""
    store, out, clock = folder / "store", folder / "table", folder / "clock"
    clock.write_text("+0d")
    faked = {
        "LD_PRELOAD": str(libfaketime()),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",  # a clock that is set does not move it
    }
    cells, layers = 1600, 100
    study = Study(store, out, "--jobs", "2", cells=cells, delay=0, env=faked)  # Python's sleep fails under the library
    jumps = 0
    while study.process.poll() is None:
        clock.write_text(f"{rng.randrange(-3650, 3650):+d}d")
        jumps += 1
        time.sleep(rng.uniform(0.01, 0.1))
    assert study.finish() == cells and jumps > 10
    missing = lost(out.read_text(), layers)
    assert Study(store, out, cells=cells, delay=0, env=faked).finish() == 0, "an entry's age counted"
    return missing + lost(out.read_text(), layers)


def libfaketime() -> Path | None:
    """The library that fakes a program's clock, where it is installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


def kill_containers(folder: Path, rng: random.Random) -> int:
    """A container is killed from outside, once or twice in one study, while others wait for it."""
    expected = container_study()
    settings = container_settings(batch=rng.random() < 0.5)
    cli = container_cli()
    study = Thread(target=lambda: got.append(container_study(settings, folder / "store")))
    got: list[str] = []
    study.start()
    wanted, struck = rng.choice((1, 2)), 0
    while study.is_alive():
        running = subprocess.run(
            [cli, "ps", "--quiet", "--filter", "name=flexloop-"], capture_output=True, text=True, check=False
        ).stdout.split()
        if running and struck < wanted:
            time.sleep(rng.uniform(0, 0.2))
            victim = rng.choice(running)
            struck += not subprocess.run(
                [cli, "kill", "--signal", "KILL", victim], capture_output=True, check=False
            ).returncode
        time.sleep(0.01)
    study.join()
    assert got, "the study ended with an error"
    assert struck, "no container lived long enough to be killed"
    return lost_lines(expected, got[0])


@cache
def container_study(settings: EngineSettings | None = None, store: Path | None = None) -> str:
    """The table of a small study whose mappings are costed in containers, without what a clock decides."""
    net = Network(name="net", layers=tuple(Layer(name=f"l{n}", C=8, M=4 + n, P=2) for n in range(3)))
    options = StudyOptions(
        engines=settings or container_settings(batch=False), store=store, use_store=store is not None, jobs=2
    )
    return str(run_study(["T0O0P0S0", "T1O1P1S1"], [net], plain(), options).rows.drop(columns="wall_s").to_csv())


def container_settings(*, batch: bool) -> EngineSettings:
    """The engine in the image of the tests."""
    extra = tuple(shlex.split(os.environ.get("FLEXLOOP_TEST_CONTAINER_ARGS", "")))
    image = os.environ.get("FLEXLOOP_TEST_IMAGE")
    return EngineSettings("container", "embedded", image=image, container_args=extra, container_batch=batch)


def container_cli() -> str:
    """The container CLI in use."""
    settings = container_settings(batch=False)
    return ContainerEngine(None, settings.image, settings.container_args).info().detail.split()[0]


def lost_lines(expected: str, got: str) -> int:
    """Lines that are missing, differ, or are there twice."""
    lines, wanted = got.splitlines(), expected.splitlines()
    return max(len(set(wanted) - set(lines)), abs(len(wanted) - len(lines)))


def ten_thousand_cells(folder: Path, rng: random.Random) -> int:
    """10,000 cells in one study, in two processes, one of which is killed; a second run takes all from the store."""
    store, out = folder / "store", folder / "table"
    study = Study(store, out, "--jobs", "2", "--whole-layers", cells=10_000, delay=0)
    study.wait_for(rng.randrange(100, 5000))
    wait_until(lambda: bool(_workers(study.process.pid)))  # the first moment needs none
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
    "clock that jumps for all processes and files": clock_jumps_everywhere,
    "container killed from outside": kill_containers,
    "10,000 cells, a worker killed": ten_thousand_cells,
}
LONG = (
    "Ctrl-C",
    "kill -9 of workers",
    "read-only store",
    "10,000 cells, a worker killed",
    "kill -9 of Dask workers",
    "kill -9 of a Dask scheduler's workers",
    "kill -9 of a Dask scheduler",
    "kill -9 of the main process",
    "two studies on one store",
)
"""Faults that take longer than the others."""

NEED_DASK = (kill_dask_workers, kill_remote_workers, kill_scheduler)
NEED_ROOT = (full_disk, read_only_store)
"""Faults that need a file system of their own."""


def obstacle(fault: Callable[[Path, random.Random], int], folder: Path) -> str:
    """What is missing to try a fault here, and empty where nothing is."""
    if fault in NEED_ROOT and not can_mount(folder):
        return "needs root, to mount a small file system"
    if fault in NEED_DASK and find_spec("distributed") is None:
        return "needs the extra dask"
    if fault is clock_jumps_everywhere and libfaketime() is None:
        return "needs libfaketime"
    if fault is kill_containers and not os.environ.get("FLEXLOOP_TEST_IMAGE"):
        return "needs containers, and FLEXLOOP_TEST_IMAGE"
    return ""


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
    folder.mkdir(exist_ok=True)
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
