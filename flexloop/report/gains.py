"""What the report says of gains: words, the rows with their gains, and studies that it cannot show as one."""

from __future__ import annotations

import pandas as pd

from flexloop.errors import SpecError
from flexloop.tables.study import StudyTables
from flexloop.tables.totals import GAINS, STUDIED

GAIN_WORDS = {"speedup": "speedup", "energy_gain": "energy gain", "edp_gain": "EDP gain"}
"""The gains in words, for axes and captions."""

OBJECTIVE_WORDS = {"latency": "latency", "energy": "energy", "edp": "EDP"}
"""The objectives in words."""


def check_one_objective(results: StudyTables) -> None:
    """Refuse results without rows, and results that mix objectives, whose totals mean nothing.

    Raises:
        SpecError: naming what is mixed.
    """
    if results.rows.empty:
        raise SpecError("the results hold no rows: nothing to show; run a study first")
    values = sorted(set(results.rows["objective"].astype(str)))
    if len(values) > 1:
        raise SpecError(f"the results mix several values of objective ({', '.join(values)}); report each by itself")


def rows_with_gains(results: StudyTables) -> pd.DataFrame:
    """The rows, with the three gains of each over the baseline's cost of the same layer (NaN where either has none)."""
    rows = results.rows.reset_index(drop=True)
    keys = [*STUDIED, "layer"]
    base = rows[rows["class"] == str(results.baseline)].drop_duplicates(keys)
    joined = rows[keys].merge(base[[*keys, *GAINS.values()]], on=keys, how="left")
    return rows.assign(**{gain: joined[cost] / rows[cost] for gain, cost in GAINS.items()})
