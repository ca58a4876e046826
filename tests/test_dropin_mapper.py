"""The drop-in for timeloop-mapper: what it reads, finds, writes and refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deadlines import after_looks
from golden_specs import golden_files

from flexloop.dropin.mapper import run_mapper, search_files
from flexloop.dropin.model import run_model
from flexloop.embedded.metrics import Goal
from flexloop.errors import FlexloopError, OutputError, SpecError, UnknownNameError, UnmappableError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs

TINY = """
mapper:
  optimization_metrics: [delay, energy]
  algorithm: random_pruned
  num_threads: 1
architecture_constraints:
  targets:
  - {target: Spad, type: dataspace, keep: [Weights, Inputs, Outputs]}
  - {target: GlobalBuffer, type: spatial, factors: N=1 P=1 Q=1 R=1 S=1, permutation: CMNPQRS, split: 1}
  - {target: GlobalBuffer, type: temporal, factors: C=1 M=1 N=1 P=1 Q=1 R=1 S=1}
mapspace_constraints:
- {target: Spad, type: temporal, factors: C=1 M=1 N=1 P=1 Q=1 R=0 S<=3}
- {target: DRAM, type: temporal, permutation: RSC_M}
- {target: Spad, type: parallelism, min: 0.5}
"""
"""A mapspace of a few hundred mappings, bypass at the GlobalBuffer among what is free."""


def inputs(tmp_path: Path, text: str = TINY, case: str = "base-conv3x3") -> list[Path]:
    path = tmp_path / "rest.yaml"
    path.write_text(text, encoding="utf-8")
    return [*golden_files(case), path]


def test_the_three_files_are_written_and_the_model_confirms_them(tmp_path: Path) -> None:
    outcome = run_mapper(inputs(tmp_path), tmp_path)
    assert outcome.objective == "latency"
    assert outcome.optimum.certificate.optimal
    names = ("stats.txt", "map.txt", "map.yaml")
    written = {name: (tmp_path / f"timeloop-mapper.{name}").read_text(encoding="utf-8") for name in names}
    again = run_model([*golden_files("base-conv3x3"), tmp_path / "timeloop-mapper.map.yaml"], tmp_path)
    assert (again.cycles, again.energy_pj) == (outcome.evaluation.cycles, outcome.evaluation.energy_pj)
    for name in ("stats.txt", "map.txt"):
        assert (tmp_path / f"timeloop-model.{name}").read_text(encoding="utf-8") == written[name]


def test_constraints_are_kept(tmp_path: Path) -> None:
    mapping = search_files(inputs(tmp_path)).optimum.mapping
    spad, buffer, dram = mapping.levels
    assert spad.factors["R"] == 3 and spad.factors["M"] == 1
    assert buffer.split == 1 and dict(buffer.x_loops).keys() <= {"C"} and dict(buffer.y_loops).keys() <= {"M"}
    assert buffer.spatial_factors["C"] * buffer.spatial_factors["M"] >= 128, "half of the array"
    order = [d for d, _ in dram.loops]
    assert order == sorted(order, key="RSCNPQM".index)


SPAD = "{target: Spad, type: temporal, factors: C=1 M=1 N=1 P=1 Q=1 R=0 S<=3}"


@pytest.mark.parametrize(
    ("spad", "allowed"),
    [
        ("factors: C>=4 M=1 N=1 P=1 Q=1 R=0 S<=3", {"C": {4, 8, 16, 32, 64}, "M": {1}, "R": {3}, "S": {1, 3}}),
        ("factors: N=1 P=1, default_max_factor: 3", {"C": {1, 2}, "M": {1, 2}, "Q": {1, 2}, "P": {1}, "R": {1, 3}}),
        ("factors: C=2 M2 N>=1 P>=1 R=0 S=3, default_min_factor: 2", {"Q": {2, 4, 7, 14, 28}, "M": {2}, "R": {3}}),
    ],
)
def test_ranges_of_factors_are_kept(tmp_path: Path, spad: str, allowed: dict[str, set[int]]) -> None:
    text = TINY.replace(SPAD, f"{{target: Spad, type: temporal, {spad}}}")
    assert text != TINY
    found = search_files(inputs(tmp_path, text)).optimum
    assert found.certificate.optimal
    for dimension, factors in allowed.items():
        assert found.mapping.levels[0].factors[dimension] in factors


def test_pinned_factors_that_do_not_divide_a_bound_leave_residuals(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"map.yaml is as Timeloop writes it, without residuals; .* \(Spad R=2,1\)"):
        outcome = run_mapper(inputs(tmp_path, TINY.replace("R=0", "R=2")), tmp_path)
    assert outcome.optimum.certificate.optimal
    assert outcome.optimum.mapping.levels[0].residuals == {"R": 1}, "of R = 3, the second pass has one iteration"
    assert "for R in [0:2,1)" in (tmp_path / "timeloop-mapper.map.txt").read_text(encoding="utf-8")
    path = tmp_path / "mapping.yaml"
    path.write_text(yamlio.dump({"mapping": outcome.optimum.mapping.to_directives()}), encoding="utf-8")
    again = run_model([*golden_files("base-conv3x3"), path], tmp_path)
    assert (again.cycles, again.energy_pj) == (outcome.evaluation.cycles, outcome.evaluation.energy_pj)


def test_what_constraints_say_about_reuse_holds_and_is_not_in_the_map_that_timeloop_writes(tmp_path: Path) -> None:
    text = TINY + "- {target: DRAM, type: dataspace, no_coalesce: [Weights]}\n"
    with pytest.warns(UserWarning, match=r"without limits of reuse; .* \(no_coalesce \(dataspace\) at DRAM\)"):
        outcome = run_mapper(inputs(tmp_path, text), tmp_path)
    assert "DRAM [ Weights:0 (0) Inputs:" in (tmp_path / "timeloop-mapper.map.txt").read_text(encoding="utf-8")
    assert "no_coalesce" not in (tmp_path / "timeloop-mapper.map.yaml").read_text(encoding="utf-8")
    assert outcome.evaluation.levels[-1].tensors["Weights"].energy_pj == 0.0


def test_ruby_has_residuals_where_remainders_allow_them(tmp_path: Path) -> None:
    cycles = {}
    for template, more in (("uber", ""), ("ruby", ", remainders: 12")):
        text = f"""
mapper: {{optimization_metrics: [delay]}}
mapspace:
  template: {template}
  targets:
  - {{target: Spad, type: temporal, factors: C=1 M=1 N=1 P=1 Q=1 R=0 S=0, permutation: RSCMNPQ}}
  - {{target: GlobalBuffer, type: spatial, factors: C=4 M<=12 N=1 P=1 Q=1 R=1 S=1{more}}}
  - {{target: GlobalBuffer, type: temporal, factors: C=1 M=1 N=1 P=1 Q=1 R=1 S=1, permutation: RSCMNPQ}}
  - {{target: DRAM, type: temporal, permutation: RSCMNPQ}}
"""
        outcome = search_files(inputs(tmp_path, text))
        assert outcome.optimum.certificate.optimal
        assert outcome.optimum.mapping.is_perfect == (template == "uber")
        cycles[template] = outcome.evaluation.cycles
    assert cycles["ruby"] < cycles["uber"], "128 filters on up to 12 instances, not on 8"


@pytest.mark.parametrize("most", [6, 7])
def test_no_more_temporal_loops_than_allowed(tmp_path: Path, most: int) -> None:
    settings = f"optimization_metrics: [energy, delay]\n  max_temporal_loops_in_a_mapping: {most}"
    outcome = search_files(inputs(tmp_path, TINY.replace("optimization_metrics: [delay, energy]", settings)))
    assert outcome.optimum.certificate.optimal
    assert sum(len(level.loops) for level in outcome.optimum.mapping.levels) <= most


def test_bypass_is_searched_where_it_is_open_and_kept_where_it_is_not(tmp_path: Path) -> None:
    costs = {}
    pinned = "- {target: GlobalBuffer, type: dataspace, keep: [Inputs], bypass: [Weights, Outputs]}\n"
    for name, more in (("open", ""), ("pinned", pinned)):
        found = search_files(inputs(tmp_path, TINY.replace("[delay, energy]", "[energy]") + more)).optimum
        assert found.certificate.optimal
        costs[name] = found.cost[0], found.mapping.levels[1].keep
    assert costs["pinned"][1] == ("Inputs",)
    assert costs["open"][0] < costs["pinned"][0]
    assert costs["open"][1] != ("Inputs",)


def test_the_summary_reads_like_timeloops_and_states_the_proof(tmp_path: Path) -> None:
    lines = str(search_files(inputs(tmp_path))).splitlines()
    assert lines[0] == "Summary stats for best mapping found by mapper:"
    assert lines[1].startswith("  Utilization = 0.03 | pJ/Compute =   72.674 | Cycles = 7676928")
    assert lines[2].startswith("  proved optimal for latency, then for energy; ")


def test_it_says_which_of_several_metrics_is_proved(tmp_path: Path) -> None:
    outcome = search_files(inputs(tmp_path))
    assert replace(outcome, goal=Goal(("delay",))).proof == "proved optimal for latency"
    certificate = replace(outcome.optimum.certificate, tie_bound=outcome.evaluation.energy_pj * 0.75)
    stopped = replace(outcome, optimum=replace(outcome.optimum, certificate=certificate), ended="interrupted")
    assert stopped.proof == "proved optimal for latency; among its equals energy is at most 25.00% lower (interrupted)"
    accesses = replace(outcome, goal=Goal(("delay", "energy", "last_level_accesses")))
    assert accesses.proof == (
        "proved optimal for latency, then for energy; last_level_accesses among its equals: best found, not proved"
    )


def test_without_a_proof_the_gap_is_stated(tmp_path: Path) -> None:
    outcome = search_files(inputs(tmp_path, "mapper: {optimization_metric: edp}"), time_limit=0)
    assert not outcome.optimum.certificate.optimal
    assert "the optimum for edp is at most" in str(outcome)
    assert "lower (time limit reached)" in str(outcome)


@pytest.mark.parametrize(
    ("metrics", "objective"),
    [("[edp]", "edp"), ("[energy, delay]", "energy"), ("[delay]", "latency"), (None, "edp")],
)
def test_metrics(tmp_path: Path, metrics: str | None, objective: str) -> None:

    text = TINY.replace("optimization_metrics: [delay, energy]", f"optimization_metrics: {metrics}" if metrics else "")
    assert search_files(inputs(tmp_path, text)).objective == objective


def test_hyphens_in_the_keywords_that_timeloop_rewrites_are_underscores(tmp_path: Path) -> None:
    text = TINY.replace("optimization_metrics: [delay, energy]", "optimization-metrics: [energy]")
    assert search_files(inputs(tmp_path, text)).objective == "energy"


def test_a_setting_that_timeloop_does_not_have_is_named(tmp_path: Path) -> None:
    text = TINY.replace("num_threads: 1", "optimisation_metrics: [energy]")
    with pytest.warns(UserWarning, match="mapper: 'optimisation_metrics' has no effect"):
        assert search_files(inputs(tmp_path, text)).objective == "latency"


def test_a_list_under_the_old_name_of_the_metrics_is_passed_over_with_timeloops_warning(tmp_path: Path) -> None:
    path = inputs(tmp_path, TINY.replace("optimization_metrics: [", "optimization_metric: ["))
    with pytest.warns(UserWarning, match=r"no optimization metric\(s\) specified, using edp as default."):
        assert search_files(path).objective == "edp"


def test_a_split_without_an_order_on_a_fanout_along_one_axis_goes_by_the_problems_order(tmp_path: Path) -> None:
    content = read_inputs(golden_files("base-conv3x3")).config
    for component in content["architecture"]["subtree"][0]["subtree"][0]["subtree"][0]["local"]:
        component["attributes"]["meshX"] = 256
    order = content["problem"]["shape"]["dimensions"]
    rule = {"target": "GlobalBuffer", "type": "spatial", "factors": f"{order[0]}=1", "split": 1}
    content |= {"architecture_constraints": {"targets": [rule]}, "mapper": {}}
    path = tmp_path / "all.yaml"
    path.write_text(yamlio.dump(content), encoding="utf-8")
    buffer = search_files([path], deadline=after_looks(100)).optimum.mapping.levels[1]
    assert not buffer.x_loops and not buffer.y_loops, "the first dimension alone lies on X, and it is 1"


def test_a_level_without_energies_must_be_bypassed(tmp_path: Path) -> None:
    content = read_inputs(inputs(tmp_path)).config
    content["ERT"]["tables"] = [t for t in content["ERT"]["tables"] if "GlobalBuffer" not in t["name"]]
    path = tmp_path / "all.yaml"
    path.write_text(yamlio.dump(content), encoding="utf-8")
    with pytest.raises(SpecError, match="ERT: no table for GlobalBuffer, or none with actions; add one"):
        search_files([path])
    bypass = {"target": "GlobalBuffer", "type": "dataspace", "bypass": ["Weights", "Inputs", "Outputs"]}
    content["mapspace_constraints"].append(bypass)
    path.write_text(yamlio.dump(content), encoding="utf-8")
    assert not search_files([path]).optimum.mapping.levels[1].keep


def test_a_factor_above_its_bound_is_ignored_with_timeloops_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="S=5 .* is ignored"):
        search_files(inputs(tmp_path, TINY.replace("S<=3", "S=5")))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("mapper: {optimization_metrics: [latency]}", UnknownNameError, "unknown optimization metric 'latency'"),
        ("mapper: {optimization_metrics: edp}", SpecError, "write a list"),
        ("mapper: {max_temporal_loops_in_a_mapping: few}", SpecError, "max_temporal_loops_in_a_mapping is 'few', not"),
        (
            TINY.replace("num_threads", "max_temporal_loops_in_a_mapping"),
            UnmappableError,
            "none has at most 1 temporal",
        ),
        ("mapper: {}\nsparse_optimizations: {targets: [1]}", UnsupportedError, "sparse_optimizations"),
        ("mapper: {}\nmapspace: {template: rubin}", UnsupportedError, "'rubin': there are uber and ruby"),
        ("mapspace: []", SpecError, "mapper"),
        (TINY.replace("S<=3", "S<=0"), SpecError, "must be positive"),
        (TINY.replace("min: 0.5", "min: 1.5"), UnmappableError, "least parallelism of 1.5"),
    ],
)
def test_refusals(tmp_path: Path, text: str, error: type[FlexloopError], message: str) -> None:
    with pytest.raises(error, match=message):
        run_mapper(inputs(tmp_path, text), tmp_path)
    assert not list(tmp_path.glob("timeloop-mapper.*"))


def test_the_folder_is_made_and_one_that_cannot_be_is_an_output_error(tmp_path: Path) -> None:
    run_mapper(inputs(tmp_path), tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder" / "timeloop-mapper.stats.txt").is_file()
    with pytest.raises(OutputError, match="give another folder with -o"):
        run_mapper(inputs(tmp_path), tmp_path / "rest.yaml")


def test_the_map_is_plain_timeloop_yaml(tmp_path: Path) -> None:
    run_mapper(inputs(tmp_path), tmp_path)
    directives = yamlio.load(tmp_path / "timeloop-mapper.map.yaml")["mapping"]
    assert [d["target"] for d in directives if d["type"] == "temporal"] == ["Spad", "GlobalBuffer", "DRAM"]
