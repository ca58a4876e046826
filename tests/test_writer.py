"""What the drop-in for timeloop-model writes is, byte for byte, what the real one wrote for the same files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from flexloop.dropin.model import complete, run_model
from flexloop.embedded.spec import read_config
from flexloop.errors import FlexloopError, SpecError, UnknownNameError, UnmappableError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.mapwriter import map_yaml
from flexloop.timeloop.stats import read_stats

GOLDEN = Path(__file__).parent / "golden"
RUNS = sorted(folder for folder in (GOLDEN / "model").iterdir() if (folder / "mapping.yaml").exists())
INPUTS = ("arch.yaml", "problem.yaml", "ert.yaml", "mapping.yaml")


def config(folder: Path = RUNS[0]) -> dict[str, Any]:
    return read_inputs([folder / name for name in INPUTS]).config


def run(content: dict[str, Any], folder: Path) -> None:
    path = folder / "all.yaml"
    path.write_text(yamlio.dump(content))
    run_model([path], folder)


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_same_files_as_timeloop_model(folder: Path, tmp_path: Path) -> None:
    run_model([folder / name for name in INPUTS], tmp_path)
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_what_is_written_reads_back_as_the_same_evaluation(folder: Path, tmp_path: Path) -> None:
    evaluation = run_model([folder / name for name in INPUTS], tmp_path)
    found = read_stats(tmp_path / "timeloop-model.stats.txt")
    assert (found.cycles, found.computes) == (evaluation.cycles, evaluation.computes)
    assert found.energy_pj == pytest.approx(evaluation.energy_pj, abs=0.01 * 20)
    reported = [
        level for level in evaluation.levels if level.tensors or level.energy_pj
    ]  # Timeloop leaves out the idle
    assert [(level.name, level.tensors.keys()) for level in found.levels] == [
        (level.name, level.tensors.keys()) for level in reported
    ]


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_the_written_mapping_is_the_mapping(folder: Path, tmp_path: Path) -> None:
    run_model([folder / name for name in INPUTS], tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    run_model([*(folder / name for name in INPUTS[:3]), tmp_path / "timeloop-model.map.yaml"], again)
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt", "timeloop-model.map.yaml"):
        assert (again / name).read_text() == (tmp_path / name).read_text()


def test_map_yaml_as_timeloop_mapper_writes_it() -> None:
    text = (GOLDEN / "model" / "mapper-base-conv3x3" / "timeloop-mapper.map.yaml").read_text()
    case = GOLDEN / "specs" / "base-conv3x3"
    spec = read_config(read_inputs([case / name for name in INPUTS[:3]]).config)
    mapping = complete(spec, Mapping.from_directives(yamlio.load(text)["mapping"], spec.level_names))
    assert map_yaml(mapping, spec.problem.dimensions) == text


def test_a_mapping_may_leave_out_what_timeloop_fills_in(tmp_path: Path) -> None:
    content = config()
    for directive in content["mapping"]:
        if directive["type"] == "datatype":
            directive.pop("keep")
        elif directive["target"] == "Spad":
            directive["factors"] = directive["factors"].replace("H=1 M=1 ", "")
            directive["permutation"] = "NK"
    (tmp_path / "short").mkdir()
    run(content, tmp_path / "short")
    run(config(), tmp_path)
    written = (tmp_path / "short" / "timeloop-model.stats.txt").read_text()
    assert written == (tmp_path / "timeloop-model.stats.txt").read_text()


def test_the_energy_of_a_computation_is_that_of_the_action_that_counts(tmp_path: Path) -> None:
    """Timeloop's report names what one computation costs; a costlier action of the same component is no computation."""
    content = config()
    (mac,) = (table for table in content["ERT"]["tables"] if any("compute" in a["name"] for a in table["actions"]))
    mac["actions"].append({"name": "read", "arguments": {}, "energy": 1000.0})
    run(content, tmp_path)
    assert (tmp_path / "timeloop-model.stats.txt").read_text() == (RUNS[0] / "timeloop-model.stats.txt").read_text()


def edited(*steps: str | int, value: Any) -> dict[str, Any]:
    """The first run's configuration with one value replaced, or removed where the value is None."""
    content: Any = copy.deepcopy(config())
    node = content
    for step in steps[:-1]:
        node = node[step]
    if value is None:
        node.pop(steps[-1])
    else:
        node[steps[-1]] = value
    return dict(content)


SPAD = ("architecture", "subtree", 0, "subtree", 0, "subtree", 0, "local", 0, "attributes")
WRONG: list[tuple[dict[str, Any], type[FlexloopError], str]] = [
    (edited(*SPAD, "depth", value=4), UnmappableError, "couldn't map level Spad: mapped tile size 12 exceeds buffer"),
    (
        edited("mapping", 3, "factors", value="H=1 M=1 K=3 N=4"),
        UnmappableError,
        "parsing mapping: product of all factors of dimension K is 96, which is not equal to the dimension size of",
    ),
    (
        edited(
            "architecture_constraints", value={"targets": [{"target": "Spad", "type": "temporal", "factors": "K=4"}]}
        ),
        UnmappableError,
        "mapping violates architecture constraints",
    ),
    (edited("ERT", "tables", value=None), SpecError, "ERT: no tables"),
    (edited("ERT", "tables", 0, value=None), SpecError, "ERT: no table for"),
    (edited("mapping", 3, "rmw_first_update", value=["Outputz"]), UnknownNameError, "data space in the mapping"),
    (edited("mapping", value=None), SpecError, "no mapping"),
    (edited("problem", value=None), SpecError, "no problem"),
    (edited("architecture", value=None), SpecError, "no architecture"),
    (edited("sparse_optimizations", value={"targets": []}), UnsupportedError, "sparse_optimizations"),
    (edited("architecture", "nodes", value=[]), UnsupportedError, "v4 Python front end"),
    (edited(*SPAD, "depth", value="many"), SpecError, "depth is 'many', not a finite number"),
    (edited(*SPAD, "depth", value=-3), SpecError, "depth is -3, not a whole number"),
    (edited(*SPAD, "width", value=12), SpecError, "width 12"),
    (edited(*SPAD, "meshX", value=7), SpecError, "meshX 7"),
    (edited(*SPAD, "min_utilization", value=1), UnmappableError, "tile size 12 is less than constrained minimum"),
    (edited(*SPAD, "depth", value=None), SpecError, "no capacity; give depth"),
    (edited("problem", "instance", "H", value=None), SpecError, "no bound for dimension H"),
    (edited("problem", "instance", "H", value=2**39), UnsupportedError, "up to which counts are exact"),
    (edited("mapping", 0, "bypass", value=["Nothing"]), FlexloopError, "data space in the mapping 'Nothing'"),
    (edited("mapping", 3, "target", value="Pad"), SpecError, "'Pad' is no storage level"),
]


def test_levels_that_are_too_small_are_bypassed_if_asked(tmp_path: Path) -> None:
    content = edited(*SPAD, "depth", value=1)
    path = tmp_path / "all.yaml"
    path.write_text(yamlio.dump(content))
    with pytest.raises(UnmappableError, match="mapped tile size .* exceeds buffer capacity"):
        run_model([path], tmp_path)
    path.write_text(yamlio.dump(content | {"model": {"auto_bypass_on_failure": True}}))
    with pytest.warns(UserWarning, match="exceeds buffer capacity .*; bypassing Spad"):
        run_model([path], tmp_path)
    path.write_text(yamlio.dump(edited("model", value={"auto_bypas_on_failure": True})))
    with pytest.warns(UserWarning, match="model: 'auto_bypas_on_failure' has no effect"):
        run_model([path], tmp_path / "plain")
    assert "Spad [ ]" in (tmp_path / "timeloop-model.map.txt").read_text()


@pytest.mark.parametrize(("content", "kind", "message"), WRONG, ids=[message[:40] for _, _, message in WRONG])
def test_wrong_input_is_answered_and_nothing_written(
    content: dict[str, Any], kind: type[FlexloopError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as error:
        run(content, tmp_path)
    assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["all.yaml"]


VERDICTS = [
    ({"target": "Scratchpad", "type": "temporal", "permutation": "PK"}, True),
    ({"target": "Scratchpad", "type": "temporal", "permutation": "PRK"}, False),  # though R is 1 there
    ({"target": "DRAM", "type": "temporal", "permutation": "KRP"}, True),
    ({"target": "DRAM", "type": "temporal", "permutation": "CK"}, False),  # though C is 1 there
    ({"target": "PESpread", "type": "spatial", "split": 1}, True),
    ({"target": "PESpread", "type": "spatial", "split": 4}, False),  # one loop lies on X
    ({"target": "Registers", "type": "temporal", "factors": "R<=2"}, False),
    ({"target": "DRAM", "type": "temporal", "factors": "P=3"}, False),
]
"""Architecture constraints, and whether the real timeloop-model found the idle-level-and-areas mapping to keep them."""


@pytest.mark.parametrize(("rule", "kept"), VERDICTS)
def test_timeloops_verdict_on_architecture_constraints(rule: dict[str, Any], kept: bool, tmp_path: Path) -> None:
    content = config(GOLDEN / "model" / "idle-level-and-areas") | {"architecture_constraints": {"targets": [rule]}}
    if kept:
        run(content, tmp_path)
    else:
        with pytest.raises(UnmappableError, match="mapping violates architecture constraints"):
            run(content, tmp_path)
