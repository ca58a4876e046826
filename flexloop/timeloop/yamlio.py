"""YAML in and out: files are data, never code, and a small file cannot grow into a large document.

Reading goes through PyYAML's safe loader. Anchors, aliases and merge keys work. A document is plain data: mappings,
lists, texts, numbers, booleans and null. What is refused is one that is too large, too deep, refers to itself, expands
through aliases beyond `MAX_NODES`, gives one key twice, has another tag, or a number that readers of YAML differ about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from flexloop.errors import SpecError

MAX_BYTES = 16 * 2**20
"""Bytes above which a file is refused."""

MAX_NODES = 1_000_000
"""Values above which a document is refused, aliases counted as often as they are used."""

MAX_DEPTH = 100
"""Nesting above which a document is refused."""

MAX_DIGITS = 100
"""Characters above which a number is refused."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + kind for kind in ("null", "bool", "int", "float", "str", "seq", "map", "merge")}
_COLLECTIONS = {f"tag:yaml.org,2002:{kind}" for kind in ("seq", "map", "set", "omap", "pairs")}
"""Tags of what cannot be a key, even where a text is tagged so."""
_MERGE = _TAG + "merge"
_NULLS = ("", "~", "null", "Null", "NULL")
_NUMBERS = (_TAG + "int", _TAG + "float")


class _PythonParser(Reader, Scanner, Parser):
    """What `CParser` does, for a PyYAML without libyaml."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_Parser: type[Any] = getattr(getattr(yaml, "cyaml", None), "CParser", _PythonParser)


class Composing(Composer, _Parser, SafeConstructor, Resolver):  # type: ignore[misc]
    """A safe loader whose subclasses may have a say in how nodes are composed; libyaml parses the text."""

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader without dates: ``2001-01-01`` is a text, as in YAML 1.2 and for Timeloop."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, Any]]]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def values_in(content: Any) -> Iterator[Any]:
    """Everything that a document holds, itself first: its lists, its mappings, and what stands in them, keys apart."""
    yield content
    if isinstance(content, Mapping):
        for value in content.values():
            yield from values_in(value)
    elif isinstance(content, list):
        for value in content:
            yield from values_in(value)


def load(source: Path | str) -> Any:
    """Read one YAML document.

    Args:
        source: a file as a Path, or the text itself as a str.

    Raises:
        SpecError: if the file cannot be read or is no acceptable YAML; file and line are named.
    """
    if isinstance(source, Path):
        return parse(read_text(source), str(source))
    return parse(source, "YAML text")


def dump(data: Any) -> str:
    """Write plain data as YAML, keys in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)
    return text


def read_text(path: Path) -> str:
    """A file's text, at most `MAX_BYTES` long (SpecError if it is longer or unreadable)."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # a pipe or a device has no size to ask for
        if len(content) > MAX_BYTES:
            raise SpecError(f"{path}: larger than {MAX_BYTES} bytes; split it or leave out what is not needed")
        return content.decode("utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def parse(text: str, name: str, note: Callable[[str], None] | None = None) -> Any:
    """Read a text as `load` does.

    Args:
        text: the document.
        name: what messages call it.
        note: is told of keys that are given twice, of which the first counts then; without it they are refused.
    """

    def constructed(loader: Any, root: yaml.Node) -> Any:
        _Checker(name, loader, note).check(root)
        return _constructed(loader.construct_document, root, name)

    return _read_nodes(text, name, _Loader, constructed)


def compose(text: str, name: str, loader: type[Composing]) -> yaml.Node | None:
    """The nodes of a document with tags of its own (``!name``), checked as `load` checks; the caller reads them.

    Args:
        text: the document.
        name: what messages call it.
        loader: a loader that is safe; it says what an untagged scalar is.

    Raises:
        SpecError: as `load`; file and line are named.
    """

    def checked(used: Any, root: yaml.Node) -> yaml.Node:
        _Checker(name, used, None, own_tags=True).check(root)
        return root

    found: yaml.Node | None = _read_nodes(text, name, loader, checked)
    return found


def _read_nodes(text: str, name: str, kind: type[Any], use: Callable[[Any, yaml.Node], Any]) -> Any:
    """What a function makes of a document's loader and root node; None if it is empty."""
    if len(text) > MAX_BYTES:
        raise SpecError(f"{name}: longer than {MAX_BYTES} characters; split it or leave out what is not needed")
    try:
        _check_depth(text, name)
        loader = kind(text)
        try:
            root = loader.get_single_node()
            return None if root is None else use(loader, root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SpecError(f"{place(name, mark)}: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{name}: {error}") from error


def _constructed(construct: Callable[[yaml.Node], Any], node: yaml.Node, name: str) -> Any:
    """What PyYAML makes of a node."""
    try:
        return construct(node)
    except (AttributeError, LookupError, ValueError) as error:  # of '!!int ""', '!!bool foo' and '!!float x'
        raise SpecError(
            f"{place(name, node.start_mark)}: a value that is not what its tag says ({error}); leave the tag out"
        ) from error


def _check_depth(text: str, name: str) -> None:
    """Refuse deep nesting on the stream of events, before anything recurses into it."""
    if text.count("[") + text.count("{") + text.count("- ") + text.count(":") <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth > MAX_DEPTH:
                raise SpecError(f"{place(name, event.start_mark)}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


class _Checker:
    """Counts a document's values, aliases expanded, and looks for keys given twice."""

    def __init__(self, name: str, loader: Any, note: Callable[[str], None] | None, *, own_tags: bool = False) -> None:
        self._name = name
        self._own_tags = own_tags
        self._loader = loader
        self._note = note
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def check(self, node: yaml.Node) -> int:
        """Return how many values the node expands to."""
        if node.tag not in _PLAIN and not (self._own_tags and node.tag.startswith("!")):
            raise SpecError(f"{self._at(node)}: tag {_short(node.tag)} is none of plain data; leave it out")
        if isinstance(node, yaml.ScalarNode):
            self._check_number(node)
            self._check_tag(node)
            return 1
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise SpecError(f"{self._at(node)}: an anchor that contains itself")
        self._open.add(id(node))
        size = 1 + sum(self.check(child) for child in self._children(node))
        self._open.discard(id(node))
        if size > MAX_NODES:
            raise SpecError(f"{self._at(node)}: expands to more than {MAX_NODES} values")
        self._sizes[id(node)] = size
        return size

    def _check_number(self, node: yaml.ScalarNode) -> None:
        if node.tag not in _NUMBERS:
            return
        if len(node.value) > MAX_DIGITS:
            raise SpecError(
                f"{self._at(node)}: a number of {len(node.value)} characters; at most {MAX_DIGITS} are read"
            )
        if ":" in node.value:
            raise SpecError(f"{self._at(node)}: {node.value} is a number in base 60; use base 10, or quote a text")

    def _check_tag(self, node: yaml.ScalarNode) -> None:
        """Refuse ``!!int x`` and ``!!null x`` by their line; who reads nodes by rules of their own sees to that too."""
        if self._own_tags or node.tag in (_TAG + "str", _MERGE):
            return
        if node.tag == _TAG + "null" and node.value not in _NULLS:
            raise SpecError(f"{self._at(node)}: {_short(repr(node.value))} is not what its tag says; leave the tag out")
        _constructed(self._loader.construct_object, node, self._name)

    def _at(self, node: yaml.Node) -> str:
        return place(self._name, node.start_mark)

    def _children(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        assert isinstance(node, yaml.MappingNode)
        seen: set[Any] = set()
        pairs = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag in _COLLECTIONS:
                raise SpecError(f"{self._at(key)}: a key that is a list or a mapping")
            self.check(key)
            # 1 and 01 are one key, and so are 1, 1.0 and true in a dict; a merge key is none.
            told = key.tag if key.tag == _MERGE else (_constructed(self._loader.construct_object, key, self._name),)
            if told not in seen:
                pairs.append((key, value))
            elif self._note is not None:
                self._note(f"{self._at(key)}: key {_short(repr(key.value))} is given twice; the first counts")
            else:
                raise SpecError(f"{self._at(key)}: key {_short(repr(key.value))} is given twice")
            seen.add(told)
        node.value = pairs
        return [value for _, value in pairs]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def place(name: str, mark: Any) -> str:
    """A file and the line of a mark, for a message."""
    return name if mark is None else f"{name}, line {mark.line + 1}"
