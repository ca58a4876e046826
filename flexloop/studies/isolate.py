"""Each axis by itself, and all but each: what it is worth alone, last, and on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pydantic import InstanceOf

from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.results.table import Results
from flexloop.running.progress import Progress
from flexloop.studies.analysis import cost_column, shapley
from flexloop.study import DEFAULT_ARCH, StudyOptions, run_study
from flexloop.subjects import Archs, Networks
from flexloop.tables.totals import STUDIED, geomean
from flexloop.validation import fitting

ISOLATION_WORDS = (
    "alone_p and alone_1: gain of that axis alone at degree p and 1 over the rigid class; last_p and last_1: gain of "
    "freeing it last, over everything free but this axis; shapley: its factor of the whole gain, the mean over all "
    "orders of freeing the axes; share: its part of the whole gain's logarithm."
)
"""What the columns of `isolation_table` mean."""


def isolation_classes() -> list[FlexClass]:
    """The 16 classes, each axis alone at p, and everything free but one axis at p."""
    points = set(all_classes())
    for axis in Axis:
        points |= {RIGID.replace(axis, Degree.PART), FULLY_FLEXIBLE.replace(axis, Degree.PART)}
    return sorted(points, key=lambda c: (c.rank, str(c)))


def isolate(
    networks: Networks,
    arch: Archs = DEFAULT_ARCH,
    options: StudyOptions | None = None,
    progress: Progress | None = None,
    **more: Any,
) -> Results:
    """Run what `isolation_table` needs: the 16 classes and each axis at p, alone and last.

    Args:
        networks, arch, options, progress: as for `flexloop.run_study`.
        more: single options, as for `flexloop.run`; they count before those in ``options``.
    """
    return run_study(isolation_classes(), networks, arch, StudyOptions.of(options, **more), progress)


def isolation_table(results: Results) -> pd.DataFrame:
    """What each axis is worth in the objective that was searched.

    Returns:
        Columns arch, network, axis, alone_p and alone_1 (gain of that axis alone over the rigid class), last_p and
        last_1 (gain of freeing it last, over everything free but this axis), shapley (its factor of the whole gain),
        share; without alone_p and last_p where no class at p was run.
    """
    results = fitting(InstanceOf[Results], results, "results")
    values = shapley(results).set_index([*STUDIED, "axis"])
    factors, shares = values["factor"].to_dict(), values["share"].to_dict()
    records = []
    for (arch, network), group in results.totals.groupby(STUDIED, sort=False):
        costs = group.set_index("class")[cost_column(results)].astype(float)
        for axis in Axis:
            without = FULLY_FLEXIBLE.replace(axis, Degree.FIXED)
            records.append(
                {
                    "arch": arch,
                    "network": network,
                    "axis": axis.value,
                    "alone_p": _gain(costs, RIGID, RIGID.replace(axis, Degree.PART)),
                    "alone_1": _gain(costs, RIGID, RIGID.replace(axis, Degree.FULL)),
                    "last_p": _gain(costs, without, FULLY_FLEXIBLE.replace(axis, Degree.PART)),
                    "last_1": _gain(costs, without, FULLY_FLEXIBLE),
                    "shapley": factors[arch, network, axis.value],
                    "share": shares[arch, network, axis.value],
                }
            )
    table = pd.DataFrame.from_records(records)
    at_p = results.rows["class"].str.contains(Degree.PART.value).any()
    return table if at_p else table.drop(columns=["alone_p", "last_p"])


def isolation_means(table: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over the networks of an `isolation_table`, a row for each arch and axis.

    The Shapley value is a sum of logarithms, so its mean is the value of the mean gains.
    """
    means = [column for column in table.columns if column not in ("arch", "network", "axis", "share")]
    table = table.groupby(["arch", "axis"], sort=False)[means].agg(geomean).reset_index()
    logarithms = pd.Series(np.log(table["shapley"].astype(float)))
    whole = logarithms.groupby(table["arch"], sort=False).transform("sum")
    return table.assign(share=(logarithms / whole).where(whole > 0))


def _gain(costs: pd.Series, lower: FlexClass, upper: FlexClass) -> float:
    if str(upper) not in costs:
        return float("nan")
    return float(costs[str(lower)] / costs[str(upper)])
