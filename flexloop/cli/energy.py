"""Commands on energies and areas: ``energy show``, ``make`` and ``ls``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flexloop.cli.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flexloop.energy.source import EnergyTables
    from flexloop.engines.select import EngineSettings

energy_app = typer.Typer(no_args_is_help=True, help="Energies and areas: show them, make their files, list those kept.")

Arch = Annotated[str, typer.Option("--arch", "-a", help="Arch spec: a shipped name or a YAML file.")]
Source = Annotated[str, typer.Option("--energy", help="table, accelergy, hwcomponents, or a file with an ERT.")]
Cli = Annotated[str | None, typer.Option("--container-cli", help="docker or podman (default: whichever is found).")]
Image = Annotated[str | None, typer.Option("--image", help="Image with Accelergy; it then goes before PATH.")]
RunArgument = Annotated[list[str], typer.Option("--container-arg", help="Further argument of the container's run.")]
Templates = Annotated[Path | None, typer.Option(help="Folder of templates that override the shipped ones.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="Folder (default: FLEXLOOP_STORE, or the user's cache).")
]

_COLUMNS = ["component", "bits", "read", "write", "update", "compute", "leak", "um2", "estimated by"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.add_typer(energy_app, name="energy")


@energy_app.command("show")
def show(
    digest: Annotated[str | None, typer.Argument(help="Hash of kept tables (column ert_hash of results).")] = None,
    arch: Arch = "edge256",
    energy: Source = "table",
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
    templates: Templates = None,
    store: StoreFolder = None,
) -> None:
    """Show an arch spec's energies (pJ an access or operation, leakage pJ a cycle) and areas, or kept ones by hash."""
    out = console()
    if digest is not None:
        out.print(_kept_text(digest, store), markup=False)
        return
    from flexloop.arch.load import load_arch
    from flexloop.cli.tables import table
    from flexloop.energy.choose import energy_tables

    spec = load_arch(arch)
    tables = energy_tables(energy, spec, _settings(container_cli, image, container_arg, templates))
    title = f"{spec.name}, energies from {tables.source}, ERT {tables.digest[:12]}"
    out.print(table(out, title, _COLUMNS, _rows(spec, tables), text=["estimated by"]))
    if tables.tool:
        out.print(f"made by {tables.tool}", markup=False)


@energy_app.command("make")
def make(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables.yaml, ert.yaml and art.yaml.")],
    arch: Arch = "edge256",
    energy: Source = "table",
    container_cli: Cli = None,
    image: Image = None,
    container_arg: RunArgument = [],  # noqa: B006 - Typer copies it
    templates: Templates = None,
) -> None:
    """Make an arch spec's energy and area reference tables and write them; --energy takes tables.yaml anywhere."""
    from flexloop.arch.load import load_arch
    from flexloop.energy.choose import accelergy_of, energy_tables, table_files
    from flexloop.renderfiles import write_files

    spec, settings = load_arch(arch), _settings(container_cli, image, container_arg, templates)
    if energy == "accelergy":
        tables = accelergy_of(settings).tables(spec, output / "accelergy")
    else:
        tables = energy_tables(energy, spec, settings)
    write_files(output, table_files(tables))
    console().print(f"ERT {tables.digest[:12]} written to {output / 'tables.yaml'}", markup=False)


@energy_app.command("ls")
def ls(store: StoreFolder = None) -> None:
    """List the tables that the store keeps, by hash."""
    from flexloop.cli.tables import table
    from flexloop.energy.choose import kept, read_kept

    out = console()
    rows = [(path.stem[:12], read_kept(path)[0][0].removeprefix("energy source: ")) for path in kept(_folder(store))]
    out.print(table(out, f"{len(rows)} energy tables in {_folder(store)}", ["ERT", "source"], rows, text=["source"]))


def _settings(cli: str | None, image: str | None, arguments: list[str], templates: Path | None) -> EngineSettings:
    from flexloop.engines.select import EngineSettings

    return EngineSettings(
        engine="container" if image or cli else "auto",
        container_cli=cli,
        image=image,
        container_args=tuple(arguments),
        templates=templates,
    )


def _folder(store: Path | None) -> Path:
    from flexloop.running.store import default_folder

    return store or default_folder()


def _kept_text(digest: str, store: Path | None) -> str:
    from flexloop.energy.choose import find_kept
    from flexloop.errors import SpecError

    path = find_kept(digest, _folder(store))
    if path is None:
        raise SpecError(f"energy: {_folder(store)} keeps no tables under {digest!r}; `flexloop energy ls` lists them")
    return path.read_text(encoding="utf-8").rstrip()


def _rows(spec: Any, tables: EnergyTables) -> list[tuple[str, ...]]:
    from flexloop.timeloop.tree import component_paths

    energies = {t["name"]: {a["name"]: float(a["energy"]) for a in t["actions"]} for t in tables.ert["tables"]}
    areas = {t["name"]: float(t["area"]) for t in (tables.art or {"tables": []})["tables"]}
    bits = {level.name: level.width for level in spec.levels} | {spec.mac.name: spec.mac.datawidth}
    paths = component_paths(spec)
    return [_row(name, bits[name], energies[paths[name]], areas.get(paths[name]), tables.origin) for name in bits]


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
