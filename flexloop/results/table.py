"""The result of a study as pandas tables: one row a layer and class, totals a network and class.

Rows can be aggregated, compared along the lattice, saved and loaded. Columns are documented in `COLUMNS`; beside them
stand, for every component of the arch, ``energy_pj_<level>`` and ``accesses_<level>``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from flexloop.classes import FlexClass
from flexloop.errors import FlexloopError, SpecError, UnknownNameError
from flexloop.results.columns import COLUMNS

if TYPE_CHECKING:
    from flexloop.report.figures import Plots
    from flexloop.timeloop.mapping import Mapping

COST_COLUMN = {"latency": "cycles", "energy": "energy_pj", "edp": "edp"}
"""The column of the rows that each objective minimises."""

TOTAL_COST_COLUMN = {"latency": "cycles", "energy": "energy_pj", "edp": "edp_sum"}
"""The column of the totals that is monotone over the lattice for each objective."""


GAINS = {"speedup": "cycles", "energy_gain": "energy_pj", "edp_gain": "edp"}
"""Each gain, a ratio of costs, baseline over class, and the cost that it is the ratio of."""

STUDIED = ["arch", "network"]
"""What classes are compared on: the columns that tell one lattice of totals from another."""


class LatticeError(FlexloopError):
    """A more flexible class came out worse than a less flexible one, which its mapspace rules out."""


_COUNTED = {"arch": "arch(s)", "network": "network(s)", "class": "class(es)", "layer": "layer(s)"}


@dataclass(frozen=True, repr=False)
class Results:
    """A study's outcome.

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

    def by_arch(self) -> list[Results]:
        """The same results taken apart: those of each arch by itself, all with this study's baseline."""
        archs = self.meta.get("archs", {})
        parts = []
        for name in dict.fromkeys(self.rows["arch"]):
            rows = self.rows[self.rows["arch"] == name].dropna(axis="columns", how="all").reset_index(drop=True)
            own = {"archs": {name: archs[name]} if name in archs else {}, "baseline": str(self.baseline)}
            mappings = {key: files for key, files in self.mappings.items() if key[0] == name}
            parts.append(Results(rows.reindex(columns=self._columns_of(rows)), self.meta | own, mappings))
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

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to a file; return its path."""
        from flexloop.report.html import write_report

        return write_report(self, Path(path))

    @property
    def plot(self) -> Plots:
        """Figures: ``results.plot.lattice()``, ``.networks()``, ``.layers()``, ``.energy()``, ``.roofline()``."""
        from flexloop.report.figures import Plots

        return Plots(self)

    def __repr__(self) -> str:
        rows = self.rows
        if rows.empty:
            return "Results without rows"
        counts = [f"{rows[column].nunique()} {word}" for column, word in _COUNTED.items()]
        proved = int(rows["optimal"].eq(True).sum())
        lost = int((rows["status"] != "ok").sum())
        said = f"{len(rows)} cells, {proved} proved optimal" + (f", {lost} without a result" if lost else "")
        return f"Results of {', '.join(counts)}: {said}; objective {rows['objective'].iloc[0]}"

    def _repr_html_(self) -> str:
        table = self.totals[[*STUDIED, "class", "cycles", "energy_pj", "edp", "utilization", "optimal"]]
        return f"<p>{escape(repr(self))}</p>{table.to_html(index=False, max_rows=40)}"

    def save(self, folder: str | Path) -> Path:
        """Write ``results.parquet``, ``results.csv``, ``totals.csv``, ``meta.json`` and the mappings' YAML files."""
        from flexloop.results.files import save

        return save(self, Path(folder))


def classes_of(results: Results) -> list[FlexClass]:
    """The classes of a study, subclasses before superclasses."""
    return sorted({FlexClass.parse(name) for name in results.rows["class"]}, key=lambda c: (c.rank, str(c)))


def subject(results: Results, network: str) -> str:
    """A network with the parameters that the study was given for it, as in ``bert (sequence_length 128)``."""
    given, about = results.meta.get("parameters", {}), results.meta.get("networks", {}).get(network, {})
    own = [f"{name} {value}" for name, value in about.get("parameters", {}).items() if name in given]
    return f"{network} ({', '.join(own)})" if own else network


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum rows over each network's layers, weighed by their counts.

    Columns as in `flexloop.results.columns.TOTALS`, and the energies and accesses by level. A network with a layer
    that has no result has no totals: its figures are NaN.
    """
    records = [_total(keys, group) for keys, group in rows.groupby(["arch", "network", "class"], sort=False)]
    return pd.DataFrame.from_records(records)


def _total(keys: Any, group: pd.DataFrame) -> dict[str, Any]:
    complete = bool((group["status"] == "ok").all())
    counts = group["count"].tolist()

    def weighed(column: str) -> float:
        if not complete:
            return float("nan")
        # Python's whole numbers: pandas' would overflow at 2^63 without a word.
        return float(sum(value * count for value, count in zip(group[column].tolist(), counts, strict=True)))

    cycles, energy = weighed("cycles"), weighed("energy_pj")
    record = {
        "arch": keys[0],
        "network": keys[1],
        "class": keys[2],
        "parameters": group["parameters"].iloc[0] if "parameters" in group else "",
        "objective": group["objective"].iloc[0],
        "layers": int(group["count"].sum()),
        "unmappable": int(group.loc[group["status"] != "ok", "count"].sum()),
        "cycles": cycles,
        "energy_pj": energy,
        "edp": cycles * energy,
        "edp_sum": weighed("edp"),
        "macs": weighed("macs"),
        "utilization": _utilization(group, cycles) if complete else float("nan"),
        "optimal": bool(group["optimal"].all()) if complete else False,
        "wall_s": float(group["wall_s"].sum()),
    }
    by_level = [c for c in group.columns if c.startswith(("energy_pj_", "accesses_")) and group[c].notna().all()]
    return record | {column: weighed(column) for column in by_level}


def _utilization(group: pd.DataFrame, cycles: float) -> float:
    busy = (group["utilization"] * group["cycles"] * group["count"]).sum()
    return float(busy / cycles)


def speedups(table: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Add to totals how much faster and how much thriftier each class is than the baseline class."""
    base = table[table["class"] == baseline].set_index(STUDIED)
    if base.empty:
        raise SpecError(f"no row of class {baseline} to compare with; run that class too")
    before = base.reindex(pd.MultiIndex.from_frame(table[STUDIED]))
    gains = {gain: before[cost].to_numpy() / table[cost].to_numpy() for gain, cost in GAINS.items()}
    return table.assign(**gains)


def mean_gains(results: Results) -> pd.DataFrame:
    """Geometric means over the networks of each class's gains over the baseline, one row for each arch and class.

    Returns:
        Columns arch, class, networks (how many), and the three gains; NaN where a network lacks a total.
    """
    records = [
        {"arch": arch, "class": name, "networks": len(group), **{gain: geomean(group[gain]) for gain in GAINS}}
        for (arch, name), group in results.speedups().groupby(["arch", "class"], sort=False)
    ]
    return pd.DataFrame.from_records(records)


def geomean(values: pd.Series) -> float:
    """Geometric mean of positive numbers; NaN if any is missing."""
    return float(np.exp(np.mean(np.log(values.to_numpy(dtype=float)))))


def check_lattice(rows: pd.DataFrame) -> None:
    """Hold a study to the lattice: layer by layer, a superclass never costs more than a subclass.

    Compared is the cost of the objective searched, ties aside. A layer that a class cannot map has infinite cost.

    Raises:
        LatticeError: naming the network, the layer, the two classes and their costs.
    """
    by_layer = rows[rows["status"] != "failed"].groupby(["network", "arch", "layer", "objective"], sort=False)
    for (network, _, layer, objective), group in by_layer:
        column = COST_COLUMN[str(objective)]
        costs = {
            FlexClass.parse(name): float(cost) if status == "ok" else float("inf")
            for name, cost, status in zip(group["class"], group[column], group["status"], strict=True)
        }
        _check_layer(costs, f"{network}, layer {layer}, {column}")


def _check_layer(costs: dict[FlexClass, float], where: str) -> None:
    for lower, cost in costs.items():
        for upper, other in costs.items():
            if lower < upper and other > cost:
                raise LatticeError(
                    f"{where}: class {upper} costs {other:.6g} although its subclass {lower} costs {cost:.6g}; "
                    "this is a fault of the search, please report it with the command that you ran"
                )


def to_json(results: Results, **tables: pd.DataFrame) -> str:
    """One JSON object: ``rows`` (a layer and class each), ``totals`` (a class and network each) and ``meta``.

    Args:
        results: the results.
        tables: what else it holds, by name; a list of records each.
    """
    frames = {"rows": results.rows, "totals": results.totals, **tables}
    return json.dumps(
        {name: _records(frame) for name, frame in frames.items()} | {"meta": results.meta}, allow_nan=False
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    text = table.to_json(orient="records", double_precision=15)
    return json.loads(text) if text else []
