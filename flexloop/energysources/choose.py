"""Where energies and areas come from, by the name that ``--energy`` takes.

The tables are made once for a spec and serve every variant of it unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache, singledispatch
from pathlib import Path

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.spec import ArchSpec
from flexloop.energy.ert import estimates
from flexloop.energy.source import EnergyTables, estimated, read_tables, shipped_tables
from flexloop.energysources.accelergy import accelergy_of
from flexloop.energysources.designs import design_tables
from flexloop.energysources.names import model_of, source_names
from flexloop.engines.select import EngineSettings
from flexloop.errors import SpecError
from flexloop.resources import is_file
from flexloop.validation import short


def energy_tables(
    source: str, arch: Arch, engines: EngineSettings | None = None, folder: Path | None = None
) -> EnergyTables:
    """Return the energies and areas of an arch spec's or a design's components.

    Args:
        source: ``table`` for the shipped 45 nm table, ``accelergy`` (on PATH, or in the container image of the engine
            settings), ``hwcomponents``, what a package adds, or the path of a YAML file with Timeloop's ``ERT`` key.
        arch: the arch spec, or a design, whose own ERT counts where it brings one and ``table`` is asked for.
        engines: container, image and templates; None takes the defaults.
        folder: where the files that Accelergy reads of an arch spec and writes are left; None leaves none.

    Raises:
        SpecError: if it is none of these, or the file is no ERT or lacks a component of the arch.
        UnsupportedError: for a design with a class of components that the source has no figures for.
        EngineError: if Accelergy or hwcomponents is missing or fails, with the way out.
    """
    if source in source_names():
        return _made_for(arch, source, engines, folder)
    path = Path(source)
    if not is_file(path):
        known = ", ".join(source_names())
        raise SpecError(f"energy: {short(source)} is none of {known} and no file; give YAML with a top-level key ERT")
    return read_tables(path, arch)


@singledispatch
def _made_for(arch: Arch, source: str, engines: EngineSettings | None, folder: Path | None) -> EnergyTables:
    """What a source has for an arch, by how its components are written."""
    raise TypeError(f"{type(arch).__name__} has no components")


@_made_for.register
def _for_design(arch: Design, source: str, engines: EngineSettings | None, folder: Path | None) -> EnergyTables:
    return design_tables(source, arch, engines or EngineSettings())


@_made_for.register
def _for_spec(arch: ArchSpec, source: str, engines: EngineSettings | None, folder: Path | None) -> EnergyTables:
    if source == "table":
        return shipped_tables(arch)
    if source == "accelergy" and folder is not None:
        return accelergy_of(engines or EngineSettings()).tables(arch, folder)
    return _made(_Request(source, arch.model_dump_json(exclude={"axes", "description", "sources"}), arch, engines))


@dataclass(frozen=True)
class _Request:
    """What determines tables that are made; the arch spec itself is compared by its hardware."""

    source: str
    hardware: str
    arch: ArchSpec = field(compare=False)
    engines: EngineSettings | None


@lru_cache(maxsize=256)
def _made(request: _Request) -> EnergyTables:
    if request.source == "accelergy":
        return accelergy_of(request.engines or EngineSettings()).tables(request.arch)
    model = model_of(request.source, request.arch.technology)
    return estimated(estimates(request.arch, model), model)
