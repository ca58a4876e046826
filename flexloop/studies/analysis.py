"""What the axes gain along the lattice: edge by edge, layer by layer, and as Shapley values.

All gains are ratios of costs, baseline over class: 2 means half the cost. Along the lattice gains multiply, so means
are geometric and Shapley values are taken of the logarithm.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import exp, factorial, log, nan
from typing import Any

import pandas as pd

from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.errors import SpecError
from flexloop.lattice import lines
from flexloop.report.gains import OBJECTIVE_WORDS
from flexloop.results.table import Results
from flexloop.tables.study import mean_gains
from flexloop.tables.totals import COST_COLUMN, GAINS, STUDIED, TOTAL_COST_COLUMN, geomean

EDGES = 8
"""Pairs of the 16 classes that differ in one given axis alone."""


def cost_column(results: Results) -> str:
    """The column of the totals that was searched for, and is monotone over the lattice."""
    return TOTAL_COST_COLUMN[str(results.rows["objective"].iloc[0])]


def edge_gains(results: Results) -> pd.DataFrame:
    """What one more step along one axis gains: on each edge between neighbours among the classes that were run.

    Returns:
        Columns arch, network, lower, upper, axis (the one that is freed, or freed further), gain (in the objective that
        was searched), speedup, energy_gain and edp_gain; NaN where either class has no total.
    """
    records = []
    for place, group in results.totals.groupby(STUDIED, sort=False):
        table = group.set_index("class")
        for lower, upper in lines(FlexClass.parse(name) for name in table.index):
            if sum(lower.degree(axis) != upper.degree(axis) for axis in Axis) == 1:
                records.append(_place(place) | _edge(lower, upper, table, cost_column(results)))
    columns = [*STUDIED, "lower", "upper", "axis", "gain", *GAINS]
    return pd.DataFrame.from_records(records, columns=columns)


def _place(keys: Any) -> dict[str, str]:
    """The columns that say on what classes are compared, of a group's key."""
    return dict(zip(STUDIED, map(str, keys), strict=True))


def _edge(lower: FlexClass, upper: FlexClass, table: pd.DataFrame, cost: str) -> dict[str, object]:
    axis = next(a for a in Axis if lower.degree(a) != upper.degree(a))
    before, after = table.loc[str(lower)], table.loc[str(upper)]
    gains = {name: before[column] / after[column] for name, column in ({"gain": cost} | GAINS).items()}
    return {"lower": str(lower), "upper": str(upper), "axis": axis.value, **gains}


def axis_gains(results: Results) -> pd.DataFrame:
    """What each axis gains over the edges of the 16 classes that free it: geometric mean, least, most, by network.

    Points of degree p are left out, and so are edges with a class that cannot map the network.

    Returns:
        Columns arch, network, axis, mean, least, most, and edges (how many these are of; all are 8).
    """
    whole = [str(c) for c in all_classes()]
    rows = results.rows[results.rows["class"].isin(whole)]
    edges = edge_gains(replace(results, rows=rows))
    records = [
        {
            **_place(place),
            "axis": axis.value,
            "mean": geomean(gains) if len(gains) else nan,
            "least": gains.min(),
            "most": gains.max(),
            "edges": len(gains),
        }
        for place, group in edges.groupby(STUDIED, sort=False)
        for axis in Axis
        if len(run := group.loc[group["axis"] == axis.value, "gain"])
        for gains in [run.dropna()]
    ]
    return pd.DataFrame.from_records(records, columns=[*STUDIED, "axis", "mean", "least", "most", "edges"])


def layer_gains(results: Results, upper: str = "T1O1P1S1", lower: str | None = None) -> pd.DataFrame:
    """What each layer gains from one class to another, the layers that profit most first.

    Args:
        results: of both classes.
        upper, lower: the classes; None takes the results' baseline.

    Returns:
        Columns arch, network, layer, count, gain (in the objective that was searched), and share, the layer's part of
        all that the network saves.
    """
    column = COST_COLUMN[str(results.rows["objective"].iloc[0])]
    keys, lower = [*STUDIED, "layer"], lower or str(results.baseline)
    before = results.rows[results.rows["class"] == lower].set_index(keys)
    after = results.rows[results.rows["class"] == upper].set_index(keys)
    if before.empty or after.empty:
        raise SpecError(f"layer gains need rows of {lower} and of {upper}; run both classes")
    table = pd.DataFrame({"count": before["count"], "gain": before[column] / after[column]})
    saved = (before[column] - after[column]).astype(float) * before["count"]
    table["share"] = saved / saved.groupby(level=STUDIED).transform("sum")
    return table.reset_index().sort_values([*STUDIED, "share"], ascending=[True, True, False], ignore_index=True)


def shapley(results: Results) -> pd.DataFrame:
    """Each axis's exact Shapley value over the 16 classes.

    The value of a set of free axes is the logarithm of the gain of its class over the rigid one, so that the four
    factors multiply to the gain of full flexibility and their shares add up to 1.

    Returns:
        Columns arch, network, axis, factor, and share (NaN where full flexibility gains nothing).

    Raises:
        SpecError: if a class is missing or has no total.
    """
    records = []
    for place, group in results.totals.groupby(STUDIED, sort=False):
        costs = group.set_index("class")[cost_column(results)].astype(float)
        missing = [str(c) for c in all_classes() if str(c) not in costs.index or pd.isna(costs[str(c)])]
        if missing:
            raise SpecError(
                f"Shapley values need all 16 classes; {place[1]} on {place[0]} has no total of {', '.join(missing[:4])}"
            )
        values = {_axes(c): log(costs[str(RIGID)] / costs[str(c)]) for c in all_classes()}
        whole = values[frozenset(Axis)]
        for axis in Axis:
            value = shapley_value(axis, values)
            share = value / whole if whole > 0 else float("nan")
            records.append({**_place(place), "axis": axis.value, "factor": exp(value), "share": share})
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


def arch_gains(results: Results) -> pd.DataFrame:
    """What each arch gains over the first one, class by class, in the objective that was searched.

    Returns:
        Columns network, class, and one for each arch; NaN where either has no total.
    """
    cost = cost_column(results)
    archs, classes, networks = (list(dict.fromkeys(results.rows[c])) for c in ("arch", "class", "network"))
    table = results.totals.pivot(index=["network", "class"], columns="arch", values=cost)
    table = table.reindex(pd.MultiIndex.from_product([networks, classes], names=["network", "class"]))[archs]
    return table.rdiv(table[archs[0]], axis=0).rename_axis(columns=None).reset_index()


def comparison(results: Results, most: int = 5) -> dict[str, pd.DataFrame]:
    """What a comparison of the 16 classes shows beyond their totals, by caption.

    Args:
        results: of `flexloop.compare`.
        most: layers shown of each network, those that save most first.
    """
    objective, base = OBJECTIVE_WORDS[str(results.rows["objective"].iloc[0])], results.baseline
    tables = {}
    if results.rows["arch"].nunique() > 1:
        first = results.rows["arch"].iloc[0]
        tables[f"Gain in {objective} over {first} in the same class"] = arch_gains(results)
    if results.rows["network"].nunique() > 1:
        means = mean_gains(results).drop(columns="networks")
        tables[f"Geometric mean over the networks, gains over {base}"] = means
    gains, edges = axis_gains(results), "over the edges of the lattice"
    if (gains["edges"] == EDGES).all():
        gains = gains.drop(columns="edges")
    else:
        edges += " between classes that map every layer"
    tables[f"Gain in {objective} of freeing one axis, {edges}"] = gains
    layers = layer_gains(results).groupby(STUDIED, sort=False).head(most)
    tables[
        f"Layers that save most {objective} from {base} to {FULLY_FLEXIBLE}; share of all that the network saves"
    ] = layers
    return tables
