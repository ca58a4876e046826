"""What a study concludes beyond its rows: sentences and small tables, kept in its metadata and shown by the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from flexloop.results.table import Results

_KEY = "study"


@dataclass(frozen=True)
class Table:
    """A small table of text: its caption, headings and rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Findings:
    """What a study concludes: a title, sentences, and tables."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]


def with_findings(
    results: Results, title: str, sentences: Sequence[str], tables: Mapping[str, pd.DataFrame]
) -> Results:
    """The results with a study's conclusions in their metadata, from where `findings` and the report take them.

    Args:
        results: of the study.
        title: heading of the section.
        sentences: in the order in which they are shown.
        tables: by caption; gains and other fractions are shown with two decimals.
    """
    shown = [
        {"caption": caption, "columns": [str(c) for c in frame.columns], "rows": _texts(frame)}
        for caption, frame in tables.items()
    ]
    kept = {"title": title, "sentences": list(sentences), "tables": shown}
    return replace(results, meta={**results.meta, _KEY: kept})


def findings(results: Results) -> Findings | None:
    """What `with_findings` put into the metadata; None where a study concludes nothing beyond its rows."""
    kept = results.meta.get(_KEY)
    if not isinstance(kept, dict):
        return None
    tables = [Table(t["caption"], t["columns"], t["rows"]) for t in kept["tables"]]
    return Findings(kept["title"], kept["sentences"], tables)


def _texts(frame: pd.DataFrame) -> list[list[str]]:
    return [[_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.2f}"
    return str(value)
