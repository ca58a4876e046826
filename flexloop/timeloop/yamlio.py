"""YAML in and out: files are data, never code, and a small file cannot grow into a large document.

Reading goes through PyYAML's safe loader. Anchors, aliases and merge keys work; what is refused is a document that is
too large, too deep, refers to itself, expands through aliases beyond `MAX_NODES`, or gives one key twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from flexloop.errors import SpecError

MAX_BYTES = 16 * 2**20
"""Bytes above which a file is refused."""

MAX_NODES = 1_000_000
"""Values above which a document is refused, aliases counted as often as they are used."""

MAX_DEPTH = 100
"""Nesting above which a document is refused."""

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load(source: Path | str) -> Any:
    """Read one YAML document.

    Args:
        source: a file as a Path, or the text itself as a str.

    Raises:
        SpecError: if the file cannot be read or is no acceptable YAML; file and line are named.
    """
    if isinstance(source, Path):
        return _parse(_read(source), str(source))
    return _parse(source, "YAML text")


def load_files(paths: Iterable[Path]) -> dict[str, Any]:
    """Read several files and merge their top-level keys, as Timeloop's programs do with the files they are given.

    Raises:
        SpecError: if a file is unreadable, holds something else than top-level keys, or gives a key that another file
            gives differently.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path in paths:
        content = load(path)
        if content is None:
            continue
        if not isinstance(content, dict):
            raise SpecError(f"{path}: holds no top-level keys; Timeloop's files have some, such as architecture:")
        for key, value in content.items():
            if key in merged and merged[key] != value:
                raise SpecError(f"{path}: top-level key {key!r} is already given by {origin[key]}; keep one of them")
            merged[key] = value
            origin.setdefault(key, path)
    return merged


def dump(data: Any) -> str:
    """Write plain data as YAML, keys in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)
    return text


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError(f"{path}: larger than {MAX_BYTES} bytes; split it or leave out what is not needed")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def _parse(text: str, name: str) -> Any:
    if len(text) > MAX_BYTES:
        raise SpecError(f"{name}: longer than {MAX_BYTES} characters; split it or leave out what is not needed")
    try:
        _check_depth(text, name)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            _Checker(name, loader).check(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError(f"{_place(name, mark)}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{name}: {error}") from error
    except (AttributeError, LookupError) as error:  # what PyYAML's constructors make of '!!int ""' and '!!bool foo'
        raise SpecError(f"{name}: a value that is not what its tag says ({error}); leave the tag out") from error


def _check_depth(text: str, name: str) -> None:
    """Refuse deep nesting on the stream of events, before anything recurses into it."""
    if text.count("[") + text.count("{") + text.count("- ") + text.count(":") <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_DEPTH:
                raise SpecError(f"{_place(name, event.start_mark)}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


class _Checker:
    """Counts a document's values, aliases expanded, and looks for keys given twice."""

    def __init__(self, name: str, loader: Any) -> None:
        self._name = name
        self._loader = loader
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def check(self, node: yaml.Node) -> int:
        """Return how many values the node expands to."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise SpecError(f"{_place(self._name, node.start_mark)}: an anchor that contains itself")
        self._open.add(id(node))
        size = 1 + sum(self.check(child) for child in self._children(node))
        self._open.discard(id(node))
        if size > MAX_NODES:
            raise SpecError(f"{_place(self._name, node.start_mark)}: expands to more than {MAX_NODES} values")
        self._sizes[id(node)] = size
        return size

    def _children(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        assert isinstance(node, yaml.MappingNode)
        seen: set[tuple[str, Any]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SpecError(f"{_place(self._name, key.start_mark)}: a key that is a list or a mapping")
            if key.value == "<<":
                continue
            told = key.tag, self._loader.construct_object(key)  # 1 and 01 are one key
            if told in seen:
                raise SpecError(f"{_place(self._name, key.start_mark)}: key {key.value!r} is given twice")
            seen.add(told)
        return [value for _, value in node.value]


def _place(name: str, mark: Any) -> str:
    return name if mark is None else f"{name}, line {mark.line + 1}"
