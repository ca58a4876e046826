"""Which files are v4 files or templates, and have to be read as such."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.architecture import NODE_KINDS

_SIGNS = re.compile(rf"\{{\{{|\{{%|<<<|({'|'.join(NODE_KINDS)})\b")


def recognised(path: Path) -> bool:
    """Whether a file may be read as a v4 file only: a template, or one with tags or merges of v4.

    Raises:
        SpecError: if it cannot be read.
    """
    return ".jinja" in path.suffix or (path.suffix != ".cfg" and bool(_SIGNS.search(yamlio.read_text(path))))


def is_v4(content: Mapping[str, Any]) -> bool:
    """Whether the content of a file holds an architecture of v4."""
    architecture = content.get("architecture")
    parts = architecture if isinstance(architecture, list) else [architecture]
    return any(isinstance(part, Mapping) and "nodes" in part for part in parts)
