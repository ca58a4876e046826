"""Results on disk: Parquet and CSV tables beside the YAML of every winning mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flexloop.atomic import safe_name, write_atomically
from flexloop.errors import OutputError
from flexloop.rendering.render import shared_renderer
from flexloop.tables.study import StudyTables

FORMAT = 2
"""Version of the files: 1 had one arch, and its spec, energies and areas beside the other metadata."""

MANIFEST = "manifest.json"
"""The file that lists what a study wrote, so that the next one into the same folder can tidy up."""


def save(results: StudyTables, folder: Path, extra: Mapping[str, pd.DataFrame | str] | None = None) -> Path:
    """Write a study's tables and mappings into a folder, which is made; return the folder.

    Files: ``results.parquet``, ``results.csv``, ``totals.csv``, ``meta.json``, ``energy.yaml`` with the energy and area
    reference tables of all cells (``--energy`` takes it; of several archs one file each), and for each cell
    ``mappings/<arch>/<network>/<class>/<layer>/*.yaml``, ready for plain Timeloop. What an earlier study wrote there,
    as its ``manifest.json`` lists it, is removed; files of anybody else stay.

    Args:
        results: the study.
        folder: where to.
        extra: further files by name, tables as CSV.

    Raises:
        OutputError: if the folder cannot be written, with the reason.
    """
    contents = dict(_contents(results)) | {name: _text(content) for name, content in (extra or {}).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = _earlier(folder)
        _write_manifest(folder, {*earlier, *contents})  # so that nothing is forgotten where this is interrupted
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content, durable=path.parent == folder)
        _remove(folder, earlier - set(contents))
        _write_manifest(folder, set(contents))
    except OSError as error:
        raise OutputError(
            f"cannot write results to {folder}: {error.strerror or error}; give another folder with -o"
        ) from error
    return folder


def _contents(results: StudyTables) -> Iterator[tuple[str, bytes]]:
    """The files of a study by their paths in its folder; the table without which there is no study comes last."""
    for key, files in results.mappings.items():
        cell = "/".join(["mappings", *(safe_name(part) for part in key)])
        yield from ((f"{cell}/{safe_name(name)}", text.encode()) for name, text in files.items())
    yield "results.csv", results.rows.to_csv(index=False).encode()
    yield "totals.csv", results.totals.to_csv(index=False).encode()
    archs = results.meta.get("archs", {})
    for name, about in archs.items():
        if "ert" in about:
            yield "energy.yaml" if len(archs) == 1 else f"energy-{safe_name(name)}.yaml", _reference_tables(about)
    yield "meta.json", json.dumps(results.meta, indent=2, sort_keys=True).encode()
    yield "results.parquet", results.rows.to_parquet(index=False)


def _text(content: pd.DataFrame | str) -> bytes:
    return (content if isinstance(content, str) else content.to_csv(index=False)).encode()


def _earlier(folder: Path) -> set[str]:
    """What an earlier study wrote into the folder and is still there, by its manifest."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in listed if isinstance(name, str) and _is_own(folder, name)}


def _is_own(folder: Path, name: str) -> bool:
    """Whether a name of a manifest, which anybody may have written, is a plain file inside the folder."""
    path = folder / name
    return path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(folder.resolve())


def _remove(folder: Path, names: set[str]) -> None:
    """Remove files, and the folders that hold nothing without them."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
        for parent in (folder / name).parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _write_manifest(folder: Path, names: set[str]) -> None:
    write_atomically(folder / MANIFEST, json.dumps({"files": sorted(names)}, indent=1).encode())


def _reference_tables(about: dict[str, Any]) -> bytes:
    renderer, art = shared_renderer(), about.get("art")
    return (renderer.ert(about["ert"]) + ("" if art is None else renderer.art(art))).encode()
