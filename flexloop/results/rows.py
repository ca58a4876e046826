"""Turn finished cells into the rows of a results table, and winners into the files that rerun them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import pandas as pd

from flexloop.arch.depthwise import follows_depthwise_rule
from flexloop.classes import FlexClass
from flexloop.engines.base import Candidate, cost
from flexloop.evaluation import Evaluation
from flexloop.rendering.bundle import mapping_files
from flexloop.rendering.render import Renderer
from flexloop.running.cells import CellResult
from flexloop.running.plan import Plan
from flexloop.subjects import DIGITS, arch_digest, network_digest
from flexloop.tables.columns import COLUMNS
from flexloop.workloads.layers import Layer, Network

Found = dict[tuple[FlexClass, tuple[int, ...]], CellResult]
"""Finished cells by their class and the shape of their layer."""


def build_results(
    plan: Plan, classes: Sequence[FlexClass], networks: Sequence[Network], found: Found, renderer: Renderer
) -> tuple[pd.DataFrame, dict[tuple[str, str, str, str], dict[str, str]]]:
    """One row for each network, class and layer on one arch, and the YAML files of every winner."""
    ert_text, of_study = renderer.ert(plan.energy.ert), _of_study(plan)
    rows, files = [], {}
    for network in networks:
        of_network = _of_network(network)
        for flexclass in classes:
            for layer in network.layers:
                result = found[flexclass, layer.shape_key]
                rows.append(of_study | of_network | _of_cell(plan, flexclass, layer, result))
                if result.winner is not None:
                    candidate = result.winner.candidate
                    key = (plan.arch.name, network.name, str(flexclass), layer.name)
                    files[key] = mapping_files(
                        renderer, candidate.variant, candidate.bounds, candidate.mapping, ert_text
                    )
    return pd.DataFrame.from_records(rows), files


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all archs as one table; a level that an arch does not have has no figures there."""
    table = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    first = [column for column in COLUMNS if column in table.columns]
    return table[[*first, *(column for column in table.columns if column not in COLUMNS)]]


def _of_study(plan: Plan) -> dict[str, Any]:
    """What all rows of an arch have in common; every column is there, most of them empty."""
    evaluator = plan.evaluator.info()
    return dict.fromkeys(COLUMNS) | {
        "arch": plan.arch.name,
        "objective": plan.options.objective,
        "mapper": plan.mapper.info().name,
        "engine": evaluator.name,
        "engine_version": evaluator.version,
        "energy_source": plan.energy.source,
        "ert_hash": plan.energy.digest[:DIGITS],
        "arch_hash": arch_digest(plan.arch)[:DIGITS],
        "effort": plan.options.effort,
        "seed": plan.options.seed,
    }


def _of_network(network: Network) -> dict[str, Any]:
    """What all rows of a network have in common."""
    return {
        "network": network.name,
        "parameters": " ".join(f"{name}={value}" for name, value in network.parameters.items()),
        "network_hash": network_digest(network)[:DIGITS],
    }


def _of_cell(plan: Plan, flexclass: FlexClass, layer: Layer, result: CellResult) -> dict[str, Any]:
    """What a row has of its own."""
    row: dict[str, Any] = {
        "layer": layer.name,
        "count": layer.count,
        "class": str(flexclass),
        "status": result.status,
        "reason": result.reason,
        "macs": layer.macs,
        "depthwise_rule": follows_depthwise_rule(plan.arch, layer),
        "wall_s": result.wall_s,
    }
    if result.winner is not None:
        row |= _figures(plan, layer, result)
    return row


def _figures(plan: Plan, layer: Layer, result: CellResult) -> dict[str, Any]:
    assert result.winner is not None
    winner, figures = result.winner, result.winner.evaluation
    candidate = winner.candidate
    searched, _ = cost(plan.options.objective, figures)
    macs_available = plan.arch.pes * plan.arch.lanes
    lower = searched if winner.optimal else winner.lower_bound
    return {
        "cycles": figures.cycles,
        "energy_pj": figures.energy_pj,
        "edp": figures.edp,
        "utilization": layer.macs / (macs_available * figures.cycles),
        "padded_macs": prod(candidate.bounds.values()),
        "array_x": candidate.variant.shape.X,
        "array_y": candidate.variant.shape.Y,
        "padding": _padding(layer, candidate),
        "mapping": candidate.mapping.one_line(),
        "optimal": winner.optimal,
        "lower_bound": lower,
        "gap": None if lower is None else max(0.0, 1 - lower / searched),
        "evaluated": winner.evaluated,
        "excluded": float(winner.excluded),
        "notes": "; ".join(winner.notes),
        **_by_level(figures),
    }


def _padding(layer: Layer, candidate: Candidate) -> str:
    changed = [(d, b, candidate.bounds[d]) for d, b in layer.bounds.items() if candidate.bounds[d] != b]
    return " ".join(f"{d}:{real}->{padded}" for d, real, padded in changed)


def _by_level(figures: Evaluation) -> dict[str, float]:
    columns: dict[str, float] = {}
    for level in figures.levels:
        columns[f"energy_pj_{level.name}"] = level.energy_pj
        if level.tensors:
            columns[f"accesses_{level.name}"] = sum(
                (t.reads + t.fills + t.updates) * t.utilized_instances for t in level.tensors.values()
            )
    return columns
