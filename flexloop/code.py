"""Which modules determine the figures of a cell, and a hash of what they compute.

The store keeps a cell under a hash of all that determines it. Of the code these are the modules listed here, without
their docstrings and comments; no others: a report that is drawn in another way changes no figure.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from flexloop.atomic import write_atomically
from flexloop.resources import PACKAGE, user_cache

KEPT = "code.json"
"""File of digests in the user's cache folder."""

MAX_KEPT = 16
"""Digests that the user's cache folder keeps: the latest ones."""

EVERY_CELL = (
    "arch.base",
    "arch.compact",
    "arch.depthwise",
    "arch.design.clip",
    "arch.design.directives",
    "arch.design.hardware",
    "arch.design.labelled",
    "arch.design.model",
    "arch.design.variants",
    "arch.extents",
    "arch.fields",
    "arch.fixedtiles",
    "arch.padding",
    "arch.spec",
    "arch.tiles",
    "arch.tree",
    "arch.variant",
    "classes",
    "deadline",
    "embedded.architecture",
    "embedded.arrays",
    "embedded.builtin",
    "embedded.components",
    "embedded.ert",
    "embedded.fields",
    "embedded.levels",
    "embedded.mapper.choices",
    "embedded.mapper.factors",
    "embedded.mapper.few_loops",
    "embedded.mapper.imperfect",
    "embedded.mapper.shares",
    "embedded.mapper.slots",
    "engines.base",
    "engines.carry",
    "evaluation",
    "integers",
    "mapspace",
    "rendering.bundle",
    "rendering.render",
    "rendering.v4",
    "rendering.v4layout",
    "running.cells",
    "running.plan",
    "running.storedwinner",
    "timeloop.componentname",
    "timeloop.configconstraints",
    "timeloop.constraints",
    "timeloop.directives",
    "timeloop.mapping",
    "timeloop.mappingdirectives",
    "timeloop.order",
    "timeloop.reuse",
    "timeloop.templates",
    "timeloop.yamlio",
    "workloads.layers",
)
"""What makes a mapspace of a class, an arch and a layer, writes it for an engine, and hands its mappings on.

Of the embedded engine's modules it is those that read an architecture and tell which factors a design's constraints
leave; its rules and its search are not among them.
"""

EMBEDDED_MODEL = (
    "embedded.batch",
    "embedded.jit",
    "embedded.model",
    "embedded.networks",
    "embedded.problem",
    "embedded.reasons",
    "embedded.roles",
    "embedded.rules",
    "embedded.spec",
    "embedded.calltrees",
    "engines.embedded",
    "timeloop.inputs.document",
    "timeloop.inputs.keywords",
    "timeloop.inputs.shapes",
)
"""What costs a mapping in the embedded engine."""

EMBEDDED_SEARCH = (*EMBEDDED_MODEL, "embedded.mapper")
"""What finds a mapping in the embedded engine."""

TIMELOOP = (
    "engines.formats",
    "engines.launcher",
    "engines.process",
    "engines.timeloop",
    "rendering.effort",
    "timeloop.stats",
)
"""What runs Timeloop's programs and reads their answers.

Where a layer may be padded in several ways, the embedded mapper names one more padding for ``timeloop-mapper`` to
search. That is a hint, as a seed is: whichever it names, the answer is Timeloop's own, and stays true when the embedded
engine changes.
"""

ENGINES = {
    ("embedded", "map"): EMBEDDED_SEARCH,
    ("embedded", "evaluate"): EMBEDDED_MODEL,
    **dict.fromkeys((("timeloop", "map"), ("timeloop", "evaluate")), TIMELOOP),
    **dict.fromkeys(
        (("container", "map"), ("container", "evaluate")),
        (*TIMELOOP, "engines.container", "engines.container_batch", "engines.containercli", "engines.containerengine"),
    ),
}
"""The modules of each engine in each of its two roles."""

NEVER = (
    "_version",
    "arch.consistency",
    "arch.design.memories",  # of tables and of the kinds of energies
    "arch.design.places",
    "arch.design.scale",
    "arch.design.text",
    "arch.design.words",
    "arch.knobs",
    "arch.scale",
    "arch.words",
    "atomic",
    "code",
    "cores",
    "digests",
    "embedded.helper",
    "embedded.kernelcache",  # holds what is compiled of the others
    "embedded.mapper.prepare",
    "energy",  # its tables are part of the key
    "errors",
    "htmltable",
    "interrupts",
    "plugins",
    "rendering.confined",  # where templates run; they are part of the key, as is what they are given
    "resources",
    "running.executors",
    "running.store",
    "svg",
    "timeloop.confinement",
    "timeloop.inputs.folders",
    "timeloop.inputs.libconfig",  # how a user's own files are read, which determines what is part of the key
    "timeloop.loopnest",
    "validation",
)
"""Modules that those above import and that change no figure."""


def is_among(module: str, listed: tuple[str, ...]) -> bool:
    """Whether a module, named from the package downwards, is listed or lies in a package that is."""
    return any(module == name or module.startswith(f"{name}.") for name in listed)


@lru_cache(maxsize=16)
def code_digest(listed: tuple[str, ...]) -> str:
    """The first digits of a hash over the listed modules' code, without docstrings, comments and blank lines.

    Parsing the modules takes a quarter of a second, so digests are kept in the user's cache folder under a hash of the
    very bytes of the modules.
    """
    sources = _sources(listed)
    exact = hashlib.sha256(Path(__file__).read_bytes())  # what makes the digest
    for module, text in sources.items():
        exact.update(f"{module} {len(text)}\n{text}".encode())
    key, kept = exact.hexdigest(), _read_kept()
    if key not in kept:
        kept[key] = _digest(sources)
        _write_kept(kept)
    return kept[key]


def _sources(listed: tuple[str, ...]) -> dict[str, str]:
    """The text of each of the listed modules."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        if is_among(module, listed) and not is_among(module, NEVER):
            found[module] = file.read_text(encoding="utf-8")
    return found


def _digest(sources: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for module, text in sources.items():
        digest.update(f"{module}\n{code_of(text)}\n".encode())
    return digest.hexdigest()[:8]


def _read_kept() -> dict[str, str]:
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        kept = json.loads((user_cache() / KEPT).read_text(encoding="utf-8"))
        if isinstance(kept, dict) and all(isinstance(digest, str) for digest in kept.values()):
            return kept
    return {}


def _write_kept(kept: dict[str, str]) -> None:
    """Keep the latest digests; where the folder cannot be written, each process works them out."""
    latest = dict(list(kept.items())[-MAX_KEPT:])
    with contextlib.suppress(OSError, RuntimeError):
        user_cache().mkdir(parents=True, exist_ok=True)
        write_atomically(user_cache() / KEPT, json.dumps(latest).encode(), durable=False)


@lru_cache(maxsize=512)
def code_of(source: str) -> str:
    r"""The lines of a module that are neither blank nor all comment, and belong to no docstring.

    Examples:
        >>> code_of('# why\nx = 1\n"Not what."\n')
        'x = 1'
    """
    lines = source.splitlines()
    docstrings: set[int] = set()
    texts: set[int] = set()
    for node in _texts(ast.parse(source)):
        own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
        (docstrings if isinstance(node, ast.Expr) else texts).update(own)
    kept = [
        line
        for number, line in enumerate(lines, 1)
        if line.strip() and number not in docstrings and (number in texts or not line.lstrip().startswith("#"))
    ]
    return "\n".join(kept)


def _texts(tree: ast.AST) -> Iterator[ast.Expr | ast.Constant | ast.JoinedStr]:
    """Texts that stand as statements of their own, and those of several lines, in which ``#`` begins no comment."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            match node:
                case ast.Expr(value=ast.Constant(value=str())):
                    yield node
                case ast.Constant() | ast.JoinedStr() if node.end_lineno != node.lineno:
                    yield node
                case _ if getattr(node, "lineno", 0) != getattr(node, "end_lineno", 1):  # one line holds neither
                    waiting.append(node)
