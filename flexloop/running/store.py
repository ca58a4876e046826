"""Every finished cell on disk, under a hash of everything that determines it.

An entry is one file: a checksum line and a line of JSON with the key, what the cell is about, and what came out of it.
It is written under another name and renamed, so processes and machines may share a store without locks: two that
compute the same cell write the same entry. Whatever a crash or a network file system makes of a file, the checksum
tells; a damaged entry is named and computed anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from flexloop.atomic import TEMPORARY, write_atomically
from flexloop.digests import digest_of
from flexloop.errors import OutputError, SpecError
from flexloop.evaluation import Evaluation
from flexloop.resources import user_cache
from flexloop.timeloop.mapping import Mapping

Status = Literal["ok", "unmappable", "failed"]

SUFFIX = ".cell"
_FOLDER = re.compile("[0-9a-f]{2}")
ABANDONED_S = 3600.0
"""Age from which a file that is being written is taken as left over."""


@dataclass(frozen=True)
class StoredWinner:
    """A winner as it is stored: its variant is named by its index in the cell's mapspace."""

    variant: int
    bounds: dict[str, int]
    mapping: Mapping
    evaluation: Evaluation
    optimal: bool
    lower_bound: float | None
    evaluated: int
    excluded: float
    notes: tuple[str, ...]
    tie_bound: float = 0.0


@dataclass(frozen=True)
class StoredCell:
    """What came out of one cell: a winner, or the reason why there is none."""

    status: Status
    reason: str
    wall_s: float
    winner: StoredWinner | None = None


@dataclass(frozen=True)
class Entry:
    """The content of a file of the store.

    Attributes:
        key: the hash that it lies under.
        cell: what came out of the cell.
        about: what the cell is, for people; the key says it exactly.
    """

    key: str
    cell: StoredCell
    about: dict[str, str] = field(default_factory=dict)

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="constants")


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)


def cell_key(content: Map[str, Any]) -> str:
    """The hash of everything that determines a cell (JSON-serialisable, order of keys without meaning)."""
    return digest_of(content)


def default_folder() -> Path:
    """``FLEXLOOP_STORE``, else ``flexloop`` in the user's cache folder."""
    if named := os.environ.get("FLEXLOOP_STORE"):
        return Path(named)
    return user_cache() / "store"


class Store:
    """A folder of finished cells.

    Args:
        folder: where entries lie; made when the first one is written.

    Attributes:
        full: whether the last entry could not be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.full = False
        self._unreadable = False

    def path(self, key: str) -> Path:
        """File of the entry with that key."""
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def has(self, key: str) -> bool:
        """Whether there is an entry with that key, damaged or not; False where that cannot be told."""
        try:
            return self.path(key).exists()
        except OSError:
            return False

    def get(self, key: str) -> StoredCell | None:
        """Return the entry, or None where there is none; a damaged one is warned about, removed and taken as absent.

        What keeps one entry from being read (rights, a network) often keeps all, so that is said once.
        """
        path = self.path(key)
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if not self._unreadable:
                warnings.warn(f"store entry {path} cannot be read ({error.strerror}); computing it anew", stacklevel=2)
            self._unreadable = True
            return None
        try:
            return decode(raw, key).cell
        except ValueError as error:
            warnings.warn(f"store entry {path} is damaged ({error}); computing it anew", stacklevel=2)
            _remove(path)
            return None

    def put(self, key: str, cell: StoredCell, about: Map[str, str] | None = None) -> None:
        """Write an entry atomically.

        Raises:
            OutputError: if it cannot be written (full disk, read-only folder), with the way out.
        """
        path = self.path(key)
        content = encode(Entry(key, cell, dict(about or {})))
        try:
            try:
                write_atomically(path, content, durable=False)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content, durable=False)
            self.full = False
        except OSError as error:
            self.full = True
            raise OutputError(
                f"cannot write to the store at {self.folder}: {error.strerror or error}; "
                "make room, name another folder with FLEXLOOP_STORE, or use --no-store"
            ) from error

    def files(self) -> Iterator[Path]:
        """The files of all entries, in the order of their keys.

        Raises:
            SpecError: if the store cannot be read, with the reason.
        """
        yield from (path for path in self._all() if path.name.endswith(SUFFIX))

    def _all(self) -> Iterator[Path]:
        """All files of the store's folders, in order; what glob says nothing about, a missing right, is an error."""
        try:
            for folder in sorted(self.folder.iterdir()) if self.folder.exists() else ():
                if _FOLDER.fullmatch(folder.name):
                    yield from sorted(folder.iterdir())
        except OSError as error:
            raise SpecError(
                f"the store at {self.folder} cannot be read: {error.strerror or error}; mend its rights, or name "
                "another folder with FLEXLOOP_STORE"
            ) from error

    def read(self, path: Path) -> Entry:
        """Read one of `files`.

        Raises:
            SpecError: if it cannot be read or is damaged, with the reason.
        """
        try:
            return decode(path.read_bytes(), path.name.removesuffix(SUFFIX))
        except OSError as error:
            raise SpecError(f"store entry {path} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise SpecError(
                f"store entry {path} is damaged ({error}); `flexloop cache prune --damaged` removes it"
            ) from error

    def left_over(self) -> Iterator[Path]:
        """Files that a process began to write before it was killed."""
        now = time.time()
        for path in self._all():
            age = _age(path, now) if path.name.startswith(TEMPORARY) else None
            if age is not None and age >= ABANDONED_S:
                yield path

    def prune(self, *, older_than_s: float | None = None, damaged: bool = False) -> tuple[int, int]:
        """Remove what is left over, and entries.

        Args:
            older_than_s: remove entries that were written longer ago.
            damaged: remove entries that cannot be read.

        Returns:
            How many files were removed, and their bytes.

        Raises:
            OutputError: if a file cannot be removed.
        """
        removed = size = 0
        doomed = [*self.left_over(), *(p for p in self.files() if self._is_doomed(p, older_than_s, damaged=damaged))]
        for path in doomed:
            try:
                bytes_ = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                continue  # another process was faster
            except OSError as error:
                raise OutputError(f"cannot remove {path}: {error.strerror or error}") from error
            removed, size = removed + 1, size + bytes_
        return removed, size

    def _is_doomed(self, path: Path, older_than_s: float | None, *, damaged: bool) -> bool:
        age = _age(path, time.time())
        if older_than_s is not None and age is not None and age > older_than_s:
            return True
        if not damaged:
            return False
        try:
            self.read(path)
        except SpecError:
            return True
        return False


def encode(entry: Entry) -> bytes:
    """The bytes of an entry's file."""
    payload = _adapter().dump_json(entry)
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def decode(raw: bytes, key: str) -> Entry:
    """Read the bytes of an entry's file.

    Raises:
        ValueError: if they are not what was written under that key, with the reason.
    """
    checksum, _, payload = raw.partition(b"\n")
    if hashlib.sha256(payload).hexdigest().encode() != checksum:
        raise ValueError("its checksum differs")
    try:
        entry = _adapter().validate_json(payload)
    except ValidationError:
        raise ValueError("it was written by another version") from None
    if entry.key != key:
        raise ValueError("it belongs to another key")
    return entry


def _age(path: Path, now: float) -> float | None:
    """Seconds since a file was written, None where it is gone; a clock that was set back makes nothing old."""
    try:
        return max(0.0, now - path.stat().st_mtime)
    except OSError:
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return  # it is overwritten when the cell is computed
