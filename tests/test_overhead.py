"""What flexibility costs in area: counts that follow from the spec, and figures that a user may replace."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_archs import ALL, PLAIN, plain

from flexloop.arch.load import arch_names, load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import RIGID, Axis, Degree, all_classes
from flexloop.energy import build_art
from flexloop.errors import SpecError, UnknownNameError
from flexloop.overhead import (
    axis_area,
    base_area,
    class_area,
    dram_interface_area,
    load_overhead,
    parts,
)
from flexloop.overhead.parts import Parts

SHIPPED = {name: arch for name in arch_names() if isinstance(arch := load_arch(name), ArchSpec)}
SPECS = SHIPPED | {name: make() for name, make in ALL.items()}


def test_the_base_is_every_memory_and_mac_of_the_chip() -> None:
    arch = SHIPPED["edge256"]
    area = {table["name"].rpartition(".")[2]: table["area"] for table in build_art(arch)["tables"]}
    assert base_area(arch) == pytest.approx((area["GlobalBuffer"] + 256 * (area["Spad"] + area["MAC"])) / 1e6)


def test_a_rigid_class_costs_its_base_and_lanes_count_in_it() -> None:
    assert class_area(plain(), RIGID) == base_area(plain())
    assert base_area(ALL["lanes"]()) > base_area(plain())


@pytest.mark.parametrize("name", SPECS)
def test_more_flexibility_never_takes_less_area(name: str) -> None:
    arch = SPECS[name]
    for axis in Axis:
        fixed, part, full = (axis_area(arch, axis, degree) for degree in Degree)
        assert 0 == fixed <= part <= full, axis
        assert full > 0, axis
    areas = {c: class_area(arch, c) for c in all_classes()}
    assert all(areas[a] <= areas[b] for a in areas for b in areas if a <= b)


def test_free_tiles_take_a_register_a_dimension_and_movable_borders() -> None:
    # 32 words in the buffer: 6 bits; 14 in a PE: 4 bits. Two of the three tensors get a base and an adder.
    assert parts(plain(), Axis.TILING, Degree.PART) == {
        "PE": Parts(registers=8 * 4 + 2 * 4, adders=2 * 4),
        "GlobalBuffer": Parts(registers=8 * 6),
    }
    assert parts(plain(), Axis.TILING, Degree.FULL)["GlobalBuffer"] == Parts(registers=8 * 6 + 2 * 6, adders=2 * 6)


def test_free_orders_take_multiplexers_in_the_sequencers_alone() -> None:
    found = parts(plain(), Axis.ORDERING, Degree.FULL)
    assert found == {name: Parts(registers=8 * 3, muxes=8 * 7) for name in ("GlobalBuffer", "DRAM")}
    assert parts(plain(), Axis.ORDERING, Degree.PART)["DRAM"].registers == 2  # three orders


def test_one_partial_order_is_no_choice() -> None:
    ordering = PLAIN["axes"]["ordering"]
    one = PLAIN | {"axes": PLAIN["axes"] | {"ordering": ordering | {"partial": [ordering["fixed"]]}}}
    assert parts(ArchSpec.model_validate(one), Axis.ORDERING, Degree.PART) == {}


def test_free_pairs_take_what_the_fixed_pair_lacks() -> None:
    # C on X and M on Y deliver weights one way, each PE its own. All pairs together deliver weights and outputs in four
    # ways, inputs in three: M alone does not index them, so that no pair gives all PEs the same ones.
    off = ArchSpec.model_validate(PLAIN | {"depthwise": "off"})
    full = parts(off, Axis.PARALLELIZATION, Degree.FULL)["PE"]
    tags = 3 * 2  # four PEs
    assert full.muxes == 3 * 8 + 2 * 8 + 3 * 16 + tags
    assert full.adders == 16  # reduction along Y; C reduces along X in the rigid design too
    # P on X and M on Y, R on X and P on Y: nothing reduces along Y.
    assert parts(off, Axis.PARALLELIZATION, Degree.PART)["PE"].adders == 0


def test_free_shapes_take_lines_and_multiplexers_over_them() -> None:
    found = parts(plain(), Axis.SHAPE, Degree.FULL)  # 1x4, 2x2 and 4x1 instead of 2x2
    assert found["PE"] == Parts(muxes=2 * (8 + 8 + 16))
    assert found["GlobalBuffer"] == Parts(registers=(4 + 4 - 2 - 2) * 32 + 2)


def test_a_model_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = """
technology: 45nm
register_um2_per_bit: 9
mux_um2_per_bit: 0
adder_um2_per_bit: 0
dram_um2_per_byte_per_cycle: 1000
scale: {T: 2}
replace: {S: {1: {per_pe: 100, per_buffer: 40}}}
"""
    path.write_text(text, encoding="utf-8")
    model = load_overhead(path)
    assert axis_area(plain(), Axis.TILING, Degree.PART, model) == pytest.approx(2 * 9 * (4 * 40 + 48) / 1e6)
    assert axis_area(plain(), Axis.SHAPE, Degree.FULL, model) == pytest.approx((4 * 100 + 40) / 1e6)
    assert dram_interface_area(plain(), model) == pytest.approx(4 * 1000 / 1e6)

    path.write_text(text.replace("register_um2_per_bit: 9", "register_um2_per_bit: -1"), encoding="utf-8")
    with pytest.raises(SpecError, match="register_um2_per_bit"):
        load_overhead(path)


def test_a_technology_without_areas_is_refused() -> None:
    other = ArchSpec.model_validate(PLAIN | {"technology": "7nm"})
    with pytest.raises(UnknownNameError, match="technology"):
        class_area(other, RIGID)
    added = axis_area(other, Axis.TILING, Degree.FULL)  # which another source's areas may stand beside
    assert added == pytest.approx(0.059 * axis_area(plain(), Axis.TILING, Degree.FULL))
    with pytest.raises(SpecError, match="no file"):
        load_overhead("nowhere.yaml")
