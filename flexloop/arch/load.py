"""Find and read arch specs: the shipped ones by name, a user's own by path."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flexloop.arch.spec import ArchSpec
from flexloop.resources import find, shipped_names
from flexloop.timeloop import yamlio
from flexloop.validation import validated

HINT = "docs/arch-specs.md describes every field; `flexloop arch show edge256` shows a complete spec."


def arch_names() -> list[str]:
    """Names of the shipped arch specs, in alphabetical order."""
    return shipped_names("arch_specs")


def load_arch(name_or_path: str | Path) -> ArchSpec:
    """Return a shipped arch spec by its name, or the one in a YAML file.

    Raises:
        UnknownNameError: if the name is neither shipped nor a file; the nearest names are given.
        SpecError: if the file is no valid arch spec: one line for each fault, with file, field, value and reason.

    Examples:
        >>> load_arch("edge256").pes
        256
    """
    return _read(find("arch spec", "arch_specs", name_or_path))


def _read(path: Path) -> ArchSpec:
    stat = path.stat()
    return _parse(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=32)
def _parse(path: Path, _modified: int, _size: int) -> ArchSpec:
    return validated(ArchSpec, yamlio.load(path), path, HINT)
