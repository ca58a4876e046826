"""Write a file whole or not at all, and under a name that is safe."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from flexloop.errors import OutputError

TEMPORARY = ".tmp-"
"""How the names of files begin that are being written; one that is left over belonged to a process that was killed."""


_SAFE = re.compile(r"[^A-Za-z0-9_.\-]")

CANNOT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that do not know how to wait for a disk; no less is written there."""


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Put content in a file so that a reader, or a crash of this process, sees the old file or the new one whole.

    Args:
        path: the file; its folder exists.
        content: its bytes.
        durable: whether to wait until the disk has it, so that a power failure cannot undo it.

    Raises:
        OSError: as the operating system says (full disk, read-only folder); nothing is left behind.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            if durable:
                _sync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, text: str, hint: str = "give another file with -o") -> Path:
    """Write a text file whole or not at all, its folder made; return its path.

    Args:
        path: the file.
        text: its content.
        hint: the way out, for the message.

    Raises:
        OutputError: if it cannot be written, with the reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; {hint}") from error
    return path


def write_files(folder: Path, contents: Mapping[str, str], hint: str = "give another folder with -o") -> Path:
    """Write text files by name into a folder, which is made, each whole or not at all; return the folder.

    Raises:
        OutputError: if one cannot be written, with the reason and the ``hint``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            write_atomically(folder / name, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; {hint}") from error
    return folder


def check_writable(folder: Path) -> None:
    """Make a folder and a file in it, and remove the file.

    Raises:
        OutputError: if that cannot be done, with the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; give another place with -o") from error


def safe_name(name: str) -> str:
    """A file name made of a name: no separators, never empty, never a parent folder."""
    cleaned = _SAFE.sub("_", name)
    return cleaned if cleaned.strip(".") else "_" + cleaned


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
