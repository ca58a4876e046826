"""Gains of classes over a baseline class: by layer, by network, and as the geometric mean over networks.

A gain is a ratio of costs, baseline over class: 2 means half the cost.
"""

from __future__ import annotations

import pandas as pd

from flexloop.classes import RIGID, FlexClass
from flexloop.errors import SpecError
from flexloop.results.table import Results, geomean

GAINS = {"speedup": "cycles", "energy_gain": "energy_pj", "edp_gain": "edp"}
"""Each gain and the cost that it is the ratio of."""

GAIN_WORDS = {"speedup": "speedup", "energy_gain": "energy gain", "edp_gain": "EDP gain"}
"""The same in words, for axes and captions."""


def classes_of(results: Results) -> list[FlexClass]:
    """The classes of a study, subclasses before superclasses."""
    return sorted({FlexClass.parse(name) for name in results.rows["class"]}, key=lambda c: (c.rank, str(c)))


def baseline_of(results: Results) -> FlexClass:
    """The class that gains are measured against: the rigid one, or the least flexible that was run."""
    classes = classes_of(results)
    return RIGID if RIGID in classes else classes[0]


def check_one_arch(results: Results) -> None:
    """Refuse results without rows, and results that mix arch specs or objectives, whose totals mean nothing.

    Raises:
        SpecError: naming what is mixed.
    """
    if results.rows.empty:
        raise SpecError("the results hold no rows: nothing to show; run a study first")
    for column in ("arch", "objective"):
        values = sorted(set(results.rows[column].astype(str)))
        if len(values) > 1:
            raise SpecError(f"the results mix several values of {column} ({', '.join(values)}); report each by itself")


def layer_gains(results: Results) -> pd.DataFrame:
    """The rows, with the three gains of each over the baseline's cost of the same layer (NaN where either has none)."""
    rows = results.rows.reset_index(drop=True)
    keys = ["network", "layer"]
    base = rows[rows["class"] == str(baseline_of(results))].drop_duplicates(keys)
    joined = rows[keys].merge(base[[*keys, *GAINS.values()]], on=keys, how="left")
    return rows.assign(**{gain: joined[cost] / rows[cost] for gain, cost in GAINS.items()})


def network_gains(results: Results) -> pd.DataFrame:
    """Totals of each network and class with the three gains; ``speedups`` of the results, over `baseline_of`."""
    return results.speedups(baseline_of(results))


def mean_gains(results: Results) -> pd.DataFrame:
    """Geometric means over the networks, one row a class; NaN where a network lacks a total."""
    table = network_gains(results)
    records = [
        {"class": name, "networks": len(group), **{gain: geomean(group[gain]) for gain in GAINS}}
        for name, group in table.groupby("class", sort=False)
    ]
    return pd.DataFrame.from_records(records)
