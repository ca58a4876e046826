"""Timeloop in a container, through Docker or Podman: one container a run, with nothing but the run's folder in it."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flexloop.engines.base import EngineInfo
from flexloop.engines.launcher import DROP_IN, MAPPER, MODEL, Job
from flexloop.engines.process import Finished, run_program, tail
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import EngineError

CLIS = ("docker", "podman")
MEMORY = "4g"
"""Memory limit of a container; ``--memory`` among the extra arguments overrides it."""

FOLDER = "/flexloop-run"
"""Where the run's folder stands in the container."""

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
_GLOBAL = ("--runtime", "--root", "--runroot", "--storage-driver", "--cgroup-manager", "--connection", "--url")
"""Options that Podman takes before the command, not after it."""

_QUERY_TIMEOUT_S = 60.0
_PROBE = f'for p in {MODEL} {MAPPER}; do command -v "$p" || exit 127; done; head -c 256 "$(command -v {MODEL})"'


def default_image() -> str:
    """The published image of Timeloop and Accelergy for this machine's processor."""
    architecture = _ARCHITECTURES.get(platform.machine().lower(), "amd64")
    return f"timeloopaccelergy/timeloop-accelergy-pytorch:latest-{architecture}"


@dataclass(frozen=True)
class Container:
    """A container CLI, an image, and how containers are started.

    Attributes:
        cli: ``docker`` or ``podman``.
        image: the image's name.
        extra: further arguments of ``run``.
    """

    cli: str
    image: str
    extra: tuple[str, ...] = ()

    def image_id(self) -> str:
        """The image's id; EngineError where the CLI, its daemon or the image is missing."""
        answer = _query([self.cli, "image", "inspect", "--format", "{{.Id}}", self.image])
        if answer.returncode == 0:
            return answer.stdout.strip().removeprefix("sha256:")[:12]
        said = answer.stderr.strip()
        if _is_down(said):
            raise EngineError(
                f"{self.cli}: its daemon does not answer ({_last(said)}); start it, or take the other one with "
                f"--container-cli {'podman' if self.cli == 'docker' else 'docker'}"
            )
        if "no such image" in said.lower() or "not known" in said.lower() or "no such object" in said.lower():
            raise EngineError(f"{self.cli}: image {self.image} is not here; get it with `{self.cli} pull {self.image}`")
        raise EngineError(f"{self.cli} cannot inspect image {self.image}: {_last(said)}")

    def command(
        self, name: str, folder: Path | None, program: Sequence[str], cpus: int, *, read_only: bool
    ) -> list[str]:
        """The command line that runs a program in a container of its own.

        Args:
            name: the container's name.
            folder: the only folder that it sees, or None.
            program: program and arguments; they take the place of the image's entry point.
            cpus: processors it may use.
            read_only: whether its root is read-only.
        """
        user = f"{os.getuid()}:{os.getgid()}"
        arguments = ["--name", name, "--label", "flexloop=run", "--network", "none", "--user", user]
        arguments += ["--memory", MEMORY, "--cpus", str(cpus), "--pids-limit", "512", "--cap-drop", "ALL"]
        arguments += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp", "--env", "HOME=/tmp"]  # noqa: S108
        if read_only:
            arguments.append("--read-only")
        if self.cli == "podman" and os.getuid() != 0:
            arguments += ["--userns", "keep-id"]
        if folder is not None:
            arguments += ["--volume", f"{folder}:{FOLDER}:Z", "--workdir", FOLDER]
        before, after = self._extra()
        return [self.cli, *before, "run", *arguments, *after, "--entrypoint", program[0], self.image, *program[1:]]

    def _extra(self) -> tuple[list[str], list[str]]:
        """The extra arguments, split into those before ``run`` and those after it."""
        before: list[str] = []
        after: list[str] = []
        queue = list(self.extra)
        while queue:
            argument = queue.pop(0)
            if self.cli == "podman" and argument.partition("=")[0] in _GLOBAL:
                before.append(argument)
                if "=" not in argument and queue:
                    before.append(queue.pop(0))
            else:
                after.append(argument)
        return before, after

    def exec_command(self, name: str, folder: str, program: Sequence[str]) -> list[str]:
        """The command line that runs a program in a container that is running, in one of its folders."""
        before, _ = self._extra()
        return [self.cli, *before, "exec", "--workdir", folder, name, *program]

    def is_running(self, name: str) -> bool:
        """Whether a container is running."""
        before, _ = self._extra()
        answer = _query([self.cli, *before, "inspect", "--format", "{{.State.Running}}", name])
        return answer.stdout.strip() == "true"

    def remove(self, name: str) -> None:
        """Stop and remove a container, whatever state it is in."""
        before, _ = self._extra()
        at_once = ["--time", "0"] if self.cli == "podman" else []
        _query([self.cli, *before, "rm", "--force", *at_once, name])

    def was_out_of_memory(self, name: str) -> bool:
        """Whether an exited container is known to have used too much memory; not every runtime takes note of it."""
        before, _ = self._extra()
        answer = _query([self.cli, *before, "inspect", "--format", "{{.State.OOMKilled}}", name])
        return answer.stdout.strip() == "true"


def _query(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command of the container CLI."""
    try:
        return subprocess.run(
            list(command), capture_output=True, text=True, errors="replace", timeout=_QUERY_TIMEOUT_S, check=False
        )
    except OSError as error:
        raise EngineError(f"{command[0]} does not start: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"`{' '.join(command[:3])}` gave no answer in {_QUERY_TIMEOUT_S:.0f} s") from error


def _is_down(said: str) -> bool:
    return any(
        sign in said.lower() for sign in ("cannot connect", "is the docker daemon running", "connection refused")
    )


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"


def find_container(cli: str | None, image: str | None, extra: tuple[str, ...]) -> Container:
    """The container CLI that has the image: the one asked for, else Docker or Podman, whichever works.

    Raises:
        EngineError: if there is none, with the reason for each.
    """
    image = image or default_image()
    reasons = []
    for candidate in [cli] if cli else CLIS:
        if shutil.which(candidate) is None:
            reasons.append(f"{candidate} not found on PATH")
            continue
        container = Container(candidate, image, extra)
        try:
            container.image_id()
        except EngineError as error:
            reasons.append(str(error))
            continue
        return container
    raise EngineError("; ".join(reasons) + "; or use --engine embedded, which needs nothing else")


class ContainerLauncher:
    """Timeloop's programs in an image, a container for each run.

    Args:
        cli: ``docker`` or ``podman``; None takes whichever has the image.
        image: the image's name; None takes the published one.
        extra: further arguments of the CLI's ``run``.
    """

    def __init__(self, cli: str | None = None, image: str | None = None, extra: tuple[str, ...] = ()) -> None:
        self._asked = (cli, image, extra)
        self._read_only = True

    @property
    def container(self) -> Container:
        """The CLI and image in use; EngineError where none works."""
        return _found(self._asked)

    def info(self) -> EngineInfo:
        """The image and its id; raises EngineError where it cannot run Timeloop's programs."""
        container = self.container
        return EngineInfo("container", _version(container), f"{container.cli} {container.image}")

    def run(self, job: Job) -> Finished:
        """Run a program in a container of its own, which is removed however that ends."""
        finished = self._attempt(job)
        if self._read_only and finished.status and any("Read-only file system" in line for line in tail(finished.log)):
            self._read_only = False
            finished = self._attempt(job)
        return finished

    def _attempt(self, job: Job) -> Finished:
        container = self.container
        name = container_name(job.label)
        program = [job.program, *job.files]
        command = container.command(name, job.folder.resolve(), program, job.threads, read_only=self._read_only)
        try:
            finished = run_program(command, job.folder, job.log, job.timeout_s)
            if not finished.timed_out:
                check_container(container, name, finished)
        finally:
            container.remove(name)
        return finished


def check_container(container: Container, name: str, finished: Finished) -> None:
    """Raise EngineError where it was the container that failed and not the program in it."""
    said = _last("\n".join(tail(finished.log, 3)))
    if finished.status == 125:
        hint = "; its daemon does not answer, start it" if _is_down(said) else ""
        raise EngineError(f"{container.cli} could not start a container of {container.image}: {said}{hint}")
    if finished.status in (126, 127):
        raise EngineError(f"image {container.image} cannot run {MODEL} and {MAPPER}: {said}; choose another --image")
    if finished.status in (137, -9):
        way_out = f"its limit is {MEMORY} unless set otherwise; raise it with --container-arg=--memory=8g"
        if container.was_out_of_memory(name):
            raise EngineError(f"the container ran out of memory; {way_out}")
        raise EngineError(f"the container was killed, from outside or because it ran out of memory; {way_out}")


def container_name(label: str) -> str:
    """A container's name that says which cell it is for, and is nobody else's."""
    return f"flexloop-{re.sub(r'[^A-Za-z0-9_.-]+', '-', label)[:100]}-{secrets.token_hex(4)}"


@lru_cache(maxsize=8)
def _found(asked: tuple[str | None, str | None, tuple[str, ...]]) -> Container:
    return find_container(*asked)


@lru_cache(maxsize=8)
def _version(container: Container) -> str:
    """The image's id, after a look whether the programs are in it and whose they are."""
    name = container_name("probe")
    try:
        answer = _query(container.command(name, None, ["sh", "-c", _PROBE], 1, read_only=True))
    finally:
        container.remove(name)
    if answer.returncode == 127 and not answer.stderr.strip():
        raise EngineError(f"image {container.image} has no {MODEL} and {MAPPER}; choose another --image")
    if answer.returncode != 0:
        raise EngineError(f"{container.cli} could not start a container of {container.image}: {_last(answer.stderr)}")
    served = "flexloop drop-in, " if DROP_IN in answer.stdout else ""
    return f"{served}image {container.image_id()}"


class ContainerEngine(TimeloopEngine):
    """Searches and evaluates with Timeloop's programs in containers.

    Args:
        cli, image, extra: see `ContainerLauncher`.
        batch: whether one container serves many runs (see `flexloop.engines.container_batch`).
        templates: a folder of templates that override the shipped ones.
    """

    def __init__(
        self,
        cli: str | None = None,
        image: str | None = None,
        extra: tuple[str, ...] = (),
        *,
        batch: bool = False,
        templates: Path | None = None,
    ) -> None:
        from flexloop.engines.container_batch import BatchLauncher

        launcher = ContainerLauncher(cli, image, extra)
        super().__init__(BatchLauncher(launcher) if batch else launcher, templates)
