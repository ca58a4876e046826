"""Faults that a study must survive: each function causes one, at a random point, and returns how many cells it cost.

Every study here runs in a process of its own (`nothing_engine`), with an engine that takes a moment a cell; when the
fault is over the study is run again, and its table must equal that of an undisturbed run.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nothing_engine import NothingEngine, nothing_plan, some_layers, table

from flexloop.classes import all_classes
from flexloop.runner import Placement, run_layers
from flexloop.store import Store

CELLS = 96
DELAY_S = 0.02
LAYERS = CELLS // 16


def start(store: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start a study."""
    here = str(Path(__file__).parent)
    command = [sys.executable, str(Path(__file__).with_name("nothing_engine.py")), str(store), str(out)]
    sizes = ["--cells", str(CELLS), "--delay", str(DELAY_S)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([here, *filter(None, sys.path)])}
    return subprocess.Popen([*command, *sizes, *options], env=environment, stderr=subprocess.DEVNULL)


def undisturbed() -> str:
    """The table of a study that nothing happens to."""
    return table(run_layers(nothing_plan(None), all_classes(), some_layers(LAYERS), Placement()))


def lost(out: Path) -> int:
    """Cells of a finished study that are missing or differ."""
    expected, got = undisturbed().splitlines(), out.read_text().splitlines()
    return len(set(expected) ^ set(got)) + abs(len(expected) - len(got))


def finished(store: Path) -> int:
    """Entries of a store."""
    return len(list(Store(store).files()))


def wait_until(true: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until something is so, or the process is over."""
    deadline = time.monotonic() + seconds
    while not true() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def kill_main(folder: Path, rng: random.Random) -> int:
    """Kill -9 of the main process, three times; the fourth run finishes with what the others left."""
    store, out = folder / "store", folder / "table"
    for _ in range(3):
        process = start(store, out, "--jobs", "2")
        goal = finished(store) + rng.randrange(1, CELLS // 4)
        wait_until(lambda goal=goal: finished(store) >= goal, process)  # type: ignore[misc]
        process.kill()
        process.wait()
    before = finished(store)
    assert start(store, out, "--jobs", "2").wait() == 0
    assert finished(store) == CELLS >= before
    return lost(out)


def kill_workers(folder: Path, rng: random.Random, placement: tuple[str, ...] = ("--jobs", "2")) -> int:
    """Kill -9 of a worker, three times in one run."""
    store, out = folder / "store", folder / "table"
    process = start(store, out, *placement)
    for share in (1, 2, 3):
        wait_until(lambda share=share: finished(store) >= share * CELLS // 5, process)  # type: ignore[misc]
        if workers := _workers(process.pid):
            os.kill(rng.choice(workers), signal.SIGKILL)
    assert process.wait() == 0
    return lost(out)


def kill_dask_workers(folder: Path, rng: random.Random) -> int:
    """Kill -9 of a worker of a local Dask cluster."""
    return kill_workers(folder, rng, ("--dask", "local", "--jobs", "2"))


def interrupt_main(folder: Path, rng: random.Random) -> int:
    """Ctrl-C; the second run finishes."""
    store, out = folder / "store", folder / "table"
    process = start(store, out, "--jobs", "2")
    wait_until(lambda: finished(store) >= rng.randrange(1, CELLS // 2), process)
    process.send_signal(signal.SIGINT)
    process.wait()
    assert start(store, out, "--jobs", "2").wait() == 0
    return lost(out)


def truncate_entries(folder: Path, rng: random.Random) -> int:
    """Entries of a finished study are cut short or overwritten."""
    store, out = folder / "store", folder / "table"
    assert start(store, out).wait() == 0
    for path in rng.sample(list(Store(store).files()), CELLS // 3):
        raw = bytearray(path.read_bytes())
        if rng.random() < 0.5:
            del raw[rng.randrange(len(raw)) :]
        else:
            place = rng.randrange(len(raw))
            raw[place] ^= 1 << rng.randrange(8)
        path.write_bytes(raw)
    assert start(store, out).wait() == 0
    return lost(out)


def two_studies(folder: Path, rng: random.Random) -> int:
    """Two studies on one store at the same time."""
    store, outs = folder / "store", [folder / "table1", folder / "table2"]
    processes = []
    for out in outs:
        processes.append(start(store, out, "--jobs", "2"))
        time.sleep(rng.random() / 2)
    assert [process.wait() for process in processes] == [0, 0]
    assert finished(store) == CELLS
    assert not list(store.rglob(".tmp-*"))
    return sum(map(lost, outs))


def full_disk(folder: Path, rng: random.Random) -> int:
    """The store's disk is full after some cells; the table is complete nevertheless, and again when there is room."""
    out = folder / "table"
    with mounted(folder / "small", f"size={rng.randrange(64, 256)}k") as small:
        assert start(small / "store", out).wait() == 0
        assert finished(small / "store") < CELLS, "the disk was large enough"
        missing = lost(out)
        subprocess.run(["mount", "-o", "remount,size=16m", str(small)], check=True)
        assert start(small / "store", out).wait() == 0
        assert finished(small / "store") == CELLS
        return missing + lost(out)


def read_only_store(folder: Path, rng: random.Random) -> int:
    """A store with some entries that cannot be written: they are used, the others computed."""
    out = folder / "table"
    with mounted(folder / "mount", "size=16m") as mount:
        assert start(mount / "store", out).wait() == 0
        for path in rng.sample(list(Store(mount / "store").files()), CELLS // 2):
            path.unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        assert start(mount / "store", out).wait() == 0
        return lost(out)


def clock_jumps(folder: Path, rng: random.Random) -> int:
    """The wall clock jumps by years between any two readings, and entries seem to be from the past and the future."""
    true_time = time.time
    time.time = lambda: true_time() + rng.uniform(-3e8, 3e8)
    try:
        plan = nothing_plan(folder / "store", NothingEngine())
        first = table(run_layers(plan, all_classes(), some_layers(LAYERS), Placement()))
        for path in plan.store.files() if plan.store else ():
            os.utime(path, (time.time(), time.time()))
        second = table(run_layers(plan, all_classes(), some_layers(LAYERS), Placement()))
    finally:
        time.time = true_time
    expected = undisturbed().splitlines()
    return len(set(expected) ^ set(first.splitlines())) + len(set(expected) ^ set(second.splitlines()))


FAULTS: dict[str, Callable[[Path, random.Random], int]] = {
    "kill -9 of the main process": kill_main,
    "kill -9 of workers": kill_workers,
    "kill -9 of Dask workers": kill_dask_workers,
    "Ctrl-C": interrupt_main,
    "damaged store entries": truncate_entries,
    "two studies on one store": two_studies,
    "full disk": full_disk,
    "read-only store": read_only_store,
    "clock that jumps": clock_jumps,
}
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


def _workers(main: int) -> list[int]:
    """The processes below a study that were started to run tasks."""
    found, todo = [], [main]
    while todo:
        for child in _children(todo.pop()):
            todo.append(child)
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in command:
                found.append(child)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found.extend(map(int, (task / "children").read_text().split()))
    except OSError:
        pass
    return found
