"""The YAML of v4 files: tags on components, texts in quotes told from expressions, and merges into the depth.

A document is plain data but for three things: a text in quotes is a `Quoted`, which is never an expression; a mapping
with a tag such as ``!Component`` is a `Tagged`; and two merge keys are resolved. ``<<`` takes in keys that are not
there, ``<<<`` does so in nested mappings too and appends lists to lists, unless ``!nomerge`` stands before them. Plain
scalars are read by YAML 1.2, as the front end reads them: ``yes`` is a text and ``1e-9`` a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import yaml

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio

INCLUDED = "!included"
"""Tag of another file's content (`flexloop.timeloop.v4front.rendering`): ``!included NUMBER.KEY.KEY``."""

_TAG = "tag:yaml.org,2002:"
_DEEP, _NOMERGE = "<<<", "!nomerge"

_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    (
        "float",
        r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("int", "[-+]?0b[01_]+|[-+]?0o[0-7_]+|[-+]?[0-9][0-9_]*|[-+]?0x[0-9a-fA-F_]+", "-+0123456789"),
    ("merge", "<<", "<"),
    ("null", "~|null|Null|NULL|", "~nN"),
)


class Quoted(str):
    """A text that stood in quotes, and so is no expression."""

    __slots__ = ()


class Tagged(dict[str, Any]):
    """A mapping with a tag, such as ``!Container``."""

    def __init__(self, tag: str, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.tag = tag

    def __deepcopy__(self, memo: dict[int, Any]) -> Tagged:
        return Tagged(self.tag, {key: deepcopy(value, memo) for key, value in self.items()})


class _FixedList(list[Any]):
    """A list that takes in nothing where it is merged into."""


class _FixedDict(dict[str, Any]):
    """A mapping that takes in nothing where it is merged into."""


def _resolvers() -> dict[str, list[tuple[str, Any]]]:
    found: dict[str, list[tuple[str, Any]]] = {}
    for kind, pattern, first in _SCALARS:
        for letter in [*first, ""] if kind == "null" else first:
            found.setdefault(letter, []).append((_TAG + kind, re.compile(f"^(?:{pattern})$")))
    return found


class _Loader(yamlio.Composing):
    """Composes nodes by YAML 1.2; an anchor may be set anew."""

    yaml_implicit_resolvers = _resolvers()

    def compose_node(self, parent: Any, index: Any) -> Any:
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(self.peek_event().anchor, None)
        return super().compose_node(parent, index)


Parts = Mapping[str, Callable[[str], Any]]
"""By tag, what stands for the text after it."""


def parse(text: str, name: str, parts: Parts) -> Any:
    """Read a v4 document.

    Args:
        text: the document, templates rendered.
        name: what messages call it.
        parts: gives the content that `INCLUDED` refers to, and that of the files behind other tags.

    Raises:
        SpecError: if it is no acceptable YAML; file and line are named.
    """
    root = yamlio.compose(text, name, _Loader)
    return None if root is None else _merged(_Reader(name, parts).value(root), name)


class _Reader:
    """Makes data of nodes; an alias becomes a copy."""

    def __init__(self, name: str, parts: Parts) -> None:
        self._name = name
        self._parts = parts

    def value(self, node: yaml.Node) -> Any:
        """The data of a node."""
        own = node.tag if node.tag.startswith("!") else ""
        if isinstance(node, yaml.ScalarNode):
            return self._tagged_scalar(node) if own else self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            if own not in ("", _NOMERGE):
                raise SpecError(f"{self._at(node)}: tag {own} on a list; only mappings have tags")
            items = [self.value(child) for child in node.value]
            return _FixedList(items) if own else items
        assert isinstance(node, yaml.MappingNode)
        mapping = self._mapping(node)
        if own == _NOMERGE:
            return _FixedDict(mapping)
        return Tagged(own, mapping) if own else mapping

    def _at(self, node: yaml.Node) -> str:
        return yamlio.place(self._name, node.start_mark)

    def _tagged_scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in self._parts:
            try:
                return deepcopy(self._parts[node.tag](node.value))
            except SpecError as error:
                raise SpecError(f"{self._at(node)}: {error}") from error
        if node.value == "" and not node.style:
            return Tagged(node.tag, {})
        raise SpecError(f"{self._at(node)}: tag {node.tag} on a text; only mappings have tags")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value.replace("_", "")
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return node.value.lower() == "true"
                case "int":
                    return _integer(text)
                case "float":
                    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError as error:
            raise SpecError(f"{self._at(node)}: {node.value!r} is no {kind}") from error
        return Quoted(node.value) if node.style in ("'", '"') else node.value

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """A mapping with what ``<<`` takes in behind its own keys; ``<<<`` still stands in it."""
        own: dict[str, Any] = {}
        sources: list[dict[str, Any]] = []
        for key_node, value_node in node.value:
            value = self.value(value_node)
            if key_node.tag == _TAG + "merge":
                sources += _mappings(value, self._at(value_node))
            else:
                own[self._scalar(key_node)] = value
        for source in sources:
            for key, value in source.items():
                own.setdefault(key, value)
        return own


def _merged(value: Any, name: str) -> Any:
    """A document in which every ``<<<`` is done, in the front end's order.

    What stands behind the merge key is taken in before its own merges are done, and its lists stay what they are.
    """
    if isinstance(value, list):
        value[:] = [_merged(each, name) for each in value]
    elif isinstance(value, dict):
        for key, each in list(value.items()):
            value[key] = _merged(each, name)
            if key == _DEEP:
                joined: dict[str, Any] = {}
                for source in _mappings(value.pop(key), name):
                    _take_in(joined, deepcopy(source))
                _take_in(value, joined)
    return value


def _take_in(into: dict[str, Any], source: dict[str, Any]) -> None:
    for key, value in source.items():
        known = into.setdefault(key, value)
        if known is value or isinstance(known, (_FixedList, _FixedDict)):
            continue
        if isinstance(known, dict) and isinstance(value, dict):
            _take_in(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            into[key] = known + value


def _mappings(value: Any, where: str) -> list[dict[str, Any]]:
    sources = value if isinstance(value, list) else [value]
    for source in sources:
        if not isinstance(source, dict):
            raise SpecError(f"{where}: {str(source)[:60]!r} is merged, but only mappings can be")
    return sources


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 10)
    return sign * int(digits if base == 10 else digits[2:], base)
