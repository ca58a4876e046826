"""Which engines work on this machine, and how to get the others."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from flexloop.energy import hwmodels
from flexloop.engines.base import Engine
from flexloop.engines.formats import FRONT_END, WAY_TO_FRONT_END
from flexloop.engines.select import EngineSettings
from flexloop.errors import EngineError

if TYPE_CHECKING:
    from flexloop.engines.container import ContainerLauncher


@dataclass(frozen=True)
class Finding:
    """One thing looked for: whether it works, and its version or the way to get it."""

    name: str
    works: bool
    detail: str


def examine(settings: EngineSettings | None = None) -> list[Finding]:
    """Look at every engine, at the optional programs and packages, and into the container image, if it is here.

    Args:
        settings: which container CLI, image and arguments of its run; None takes the defaults.
    """
    from flexloop.engines.container import ContainerLauncher

    settings = settings or EngineSettings()
    findings = [
        *engines(settings),
        *_image(ContainerLauncher(settings.container_cli, settings.image, settings.container_args)),
        _program(
            "accelergy",
            "for --energy accelergy: in the container image of Timeloop; or install accelergy, accelergy-cacti-plug-in "
            "and accelergy-library-plug-in from github.com/Accelergy-Project",
        ),
        _program(FRONT_END, f"for --format v4: {WAY_TO_FRONT_END}"),
        _hwcomponents(),
    ]
    return [*findings, *(_package(name, extra) for name, extra in _EXTRAS.items())]


def engines(settings: EngineSettings | None = None) -> list[Finding]:
    """Look at the three engines (see `examine`)."""
    from flexloop.engines.containerengine import ContainerEngine
    from flexloop.engines.embedded import EmbeddedEngine
    from flexloop.engines.timeloop import TimeloopEngine

    settings = settings or EngineSettings()
    container = ContainerEngine(settings.container_cli, settings.image, settings.container_args)
    return [
        _engine("engine embedded", EmbeddedEngine()),
        _engine("engine timeloop", TimeloopEngine()),
        _engine("engine container", container),
    ]


_EXTRAS = {"dask": "dask", "matplotlib": "figures", "onnx": "onnx", "optuna": "explore"}


def _hwcomponents() -> Finding:
    """The packages behind ``--energy hwcomponents``, and whether this Python can have them."""
    name = "package hwcomponents"
    try:
        return Finding(name, True, ", ".join(f"{package} {version(package)}" for package in hwmodels.PACKAGES))
    except PackageNotFoundError as error:
        python = "" if sys.version_info >= hwmodels.PYTHON else f", on Python 3.{hwmodels.PYTHON[1]} or newer"
        return Finding(name, False, f"{error.name} missing: pip install 'flexloop[hwcomponents]'{python}")


def _image(launcher: ContainerLauncher) -> list[Finding]:
    """What is in the image; nothing where there is no image to look into, which the container engine's line says."""
    from flexloop.engines.container import TOOLS

    try:
        container, inside = launcher.container, launcher.tools()
    except EngineError:
        return []
    where = f"image {container.image} {container.version}"
    return [
        Finding(f"in the image: {tool}", tool in inside, inside.get(tool, f"not in {where}; choose another --image"))
        for tool in TOOLS
    ]


def _engine(name: str, engine: Engine) -> Finding:
    try:
        info = engine.info()
    except EngineError as error:
        return Finding(name, False, str(error))
    return Finding(name, True, f"{info.version} {info.detail}".strip())


def _program(name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(f"program {name}", path is not None, path or remedy)


def _package(name: str, extra: str) -> Finding:
    try:
        return Finding(f"package {name}", True, version(name))
    except PackageNotFoundError:
        return Finding(f"package {name}", False, f"pip install 'flexloop[{extra}]'")
