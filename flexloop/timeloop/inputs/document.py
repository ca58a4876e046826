"""One file in the formats that Timeloop's programs read: YAML or libconfig, keywords respelt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import libconfig
from flexloop.timeloop.inputs.keywords import with_underscores


def read_document(path: Path, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """The top-level keys of a file: libconfig where its name ends in ``.cfg``, else YAML.

    Args:
        path: the file.
        note: is told of keys that a file gives twice, of which the first counts, as in Timeloop; without it they are
            refused.

    Raises:
        SpecError: if the file is unreadable or holds something else than top-level keys.
    """
    return parse_document(yamlio.read_text(path), str(path), note)


def parse_document(text: str, name: str, note: Callable[[str], None] | None = None) -> dict[str, Any]:
    """As `read_document`, for the text of a file of that name."""
    text = with_underscores(text)
    if name.endswith(".cfg"):
        return libconfig.parse(text, name)
    content = yamlio.parse(text, name, note)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SpecError(f"{name}: holds no top-level keys; Timeloop's files have some, such as architecture:")
    return content
