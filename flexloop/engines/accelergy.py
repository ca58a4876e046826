"""Accelergy, on PATH or in the container image: energies and areas of an arch spec's components.

Accelergy asks its plug-ins (CACTI, tables of published components) for every component of the rendered input; see
https://accelergy.mit.edu and https://github.com/Accelergy-Project/accelergy.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flexloop.arch.spec import ArchSpec
from flexloop.energy.source import EnergyTables, complete_art, complete_ert
from flexloop.engines.container import ContainerLauncher
from flexloop.engines.containercli import INSTEAD
from flexloop.engines.launcher import Job
from flexloop.engines.process import Finished, run_program, tail
from flexloop.errors import EngineError, OutputError
from flexloop.timeloop import yamlio
from flexloop.timeloop.render import Renderer
from flexloop.timeloop.tree import component_name

PROGRAM = "accelergy"
OUTPUTS = ("ERT", "ERT_summary", "ART", "ART_summary")
TIMEOUT_S = 1800.0
"""Seconds that Accelergy may take; a large memory takes CACTI a minute."""

_ARGUMENTS = ("accelergy.yaml", "-o", ".", "-f", *OUTPUTS)
_PLACEHOLDERS = ("dummy",)
"""Plug-ins whose figures are placeholders."""

_NOT_IN_IMAGE = 41
_SCRIPT = f"""\
set -e
program=$(command -v {PROGRAM}) || exit {_NOT_IN_IMAGE}
share=$(dirname "$(dirname "$(readlink -f "$program")")")/share/accelergy
cp -r "$share" plug-ins
exec "$program" {" ".join(_ARGUMENTS)}
"""
# The CACTI plug-in writes beside itself, which no one may in a container with a read-only root: it runs from a copy.
_CONFIG = """\
version: 0.4
estimator_plug_ins: [plug-ins/estimation_plug_ins]
primitive_components: [plug-ins/primitive_component_libs]
compound_components: []
math_functions: []
python_plug_ins: []
table_plug_ins: {roots: [plug-ins/table_plug_ins]}
"""


@dataclass(frozen=True)
class Accelergy:
    """Where Accelergy is.

    Attributes:
        container: how to start it in a container; None takes the program on PATH.
        templates: a folder of templates that override the shipped ones.
    """

    container: ContainerLauncher | None = None
    templates: Path | None = None

    def info(self) -> str:
        """What it is, for people (EngineError with the way out where it is missing)."""
        if self.container is not None:
            found = self.container.container
            return f"accelergy in image {found.image} ({found.version})"
        path = shutil.which(PROGRAM)
        if path is None:
            raise EngineError(
                f"{PROGRAM} not found on PATH; install it with its plug-ins from github.com/Accelergy-Project, use the "
                "container image of Timeloop (--container-cli, --image), or --energy hwcomponents or table"
            )
        return f"accelergy {path}"

    def tables(self, arch: ArchSpec, keep: Path | None = None) -> EnergyTables:
        """Run Accelergy on an arch spec.

        Args:
            arch: the arch spec.
            keep: folder for Accelergy's input, log and output files; None keeps none.

        Raises:
            EngineError: if it is missing or fails, with what it said, or if a figure is a placeholder.
            OutputError: if the folder cannot be written.
        """
        tool, text = self.info(), Renderer(self.templates).accelergy(arch)
        with TemporaryDirectory(prefix="flexloop-accelergy-") as scratch:
            folder = Path(scratch)
            finished = self._run(arch, text, folder)
            if finished.status != 0:
                raise EngineError(f"accelergy failed on {arch.name}: {_complaint(finished)}")
            tables = _read(folder, arch, f"{tool}, input {hashlib.sha256(text.encode()).hexdigest()[:12]}")
            if keep is not None:
                _keep(folder, keep)
        return tables

    def _run(self, arch: ArchSpec, text: str, folder: Path) -> Finished:
        (folder / "accelergy.yaml").write_text(text, encoding="utf-8")
        if self.container is None:
            return run_program([PROGRAM, *_ARGUMENTS], folder, folder / "accelergy.log", TIMEOUT_S)
        (folder / "accelergy_config.yaml").write_text(_CONFIG, encoding="utf-8")
        (folder / "accelergy.sh").write_text(_SCRIPT, encoding="utf-8")
        finished = self.container.run(Job("sh", ["accelergy.sh"], folder, f"accelergy-{arch.name}", 1, TIMEOUT_S))
        if finished.status == _NOT_IN_IMAGE:
            image = self.container.container.image
            raise EngineError(f"image {image} has no {PROGRAM}; choose another --image, or --energy table")
        return finished


def find_accelergy(container: ContainerLauncher, templates: Path | None, *, in_container: bool) -> Accelergy:
    """Accelergy on PATH, else in the container image.

    Args:
        container: the image to take.
        templates: a folder of templates that override the shipped ones.
        in_container: whether the image goes before PATH.

    Raises:
        EngineError: if there is none, with the reason for each.
    """
    on_path, inside = Accelergy(None, templates), Accelergy(container, templates)
    reasons = []
    for candidate in (inside, on_path) if in_container else (on_path, inside):
        try:
            candidate.info()
        except EngineError as error:
            reasons.append(str(error).removesuffix(INSTEAD))
            continue
        return candidate
    raise EngineError("energy: " + "; ".join(reasons))


def _read(folder: Path, arch: ArchSpec, tool: str) -> EnergyTables:
    files = {name: folder / f"{name}.yaml" for name in OUTPUTS}
    if absent := [name for name, file in files.items() if not file.is_file()]:
        raise EngineError(f"accelergy wrote no {absent[0]}.yaml for {arch.name}; see its log")
    content = {name: yamlio.load(file) for name, file in files.items()}
    origin = _estimators(content["ERT_summary"])
    for component, estimators in origin.items():
        if any(name.lower() in _PLACEHOLDERS for name in estimators.split(", ")):
            raise EngineError(
                f"accelergy has no plug-in for {component} and gave a placeholder; install accelergy-cacti-plug-in and "
                "accelergy-library-plug-in from github.com/Accelergy-Project"
            )
    return EnergyTables(
        "accelergy",
        complete_ert(content["ERT"].get("ERT"), arch, "accelergy"),
        complete_art(content["ART"].get("ART"), arch, "accelergy"),
        origin,
        tool,
    )


def _estimators(summary: Any) -> dict[str, str]:
    """The plug-ins that estimated each component, by its name."""
    found = {}
    for table in summary["ERT_summary"]["table_summary"]:
        names = [str(estimation["estimator"]) for estimation in table["primitive_estimation(s)"]]
        found[component_name(str(table["name"]))] = ", ".join(dict.fromkeys(names))
    return found


def _complaint(finished: Finished) -> str:
    """The line that says what Accelergy stumbled on."""
    if finished.timed_out:
        return f"stopped after {finished.seconds:.0f} s"
    lines = tail(finished.log, 400, 2**20)
    for sign in ("Can not find an", "Failed to evaluate", "CACTI failed", "Error: "):
        for line in lines:
            if sign in line:
                return line[line.index(sign) :].strip()[:300] if sign != "Error: " else line.strip("| ")[:300]
    return " ".join(lines[-2:])[:300] or f"exit status {finished.status}"


def _keep(folder: Path, keep: Path) -> None:
    try:
        keep.mkdir(parents=True, exist_ok=True)
        for name in ("accelergy.yaml", "accelergy.log", *(f"{output}.yaml" for output in OUTPUTS)):
            if (folder / name).is_file():
                shutil.copy(folder / name, keep / name)
    except OSError as error:
        raise OutputError(f"cannot write {keep}: {error.strerror or error}; give another folder with -o") from error
