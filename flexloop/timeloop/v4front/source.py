"""The files of a v4 specification, rendered, read and put together into plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.confinement import ConfinedProcess
from flexloop.timeloop.v4front import rendering, tags
from flexloop.timeloop.v4front.paths import Roots

MAX_TEXT = 2**22
"""Characters above which a file's text is refused, templates rendered."""

_JINJA = re.compile(r"\{\{|\{%|\{#")


class Source:
    """Reads files, one after the other.

    Args:
        roots: the folders below which files may be read.
        defines: what templates are given, by name.

    Attributes:
        functions: files of functions that the files name for use in expressions, in their order.
    """

    def __init__(self, roots: Sequence[Path], defines: Mapping[str, Any]) -> None:
        self._roots = Roots(roots)
        self._defines = dict(defines)
        self._process: ConfinedProcess | None = None
        self._values = 0
        self._loading: list[Path] = []
        self.functions: list[Path] = []

    def load(self, path: Path) -> Any:
        """The content of a file.

        Raises:
            SpecError: if it or what it takes in is unreadable, malformed, or outside the roots; the file is named.
        """
        path = path.resolve()
        if path in self._loading:
            raise SpecError(f"{path} takes in itself")
        rendered = self._rendered(path)
        self._loading.append(path)
        try:
            return _Document(self, rendered["parts"]).content(rendered["own"])
        finally:
            self._loading.pop()

    def _rendered(self, path: Path) -> dict[str, Any]:
        text = yamlio.read_text(path)
        if not _JINJA.search(text):
            return {"own": {"text": text, "path": str(path), "folders": []}, "parts": []}
        if self._process is None:
            self._process = ConfinedProcess(rendering.__name__, [])
        answer = self._process.ask((str(path), [str(root) for root in self._roots.folders], self._defines))
        if answer is None:
            reason, self._process = self._process.end(), None
            raise SpecError(f"{path}: {reason}; shorten its loops and texts")
        if "error" in answer:
            raise SpecError(answer["error"])
        return answer

    def count(self, content: Any, name: str) -> None:
        """Keep count of all values that the files hold."""
        self._values += sum(1 for _ in yamlio.values_in(content))
        if self._values > yamlio.MAX_NODES:
            raise SpecError(f"{name}: the files hold more than {yamlio.MAX_NODES} values")

    def note_functions(self, content: Any, places: Sequence[Path]) -> None:
        """Find the files of functions that a file names; their paths then stand in its content."""
        section = content.get("globals") if isinstance(content, dict) else None
        named = section.get("expression_custom_functions") if isinstance(section, dict) else None
        if not isinstance(section, dict) or not isinstance(named, list):
            return
        found = [path for name in named for path in self._roots.find(name, places)]
        section["expression_custom_functions"] = [tags.Quoted(path) for path in found]
        self.functions += [path for path in found if path not in self.functions]

    def included(self, name: str, places: Sequence[Path]) -> Any:
        """The content of the file behind a tag ``!include``."""
        return self.load(self._find(name, places))

    def included_folder(self, name: str, places: Sequence[Path]) -> list[Any]:
        """The contents of the files ``*.yaml`` in the folder behind a tag ``!includedir``, by name."""
        folder = self._find(name, places)
        if not folder.is_dir():
            raise SpecError(f"{folder} is no folder; take in a file with !include")
        names = sorted(path.name for path in folder.glob("*.yaml") if not path.name.startswith("."))
        return [self.load(self._find(name, [folder])) for name in names]

    def _find(self, name: str, places: Sequence[Path]) -> Path:
        return self._roots.find(name.rstrip(","), places, patterns=False)[0]


class _Document:
    """One file with its parts."""

    def __init__(self, source: Source, parts: list[list[dict[str, Any]]]) -> None:
        self._source, self._parts = source, parts
        self._known: dict[int, list[Any]] = {}

    def content(self, rendered: dict[str, Any]) -> Any:
        """What a rendered text holds."""
        text, path = rendered["text"], Path(rendered["path"])
        if len(text) > MAX_TEXT:
            raise SpecError(f"{path}: longer than {MAX_TEXT} characters; split it or leave out what is not needed")
        places = [path.parent, *(Path(folder) for folder in rendered["folders"])]
        content = tags.parse(
            text,
            str(path),
            {
                tags.INCLUDED: self._included,
                "!include": lambda name: self._source.included(name, places),
                "!includedir": lambda name: self._source.included_folder(name, places),
            },
        )
        self._source.count(content, str(path))
        self._source.note_functions(content, places)
        return content

    def _included(self, reference: str) -> Any:
        """The part behind ``NUMBER`` or ``NUMBER.KEY.KEY``; several files become a list."""
        number, *keys = reference.split(".")
        if not number.isdecimal() or len(number) > 6 or int(number) >= len(self._parts):
            raise SpecError(f"{tags.INCLUDED} {reference[:60]} names no part of the document")
        index = int(number)
        if index not in self._known:
            self._known[index] = [self.content(part) for part in self._parts[index]]
        found = [_under(content, keys) for content in self._known[index]]
        for content in found:
            self._source.count(content, self._parts[index][0]["path"])
        return found[0] if len(found) == 1 else found


def _under(content: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            known = ", ".join(map(str, content)) if isinstance(content, dict) else "no keys"
            raise SpecError(f"no key {key!r} in the file that is included; it holds {known[:200]}")
        content = content[key]
    return content
