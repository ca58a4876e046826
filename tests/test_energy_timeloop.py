"""Energies for Timeloop's own files: by class and attributes, classes made of others, where they came from."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import ceil, log2
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.dropin.model import run_model
from flexloop.embedded.ert import read_ert
from flexloop.energy import hwmodels, load_table
from flexloop.energy.classes import read_classes
from flexloop.energy.components import Component, Part
from flexloop.energy.estimate import Estimate, Estimator
from flexloop.energy.timeloop_tree import of_timeloop
from flexloop.energysources.accelergyinput import accelergy_inputs, libraries, written
from flexloop.energysources.complete import Completed, EnergyChoice, complete_energies
from flexloop.errors import EngineError, SpecError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs

TREE = Path(__file__).parent / "golden_accelergy" / "tree"
"""An architecture with classes of its own; what Accelergy 0.4 with its CACTI and library plug-ins answered for it, and
what ``timeloop-model`` made of that."""

LISTS = TREE.parent / "lists"
"""An architecture in Timeloop's first format, and what ``timeloop-model`` makes of it without an ERT."""

FILES = sorted(TREE.glob("*.yaml"))
TABLE = load_table("45nm")
KIB = 8 * 1024
"""Bits."""


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Accelergy nor hwcomponents, whatever this machine has."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(hwmodels, "PYTHON", (9, 9))


def estimate(kind: str, classes: str = "", **attributes: Any) -> Estimate:
    """A component at 45 nm, with the classes that a text defines."""
    known = read_classes(yamlio.load(classes)) if classes else None
    part = Part(kind, {"technology": "45nm", **attributes})
    return Estimator(TABLE, known).estimate(Component("system.X", part, ("read", "write", "update", "leak")))


def energies(found: Estimate) -> dict[str, float]:
    return {name: energy for name, _, energy in found.actions}


def completed(config: Mapping[str, Any] | None = None, source: str = "auto", **changes: Any) -> Completed:
    config = read_inputs(FILES).config if config is None else config
    return complete_energies({**config, **changes}, FILES, EnergyChoice(source))


def node(local: list[dict[str, Any]], **attributes: Any) -> dict[str, Any]:
    """An architecture of one node."""
    return {"version": 0.4, "subtree": [{"name": "system", "attributes": attributes, "local": local}]}


MAC = {"name": "MACC", "class": "intmac", "attributes": {"datawidth": 8}}
DRAM = {"name": "DRAM", "class": "DRAM", "attributes": {"width": 64, "word_bits": 8}}


# -- by class and attributes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "attributes", "picojoule"),
    [
        ("DRAM", {"width": 64}, 1300),
        ("DRAM", {"width": 64, "type": "LPDDR4"}, 512),
        ("DRAM", {"width": 1024, "type": "HBM2"}, 3990),
        ("SRAM", {"width": 64, "depth": 8 * KIB // 64}, 10),  # 8 KiB, published
        ("SRAM", {"width": 128, "depth": 32 * KIB // 128}, 2 * 20),  # 32 KiB, published, two accesses wide
        ("regfile", {"width": 16, "depth": 256}, 0.9),  # 0.5 KiB, as much as a 16-bit MAC
        ("regfile", {"width": 16, "depth": 64}, 0.9 / 2),  # a quarter of it: the square root
        ("aladdin_adder", {"width": 8}, 0.03),
        ("intmultiplier", {"width_a": 32, "width_b": 32}, 3.1),
        ("fpadder", {"exponent": 8, "mantissa": 24}, 0.9),
        ("fpmultiplier", {"width": 16}, 1.1),
        ("comparator", {"n_bits": 16}, 0.05),
        ("dummy_storage", {}, 0),
    ],
)
def test_a_part_costs_what_the_table_has_for_its_class_and_size(
    kind: str, attributes: dict[str, Any], picojoule: float
) -> None:
    found = energies(estimate(kind, **attributes))
    assert found == {"read": picojoule, "write": picojoule, "update": picojoule, "leak": 0.0}


@pytest.mark.parametrize(
    ("technology", "factor"), [("45nm", 1), (45, 1), ("32nm", 0.641), ("130 nm", 3.17), ("7nm", 0.102)]
)
def test_other_nodes_are_scaled_by_published_factors(technology: object, factor: float) -> None:
    found = estimate("adder", technology=technology, width=32)
    assert energies(found)["read"] == pytest.approx(0.1 * factor, rel=5e-3)
    assert ("scaled to" in found.origin) == (factor != 1)


def test_between_two_nodes_the_power_law_holds() -> None:
    middle = energies(estimate("adder", technology="38nm", width=32))["read"]
    assert 0.0641 < middle < 0.1


def test_dram_is_the_same_at_every_node() -> None:
    assert energies(estimate("DRAM", technology="7nm", width=64))["read"] == 1300


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"width": 64, "depth": 1024, "word_bits": 16}, (64, 1024)),
        ({"memory_width": 64, "memory_depth": 1024, "datawidth": 16}, (64, 1024)),
        ({"entries": 4096, "word_bits": 16, "block_size": 4}, (64, 1024)),
        ({"sizeKB": 8, "word_bits": 16, "block_size": 4}, (64, 1024)),
        ({"entries": 64, "word_bits": 8}, (8, 64)),
    ],
)
def test_a_memory_is_as_large_as_timeloop_reads_it(attributes: dict[str, Any], size: tuple[int, int]) -> None:
    buffer = {"name": "Buffer", "class": "SRAM", "attributes": attributes}
    found = {c.name: c.part for c in of_timeloop(node([DRAM, buffer, MAC]), {})}
    assert (found["Buffer"].attributes["width"], found["Buffer"].attributes["depth"]) == size


def test_attributes_are_inherited_and_a_subclass_says_more_than_a_class() -> None:
    buffer = {"name": "Buffer", "class": "storage", "subclass": "regfile", "attributes": {"width": 16, "depth": 4}}
    plain = {"name": "Plain", "class": "storage", "attributes": {"width": 16, "depth": 4, "technology": "7nm"}}
    outer = {"name": "Outer", "class": "storage", "attributes": {"width": 16, "technology": "DRAM"}}
    parts = {c.name: c.part for c in of_timeloop(node([outer, buffer, plain, MAC], technology="22nm"), {})}
    assert [parts[name].kind for name in ("Outer", "Buffer", "Plain", "MACC")] == ["DRAM", "regfile", "SRAM", "intmac"]
    assert [parts[name].attributes["technology"] for name in ("Buffer", "Plain")] == ["22nm", "7nm"]


def test_dram_of_no_type_is_what_accelergy_takes_it_for() -> None:
    outer = {"name": "Outer", "class": "DRAM", "attributes": {"width": 64, "word_bits": 8, "type": "HBM2"}}
    parts = {c.name: c.part for c in of_timeloop(node([outer, DRAM, MAC]), {})}
    assert [parts[name].attributes["type"] for name in ("Outer", "DRAM")] == ["HBM2", "LPDDR4"]


def test_paths_are_those_of_accelergy() -> None:
    recorded = {table["name"] for table in yamlio.load(TREE / "accelergy" / "ART.yaml")["ART"]["tables"]}
    assert {c.path for c in of_timeloop(read_inputs(FILES).config["architecture"], {})} == recorded


# -- classes made of others -------------------------------------------------------------------------------------------

PAIR = """
classes:
- name: pair
  attributes: {width: must_specify, half: width // 2, often: 3}
  subcomponents:
  - {name: "unit[1..2]", class: adder, area_scale: 10, attributes: {width: half}}
  - {name: other, class: multiplier, energy_scale: 0.5, attributes: {width: width}}
  actions:
  - name: read
    subcomponents:
    - {name: "unit[1..2]", actions: [{name: add}]}
    - {name: other, actions: [{name: multiply, energy_scale: often * 2}]}
  - name: write
    subcomponents:
    - {name: "unit[0]", actions: [{name: add}, {name: add, repeat: 4}]}
  - {name: leak, subcomponents: []}
- name: nested
  attributes: {width: 32}
  subcomponents: [{name: "pairs[0..3]", class: pair, attributes: {width: width}}]
  actions:
  - {name: read, subcomponents: [{name: "pairs[0..3]", actions: [{name: read, energy_scale: 2}]}]}
  - {name: write, subcomponents: [{name: "pairs[1]", actions: [{name: write}]}]}
"""


def test_a_compound_is_the_sum_of_its_parts() -> None:
    """At 32 bits the halves are adders of 16: 0.05 pJ and 67 um^2; a multiplier of 32 has 3.1 pJ and 3495 um^2."""
    found = estimate("pair", PAIR, width=32)
    assert energies(found) == {"read": pytest.approx(2 * 0.05 + 0.5 * 6 * 3.1), "write": 5 * 0.05, "leak": 0.0}
    assert found.area == pytest.approx(10 * 2 * 67 + 3495, rel=5e-3)
    assert found.parts == {"unit[1..2]": "adder of the table", "other": "multiplier of the table"}


def test_compounds_nest_and_ranges_multiply() -> None:
    found, one = estimate("nested", PAIR), estimate("pair", PAIR, width=32)
    assert energies(found) == {"read": pytest.approx(4 * 2 * 9.4, rel=5e-3), "write": 0.25}
    assert found.area == pytest.approx(4 * one.area, rel=5e-3)


def test_every_combination_of_arguments_has_its_energy() -> None:
    classes = """
    classes:
    - name: shifter
      attributes: {steps: 2}
      subcomponents: [{name: unit, class: adder, attributes: {width: 8}}]
      actions:
      - name: read
        arguments: {by: 0..steps, twice: 1..2}
        subcomponents: [{name: unit, actions: [{name: add, energy_scale: by * twice}]}]
    """
    found = estimate("shifter", classes)
    assert [dict(arguments) for _, arguments, _ in found.actions][:4] == [
        {"by": 0, "twice": 1}, {"by": 1, "twice": 1}, {"by": 2, "twice": 1}, {"by": 0, "twice": 2},
    ]  # fmt: skip
    assert [energy for _, _, energy in found.actions] == pytest.approx([0, 0.03, 0.06, 0, 0.06, 0.12])
    ert = {"version": 0.4, "tables": [{"name": "X", "actions": [{"name": "read", "energy": 0.12}]}]}
    assert read_ert(ert)["X"]["read"] == 0.12, "Timeloop takes the highest"


@pytest.mark.parametrize(
    ("kind", "attributes", "picojoule"),
    [
        ("smartbuffer_SRAM", {"width": 64, "depth": 1024}, 10 + 0.03 * (10 / 8) ** log2(0.05 / 0.03)),
        ("smartbuffer_RF", {"width": 16, "depth": 256}, 0.9 + 0.03),
    ],
)
def test_well_known_classes_need_no_definition(kind: str, attributes: dict[str, Any], picojoule: float) -> None:
    """A memory, and a counter of the bits of its row's address."""
    assert energies(estimate(kind, **attributes))["read"] == pytest.approx(picojoule, rel=5e-3)


def test_a_definition_of_the_input_goes_before_the_well_known_one() -> None:
    classes = """
    classes:
    - name: intmac
      attributes: {}
      subcomponents: [{name: unit, class: adder, attributes: {width: 8}}]
      actions: [{name: compute, subcomponents: [{name: unit, actions: [{name: add}]}]}]
    """
    assert energies(estimate("intmac", classes)) == {"compute": 0.03}
    assert energies(estimate("intmac", datawidth=8)) == {"read": 0.25, "write": 0, "update": 0, "leak": 0}


def test_a_class_that_is_defined_twice_or_never_used_may_be_wrong_there() -> None:
    """As in Accelergy, the last definition counts."""
    other = "\n- {name: pair, subcomponents: 7}\n- {name: unused, actions: 3}\n"
    right = PAIR.partition("- name: nested")[0]
    twice = right.rstrip() + other + right.strip().removeprefix("classes:")
    assert energies(estimate("pair", twice, width=32)) == energies(estimate("pair", PAIR, width=32))


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (PAIR, "pair", "class pair wants the attribute width"),
        ("classes: [{name: a, subcomponents: [{name: b, class: a}], actions: []}]", "a", "or of itself"),
        (
            "classes: [{name: a, actions: [{name: read, subcomponents: [{name: b, actions: [{name: c}]}]}]}]",
            "a",
            "an action is of b; its subcomponents are: none",
        ),
        (
            "classes: [{name: a, subcomponents: [{name: 'b[1..many]', class: adder}], actions: []}]",
            "a",
            "range of b.1..many.: 'many': name 'many' is not defined",
        ),
        ("classes: [{name: a, actions: 3}]", "a", "class a.: actions is 3, not a list"),
        ("[{subcomponents: []}]", "a", "name is None, not a name"),
    ],
)
def test_a_class_that_contradicts_itself_is_refused(text: str, kind: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        estimate(kind, text)


def test_a_class_that_no_source_knows_is_refused_with_the_ways_out() -> None:
    buffer = {
        "name": "Crossbar",
        "class": "storage",
        "subclass": "isaac_edram",
        "attributes": {"width": 16, "depth": 4},
    }
    config = {"architecture": node([DRAM, buffer, MAC])}
    with pytest.raises(
        UnsupportedError,
        match=r"energy: Crossbar \(class isaac_edram\): class isaac_edram has no figures in the source table; define "
        r"the class under compound_components.*--energy FILE; or use --energy accelergy or hwcomponents",
    ):
        completed(config)


def test_what_timeloop_does_not_count_may_be_unknown() -> None:
    told: list[str] = []
    wire = {"name": "Wire", "class": "wire", "attributes": {}}
    found = complete_energies({"architecture": node([DRAM, wire, MAC])}, [], EnergyChoice(tell=told.append))
    assert "Wire (class wire) has no figures in table: not counted" in told
    assert set(read_ert(found.config["ERT"])) == {"DRAM", "MACC"}


# -- which source -----------------------------------------------------------------------------------------------------


def test_without_anything_installed_the_table_estimates() -> None:
    found = completed()
    ert = read_ert(found.config["ERT"])
    assert ert["DRAM"] == {"read": 64 * 8, "write": 64 * 8, "update": 64 * 8, "leak": 0}, "LPDDR4"
    half, counter = 10 * (0.5 * KIB / KIB) ** 0.5 * (4 / 8) ** 0.5 * 2, 0.05 * (10 / 16) ** (log2(0.05 / 0.03))
    assert half > counter
    register = 0.9 * (1 / 8 / 512) ** 0.5 / 16
    match = 16 * 0.03 * (ceil(log2(16)) / 8) ** log2(0.05 / 0.03)
    assert ert["Reg"]["read"] == pytest.approx(16 * register + match, rel=5e-3)
    assert ert["MACC"]["compute"] == pytest.approx(0.2 * 2**1.977 + 0.1, rel=5e-3)
    assert found.config["ART"]["tables"]
    assert found.tables is not None and found.tables.source == "table"


def test_an_ert_that_is_given_counts() -> None:
    ert = yamlio.load(TREE / "accelergy" / "ERT.yaml")["ERT"]
    found = completed(ERT=ert | {1: "a key that is no text"})
    assert found.config["ERT"]["tables"] is ert["tables"]
    assert found.written()["energy.yaml"].startswith("# energy source: given with the input\n# ERT: sha256 ")
    assert not found.files, "Timeloop calls no Accelergy then, and leaves nothing of it"
    assert completed(ERT=ert, source="table").config["ERT"] != ert, "but what is asked for goes before what is given"


def test_a_file_with_an_ert_can_be_named(tmp_path: Path) -> None:
    first = completed()
    path = tmp_path / "energies.yaml"
    path.write_text(first.written()["energy.yaml"])
    again = completed(source=str(path))
    assert (again.config["ERT"], again.config["ART"]) == (first.config["ERT"], first.config["ART"])
    with pytest.raises(SpecError, match="'nowhere' is none of auto, table, accelergy, hwcomponents and no file"):
        completed(source="nowhere")
    path.write_text("ART: {}")
    with pytest.raises(SpecError, match=r"energies\.yaml: no ERT"):
        completed(source=str(path))


def accelergy(folder: Path, monkeypatch: pytest.MonkeyPatch, recorded: Path = TREE / "accelergy") -> Path:
    """A program of that name that gives the recorded answer, and notes what it was called with."""
    program, calls = folder / "bin" / "accelergy", folder / "calls.txt"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        f"pathlib.Path({str(calls)!r}).write_text('\\n'.join(sys.argv[1:]))\n"
        "out = sys.argv[sys.argv.index('-o') + 1]\n"
        f"for file in pathlib.Path({str(recorded)!r}).iterdir():\n"
        "    shutil.copy(file, out)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/nowhere")
    return calls


@pytest.mark.parametrize("source", ["auto", "accelergy"])
def test_with_accelergys_answer_the_report_is_timeloops(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One level has no required actions: Accelergy gives none, and Timeloop counts with its own figures there."""
    calls = accelergy(tmp_path, monkeypatch)
    with pytest.warns(UserWarning, match="accelergy gave no energies for Spare: Timeloop's own figures count"):
        run_model(FILES, tmp_path, EnergyChoice(source))
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt"):
        assert (tmp_path / name).read_bytes() == (TREE / "timeloop" / name).read_bytes()
    for recorded in (TREE / "accelergy").iterdir():
        assert (tmp_path / f"timeloop-model.{recorded.name}").read_bytes() == recorded.read_bytes()
    given = [Path(argument).name for argument in calls.read_text().split("\n")]
    assert given[:4] == ["000-arch.yaml", "001-components.yaml", "002-map.yaml", "003-problem.yaml"]


def test_architectures_of_the_first_format_count_with_timeloops_own_figures(tmp_path: Path) -> None:
    """Timeloop calls no Accelergy for lists of storage and arithmetic."""
    files = sorted(LISTS.glob("*.yaml"))
    run_model(files, tmp_path)
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt"):
        assert (tmp_path / name).read_bytes() == (LISTS / "timeloop" / name).read_bytes()
    assert (tmp_path / "timeloop-model.energy.yaml").read_text() == "# energy source: Timeloop's own figures\n"
    run_model(files, tmp_path, EnergyChoice("table"))
    assert "# MACC: multiplier of the table (45nm assumed)" in (tmp_path / "timeloop-model.energy.yaml").read_text()


def test_accesses_that_the_ert_names_no_action_for_are_told(tmp_path: Path) -> None:
    folder = TREE.parent.parent / "golden" / "model" / "mac-without-compute"
    files = [folder / f"{name}.yaml" for name in ("arch", "ert", "mapping", "problem")]
    with pytest.warns(UserWarning) as told:
        run_model(files, tmp_path)
    texts = [str(warning.message).partition(":")[2] for warning in told]
    assert (
        " MACC has no action for computes: Timeloop's own figures count for them; add an action such as compute"
        in texts
    )
    assert any(text.startswith(" Reg has no action for reads and fills and updates: Timeloop's own") for text in texts)
    assert any(text.startswith(" Buffer has no action for fills and updates") for text in texts)


def test_an_accelergy_that_fails_is_passed_over_by_auto_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    accelergy(tmp_path, monkeypatch, tmp_path / "empty")
    told: list[str] = []
    found = complete_energies(read_inputs(FILES).config, FILES, EnergyChoice(tell=told.append))
    assert found.tables is not None and found.tables.source == "table"
    assert "accelergy wrote no ERT.yaml" in told[0] and told[0].endswith("the next source is taken")
    with pytest.raises(EngineError, match=r"accelergy wrote no ERT\.yaml"):
        completed(source="accelergy")


def test_an_accelergy_without_energies_says_what_it_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As version 0.4 answers for components without actions; Timeloop ends there."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    for file in (TREE / "accelergy").iterdir():
        (recorded / file.name).write_text(file.read_text())
    (recorded / "ERT.yaml").write_text("ERT: {version: '0.4', tables: []}")
    accelergy(tmp_path, monkeypatch, recorded)
    with pytest.raises(EngineError, match=r"accelergy gave no energies: .*required_actions.*--energy hwcomponents or"):
        completed(source="accelergy")


def test_hwcomponents_estimates_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def get_model(name: str, values: dict[str, Any], actions: object) -> SimpleNamespace:
        asked[name] = values
        one = SimpleNamespace(energy=1e-12)
        return SimpleNamespace(
            **dict.fromkeys(("read", "write", "add", "multiply", "count", "compare"), lambda: one),
            leak_power=1e-3,
            area=2e-12,
        )

    monkeypatch.setattr(hwmodels, "_package", lambda: SimpleNamespace(get_model=get_model))
    monkeypatch.setattr(hwmodels, "version", lambda package: "1.0")
    found = completed(source="hwcomponents")
    ert = read_ert(found.config["ERT"])
    assert ert["DRAM"] == {"read": 1, "write": 1, "update": 1, "leak": 1}
    assert ert["Buffer"]["read"] == 1.5, "a half of the buffer, and half a step of its counter"
    assert ert["Buffer"]["leak"] == 2
    assert ert["MACC"]["compute"] == 2
    sizes = {name: asked["sram"][name] for name in ("tech_node", "width", "depth", "size")}
    assert sizes == pytest.approx({"tech_node": 45e-9, "width": 32, "depth": 64, "size": 32 * 64}), "the last one asked"
    assert asked["aladdinmultiplier"]["width_a"] == 16


# -- what is written and said -----------------------------------------------------------------------------------------


def test_the_tables_and_their_origin_stand_beside_the_report(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["model", *map(str, FILES), "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "energies: flexloop's table for 45nm, an estimate" in result.stderr
    lines = (tmp_path / "timeloop-model.energy.yaml").read_text().splitlines()
    assert lines[0] == "# energy source: table"
    assert "# Buffer: sram of the table, adder of the table" in lines
    for key, tables in (
        ("ERT", "tables"),
        ("ART", "tables"),
        ("ERT_summary", "table_summary"),
        ("ART_summary", "table_summary"),
    ):
        content = yamlio.load(tmp_path / f"timeloop-model.{key}.yaml")[key]
        recorded = yamlio.load(TREE / "accelergy" / f"{key}.yaml")[key]
        assert content.keys() == recorded.keys()
        assert {t["name"] for t in content[tables]} >= {t["name"] for t in recorded[tables]}
        assert content[tables][0].keys() == recorded[tables][0].keys()


def test_an_assumed_node_is_told() -> None:
    told: list[str] = []
    buffer = {"name": "Buffer", "class": "SRAM", "attributes": {"width": 16, "depth": 64, "technology": "SET ME"}}
    mac = MAC | {"attributes": {"datawidth": 8, "technology": "32nm"}}
    found = complete_energies({"architecture": node([DRAM, buffer, mac])}, [], EnergyChoice(tell=told.append))
    assert "45nm assumed for Buffer" in told[-1]
    assert found.tables is not None
    assert found.tables.origin["Buffer"] == "sram of the table (45nm assumed)"
    assert found.tables.origin["MACC"] == "multiplier of the table scaled to 32nm, adder of the table scaled to 32nm"


def test_given_energies_are_told_too(tmp_path: Path) -> None:
    files = [*map(str, FILES), str(TREE / "accelergy" / "ERT.yaml"), "-o", str(tmp_path)]
    result = CliRunner().invoke(app, ["model", *files])
    assert result.exit_code == 1 and "ERT: no table for Spare" in result.output
    bypass = "{target: Spare, type: bypass, keep: [], bypass: [A, B, Z]}"
    mapping = (
        (TREE / "map.yaml").read_text().replace("{target: Spare, type: bypass, keep: [B], bypass: [A, Z]}", bypass)
    )
    (tmp_path / "map.yaml").write_text(mapping)
    result = CliRunner().invoke(
        app, ["model", *(f for f in files if not f.endswith("map.yaml")), str(tmp_path / "map.yaml")]
    )
    assert result.exit_code == 0, result.output
    assert "energies: given with the input" in result.stderr
    assert (tmp_path / "timeloop-model.energy.yaml").read_text().startswith("# energy source: given with the input\n")
    assert not (tmp_path / "timeloop-model.ERT.yaml").exists()


# -- Accelergy's input ------------------------------------------------------------------------------------------------


def test_accelergy_gets_the_files_themselves_where_it_can_read_them() -> None:
    inputs = accelergy_inputs(read_inputs(FILES).config, FILES)
    assert list(inputs.values()) == [path.read_text() for path in FILES]


@pytest.mark.parametrize("name", ["arch.yml", "arch.cfg"])
def test_and_one_file_in_its_own_format_otherwise(name: str, tmp_path: Path) -> None:
    config, path = read_inputs(FILES).config, tmp_path / name
    path.write_text("{}")
    inputs = accelergy_inputs(config, [*FILES, path])
    assert list(inputs) == ["accelergy.yaml"]
    content = yamlio.load(inputs["accelergy.yaml"])
    assert content == {key: config[key] for key in ("architecture", "compound_components")}


def test_texts_stand_in_quotes_and_expressions_do_not() -> None:
    """From version 0.4 on Accelergy evaluates what has no quotes, and fails on what is no expression."""
    text = written(read_inputs(FILES).config)
    for expected in (
        'technology: "45nm"', 'type: "LPDDR4"', 'technology: "must_specify"', "half: depth // 2",
        "counter_width: max(1, ceil(log2(depth))) if depth >= 1 else 1", "width: width", 'name: "half[0..1]"',
        "global_cycle_seconds: 1e-9",
    ):  # fmt: skip
        assert expected in text, expected


@pytest.mark.parametrize(
    "text",
    [
        "globals: {accelergy_plug_ins: [mine.py]}\n",
        "compound_components: {version: 0.4, classes: [{name: c, attributes: {a: ().__class__}}]}\n",
        "compound_components: {version: 0.4, classes: [{name: c, attributes: {a: 1..__reduce__()}}]}\n",
    ],
)
def test_a_file_that_could_have_accelergy_run_code_is_not_given_to_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    path.write_text(text)
    assert list(accelergy_inputs(read_inputs([*FILES, path]).config, [*FILES, path])) == ["accelergy.yaml"]


def test_texts_reach_accelergy_neither_as_templates_nor_as_code() -> None:
    classes = [{"name": "c", "attributes": {"a": "().__class__.__base__", "b": "sum(i * 2 for i in range(3))"}}]
    text = written({"compound_components": {"classes": classes}})
    assert 'a: "().__class__.__base__"' in text and "b: sum(i * 2 for i in range(3))" in text
    classes[0]["name"] = "{% raw %}"
    with pytest.raises(UnsupportedError, match="holds {%, which Accelergy takes for a template's; leave it out"):
        written({"compound_components": {"classes": classes}})


def test_tables_of_components_beside_the_files_are_named_to_accelergy(tmp_path: Path) -> None:
    for folder in ("input/parts", "other"):
        (tmp_path / folder).mkdir(parents=True)
    name, files = "ACCELERGY_COMPONENT_LIBRARIES_MINE", [tmp_path / "input/top.yaml"]
    values = {name: str(tmp_path / "input/parts"), "PATH": "/nowhere"}
    config = {"globals": {"environment_variables": values}}
    assert libraries(config, files) == {name: str(tmp_path / "input/parts")}
    values[name] += f",{tmp_path / 'other'}"
    with pytest.warns(UserWarning, match=f"{name}: .* lies outside the folders of the files and is not given"):
        assert libraries(config, files) == {name: str(tmp_path / "input/parts")}


def test_lists_of_version_1_are_no_input_of_accelergy() -> None:
    lists = {"arithmetic": {"name": "M"}, "storage": [{"name": "D", "technology": "DRAM"}]}
    with pytest.raises(UnsupportedError, match=r"trees of subtree and local alone; .* --energy table"):
        accelergy_inputs({"architecture": lists}, [])
