"""What a study concludes beyond its rows: sentences and small tables, kept in its metadata and shown by the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pandas as pd

from flexloop.report.gains import GAIN_WORDS
from flexloop.report.strip import Strip
from flexloop.tables.study import StudyTables

_KEY = "study"

Tables = TypeVar("Tables", bound=StudyTables)


HEADINGS = {
    **GAIN_WORDS,
    "alone_p": "alone, at p",
    "alone_1": "alone, in full",
    "last_p": "last, at p",
    "last_1": "last, in full",
    "shapley": "Shapley",
    "geomean": "geometric mean",
}
"""Columns of the studies' tables in words."""

_NUMBER = re.compile(r"-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")
_NO_NUMBER = ("–", "unbounded")
_DECIMALS = 3


@dataclass(frozen=True)
class Table:
    """A small table of text: its caption, headings and rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def headings(self) -> list[str]:
        """The columns in words."""
        return [HEADINGS.get(column, column.replace("_", " ")) for column in self.columns]

    @property
    def numeric(self) -> list[bool]:
        """Whether a column holds numbers, and at most words that stand for one."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return [
            any(map(_NUMBER.fullmatch, column)) and all(_NUMBER.fullmatch(t) or t in _NO_NUMBER for t in column)
            for column in columns
        ]

    @property
    def aligned(self) -> list[list[str]]:
        """The rows, numbers of a column with as many decimals as the longest of them has, at most three."""
        columns = zip(*self.rows, strict=True)
        shown = [_aligned(c) if number else list(c) for c, number in zip(columns, self.numeric, strict=False)]
        return [list(row) for row in zip(*shown, strict=True)]


@dataclass(frozen=True)
class Findings:
    """What a study concludes: a title, sentences, tables, and pictures of many gains by caption."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    strips: Mapping[str, Strip]


def with_findings(
    results: Tables,
    title: str,
    sentences: Sequence[str],
    tables: Mapping[str, pd.DataFrame],
    strips: Mapping[str, Strip] | None = None,
) -> Tables:
    """The results with a study's conclusions in their metadata, from where `findings` and the report take them.

    Args:
        results: of the study.
        title: heading of the section.
        sentences: in the order in which they are shown.
        tables: by caption; gains and other fractions are shown with two decimals.
        strips: pictures of many gains, by caption.
    """
    shown = [
        {"caption": caption, "columns": [str(c) for c in frame.columns], "rows": _texts(frame)}
        for caption, frame in ((caption, _telling(frame)) for caption, frame in tables.items())
    ]
    drawn = [{"caption": caption, **strip.kept()} for caption, strip in (strips or {}).items()]
    kept = {"title": title, "sentences": list(sentences), "tables": shown, "strips": drawn}
    return replace(results, meta={**results.meta, _KEY: kept})


def findings(results: StudyTables) -> Findings | None:
    """What `with_findings` put into the metadata; None where a study concludes nothing beyond its rows."""
    kept = results.meta.get(_KEY)
    if not isinstance(kept, dict):
        return None
    tables = [Table(t["caption"], t["columns"], t["rows"]) for t in kept["tables"]]
    strips = {str(strip["caption"]): Strip.of(strip) for strip in kept.get("strips", [])}
    return Findings(kept["title"], kept["sentences"], tables, strips)


def _telling(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that say something: not the arch where there is only one."""
    return frame.drop(columns="arch") if "arch" in frame and frame["arch"].nunique() == 1 else frame


def _aligned(texts: Sequence[str]) -> list[str]:
    if any("e" in text for text in texts if text not in _NO_NUMBER):
        return list(texts)
    decimals = min(_DECIMALS, max(len(text.partition(".")[2]) for text in texts))
    return [t if t in _NO_NUMBER else f"{float(t.replace(',', '')):,.{decimals}f}" for t in texts]


def _texts(frame: pd.DataFrame) -> list[list[str]]:
    return [[_text(value) for value in row] for row in frame.itertuples(index=False, name=None)]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.2f}"
    return str(value)
