"""The embedded engine and the drop-ins beside the real Timeloop on this machine: the same answers, file by file."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass
from flexloop.dropin.mapper import run_mapper, search_files
from flexloop.dropin.model import run_model
from flexloop.embedded.mapper import Objective
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import SearchOptions, cost
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import UnmappableError
from flexloop.mapspace import mapspace
from flexloop.networks import load_network
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.stats import read_stats

pytestmark = pytest.mark.timeloop

RUN = Path(__file__).parent / "golden" / "model" / "idle-level-and-areas"
TENSORS = ["Weights", "Inputs", "Outputs"]
INPUTS = [RUN / name for name in ("arch.yaml", "problem.yaml", "ert.yaml")]

CELLS = [
    ("edge256", "bert", "qkv_and_output", "T0O0P0S0"),
    ("edge256", "bert", "scores", "T1O0P1S0"),
    ("edge256", "bert", "context", "T1O1P1S1"),
    ("edge256", "mobilenet_v2", "stage3.depthwise", "T1O1P0S1"),
    ("edge256", "resnet50", "conv3.first.3x3", "TpOpPpSp"),
    ("eyeriss", "resnet50", "conv3.reduce", "T1O1P0S0"),
    ("nvdla", "mobilenet_v2", "stage4.expand", "T0O1P1S0"),
    ("simba", "vit_b16", "head", "T0OpPpS0"),
]


@pytest.mark.parametrize(("arch", "network", "name", "flexclass"), CELLS)
def test_winners_cost_the_same(arch: str, network: str, name: str, flexclass: str, tmp_path: Path) -> None:
    spec = load_arch(arch)
    layer = next(layer for layer in load_network(network).layers if layer.name == name)
    energy = energy_tables("table", spec)
    winner = EmbeddedEngine().map(
        mapspace(FlexClass.parse(flexclass), spec, layer), energy, SearchOptions(), (), tmp_path
    )
    own, real = winner.evaluation, TimeloopEngine().evaluate(winner.candidate, energy, tmp_path / "real")
    assert (own.valid, own.cycles, own.computes) == (real.valid, real.cycles, real.computes)
    assert own.utilization == pytest.approx(real.utilization, abs=0.5e-4)
    assert len(own.levels) == len(real.levels)
    for ours, theirs in zip(own.levels, real.levels, strict=True):
        assert ours.energy_pj == pytest.approx(theirs.energy_pj, abs=0.01 * max(1, 3 * theirs.utilized_instances))
        assert ours.tensors.keys() == theirs.tensors.keys()
        for tensor, ours_of in ours.tensors.items():
            theirs_of = theirs.tensors[tensor]
            for figure in (
                "utilized_capacity",
                "utilized_instances",
                "reads",
                "fills",
                "updates",
                "temporal_reductions",
            ):
                assert getattr(ours_of, figure) == getattr(theirs_of, figure), (ours.name, tensor, figure)


def timeloop(program: str, files: list[Path], folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    command = [program, *map(str, files), "-o", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=300)


def written(folder: Path, prefix: str, names: tuple[str, ...] = ("stats.txt", "map.txt", "map.yaml")) -> list[str]:
    return [(folder / f"{prefix}.{name}").read_text(encoding="utf-8") for name in names]


def test_mapper_writes_what_timeloop_writes_where_there_is_one_mapping(tmp_path: Path) -> None:
    rest = tmp_path / "rest.yaml"
    levels = {"Registers": "C=1 K=2 R=3 P=1", "Scratchpad": "C=2 K=2 R=1 P=20", "PESpread": "C=1 K=1 R=1 P=1"}
    targets: list[dict[str, Any]] = [
        {"target": name, "type": "temporal", "factors": factors, "permutation": "CKRP"}
        for name, factors in levels.items()
    ]
    targets += [
        {"target": "PESpread", "type": "spatial", "factors": "C=8 K=1 R=1 P=1", "permutation": "CKRP", "split": 4},
        {"target": "PESpread", "type": "dataspace", "keep": [], "bypass": TENSORS},
        {"target": "DRAM", "type": "temporal", "factors": "C=1 K=3 R=1 P=1", "permutation": "CKRP"},
    ]
    # At the innermost level timeloop-mapper takes the problem's order, whatever is pinned: it costs the same.
    targets += [{"target": name, "type": "dataspace", "keep": TENSORS} for name in ("Registers", "Scratchpad", "DRAM")]
    mapper = {"optimization_metrics": ["edp"], "algorithm": "linear_pruned", "num_threads": 1, "timeout": 10**6}
    config = read_inputs(INPUTS).config | {"architecture_constraints": {"targets": targets}, "mapper": mapper}
    rest.write_text(yamlio.dump(config), encoding="utf-8")
    real = timeloop("timeloop-mapper", [rest], tmp_path / "real")
    outcome = run_mapper([rest], tmp_path)
    assert written(tmp_path, "timeloop-mapper") == written(tmp_path / "real", "timeloop-mapper")
    assert str(outcome).splitlines()[:2] == real.stdout.rstrip().splitlines()[-2:]


def random_constraint(rng: random.Random) -> dict[str, Any]:
    """A rule that the mapping of the golden run may or may not keep to."""
    level, spatial = rng.choice([("Registers", 0), ("Scratchpad", 0), ("DRAM", 0), ("PESpread", 1)])
    rule: dict[str, Any] = {"target": level, "type": "spatial" if spatial else "temporal"}
    if rng.random() < 0.5:
        dimension = rng.choice("CKRP")
        rule["factors"] = f"{dimension}{rng.choice(['=', '<='])}{rng.choice([1, 2, 3])}"
    if rng.random() < 0.8:
        rule["permutation"] = "".join(rng.sample("CKRP", rng.randint(1, 4)))
    if spatial and rng.random() < 0.5:
        rule["split"] = rng.randint(0, 4)
    return rule


@pytest.mark.parametrize("seed", range(25))
def test_architecture_constraints_get_the_same_verdict(seed: int, tmp_path: Path) -> None:
    files = [*INPUTS, RUN / "mapping.yaml", tmp_path / "constraints.yaml"]
    rule = random_constraint(random.Random(seed))
    files[0] = tmp_path / "arch.yaml"
    files[0].write_text(yamlio.dump({"architecture": yamlio.load(INPUTS[0])["architecture"]}), encoding="utf-8")
    files[-1].write_text(yamlio.dump({"architecture_constraints": {"targets": [rule]}}), encoding="utf-8")
    real = timeloop("timeloop-model", files, tmp_path / "real")
    if real.returncode == 0:
        run_model(files, tmp_path)
        assert written(tmp_path, "timeloop-model", ("stats.txt", "map.txt")) == written(
            tmp_path / "real", "timeloop-model", ("stats.txt", "map.txt")
        )
    else:
        assert real.stderr.rstrip().splitlines()[-1] == "ERROR: mapping violates architecture constraints."
        with pytest.raises(UnmappableError, match=r"mapping violates architecture constraints\."):
            run_model(files, tmp_path)


def random_mapspace(rng: random.Random) -> dict[str, Any]:
    """Constraints of all kinds on a small problem, and a mapper that enumerates them."""
    bounds = {
        "C": rng.choice([1, 2, 4, 8]),
        "K": rng.choice([1, 2, 3]),
        "R": rng.choice([1, 3]),
        "P": rng.choice([1, 4]),
    }
    targets: list[dict[str, Any]] = [
        {"target": "PESpread", "type": "dataspace", "bypass": TENSORS},
        {"target": "PESpread", "type": "temporal", "factors": "C=1 K=1 R=1 P=1", "permutation": "CKRP"},
        {"target": "PESpread", "type": "spatial", "split": rng.randint(0, 4)},
    ]
    if rng.random() < 0.5:
        targets[-1]["permutation"] = "".join(rng.sample("CKRP", 4))
    pinned = rng.sample("CKRP", 2)  # each at one level only, so that what is pinned divides the bound
    for level, dimension in (("Registers", pinned[0]), ("Scratchpad", pinned[1]), ("DRAM", None)):
        rule: dict[str, Any] = {"target": level, "type": "temporal"}
        first, *rest = rng.sample("CKRP", 4)
        rule["permutation"] = rng.choice([f"{first}_{''.join(rest)}", f"_{''.join(rest)}", "".join(rest)])
        if dimension:
            rule["factors"] = f"{dimension}{rng.choice(['=', '<=', '>='])}{rng.choice([1, bounds[dimension]])}"
        kept = [tensor for tensor in TENSORS if rng.random() < 0.8]
        targets += [rule, {"target": level, "type": "dataspace", "keep": kept}]
    if rng.random() < 0.3:
        targets.append({"target": "Registers", "type": "parallelism", "min": 0.25})
    metrics = rng.choice([["edp", "energy"], ["delay", "energy"], ["energy", "delay"]])
    mapper = {"optimization_metrics": metrics, "algorithm": "linear_pruned", "num_threads": 1}
    mapper |= {"timeout": 2**31 - 1, "victory_condition": 0, "search_size": 0}
    config = read_inputs(INPUTS).config
    config["problem"]["instance"] = bounds
    return config | {"architecture_constraints": {"targets": targets}, "mapper": mapper}


def respelt(config: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The same mapspace in the spellings of older files."""
    rules = [respelt_rule(dict(target), rng) for target in config.pop("architecture_constraints")["targets"]]
    place = rng.randrange(4)
    if place == 0:
        return config | {"mapspace": {"template": "uber", "constraints": "mine", "constraints_mine": rules}}
    if place == 1:
        return config | {"mapspace_constraints": rules[:3], "arch_constraints": {"constraints": rules[3:]}}
    if place == 2:
        system = config["architecture"]["subtree"][0] | {"constraints": rules}
        return config | {"architecture": config["architecture"] | {"subtree": [system]}}
    return config | {"mapspace": {"constraints": rules}}


def respelt_rule(rule: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    level = {rng.choice(["target", "name"]): rule.pop("target")}
    head = {"type": rule.pop("type")} | ({"split": rule.pop("split")} if "split" in rule else {})
    if head["type"] == "dataspace":
        head["type"] = rng.choice(["bypass", "bypassing", "datatype", "dataspace"])
    if "factors" in rule:
        rule["factors"] = rule["factors"].replace("=", rng.choice(["=", "= "]))
    if head["type"] == "temporal":  # what is no factor leaves the dimension free
        free = [d for d in "CKRP" if d not in rule.get("factors", "")]
        rule["factors"] = rule.get("factors", "") + "".join(f", {d}=-1" for d in free)
    if "permutation" in rule:
        rule["permutation"] = " ".join(rule["permutation"]) + " # so"
    form = rng.randrange(3)
    if form == 0:
        return level | head | rule
    return level | (head | {"attributes": rule} if form == 1 else {"constraints": [head | {"attributes": rule}]})


@pytest.mark.parametrize("seed", range(12))
def test_search_finds_what_timeloop_finds_by_enumeration(seed: int, tmp_path: Path) -> None:
    path, rng = tmp_path / "all.yaml", random.Random(seed)
    config = random_mapspace(rng)
    path.write_text(yamlio.dump(respelt(config, rng) if seed % 2 else config), encoding="utf-8")
    timeloop("timeloop-mapper", [path], tmp_path / "real")
    report = tmp_path / "real" / "timeloop-mapper.stats.txt"
    if not report.stat().st_size:  # no valid mapping
        with pytest.raises(UnmappableError):
            search_files([path])
        return
    outcome, real = search_files([path]), read_stats(report)
    assert outcome.optimum.certificate.optimal
    objective = cast(Objective, outcome.objective)
    found = cost(objective, outcome.evaluation)[0]
    assert found == pytest.approx(cost(objective, real)[0], rel=1e-4)  # energies are printed to 0.01 pJ
