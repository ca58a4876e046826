"""Engines, sources of energies and importers that other packages add, by entry points or for one process.

A package names what it adds in its ``pyproject.toml``, under one of `GROUPS`; see docs/extending.md. What flexloop has
itself cannot be replaced.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from flexloop.errors import FlexloopError, SpecError

ENGINES = "flexloop.engines"
ENERGY_SOURCES = "flexloop.energy_sources"
IMPORTERS = "flexloop.importers"
GROUPS = (ENGINES, ENERGY_SOURCES, IMPORTERS)
"""Groups of entry points."""

_added: dict[tuple[str, str], Any] = {}


class PluginError(FlexloopError):
    """What a package adds cannot be loaded, or lacks something that flexloop asks of it."""


def add(group: str, name: str, value: Any) -> None:
    """Add something for this process, as an entry point of a package would for every one.

    Args:
        group: one of `GROUPS`.
        name: what users call it.
        value: what the entry point would refer to.

    Raises:
        SpecError: if there is no such group.
    """
    if group not in GROUPS:
        raise SpecError(f"group {group!r} is none of {', '.join(GROUPS)}")
    _added[group, name] = value


def names(group: str) -> tuple[str, ...]:
    """Names of what is added under a group, in alphabetical order."""
    return tuple(sorted({*_found(group), *(name for of, name in _added if of == group)}))


def load(group: str, name: str) -> Any:
    """What is added under a name.

    Raises:
        PluginError: if its package cannot be imported, with the reason.
    """
    if (group, name) in _added:
        return _added[group, name]
    point = _found(group)[name]
    try:
        return point.load()
    except Exception as error:  # whatever the import of a stranger's package raises
        package = point.dist.name if point.dist else "an unknown package"
        raise PluginError(
            f"{name}, which {package} adds to {group}, cannot be loaded ({type(error).__name__}: {error}); "
            f"mend or remove that package"
        ) from error


def complete(value: Any, protocol: type, what: str) -> Any:
    """Return what a package provides if it has all members of a protocol.

    Raises:
        PluginError: naming those that it lacks.
    """
    members = {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}
    if lacking := sorted(name for name in members if not hasattr(value, name)):
        raise PluginError(
            f"{what} lacks {', '.join(lacking)}; see {protocol.__module__}.{protocol.__name__} for what it must provide"
        )
    return value


@lru_cache(maxsize=len(GROUPS))
def _found(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}
