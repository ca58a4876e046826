"""Read and write YAML safely: no tags, no bombs, no key given twice, and errors that name file and line."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from flexloop.errors import SpecError

MAX_BYTES = 8 * 2**20
"""Bytes above which a file is refused."""

MAX_NODES = 400_000
"""Nodes above which a document is refused, aliases counted as often as they are used."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader, refusing a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping node."""
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} stands twice", key_node.start_mark
                )
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping


def load(source: str | Path) -> Any:
    """Read one YAML document.

    Args:
        source: a path, or the text itself.

    Raises:
        SpecError: if the file cannot be read, is too large, is no YAML, or uses anything but plain data.
    """
    if isinstance(source, Path):
        return _parse(_read(source), str(source))
    return _parse(source, "YAML")


def load_files(paths: Iterable[Path]) -> dict[str, Any]:
    """Read several files and merge their top-level keys, as Timeloop's programs do.

    Raises:
        SpecError: as `load`; and if a file is no mapping, or two files hold the same top-level key.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path in paths:
        document = load(path)
        if not isinstance(document, dict):
            raise SpecError(f"{path}: the top level is no mapping; Timeloop's files have keys such as architecture:")
        for key, value in document.items():
            if key in merged:
                raise SpecError(f"{path}: the top-level key {key!r} stands in {origin[key]} too; give it once")
            merged[key], origin[key] = value, path
    return merged


def dump(document: Any) -> str:
    """Write plain data as YAML, keys in their order."""
    text: str = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=120)
    return text


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SpecError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; this is no specification")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror or error}") from error


def _parse(text: str, where: str) -> Any:
    if len(text) > MAX_BYTES:
        raise SpecError(f"{where}: larger than {MAX_BYTES // 2**20} MiB; this is no specification")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MAX_NODES:
            raise SpecError(f"{where}: more than {MAX_NODES:,} nodes once aliases are expanded; this is no specification")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise SpecError(f"{where}{line}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SpecError(f"{where}: {error}") from error
    except (RecursionError, ValueError) as error:
        raise SpecError(f"{where}: {error}") from error
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Nodes of a document with aliases expanded; above `MAX_NODES` where an alias holds itself."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = MAX_NODES + 1
    size = 1
    if isinstance(node, yaml.SequenceNode):
        size += sum(_size(child, known) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known) + _size(value, known) for key, value in node.value)
    known[id(node)] = min(size, MAX_NODES + 1)
    return known[id(node)]
