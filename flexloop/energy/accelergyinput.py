"""What Accelergy is given for the files of one of Timeloop's programs.

Timeloop gives it the files themselves, and so does flexloop where Accelergy can read them. Otherwise (v4, templates,
libconfig, other suffixes than ``.yaml``) it gets one file with the same architecture and classes in its own format.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from flexloop.energy.timeloop_tree import is_tree
from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.v4front.builtin import EXPRESSION as FUNCTIONS
from flexloop.timeloop.v4front.tags import Quoted
from flexloop.validation import plain_number

_KEYS = ("architecture", "compound_components")


def accelergy_inputs(config: Mapping[str, Any], files: Sequence[Path]) -> dict[str, str]:
    """Contents of Accelergy's input files by name.

    Args:
        config: the top-level keys of all files, in Timeloop's own keys.
        files: the files.

    Raises:
        UnsupportedError: for an architecture that is no tree, which Accelergy does not know.
    """
    architecture = config.get("architecture", config.get("arch"))
    if not is_tree(architecture):
        raise UnsupportedError(
            "energy: Accelergy reads trees of subtree and local alone; for this architecture use --energy table"
        )
    texts = {f"{number:03d}-{path.stem[:100]}.yaml": yamlio.read_text(path) for number, path in enumerate(files)}
    if all(path.suffix == ".yaml" for path in files) and all(map(_native, texts.values())):
        return texts
    return {"accelergy.yaml": written({**config, "architecture": architecture})}


def _native(text: str) -> bool:
    """Whether Timeloop's programs, and so Accelergy, read a file as it is."""
    try:
        content = yamlio.load(text)
    except SpecError:
        return False
    if not isinstance(content, Mapping) or "arch" in content:
        return content is None
    architecture = content.get("architecture")
    return architecture is None or (is_tree(architecture) and "version" in architecture)


def written(config: Mapping[str, Any]) -> str:
    """Accelergy's input from Timeloop's keys: texts in quotes, expressions without, as it tells them apart."""
    content = {key: _versioned(config[key]) for key in _KEYS if config.get(key) is not None}
    return yaml.dump(_marked(content, frozenset(_names(content))), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _versioned(content: Any) -> Any:
    return {**content, "version": content.get("version", "0.4")} if isinstance(content, Mapping) else content


class _Text(str):
    """A text that is no expression."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(_Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


def _names(content: Any, *, values: bool = False) -> Iterator[str]:
    """Names of all attributes and arguments, which expressions may use."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            if values:
                yield str(key)
            yield from _names(value, values=key in ("attributes", "arguments"))
    elif isinstance(content, list):
        for value in content:
            yield from _names(value)


def _marked(content: Any, names: frozenset[str]) -> Any:
    """The same data, its texts marked that are neither numbers nor expressions of these names."""
    if isinstance(content, Mapping):
        return {str(key): _marked(value, names) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_marked(value, names) for value in content]
    if isinstance(content, str):
        return str(content) if _evaluated(content, names) else _Text(content)
    return content


def _evaluated(text: str, names: frozenset[str]) -> bool:
    """Whether Accelergy would evaluate a text that stands without quotes."""
    if isinstance(text, Quoted):
        return False
    try:
        plain_number(text)
        return True
    except ValueError:
        pass
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} <= names | FUNCTIONS.keys()
