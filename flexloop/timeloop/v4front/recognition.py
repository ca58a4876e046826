"""Which files are v4 files or templates, and have to be read as such; and what in them has no effect here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.architecture import NODE_KINDS
from flexloop.timeloop.v4front.document import Document

LIBRARIES = "ACCELERGY_COMPONENT_LIBRARIES"
"""How the names of variables begin that tell Accelergy's library plug-in of folders with tables of components."""

_SIGNS = re.compile(rf"\{{\{{|\{{%|<<<|(!include|!includedir|{'|'.join(NODE_KINDS)})\b")


def recognised(path: Path) -> bool:
    """Whether a file may be read as a v4 file only: a template, or one with tags or merges of v4 alone.

    Raises:
        SpecError: if it cannot be read.
    """
    return ".jinja" in path.suffix or (path.suffix != ".cfg" and bool(_SIGNS.search(yamlio.read_text(path))))


def is_v4(content: Mapping[str, Any]) -> bool:
    """Whether the content of a file holds an architecture of v4."""
    architecture = content.get("architecture")
    parts = architecture if isinstance(architecture, list) else [architecture]
    return any(isinstance(part, Mapping) and "nodes" in part for part in parts)


def without_effect(document: Document) -> Iterator[str]:
    """Say what in a document would have an effect on Timeloop or Accelergy, and has none here."""
    given = document["globals"]["environment_variables"]
    counting = [name for name in given if name.startswith(LIBRARIES)]  # with --energy accelergy
    if names := [n for n, value in given.items() if n not in counting and (n, str(value)) not in _AS_IT_IS]:
        yield f"globals.environment_variables has no effect: {', '.join(names)}"
    if document["globals"]["accelergy_plug_ins"]:
        yield (
            "globals.accelergy_plug_ins has no effect: a file's own code is not run; name its folder under "
            "python_plug_ins in Accelergy's own accelergy_config.yaml, and take --energy accelergy"
        )


_AS_IT_IS = {("TIMELOOP_HIDE_INCONSEQUENTIAL_STATS", "1")}
"""Variables at values that say what is done anyway."""
