"""Timeloop in a container, through Docker or Podman: one container a run, with nothing but the run's folder in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from flexloop.engines.base import EngineInfo
from flexloop.engines.containercli import MEMORY, Container, container_name, find_container, last_line, query
from flexloop.engines.formats import FRONT_END
from flexloop.engines.launcher import DROP_IN, MAPPER, MODEL, Job
from flexloop.engines.process import Finished, run_program, tail
from flexloop.errors import EngineError

TOOLS = (MODEL, MAPPER, FRONT_END, "accelergy")
"""What an image is searched for."""

_PROBE = (
    f'for p in {" ".join(TOOLS)}; do path=$(command -v "$p") && echo "$p $path"; done; echo; '
    f'! path=$(command -v {MODEL}) || head -c 256 "$path"'
)

KILLED = (137, -9)
"""Exit statuses of a program that was killed, in the container or the CLI itself."""

_ANOTHER = "choose another --image, such as the default one, or build one that has them on PATH"


class ContainerLauncher:
    """Timeloop's programs in an image, a container for each run.

    Args:
        cli: ``docker`` or ``podman``; None takes whichever has the image.
        image: the image's name; None takes the published one.
        extra: further arguments of the CLI's ``run``.
    """

    def __init__(self, cli: str | None = None, image: str | None = None, extra: tuple[str, ...] = ()) -> None:
        self._asked = (cli, image, extra)
        self.read_only = True

    @property
    def container(self) -> Container:
        """The CLI and image in use; EngineError where none works."""
        return _found(self._asked)

    def info(self) -> EngineInfo:
        """The image and its id; raises EngineError where it cannot run Timeloop's programs."""
        container = self.container
        return EngineInfo("container", _version(container), f"{container.cli} {container.image}")

    def tools(self) -> dict[str, str]:
        """Where each of `TOOLS` is in the image; those that it lacks are left out."""
        return dict(_look(self.container).tools)

    def provides(self, program: str) -> bool:
        """Whether the image has one of `TOOLS`."""
        return program in self.tools()

    def run(self, job: Job) -> Finished:
        """Run a program in a container of its own, which is removed however that ends."""
        finished = self._attempt(job)
        if self.read_only and wants_to_write(finished):
            self.read_only = False
            finished = self._attempt(job)
        return finished

    def _attempt(self, job: Job) -> Finished:
        container = self.container
        name = container_name(job.label)
        program = job.command
        command = container.command(name, job.folder.resolve(), program, job.threads, read_only=self.read_only)
        try:
            finished = run_program(command, job.folder, job.log, job.timeout_s)
            if not finished.timed_out:
                check_container(container, name, finished)
        finally:
            container.remove(name)
        return finished


def wants_to_write(finished: Finished) -> bool:
    """Whether a program failed because its root was read-only."""
    return finished.status != 0 and any("Read-only file system" in line for line in tail(finished.log))


def check_container(container: Container, name: str, finished: Finished) -> None:
    """Raise EngineError where it was the container that failed and not the program in it."""
    said = "\n".join(tail(finished.log, 3))
    if finished.status == 125:
        raise EngineError(no_start(container, said))
    if finished.status in (126, 127):
        raise EngineError(f"image {container.image} cannot run {MODEL} and {MAPPER}: {last_line(said)}; {_ANOTHER}")
    if finished.status in KILLED:
        way_out = f"its limit is {MEMORY} unless set otherwise; raise it with --container-arg=--memory=8g"
        if container.was_out_of_memory(name):
            raise EngineError(f"the container ran out of memory; {way_out}")
        raise EngineError(f"the container was killed, from outside or because it ran out of memory; {way_out}")


def no_start(container: Container, said: str) -> str:
    """Why a container did not start, and the way out."""
    reason = container.complaint(said) or last_line(said)
    return f"{container.cli} could not start a container of {container.image}: {reason}"


@lru_cache(maxsize=8)
def _found(asked: tuple[str | None, str | None, tuple[str, ...]]) -> Container:
    container = find_container(*asked)
    container.remove_orphans()
    return container


@dataclass(frozen=True)
class _Look:
    """What was found in an image: where its tools are, and whether Timeloop's commands are flexloop's own."""

    tools: tuple[tuple[str, str], ...]
    drop_in: bool


@lru_cache(maxsize=8)
def _look(container: Container) -> _Look:
    name = container_name("probe")
    try:
        answer = query(container.command(name, None, ["sh", "-c", _PROBE], 1, read_only=True))
    finally:
        container.remove(name)
    if answer.returncode != 0:
        raise EngineError(no_start(container, answer.stderr))
    found, _, head = answer.stdout.partition("\n\n")
    tools = (tuple(line.split(" ", 1)) for line in found.splitlines() if " " in line)
    return _Look(tuple((program, path) for program, path in tools), DROP_IN in head)


def _version(container: Container) -> str:
    """The image's id, after a look whether the programs are in it and whose they are."""
    look = _look(container)
    if not {MODEL, MAPPER} <= dict(look.tools).keys():
        raise EngineError(f"image {container.image} has no {MODEL} and {MAPPER}; {_ANOTHER}")
    return f"{'flexloop drop-in, ' if look.drop_in else ''}image {container.version}"
