"""Energies and areas for the files given to one of Timeloop's programs, where these give none themselves.

Timeloop calls Accelergy there. Without it, hwcomponents or the shipped table estimate the same components.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flexloop.energy.classes import read_classes
from flexloop.energy.components import Model
from flexloop.energy.estimate import Estimator
from flexloop.energy.hwmodels import HwModel, available
from flexloop.energy.source import EnergyTables, estimated
from flexloop.energy.summaries import art_summary, ert_summary
from flexloop.energy.table import TECHNOLOGIES, load_table
from flexloop.energy.timeloop_tree import is_tree, of_timeloop
from flexloop.energysources.accelergy import PROGRAM, Answer, accelergy_of
from flexloop.energysources.accelergyinput import accelergy_inputs, libraries
from flexloop.energysources.kept import about_tables
from flexloop.energysources.names import model_of, source_names
from flexloop.engines.select import EngineSettings
from flexloop.errors import EngineError, SpecError, UnsupportedError
from flexloop.resources import is_file
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs.folders import files_of
from flexloop.validation import short

AUTO = "auto"
"""The tables that are given, else Accelergy where it is installed, else hwcomponents where it can be imported, else the
shipped table."""

NODE = TECHNOLOGIES[0]
"""Technology node of components that say none."""


@dataclass(frozen=True)
class EnergyChoice:
    """Where energies are to come from.

    Attributes:
        source: `AUTO`, one of `flexloop.energysources.names.source_names`, or a file with an ERT.
        engines: how Accelergy is found.
        tell: called with one line on where they came from.
    """

    source: str = AUTO
    engines: EngineSettings = field(default_factory=EngineSettings)
    tell: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Completed:
    """A configuration with energies.

    Attributes:
        config: the top-level keys, ``ERT`` and ``ART`` among them.
        tables: the same energies and areas, with their origin; None where Timeloop's own figures count.
        files: what Timeloop's run would leave beside its output, by the end of the file's name.
        lenient: whether Timeloop's own figures count for components without energies, as they do in Timeloop.
    """

    config: Mapping[str, Any]
    tables: EnergyTables | None
    files: Mapping[str, str] = field(default_factory=dict)
    lenient: bool = False

    def written(self) -> dict[str, str]:
        """What to write beside the output, by the end of the file's name: the tables with their origin, and `files`."""
        about = ["energy source: Timeloop's own figures"] if self.tables is None else about_tables(self.tables)
        content = {key: self.config[key] for key in ("ERT", "ART") if self.config.get(key) is not None}
        text = "".join(f"# {line}\n" for line in about) + (yamlio.dump(content) if content else "")
        return {"energy.yaml": text, **self.files}


def complete_energies(config: Mapping[str, Any], files: Sequence[Path], choice: EnergyChoice) -> Completed:
    """Give a configuration energies and areas.

    Args:
        config: the top-level keys of all files.
        files: the files or folders of files, which Accelergy reads itself where it can.
        choice: where they are to come from.

    Raises:
        SpecError: if the source is none, or the architecture is malformed.
        UnsupportedError: for a class that the source knows nothing of, with the ways out.
        EngineError: if a source that was named is missing or fails.
    """
    completed = _completed(config, files, choice)
    choice.tell(f"energies: {_told(completed)}")
    return completed


def _completed(config: Mapping[str, Any], files: Sequence[Path], choice: EnergyChoice) -> Completed:
    if choice.source == "accelergy":
        return _from_accelergy(config, files, choice)
    if choice.source in source_names():
        return _from_model(config, model_of(choice.source, NODE), choice)
    if choice.source != AUTO:
        return _from_file(config, Path(choice.source))
    if config.get("ERT") is not None:
        return Completed(config, EnergyTables("given with the input", _named(config["ERT"]), config.get("ART")))
    if not is_tree(_architecture(config)):
        return Completed(config, None, lenient=True)
    return _automatic(config, files, choice)


def _automatic(config: Mapping[str, Any], files: Sequence[Path], choice: EnergyChoice) -> Completed:
    engines = choice.engines
    in_image = engines.engine == "container" or bool(engines.image or engines.container_cli)
    attempts: list[Callable[[], Completed]] = []
    if in_image or shutil.which(PROGRAM):
        attempts.append(lambda: _from_accelergy(config, files, choice))
    if available():
        attempts.append(lambda: _from_model(config, HwModel(), choice))
    for attempt in attempts:
        try:
            return attempt()
        except (EngineError, UnsupportedError) as error:
            choice.tell(f"{error}; the next source is taken")
    return _from_model(config, load_table(NODE), choice)


def _from_file(config: Mapping[str, Any], path: Path) -> Completed:
    if not is_file(path):
        known = ", ".join((AUTO, *source_names()))
        raise SpecError(
            f"energy: {short(str(path))} is none of {known} and no file; give YAML with a top-level key ERT"
        )
    content = yamlio.load(path)
    if not isinstance(content, dict) or content.get("ERT") is None:
        raise SpecError(f"{path}: no ERT; Accelergy's reference table has a top-level key ERT")
    art = content.get("ART", config.get("ART"))
    tables = EnergyTables(str(path), _named(content["ERT"]), art)
    return Completed({**config, "ERT": content["ERT"], "ART": art}, tables)


def _from_model(config: Mapping[str, Any], model: Model, choice: EnergyChoice) -> Completed:
    classes = read_classes(config.get("compound_components"))
    estimator, found = Estimator(model, classes, NODE), []
    for component in of_timeloop(_architecture(config), classes):
        try:
            found.append(estimator.estimate(component))
        except UnsupportedError:
            if component.needed:
                raise
            choice.tell(f"{component.name} (class {component.part.kind}) has no figures in {model.source}: not counted")
    tables = estimated(found, model)
    documents = {"ERT": tables.ert, "ART": tables.art}
    documents |= {"ERT_summary": ert_summary(found), "ART_summary": art_summary(found)}
    files = {f"{key}.yaml": yamlio.dump({key: content}) for key, content in documents.items()}
    return Completed({**config, "ERT": tables.ert, "ART": tables.art}, tables, files)


def _from_accelergy(config: Mapping[str, Any], files: Sequence[Path], choice: EnergyChoice) -> Completed:
    answer = accelergy_of(choice.engines).run(
        accelergy_inputs(config, files_of(files)), "the architecture", libraries(config, files_of(files))
    )
    ert, art = answer.content("ERT"), answer.content("ART")
    if not ert or not ert.get("tables"):
        raise EngineError(
            "accelergy gave no energies: this version of it wants compound_components, or required_actions such as "
            "[read, write, update, leak] of each component; add them, or use --energy hwcomponents or table"
        )
    tables = EnergyTables("accelergy", ert, art, answer.estimators(), answer.tool)
    for component in answer.placeholders():
        choice.tell(f"accelergy has no plug-in for {component} and gave a placeholder, as it does in Timeloop's run")
    return Completed({**config, "ERT": ert, "ART": art}, tables, _left(answer), lenient=True)


def _left(answer: Answer) -> dict[str, str]:
    return {**answer.files, "accelergy.log": answer.log}


def _named(content: Any) -> Any:
    """The same data with texts for keys, which a hash of it wants."""
    if isinstance(content, Mapping):
        return {str(key): _named(value) for key, value in content.items()}
    return [_named(value) for value in content] if isinstance(content, list) else content


def _architecture(config: Mapping[str, Any]) -> Any:
    return config.get("arch", config.get("architecture"))


def _told(completed: Completed) -> str:
    tables = completed.tables
    if tables is None:
        return "Timeloop's own figures, since it calls no Accelergy for architectures of this version"
    if tables.source == "table":
        assumed = [name for name, origin in tables.origin.items() if origin.endswith("assumed)")]
        rest = f"; {NODE} assumed for {', '.join(assumed)}" if assumed else ""
        return f"{tables.tool}, an estimate{rest}"
    return f"{tables.source}" + (f" ({tables.tool})" if tables.tool else "")
