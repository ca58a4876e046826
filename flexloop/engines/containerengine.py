"""The engine that runs Timeloop's programs in containers."""

from __future__ import annotations

from pathlib import Path

from flexloop.engines.container import ContainerLauncher
from flexloop.engines.container_batch import BatchLauncher
from flexloop.engines.formats import Format
from flexloop.engines.timeloop import TimeloopEngine


class ContainerEngine(TimeloopEngine):
    """Searches and evaluates with Timeloop's programs in containers.

    Args:
        cli, image, extra: see `ContainerLauncher`.
        batch: whether one container serves many runs (see `flexloop.engines.container_batch`).
        templates: a folder of templates that override the shipped ones.
        form: the format of its input; None takes the native one.
    """

    def __init__(
        self,
        cli: str | None = None,
        image: str | None = None,
        extra: tuple[str, ...] = (),
        *,
        batch: bool = False,
        templates: Path | None = None,
        form: Format | None = None,
    ) -> None:
        launcher = ContainerLauncher(cli, image, extra)
        super().__init__(BatchLauncher(launcher) if batch else launcher, templates, form)
