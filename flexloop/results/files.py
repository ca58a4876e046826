"""Results on disk: Parquet and CSV tables beside the YAML of every winning mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow.lib import ArrowException

from flexloop.atomic import write_atomically
from flexloop.errors import OutputError, SpecError
from flexloop.resources import is_file
from flexloop.results.table import Results
from flexloop.timeloop.render import shared_renderer

_NEEDED = ("network", "class", "layer", "count", "arch", "objective", "status", "cycles", "energy_pj", "edp", "macs")
"""Columns without which a table is none of a study's."""

_SAFE = re.compile(r"[^A-Za-z0-9_.\-]")


def save(results: Results, folder: Path) -> Path:
    """Write a study's tables and mappings into a folder, which is made; return the folder.

    Files: ``results.parquet``, ``results.csv``, ``totals.csv``, ``meta.json``, ``energy.yaml`` with the energy and area
    reference tables of all cells (``--energy`` takes it), and for each cell
    ``mappings/<network>/<class>/<layer>/*.yaml``, ready for plain Timeloop.

    Raises:
        OutputError: if the folder cannot be written, with the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, files in results.mappings.items():
            cell = folder.joinpath("mappings", *(safe_name(part) for part in key))
            cell.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (cell / safe_name(name)).write_text(text, encoding="utf-8")
        write_atomically(folder / "results.csv", results.rows.to_csv(index=False).encode())
        write_atomically(folder / "totals.csv", results.totals.to_csv(index=False).encode())
        if "ert" in results.meta:
            write_atomically(folder / "energy.yaml", _reference_tables(results.meta).encode())
        write_atomically(folder / "meta.json", json.dumps(results.meta, indent=2, sort_keys=True).encode())
        write_atomically(folder / "results.parquet", results.rows.to_parquet(index=False))
    except OSError as error:
        raise OutputError(
            f"cannot write results to {folder}: {error.strerror or error}; give another folder with -o"
        ) from error
    return folder


def save_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write tables as CSV files, by their names.

    Raises:
        OutputError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; give another folder with -o"
        ) from error


def load(folder: str | Path) -> Results:
    """Read back what `save` wrote.

    Args:
        folder: the folder, or its ``results.parquet``.

    Raises:
        SpecError: if there are no results, or the file is damaged.
    """
    folder = Path(folder)
    table = folder if folder.suffix == ".parquet" else folder / "results.parquet"
    if not is_file(table):
        raise SpecError(f"no results at {table}; `flexloop run ... -o DIR` writes them")
    try:
        rows = pd.read_parquet(table)
        meta_file = table.parent / "meta.json"
        meta = json.loads(meta_file.read_text(encoding="utf-8")) if meta_file.is_file() else {}
        if missing := [column for column in _NEEDED if column not in rows.columns]:
            raise ValueError(f"no column {missing[0]!r}")
        if not isinstance(meta, dict):
            raise ValueError("meta.json holds no object")
    except (ArrowException, OSError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise SpecError(f"{table.parent}: damaged results ({error}); run the study again") from error
    return Results(rows, meta, _mappings(table.parent, rows))


def _reference_tables(meta: dict[str, Any]) -> str:
    renderer = shared_renderer()
    art = meta.get("art")
    return renderer.ert(meta["ert"]) + ("" if art is None else renderer.art(art))


def safe_name(name: str) -> str:
    """A file name made of a name: no separators, never empty, never a parent folder."""
    cleaned = _SAFE.sub("_", name)
    return cleaned if cleaned.strip(".") else "_" + cleaned


def _mappings(folder: Path, rows: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, str]]:
    found = {}
    for key in rows[["network", "class", "layer"]].itertuples(index=False, name=None):
        cell = folder.joinpath("mappings", *(safe_name(str(part)) for part in key))
        if cell.is_dir():
            files = sorted(cell.glob("*.yaml"))
            found[key] = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}
    return found
