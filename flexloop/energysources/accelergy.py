"""Accelergy, on PATH or in the container image: energies and areas of an architecture's components.

Accelergy asks its plug-ins (CACTI, tables of published components) for every component of the rendered input; see
https://accelergy.mit.edu and https://github.com/Accelergy-Project/accelergy.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from flexloop.arch.spec import ArchSpec
from flexloop.energy.source import EnergyTables, complete_art, complete_ert
from flexloop.engines.container import ContainerLauncher
from flexloop.engines.containercli import INSTEAD
from flexloop.engines.launcher import Job
from flexloop.engines.process import Finished, run_program, tail
from flexloop.engines.select import EngineSettings
from flexloop.errors import EngineError, OutputError
from flexloop.rendering.render import Renderer
from flexloop.timeloop import yamlio
from flexloop.timeloop.componentname import component_name

PROGRAM = "accelergy"
TABLES = ("ERT", "ERT_summary", "ART", "ART_summary")
OUTPUTS = {**{name: f"{name}.yaml" for name in TABLES}, "flattened_arch": "flattened_architecture.yaml"}
"""What Accelergy is asked to write, and the files that it writes."""
TIMEOUT_S = 1800.0
"""Seconds that Accelergy may take; a large memory takes CACTI a minute."""

_PLACEHOLDERS = ("dummy", "dummy_table")
"""Plug-ins whose figures are placeholders."""

_NOT_IN_IMAGE = 41
_SCRIPT = f"""\
set -e
program=$(command -v {PROGRAM}) || exit {_NOT_IN_IMAGE}
share=$(dirname "$(dirname "$(readlink -f "$program")")")/share/accelergy
cp -r "$share" plug-ins
exec "$program" "$@"
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
class Answer:
    """What Accelergy wrote.

    Attributes:
        files: its files by name, ``ERT.yaml`` and the others.
        log: what it said.
        tool: what it is.
    """

    files: Mapping[str, str]
    log: str
    tool: str

    def content(self, key: str) -> Any:
        """What stands under the top-level key of the file of that name."""
        document = yamlio.load(self.files[OUTPUTS[key]])
        return document.get(key) if isinstance(document, dict) else None

    def estimators(self) -> dict[str, str]:
        """The plug-ins that estimated each component's energies, by its name."""
        found = {}
        for table in self.content("ERT_summary")["table_summary"]:
            names = [str(estimation["estimator"]) for estimation in table["primitive_estimation(s)"]]
            found[component_name(str(table["name"]))] = ", ".join(dict.fromkeys(names))
        return found

    def placeholders(self) -> list[str]:
        """Components whose energies are placeholders, because no plug-in knows them."""
        named = self.estimators().items()
        return [component for component, who in named if {n.lower() for n in who.split(", ")} & set(_PLACEHOLDERS)]


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
        text = Renderer(self.templates).accelergy(arch)
        answer = self.run({"accelergy.yaml": text}, arch.name)
        tables = _tables(answer, arch, f"{answer.tool}, input {hashlib.sha256(text.encode()).hexdigest()[:12]}")
        if keep is not None:
            _keep({"accelergy.yaml": text, "accelergy.log": answer.log, **answer.files}, keep)
        return tables

    def run(self, inputs: Mapping[str, str], name: str, variables: Mapping[str, str] = MappingProxyType({})) -> Answer:
        """Run Accelergy on input files.

        Args:
            inputs: their contents by file name, as they are given to it.
            name: what they describe, for messages.
            variables: of the program's environment, beside those that it has; of the one on PATH alone.

        Raises:
            EngineError: if it is missing or fails, with what it said.
        """
        tool = self.info()
        with TemporaryDirectory(prefix="flexloop-accelergy-") as scratch:
            folder = Path(scratch)
            for file, text in inputs.items():
                (folder / file).write_text(text, encoding="utf-8")
            finished = self._run(inputs, name, folder, variables)
            if finished.status != 0:
                raise EngineError(f"accelergy failed on {name}: {_complaint(finished)}")
            absent = [file for file in OUTPUTS.values() if not (folder / file).is_file()]
            if absent:
                raise EngineError(f"accelergy wrote no {absent[0]} for {name}: {_complaint(finished)}")
            files = {file: (folder / file).read_text(encoding="utf-8") for file in OUTPUTS.values()}
            return Answer(files, "\n".join(tail(finished.log, 10_000, 2**22)) + "\n", tool)

    def _run(self, inputs: Iterable[str], name: str, folder: Path, variables: Mapping[str, str]) -> Finished:
        wanted = ("-f", *OUTPUTS)
        if self.container is None:  # where the user is: an accelergy_config.yaml there counts, as in Timeloop's run
            files = [str(folder / file) for file in inputs]
            command = [PROGRAM, *files, "-o", str(folder), *wanted]
            return run_program(command, Path.cwd(), folder / "accelergy.log", TIMEOUT_S, variables=variables)
        (folder / "accelergy_config.yaml").write_text(_CONFIG, encoding="utf-8")
        (folder / "accelergy.sh").write_text(_SCRIPT, encoding="utf-8")
        arguments = ["accelergy.sh", *inputs, "-o", ".", *wanted]
        finished = self.container.run(Job("sh", arguments, folder, f"accelergy-{name}", 1, TIMEOUT_S))
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


def _tables(answer: Answer, arch: ArchSpec, tool: str) -> EnergyTables:
    if placeholders := answer.placeholders():
        raise EngineError(
            f"accelergy has no plug-in for {placeholders[0]} and gave a placeholder; install accelergy-cacti-plug-in "
            "and accelergy-library-plug-in from github.com/Accelergy-Project"
        )
    return EnergyTables(
        "accelergy",
        complete_ert(answer.content("ERT"), arch, "accelergy"),
        complete_art(answer.content("ART"), arch, "accelergy"),
        answer.estimators(),
        tool,
    )


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


def _keep(files: Mapping[str, str], keep: Path) -> None:
    try:
        keep.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (keep / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {keep}: {error.strerror or error}; give another folder with -o") from error


def accelergy_of(engines: EngineSettings) -> Accelergy:
    """Accelergy as the engine settings ask for it: in the image first where the container or an image is asked for."""
    container = ContainerLauncher(engines.container_cli, engines.image, engines.container_args)
    inside = engines.engine == "container" or bool(engines.image or engines.container_cli)
    return find_accelergy(container, engines.templates, in_container=inside)
