"""Timeloop designs at other sizes: what can be scaled, what it costs, and the studies that scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_archs import plain
from test_designs import DESIGNS, NAMES, design, flexloop_command, partial

from flexloop import EngineSettings, Layer, Network, StudyOptions, load_arch, run_study
from flexloop.arch.design.model import Design
from flexloop.arch.design.read import read_design
from flexloop.classes import Axis, Degree
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.resize import resize_art
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.overhead import axis_area, class_area, dram_interface_area, load_overhead
from flexloop.studies.sensitivity import sensitivity, variations
from flexloop.timeloop.componentname import component_name

NET = Network(name="small", layers=[Layer(name="fc", C=4, M=6)])
STUDY = StudyOptions(engines=EngineSettings(engine="embedded"), use_store=False, jobs=1)


def capacities(own: Design) -> dict[str, int | None]:
    return {memory.name: memory.capacity for memory in own.memories}


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_design_at_its_own_size_is_what_it_was(name: str) -> None:
    own = design(name)
    again = own.scaled({})
    assert (again.hardware, again.constraints, again.own_extents) == (own.hardware, own.constraints, own.own_extents)
    assert energy_tables("table", again).ert == energy_tables("table", own).ert


def test_each_knob_scales_its_own_part() -> None:
    """Eyeriss has 14 columns of 12 PEs: four times the PEs are 28 of 24. Levels that keep nothing stay as they are."""
    own = design("eyeriss_like")
    large = own.scaled({"array": 2, "buffer": 0.5, "spad": 2, "weights_spad.depth": 0.25})
    assert (str(large.own_extents), large.pes) == ("28x1 of 1x24", 4 * own.pes)
    assert capacities(large) == capacities(own) | {
        "shared_glb": 65_536,
        "ifmap_spad": 48,
        "weights_spad": 192,
        "psum_spad": 32,
    }
    assert large.constraints == own.constraints
    assert "scaled: array x2, buffer x0.5, spad x2, weights_spad.depth x0.25" in large.description
    assert own.scaled({"inter_PE_spatial.Y": 0.5}).own_extents.fanouts[3] == (1, 6)
    rates = {m.name: m.read_bandwidth for m in own.scaled({"shared_glb.bandwidth": 2}).memories}
    assert rates["shared_glb"] == 32 and rates["psum_spad"] == 2
    assert design("nested").scaled({"bandwidth": 0.5}).memories[0].write_bandwidth == 2


def test_the_written_file_of_a_scaled_design_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    large = design("simba_like").scaled({"array": 2, "buffer": 2})
    path.write_text(large.text(), encoding="utf-8")
    assert load_arch(path) == large
    assert load_arch(large.document()) == large


def test_the_lists_of_the_first_format_are_scaled_too(tmp_path: Path) -> None:
    """Arithmetic has no name there, sizes may be entries, and instances stand with each level."""
    path = tmp_path / "old.yaml"
    path.write_text(
        "arch:\n  arithmetic: {instances: 16, meshX: 4, word-bits: 8}\n"
        "  storage:\n"
        "  - {name: Regs, entries: 8, instances: 16, meshX: 4, word-bits: 8}\n"
        "  - {name: Buffer, sizeKB: 2, instances: 1, word-bits: 8, read_bandwidth: 4}\n"
        "  - {name: DRAM, technology: DRAM, instances: 1, word-bits: 8}\n",
        encoding="utf-8",
    )
    own = load_arch(path)
    assert isinstance(own, Design)
    large = own.scaled({"array": 2, "spad": 0.5, "buffer": 2, "Buffer.bandwidth": 0.5})
    assert (str(large.own_extents), large.pes) == ("8x8", 64)
    assert capacities(large) == {"DRAM": None, "Buffer": 4096, "Regs": 4}
    assert large.memories[1].read_bandwidth == 2
    with pytest.raises(SpecError, match=r"sizeKB of Buffer would be 0\.5, no whole number"):
        own.scaled({"buffer": 0.25})


def test_what_is_not_there_or_is_not_scaled_is_refused_by_name() -> None:
    own = design("eyeriss_like")
    for name, message in {
        "GlobalBuffer.depth": r"unknown knob 'GlobalBuffer\.depth'.*\(of eyeriss_like\)",
        "inter_PE_spatial.depth": "unknown knob",  # it keeps nothing
        "bandwidth": "eyeriss_like has none of it: the outermost level's words a cycle",
    }.items():
        with pytest.raises((UnknownNameError, SpecError), match=message):
            own.scaled({name: 2})
    with pytest.raises(UnsupportedError, match="widths of words and rows are not scaled: fewer bits cost less"):
        own.scaled({"shared_glb.datawidth": 0.5})
    with pytest.raises(SpecError, match=r"nested cannot be scaled so: .*no fanout below it"):
        design("nested").scaled({"array": 0.5})
    with pytest.raises(SpecError, match="does not make the 16 PEs of the design's own extents"):
        partial().scaled({"array": 2})


def test_energies_and_areas_are_those_of_the_size() -> None:
    own, large = design("eyeriss_like"), design("eyeriss_like").scaled({"buffer": 4})
    before, after = (energy_tables("table", each) for each in (own, large))
    reads = [{t["name"]: t["actions"][0]["energy"] for t in tables.ert["tables"]} for tables in (before, after)]
    assert reads[1]["system.shared_glb"] > reads[0]["system.shared_glb"]
    assert reads[1]["system.weights_spad"] == reads[0]["system.weights_spad"]
    assert before.art is not None and after.art is not None
    given = {"tables": [{**table, "area": 3 * table["area"]} for table in before.art["tables"]]}
    resized = {component_name(t["name"]): t["area"] for t in resize_art(given, own, large)["tables"]}
    for table in after.art["tables"]:
        assert resized[component_name(table["name"])] == pytest.approx(3 * table["area"])


def test_what_flexibility_adds_is_scaled_to_the_design_s_node() -> None:
    """Eyeriss is a 65 nm design: 1.5 times the areas at 45 nm, as the shipped table has it."""
    own = design("eyeriss_like")
    at_45 = load_overhead().model_copy(update={"technology": "65nm"})  # as if these were its areas
    assert own.node == "65nm"
    assert axis_area(own, Axis.TILING, Degree.FULL) == pytest.approx(
        1.5 * axis_area(own, Axis.TILING, Degree.FULL, at_45)
    )
    tree = design("nested").model_dump()
    tree["architecture"]["subtree"][0]["subtree"][0]["attributes"]["technology"] = "32nm"
    assert Design.model_validate(tree).node == "32nm"
    tree["architecture"]["subtree"][0]["local"][0]["attributes"]["technology"] = "DRAM"
    assert Design.model_validate(tree).node == "32nm"
    with pytest.raises(SpecError, match="it is for someday, but eyeriss_like is in 65nm"):
        axis_area(own, Axis.TILING, Degree.FULL, at_45.model_copy(update={"technology": "someday"}))


# -- explore ----------------------------------------------------------------------------------------------------------


def explored(own: Any, **changes: Any) -> Any:
    pytest.importorskip("optuna", reason="exploration needs the extra `explore`")
    from flexloop.studies.explore import ExploreOptions, Space, explore

    space = Space.of({"array": (1, 2), "buffer": (0.5, 1), "spad": (1,), "bandwidth": (1,), "Registers.depth": (1, 2)})
    options = ExploreOptions(space=space, study=STUDY)
    arguments: dict[str, Any] = {"area_budget_mm2": 10, "trials": 6, "options": options} | changes
    return explore([NET], own, **arguments)


def test_a_design_is_explored_with_its_constraints_at_every_size(tmp_path: Path) -> None:
    own = design("nested")
    outcome = explored(own)
    assert len(outcome.trials) == 6
    assert outcome.candidates == 2 * 2 * 2 * 16
    assert list(outcome.trials["class"][:2]) == ["T0O0P0S0", "T1O1P1S1"]
    assert (outcome.trials.loc[:1, ["array", "buffer", "Registers.depth"]] == 1).all(axis=None)
    for row in outcome.trials.to_dict("records"):
        arch = outcome.specs[row["trial"]]
        assert arch.constraints == own.constraints
        assert (row["array_x"], row["array_y"]) == (arch.own_extents.X, arch.own_extents.Y)
        totals = run_study([row["class"]], [NET], arch, STUDY).totals.iloc[0]
        assert (totals["cycles"], totals["energy_pj"]) == (row["cycles"], row["energy_pj"])
        assert row["area_mm2"] == class_area(arch, row["class"]) + dram_interface_area(arch)
    folder = outcome.save(tmp_path / "out")
    for number in outcome.front["trial"]:
        assert load_arch(folder / f"design{number}.yaml") == outcome.specs[number]


@pytest.mark.slow
def test_a_search_over_designs_goes_on_from_its_storage(tmp_path: Path) -> None:
    journal, whole = tmp_path / "a.journal", explored(design("nested"))
    explored(design("nested"), trials=3, storage=journal)
    again = explored(design("nested"), storage=journal)
    assert again.trials.drop(columns="trial").equals(whole.trials.drop(columns="trial"))


def test_an_outermost_level_without_a_limit_has_no_interface_to_price() -> None:
    from flexloop.studies.explore import ExploreOptions, Space

    space = Space(array=(1,), buffer=(1,), spad=(1,))
    outcome = explored(design("simple_weight_stationary"), trials=1, options=ExploreOptions(space=space, study=STUDY))
    assert outcome.trials["area_dram_mm2"].tolist() == [0]
    assert outcome.trials["bandwidth"].tolist() == [1]  # of which there is nothing to scale
    assert "the interface to DRAM has no area, since no bandwidth limits it" in outcome.statement


def test_energies_of_the_own_size_alone_are_refused() -> None:
    own = design("nested")
    given = own.model_copy(update={"ERT": dict(energy_tables("table", own).ert)})
    with pytest.raises(UnsupportedError, match="explore: nested brings an ERT, which is of its own sizes alone"):
        explored(given)
    with pytest.raises(UnsupportedError, match="future-proof --sensitivity: nested brings an ERT"):
        sensitivity(NET, [NET], given, STUDY)


def test_the_command_explores_a_design(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="exploration needs the extra `explore`")
    network = tmp_path / "net.yaml"
    network.write_text("name: small\nlayers:\n- {name: fc, C: 4, M: 6}\n", encoding="utf-8")
    command: list[str | Path] = [
        "explore",
        "-n",
        network,
        "--arch",
        DESIGNS / "nested.yaml",
        "--area-budget",
        "1",
        "--trials",
        "2",
    ]
    command += ["--engine", "embedded", "--no-store", "-j", "1", "--space", "array=1", "-o", tmp_path / "out"]
    said = flexloop_command(*command, "--space", "Buffer.depth=1,2")
    assert "2 designs run" in said and "Buffer.depth" in said
    wrong = flexloop_command(*command, "--space", "Bufer.depth=1", status=1)
    assert "did you mean 'Buffer.depth'" in wrong


# -- future-proof --sensitivity ---------------------------------------------------------------------------------------


def test_every_variation_of_a_design_changes_one_thing() -> None:
    as_it_is, *changed = variations(design("nested"))
    assert as_it_is.hardware(design("nested")) == design("nested").scaled({})
    assert [v.name for v in changed][-1] == "the design's own constraints"
    assert {v.name for v in changed} >= {"PEs x 4", "buffer / 4", "DRAM bandwidth x 16", "depthwise: off"}
    assert not any("bandwidth" in v.name for v in variations(design("eyeriss_like")))  # it limits none
    assert {v.name for v in variations(plain())} >= {"edge: pad", "rigid pair: C on X, M on Y"}


@pytest.mark.slow
def test_sensitivity_designs_anew_at_each_size() -> None:
    options = replace(STUDY, objective="latency")
    table: Any = sensitivity(NET, [NET], design("nested"), options).set_index("variation")
    assert list(table.index) == [v.name for v in variations(design("nested"))]
    assert table.loc["as it is", "rigid"] == "2x1 of 1x2"
    assert table.loc["PEs x 4", "rigid"] == "4x1 of 1x4"
    assert "no fanout below it" in table.loc["PEs / 4", "rigid"] and table.loc["PEs / 4"].isna()["T1O1P1S1"]
    gains = table.drop(index="PEs / 4").drop(columns="rigid")
    assert (gains >= 1).all(axis=None)
    assert table.loc["the design's own constraints", "T1O1P1S1"] > table.loc["as it is", "T1O1P1S1"]


def test_what_no_axis_pins_stays_when_a_design_is_scaled(tmp_path: Path) -> None:
    """Labels, alternatives and free levels of a file are the design's, whatever its size."""
    document = design("nested").model_dump() | {"free": {"T": ["Spad"]}, "flexible": ["Buffer"]}
    own = Design.model_validate(document)
    large = own.scaled({"array": 2})
    assert str(large.own_extents) == "4x1"
    assert (large.free, large.flexible, large.always) == (own.free, own.flexible, own.always)
    assert large.pinned(Axis.TILING) == own.pinned(Axis.TILING)
    assert read_design([DESIGNS / "nested.yaml"]).scaled({}).where == design("nested").where
