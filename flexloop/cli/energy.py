"""Commands on energies and areas: ``energy show``, ``make`` and ``ls``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flexloop.cli import complete
from flexloop.cli.common import Commands, console
from flexloop.cli.options import with_engine_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flexloop.arch import base
    from flexloop.energy.source import EnergyTables
    from flexloop.engines.select import EngineSettings

energy_app = Commands(no_args_is_help=True, help="Energies and areas: show them, make their files, list those kept.")

Arch = Annotated[
    str, typer.Option("--arch", "-a", autocompletion=complete.archs, help="Arch spec: a shipped name or a YAML file.")
]
Source = Annotated[str, typer.Option("--energy", help="table, accelergy, hwcomponents, or a file with an ERT.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="Folder (default: FLEXLOOP_STORE, or the user's cache).")
]

_COLUMNS = ["component", "bits", "read", "write", "update", "compute", "leak", "um2", "estimated by"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    energy_app.command("show")(with_engine_settings(show))
    energy_app.command("make")(with_engine_settings(make))
    energy_app.command("ls")(ls)
    app.add_typer(energy_app, name="energy")


def show(
    engines: EngineSettings,
    digest: Annotated[str | None, typer.Argument(help="Hash of kept tables (column ert_hash of results).")] = None,
    arch: Arch = "edge256",
    energy: Source = "table",
    store: StoreFolder = None,
) -> None:
    """Show an arch spec's energies (pJ an access or operation, leakage pJ a cycle) and areas, or kept ones by hash."""
    out = console()
    if digest is not None:
        out.print(_kept_text(digest, store), markup=False)
        return
    from flexloop.arch.load import load_arch
    from flexloop.cli.tables import table
    from flexloop.energysources.choose import energy_tables

    spec = load_arch(arch)
    tables = energy_tables(energy, spec, engines)
    title = f"{spec.name}, energies from {tables.source}, ERT {tables.digest[:12]}"
    out.print(table(out, title, _COLUMNS, _rows(spec, tables), text=["estimated by"], wraps=["estimated by"]))
    if tables.tool:
        out.print(f"made by {tables.tool}", markup=False)


def make(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables.yaml, ert.yaml and art.yaml.")],
    engines: EngineSettings,
    arch: Arch = "edge256",
    energy: Source = "table",
) -> None:
    """Make an arch spec's energy and area reference tables and write them; --energy takes tables.yaml anywhere."""
    from flexloop.arch.load import load_arch
    from flexloop.energysources.choose import energy_tables
    from flexloop.energysources.kept import table_files
    from flexloop.renderfiles import write_files

    spec = load_arch(arch)
    tables = energy_tables(energy, spec, engines, output / "accelergy")
    write_files(output, table_files(tables))
    console().print(f"ERT {tables.digest[:12]} written to {output / 'tables.yaml'}", markup=False)


def ls(store: StoreFolder = None) -> None:
    """List the tables that the store keeps, by hash."""
    from flexloop.cli.tables import table
    from flexloop.energysources.kept import kept, read_kept

    out = console()
    rows = [(path.stem[:12], read_kept(path)[0][0].removeprefix("energy source: ")) for path in kept(_folder(store))]
    out.print(
        table(
            out,
            f"{len(rows)} energy tables in {_folder(store)}",
            ["ERT", "source"],
            rows,
            text=["source"],
            wraps=["source"],
        )
    )


def _folder(store: Path | None) -> Path:
    from flexloop.running.store import default_folder

    return store or default_folder()


def _kept_text(digest: str, store: Path | None) -> str:
    from flexloop.energysources.kept import find_kept
    from flexloop.errors import SpecError

    path = find_kept(digest, _folder(store))
    if path is None:
        raise SpecError(f"energy: {_folder(store)} keeps no tables under {digest!r}; `flexloop energy ls` lists them")
    return path.read_text(encoding="utf-8").rstrip()


def _rows(spec: base.Arch, tables: EnergyTables) -> list[tuple[str, ...]]:

    energies = {t["name"]: {a["name"]: float(a["energy"]) for a in t["actions"]} for t in tables.ert["tables"]}
    areas = {t["name"]: float(t["area"]) for t in (tables.art or {"tables": []})["tables"]}
    bits = _bits(spec)
    paths = spec.component_paths
    return [_row(name, bits[name], energies[paths[name]], areas.get(paths[name]), tables.origin) for name in bits]


def _bits(arch: base.Arch) -> dict[str, int]:
    """Bits of a row of each memory, outermost first, and of the arithmetic's operands."""
    bits = {memory.name: memory.row_bits for memory in arch.memories}
    return bits | {arch.arithmetic.name: arch.arithmetic.word_bits}


def _row(
    name: str, bits: int, energies: Mapping[str, float], area: float | None, origin: Mapping[str, str]
) -> tuple[str, ...]:
    found = [energies.get(action) for action in _COLUMNS[2:7]]
    return (
        name,
        str(bits),
        *("-" if value is None else f"{value:.4g}" for value in [*found, area]),
        origin.get(name, "-"),
    )
