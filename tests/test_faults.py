"""After any fault the final table equals that of an undisturbed run (see `faults`)."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from faults import FAULTS, NEED_ROOT, can_mount, kill_dask_workers, mounted
from nothing_engine import NothingEngine, nothing_plan, some_layers, table
from small_archs import plain

from flexloop.classes import all_classes
from flexloop.engines.select import EngineSettings
from flexloop.errors import OutputError
from flexloop.runner import Placement, run_layers
from flexloop.study import StudyOptions, run_study
from flexloop.workload import Layer, Network

NET = Network(name="net", layers=(Layer(name="a", C=8, M=6, P=2), Layer(name="b", C=3, M=5, R=3, P=6)))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_costs_a_cell(fault: str, tmp_path: Path) -> None:
    cause = FAULTS[fault]
    if cause in NEED_ROOT and not can_mount(tmp_path):
        pytest.skip("only root may mount the small file system that this needs")
    if cause is kill_dask_workers:
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    assert cause(tmp_path, random.Random(str(tmp_path))) == 0


def test_two_thousand_cells_in_one_study(tmp_path: Path) -> None:
    """The large version, 10,000, is in ``benchmarks/faults.py``."""
    plan = nothing_plan(None, NothingEngine(exhaustive=True))
    results = list(run_layers(plan, all_classes(), some_layers(125), Placement()))
    assert len(table(results).splitlines()) == 2000
    assert {r.status for r in results} == {"ok"}


def test_results_that_find_the_disk_full_say_so_and_leave_the_old_ones(tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("only root may mount the small file system that this needs")
    options = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, use_store=False)
    results = run_study(["T0O0P0S0"], [NET], plain(), options)
    with mounted(tmp_path / "small", "size=256k") as small:
        results.save(small)
        before = (small / "results.csv").read_bytes()
        with (small / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        with pytest.raises(OutputError, match="No space left"):
            results.save(small)
        assert (small / "results.csv").read_bytes() == before
        assert not list(small.glob(".tmp-*"))


@pytest.mark.container
def test_a_container_killed_from_outside_costs_no_cell(tmp_path: Path) -> None:
    cli = next(name for name in ("docker", "podman") if shutil.which(name))
    extra = tuple(shlex.split(os.environ.get("FLEXLOOP_TEST_CONTAINER_ARGS", "")))
    engines = EngineSettings("container", "embedded", cli, os.environ["FLEXLOOP_TEST_IMAGE"], extra)
    options = StudyOptions(engines=engines, jobs=1, use_store=False)
    expected = run_study(["T0O0P0S0", "T1O0P0S0"], [NET], plain(), options).rows
    killed: list[str] = []
    over = threading.Event()

    def kill_two() -> None:
        list_ours = [cli, "ps", "--quiet", "--filter", "label=flexloop=run"]
        while len(killed) < 2 and not over.is_set():
            for name in subprocess.run(list_ours, capture_output=True, text=True, check=False).stdout.split():
                if subprocess.run([cli, "kill", name], capture_output=True, check=False).returncode == 0:
                    killed.append(name)
            time.sleep(0.01)

    killer = threading.Thread(target=kill_two)
    killer.start()
    try:
        got = run_study(["T0O0P0S0", "T1O0P0S0"], [NET], plain(), options).rows
    finally:
        over.set()
        killer.join()
    assert killed, "no container lived long enough to be killed"
    columns = ["class", "layer", "status", "cycles", "energy_pj", "mapping"]
    assert got[columns].equals(expected[columns])


def test_a_study_in_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from nothing_engine import *\n"
        "results = list(run_layers(nothing_plan(None), all_classes(), some_layers(1), Placement(2)))\n"
        "print(len(results))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    said = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "16\n"
