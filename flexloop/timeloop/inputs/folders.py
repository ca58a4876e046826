"""Folders in place of files: those that hold Timeloop's files, such as a cell's of ``flexloop run -o``, and results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from flexloop.errors import SpecError

SUFFIXES = (".yaml", ".yml", ".cfg")
"""Of Timeloop's files."""

V4_FILE = "v4.yaml"
"""The file of a cell that ``tl mapper`` or ``tl model`` reads; it holds everything."""

_RESULTS, _CELLS = "results.parquet", "mappings"
"""What marks a folder of results, and where its cells are."""


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that are meant: files as they are given, folders by the files in them.

    A folder of results, or its ``results.parquet``, stands for its cell. Where a mapspace is rendered for the v4 front
    end too, the native files count.

    Raises:
        SpecError: if a folder holds no such files or several cells, with the ways out.
    """
    return [file for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if path.name == _RESULTS:
        path = path.parent
    if not path.is_dir():
        return [path]
    files = _inputs(path)
    if (path / _RESULTS).exists() or (path / _CELLS).is_dir():
        files = _inputs(_only_cell(path))
    if not files:
        raise SpecError(f"{path}: no files of Timeloop's in this folder ({', '.join(SUFFIXES)})")
    native = [file for file in files if file.name != V4_FILE]
    return native or files


def _inputs(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _only_cell(folder: Path) -> Path:
    cells = list(_cells(folder / _CELLS))
    if len(cells) == 1:
        return cells[0]
    if not cells:
        raise SpecError(f"{folder}: results without a mapping; `flexloop run ... -o DIR` keeps those that were found")
    some = "".join(f"\n  {cell}" for cell in cells[:3])
    more = f"\n  and {len(cells) - 3} more" if len(cells) > 3 else ""
    raise SpecError(f"{folder}: results of {len(cells)} cells; name the folder of one:{some}{more}")


def _cells(folder: Path) -> Iterator[Path]:
    """The folders below that hold files, in alphabetical order."""
    if not folder.is_dir():
        return
    if _inputs(folder):
        yield folder
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.is_symlink():
            yield from _cells(inner)
