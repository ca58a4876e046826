"""The files given to one of Timeloop's programs, read and merged into one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs.keywords import with_underscores, without_effect

_CONCATENATED = ("components", "compound_components", "classes")
"""Lists that Accelergy collects from all files."""


@dataclass(frozen=True)
class Inputs:
    """What the files hold.

    Attributes:
        config: the top-level keys of all files, in the keys of Timeloop's programs.
        notes: what the user should know about the files, a sentence each.
    """

    config: dict[str, Any]
    notes: tuple[str, ...] = ()


def read_inputs(files: Sequence[Path], defines: Mapping[str, Any] = MappingProxyType({})) -> Inputs:
    """Read the files given to one of Timeloop's programs.

    Args:
        files: YAML files, whose top-level keys are merged.
        defines: values of variables of v4 templates.

    Raises:
        SpecError: if a file is unreadable, holds something else than top-level keys, or gives a key that another file
            gives differently.
    """
    documents = [(path, _document(path)) for path in files]
    config = _merged(documents)
    return Inputs(config, tuple(without_effect(config)))


def _document(path: Path) -> dict[str, Any]:
    content = yamlio.parse(with_underscores(yamlio.read_text(path)), str(path))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SpecError(f"{path}: holds no top-level keys; Timeloop's files have some, such as architecture:")
    return content


def _merged(documents: Sequence[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path, content in documents:
        for key, value in content.items():
            known = merged.setdefault(key, value)
            if known is value or known == value:
                origin.setdefault(key, path)
            elif key in _CONCATENATED:
                merged[key] = _concatenated(key, known, value)
            else:
                raise SpecError(f"{path}: top-level key {key!r} is already given by {origin[key]}; keep one of them")
    return merged


def _concatenated(key: str, first: Any, second: Any) -> Any:
    """Two values of a key that several files may give, each a list or a mapping with lists (and a version)."""
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict):
        return first | {k: _concatenated(k, first[k], v) if k in first else v for k, v in second.items()}
    return first
