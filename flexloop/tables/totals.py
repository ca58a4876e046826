"""Totals over a network's layers, and gains: ratios of costs to those of a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
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
    table = _Rows(rows)
    groups = rows.groupby(["arch", "network", "class"], sort=False).indices.values()
    places = sorted((np.asarray(group, np.intp) for group in groups), key=lambda group: int(group[0]))
    return pd.DataFrame.from_records([table.total(group) for group in places])


class _Rows:
    """Rows as plain lists, which many small sums take less time over than over parts of a table."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._of = {column: rows[column].tolist() for column in rows.columns}
        self._levels = [c for c in rows.columns if c.startswith(("energy_pj_", "accesses_"))]
        self._present = {column: rows[column].notna().to_numpy() for column in self._levels}
        self._busy = pd.to_numeric(rows["utilization"] * rows["cycles"] * rows["count"]).to_numpy(float)
        self._wall = rows["wall_s"].to_numpy(float)

    def total(self, at: npt.NDArray[np.intp]) -> dict[str, Any]:
        """The totals of the rows at these places."""
        of, places = self._of, at.tolist()
        first, counts = places[0], [self._of["count"][i] for i in places]
        lost = [count for i, count in zip(places, counts, strict=True) if of["status"][i] != "ok"]
        complete = not lost

        def weighed(column: str) -> float:
            if not complete:
                return float("nan")
            # Python's whole numbers: pandas' would overflow at 2^63 without a word.
            return float(sum(of[column][i] * count for i, count in zip(places, counts, strict=True)))

        cycles, energy = weighed("cycles"), weighed("energy_pj")
        record = {
            "arch": of["arch"][first],
            "network": of["network"][first],
            "class": of["class"][first],
            "parameters": of["parameters"][first] if "parameters" in of else "",
            "objective": of["objective"][first],
            "layers": int(sum(counts)),
            "unmappable": int(sum(lost)),
            "cycles": cycles,
            "energy_pj": energy,
            "edp": cycles * energy,
            "edp_sum": weighed("edp"),
            "macs": weighed("macs"),
            "utilization": float(self._busy[at].sum() / cycles) if complete else float("nan"),
            "optimal": all(of["optimal"][i] for i in places) if complete else False,
            "wall_s": float(np.nansum(self._wall[at])),
        }
        return record | {c: weighed(c) for c in self._levels if self._present[c][at].all()}


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
