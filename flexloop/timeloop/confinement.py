"""A process of one's own for work that input files direct: its processor time, memory and output are bounded.

The process is started once and serves all later requests; what it answers is JSON and never unpickled. It can write no
file. Time and memory are given up with the process, so that no request can run for ever or fill the memory.
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import ceil
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flexloop.errors import EngineError, SpecError

CPU_S = 5
"""Seconds of processor time above which a request is given up; the shipped templates take less than a millisecond."""

WAIT_S = 120.0
"""Seconds above which it is given up though it used less, as on a machine that is too busy."""

MEMORY = 512 * 2**20
"""Bytes that the process may use beside what it has when it is ready."""

MAX_COMPLAINT = 500
"""Characters of an error that are kept."""

MAX_TEXT = 16 * 2**20
"""Characters above which an answer's text is refused."""


class ConfinedProcess:
    """The process as its parent sees it.

    Args:
        module: what it runs: a module that ends in a call of `serve`.
        arguments: of the module, after the number of the pipe.
    """

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._owner = os.getpid()
        self._pipe, theirs = Pipe()
        command = [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments]
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
            raise EngineError(f"templates: no process to render in: {error.strerror or error}") from error
        finally:
            theirs.close()
        self._stop = weakref.finalize(self, _end, self._owner, self._popen, self._pipe)

    @property
    def is_mine(self) -> bool:
        """Whether this very process started it: a copy of that one, made by fork, needs a process of its own."""
        return self._owner == os.getpid()

    def ask(self, request: Any) -> dict[str, Any] | None:
        """The answer to a request, or None where the process ended or was too slow."""
        try:
            self._pipe.send_bytes(pickle.dumps((CPU_S, request)))
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


def serve(descriptor: int, answer: Callable[[Any], dict[str, Any]]) -> None:
    """Answer what the parent asks for until it closes the pipe; an error becomes ``{"error": text}``."""
    pipe = Connection(descriptor)
    _confine()
    while True:
        try:
            seconds, request = pickle.loads(pipe.recv_bytes())  # noqa: S301 - of the parent, which asks nobody else
        except EOFError:
            return
        _grant_time(seconds)
        pipe.send_bytes(json.dumps(_answer(answer, request)).encode())


def _answer(answer: Callable[[Any], dict[str, Any]], request: Any) -> dict[str, Any]:
    try:
        return answer(request)
    except SpecError as error:
        return {"error": str(error)[:MAX_COMPLAINT]}


def _confine() -> None:
    """Bound this process: memory, no files written, no core; Ctrl-C is the parent's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(OSError, ValueError):  # not every system bounds the address space, or tells it
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _grant_time(seconds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(time.process_time()) + seconds, hard))
