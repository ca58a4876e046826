"""Pick the engines that search and evaluate, from what the user asked for and what this machine has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flexloop.engines.base import Engine
from flexloop.engines.formats import FORMATS, WAY_TO_FRONT_END, NativeFormat, V4Format
from flexloop.errors import EngineError, UnknownNameError

ENGINES = ("auto", "embedded", "timeloop", "container")
"""Names that ``--engine`` and ``--mapper`` take."""


@dataclass(frozen=True)
class EngineSettings:
    """What engines are asked for.

    Attributes:
        engine: whose figures count.
        mapper: who searches; ``auto`` means the embedded mapper under ``--engine auto``, else the engine itself.
        container_cli: ``docker`` or ``podman``; None takes whichever is found.
        image: container image; None takes the default one for this machine.
        container_args: further arguments of the container CLI's ``run``.
        templates: a folder of templates that override the shipped ones.
        container_batch: whether one container serves many runs.
        format: of Timeloop's input: ``native``, or ``v4`` through pytimeloop.
    """

    engine: str = "auto"
    mapper: str = "auto"
    container_cli: str | None = None
    image: str | None = None
    container_args: tuple[str, ...] = ()
    templates: Path | None = None
    container_batch: bool = False
    format: str = "native"


def select_engines(settings: EngineSettings) -> tuple[Engine, Engine]:
    """Return the engine that searches and the engine that evaluates (one object where they are the same).

    Raises:
        UnknownNameError: for a name that is no engine.
        EngineError: if an engine that was named does not work here, with the way out.
    """
    for field, name in (("engine", settings.engine), ("mapper", settings.mapper)):
        if name not in ENGINES:
            raise UnknownNameError(field, name, ENGINES)
    if settings.format not in FORMATS:
        raise UnknownNameError("format", settings.format, FORMATS)
    makers = _makers(settings)
    evaluator = _auto(makers) if settings.engine == "auto" else makers[settings.engine]()
    evaluator.info()
    mapper_name = settings.mapper
    if mapper_name == "auto":
        mapper_name = "embedded" if settings.engine == "auto" else settings.engine
    if settings.format != "native" and {mapper_name, evaluator.info().name} == {"embedded"}:
        raise EngineError(f"format {settings.format}: the embedded engine does not read it; {WAY_TO_FRONT_END}")
    if mapper_name == evaluator.info().name:
        return evaluator, evaluator
    mapper = makers[mapper_name]()
    mapper.info()
    return mapper, evaluator


def _makers(settings: EngineSettings) -> dict[str, Callable[[], Engine]]:
    from flexloop.engines.containerengine import ContainerEngine
    from flexloop.engines.embedded import EmbeddedEngine
    from flexloop.engines.timeloop import TimeloopEngine

    form = V4Format() if settings.format == "v4" else NativeFormat()
    return {
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
