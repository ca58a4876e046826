"""Energy tables as files, and those that a store keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flexloop.atomic import write_atomically
from flexloop.energy.source import EnergyTables
from flexloop.errors import OutputError
from flexloop.rendering.render import shared_renderer
from flexloop.timeloop import yamlio

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def table_files(tables: EnergyTables) -> dict[str, str]:
    """``tables.yaml`` with both tables and their origin, which ``--energy`` takes, and each alone."""
    renderer = shared_renderer()
    ert = renderer.ert(tables.ert)
    art = "" if tables.art is None else renderer.art(tables.art)
    about = "".join(f"# {line}\n" for line in about_tables(tables))
    files = {"ert.yaml": ert, "tables.yaml": about + _lines(ert) + _lines(art)}
    return files | ({"art.yaml": art} if art else {})


def about_tables(tables: EnergyTables) -> list[str]:
    """Where tables came from, a line each: the source, a hash, what made them, and who estimated each component."""
    made = [f"made by {tables.tool}"] * bool(tables.tool)
    who = [f"{component}: {who}" for component, who in tables.origin.items()]
    return [f"energy source: {tables.source}", f"ERT: sha256 {tables.digest}", *made, *who]


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def keep(tables: EnergyTables, store: Path) -> Path:
    """Keep tables in a store, where their digest, which every result row names, finds them again.

    Raises:
        OutputError: if the store cannot be written.
    """
    path = _shelf(store) / f"{tables.digest}.yaml"
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, table_files(tables)["tables.yaml"].encode())
    except OSError as error:
        raise OutputError(
            f"cannot write to the store at {store}: {error.strerror or error}; make room or mend its rights, name "
            "another folder with FLEXLOOP_STORE, or use --no-store"
        ) from error
    return path


def kept(store: Path) -> list[Path]:
    """The files of all tables that a store keeps, newest first."""
    return sorted(_shelf(store).glob("*.yaml"), key=lambda path: path.stat().st_mtime, reverse=True)


def find_kept(digest: str, store: Path) -> Path | None:
    """The file of the tables whose digest begins so; None if that is no digest or the store has none or several."""
    if not _DIGEST.fullmatch(digest):
        return None
    found = list(_shelf(store).glob(f"{digest}*.yaml"))
    return found[0] if len(found) == 1 else None


def read_kept(path: Path) -> tuple[list[str], Mapping[str, Any]]:
    """What tables in a store are: the comments on their origin, and the document."""
    text = path.read_text(encoding="utf-8")
    about = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    return about, yamlio.load(path)


def _shelf(store: Path) -> Path:
    return store / "energy"
