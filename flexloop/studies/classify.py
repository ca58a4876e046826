"""Which class an accelerator is in, axis by axis: what it leaves open on networks, and what freeing it would gain.

The digit of an axis is 0 where one choice is left on every layer, 1 where nothing is pinned that a layer can tell, and
p between. The definition is this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass
from flexloop.flexibility.measure import AxisFlexion, Flexion
from flexloop.flexibility.table import flexion_on
from flexloop.flexibility.tilings import Sampling
from flexloop.results.table import Results
from flexloop.running.progress import Progress
from flexloop.studies.analysis import cost_column
from flexloop.study import StudyOptions, run_study
from flexloop.workloads.layers import Layer, Network

COLUMNS = (
    "arch", "network", "axis", "digit", "h_f", "w_f", "w_f_low", "w_f_high", "alone", "alone_proved", "last",
    "last_proved", "constraints", "where",
)  # fmt: skip

WORDS = (
    "digit: 0 where one choice is left on every layer, 1 where nothing is pinned, p between; H-F and W-F: the share "
    "of all choices that the hardware has, and that it has for the layers (mean, weighed by count); alone: gain of "
    "freeing the axis by itself over the design as it stands; last: gain of freeing it after all others; ~ marks gains "
    "of mappings that are not all proved to be the best."
)
"""What the columns of a classification mean."""


def classification_classes() -> list[FlexClass]:
    """The design as it stands, each axis freed alone, all but each, and everything free."""
    points = {RIGID, FULLY_FLEXIBLE}
    for axis in Axis:
        points |= {RIGID.replace(axis, Degree.FULL), FULLY_FLEXIBLE.replace(axis, Degree.FIXED)}
    return sorted(points, key=lambda c: (c.rank, str(c)))


def run_classification(
    arch: Arch, networks: Sequence[Network], options: StudyOptions | None = None, progress: Progress | None = None
) -> Results:
    """Run what the gains of `classification` need."""
    return run_study(classification_classes(), list(networks), arch, options, progress)


def classification(
    arch: Arch, networks: Sequence[Network], results: Results | None = None, sampling: Sampling | None = None
) -> pd.DataFrame:
    """Classify an accelerator on networks.

    Args:
        arch: the design, or an arch spec.
        networks: one or several.
        results: of `run_classification`, or of any study with these classes; without any, the gains are left out.
        sampling: how tiles too many to be counted are estimated.

    Returns:
        One row for each network and axis: ``digit``, ``h_f``, ``w_f`` with its interval, ``alone`` and ``last`` (gains
        in the objective that was searched; NaN where a class has no total), ``alone_proved`` and ``last_proved``
        (whether all mappings behind a gain are proved to be the best), ``constraints`` that are responsible in words,
        and ``where`` they stand, by file and line.
    """
    known: dict[tuple[int, ...], Flexion] = {}
    records = []
    for network in networks:
        measured = [(_measured(arch, layer, sampling, known), layer.count) for layer in network.layers]
        costs = None if results is None else _costs(results, arch, network)
        for axis in Axis:
            found = [(flexion.axis(axis, Degree.FIXED), count) for flexion, count in measured]
            record: dict[str, Any] = {"arch": arch.name, "network": network.name, "axis": axis.value}
            record |= {"digit": digit_of([flexion for flexion, _ in found]).value, **_means(found)}
            record |= {} if costs is None else _gains(costs, axis)
            records.append(record | _reasons(arch, axis))
    columns = [c for c in COLUMNS if results is not None or not c.startswith(("alone", "last"))]
    return pd.DataFrame.from_records(records, columns=columns)


def class_of(table: pd.DataFrame) -> FlexClass:
    """The class of one network's rows of a classification, degrees included."""
    return FlexClass.parse("".join(f"{row['axis']}{row['digit']}" for row in table.to_dict("records")))


def digit_of(flexions: Sequence[AxisFlexion]) -> Degree:
    """The digit of an axis, from its flexion on every layer."""
    if all(flexion.choices.value <= 1 for flexion in flexions):
        return Degree.FIXED
    whole = all(flexion.choices.value == flexion.all_choices.value for flexion in flexions)
    return Degree.FULL if whole else Degree.PART


def _measured(arch: Arch, layer: Layer, sampling: Sampling | None, known: dict[tuple[int, ...], Flexion]) -> Flexion:
    if layer.shape_key not in known:
        known[layer.shape_key] = flexion_on(arch, layer, sampling)
    return known[layer.shape_key]


def _means(found: Sequence[tuple[AxisFlexion, int]]) -> dict[str, float]:
    """H-F, and W-F with its interval as the mean over all layers."""
    whole = sum(count for _, count in found)
    ends = {"w_f": "value", "w_f_low": "low", "w_f_high": "high"}
    means = {
        name: sum(getattr(flexion.workload, end) * count for flexion, count in found) / whole
        for name, end in ends.items()
    }
    return {"h_f": float(found[0][0].hardware), **means}


def _costs(results: Results, arch: Arch, network: Network) -> dict[str, tuple[float, bool]]:
    """The network's cost in each class, and whether it is proved to be the least."""
    totals = results.totals
    own = totals[(totals["arch"] == arch.name) & (totals["network"] == network.name)]
    costs = zip(own[cost_column(results)].astype(float), own["optimal"].astype(bool), strict=True)
    return dict(zip(own["class"], costs, strict=True))


def _gains(costs: dict[str, tuple[float, bool]], axis: Axis) -> dict[str, Any]:
    alone, without = RIGID.replace(axis, Degree.FULL), FULLY_FLEXIBLE.replace(axis, Degree.FIXED)
    found: dict[str, Any] = {}
    for name, lower, upper in (("alone", RIGID, alone), ("last", without, FULLY_FLEXIBLE)):
        before, after = costs[str(lower)], costs[str(upper)]
        found |= {name: before[0] / after[0], f"{name}_proved": before[1] and after[1]}
    return found


def _reasons(arch: Arch, axis: Axis) -> dict[str, str]:
    found = arch.causes(axis)
    return {
        "constraints": "; ".join(words for words, _ in found) or "none",
        "where": "; ".join(dict.fromkeys(place for _, place in found if place)),
    }
