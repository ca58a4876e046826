"""Where the folders that ship with flexloop are, and the files in them or anywhere else that a user may name."""

from __future__ import annotations

import os
from pathlib import Path

from flexloop.errors import FlexloopError, SpecError, UnknownNameError

PACKAGE = Path(__file__).parent
"""The folder of the package itself."""


def is_file(path: Path) -> bool:
    """Whether there is a file that can be looked at; a name that is too long for the system is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder that can be looked at (see `is_file`)."""
    try:
        return path.is_dir()
    except OSError:
        return False


def user_cache() -> Path:
    """The folder ``flexloop`` in the user's cache folder (RuntimeError where the user has no home folder)."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "flexloop"


def shipped(folder: str) -> Path:
    """Return a shipped folder, such as ``workloads``: inside an installed package, or at the top of a checkout.

    Raises:
        FlexloopError: if the installation lacks it.
    """
    for place in (PACKAGE / "_shipped" / folder, PACKAGE.parent / folder):
        if place.is_dir():
            return place
    raise FlexloopError(f"the shipped folder {folder!r} is missing from {PACKAGE}: install flexloop anew")


def shipped_names(folder: str) -> list[str]:
    """Names of the YAML files in a shipped folder, in alphabetical order."""
    return sorted(path.stem for path in shipped(folder).glob("*.yaml"))


def find(kind: str, folder: str, name_or_path: str | Path, suffixes: tuple[str, ...] = (".yaml", ".yml")) -> Path:
    """Return the file meant: one of the user's if it has a folder or a known suffix, else a shipped one first.

    Args:
        kind: what the file describes, for messages.
        folder: shipped folder to look in.
        name_or_path: what the user wrote.
        suffixes: suffixes that make it a path.

    Raises:
        UnknownNameError: if it is neither a shipped name nor a file; the nearest names are given.
        SpecError: if it is a path without a file.
    """
    path = Path(name_or_path)
    names = shipped_names(folder)
    if path.suffix.lower() not in suffixes and len(path.parts) == 1:
        if str(path) in names:
            return shipped(folder) / f"{path}.yaml"
        if not is_file(path):
            raise UnknownNameError(kind, str(path), names, f"(or give the path of a {suffixes[0]} file)")
    if not is_file(path):
        raise SpecError(f"{kind} {str(path)!r}: no such file; shipped ones go by name: {', '.join(names)}")
    return path
