"""Where each constraint of a design stands: file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio

if TYPE_CHECKING:
    from flexloop.arch.design.labelled import Labelled

MAX_FILES = 200
"""Files below a template's folder that are looked at."""

_FANOUT = re.compile(r"inter_(.+)_spatial")
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_KINDS = {"dataspace": ("dataspace", "bypass", "datatype"), "parallelism": ("parallelism", "utilization")}


def places_of(labelled: Labelled, files: Sequence[Path], defines: Mapping[str, Any]) -> dict[str, str]:
    """The file and line of each directive that is found again, by ``<target> <type>`` and the key that pins.

    Args:
        labelled: the design's directives.
        files: those that it was read from; of templates, the files below their folder are looked at as well.
        defines: what templates are given: files in folders so named come first.
    """
    documents = [(path, node) for path in _candidates(files, defines) if (node := _nodes(path)) is not None]
    found: dict[str, str] = {}
    for directive in [*labelled.always, *labelled.T, *labelled.O, *labelled.P]:
        for key in ("factors", "permutation", "split", "keep", "bypass", "min"):
            name = place_key(directive, key)
            if key not in directive or name in found:
                continue
            for path, node in documents:
                if (line := _line(node, directive["target"], directive["type"], key)) is not None:
                    found[name] = f"{path.parent.name}/{path.name}:{line}"
                    break
    return found


def place_key(directive: Mapping[str, Any], key: str) -> str:
    """What `places_of` calls the place of a directive's key."""
    return f"{directive['target']} {directive['type']} {key}"


def places_in_words(directive: Mapping[str, Any], where: Mapping[str, str]) -> str:
    """The files and lines of a directive, each file once; or that it was assumed; or nothing."""
    lines: dict[str, set[int]] = {}
    for name in directive:
        file, _, line = where.get(place_key(directive, name), "").rpartition(":")
        if file:
            lines.setdefault(file, set()).add(int(line))
    if lines:
        return ", ".join(f"{file}:{','.join(map(str, sorted(found)))}" for file, found in lines.items())
    factors = str(directive.get("factors", "")).split()
    return ASSUMED if factors and set(directive) == {"target", "type", "factors"} and _alike(factors) else ""


ASSUMED = "assumed: the design's problem has no such dimension"
"""Why a directive stands in no file."""


def _alike(factors: Sequence[str]) -> bool:
    return all(factor.endswith("=1") for factor in factors)


def _candidates(files: Sequence[Path], defines: Mapping[str, Any]) -> list[Path]:
    found = list(files)
    for path in files:
        if ".jinja" in path.suffix:
            below = list(islice((p for p in path.parent.rglob("*.yaml") if p.is_file()), MAX_FILES))
            told = {str(value) for value in defines.values()}
            named = [p for p in below if told & set(p.relative_to(path.parent).parts)]
            found += [p for p in named if "ref_outputs" not in p.parts]
    return list(dict.fromkeys(found))


def _nodes(path: Path) -> yaml.Node | None:
    try:
        return yamlio.compose(_JINJA.sub("''", yamlio.read_text(path)), str(path), yamlio.Composing)
    except SpecError:
        return None


def _line(root: yaml.Node, target: str, kind: str, key: str) -> int | None:
    """The line of a key of a directive: at a v4 node of that name, or in a list with targets."""
    match = _FANOUT.fullmatch(target)
    names = {target} | ({match[1]} if match else set())
    kinds = _KINDS.get(kind, (kind,))
    for mapping in _mappings(root):
        fields = _fields(mapping)
        said = next((_text(fields[n][1]) for n in ("target", "name") if n in fields), None)
        if said is None or said.partition("[")[0] not in names:
            continue
        if "type" in fields and _text(fields["type"][1]) in kinds and key in fields:
            return fields[key][0].start_mark.line + 1
        group = _fields(fields["constraints"][1]) if "constraints" in fields else {}
        for each in kinds:
            if each in group:
                inner = _fields(group[each][1])
                place = inner.get(key, group[each])[0]
                return place.start_mark.line + 1
    return None


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _mappings(each)


def _fields(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {_text(key): (key, value) for key, value in node.value}


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
