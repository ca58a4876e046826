"""Programs run without a shell, are stopped with all their children, and leave their log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flexloop.engines.process import run_program, tail
from flexloop.errors import EngineError, OutputError

SLEEPER = "echo $$ > pid; exec sleep 600"
PARENT = f"sh -c '{SLEEPER}'; true"
STUBBORN = f"trap '' INT; {SLEEPER}"


def wait_for(path: Path) -> int:
    """The process id in a file that a program is about to write."""
    for _ in range(2000):
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


def gone(pid: int) -> bool:
    """Whether a process ends (or is a zombie that its new parent has yet to reap)."""
    for _ in range(500):
        try:
            os.kill(pid, 0)
            if "Z (zombie)" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.01)
    return False


def test_output_goes_to_the_log_and_the_status_comes_back(tmp_path: Path) -> None:
    code = "import sys; print('to stdout', flush=True); print('to stderr', file=sys.stderr); sys.exit(3)"
    finished = run_program([sys.executable, "-c", code], tmp_path, tmp_path / "log")
    assert (finished.status, finished.timed_out) == (3, False)
    assert tail(finished.log) == ["to stdout", "to stderr"]


def test_arguments_are_not_seen_by_a_shell(tmp_path: Path) -> None:
    finished = run_program(["echo", "$HOME; touch x", "*"], tmp_path, tmp_path / "log")
    assert tail(finished.log) == ["$HOME; touch x *"]
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("program", ["no-such-program", "."])
def test_program_that_does_not_start(tmp_path: Path, program: str) -> None:
    with pytest.raises(EngineError, match=f"^{program} does not start: "):
        run_program([program], tmp_path, tmp_path / "log")


def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write .*log: "):
        run_program(["true"], tmp_path, tmp_path / "absent" / "log")


@pytest.mark.parametrize("code", [PARENT, STUBBORN], ids=["with a child", "deaf to the interrupt"])
def test_timeout_ends_all_processes(tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flexloop.engines.process.GRACE_S", 0.2)
    stopped: list[str] = []
    finished = run_program(
        ["sh", "-c", code], tmp_path, tmp_path / "log", 2.0, on_stop=lambda: stopped.append("stopped")
    )
    assert finished.timed_out
    assert stopped == ["stopped"]
    assert gone(wait_for(tmp_path / "pid"))


def test_interrupt_ends_all_processes(tmp_path: Path) -> None:
    caller = (
        "import sys; from pathlib import Path; from flexloop.engines.process import run_program\n"
        f"run_program(['sh', '-c', {PARENT!r}], Path('.'), Path('log'), on_stop=lambda: print('stopped'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", caller], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child = wait_for(tmp_path / "pid")
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert output.strip() == "stopped"
    assert "KeyboardInterrupt" in error
    assert gone(child)


def test_tail_of_a_log_that_is_missing_or_not_text(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == []
    (tmp_path / "log").write_bytes(b"\xff\xfe garbage\n\n" + b"x\n" * 100_000)
    assert tail(tmp_path / "log", lines=2) == ["x", "x"]
