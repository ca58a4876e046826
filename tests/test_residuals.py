"""Mappings whose loops have residuals, `M=4,3`: read, written, and costed as the real Timeloop costs them.

`golden/residuals.jsonl.gz` holds what `timeloop-model` (master at 4cf6d4c) reported of 620 random mappings:
architecture, problem, energies, the mapping, its figures, and the first digits of the SHA-256 of its `stats.txt` and
`map.txt`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flexloop.dropin.model import complete, run_model
from flexloop.embedded.batch import Batch, batch_of
from flexloop.embedded.model import evaluate, evaluate_batch
from flexloop.embedded.report import make_report
from flexloop.embedded.spec import Spec, read_spec
from flexloop.errors import SpecError, UnmappableError, UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.mapwriter import map_text
from flexloop.timeloop.statswriter import stats_text

GOLDEN = Path(__file__).parent / "golden" / "residuals.jsonl.gz"


def records() -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def read(record: dict[str, Any]) -> tuple[Spec, Mapping]:
    spec = read_spec(record["arch"], record["problem"], record["ert"])
    return spec, Mapping.from_directives(record["mapping"], spec.level_names)


def differences(spec: Spec, mapping: Mapping, found: Evaluation, record: dict[str, Any]) -> list[str]:
    if not found.valid or "reason" in record:
        said = "" if found.valid else f"ERROR: {found.reason}"
        return [] if said == record.get("reason", "") else [f"{said!r} instead of {record.get('reason', '')!r}"]
    wrong = []
    if (found.cycles, found.computes) != (record["cycles"], record["computes"]):
        wrong.append(f"{found.cycles} cycles and {found.computes} computes")
    for level in found.levels[1:]:
        for name, expected in record["counts"].get(level.name, {}).items():
            s = level.tensors[name]
            counts = [
                s.utilized_capacity, s.utilized_instances, s.reads, s.fills, s.updates, s.temporal_reductions
            ]  # fmt: skip
            if counts != expected:
                wrong.append(f"{name} in {level.name}: {counts} instead of {expected}")
    mapping = complete(spec, mapping)
    held = {lv.name: {n: t.utilized_capacity for n, t in lv.tensors.items()} for lv in found.levels}
    texts = {"stats.txt": stats_text(make_report(spec, mapping, found)), "map.txt": map_text(mapping, held)}
    for name, text in texts.items():
        if hashlib.sha256(text.encode()).hexdigest()[:16] != record["sha256"][name]:
            wrong.append(f"{name} differs")
    return wrong


def test_every_record_agrees() -> None:
    compared, wrong = 0, []
    for number, record in enumerate(records()):
        spec, mapping = read(record)
        assert not mapping.is_perfect
        compared += 1
        if found := differences(spec, mapping, evaluate(spec, mapping), record):
            wrong.append(f"record {number}: " + "; ".join(found[:3]))
    assert not wrong, f"{len(wrong)} of {compared} differ:\n" + "\n".join(wrong[:20])
    assert compared == 620


def test_a_batch_of_mappings_with_and_without_residuals_costs_what_each_does() -> None:
    spec, mapping = next(read(record) for record in records() if "reason" not in record)
    one = batch_of(spec, [mapping])
    perfect = Batch(one.temporal, one.temporal_order, one.spatial, one.spatial_order, one.split, one.keep)
    parts = [perfect, one, perfect, one]
    columns = {name: np.concatenate([vars(part)[name] for part in parts]) for name in list(vars(one))[:6]}
    temporal, spatial = (np.concatenate(column) for column in zip(*(p.residuals() for p in parts), strict=True))
    both = Batch(**columns, temporal_residual=temporal, spatial_residual=spatial)
    assert both.is_perfect.tolist() == [True, False, True, False]
    costs = evaluate_batch(spec, both)
    evaluation = evaluate(spec, mapping)
    assert costs.cycles[1] == costs.cycles[3] == evaluation.cycles
    assert costs.energy_pj[1] == costs.energy_pj[3] == evaluation.energy_pj
    assert costs.energy_pj[0] == evaluate_batch(spec, perfect).energy_pj[0] != costs.energy_pj[1]


DIRECTIVES = [
    {"target": "Level1", "type": "temporal", "factors": "M=2,1 K=3", "permutation": "MK"},
    {"target": "Level2", "type": "spatial", "factors": "M=4,3", "permutation": "MK", "split": 1},
    {"target": "Level2", "type": "temporal", "factors": "M=3,2 K=1", "permutation": "MK"},
]


def test_bounds_regard_residuals() -> None:
    mapping = Mapping.from_directives(DIRECTIVES)
    assert mapping.bounds() == {"K": 3, "M": ((2 - 1) * 4 + 3 - 1) * 2 + 1}
    assert mapping.one_line() == "Level2[] M3,2 X:M4,3 | Level1[] K3 M2,1"


def test_directives_are_read_as_they_are_written() -> None:
    mapping = Mapping.from_directives(DIRECTIVES)
    assert Mapping.from_directives(mapping.to_directives(), ["Level1", "Level2"]) == mapping
    assert mapping.to_directives()[-1]["factors"] == "M=4,3"


@pytest.mark.parametrize("residual", ["0", "5", "99"])
def test_a_residual_lies_between_1_and_its_factor(residual: str) -> None:
    with pytest.raises(SpecError, match=f"residual of 'M=4,{residual}' must be between 1 and the factor"):
        Mapping.from_directives([{"target": "Level1", "type": "temporal", "factors": f"M=4,{residual}"}])


def test_a_residual_that_is_the_factor_is_none() -> None:
    mapping = Mapping.from_directives([{"target": "Level1", "type": "temporal", "factors": "M=4,4"}])
    assert mapping.is_perfect
    assert mapping.to_directives()[-1]["factors"] == "M=4"


SMALL = """
architecture:
  version: 0.4
  subtree:
    - name: system
      local: [{name: DRAM, class: DRAM, attributes: {width: 8, datawidth: 8}}]
      subtree:
        - name: PE[0..3]
          local:
            - {name: Spad, class: regfile, attributes: {depth: 40, width: 8, datawidth: 8}}
            - {name: MAC, class: intmac, attributes: {datawidth: 8}}
problem:
  shape:
    name: vector
    dimensions: [M]
    data_spaces:
      - {name: A, projection: [[[M]]]}
      - {name: Z, projection: [[[M]]], read_write: true}
  instance: {M: 11}
ERT:
  version: 0.4
  tables:
    - {name: system.DRAM, actions: [{name: read, energy: 10}, {name: write, energy: 10}, {name: update, energy: 10}]}
    - name: system.PE[0..3].Spad
      actions: [{name: read, energy: 1}, {name: write, energy: 1}, {name: update, energy: 1}]
    - name: system.PE[0..3].MAC
      actions: [{name: compute, energy: 1}]
"""


def run(directives: list[dict[str, Any]], folder: Path) -> Evaluation:
    path = folder / "all.yaml"
    path.write_text(yamlio.dump(yamlio.load(SMALL) | {"mapping": directives}), encoding="utf-8")
    return run_model([path], folder)


def spread_over(spatial: str, outer: str) -> list[dict[str, Any]]:
    return [
        {"target": "DRAM", "type": "spatial", "factors": spatial},
        {"target": "DRAM", "type": "temporal", "factors": outer},
    ]


def test_eleven_elements_on_four_pes(tmp_path: Path) -> None:
    evaluation = run(spread_over("M=4,3", "M=3"), tmp_path)
    assert (evaluation.cycles, evaluation.computes) == (3, 9)  # 3 computations of 3 PEs: 11/3 cut off
    assert evaluation.levels[1].utilized_instances == 3
    assert evaluation.levels[2].tensors["A"].reads == 11
    assert "for M in [0:4,3) (Spatial-X)" in (tmp_path / "timeloop-model.map.txt").read_text()


def test_the_bound_is_what_residuals_leave(tmp_path: Path) -> None:
    with pytest.raises(UnmappableError, match="product of all factors of dimension M is 10, which is not equal"):
        run(spread_over("M=4,2", "M=3"), tmp_path)


def test_a_residual_needs_a_loop_outside_a_fanout() -> None:
    spec = spec_of({"M": 11, "N": 1})
    mapping = Mapping.from_directives([*spread_over("M=4,3", "M=1"), inside("M=5,1")], spec.level_names)
    assert "no loop over its dimension stands outside" in evaluate(spec, mapping).reason


def test_counts_below_zero_are_refused() -> None:
    spec = spec_of({"M": 11})  # timeloop-model prints energies of 4e18 pJ a computation
    mapping = Mapping.from_directives([*spread_over("M=4,3", "M=1"), inside("M=5,1")], spec.level_names)
    with pytest.raises(UnsupportedError, match="counts go below zero"):
        evaluate(spec, mapping)


def inside(factors: str) -> dict[str, Any]:
    return {"target": "Spad", "type": "temporal", "factors": factors}


def spec_of(bounds: dict[str, int]) -> Spec:
    content = yamlio.load(SMALL)
    content["problem"]["shape"]["dimensions"] = list(bounds)
    content["problem"]["instance"] = bounds
    return read_spec(content["architecture"], content["problem"], content["ERT"])
