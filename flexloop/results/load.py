"""Results read back from a folder, whichever version of flexloop wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow.lib import ArrowException

from flexloop.atomic import safe_name
from flexloop.errors import SpecError
from flexloop.resources import is_file
from flexloop.results.files import FORMAT
from flexloop.results.table import Results
from flexloop.validation import fitting

_NEEDED = ("network", "class", "layer", "count", "arch", "objective", "status", "cycles", "energy_pj", "edp", "macs")
"""Columns without which a table is none of a study's."""


def load(folder: str | Path) -> Results:
    """Read back what `save` wrote, in this version of flexloop or an older one.

    Args:
        folder: the folder, or its ``results.parquet``.

    Raises:
        SpecError: if there are no results, or the file is damaged.
    """
    given = fitting(Path, folder, "results")
    table = given if given.suffix == ".parquet" else given / "results.parquet"
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
        if meta.get("format", 1) > FORMAT:
            raise ValueError(f"written by flexloop {meta.get('flexloop')}, which is newer than this one")
    except (ArrowException, LookupError, OSError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise SpecError(f"{table.parent}: damaged results ({error}); run the study again") from error
    return Results(rows, _upgraded(meta), _mappings(table.parent, rows))


def _upgraded(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata of format 1 as those of today."""
    if not isinstance(meta.get("arch"), dict):
        return meta
    of_arch = ("area_mm2", "energy_tool", "energy_origin", "ert", "art")
    about = {"spec": meta["arch"], **{key: meta[key] for key in of_arch if key in meta}}
    rest = {key: value for key, value in meta.items() if key not in ("arch", *of_arch)}
    return rest | {"format": FORMAT, "archs": {str(meta["arch"].get("name")): about}}


def _mappings(folder: Path, rows: pd.DataFrame) -> dict[tuple[str, str, str, str], dict[str, str]]:
    found = {}
    for key in rows[["arch", "network", "class", "layer"]].itertuples(index=False, name=None):
        parts = [safe_name(str(part)) for part in key]
        cells = (folder.joinpath("mappings", *parts), folder.joinpath("mappings", *parts[1:]))  # the latter of format 1
        cell = next((cell for cell in cells if cell.is_dir()), None)
        if cell is not None:
            files = sorted(cell.glob("*.yaml"))
            found[key] = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}
    return found
