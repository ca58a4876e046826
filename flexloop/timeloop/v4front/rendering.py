"""v4 templates rendered with the front end's functions, in a process of their own.

What `include` and `include_all` name is rendered too, and stands in the text as a tag ``!included`` with its number;
`flexloop.timeloop.v4front.source` reads all the texts. Files are read only below the folders that are named.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import jinja2

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio
from flexloop.timeloop.confinement import MAX_TEXT, serve
from flexloop.timeloop.templates import Sandbox, complaints_of
from flexloop.timeloop.v4front.paths import Roots
from flexloop.timeloop.v4front.tags import INCLUDED

MAX_FILES = 1000
"""Files that one document may take in, each counted as often as it is."""

MAX_DEPTH = 20
"""Files that may take in each other one within the other."""


class Renderer:
    """Renders one document: a file and all that it takes in.

    Args:
        roots: the folders below which files may be read.
        names: what templates are given, by name.
    """

    def __init__(self, roots: Sequence[Path], names: dict[str, Any]) -> None:
        self.roots = Roots(roots)
        self._names = names
        self._parts: list[list[dict[str, Any]]] = []
        self._files = self._characters = 0

    def document(self, path: Path) -> dict[str, Any]:
        """The file's own text, and the texts of its parts: for each number, those of the files that it names."""
        return {"own": self._rendered(path, [], 0), "parts": self._parts}

    def _rendered(self, path: Path, folders: list[Path], depth: int) -> dict[str, Any]:
        """A file's text, its path, and the folders in which it has files searched for."""
        self._files += 1
        if self._files > MAX_FILES or depth > MAX_DEPTH:
            raise SpecError(f"{path}: more than {MAX_FILES} files taken in, or one that takes in itself")
        functions = _Functions(self, path, list(folders), depth)
        environment = Sandbox(_Beside(path.parent, self.roots), functions.by_name())
        environment.keep_trailing_newline = False
        source = yamlio.read_text(path)
        with complaints_of(str(path)):
            text = environment.from_string(source).render(self._names)
        self._characters += len(text)
        if self._characters > MAX_TEXT:
            raise SpecError(f"{path}: makes more than {MAX_TEXT} characters with what it takes in")
        return {"text": text, "path": str(path), "folders": [str(folder) for folder in functions.folders]}

    def part(self, paths: Sequence[Path], folders: list[Path], depth: int) -> int:
        """Render files and keep them; their number."""
        self._parts.append([])
        number = len(self._parts) - 1
        self._parts[number] = [self._rendered(path, folders, depth + 1) for path in paths]
        return number

    def text(self, paths: Sequence[Path], folders: list[Path], depth: int) -> str:
        """The text of files, to stand where they are taken in."""
        return "\n".join(self._rendered(path, folders, depth + 1)["text"] for path in paths)


class _Beside(jinja2.FileSystemLoader):
    """Finds what a template takes in by Jinja's own ``include`` and ``import``: files beside it."""

    def __init__(self, folder: Path, roots: Roots) -> None:
        super().__init__(str(folder))
        self._folder, self._roots = folder, roots

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """A file's text (jinja2.TemplateNotFound if a link leads out of the folders that are named)."""
        if self._roots.held(self._folder / template) is None:
            raise jinja2.TemplateNotFound(template)
        return super().get_source(environment, template)


class _Functions:
    """The front end's functions, as one file sees them."""

    def __init__(self, renderer: Renderer, path: Path, folders: list[Path], depth: int) -> None:
        self._renderer, self._path, self.folders, self._depth = renderer, path, folders, depth

    def by_name(self) -> dict[str, Any]:
        """The functions by the names that templates have for them."""
        own = (
            self.cwd, self.include, self.include_all, self.include_text, self.find_path, self.find_paths,
            self.path_exists, self.add_to_path, self.setenv,
        )  # fmt: skip
        return {function.__name__: function for function in own}

    def cwd(self) -> str:
        """The folder of the file."""
        return str(self._path.parent)

    def include(self, path: Any, keys: str = "") -> str:
        """The content of one file, or of some keys of it: ``include('x.yaml', 'architecture.nodes')``."""
        found = self._files(path)
        if len(found) > 1:
            raise SpecError(f"include({path!r}) finds {len(found)} files; include_all takes them all")
        return self._marker(found, keys)

    def include_all(self, path: Any, keys: str = "") -> str:
        """A list of the contents of all files that a pattern finds."""
        return self._marker(self._files(path), keys)

    def include_text(self, path: Any) -> str:
        """The text of the files that a pattern finds."""
        return self._renderer.text(self._files(path), self.folders, self._depth)

    def find_path(self, path: Any) -> str:
        """The first file or folder of a name."""
        return str(self._find(path, patterns=False)[0])

    def find_paths(self, path: Any) -> list[str]:
        """All files and folders that a pattern finds."""
        return [str(found) for found in self._find(path)]

    def path_exists(self, path: Any) -> bool:
        """Whether there is a file or folder of a name below the folders that are named."""
        return bool(self._renderer.roots.search(path, self._places, patterns=False)[0])

    def add_to_path(self, path: Any) -> str:
        """Have files searched for in another folder too."""
        self.folders += self._find(path)
        return ""

    def setenv(self, name: Any, value: Any) -> NoReturn:
        """Refused: a file does not change the environment of the program that reads it."""
        raise SpecError(f"setenv({name!r}, {value!r}) is not supported: set the variable before flexloop is started")

    def _marker(self, paths: list[Path], keys: str) -> str:
        number = self._renderer.part(paths, self.folders, self._depth)
        keys = str(keys).strip(".")
        return f"{INCLUDED} {number}.{keys}" if keys else f"{INCLUDED} {number}"

    @property
    def _places(self) -> list[Path]:
        return [self._path.parent, *self.folders]

    def _find(self, path: Any, *, patterns: bool = True) -> list[Path]:
        return self._renderer.roots.find(path, self._places, patterns=patterns)

    def _files(self, path: Any) -> list[Path]:
        found = self._find(path)
        for each in found:
            if not each.is_file():
                raise SpecError(f"{each} is no file, and cannot be taken in")
        return found


def _document(request: tuple[str, list[str], dict[str, Any]]) -> dict[str, Any]:
    path, roots, names = request
    return Renderer([Path(root) for root in roots], names).document(Path(path))


if __name__ == "__main__":
    serve(int(sys.argv[1]), _document)
