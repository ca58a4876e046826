"""The result of a study as pandas tables: one row a layer and class, totals a network and class.

Rows can be aggregated, compared along the lattice, saved and loaded. Columns are documented in `COLUMNS`; beside them
stand, for every component of the arch, ``energy_pj_<level>`` and ``accesses_<level>``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from flexloop.classes import FlexClass
from flexloop.errors import SpecError, UnknownNameError
from flexloop.tables.columns import COLUMNS
from flexloop.tables.totals import GAINS, STUDIED, TOTAL_COST_COLUMN, geomean, speedups, totals

if TYPE_CHECKING:
    from flexloop.timeloop.mapping import Mapping

_PLURALS = {"arch": "archs", "network": "networks", "class": "classes", "layer": "layers"}


@dataclass(frozen=True, repr=False)
class StudyTables:
    """A study's outcome as data.

    Attributes:
        rows: one row for each arch, network, class and layer; columns as in `COLUMNS`.
        meta: the command, versions and assumptions of the study; under ``archs`` what belongs to each arch.
        mappings: for each (arch, network, class, layer) with a result the files of its winning mapping, by file name.
    """

    rows: pd.DataFrame
    meta: dict[str, Any] = field(default_factory=dict)
    mappings: dict[tuple[str, str, str, str], dict[str, str]] = field(default_factory=dict)

    @property
    def totals(self) -> pd.DataFrame:
        """Totals for each arch, network and class, weighed by the layers' counts, with ``area_mm2`` where known."""
        table, archs = totals(self.rows), self.meta.get("archs", {})
        areas = [
            archs.get(a, {}).get("area_mm2", {}).get(c) for a, c in zip(table["arch"], table["class"], strict=True)
        ]
        return (
            table.assign(area_mm2=pd.Series(areas, dtype=float)) if any(area is not None for area in areas) else table
        )

    @property
    def baseline(self) -> FlexClass:
        """What gains are measured against where nothing else is asked for.

        The class that the study was given for it, else the least flexible one that maps every layer of every network
        (and where none does, the least flexible one).
        """
        given = self.meta.get("baseline")
        if given is not None:
            return FlexClass.parse(given)
        classes = classes_of(self)
        lost = set(self.rows.loc[self.rows["status"] != "ok", "class"])
        return next((c for c in classes if str(c) not in lost), classes[0])

    def speedups(self, baseline: str | FlexClass | None = None) -> pd.DataFrame:
        """Totals with ``speedup``, ``energy_gain`` and ``edp_gain`` over a baseline class of the same network.

        Args:
            baseline: the class; None takes `baseline`.

        Raises:
            SpecError: if that class was not run.
        """
        return speedups(self.totals, str(self.baseline if baseline is None else FlexClass.of(baseline)))

    def by_arch(self) -> list[Self]:
        """The same results taken apart: those of each arch by itself, all with this study's baseline."""
        archs = self.meta.get("archs", {})
        parts = []
        for name in dict.fromkeys(self.rows["arch"]):
            rows = self.rows[self.rows["arch"] == name].dropna(axis="columns", how="all").reset_index(drop=True)
            own = {"archs": {name: archs[name]} if name in archs else {}, "baseline": str(self.baseline)}
            mappings = {key: files for key, files in self.mappings.items() if key[0] == name}
            parts.append(
                replace(
                    self, rows=rows.reindex(columns=self._columns_of(rows)), meta=self.meta | own, mappings=mappings
                )
            )
        return parts

    def _columns_of(self, rows: pd.DataFrame) -> list[str]:
        """The columns of one arch's rows: all that every study has, and its own levels'."""
        return [column for column in self.rows.columns if column in COLUMNS or column in rows.columns]

    def best(self) -> pd.DataFrame:
        """The class that costs least on each arch and network, as rows of the totals; ties go to the less flexible.

        The cost is the one that was searched; where no class maps a whole network, it has no row.
        """
        table = self.totals.dropna(subset=["cycles"])
        cost = TOTAL_COST_COLUMN[str(self.rows["objective"].iloc[0])]
        rank = table["class"].map(lambda name: FlexClass.parse(name).rank)
        ordered = table.assign(rank=rank).sort_values([cost, "rank"], kind="stable").drop(columns="rank")
        return ordered.drop_duplicates(STUDIED).sort_index().reset_index(drop=True)

    def mapping(
        self, layer: str, flexclass: str | FlexClass | None = None, network: str | None = None, arch: str | None = None
    ) -> Mapping:
        """The winning mapping of a layer, which a notebook shows as a loop nest.

        Args:
            layer: its name.
            flexclass: the class; None takes the most flexible one.
            network: the network; None takes the first that has such a layer.
            arch: the arch; None takes the first.

        Raises:
            UnknownNameError: for a name that is not in the results.
            SpecError: if there is no mapping, with the reason.
        """
        from flexloop.timeloop import yamlio
        from flexloop.timeloop.mapping import Mapping

        name = str(classes_of(self)[-1] if flexclass is None else FlexClass.of(flexclass))
        rows = self.rows
        for column, wanted in (("arch", arch), ("network", network), ("layer", layer), ("class", name)):
            if wanted is not None and wanted not in set(rows[column]):
                raise UnknownNameError(f"{column} of these results", wanted, dict.fromkeys(rows[column]))
            rows = rows if wanted is None else rows[rows[column] == wanted]
        row = rows.iloc[0]
        files = self.mappings.get((row["arch"], row["network"], row["class"], row["layer"]))
        if files is None:
            why = row["reason"] or "the results were kept without their mappings; run the study again"
            raise SpecError(f"no mapping of layer {layer} in {name}: {why}")
        return Mapping.from_directives(yamlio.load(files["map.yaml"])["mapping"])

    def __repr__(self) -> str:
        rows = self.rows
        if rows.empty:
            return "Results without rows"
        counts = [f"{n} {one if n == 1 else more}" for one, more in _PLURALS.items() for n in [rows[one].nunique()]]
        proved = int(rows["optimal"].eq(True).sum())
        lost = int((rows["status"] != "ok").sum())
        said = f"{len(rows)} cells, {proved} proved optimal" + (f", {lost} without a result" if lost else "")
        return f"Results of {', '.join(counts)}: {said}; objective {rows['objective'].iloc[0]}"

    def _repr_html_(self) -> str:
        table = self.totals[[*STUDIED, "class", "cycles", "energy_pj", "edp", "utilization", "optimal"]]
        return f"<p>{escape(repr(self))}</p>{table.to_html(index=False, max_rows=40)}"


def classes_of(results: StudyTables) -> list[FlexClass]:
    """The classes of a study, subclasses before superclasses."""
    return sorted({FlexClass.parse(name) for name in results.rows["class"]}, key=lambda c: (c.rank, str(c)))


def subject(results: StudyTables, network: str) -> str:
    """A network with the parameters that the study was given for it, as in ``bert (sequence_length 128)``."""
    given, about = results.meta.get("parameters", {}), results.meta.get("networks", {}).get(network, {})
    own = [f"{name} {value}" for name, value in about.get("parameters", {}).items() if name in given]
    return f"{network} ({', '.join(own)})" if own else network


def mean_gains(results: StudyTables) -> pd.DataFrame:
    """Geometric means over the networks of each class's gains over the baseline, one row for each arch and class.

    Returns:
        Columns arch, class, networks (how many), and the three gains; NaN where a network lacks a total.
    """
    records = [
        {"arch": arch, "class": name, "networks": len(group), **{gain: geomean(group[gain]) for gain in GAINS}}
        for (arch, name), group in results.speedups().groupby(["arch", "class"], sort=False)
    ]
    return pd.DataFrame.from_records(records)


def to_json(results: StudyTables, **tables: pd.DataFrame) -> str:
    """One JSON object: ``rows`` (a layer and class each), ``totals`` (a class and network each) and ``meta``.

    Args:
        results: the results.
        tables: what else it holds, by name; a list of records each.
    """
    frames = {"rows": results.rows, "totals": results.totals, **tables}
    return json.dumps(
        {name: _records(frame) for name, frame in frames.items()} | {"meta": results.meta}, allow_nan=False
    )


def json_list(table: pd.DataFrame) -> str:
    """One JSON list of a table's rows, with ``null`` for what is missing or infinite."""
    return json.dumps(_records(table), allow_nan=False)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data. Pandas' own JSON rounds to as many decimals, which leaves nothing of a small share."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is pd.NA or (isinstance(value, float) and not isfinite(value)) else value
