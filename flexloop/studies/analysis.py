"""What the axes gain along the lattice: edge by edge, layer by layer, and as Shapley values.

All gains are ratios of costs, baseline over class: 2 means half the cost. Along the lattice gains multiply, so means
are geometric and Shapley values are taken of the logarithm.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import exp, factorial, log

import pandas as pd

from flexloop.classes import RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.errors import SpecError
from flexloop.lattice import lines
from flexloop.results.table import COST_COLUMN, TOTAL_COST_COLUMN, Results, geomean

GAINS = {"speedup": "cycles", "energy_gain": "energy_pj", "edp_gain": "edp"}
"""Each gain and the column of the totals whose ratio it is."""


def cost_column(results: Results) -> str:
    """The column of the totals that was searched for, and is monotone over the lattice."""
    return TOTAL_COST_COLUMN[str(results.rows["objective"].iloc[0])]


def edge_gains(results: Results) -> pd.DataFrame:
    """What one more step along one axis gains: on each edge between neighbours among the classes that were run.

    Returns:
        Columns network, lower, upper, axis (the one that is freed, or freed further), gain (in the objective that was
        searched), speedup, energy_gain and edp_gain; NaN where either class has no total.
    """
    records = []
    for network, group in results.totals.groupby("network", sort=False):
        table = group.set_index("class")
        for lower, upper in lines(FlexClass.parse(name) for name in table.index):
            if sum(lower.degree(axis) != upper.degree(axis) for axis in Axis) == 1:
                records.append(_edge(str(network), lower, upper, table, cost_column(results)))
    columns = ["network", "lower", "upper", "axis", "gain", *GAINS]
    return pd.DataFrame.from_records(records, columns=columns)


def _edge(network: str, lower: FlexClass, upper: FlexClass, table: pd.DataFrame, cost: str) -> dict[str, object]:
    axis = next(a for a in Axis if lower.degree(a) != upper.degree(a))
    before, after = table.loc[str(lower)], table.loc[str(upper)]
    gains = {name: before[column] / after[column] for name, column in ({"gain": cost} | GAINS).items()}
    return {"network": network, "lower": str(lower), "upper": str(upper), "axis": axis.value, **gains}


def axis_gains(results: Results) -> pd.DataFrame:
    """What each axis gains over the edges of the 16 classes that free it: geometric mean, least and most, by network.

    Points of degree p are left out; a network with a class that cannot map it has NaN.
    """
    whole = [str(c) for c in all_classes()]
    rows = results.rows[results.rows["class"].isin(whole)]
    edges = edge_gains(replace(results, rows=rows))
    records = [
        {
            "network": network,
            "axis": axis.value,
            "mean": geomean(gains),
            "least": gains.min(skipna=False),
            "most": gains.max(skipna=False),
        }
        for network, group in edges.groupby("network", sort=False)
        for axis in Axis
        if len(gains := group.loc[group["axis"] == axis.value, "gain"])
    ]
    return pd.DataFrame.from_records(records, columns=["network", "axis", "mean", "least", "most"])


def mean_gains(results: Results) -> pd.DataFrame:
    """Geometric means over the networks of each class's gains over the rigid one; NaN where a network has no total."""
    gains = results.speedups()
    table = gains.groupby("class", sort=False)[list(GAINS)].agg(geomean)
    return table.reset_index()


def layer_gains(results: Results, upper: str = "T1O1P1S1", lower: str = str(RIGID)) -> pd.DataFrame:
    """What each layer gains from one class to another, the layers that profit most first.

    Returns:
        Columns network, layer, count, gain (in the objective that was searched), and share, the layer's part of all
        that the network saves.
    """
    column = COST_COLUMN[str(results.rows["objective"].iloc[0])]
    keys = ["network", "layer"]
    before = results.rows[results.rows["class"] == lower].set_index(keys)
    after = results.rows[results.rows["class"] == upper].set_index(keys)
    if before.empty or after.empty:
        raise SpecError(f"layer gains need rows of {lower} and of {upper}; run both classes")
    table = pd.DataFrame({"count": before["count"], "gain": before[column] / after[column]})
    saved = (before[column] - after[column]).astype(float) * before["count"]
    table["share"] = saved / saved.groupby(level="network").transform("sum")
    return table.reset_index().sort_values(["network", "share"], ascending=[True, False], ignore_index=True)


def shapley(results: Results) -> pd.DataFrame:
    """Each axis's exact Shapley value over the 16 classes.

    The value of a set of free axes is the logarithm of the gain of its class over the rigid one, so that the four
    factors multiply to the gain of full flexibility and their shares add up to 1.

    Returns:
        Columns network, axis, factor, and share (NaN where full flexibility gains nothing).

    Raises:
        SpecError: if a class is missing or has no total.
    """
    records = []
    for network, group in results.totals.groupby("network", sort=False):
        costs = group.set_index("class")[cost_column(results)].astype(float)
        missing = [str(c) for c in all_classes() if str(c) not in costs.index or pd.isna(costs[str(c)])]
        if missing:
            raise SpecError(f"Shapley values need all 16 classes; {network} has no total of {', '.join(missing[:4])}")
        values = {_axes(c): log(costs[str(RIGID)] / costs[str(c)]) for c in all_classes()}
        whole = values[frozenset(Axis)]
        for axis in Axis:
            value = shapley_value(axis, values)
            share = value / whole if whole > 0 else float("nan")
            records.append({"network": network, "axis": axis.value, "factor": exp(value), "share": share})
    return pd.DataFrame.from_records(records)


def shapley_value(axis: Axis, values: dict[frozenset[Axis], float]) -> float:
    """The Shapley value of one axis: its mean marginal value over all orders in which the axes may be freed."""
    others = [a for a in Axis if a is not axis]
    total = 0.0
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
        for chosen in combinations(others, size):
            before = frozenset(chosen)
            total += weight * (values[before | {axis}] - values[before])
    return total


def _axes(flexclass: FlexClass) -> frozenset[Axis]:
    return frozenset(a for a in Axis if flexclass.degree(a) is Degree.FULL)


def comparison(results: Results, most: int = 5) -> dict[str, pd.DataFrame]:
    """What a comparison of the 16 classes shows beyond their totals, by caption.

    Args:
        results: of `flexloop.compare`.
        most: layers shown of each network, those that save most first.
    """
    objective = results.rows["objective"].iloc[0]
    tables = {}
    if results.rows["network"].nunique() > 1:
        tables["Geometric mean over the networks, gains over T0O0P0S0"] = mean_gains(results)
    tables[f"Gain in {objective} of freeing one axis, over the edges of the lattice"] = axis_gains(results)
    layers = layer_gains(results).groupby("network", sort=False).head(most)
    tables[f"Layers that save most {objective} from T0O0P0S0 to T1O1P1S1; share of all that the network saves"] = layers
    return tables
