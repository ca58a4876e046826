"""Timeloop in containers: how they are started, what is left of them, and what every failure says.

Tests marked ``container`` start real ones of the image FLEXLOOP_TEST_IMAGE, with the further arguments of
FLEXLOOP_TEST_CONTAINER_ARGS.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import fake_timeloop
import pytest
from faults import hear_interrupts
from test_engine_timeloop import energy, everything_at, space
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.doctor import examine
from flexloop.engines.base import SearchOptions
from flexloop.engines.container import ContainerLauncher
from flexloop.engines.container_batch import BatchLauncher
from flexloop.engines.containercli import Container, container_name, default_image
from flexloop.engines.containerengine import ContainerEngine
from flexloop.engines.formats import V4Format
from flexloop.engines.launcher import Job
from flexloop.engines.select import EngineSettings
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import EngineError
from flexloop.evaluation import Evaluation

IMAGE = os.environ.get("FLEXLOOP_TEST_IMAGE", "")
EXTRA = tuple(shlex.split(os.environ.get("FLEXLOOP_TEST_CONTAINER_ARGS", "")))
TREE = Path(__file__).parent / "golden_accelergy" / "tree"
NO_ERT = Path(__file__).parent / "data" / "cases" / "c41-exercises67-no-ert"
"""Timeloop's files without an ERT, for a model and for a mapper."""

HAS_TIMELOOP = "echo timeloop-model /usr/bin/timeloop-model; echo timeloop-mapper /usr/bin/timeloop-mapper"
"""What the look into an image says where it has Timeloop's commands."""


def install_cli(
    folder: Path,
    name: str,
    run: str = "exit 0",
    inspect: str = "echo sha256:0123456789abcdef",
    info: str = "echo '[]'",
    version: str = "",
    probe: str = HAS_TIMELOOP,
) -> Path:
    """A stand-in for a container CLI that writes down how it is called and answers with shell code."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    calls = folder / f"{name}.calls"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\n'
        f'[ "$1" != --version ] || {{ echo "{version or name}"; exit; }}\n'
        'while [ "${1#-}" != "$1" ]; do shift 2; done\n'
        f'case "$1" in\n  image) {inspect};;\n  inspect) echo true;;\n  info) {info};;\n'
        f'  run) case "$*" in *flexloop-probe-*) {probe};; *) {run};; esac;;\nesac\n'
    )
    program.chmod(0o755)
    return calls


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stand-ins, with nothing on PATH but it and the system's own programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("sh", "sleep", "cp", "echo", "cat"):
        (folder / program).symlink_to(f"/bin/{program}")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def image() -> str:
    """An image of this test's own, so that no answer is remembered from another test."""
    return f"test-{time.monotonic_ns()}"


def test_a_container_sees_one_folder_and_no_network(tmp_path: Path) -> None:
    container = Container("docker", "timeloop", ("--ulimit", "nofile=1024"))
    command = container.command("flexloop-x", tmp_path, ["timeloop-model", "arch.yaml"], 2, read_only=True)
    text = " ".join(command)
    assert text.startswith("docker run --name flexloop-x ")
    assert "--network none" in text
    assert "--read-only" in command
    assert f"--user {os.getuid()}:{os.getgid()}" in text
    assert "--cpus 2" in text
    assert "--memory 4g" in text
    assert command.count("--volume") == 1
    assert f"--volume {tmp_path}:/flexloop-run:Z --workdir /flexloop-run" in text
    assert text.endswith("--ulimit nofile=1024 --entrypoint timeloop-model timeloop arch.yaml")


def identity(cli: str) -> str:
    """The arguments that say as whom a container runs."""
    command = Container(cli, "image").command("x", None, ["sh"], 1, read_only=True)
    start = command.index("--user")
    return " ".join(command[start : command.index("--memory")])


@pytest.mark.parametrize(
    ("security", "arguments"),
    [
        ("[name=seccomp,profile=builtin]", "--user 1234:99"),
        ("[name=seccomp,profile=builtin name=rootless]", "--user 0:0"),
        ("[name=userns]", "--user 1234:99 --userns host"),
    ],
)
def test_files_are_the_callers_whatever_docker_does_to_users(
    path: Path, monkeypatch: pytest.MonkeyPatch, security: str, arguments: str
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    monkeypatch.setattr("os.getgid", lambda: 99)
    install_cli(path, "docker", info=f"echo '{security}'")
    assert identity("docker") == arguments


@pytest.mark.parametrize("cli", ["podman", "docker"])
def test_files_are_the_callers_with_podman_under_either_name(
    path: Path, monkeypatch: pytest.MonkeyPatch, cli: str
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    monkeypatch.setattr("os.getgid", lambda: 99)
    install_cli(path, cli, version="podman version 4.3.1")
    assert identity(cli) == "--user 1234:99 --userns keep-id"


def test_image_is_looked_up_where_containers_run(path: Path) -> None:
    calls = install_cli(path, "podman")
    ContainerEngine("podman", image(), ("--root", "/elsewhere", "--memory=8g")).info()
    asked = [line for line in calls.read_text().splitlines() if line != "--version"]
    assert len(asked) > 2
    assert all(line.startswith("--root /elsewhere ") for line in asked)


def test_containers_are_of_the_image_that_was_looked_up(path: Path, tmp_path: Path) -> None:
    calls = install_cli(path, "podman", run=f"{fake_timeloop.REPORT} .")
    name = image()
    ContainerEngine("podman", name).evaluate(everything_at("DRAM"), energy(), tmp_path / "run")
    run = next(line for line in calls.read_text().splitlines() if line.startswith("run "))
    assert "--pull never" in run
    assert "--entrypoint timeloop-model 0123456789abcdef " in run
    assert name not in run


@pytest.mark.parametrize("extra", [("--runtime", "runc", "--memory=8g"), ("--memory=8g", "--runtime=runc")])
def test_podman_takes_its_global_options_before_the_command(extra: tuple[str, ...]) -> None:
    before, _, after = " ".join(
        Container("podman", "image", extra).command("x", None, ["sh"], 1, read_only=True)
    ).partition(" run ")
    assert before.replace("=", " ") == "podman --runtime runc"
    assert "--memory=8g" in after
    assert " ".join(Container("docker", "image", extra).command("x", None, ["sh"], 1, read_only=True)).startswith(
        "docker run "
    )


def test_name_says_which_cell_it_is_and_is_unique() -> None:
    names = {container_name("T1O0P1S0-conv 1/ä;$(x)") for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("flexloop-T1O0P1S0-conv-1-x-") for name in names)


def test_default_image_is_of_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert default_image() == "timeloopaccelergy/timeloop-accelergy-pytorch:latest-arm64"
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert default_image() == "timeloopaccelergy/timeloop-accelergy-pytorch:latest-amd64"


def test_no_cli(path: Path) -> None:
    with pytest.raises(
        EngineError, match="^docker not found on PATH; podman not found on PATH; or use --engine embedded"
    ):
        ContainerEngine(image=image()).info()


def test_daemon_that_is_down_and_image_that_is_missing(path: Path) -> None:
    down = "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1"
    install_cli(path, "docker", inspect=down)
    install_cli(path, "podman", inspect="echo 'Error: no such image timeloop' >&2; exit 125")
    with pytest.raises(
        EngineError, match="docker: its daemon does not answer; start it, .* podman: image .* get it with `podman pull"
    ):
        ContainerEngine(image=image()).info()


@pytest.mark.parametrize(
    ("cli", "name", "way_out"),
    [
        ("docker", "somebody/timeloop", "docker pull somebody/timeloop`"),
        ("podman", "somebody/timeloop", "podman pull docker.io/somebody/timeloop`"),
        ("podman", "registry.example.org/timeloop", "podman pull registry.example.org/timeloop`"),
        ("podman", "localhost/timeloop", "podman build --tag localhost/timeloop FOLDER`"),
    ],
)
def test_missing_image_says_how_to_get_it(path: Path, cli: str, name: str, way_out: str) -> None:
    install_cli(path, cli, inspect="echo 'Error: No such image' >&2; exit 1")
    with pytest.raises(EngineError, match=f"image {name} is not here; .*{way_out}"):
        ContainerEngine(cli, name).info()


def test_daemon_that_may_not_be_used(path: Path) -> None:
    denied = "echo 'permission denied while trying to connect to the Docker daemon socket at unix:///x' >&2; exit 1"
    install_cli(path, "docker", inspect=denied)
    with pytest.raises(EngineError, match="you may not use its daemon; join the group .* --container-cli podman"):
        ContainerEngine("docker", image()).info()


def test_host_that_refuses_the_usual_limits(path: Path) -> None:
    install_cli(path, "podman", probe="echo 'runc: error setting rlimit type 7: operation not permitted' >&2; exit 126")
    with pytest.raises(EngineError, match="set lower ones with --container-arg=--ulimit=nofile=1024:1024 "):
        ContainerEngine("podman", image()).info()


def test_the_cli_that_has_the_image_is_taken(path: Path) -> None:
    install_cli(path, "docker", inspect="echo 'Error: No such image: timeloop' >&2; exit 1")
    install_cli(path, "podman")
    name = image()
    info = ContainerEngine(image=name).info()
    assert (info.name, info.version, info.detail) == ("container", "image 0123456789ab", f"podman {name}")


def test_drop_in_in_an_image_is_named(path: Path) -> None:
    install_cli(
        path, "podman", probe=f"{HAS_TIMELOOP}; echo; echo \"# Timeloop's command served by flexloop's own model\""
    )
    assert ContainerEngine(image=image()).info().version == "flexloop drop-in, image 0123456789ab"


def test_image_without_the_programs(path: Path) -> None:
    install_cli(path, "podman", probe="echo tl /usr/bin/tl")
    with pytest.raises(EngineError, match="has no timeloop-model and timeloop-mapper; choose another --image"):
        ContainerEngine(image=image()).info()


def test_the_v4_front_end_is_looked_for_in_the_image_before_anything_runs(path: Path) -> None:
    install_cli(path, "podman")
    with pytest.raises(EngineError, match=r"image test-\d+ has no tl \(pytimeloop\), which --format v4 needs; choose"):
        ContainerEngine(image=image(), form=V4Format()).info()
    install_cli(path, "podman", probe=f"{HAS_TIMELOOP}; echo tl /usr/bin/tl")
    assert ContainerEngine(image=image(), form=V4Format()).info().version == "image 0123456789ab through v4"


def test_doctor_looks_into_the_image(path: Path) -> None:
    calls = install_cli(path, "podman", probe=f"{HAS_TIMELOOP}; echo tl /opt/tl")
    name = image()
    found = {f.name: (f.works, f.detail) for f in examine(EngineSettings(image=name, container_args=("--memory=9g",)))}
    assert found["in the image: tl"] == (True, "/opt/tl")
    assert found["in the image: accelergy"] == (False, f"not in image {name} 0123456789ab; choose another --image")
    assert calls.read_text().count("flexloop-probe-") == 2, "looked into more than once: one run, one removal"
    assert "--memory=9g" in calls.read_text()
    install_cli(path, "podman", inspect="exit 1")
    assert not any("in the image" in f.name for f in examine(EngineSettings(image=image())))


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--net", "ncf", "--class", "T0O0P0S0", "--no-store", "--engine", "embedded"],
        ["render", "--net", "ncf", "--class", "T0O0P0S0"],
        ["design", "--net", "ncf"],
        ["energy", "make"],
        ["energy", "show"],
        ["model", str(TREE)],
        ["mapper", str(NO_ERT)],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_runs_accelergy_in_the_container_that_was_asked_for(
    command: list[str], path: Path, tmp_path: Path
) -> None:
    calls = install_cli(path, "podman", run="exit 41")
    options = ["--energy", "accelergy", "--image", image(), "--container-cli", "podman", "--container-arg=--memory=9g"]
    folder = [] if command[:2] == ["energy", "show"] else ["-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, *options, *folder])
    assert "has no accelergy; choose another --image" in " ".join(result.output.split())
    (start,) = [line for line in calls.read_text().splitlines() if "accelergy.sh" in line]
    assert "--memory=9g" in start


def test_container_is_removed_after_its_run(path: Path, tmp_path: Path) -> None:
    calls = install_cli(path, "podman", run=f"{fake_timeloop.REPORT} .")
    evaluation = ContainerEngine(image=image()).evaluate(everything_at("DRAM"), energy(), tmp_path / "run")
    assert evaluation.cycles == 903_168
    run, remove = calls.read_text().splitlines()[-2:]
    name = run.split()[2]
    assert name.startswith("flexloop-evaluate-conv-")
    assert remove == f"rm --force --time 0 {name}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("echo 'Error: invalid ulimit' >&2; exit 125", "podman could not start a container .* invalid ulimit"),
        ("echo 'executable file not found in $PATH' >&2; exit 127", "cannot run timeloop-model and timeloop-mapper"),
        ("exit 137", "ran out of memory; its limit is 4g .* --container-arg=--memory=8g"),
        ("echo 'ERROR: key not found: mapping' >&2; exit 1", "key not found: mapping"),
    ],
)
def test_run_that_fails(path: Path, tmp_path: Path, code: str, message: str) -> None:
    calls = install_cli(path, "podman", run=code)
    with pytest.raises(EngineError, match=message):
        ContainerEngine(image=image()).evaluate(everything_at("DRAM"), energy(), tmp_path / "run")
    assert calls.read_text().splitlines()[-1].startswith("rm --force --time 0 flexloop-")


def test_image_that_does_not_stand_a_read_only_root(path: Path, tmp_path: Path) -> None:
    refuse = "case \"$*\" in *--read-only*) echo 'mkdir: Read-only file system'; exit 1;; esac"
    calls = install_cli(path, "podman", run=f"{refuse}; {fake_timeloop.REPORT} .")
    engine = ContainerEngine(image=image())
    for folder in ("first", "second"):
        assert engine.evaluate(everything_at("DRAM"), energy(), tmp_path / folder).valid
    runs = [line for line in calls.read_text().splitlines() if line.startswith("run ")]
    assert ["--read-only" in line for line in runs] == [True, False, False]


def test_timeout_removes_the_container(path: Path, tmp_path: Path) -> None:
    calls = install_cli(path, "podman", run="exec sleep 600")
    with pytest.raises(EngineError, match="stopped after"):
        ContainerEngine(image=image()).map(space("T0O0P0S0"), energy(), SearchOptions(timeout_s=0.5), (), tmp_path)
    assert calls.read_text().splitlines()[-1].startswith("rm --force --time 0 flexloop-T0O0P0S0-conv-")


def engine(*, batch: bool = False) -> ContainerEngine:
    return ContainerEngine(None, IMAGE, EXTRA, batch=batch)


def containers(label: str) -> list[str]:
    """Containers of this project with a label in their names that exist, running or not."""
    cli = engine().info().detail.split()[0]
    command = [cli, "ps", "--all", "--filter", "label=flexloop=run", "--format", "{{.Names}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if label in name]


@pytest.mark.container
def test_real_container_costs_a_mapping_and_leaves_nothing_behind(tmp_path: Path) -> None:
    fits = engine().evaluate(everything_at("DRAM"), energy(), tmp_path / "fits")
    assert (fits.valid, fits.cycles) == (True, 768)
    refused = engine().evaluate(everything_at("Spad"), energy(), tmp_path / "refused")
    assert refused == Evaluation.invalid("couldn't map level Spad: mapped tile size 192 exceeds buffer capacity 14")
    assert {path.stat().st_uid for path in (tmp_path / "fits").iterdir()} == {os.getuid()}
    assert not containers("evaluate-conv")


@pytest.mark.container
def test_real_container_searches(tmp_path: Path) -> None:
    winner = engine().map(space("T0O0P0S0"), energy(), SearchOptions(), (), tmp_path / "map")
    assert engine().evaluate(winner.candidate, energy(), tmp_path / "model") == winner.evaluation


def sleep_in_container(folder: Path, timeout_s: float | None, label: str) -> None:
    """Run something long with the launcher of the engine."""
    ContainerLauncher(None, IMAGE, EXTRA).run(Job("sleep", ["600"], folder, label, timeout_s=timeout_s))


def start_sleeping(folder: Path, label: str) -> subprocess.Popen[bytes]:
    """A process that waits for a container which runs."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_engine_container as t\n"
        "t.sleep_in_container(Path(sys.argv[2]), None, sys.argv[3])"
    )
    here = str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", code, here, str(folder), label], preexec_fn=hear_interrupts)
    while not containers(label):
        assert process.poll() is None
        time.sleep(0.1)
    return process


@pytest.mark.container
def test_real_container_is_gone_after_a_timeout(tmp_path: Path) -> None:
    sleep_in_container(tmp_path, 1.0, "too-long")
    assert not containers("too-long")


@pytest.mark.container
def test_real_container_is_gone_after_an_interrupt(tmp_path: Path) -> None:
    process = start_sleeping(tmp_path, "interrupted")
    process.send_signal(2)
    process.wait(60)
    assert not containers("interrupted")


@pytest.mark.container
def test_real_container_out_of_memory_says_so(tmp_path: Path) -> None:
    (tmp_path / "eat.sh").write_text("x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done\n")
    launcher = ContainerLauncher(None, IMAGE, (*EXTRA, "--memory=32m"))
    with pytest.raises(EngineError, match="out of memory; its limit is"):
        launcher.run(Job("sh", ["eat.sh"], tmp_path, "hungry"))


@pytest.mark.container
def test_real_container_killed_from_outside_says_so(tmp_path: Path) -> None:
    cli = engine().info().detail.split()[0]
    victim = f"$({cli} ps --quiet --filter name=flexloop-victim)"
    killer = subprocess.Popen(
        ["/bin/sh", "-c", f"until {cli} kill --signal KILL {victim}; do sleep 0.2; done"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with pytest.raises(EngineError, match="the container was killed, from outside or"):
        sleep_in_container(tmp_path, None, "victim")
    killer.wait(60)


@pytest.mark.container
def test_real_container_of_a_process_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    process = start_sleeping(tmp_path, "orphan")
    ContainerLauncher(None, IMAGE, EXTRA).container.remove_orphans()
    assert containers("orphan"), "its process lives"
    process.kill()
    process.wait(60)
    ContainerLauncher(None, IMAGE, EXTRA).container.remove_orphans()
    assert not containers("orphan")


@pytest.fixture
def others() -> list[str]:
    """Batch containers that are there before the test and none of its business."""
    return containers("flexloop-batch")


@pytest.mark.container
def test_real_batch_container_serves_many_runs(tmp_path: Path, others: list[str]) -> None:
    launcher = BatchLauncher(ContainerLauncher(None, IMAGE, EXTRA))
    batch = TimeloopEngine(launcher)
    figures = [batch.evaluate(everything_at("DRAM"), energy(), tmp_path / f"{i}") for i in range(3)]
    assert len(containers("flexloop-batch")) == len(others) + 1
    launcher.close()
    assert containers("flexloop-batch") == others
    assert figures == [engine().evaluate(everything_at("DRAM"), energy(), tmp_path / "alone")] * 3


@pytest.mark.container
def test_real_batch_container_goes_with_its_engine(tmp_path: Path, others: list[str]) -> None:
    batch = engine(batch=True)
    assert batch.map(space("T0O0P0S0"), energy(), SearchOptions(), (), tmp_path / "map").evaluation.valid
    del batch
    assert containers("flexloop-batch") == others


@pytest.mark.container
def test_real_batch_container_starts_again_after_a_timeout(tmp_path: Path, others: list[str]) -> None:
    launcher = BatchLauncher(ContainerLauncher(None, IMAGE, EXTRA))
    (tmp_path / "600").touch()  # arguments are names of files here
    assert launcher.run(Job("sleep", ["600"], tmp_path, "too-long", timeout_s=0.5)).timed_out
    assert containers("flexloop-batch") == others
    assert launcher.run(Job("true", [], tmp_path, "next")).status == 0
    launcher.close()


@pytest.mark.container
def test_real_batch_container_killed_from_outside_says_so_and_is_replaced(
    tmp_path: Path, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    launcher = BatchLauncher(ContainerLauncher(None, IMAGE, EXTRA))
    assert launcher.run(Job("true", [], tmp_path, "first")).status == 0
    (mine,) = set(containers("flexloop-batch")) - set(others)
    (tmp_path / "wait.sh").write_text("touch started; sleep 600\n")
    kill = f"{launcher.info().detail.split()[0]} kill --signal KILL {mine}"
    killer = subprocess.Popen(["/bin/sh", "-c", f"until [ -e {tmp_path}/*/*/started ]; do sleep 0.1; done; {kill}"])
    with pytest.raises(EngineError, match="from outside"):
        launcher.run(Job("sh", ["wait.sh"], tmp_path, "second"))
    assert killer.wait(60) == 0
    assert launcher.run(Job("true", [], tmp_path, "third")).status == 0
    assert mine not in containers("flexloop-batch")
    launcher.close()
    assert containers("flexloop-batch") == others


@pytest.mark.container
def test_real_batch_container_ends_with_a_process_that_is_killed(tmp_path: Path, others: list[str]) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_engine_container as t\n"
        "launcher = t.BatchLauncher(t.ContainerLauncher(None, t.IMAGE, t.EXTRA))\n"
        "launcher.run(t.Job('true', [], Path(sys.argv[2]), 'first')); os.kill(os.getpid(), 9)"
    )
    there = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)], env=there)
    for _ in range(200):
        if containers("flexloop-batch") == others:
            return
        time.sleep(0.1)
    raise AssertionError("the container outlived the process")
