"""Write the Timeloop files of whole networks to a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flexloop.arch.load import load_arch
from flexloop.atomic import safe_name
from flexloop.classes import FlexClass
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import parse_effort, parse_objective
from flexloop.engines.formats import FORMATS
from flexloop.engines.select import EngineSettings
from flexloop.errors import OutputError, UnknownNameError
from flexloop.mapspace import mapspace
from flexloop.rendering.bundle import mapspace_files, run_variants, v4_mapspace_files
from flexloop.rendering.effort import search_settings
from flexloop.rendering.render import Renderer
from flexloop.subjects import load_networks


def render_files(
    classes: Sequence[str],
    networks: Sequence[str],
    arch: str,
    folder: Path,
    objective: str,
    effort: str,
    energy: str,
    parameters: dict[str, int],
    engines: EngineSettings,
    form: str = "native",
) -> int:
    """Write ``<network>/<class>/<layer>/<variant>/*.yaml`` for every layer's mapspace; return how many were written.

    With ``form`` v4, the files of the v4 front end stand beside the native ones. A variant's folder is named by its
    array shape, its place among the variants of that shape, and its padding.

    Args:
        classes, networks, arch: what to write.
        folder: where to.
        objective, effort: of the mapper settings written.
        energy: ``table``, ``accelergy``, ``hwcomponents``, or a file with an ERT.
        parameters: of the networks.
        engines: its templates; and where Accelergy is, if it makes the energies.
        form: ``native`` or ``v4``.

    Raises:
        OutputError: if the folder cannot be written.
    """
    spec = load_arch(arch)
    renderer = Renderer(engines.templates)
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    tables = energy_tables(energy, spec, engines)
    ert = renderer.ert(tables.ert)
    metric = parse_objective(objective)
    count = 0
    for network in load_networks(networks, parameters):
        for flexclass in dict.fromkeys(map(FlexClass.parse, classes)):
            for layer in network.layers:
                home = folder / safe_name(network.name) / str(flexclass) / safe_name(layer.name)
                for variant, name, bounds in run_variants(mapspace(flexclass, spec, layer).variants):
                    settings = search_settings(variant, bounds, parse_effort(effort))
                    files = mapspace_files(renderer, variant, bounds, metric, settings, ert)
                    if form == "v4":
                        search = (metric, settings)
                        files |= v4_mapspace_files(renderer, variant, bounds, search, tables.ert, tables.art)
                    write_files(home / name, files)
                    count += 1
    return count


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write files into a folder, which is made (OutputError if it cannot be written)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}; give another folder with -o") from error
