"""What all calls do with their arguments: refuse or pass over some, write the input, open the log."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from flexloop.atomic import write_files
from flexloop.errors import OutputError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.translation import native
from flexloop.timeloop_api.specification import Specification

INPUT = "parsed-processed-input.yaml"
"""The file in the output folder that holds the specification in the keys of Timeloop's programs."""

Log = str | Path | TextIO | None
"""Where a call says what it does: a path, an open file, or stdout."""


def check_arguments(environment: Mapping[str, str] | None, extra_args: Sequence[str], return_proc: bool) -> None:
    """Refuse what is for programs that are not started, or warn of it.

    Raises:
        UnsupportedError: if a process is asked for, or given arguments.
    """
    if return_proc:
        raise UnsupportedError(
            "return_proc: no process is started; give the call to joblib or concurrent.futures to have it run beside "
            "your own code"
        )
    if extra_args:
        raise UnsupportedError(f"extra_args: no program is started that would take {list(extra_args)}; leave them out")
    if environment:
        names = ", ".join(environment)
        warnings.warn(f"environment: {names} has no effect; no program is started that would read it", stacklevel=3)


def input_files(
    specification: Specification, folder: Path, extra: Sequence[str | Path] | None, *, for_model: bool
) -> list[Path]:
    """Write a specification in native keys; that file, and the further ones.

    Args:
        specification: an evaluated one.
        folder: where to write it, made if it is not there.
        extra: further files.
        for_model: whether for ``timeloop-model`` instead of ``timeloop-mapper``.

    Raises:
        SpecError, UnknownNameError: if it is malformed or contradicts itself.
        OutputError: if it cannot be written.
    """
    write(folder, {INPUT: yamlio.dump(native(specification.rebuilt(), for_model=for_model))})
    return [folder / INPUT, *(Path(file) for file in extra or ())]


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write files into a folder, made if it is not there (OutputError if that is not possible)."""
    write_files(folder, contents, "name another folder")


@contextmanager
def opened(log_to: Log) -> Iterator[TextIO]:
    """The log: a file that is open already, or one that is made with its folder (OutputError if it cannot be)."""
    if log_to is None or not isinstance(log_to, (str, Path)):
        yield sys.stdout if log_to is None else log_to
        return
    path = Path(log_to)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror or error}; name another file") from error
    with file:
        yield file
