"""What was run, by which version, under which assumptions: the part of a report that lets others repeat it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flexloop.describe import LEVEL_COLUMNS, describe_levels
from flexloop.report.data import arch_of
from flexloop.report.findings import Table
from flexloop.report.gains import OBJECTIVE_WORDS
from flexloop.tables.study import StudyTables


@dataclass(frozen=True)
class Provenance:
    """Where results come from.

    Attributes:
        command: the command line that made them, empty if it is unknown.
        facts: names and values: versions, engines, seed, effort.
        assumptions: sentences on what the figures take for granted.
        tables: storage levels and axes of the arch spec.
        meta: the study's whole metadata as JSON.
    """

    command: str
    facts: list[tuple[str, str]]
    assumptions: list[str]
    tables: list[Table]
    meta: str


_EDGES = {
    "clip": "What is pinned and larger than a layer leaves room for is cut to it (edge: clip).",
    "pad": "A fixed tile is never cut: a layer is padded to whole tiles (edge: pad).",
    "remainder": "The last tile along a dimension is what is left of the layer (edge: remainder).",
}
"""What becomes of pinned factors on a layer that they do not divide."""


def provenance(results: StudyTables) -> Provenance:
    """Collect what a study's metadata and rows say about it."""
    meta = results.meta
    # Tables, such as the arch spec and the energies, are shown apart, or only in the whole metadata.
    plain = {name: value for name, value in meta.items() if not isinstance(value, dict | list)}
    facts = [(_FACTS.get(name, name.replace("_", " ")), _text(value)) for name, value in plain.items()]
    facts += [
        *[
            (f"{what} SHA-256 (first 12 digits)", _distinct(results, column))
            for what, column in (("arch spec", "arch_hash"), ("network", "network_hash"), ("ERT", "ert_hash"))
            if column in results.rows
        ],
        *[(f"parameters of {name}", text) for name, text in _parameters(results).items()],
        ("cells", f"{len(results.rows):,}, of which {_proved(results):,} proved optimal"),
        (
            "search and evaluation",
            f"{results.rows['wall_s'].sum():.4g} s of computation, cells from the store included",
        ),
    ]
    return Provenance(
        _command(meta.get("command")),
        facts,
        _assumptions(results),
        _arch_tables(results),
        json.dumps(meta, indent=1, sort_keys=True, default=str),
    )


def _command(words: Any) -> str:
    if not isinstance(words, list) or not words:
        return ""
    program, *arguments = map(str, words)
    return shlex.join([PurePath(program).name, *arguments])


_FACTS = {"format": "format of the results", "python": "Python"}


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return OBJECTIVE_WORDS.get(value, value) if isinstance(value, str) else json.dumps(value, default=str)


def _distinct(results: StudyTables, column: str) -> str:
    return ", ".join(sorted({str(value) for value in results.rows[column].dropna()})) or "unknown"


def _proved(results: StudyTables) -> int:
    return int(results.rows["optimal"].eq(True).sum())


def _assumptions(results: StudyTables) -> list[str]:
    rows = results.rows
    objective = str(rows["objective"].iloc[0])
    words = OBJECTIVE_WORDS.get(objective, objective)
    said = [
        f"Every mapping was searched for the least {words} of its layer; "
        "the other costs are those of that mapping. Only the cost that was searched can be relied on to fall "
        "from a class to its superclass.",
        "A network's latency and energy are sums over its layers, each weighed by its count: layers run one after the "
        "other, and nothing stays on chip between them. EDP is total energy times total latency.",
        "Utilization and MAC counts are of the real work; padding costs time and energy and counts as no work.",
        f"Energies: {_distinct(results, 'energy_source')}. Latency is in cycles: no clock is assumed.",
    ]
    for edge in sorted({arch.edge for arch in map(arch_of, results.by_arch()) if arch}):
        said.append(_EDGES[edge])
    if rows["depthwise_rule"].eq(True).any():
        said.append("On depthwise layers, G takes the fixed tile sizes and the place of M (as_output_channels).")
    if missing := int((rows["status"] != "ok").sum()):
        said.append(f"{missing} cells have no result; totals and means that need them are left out, not guessed.")
    return said


def _parameters(results: StudyTables) -> dict[str, str]:
    """The parameters of each network that has some."""
    if "parameters" not in results.rows:
        return {}
    of = results.rows.drop_duplicates("network").set_index("network")["parameters"]
    return {str(name): str(text) for name, text in of.items() if text}


def _arch_tables(results: StudyTables) -> list[Table]:
    tables = []
    for part in results.by_arch():
        arch = arch_of(part)
        if arch is None:
            continue
        if "ert" in (about := part.meta["archs"][arch.name]):
            levels = describe_levels(arch, about["ert"])
            tables.append(Table(f"Storage levels of {arch.name}", LEVEL_COLUMNS, levels))
        axes = ["axis", "0 (fixed)", "p (part)", "1 (full)"]
        tables.append(Table(f"The axes on {arch.name}", axes, arch.axes_in_words()))
    return tables
