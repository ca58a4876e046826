"""Commands on the store of finished cells: ``cache ls``, ``verify``, ``prune`` and ``export``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli.common import Commands, console
from flexloop.errors import FlexloopError, SpecError

if TYPE_CHECKING:
    from flexloop.running.store import Entry, Store

cache_app = Commands(no_args_is_help=True, help="Finished cells on disk: list, check, remove and export them.")

Folder = Annotated[Path | None, typer.Option("--store", help="Folder (default: FLEXLOOP_STORE, or the user's cache).")]

_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(cache_app, name="cache")


@cache_app.command("ls")
def ls(
    store: Folder = None,
    limit: Annotated[int, typer.Option(min=0, help="Newest entries to list (0: all).")] = 20,
) -> None:
    """List the newest entries: when they were computed, what they are, what they cost."""
    from flexloop.cli.tables import number, table

    out = console()
    chosen = _store(store)
    files = sorted(chosen.files(), key=_written, reverse=True)
    rows = []
    for path in files[: limit or None]:
        try:
            rows.append(_row(path, chosen.read(path)))
        except SpecError:
            rows.append([_when(path), path.stem[:12], "damaged; see `flexloop cache verify`", "", "", "", ""])
    columns = ["computed", "key", "arch", "class", "layer", "objective", "result"]
    size = number(sum(_size(path) for path in files)) + "B"
    title = f"{len(files)} cells, {size}, in {chosen.folder}"
    wraps = ["layer", "result"]
    out.print(table(out, title, columns, rows, text=columns, wraps=wraps, goes=["key", "objective", "computed"]))


@cache_app.command("verify")
def verify(store: Folder = None) -> None:
    """Read every entry and name those that are damaged (exit status 1 if there are any)."""
    out = console()
    chosen = _store(store)
    entries = damaged = 0
    for path in chosen.files():
        entries += 1
        try:
            chosen.read(path)
        except SpecError as error:
            damaged += 1
            out.print(str(error), markup=False)
    left_over = len(list(chosen.left_over()))
    out.print(
        f"{entries} cells in {chosen.folder}: {damaged} damaged, {left_over} left over from killed processes",
        markup=False,
    )
    if damaged:
        raise typer.Exit(1)


@cache_app.command("prune")
def prune(
    store: Folder = None,
    older_than: Annotated[str | None, typer.Option(help="Remove entries older than this: 12h, 30d, 8w.")] = None,
    damaged: Annotated[bool, typer.Option("--damaged", help="Remove entries that cannot be read.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Remove every entry.")] = False,
) -> None:
    """Remove what killed processes left over, and the entries asked for."""
    from flexloop.cli.tables import number

    chosen = _store(store)
    age = -1.0 if all_ else None if older_than is None else _age(older_than)
    files, size = chosen.prune(older_than_s=age, damaged=damaged)
    console().print(f"{files} files removed from {chosen.folder}, {number(size)}B freed", markup=False)


@cache_app.command("export")
def export(
    output: Annotated[Path, typer.Argument(help="File to write: one JSON object a line, one line a cell.")],
    store: Folder = None,
) -> None:
    """Write all entries as JSON lines: what each cell is, its mapping and its figures."""
    from flexloop.atomic import write_file

    chosen = _store(store)
    lines = list(_lines(chosen))
    write_file(output, "".join(lines), "give another file")
    console().print(f"{len(lines)} cells written to {output}", markup=False)


def _lines(store: Store) -> Iterator[str]:
    for path in store.files():
        try:
            entry = store.read(path)
        except SpecError as error:
            console(stderr=True).print(f"warning: left out: {error}", markup=False, style="yellow")
            continue
        yield json.dumps(asdict(entry)) + "\n"


def _store(folder: Path | None) -> Store:
    from flexloop.running.store import Store, default_folder

    return Store(folder or default_folder())


def _row(path: Path, entry: Entry) -> list[str]:
    about = entry.about
    winner = entry.cell.winner
    result = f"{entry.cell.status}: {entry.cell.reason}" if winner is None else _figures(entry)
    return [_when(path), entry.key[:12], *(about.get(n, "?") for n in ("arch", "class", "layer", "objective")), result]


def _figures(entry: Entry) -> str:
    from flexloop.cli.tables import energy, number

    assert entry.cell.winner is not None
    figures = entry.cell.winner.evaluation
    return f"{number(figures.cycles)} cycles, {energy(figures.energy_pj)}"


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _when(path: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(_written(path)))


def _age(text: str) -> float:
    """Seconds of an age such as ``30d``."""
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise FlexloopError(f"--older-than {text!r}: write a number and s, m, h, d or w, for example 30d")
    return float(match[1]) * _SECONDS[match[2]]
