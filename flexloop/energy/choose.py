"""Where energies and areas come from, by the name that ``--energy`` takes, and the tables that a store keeps.

The tables are made once for a spec and serve every variant of it unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flexloop.arch.design.model import Design
from flexloop.arch.kinds import Arch, arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.atomic import write_atomically
from flexloop.energy.ert import estimates
from flexloop.energy.hwmodels import HwModel
from flexloop.energy.source import EnergyTables, estimated, read_tables, shipped_tables
from flexloop.engines.accelergy import Accelergy, find_accelergy
from flexloop.engines.container import ContainerLauncher
from flexloop.engines.select import EngineSettings
from flexloop.errors import OutputError, SpecError
from flexloop.resources import is_file
from flexloop.timeloop import yamlio
from flexloop.timeloop.render import shared_renderer
from flexloop.validation import short

SOURCES = ("table", "accelergy", "hwcomponents")
"""Names that ``--energy`` takes, beside a file."""

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def energy_tables(source: str, arch: Arch, engines: EngineSettings | None = None) -> EnergyTables:
    """Return the energies and areas of an arch spec's or a design's components.

    Args:
        source: ``table`` for the shipped 45 nm table, ``accelergy`` (on PATH, or in the container image of the engine
            settings), ``hwcomponents``, or the path of a YAML file with Timeloop's ``ERT`` key.
        arch: the arch spec, or a design, whose own ERT counts where it brings one and ``table`` is asked for.
        engines: container, image and templates; None takes the defaults.

    Raises:
        SpecError: if it is none of these, or the file is no ERT or lacks a component of the arch.
        UnsupportedError: for a design with a class of components that the source has no figures for.
        EngineError: if Accelergy or hwcomponents is missing or fails, with the way out.
    """
    if isinstance(arch, Design) and source in SOURCES:
        from flexloop.energy.designs import design_tables  # which takes the sources from here

        return design_tables(source, arch, engines or EngineSettings())
    if source == "table":
        return shipped_tables(arch_spec(arch, "energies"))
    if source in SOURCES:
        spec = arch_spec(arch, "energies")
        return _made(_Request(source, spec.model_dump_json(exclude={"axes", "description", "sources"}), spec, engines))
    path = Path(source)
    if not is_file(path):
        raise SpecError(
            f"energy: {short(source)} is none of {', '.join(SOURCES)} and no file; give YAML with a top-level key ERT"
        )
    return read_tables(path, arch)


def accelergy_of(engines: EngineSettings) -> Accelergy:
    """Accelergy as the engine settings ask for it: in the image first where the container or an image is asked for."""
    container = ContainerLauncher(engines.container_cli, engines.image, engines.container_args)
    inside = engines.engine == "container" or bool(engines.image or engines.container_cli)
    return find_accelergy(container, engines.templates, in_container=inside)


@dataclass(frozen=True)
class _Request:
    """What determines tables that are made; the arch spec itself is compared by its hardware."""

    source: str
    hardware: str
    arch: ArchSpec = field(compare=False)
    engines: EngineSettings | None


@lru_cache(maxsize=256)
def _made(request: _Request) -> EnergyTables:
    if request.source == "hwcomponents":
        model = HwModel()
        return estimated(estimates(request.arch, model), model)
    return accelergy_of(request.engines or EngineSettings()).tables(request.arch)


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
