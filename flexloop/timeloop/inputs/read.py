"""The files given to one of Timeloop's programs, read and merged into one document."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop import v4front, yamlio
from flexloop.timeloop.inputs.document import parse_document
from flexloop.timeloop.inputs.folders import files_of
from flexloop.timeloop.inputs.keywords import without_effect
from flexloop.timeloop.inputs.variables import substituted

KEYS = (
    "architecture", "arch", "problem", "mapping", "mapper", "model", "mapspace", "mapspace_constraints",
    "arch_constraints", "architecture_constraints", "ERT", "ART", "sparse_optimizations", "layout", "variables",
    "components", "compound_components",
)  # fmt: skip
"""The top-level keys that Timeloop's programs and Accelergy read."""

_CONCATENATED = ("components", "compound_components", "classes")
"""Lists that Accelergy collects from all files."""

_TOP_LEVEL = re.compile(r"^(\w+)\s*:", re.MULTILINE)


@dataclass(frozen=True)
class Inputs:
    """What the files hold.

    Attributes:
        config: the top-level keys of all files, in the keys of Timeloop's programs.
        notes: what the user should know about the files, a sentence each.
    """

    config: dict[str, Any]
    notes: tuple[str, ...] = ()


def read_inputs(
    files: Sequence[Path],
    defines: Mapping[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
    *,
    for_model: bool = False,
    revise: Callable[[list[dict[str, Any]]], None] = lambda contents: None,
) -> Inputs:
    """Read the files given to one of Timeloop's programs.

    They are one document, as for Timeloop: an anchor of one file may be used in those after it, and of a key that is
    given twice the first counts.

    Args:
        files: YAML or libconfig files, whose top-level keys are merged; folders as in `files_of`.
        defines: values of variables of templates.
        roots: folders below which templates may take in files, beside those of the files.
        for_model: whether v4 files are to be translated for ``timeloop-model`` instead of ``timeloop-mapper``.
        revise: may change the contents of v4 files, or add to them, before they are put together.

    Raises:
        SpecError: if a file is unreadable or holds something else than top-level keys.
    """
    notes: list[str] = []
    files = files_of(files)
    if any(v4front.recognised(file) for file in files):
        found, functions = v4front.contents(files, defines, roots)
        if any(v4front.is_v4(content) for content in found):
            revise(found)
            document = v4front.assemble(found, functions)
            return Inputs(v4front.translate(document, for_model=for_model), tuple(v4front.without_effect(document)))
        documents = iter([(str(file), v4front.plain(content)) for file, content in zip(files, found, strict=False)])
    else:
        documents = _documents(files, notes)
    config = substituted(_merged(documents, notes))
    notes += without_effect(config)
    notes += _misspelt(config)
    return Inputs(config, tuple(notes))


def _documents(files: Sequence[Path], notes: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    before, keys = "", set[str]()
    for path in files:
        text, found = yamlio.read_text(path), list[str]()
        try:
            content = parse_document(text, str(path), found.append)
        except SpecError as error:
            if "undefined alias" not in str(error) or not before:
                raise
            content = _with_anchors_of(before, text, str(path), keys)
        yield str(path), content
        notes += found
        keys |= set(content)
        if path.suffix != ".cfg":
            before += text + "\n"


def _with_anchors_of(before: str, text: str, name: str, keys: set[str]) -> dict[str, Any]:
    """A file that uses anchors of the files before it, which gave the keys named."""
    if again := keys & set(_TOP_LEVEL.findall(text)):
        raise SpecError(
            f"{name}: uses an anchor of another file and gives {min(again)!r} anew; define the anchor in it"
        )
    content = parse_document(before + text, f"{name} after the files before it", lambda _: None)
    return {key: value for key, value in content.items() if key not in keys}


def _merged(documents: Iterator[tuple[str, dict[str, Any]]], notes: list[str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, content in documents:
        for key, value in content.items():
            known = merged.setdefault(key, value)
            if known is value or known == value:
                origin.setdefault(key, name)
            elif key in _CONCATENATED:
                merged[key] = _concatenated(known, value)
            else:
                notes.append(f"{name}: top-level key {key!r} is given by {origin[key]} too; the first counts")
    return merged


def _concatenated(first: Any, second: Any) -> Any:
    """Two values of a key that several files may give, each a list or a mapping with lists (and a version)."""
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    if isinstance(first, dict) and isinstance(second, dict):
        return first | {k: _concatenated(first[k], v) if k in first else v for k, v in second.items()}
    return first


def _misspelt(config: Mapping[str, Any]) -> Iterator[str]:
    if "arch" in config and "architecture" in config:
        yield "architecture has no effect beside arch, which Timeloop looks for first"
    for key in config:
        if key not in KEYS and (near := difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.75)):
            yield f"top-level key {key!r} has no effect; did you mean {near[0]!r}?"
