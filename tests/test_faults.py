"""After any fault the final table equals that of an undisturbed run (see `faults`)."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faults import (
    FAULTS,
    LONG,
    PATIENCE_S,
    can_mount,
    children,
    finished,
    mounted,
    obstacle,
    wait_until,
)
from small_archs import plain

from flexloop.engines.select import EngineSettings
from flexloop.errors import OutputError
from flexloop.study import StudyOptions, run_study
from flexloop.workloads.layers import Layer, Network

NET = Network(name="net", layers=(Layer(name="a", C=8, M=6, P=2), Layer(name="b", C=3, M=5, R=3, P=6)))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes through /proc")
@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in FAULTS]
)
def test_no_fault_costs_a_cell(fault: str, tmp_path: Path) -> None:
    if missing := obstacle(FAULTS[fault], tmp_path):
        pytest.skip(missing)
    assert FAULTS[fault](tmp_path, random.Random(fault)) == 0


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


@pytest.mark.slow
@pytest.mark.parametrize("store", [True, False])
def test_ctrl_c_stops_the_command_and_says_what_is_kept(store: bool, tmp_path: Path) -> None:
    """The command runs as a user's would: in a process group of its own, all of which hears the interrupt."""
    layers = "".join(f"  - {{name: l{n}, C: {n}, M: {n + 60}, P: 56, Q: 56, R: 3, S: 3}}\n" for n in range(1, 60))
    (tmp_path / "net.yaml").write_text(f"name: net\nlayers:\n{layers}")
    command = [
        sys.executable,
        "-c",
        "from flexloop.__main__ import main; main()",
        "compare",
        "--net",
        "net.yaml",
        "--jobs",
        "2",
    ]
    environment = os.environ | {"FLEXLOOP_STORE": str(tmp_path / "store"), "PYTHONPATH": os.pathsep.join(sys.path)}
    study = subprocess.Popen(
        [*command, "--engine", "embedded", *([] if store else ["--no-store"])],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: bool(children(study.pid)) and (not store or finished(tmp_path / "store") > 3))
    os.killpg(study.pid, signal.SIGINT)
    said, complaint = study.communicate(timeout=PATIENCE_S)
    assert study.returncode == 130
    assert "Traceback" not in complaint and not said
    if store:
        match = re.search(r"interrupted: (\d+) of 944 cells are finished and kept; the same command", complaint)
        assert match and int(match[1]) <= finished(tmp_path / "store")
    else:
        assert "none is kept without a store" in complaint
