"""Run a program in a folder: no shell, its output in a log file, nothing of it left behind when it is stopped."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from flexloop.errors import EngineError, OutputError
from flexloop.interrupts import deferred

_LOG = logging.getLogger(__name__)

GRACE_S = 5.0
"""Seconds that a program has to end by itself after it was asked to."""


@dataclass(frozen=True)
class Finished:
    """How a program ended.

    Attributes:
        status: its exit status; negative is the signal that ended it.
        log: the file with its standard output and error.
        seconds: wall time.
        timed_out: whether it was asked to stop because its time was over.
    """

    status: int
    log: Path
    seconds: float
    timed_out: bool


def run_program(
    command: Sequence[str],
    folder: Path,
    log: Path,
    timeout_s: float | None = None,
    *,
    on_stop: Callable[[], None] | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Finished:
    """Run a program and wait for it.

    When its time is over it gets an interrupt (on which ``timeloop-mapper`` still writes the best mapping so far), and
    what is left of its process group after a grace period is killed. Any exception in the meantime, Ctrl-C among them,
    kills the group at once.

    Args:
        command: program and arguments.
        folder: working directory.
        log: file that takes its standard output and error.
        timeout_s: seconds it may run, or None.
        on_stop: called whenever the program is stopped early, for what outlives its processes (a container).
        variables: of its environment, beside those of this process.

    Raises:
        EngineError: if the program cannot be started.
        OutputError: if the log cannot be written.
    """
    began = time.monotonic()
    _LOG.info("%s: started in %s", shlex.join(command), folder)
    with _opened(log) as output:
        process: subprocess.Popen[bytes] | None = None
        timed_out = False
        try:
            with deferred():  # a program whose start is interrupted could not be stopped
                process = _started(command, folder, output, variables)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                timed_out = True
                _signal_group(process, signal.SIGINT)
                _wait_quietly(process, GRACE_S)
        finally:
            if process is not None and (timed_out or process.returncode is None):
                _signal_group(process, signal.SIGKILL)  # the whole group: it may outlive its leader
                process.wait()
                if on_stop is not None:
                    on_stop()
    finished = Finished(process.returncode, log, time.monotonic() - began, timed_out)
    ended = "stopped" if timed_out else f"status {finished.status}"
    _LOG.info("%s: %s after %.2f s, its output is in %s", command[0], ended, finished.seconds, log)
    return finished


def _started(
    command: Sequence[str], folder: Path, output: BinaryIO, variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # inherited: it must hear what asks it to end
    try:
        return subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | dict(variables),
            start_new_session=True,
        )
    except OSError as error:
        raise EngineError(f"{command[0]} does not start: {error.strerror or error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("wb")
    except OSError as error:
        raise OutputError(f"cannot write {log}: {error.strerror or error}") from error


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _wait_quietly(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def tail(log: Path, lines: int = 15, limit: int = 65536) -> list[str]:
    """The last lines of a log, blank ones left out; undecodable bytes are replaced."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - limit))
            text = file.read(limit).decode(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
