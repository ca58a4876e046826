"""The shipped energy table against its sources, and the ERT and ART made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import small_archs
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flexloop.arch.load import arch_names, load_arch, load_arch_spec
from flexloop.arch.spec import ArchSpec
from flexloop.energy import build_ert, load_table
from flexloop.energy.components import Component, Part, mac_part, storage_part
from flexloop.energy.estimate import Estimate, Estimator
from flexloop.energy.table import EnergyTable, power_law
from flexloop.energysources.choose import energy_tables
from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop import yamlio

TABLE = load_table("45nm")
KIB = 1024


def memory(kind: str, size: int, width: int) -> Part:
    """A memory of a size in bytes with rows of ``width`` bits."""
    return Part(kind, {"technology": "45nm", "width": width, "depth": size * 8 // width})


def read(part: Part) -> float:
    """Energy of a read of one row of a part, or of one operation of it, pJ."""
    return TABLE.energy(part, "read", {})


def mac(bits: int) -> Estimate:
    return Estimator(TABLE).estimate(Component("MAC", mac_part(bits, "45nm"), ("compute",)))


@pytest.mark.parametrize(("kib", "published"), [(8, 10), (32, 20), (1024, 100)])
def test_sram_costs_what_horowitz_measured(kib: int, published: float) -> None:
    assert read(memory("SRAM", kib * KIB, width=64)) == pytest.approx(published)


def test_dram_is_in_the_range_of_horowitz() -> None:
    dram = Part("DRAM", {"width": 64})
    assert 1299 <= read(dram) <= 2600
    assert TABLE.area(dram) == 0


@pytest.mark.parametrize(
    ("bits", "energy", "area"),
    [
        (8, 0.2 + 0.05, 282 + 67),  # an 8-bit multiplier and a 16-bit adder, both published
        (16, 0.2 * 2**1.977 + 0.1, 282 * 2**1.816 + 137),  # the multiplier by the power law from 8 to 32 bits
    ],
)
def test_a_mac_is_a_multiplier_and_an_adder_of_twice_its_width(bits: int, energy: float, area: float) -> None:
    (found,) = [found for name, _, found in mac(bits).actions if name == "compute"]
    assert found == pytest.approx(energy, rel=0.01)
    assert mac(bits).area == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize(
    ("component", "size", "relative"),
    [("regfile", 512, 1), ("SRAM", 100 * KIB, 6)],
)
def test_memories_relate_to_a_mac_about_as_eyeriss_found(component: str, size: int, relative: float) -> None:
    """Another chip at another node: within a factor of two is what to expect."""
    ratio = read(memory(component, size, width=16)) / mac(16).actions[0][2]
    assert relative / 2 <= ratio <= relative * 2


@given(component=st.sampled_from(["SRAM", "regfile"]), size=st.integers(1, 2**22), larger=st.integers(0, 2**22))
def test_a_larger_memory_never_costs_less(component: str, size: int, larger: int) -> None:
    small, large = memory(component, 8 * size, width=64), memory(component, 8 * (size + larger), width=64)
    assert read(small) <= read(large)
    assert TABLE.area(small) <= TABLE.area(large)


def test_a_wider_row_costs_in_proportion() -> None:
    narrow, wide = memory("SRAM", 32 * KIB, width=64), memory("SRAM", 32 * KIB, width=512)
    assert read(wide) == 8 * read(narrow)


def test_the_power_law_passes_through_its_points_and_goes_on_beyond_them() -> None:
    points = {1: 1.0, 4: 2.0, 16: 32.0}
    assert [power_law(points, x) for x in (1, 2, 4, 16)] == pytest.approx([1, 2**0.5, 2, 32])
    assert power_law(points, 0.25) == pytest.approx(0.5)
    assert power_law(points, 64) == pytest.approx(512)
    assert power_law({4: 3.0}, 16, exponent=0.5) == pytest.approx(6)


def test_a_table_with_an_ambiguous_law_is_refused() -> None:
    content = TABLE.model_dump()
    content["regfile"]["exponent"] = None
    with pytest.raises(ValueError, match="exponent belongs to a single point"):
        EnergyTable.model_validate(content)


def test_every_figure_of_the_table_has_a_source() -> None:
    assert {"horowitz", "eyeriss", "intel45", "nangate45", "plugin", "stillmaker"} == set(TABLE.sources)


def test_an_unknown_technology_names_those_there_are() -> None:
    arch = ArchSpec.model_validate(small_archs.PLAIN | {"technology": "7nm"})
    with pytest.raises(UnknownNameError, match=r"unknown technology '7nm'; did you mean '45nm'\?"):
        build_ert(arch)


def actions(ert: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Component path to action to energy."""
    return {table["name"]: {a["name"]: a["energy"] for a in table["actions"]} for table in ert["tables"]}


def test_the_ert_of_the_default_spec() -> None:
    """Energies of one row: 64 bits of DRAM, 32 words of the shared buffer, one word of the scratchpad."""
    ert = build_ert(load_arch_spec("edge256"))
    assert ert["version"] == 0.4
    assert actions(ert) == {
        "system.DRAM": {"read": 1300.0, "write": 1300.0, "update": 1300.0, "leak": 0.0},
        "system.chip.GlobalBuffer": {"read": 152.0, "write": 152.0, "update": 152.0, "leak": 0.0},
        **{
            f"system.chip.GlobalBuffer_{tensor}": {"read": 0.0, "write": 0.0, "update": 0.0, "leak": 0.0}
            for tensor in ("Weights", "Inputs", "Outputs")
        },
        "system.chip.PE[0..255].Spad": {"read": 0.45, "write": 0.45, "update": 0.45, "leak": 0.0},
        "system.chip.PE[0..255].MAC": {"compute": 0.25, "leak": 0.0},
    }


def test_the_macs_of_a_pe_are_numbered() -> None:
    paths = actions(build_ert(load_arch_spec("simba")))
    assert "system.chip.PE[0..15].MAC[0..63]" in paths
    assert "system.chip.PE[0..15].AccumulationBuffer" in paths


@pytest.mark.parametrize("name", arch_names())
def test_every_component_of_a_shipped_spec_has_energies_and_an_area(name: str) -> None:
    arch = load_arch(name)
    tables = energy_tables("table", arch)
    assert tables.art is not None
    energies, areas = actions(dict(tables.ert)), {table["name"]: table["area"] for table in tables.art["tables"]}
    assert areas.keys() == energies.keys()
    for component in [*arch.level_names, arch.arithmetic.name]:
        path = arch.component_paths[component]
        assert all(energy > 0 for action, energy in energies[path].items() if action != "leak")
        assert areas[path] > 0 or component == "DRAM"


def test_a_pe_row_farther_out_costs_more_a_word() -> None:
    """What makes reuse worth it: MAC, then PE, then shared buffer, then DRAM."""
    for name in ("edge256", "cloud1024", "eyeriss"):
        arch = load_arch_spec(name)
        a_word = [read(storage_part(level, "45nm")) / level.block_size for level in reversed(arch.loop_levels)]
        assert a_word == sorted(a_word, reverse=True)


def test_energies_of_ones_own_are_read_from_a_file(tmp_path: Path) -> None:
    arch = small_archs.plain()
    path = tmp_path / "ert.yaml"
    path.write_text(yamlio.dump({"ERT": build_ert(arch)}))
    tables = energy_tables(str(path), arch)
    assert tables.source == str(path)
    assert tables.ert == build_ert(arch)
    assert tables.digest == energy_tables("table", arch).digest


def test_energies_that_lack_a_component_are_refused(tmp_path: Path) -> None:
    arch = small_archs.plain()
    ert = build_ert(arch)
    ert["tables"] = [table for table in ert["tables"] if not table["name"].endswith("Spad")]
    path = tmp_path / "ert.yaml"
    path.write_text(yaml.safe_dump({"ERT": ert}))
    with pytest.raises(SpecError, match=r"ERT has no table for system\.chip\.PE\[0\.\.3\]\.Spad"):
        energy_tables(str(path), arch)


@pytest.mark.parametrize("content", [{"ART": {}}, {"ERT": 3}, {"ERT": {"tables": 3}}, [1]])
def test_a_file_that_is_no_ert_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SpecError, match=r"other\.yaml: no ERT with tables"):
        energy_tables(str(path), small_archs.plain())


def test_energies_from_nowhere_are_refused() -> None:
    with pytest.raises(SpecError, match="'nowhere' is none of table, accelergy, hwcomponents and no file"):
        energy_tables("nowhere", small_archs.plain())
