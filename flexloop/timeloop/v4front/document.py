"""A v4 specification as a document that can be changed before it is translated.

`Document` is what `load` makes of files: a `flexloop.timeloop.v4front.section.Section` with the front end's top-level
keys, defaults filled in, expressions not yet evaluated and constraints still where the files have them. Every key is an
item and an attribute; plain values may be put anywhere::

    document = load([Path("top.yaml.jinja2")], {"architecture": "eyeriss_like"})
    document.architecture.find("shared_glb").attributes.depth = 8192
    document.variables["DATAWIDTH"] = "2 * 4"           # a text is an expression, a tags.Quoted is not
    document.mapper.optimization_metrics = ["delay"]
    config = translate(document)                        # see flexloop.timeloop.v4front.translation

`translate` works on a copy, so one document serves many translations.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.architecture import Architecture
from flexloop.timeloop.v4front.constraints import ConstraintList, Constraints
from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.problem import Problem
from flexloop.timeloop.v4front.section import ANY, Field, Items, Section, combined, items, section
from flexloop.timeloop.v4front.source import Source
from flexloop.timeloop.v4front.sparse import SparseSection


class Variables(Section):
    """Names for use in all expressions."""

    fields = {"version": VERSION}
    others = ANY
    expressions = True


class Classes(Items):
    """Classes of compound components; lists within the list are taken apart."""

    joins = True

    def __init__(self, content: Any = (), where: str = "") -> None:
        super().__init__(content, where)
        while any(isinstance(each, list) for each in self):
            self[:] = [inner for each in self for inner in (each if isinstance(each, list) else [each])]


class Components(Section):
    """Compound components, kept for Accelergy; their expressions are evaluated there."""

    fields = {"version": VERSION, "classes": items(Classes)}


class Mapper(Section):
    """Settings of the mapper."""

    fields = {
        "version": VERSION,
        "out_prefix": Field((str,), "timeloop-mapper"),
        "num_threads": Field((int,), 8),
        "optimization_metric": items(Items),
        "search_size": Field((int,), None),
        "timeout": Field((int,), 1000),
        "victory_condition": Field((int,), None),
        "sync_interval": Field((int,), None),
        "log_interval": Field((int,), 1),
        "log_oaves": Field((bool,), False),
        "log_oaves_mappings": Field((bool,), False),
        "log_stats": Field((bool,), False),
        "log_suboptimal": Field((bool,), False),
        "live_status": Field((bool,), False),
        "diagnostics": Field((bool,), False),
        "penalize_consecutive_bypass_fails": Field((bool,), False),
        "emit_whoop_nest": Field((bool,), False),
        "max_temporal_loops_in_a_mapping": Field((int,), -1),
        "algorithm": Field(("random", "exhaustive", "linear_pruned", "hybrid", "random_pruned"), "hybrid"),
        "filter_revisits": Field((bool,), False),
        "max_permutations_per_if_visit": Field((int,), 16),
    }
    others = ANY


class Mapspace(Section):
    """The kind of mapspace."""

    fields = {"version": VERSION, "template": Field((str,), "uber")}


class Paths(Items):
    """Paths of files."""

    joins = True


class Environment(Section):
    """Environment variables."""

    others = ANY


class Globals(Section):
    """What holds for the reading of all files."""

    fields = {
        "version": VERSION,
        "environment_variables": section(Environment),
        "expression_custom_functions": items(Paths),
        "accelergy_plug_ins": items(Paths),
    }


class ReferenceTable(Section):
    """An ERT or ART, of whatever version Accelergy wrote it in."""

    fields = {"version": Field((), "0.4"), "tables": items(Items)}
    others = ANY

    def is_empty(self) -> bool:
        """Whether it has no tables."""
        return not self["tables"]


class Document(Section):
    """A v4 specification (see the module).

    Attributes:
        functions: files of functions for use in expressions.
    """

    fields = {
        "architecture": Field((Architecture,), make=lambda value, where: Architecture(value, where)),
        "components": section(Components),
        "constraints": section(Constraints),
        "mapping": items(ConstraintList),
        "mapper": section(Mapper),
        "problem": Field((Problem,), make=lambda value, where: Problem(value, where)),
        "sparse_optimizations": section(SparseSection),
        "variables": section(Variables),
        "mapspace": section(Mapspace),
        "globals": section(Globals),
        "ERT": section(ReferenceTable),
        "ART": section(ReferenceTable),
    }
    parts = ("components", "constraints", "mapping", "globals")

    functions: tuple[Path, ...]

    def __init__(self, content: Any = None, where: str = "", functions: Sequence[Path] = ()) -> None:
        super().__init__(content, where)
        self.__dict__["functions"] = tuple(functions)

    def take_file(self, content: Mapping[str, Any]) -> None:
        """Take in the top-level keys of one more file (SpecError if it contradicts those before)."""
        other = type(self)(content)
        given = {self.field(str(key))[0] for key in content}
        for key in given:
            self[key] = combined(self[key], other[key], key) if key in self else other[key]

    def rebuilt(self) -> Self:
        """A copy in which plain values that were put into the document are sections again."""
        return type(self)(deepcopy(dict(self)), "", self.functions)


def load(
    files: Sequence[Path],
    defines: Mapping[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
) -> Document:
    """Read the files of a v4 specification.

    Args:
        files: YAML files, or Jinja templates of such; their top-level keys are put together.
        defines: what templates are given, by name.
        roots: folders below which files may be taken in, beside those of the files, and those that a value of
            ``defines`` names by their whole path or that of a file.

    Raises:
        SpecError: if a file is unreadable or malformed, takes in one outside these folders, or contradicts another.
    """
    return assemble(*contents(files, defines, roots))


def contents(
    files: Sequence[Path], defines: Mapping[str, Any], roots: Sequence[Path]
) -> tuple[list[dict[str, Any]], Sequence[Path]]:
    """The content of each file, templates rendered, and the files of functions that they name (see `load`)."""
    source = Source([*_folders(files, defines), *roots], defines)
    found = []
    for path in dict.fromkeys(file.resolve() for file in files):
        content = source.load(path)
        if content is None:
            continue
        if not isinstance(content, dict):
            raise SpecError(f"{path}: holds no top-level keys; a v4 file has some, such as architecture:")
        found.append(content)
    return found, source.functions


def _folders(files: Sequence[Path], defines: Mapping[str, Any]) -> Iterator[Path]:
    """The folders that the user named: of the files, and of what values name by their whole paths."""
    for file in files:
        yield from (file.parent, file.resolve().parent)
    for value in defines.values():
        if isinstance(value, (str, Path)) and (path := Path(value)).is_absolute() and os.path.exists(path):  # noqa: PTH110
            yield path if path.is_dir() else path.parent


def assemble(found: Sequence[Mapping[str, Any]], functions: Sequence[Path] = ()) -> Document:
    """The document that the contents of several files make up."""
    first: dict[str, Any] = {}
    later: list[dict[str, Any]] = []
    for content in found:
        later += [{key: value} for key, value in content.items() if key in first]
        first |= {key: value for key, value in content.items() if key not in first}
    document = Document(first, "", functions)
    for content in later:
        document.take_file(content)
    return document
