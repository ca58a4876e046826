"""Pick the engines that search and evaluate, from what the user asked for and what this machine has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flexloop import plugins
from flexloop.engines.base import Engine
from flexloop.engines.formats import FORMATS, WAY_TO_FRONT_END, NativeFormat, V4Format
from flexloop.errors import EngineError, UnknownNameError
from flexloop.validation import make_fields_fit

ENGINES = ("auto", "embedded", "timeloop", "container")
"""Names that ``--engine`` and ``--mapper`` take, beside those of engines that packages add."""

_READ_FORMATS = {"timeloop", "container"}
"""Engines that are given the format that was asked for."""


@dataclass(frozen=True)
class EngineSettings:
    """What engines are asked for.

    Attributes:
        engine: whose figures count: a name of `engine_names`.
        mapper: who searches; ``auto`` means the embedded mapper under ``--engine auto``, else the engine itself.
        container_cli: ``docker`` or ``podman``; None takes whichever is found.
        image: container image; None takes the default one for this machine.
        container_args: further arguments of the container CLI's ``run``.
        templates: a folder of templates that override the shipped ones.
        container_batch: whether one container serves many runs.
        format: of Timeloop's input: ``native``, or ``v4`` through pytimeloop.

    Raises:
        SpecError: for a value of the wrong kind.
    """

    engine: str = "auto"
    mapper: str = "auto"
    container_cli: str | None = None
    image: str | None = None
    container_args: tuple[str, ...] = ()
    templates: Path | None = None
    container_batch: bool = False
    format: str = "native"

    def __post_init__(self) -> None:
        make_fields_fit(self, "option")


def select_engines(settings: EngineSettings) -> tuple[Engine, Engine]:
    """Return the engine that searches and the engine that evaluates (one object where they are the same).

    Raises:
        UnknownNameError: for a name that is no engine.
        EngineError: if an engine that was named does not work here, with the way out.
    """
    for field, name in (("engine", settings.engine), ("mapper", settings.mapper)):
        if name not in engine_names():
            raise UnknownNameError(field, name, engine_names())
    if settings.format not in FORMATS:
        raise UnknownNameError("format", settings.format, FORMATS)
    makers = _makers(settings)
    evaluator = _auto(makers) if settings.engine == "auto" else makers[settings.engine]()
    evaluator.info()
    mapper_name = settings.mapper
    if mapper_name == "auto":
        mapper_name = "embedded" if settings.engine == "auto" else settings.engine
    if settings.format != "native" and not {mapper_name, evaluator.info().name} & _READ_FORMATS:
        raise EngineError(f"format {settings.format}: the {mapper_name} engine does not read it; {WAY_TO_FRONT_END}")
    if mapper_name == evaluator.info().name:
        return evaluator, evaluator
    mapper = makers[mapper_name]()
    mapper.info()
    return mapper, evaluator


def engine_names() -> tuple[str, ...]:
    """Names of all engines: flexloop's own, and those that packages add."""
    return (*ENGINES, *(name for name in plugins.names(plugins.ENGINES) if name not in ENGINES))


def _added(name: str, settings: EngineSettings) -> Engine:
    """An engine that a package adds: what it names is called with the settings."""
    made = plugins.load(plugins.ENGINES, name)(settings)
    engine: Engine = plugins.complete(made, Engine, f"engine {name}")
    return engine


def _makers(settings: EngineSettings) -> dict[str, Callable[[], Engine]]:
    from flexloop.engines.containerengine import ContainerEngine
    from flexloop.engines.embedded import EmbeddedEngine
    from flexloop.engines.timeloop import TimeloopEngine

    form = V4Format() if settings.format == "v4" else NativeFormat()
    added = {name: partial(_added, name, settings) for name in engine_names()[len(ENGINES) :]}
    return {
        **added,
        "embedded": lambda: EmbeddedEngine(settings.templates),
        "timeloop": lambda: TimeloopEngine(templates=settings.templates, form=form),
        "container": lambda: ContainerEngine(
            settings.container_cli,
            settings.image,
            settings.container_args,
            batch=settings.container_batch,
            templates=settings.templates,
            form=form,
        ),
    }


def _auto(makers: dict[str, Callable[[], Engine]]) -> Engine:
    """Timeloop on PATH, else a container whose image is already present, else the embedded engine."""
    for name in ("timeloop", "container"):
        engine = makers[name]()
        try:
            engine.info()
        except EngineError:
            continue
        return engine
    return makers["embedded"]()
