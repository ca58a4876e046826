"""Energies from Accelergy and from hwcomponents: what they answer, how it is read, and what is said where they lack."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small_archs
from typer.testing import CliRunner

import flexloop
from flexloop.arch.load import load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.cli import app
from flexloop.embedded.ert import read_ert
from flexloop.energy import EnergyTables, hwmodels, read_tables, shipped_tables
from flexloop.energysources import accelergy
from flexloop.energysources.accelergy import Accelergy, Answer
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.complete import EnergyChoice, complete_energies
from flexloop.energysources.kept import find_kept, keep, kept, table_files
from flexloop.errors import EngineError, SpecError, UnsupportedError
from flexloop.overhead import base_area
from flexloop.rendering.render import Renderer
from flexloop.study import StudyOptions
from flexloop.timeloop import yamlio
from flexloop.timeloop.inputs import read_inputs

RECORDED = Path(__file__).parent / "golden_accelergy" / "edge256"
"""What Accelergy 0.4 with its CACTI and library plug-ins answered for edge256 (26 May 2025, 16 April 2025)."""

REAL = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("accelergy", "hwcomponents")]


def energies(tables: EnergyTables) -> dict[str, dict[str, float]]:
    """Component to action to pJ."""
    return {
        table["name"].rpartition(".")[2]: {a["name"]: a["energy"] for a in table["actions"]}
        for table in tables.ert["tables"]
    }


def areas(tables: EnergyTables) -> dict[str, float]:
    assert tables.art is not None
    return {table["name"].rpartition(".")[2]: table["area"] for table in tables.art["tables"]}


def variant(**changes: Any) -> ArchSpec:
    """The small spec with other fields of its shared buffer."""
    levels = [level | changes if level["name"] == "GlobalBuffer" else level for level in small_archs.PLAIN["levels"]]
    return ArchSpec.model_validate(small_archs.PLAIN | {"levels": levels})


# -- Accelergy --------------------------------------------------------------------------------------------------------


def recorded() -> EnergyTables:
    return accelergy._tables(answer(RECORDED), load_arch_spec("edge256"), "recorded")


def answer(folder: Path) -> Answer:
    """What Accelergy wrote into a folder."""
    return Answer({path.name: path.read_text() for path in folder.glob("*.yaml")}, "", "recorded")


def test_what_accelergy_answered_is_read_component_by_component() -> None:
    found = energies(recorded())
    assert found["DRAM"]["read"] == 512  # LPDDR4: 8 pJ a bit
    assert found["GlobalBuffer"] == {"read": 73.7616, "write": 88.2016, "update": 88.2016, "leak": 0.00331979}
    assert found["MAC"]["compute"] == 1.13555
    assert areas(recorded())["GlobalBuffer"] == 473839.0
    assert recorded().origin == {
        "DRAM": "CactiDRAM", "GlobalBuffer": "CactiSRAM", "Spad": "CactiSRAM", "MAC": "Library",
    }  # fmt: skip


def test_levels_that_only_limit_shares_cost_nothing_and_take_no_area() -> None:
    assert set(energies(recorded())["GlobalBuffer_Weights"].values()) == {0.0}
    assert areas(recorded())["GlobalBuffer_Weights"] == 0


def test_the_input_of_accelergy_has_the_components_of_timeloops_tree() -> None:
    arch = load_arch_spec("simba")
    document = yamlio.load(Renderer().accelergy(arch))
    (system,) = document["architecture"]["subtree"]
    (chip,) = system["subtree"]
    (pe,) = chip["subtree"]
    paths = [f"system.{c['name']}" for c in system["local"]]
    paths += [f"system.chip.{c['name']}" for c in chip["local"]]
    paths += [f"system.chip.{pe['name']}.{c['name']}" for c in pe["local"]]
    limits = {f"system.chip.GlobalBuffer_{tensor}" for tensor in ("Weights", "Inputs", "Outputs")}
    assert set(paths) == set(arch.component_paths.values()) - limits
    buffer = next(c for c in chip["local"] if c["name"] == "GlobalBuffer")
    assert buffer["attributes"] == {"width": 256, "datawidth": 8, "depth": 2048}
    defined = {c["name"] for c in document["compound_components"]["classes"]}
    assert {c["class"] for c in pe["local"]} <= {"SRAM", *defined}


def test_a_placeholder_is_no_figure(tmp_path: Path) -> None:
    shutil.copytree(RECORDED, tmp_path / "run")
    summary = tmp_path / "run" / "ERT_summary.yaml"
    summary.write_text(summary.read_text().replace("CactiSRAM", "dummy"))
    with pytest.raises(EngineError, match=r"no plug-in for (GlobalBuffer|Spad) and gave a placeholder"):
        accelergy._tables(answer(tmp_path / "run"), load_arch_spec("edge256"), "recorded")


def test_an_accelergy_that_is_nowhere_is_told_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineError, match=r"accelergy not found on PATH; install it.*--energy hwcomponents or table"):
        energy_tables("accelergy", small_archs.plain())


def test_an_accelergy_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "accelergy"
    program.write_text("#!/bin/sh\necho 'ERROR Can not find an energy estimator for SRAM(width=8)'\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(EngineError, match=r"accelergy failed on plain4: Can not find an energy estimator for SRAM"):
        Accelergy().tables(small_archs.plain())


@pytest.mark.accelergy
def test_accelergy_answers_as_recorded(tmp_path: Path) -> None:
    tables = Accelergy().tables(load_arch_spec("edge256"), tmp_path / "kept")
    for component, actions in energies(recorded()).items():
        assert energies(tables)[component] == pytest.approx(actions, rel=0.05), component
    assert {"accelergy.yaml", "accelergy.log", "ERT.yaml", "ART.yaml"} <= {
        f.name for f in (tmp_path / "kept").iterdir()
    }


# -- hwcomponents -----------------------------------------------------------------------------------------------------


@pytest.mark.hwcomponents
def test_hwcomponents_answers_what_its_models_gave() -> None:
    """Of 1.0.114 with its CACTI 1.0.40: memories as Accelergy's plug-in has them, the MAC scaled in another way."""
    tables = energy_tables("hwcomponents", load_arch_spec("edge256"))
    for component in ("DRAM", "GlobalBuffer", "Spad"):
        assert energies(tables)[component] == pytest.approx(energies(recorded())[component], rel=0.05), component
    assert energies(tables)["MAC"]["compute"] == pytest.approx(1.0328, rel=0.05)
    assert areas(tables)["MAC"] == pytest.approx(783.2, rel=0.05)
    assert "hwcomponents-cacti" in tables.tool


def test_an_older_python_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hwmodels, "PYTHON", (9, 9))
    with pytest.raises(UnsupportedError, match=r"needs Python 9\.9 or newer.*energy make.*--energy DIR/tables\.yaml"):
        energy_tables("hwcomponents", small_archs.plain())


def test_missing_packages_are_told_with_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(hwmodels, "PYTHON", (3, 0))
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(EngineError, match=r"pip install 'flexloop\[hwcomponents\]'"):
        energy_tables("hwcomponents", small_archs.plain())


def test_a_cacti_that_does_not_run_here_is_told_with_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise RuntimeError("CACTI failed with exit code 1. Please check the log\nmore")

    dram = SimpleNamespace(read=lambda: SimpleNamespace(energy=1e-9), leak_power=0, area=0)
    dram.write = dram.read
    models = {"lpddr4": dram, "sram": SimpleNamespace(read=fails)}
    monkeypatch.setattr(hwmodels, "_package", lambda: SimpleNamespace(get_model=lambda name, *_: models[name]))
    monkeypatch.setattr(hwmodels, "version", lambda package: "1.0")
    with pytest.raises(EngineError, match=r"cannot estimate a SRAM: CACTI failed.*--no-binary hwcomponents-cacti"):
        energy_tables("hwcomponents", small_archs.plain())


def test_a_technology_that_is_no_node_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    dram = SimpleNamespace(read=lambda: SimpleNamespace(energy=1e-9), leak_power=0, area=0)
    dram.write = dram.read
    monkeypatch.setattr(hwmodels, "_package", lambda: SimpleNamespace(get_model=lambda *_: dram))
    monkeypatch.setattr(hwmodels, "version", lambda package: "1.0")
    arch = ArchSpec.model_validate(small_archs.PLAIN | {"technology": "fast"})
    with pytest.raises(SpecError, match="'fast' is no node"):
        energy_tables("hwcomponents", arch)


# -- what holds for every source --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["table", *REAL])
@pytest.mark.parametrize("name", ["edge256", "eyeriss"])
def test_a_word_costs_more_the_farther_out_it_lies(source: str, name: str) -> None:
    arch = load_arch_spec(name)
    found = energies(energy_tables(source, arch))
    by_kind = {
        kind: [found[level.name]["read"] / level.block_size for level in arch.levels if level.component == kind]
        for kind in ("DRAM", "SRAM", "regfile")
    }
    assert min(by_kind["DRAM"]) > max(by_kind["SRAM"]) > max(by_kind["regfile"])


@pytest.mark.parametrize("source", ["table", *REAL])
def test_larger_and_wider_memories_and_operands_never_cost_less(source: str) -> None:
    def of(arch: ArchSpec, component: str) -> tuple[float, float]:
        tables = energy_tables(source, arch)
        first = next(iter(energies(tables)[component].values()))
        return first, areas(tables)[component]

    sizes = [of(variant(width=64, datawidth=8, depth=depth), "GlobalBuffer") for depth in (1024, 8192)]
    assert sizes == sorted(sizes)
    assert sizes[0] <= of(variant(width=256, datawidth=8, depth=1024), "GlobalBuffer")
    macs = [
        of(ArchSpec.model_validate(small_archs.PLAIN | {"mac": {"name": "MAC", "datawidth": bits}}), "MAC")
        for bits in (8, 16)
    ]
    assert macs[0][0] < macs[1][0] and macs[0][1] < macs[1][1]


def test_tables_on_disk_are_the_same_tables(tmp_path: Path) -> None:
    tables = recorded()
    path = tmp_path / "tables.yaml"
    path.write_text(table_files(tables)["tables.yaml"])
    back = read_tables(path, load_arch_spec("edge256"))
    assert (back.digest, back.art) == (tables.digest, tables.art)


def test_tables_of_another_tree_serve_by_the_names_of_their_components(tmp_path: Path) -> None:
    """As the v4 front end has Accelergy write them."""
    tables = recorded()
    text = table_files(tables)["tables.yaml"]
    text = text.replace("system.chip.PE[0..255].Spad", "system_top_level.Spad[1..256]").replace("system.chip.", "top.")
    path = tmp_path / "v4.yaml"
    path.write_text(text)
    assert read_tables(path, load_arch_spec("edge256")).digest == tables.digest


@pytest.mark.parametrize(
    ("replace", "by", "complaint"),
    [
        ("energy: 73.7616", "energy: -1", r"energy of GlobalBuffer\.read is -1"),
        ("energy: 73.7616", "energy: .nan", r"energy of GlobalBuffer\.read is nan"),
        ("area: 473839", "area: big", r"area of GlobalBuffer is 'big'"),
        ("system.chip.PE[0..255].MAC", "system.chip.Other", r"no table for system\.chip\.PE\[0\.\.255\]\.MAC"),
    ],
)
def test_tables_that_say_something_impossible_are_refused(
    tmp_path: Path, replace: str, by: str, complaint: str
) -> None:
    text = table_files(recorded())["tables.yaml"]
    assert replace in text
    path = tmp_path / "tables.yaml"
    path.write_text(text.replace(replace, by, 1))
    with pytest.raises(SpecError, match=complaint):
        read_tables(path, load_arch_spec("edge256"))


def test_areas_of_the_source_are_the_base_of_a_classs_area() -> None:
    arch, tables = load_arch_spec("edge256"), recorded()
    found = areas(tables)
    expected = found["GlobalBuffer"] + 256 * (found["Spad"] + found["MAC"])
    assert base_area(arch, tables.art) == pytest.approx(expected / 1e6)
    assert base_area(arch) == base_area(arch, shipped_tables(arch).art)


# -- what a study does with them --------------------------------------------------------------------------------------


def test_rows_name_the_source_and_the_store_keeps_what_their_hash_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(table_files(recorded())["tables.yaml"])
    store = tmp_path / "store"
    options = StudyOptions(energy=str(path), store=store, jobs=1)
    results = flexloop.run_study(["T0O0P0S0"], ["ncf"], "edge256", options)
    row = results.rows.iloc[0]
    assert row["energy_source"] == str(path)
    assert row["energy_pj_MAC"] == pytest.approx(row["padded_macs"] * 1.13555, rel=1e-6)
    assert row["ert_hash"] == recorded().digest[:12]

    found = find_kept(row["ert_hash"], store)
    assert found is not None
    assert read_tables(found, load_arch_spec("edge256")).digest == recorded().digest
    assert results.meta["archs"]["edge256"]["area_mm2"]["T0O0P0S0"] == base_area(
        load_arch_spec("edge256"), recorded().art
    )

    results.save(tmp_path / "out")
    assert read_tables(tmp_path / "out" / "energy.yaml", load_arch_spec("edge256")).digest == recorded().digest


def test_kept_tables_are_found_by_hash_alone(tmp_path: Path) -> None:
    keep(recorded(), tmp_path)
    keep(recorded(), tmp_path)
    assert [path.stem for path in kept(tmp_path)] == [recorded().digest]
    assert find_kept(recorded().digest[:12], tmp_path) == kept(tmp_path)[0]
    assert find_kept("../../etc", tmp_path) is None
    assert find_kept("0000000", tmp_path) is None


def test_the_commands_show_make_and_list(tmp_path: Path) -> None:
    run = CliRunner().invoke
    shown = run(app, ["energy", "show", "--arch", "edge256"])
    assert shown.exit_code == 0
    assert "GlobalBuffer" in shown.output and "152" in shown.output

    made = run(app, ["energy", "make", "--arch", "edge256", "-o", str(tmp_path / "made")])
    assert made.exit_code == 0
    tables = read_tables(tmp_path / "made" / "tables.yaml", load_arch_spec("edge256"))
    assert tables.digest == shipped_tables(load_arch_spec("edge256")).digest
    assert (tmp_path / "made" / "art.yaml").is_file()

    keep(recorded(), tmp_path)
    assert recorded().digest[:12] in run(app, ["energy", "ls", "--store", str(tmp_path)]).output
    by_hash = run(app, ["energy", "show", recorded().digest[:12], "--store", str(tmp_path)])
    assert "energy source: accelergy" in by_hash.output
    lost = run(app, ["energy", "show", "abcdef", "--store", str(tmp_path)])
    assert lost.exit_code == 1


# -- Timeloop's own files ---------------------------------------------------------------------------------------------

TREE = RECORDED.parent / "tree"
"""An architecture with classes of its own, and what Accelergy answered for it: see tests/test_energy_timeloop.py."""


@pytest.mark.parametrize("source", REAL)
def test_sources_estimate_timeloops_own_files_as_they_did(source: str) -> None:
    """hwcomponents scales arithmetic in another way, and its registers cost as much to write as to read."""
    files = sorted(TREE.glob("*.yaml"))
    found = read_ert(complete_energies(read_inputs(files).config, files, EnergyChoice(source)).config["ERT"])
    before = read_ert(yamlio.load(TREE / "accelergy" / "ERT.yaml")["ERT"])
    assert found["DRAM"] == before["DRAM"]
    for component, action, rel in (("Buffer", "read", 0.05), ("Buffer", "write", 0.05), ("MACC", "compute", 0.25)):
        assert found[component][action] == pytest.approx(before[component][action], rel=rel)
    assert 0.5 < found["Reg"]["read"] / before["Reg"]["read"] < 1.5
