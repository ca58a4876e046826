"""Docker and Podman: how a container is started, asked after and removed, and what their refusals mean."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from flexloop.errors import EngineError

CLIS = ("docker", "podman")
INSTEAD = "; or use --engine embedded, which needs nothing else"
"""The way out where no container works."""

MEMORY = "4g"
"""Memory limit of a container; ``--memory`` among the extra arguments overrides it."""

FOLDER = "/flexloop-run"
"""Where the run's folder stands in the container."""

_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
_GLOBAL = {
    "docker": ("--config", "--context", "--host"),
    "podman": ("--cgroup-manager", "--connection", "--root", "--runroot", "--runtime", "--storage-driver", "--url"),
}
"""Options that the CLI takes before the command, not after it."""

_QUERY_TIMEOUT_S = 60.0


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
        extra: further arguments of ``run``; those that the CLI takes before its command are put there.
        image_id: the image that the name stood for when it was looked up; containers are started from it.
    """

    cli: str
    image: str
    extra: tuple[str, ...] = ()
    image_id: str = ""

    @property
    def version(self) -> str:
        """The image's id, short."""
        return self.image_id[:12]

    def resolved(self) -> Container:
        """This container with its image looked up; EngineError where the CLI, its daemon or the image is missing."""
        answer = self._ask("image", "inspect", "--format", "{{.Id}}", self.image)
        if answer.returncode == 0:
            return replace(self, image_id=answer.stdout.strip().removeprefix("sha256:"))
        raise EngineError(
            self.complaint(answer.stderr) or f"{self.cli} cannot inspect image {self.image}: {last_line(answer.stderr)}"
        )

    def complaint(self, said: str) -> str | None:
        """What the CLI's complaint means where it is about the daemon, the host or the image, with the way out."""
        if hint := _refusal(self.cli, said.lower()):
            return f"{self.cli}: {hint} ({last_line(said)})"
        if any(sign in said.lower() for sign in ("no such image", "image not known", "no such object")):
            return f"{self.cli}: image {self.image} is not here; {self._way_to_get_it()}"
        return None

    def _way_to_get_it(self) -> str:
        if self.image.startswith("localhost/"):
            return f"build it with `{self.cli} build --tag {self.image} FOLDER`, where FOLDER holds its Dockerfile"
        # Podman asks no registry for a name without one, unless it was told to.
        hub = self.cli == "podman" and "." not in self.image.partition("/")[0]
        return f"get it with `{self.cli} pull {'docker.io/' if hub else ''}{self.image}`"

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
        if folder is not None and ":" in str(folder):
            raise EngineError(
                f"{folder}: a folder with a colon in its name cannot be given to a container; set TMPDIR to another"
            )
        before, after = self._extra()
        arguments = ["--name", name, "--label", "flexloop=run", "--label", f"{_OWNER}={_owner()}", "--pull", "never"]
        arguments += ["--network", "none", *_identity(self.cli, before)]
        cpus = min(cpus, os.cpu_count() or cpus)  # Docker refuses more than there are
        arguments += ["--memory", MEMORY, "--cpus", str(cpus), "--pids-limit", "512", "--cap-drop", "ALL"]
        arguments += ["--security-opt", "no-new-privileges", "--tmpfs", "/tmp", "--env", "HOME=/tmp"]  # noqa: S108
        if read_only:
            arguments.append("--read-only")
        if folder is not None:
            arguments += ["--volume", f"{folder}:{FOLDER}:Z", "--workdir", FOLDER]
        image = self.image_id or self.image
        return [self.cli, *before, "run", *arguments, *after, "--entrypoint", program[0], image, *program[1:]]

    def _extra(self) -> tuple[list[str], list[str]]:
        """The extra arguments, split into those before ``run`` and those after it."""
        before: list[str] = []
        after: list[str] = []
        queue = list(self.extra)
        while queue:
            argument = queue.pop(0)
            if argument.partition("=")[0] in _GLOBAL[_kind(self.cli)]:
                before.append(argument)
                if "=" not in argument and queue:
                    before.append(queue.pop(0))
            else:
                after.append(argument)
        return before, after

    def _ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a short command of the CLI, on the same daemon or store as the containers."""
        before, _ = self._extra()
        return query([self.cli, *before, *arguments])

    def exec_command(self, name: str, folder: str, program: Sequence[str]) -> list[str]:
        """The command line that runs a program in a container that is running, in one of its folders."""
        before, _ = self._extra()
        return [self.cli, *before, "exec", "--workdir", folder, name, *program]

    def is_running(self, name: str) -> bool:
        """Whether a container is running."""
        return self._ask("inspect", "--format", "{{.State.Running}}", name).stdout.strip() == "true"

    def remove(self, name: str) -> None:
        """Stop and remove a container, whatever state it is in."""
        at_once = ["--time", "0"] if _kind(self.cli) == "podman" else []
        self._ask("rm", "--force", *at_once, name)

    def remove_orphans(self) -> None:
        """Remove containers that processes of this machine started and did not live to remove."""
        host = _owner().partition(":")[0]
        for name in self._ask("ps", "--all", "--filter", "label=flexloop=run", "--format", "{{.Names}}").stdout.split():
            answer = self._ask("inspect", "--format", f'{{{{index .Config.Labels "{_OWNER}"}}}}', name)
            where, _, process = answer.stdout.strip().partition(":")
            if where == host and process.isdecimal() and not _is_alive(int(process)):
                self.remove(name)

    def was_out_of_memory(self, name: str) -> bool:
        """Whether an exited container is known to have used too much memory; not every runtime takes note of it."""
        return self._ask("inspect", "--format", "{{.State.OOMKilled}}", name).stdout.strip() == "true"


_OWNER = "flexloop.owner"


def _owner() -> str:
    """The label that says which process of which machine a container belongs to."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kind(cli: str) -> str:
    """``docker`` or ``podman``, whichever a CLI really is: some systems serve Docker's commands with Podman."""
    return "podman" if "podman" in _says_of_itself(shutil.which(cli) or cli).lower() else "docker"


@lru_cache(maxsize=8)
def _says_of_itself(path: str) -> str:
    try:
        return query([path, "--version"]).stdout.strip() or Path(path).name
    except EngineError:
        return Path(path).name


def _identity(cli: str, before: Sequence[str]) -> list[str]:
    """The arguments under which what a container writes belongs to the caller."""
    user = ["--user", f"{os.getuid()}:{os.getgid()}"]
    if _kind(cli) == "podman":
        return user if os.getuid() == 0 else [*user, "--userns", "keep-id"]
    security = _security((shutil.which(cli) or cli, *before))
    if "name=rootless" in security:
        return ["--user", "0:0"]  # a rootless daemon's root is the caller
    return [*user, "--userns", "host"] if "name=userns" in security else user


@lru_cache(maxsize=8)
def _security(docker: tuple[str, ...]) -> str:
    """How a Docker daemon separates its containers' users from this machine's."""
    try:
        return query([*docker, "info", "--format", "{{.SecurityOptions}}"]).stdout
    except EngineError:
        return ""


def query(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command of a container CLI; EngineError where it does not start or does not end."""
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_QUERY_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise EngineError(f"{command[0]} does not start: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"`{' '.join(command[:3])}` gave no answer in {_QUERY_TIMEOUT_S:.0f} s; its daemon may hang: restart it"
        ) from error


def _refusal(cli: str, said: str) -> str | None:
    other = "podman" if cli == "docker" else "docker"
    if any(sign in said for sign in ("cannot connect", "is the docker daemon running", "connection refused")):
        return f"its daemon does not answer; start it, or take the other one with --container-cli {other}"
    if "permission denied" in said and "daemon socket" in said:
        return (
            "you may not use its daemon; join the group that may (usually `docker`), or take the other one with "
            f"--container-cli {other}"
        )
    if "rlimit" in said:
        return (
            "this host does not allow the limits that a container gets; set lower ones with "
            "--container-arg=--ulimit=nofile=1024:1024 --container-arg=--ulimit=nproc=1024:1024"
        )
    return None


def last_line(said: str) -> str:
    """The last line of what a program said, which is where it says why it failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why"


def container_name(label: str) -> str:
    """A container's name that says which cell it is for, and is nobody else's."""
    return f"flexloop-{re.sub(r'[^A-Za-z0-9_.-]+', '-', label)[:100]}-{secrets.token_hex(4)}"


def find_container(cli: str | None, image: str | None, extra: tuple[str, ...]) -> Container:
    """The container CLI that has the image: the one asked for, else Docker or Podman, whichever works.

    Raises:
        EngineError: if there is none, with the reason for each.
    """
    image = image or default_image()
    if image.startswith("-"):
        raise EngineError(f"image {image!r} is an option, not a name; give options with --container-arg")
    reasons = []
    for candidate in [cli] if cli else CLIS:
        if shutil.which(candidate) is None:
            reasons.append(f"{candidate} not found on PATH")
            continue
        try:
            return Container(candidate, image, extra).resolved()
        except EngineError as error:
            reasons.append(str(error))
    raise EngineError("; ".join(reasons) + INSTEAD)
