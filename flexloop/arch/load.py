"""Find and read arch specs: the shipped ones by name, a user's own by path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from flexloop.arch.spec import ArchSpec
from flexloop.errors import SpecError
from flexloop.resources import find, shipped_names
from flexloop.timeloop import yamlio
from flexloop.validation import short, validated

HINT = "`flexloop arch fields` describes every field, `flexloop arch show edge256` shows a complete spec."


def arch_names() -> list[str]:
    """Names of the shipped arch specs, in alphabetical order."""
    return shipped_names("arch_specs")


ArchSource: TypeAlias = str | Path | Mapping[str, Any] | ArchSpec
"""What an arch spec can be given as, see `load_arch`."""


def load_arch(source: ArchSource) -> ArchSpec:
    """Return a shipped arch spec by its name, or one of the user's own.

    Args:
        source: a shipped name, a YAML file, the text of one (of several lines), a mapping of its fields, or an arch
            spec, which is returned as it is.

    Raises:
        UnknownNameError: if the name is neither shipped nor a file; the nearest names are given.
        SpecError: if it is no valid arch spec: one line for each fault, with file, field, value and reason.

    Examples:
        >>> load_arch("edge256").pes
        256
    """
    if isinstance(source, ArchSpec):
        return source
    if isinstance(source, Mapping):
        return validated(ArchSpec, dict(source), "arch spec", HINT)
    if isinstance(source, str) and "\n" in source:
        return validated(ArchSpec, yamlio.load(source), "arch spec", HINT)
    if not isinstance(source, (str, Path)):
        raise SpecError(f"arch spec is {short(source)}: give a name, a file, a mapping of fields or an ArchSpec")
    return _read(find("arch spec", "arch_specs", source))


def _read(path: Path) -> ArchSpec:
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _parse(path: Path, _modified: int, _size: int) -> ArchSpec:
    return validated(ArchSpec, yamlio.load(path), path, HINT)
