"""Totals over a network's layers, and gains: ratios of costs to those of a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flexloop.errors import SpecError

COST_COLUMN = {"latency": "cycles", "energy": "energy_pj", "edp": "edp"}
"""The column of the rows that each objective minimises."""

TOTAL_COST_COLUMN = {"latency": "cycles", "energy": "energy_pj", "edp": "edp_sum"}
"""The column of the totals that is monotone over the lattice for each objective."""


GAINS = {"speedup": "cycles", "energy_gain": "energy_pj", "edp_gain": "edp"}
"""Each gain, a ratio of costs, baseline over class, and the cost that it is the ratio of."""

STUDIED = ["arch", "network"]
"""What classes are compared on: the columns that tell one lattice of totals from another."""


def totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum rows over each network's layers, weighed by their counts.

    Columns as in `flexloop.tables.columns.TOTALS`, and the energies and accesses by level. A network with a layer
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


def geomean(values: pd.Series) -> float:
    """Geometric mean of positive numbers; NaN if any is missing."""
    return float(np.exp(np.mean(np.log(values.to_numpy(dtype=float)))))
