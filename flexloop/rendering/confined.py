"""A user's own templates, rendered in a process whose processor time, memory and output are bounded.

Jinja's sandbox keeps a template from the interpreter, but not from running for ever or filling the memory; see
`flexloop.timeloop.confinement` for what does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Lock
from typing import Any

from flexloop.errors import SpecError
from flexloop.resources import shipped
from flexloop.timeloop.confinement import MAX_TEXT, MEMORY, ConfinedProcess, serve
from flexloop.timeloop.templates import Templates


class ConfinedTemplates:
    """The templates of a user's folder, and the shipped ones that it does not override (see `Templates`).

    Args:
        folder: the user's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._process: ConfinedProcess | None = None
        self._lock = Lock()

    @property
    def digest(self) -> str:
        """SHA-256 of all templates in force, in hexadecimal."""
        return Templates(_folders(self._folder)).digest

    def render(self, name: str, names: dict[str, Any]) -> str:
        """Render a template (see `Templates.render`).

        Raises:
            SpecError: if it is wrong, fails, or needs more time or memory than a template may; it is named.
            EngineError: if no process can be started for it.
        """
        with self._lock:
            if self._process is None or not self._process.is_mine:
                self._process = ConfinedProcess(__name__, [str(self._folder)])
            answer = self._process.ask((name, names))
            if answer is None:
                reason, self._process = self._process.end(), None
                raise SpecError(f"template {name}: {reason}; shorten its loops and texts")
        if "text" in answer:
            return str(answer["text"])
        raise SpecError(str(answer["error"]))


def _folders(folder: Path) -> list[Path]:
    return [folder, shipped("templates")]


def _answer(templates: Templates, name: str, names: dict[str, Any]) -> dict[str, str]:
    try:
        text = templates.render(name, names)
    except SpecError as error:
        if isinstance(error.__cause__, MemoryError):
            raise SpecError(
                f"template {name}: needs more than {MEMORY >> 20} MiB of memory; shorten its texts"
            ) from error
        raise
    if len(text) > MAX_TEXT:
        raise SpecError(f"template {name}: makes {len(text)} characters; at most {MAX_TEXT} are taken")
    return {"text": text}


if __name__ == "__main__":
    shared = Templates(_folders(Path(sys.argv[2])))
    serve(int(sys.argv[1]), lambda request: _answer(shared, *request))
