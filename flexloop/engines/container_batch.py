"""One container that serves many runs, for runs that are over sooner than a container starts."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
import weakref
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from flexloop.engines.base import EngineInfo
from flexloop.engines.container import KILLED, ContainerLauncher, check_container, no_start, wants_to_write
from flexloop.engines.containercli import FOLDER, Container, container_name
from flexloop.engines.launcher import Job
from flexloop.engines.process import Finished, run_program
from flexloop.errors import EngineError

_LOG = logging.getLogger(__name__)

START_S = 120.0
"""Seconds that a container may take to start."""


@dataclass
class _Session:
    """A container that waits for runs, and the folder that it shares with this machine."""

    container: Container
    name: str
    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, container: Container, cpus: int, *, read_only: bool) -> _Session:
        """Start a container that lives as long as this process holds its standard input open, and not longer."""
        name, folder = container_name("batch"), Path(mkdtemp(prefix="flexloop-batch-"))
        command = container.command(name, folder, ["cat"], cpus, read_only=read_only)
        position = command.index("run") + 1
        command[position:position] = ["--interactive", "--rm"]
        with (folder / "container.log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        session = cls(container, name, folder, process)
        try:
            session.wait_until_it_runs()
            _LOG.info("container %s of %s runs; its folder is %s", name, container.image, folder)
        except BaseException:
            session.stop()
            raise
        return session

    def wait_until_it_runs(self) -> None:
        """Return when the container takes runs; EngineError where it does not start."""
        deadline = time.monotonic() + START_S
        while not self.is_running():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "container.log").read_text(errors="replace").strip()
                raise EngineError(no_start(self.container, said))
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Whether the container is there."""
        return self.process.poll() is None and self.container.is_running(self.name)

    def stop(self) -> None:
        """Remove the container and its folder."""
        self.container.remove(self.name)
        self.process.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)


class BatchLauncher:
    """Timeloop's programs in one container, started at the first run and again where it is gone.

    A run that is stopped takes the container with it, so a search that runs out of time loses its best so far; and
    memory and processor limits hold for the container as a whole.

    Args:
        launcher: the CLI, the image, and how containers are started.
    """

    def __init__(self, launcher: ContainerLauncher) -> None:
        self._launcher = launcher
        self._session: _Session | None = None
        self._numbers = count()

    def info(self) -> EngineInfo:
        """The image and its id; raises EngineError where it cannot run Timeloop's programs."""
        return self._launcher.info()

    def provides(self, program: str) -> bool:
        """Whether the image has a further program."""
        return self._launcher.provides(program)

    def run(self, job: Job) -> Finished:
        """Run a program in the container; its files are copied there and what it writes is copied back."""
        finished = self._attempt(job)
        if self._launcher.read_only and wants_to_write(finished):
            self._launcher.read_only = False
            self.close()
            finished = self._attempt(job)
        return finished

    def _attempt(self, job: Job) -> Finished:
        session = self._live(job.threads)
        folder = session.folder / f"{next(self._numbers):06d}"
        folder.mkdir()
        for name in job.files:
            shutil.copy(job.folder / name, folder)
        command = session.container.exec_command(session.name, f"{FOLDER}/{folder.name}", job.command)
        finished = run_program(command, job.folder, job.log, job.timeout_s, on_stop=self.close)
        if not finished.timed_out:
            self._check(session, finished)
            shutil.copytree(folder, job.folder, dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return finished

    def _check(self, session: _Session, finished: Finished) -> None:
        """Raise EngineError where the container failed; one that is gone is replaced at the next run."""
        if finished.status == 0:
            return
        gone = not session.is_running()
        try:
            if gone and finished.status not in KILLED:
                raise EngineError(f"the container {session.name} was stopped from outside; the next run starts another")
            check_container(session.container, session.name, finished)
        finally:
            if gone:
                self.close()

    def close(self) -> None:
        """Remove the container, if there is one."""
        if self._session is not None:
            self._session = None
            self._stop()

    def _live(self, cpus: int) -> _Session:
        if self._session is not None and self._session.process.poll() is not None:
            self.close()
        if self._session is None:
            self._session = _Session.start(self._launcher.container, cpus, read_only=self._launcher.read_only)
            self._stop = weakref.finalize(self, self._session.stop)  # called once: by close, or at the very end
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        """Another process starts a container of its own."""
        return {"_launcher": self._launcher, "_session": None, "_numbers": count()}
