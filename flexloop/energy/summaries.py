"""Accelergy's summaries of reference tables: who estimated each component, and its energies or its area in short."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flexloop.energy.estimate import Estimate


def ert_summary(estimates: Iterable[Estimate]) -> dict[str, Any]:
    """The content of ``ERT_summary``: for each action its energy in pJ, or the span of it over the arguments."""
    summaries = [
        {"name": e.path, "actions": _actions(e), "primitive_estimation(s)": _parts(e)} for e in estimates if e.actions
    ]
    return {"version": 0.4, "table_summary": summaries}


def art_summary(estimates: Iterable[Estimate]) -> dict[str, Any]:
    """The content of ``ART_summary``: the area in um^2 of each component."""
    return {
        "version": 0.4,
        "table_summary": [{"name": e.path, "area": e.area, "primitive_estimations": _parts(e)} for e in estimates],
    }


def _parts(estimate: Estimate) -> list[dict[str, str]]:
    return [{"name": name, "estimator": origin} for name, origin in estimate.parts.items()]


def _actions(estimate: Estimate) -> list[dict[str, Any]]:
    energies: dict[str, list[float]] = {}
    for name, _, energy in estimate.actions:
        energies.setdefault(name, []).append(energy)
    return [{"name": name, **_span(values)} for name, values in energies.items()]


def _span(values: list[float]) -> dict[str, float]:
    if len(values) == 1:
        return {"energy": values[0]}
    average = float(f"{sum(values) / len(values):.6g}")
    return {"average_energy": average, "max_energy": max(values), "min_energy": min(values)}
