"""The tables of the paper's study: gains of classes by base, by network, and over a rigid design by age of networks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from flexloop.classes import RIGID, FlexClass, all_classes
from flexloop.results.table import Results
from flexloop.studies.futureproof import FutureProof
from flexloop.studies.kao import TODAY
from flexloop.tables.totals import geomean

GAIN = {"latency": "speedup", "energy": "energy_gain"}
"""Column of the gain in what was searched."""


def class_table(results: Results) -> pd.DataFrame:
    """Each class's gain over the rigid one in what was searched, geometric mean over networks: a column a base."""
    gains = gains_of(results)
    table = gains.groupby(["class", "arch"], sort=False)["gain"].agg(geomean).unstack("arch")
    return _named(table[list(dict.fromkeys(gains["arch"]))])


def by_network(results: Results) -> pd.DataFrame:
    """The gains behind `class_table`: one row for each objective, base, class and network."""
    gains = gains_of(results)
    letters = [FlexClass.parse(name).opst for name in gains["class"]]
    return gains.assign(**{"O-P-S-T": letters})[["objective", "arch", "class", "O-P-S-T", "network", "gain"]]


def gains_of(results: Results) -> pd.DataFrame:
    """Gains over the rigid class in what was searched, one row a base, class and network, in a column ``gain``."""
    gains = results.speedups(RIGID)
    return gains.assign(gain=gains[GAIN[str(gains["objective"].iloc[0])]].astype(float))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """A table by class with the classes' names in both orders of their letters."""
    classes = [str(c) for c in all_classes() if str(c) in table.index]
    table = table.loc[classes].rename_axis(index=None, columns=None)
    table.insert(0, "O-P-S-T", [FlexClass.parse(name).opst for name in classes])
    return table.rename_axis(index="class").reset_index()


def future_table(future: FutureProof) -> pd.DataFrame:
    """Speedup of each class over the rigid design by age of the networks, and over its mirror image."""
    table, mirrored = future.table(), future.mirrored_table()
    groups = {"later": list(table.columns.drop("geomean"))}
    if recent := [name for name in TODAY if name in table.columns]:
        groups = {"paper's": [n for n in groups["later"] if n not in recent], "today's": recent, "all": groups["later"]}
    shown = pd.DataFrame({name: means(table, nets) for name, nets in groups.items() if nets})
    if mirrored is not None:
        for name, nets in groups.items():
            if nets:
                shown[f"{name}, mirrored"] = means(mirrored, nets).reindex(shown.index)
    return _named(shown)


def means(table: pd.DataFrame, networks: Sequence[str]) -> pd.Series:
    """Geometric means over some networks, by class, of a table with a column a network."""
    return table[list(networks)].apply(geomean, axis=1)
