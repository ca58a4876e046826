"""The embedded model agrees with the real Timeloop on every recorded run, figure by figure, failure texts included.

`golden/records.jsonl.gz` and `golden/stress.jsonl.gz` hold what `timeloop-model` (master at 4cf6d4c) reported for
random mappings: the base, starved and rowstationary architectures under `golden/specs`, and small random ones.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_spec
from flexloop.evaluation import Evaluation, LevelStats
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.mapping import Mapping

GOLDEN = Path(__file__).parent / "golden"
FIGURES = {
    "utilized_capacity": "Utilized capacity",
    "utilized_instances": "Utilized instances (max)",
    "reads": "Scalar reads (per-instance)",
    "fills": "Scalar fills (per-instance)",
    "updates": "Scalar updates (per-instance)",
    "temporal_reductions": "Temporal reductions (per-instance)",
}


def records(name: str) -> Iterator[dict[str, Any]]:
    """The records of one file."""
    with gzip.open(GOLDEN / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


@cache
def case_spec(case: str) -> Spec:
    """The specification of a case under `golden/specs`."""
    files = read_inputs([GOLDEN / "specs" / case / f"{name}.yaml" for name in ("arch", "problem", "ert")]).config
    return read_spec(files["architecture"], files["problem"], files["ERT"])


def record_spec(record: dict[str, Any]) -> Spec:
    """The specification that a record was made with."""
    if "arch" not in record:
        return case_spec(record["case"])
    return read_spec(record["arch"]["architecture"], record["problem"]["problem"], record["ert"]["ERT"])


def differences(evaluation: Evaluation, record: dict[str, Any]) -> list[str]:
    """What an evaluation and a record do not agree on."""
    if not record["valid"] or not evaluation.valid:
        said = "" if evaluation.valid else f"ERROR: {evaluation.reason}"
        expected = "" if record["valid"] else record["reason"]
        return [] if said == expected or said == f"ERROR: {expected}" else [f"{said!r} instead of {expected!r}"]
    stats = record["stats"]
    found = []
    if evaluation.cycles != stats["Cycles"]:
        found.append(f"cycles {evaluation.cycles} instead of {stats['Cycles']}")
    if evaluation.computes != stats["Computes"]:
        found.append(f"computes {evaluation.computes} instead of {stats['Computes']}")
    if not as_printed(100 * evaluation.utilization, stats["Utilization"]):
        found.append(f"utilization {100 * evaluation.utilization}% instead of {stats['Utilization']}")
    if not as_printed(evaluation.energy_pj / 1e6, stats["Energy"]):
        found.append(f"energy {evaluation.energy_pj / 1e6} uJ instead of {stats['Energy']}")
    mac, *levels = evaluation.levels
    if not as_printed(mac.energy_pj, stats["levels"][mac.name]["Energy (total)"]):
        found.append(f"MAC energy {mac.energy_pj}")
    for level in levels:
        found += level_differences(level, stats["levels"].get(level.name, {"tensors": {}}))
    return found


def level_differences(level: LevelStats, stats: dict[str, Any]) -> list[str]:
    """What one storage level and its record do not agree on. A level that nothing uses is not in the record."""
    found = []
    if "Cycles" in stats and level.cycles != stats["Cycles"]:
        found.append(f"{level.name}: cycles {level.cycles} instead of {stats['Cycles']}")
    used = {n for n, t in level.tensors.items() if t.reads or t.fills or t.updates} if stats["tensors"] else set()
    if not used <= set(stats["tensors"]):
        found.append(f"{level.name}: {sorted(used - set(stats['tensors']))} are not in the record")
    for name, expected in stats["tensors"].items():
        tensor = level.tensors[name]
        for figure, title in FIGURES.items():
            if getattr(tensor, figure) != expected[title]:
                found.append(f"{level.name} {name}: {figure} {getattr(tensor, figure)} instead of {expected[title]}")
        if not as_printed(tensor.energy_pj, expected["Energy (total)"]):
            found.append(f"{level.name} {name}: energy {tensor.energy_pj} instead of {expected['Energy (total)']}")
    return found


def as_printed(value: float, printed: float) -> bool:
    """Whether a figure prints as Timeloop's does, with two decimals."""
    return abs(value - printed) <= 0.005 + 1e-12 * abs(value)


@pytest.mark.parametrize(("name", "size"), [("records", 2520), ("stress", 2160)])
def test_every_record_agrees(name: str, size: int) -> None:
    compared, wrong = 0, []
    for number, record in enumerate(records(name)):
        compared += 1
        found = differences(evaluate(record_spec(record), Mapping.from_directives(record["mapping"])), record)
        if found:
            wrong.append(f"record {number} ({record['case']}): " + "; ".join(found[:3]))
    assert not wrong, f"{len(wrong)} of {compared} differ:\n" + "\n".join(wrong[:20])
    assert compared == size
