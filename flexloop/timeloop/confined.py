"""A user's own templates, rendered in a process whose processor time, memory and output are bounded.

Jinja's sandbox keeps a template from the interpreter, but not from running for ever or filling the memory. The process
is started with the first rendering and serves all later ones; what it answers is text and never unpickled.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from math import ceil
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any

from flexloop.errors import EngineError, SpecError
from flexloop.resources import shipped
from flexloop.timeloop.templates import Templates

CPU_S = 5
"""Seconds of processor time above which a rendering is stopped; the shipped templates take less than a millisecond."""

WAIT_S = 120.0
"""Seconds above which it is stopped though it used less, as on a machine that is too busy."""

MEMORY = 512 * 2**20
"""Bytes that the process may use beside what it has when it is ready."""

MAX_COMPLAINT = 500
"""Characters of an error that are kept."""

MAX_TEXT = 16 * 2**20
"""Characters above which a rendering is refused."""


class ConfinedTemplates:
    """The templates of a user's folder, and the shipped ones that it does not override (see `Templates`).

    Args:
        folder: the user's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._process: _Process | None = None
        self._lock = Lock()

    @property
    def digest(self) -> str:
        """SHA-256 of all templates in force, in hexadecimal."""
        return Templates(_folders(self._folder)).digest

    def render(self, name: str, names: dict[str, Any]) -> str:
        """Render a template (see `Templates.render`).

        Raises:
            SpecError: if it is wrong, fails, or needs more time or memory than a template may; it is named.
            EngineError: if no process can be started for it.
        """
        with self._lock:
            if self._process is None or not self._process.is_mine:
                self._process = _Process(self._folder)
            answer = self._process.ask(name, names)
            if answer is None:
                reason, self._process = self._process.end(), None
                raise SpecError(f"template {name}: {reason}; shorten its loops and texts")
        if "text" in answer:
            return str(answer["text"])
        raise SpecError(str(answer["error"]))


class _Process:
    """The process that renders a folder's templates, as its parent sees it."""

    def __init__(self, folder: Path) -> None:
        self._owner = os.getpid()
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno()), str(folder)]
        path = os.pathsep.join(entry for entry in sys.path if entry)
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path},
            )
        except OSError as error:
            raise EngineError(f"templates: no process to render them in: {error.strerror or error}") from error
        finally:
            theirs.close()
        self._stop = weakref.finalize(self, _end, self._owner, self._popen, self._pipe)

    @property
    def is_mine(self) -> bool:
        """Whether this very process started it: a copy of that one, made by fork, needs a process of its own."""
        return self._owner == os.getpid()

    def ask(self, name: str, names: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a request, or None where the process ended or was too slow."""
        try:
            self._pipe.send_bytes(pickle.dumps((name, names)))
            if not self._pipe.poll(WAIT_S):
                return None
            answer: dict[str, Any] = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            return None
        return answer

    def end(self) -> str:
        """End the process and say why it did not answer."""
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout=1)
        status = self._popen.poll()
        self._stop()
        if status == -signal.SIGXCPU:
            return f"ran for more than {CPU_S} s of processor time"
        if status is None:
            return f"gave no answer for {WAIT_S:.0f} s"
        return f"its process ended with status {status}, as one does that needs more than {MEMORY >> 20} MiB"


def _end(owner: int, process: subprocess.Popen[bytes], pipe: Connection) -> None:
    pipe.close()
    if owner == os.getpid():
        process.kill()
        process.wait()


def _folders(folder: Path) -> list[Path]:
    return [folder, shipped("templates")]


def serve(pipe: Connection, folder: Path) -> None:
    """Render what the parent asks for until it closes the pipe."""
    templates = Templates(_folders(folder))
    _confine()
    while True:
        try:
            name, names = pickle.loads(pipe.recv_bytes())  # noqa: S301 - of the parent, which asks nobody else
        except EOFError:
            return
        _grant_time()
        pipe.send_bytes(json.dumps(_answer(templates, name, names)).encode())


def _answer(templates: Templates, name: str, names: dict[str, Any]) -> dict[str, str]:
    try:
        text = templates.render(name, names)
    except SpecError as error:
        if isinstance(error.__cause__, MemoryError):
            return {"error": f"template {name}: needs more than {MEMORY >> 20} MiB of memory; shorten its texts"}
        return {"error": str(error)[:MAX_COMPLAINT]}
    if len(text) > MAX_TEXT:
        return {"error": f"template {name}: makes {len(text)} characters; at most {MAX_TEXT} are taken"}
    return {"text": text}


def _confine() -> None:
    """Bound this process: memory, no files written, no core; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(OSError, ValueError):  # not every system bounds the address space, or tells it
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _grant_time() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time()) + CPU_S, hard))


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), Path(sys.argv[2]))
