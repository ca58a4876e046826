"""What the command tells a shell: its exit status, however it ends, and never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import fake_timeloop
import pytest
from faults import PATIENCE_S, children, hear_interrupts, wait_until
from typer.testing import CliRunner, Result

from flexloop.cli import app

TIMELOOP = ("--engine", "timeloop", "--mapper", "embedded")

TOO_LARGE = """\
name: net
layers:
  - {name: fits, C: 8, M: 8}
  - {name: huge, C: 1048576, M: 64, R: 7, S: 7, P: 56, Q: 56, Wstride: 4, Hstride: 4}
"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEXLOOP_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", "--net", "ncf", "--jobs", "1", *arguments])


def fake_model(folder: Path, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setenv("PATH", f"{fake_timeloop.install(folder / 'bin', model=model)}{os.pathsep}{os.environ['PATH']}")


def start(*arguments: str, **more: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, as a shell would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "flexloop", *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )


def test_0_where_every_layer_has_its_result() -> None:
    assert invoke("--class", "T0O0P0S0", "--engine", "embedded").exit_code == 0


def test_1_where_a_cell_failed_and_tables_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_model(tmp_path, monkeypatch, "echo 'ERROR: out of luck' >&2; exit 1")
    result = invoke("--class", "T0O0P0S0", *TIMELOOP, "--quiet", "-o", "out")
    assert result.exit_code == 1
    assert "error: 4 of 4 cells failed, the first of them T0O0P0S0 on layer mlp.fc1: failed 3 times" in result.stderr
    assert "out of luck" in result.stderr
    assert (tmp_path / "out" / "results.csv").read_text().count("failed 3 times") == 4


def test_0_where_what_has_no_result_is_proved_to_have_none(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(TOO_LARGE)
    arguments = ["run", "--class", "T0O0P0S0", "--engine", "embedded", "--jobs", "1", "--arch", "tiny.yaml", "--json"]
    (tmp_path / "tiny.yaml").write_text(_tiny())
    result = CliRunner().invoke(app, [*arguments, "--net", "net.yaml"])
    assert '"unmappable"' in result.stdout
    assert result.exit_code == 0, result.stderr
    (tmp_path / "net.yaml").write_text(TOO_LARGE.replace("  - {name: fits, C: 8, M: 8}\n", ""))
    result = CliRunner().invoke(app, [*arguments, "--net", "net.yaml"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no layer has a result; huge: ")


def test_1_for_a_wrong_name_and_2_for_a_wrong_option() -> None:
    assert invoke("--class", "T9").exit_code == 1
    assert invoke("--no-such-option").exit_code == 2


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_128_and_the_signal_where_it_is_stopped_and_what_it_started_is_gone(
    number: signal.Signals, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    fake_model(tmp_path, monkeypatch, f"echo $$ > {pid}; exec sleep 600")
    study = start("run", "--class", "T0O0P0S0", "--net", "ncf", "--jobs", "1", *TIMELOOP, TMPDIR=str(tmp_path))
    wait_until(lambda: pid.exists() and bool(pid.read_text().strip()))
    os.killpg(study.pid, number)
    os.killpg(study.pid, number)  # as launchers do, which signal the group and its leader
    said, complaint = study.communicate(timeout=PATIENCE_S)
    assert (study.returncode, said) == (status, "")
    assert complaint == "interrupted: 0 of 4 cells are finished and kept; the same command goes on from there\n"
    assert not Path(f"/proc/{pid.read_text().strip()}").exists(), "Timeloop runs on"
    assert not list(tmp_path.glob("flexloop-*")), "a run folder is left over"


def test_an_interrupt_while_the_command_still_imports_prints_no_traceback(tmp_path: Path) -> None:
    slow = tmp_path / "typer"
    slow.mkdir()
    (slow / "__init__.py").write_text(
        f"import pathlib, time\npathlib.Path({str(tmp_path / 'importing')!r}).touch()\ntime.sleep(600)\n"
    )
    study = start("nets", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    wait_until((tmp_path / "importing").exists)
    os.killpg(study.pid, signal.SIGINT)
    _, complaint = study.communicate(timeout=PATIENCE_S)
    assert (study.returncode, complaint) == (130, "interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("where", [(), ("--dask", "local")])
def test_an_interrupt_while_workers_still_import_prints_no_traceback(where: tuple[str, ...]) -> None:
    if where:
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    study = start("compare", "--net", "resnet50", "--jobs", "2", "--engine", "embedded", *where)
    wait_until(lambda: any(b"spawn_main" in _command(child) for child in children(study.pid)))
    os.killpg(study.pid, signal.SIGINT)
    _, complaint = study.communicate(timeout=PATIENCE_S)
    assert study.returncode == 130
    assert "Traceback" not in complaint
    assert "interrupted: " in complaint


def test_an_interrupt_that_python_drops_comes_again() -> None:
    """What is raised while an object is cleaned up is dropped; code below any library may be at that."""
    code = (
        "import signal, time; from flexloop import interrupts; interrupts.listen()\n"
        "class Dying:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT); time.sleep(0.1)\n"
        "try:\n"
        "    Dying(); time.sleep(600)\n"
        "except KeyboardInterrupt: print('heard')\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, preexec_fn=hear_interrupts
    )
    assert (said.stdout, said.stderr) == ("heard\n", "")


def test_a_command_that_ignores_interrupts_goes_on_ignoring_them() -> None:
    code = "import signal; from flexloop import interrupts; interrupts.listen(); signal.raise_signal(signal.SIGHUP)"
    command = ["nohup", sys.executable, "-c", f"{code}; print('on')"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.endswith("on\n")


@pytest.mark.parametrize(
    "command",
    [
        ("net", "show", "resnet50"),
        pytest.param(("run", "-c", "T0O0P0S0", "-n", "ncf", "--json"), marks=pytest.mark.slow),
    ],
)
def test_141_where_nobody_reads_what_it_says(command: tuple[str, ...]) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    process = subprocess.run(
        [sys.executable, "-m", "flexloop", *command],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(theirs)
    assert (process.returncode, process.stderr) == (141, "")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _tiny() -> str:
    """The documentation's small arch spec."""
    return (Path(__file__).parents[1] / "docs" / "tiny4.yaml").read_text()
