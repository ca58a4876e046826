"""Every finished cell on disk, under a hash of everything that determines it.

An entry is one file, a checksum line and a line of JSON, written whole or not at all. Processes may share a store; a
damaged entry is reported and computed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from flexloop.atomic import write_atomically
from flexloop.errors import OutputError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.mapping import Mapping

Status = Literal["ok", "unmappable", "failed"]


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


@dataclass(frozen=True)
class StoredCell:
    """What came out of one cell: a winner, or the reason why there is none."""

    status: Status
    reason: str
    wall_s: float
    winner: StoredWinner | None = None


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[StoredCell]:
    return TypeAdapter(StoredCell)


def cell_key(content: Map[str, Any]) -> str:
    """The hash of everything that determines a cell (JSON-serialisable, order of keys without meaning)."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def default_folder() -> Path:
    """``FLEXLOOP_STORE``, else ``flexloop`` in the user's cache folder."""
    if named := os.environ.get("FLEXLOOP_STORE"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "flexloop" / "store"


class Store:
    """A folder of finished cells.

    Args:
        folder: where entries lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """File of the entry with that key."""
        return self.folder / key[:2] / f"{key}.cell"

    def get(self, key: str) -> StoredCell | None:
        """Return the entry, or None where there is none; a damaged one is warned about and taken as absent."""
        path = self.path(key)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            warnings.warn(f"store entry {path} cannot be read ({error.strerror}); computing it anew", stacklevel=2)
            return None
        try:
            return _decode(raw)
        except (ValueError, ValidationError):
            warnings.warn(f"store entry {path} is damaged; computing it anew", stacklevel=2)
            return None

    def put(self, key: str, cell: StoredCell) -> None:
        """Write an entry atomically.

        Raises:
            OutputError: if it cannot be written (full disk, read-only folder), with the way out.
        """
        path = self.path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, _encode(cell))
        except OSError as error:
            raise OutputError(
                f"cannot write to the store at {self.folder}: {error.strerror or error}; "
                "make room, name another folder with FLEXLOOP_STORE, or use --no-store"
            ) from error


def _encode(cell: StoredCell) -> bytes:
    payload = _adapter().dump_json(cell)
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def _decode(raw: bytes) -> StoredCell:
    checksum, _, payload = raw.partition(b"\n")
    if hashlib.sha256(payload).hexdigest().encode() != checksum:
        raise ValueError("checksum differs")
    return _adapter().validate_json(payload)
