"""Starting one's own accelerator: the commented spec, and what `check_arch` says of a spec."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import small_archs

from flexloop.arch.load import load_arch_spec
from flexloop.arch.new import new_arch_text, write_new_arch
from flexloop.arch.spec import ArchSpec
from flexloop.checks.archspec import check_arch, nesting_faults
from flexloop.classes import Axis, Degree
from flexloop.errors import OutputError
from flexloop.networks import load_network
from flexloop.workloads.layers import Layer, Network

SMALL = Network(
    name="small",
    layers=(Layer(name="matmul", C=4, M=4, P=2, count=3), Layer(name="indivisible", C=3, P=5)),
)


def test_the_new_spec_is_valid_and_maps_networks_of_every_kind(tmp_path: Path) -> None:
    path = write_new_arch(tmp_path / "mine.yaml")
    arch = load_arch_spec(path)
    assert arch.name == "mine"
    report = check_arch(arch, [load_network(name) for name in ("alexnet", "bert")])
    assert report.ok


def test_the_new_spec_explains_its_fields() -> None:
    text = new_arch_text("chip")
    assert text.count("#") > 30
    for field in ArchSpec.model_fields:
        assert f"{field}:" in text, field


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious", encoding="utf-8")
    with pytest.raises(OutputError, match="exists already"):
        write_new_arch(path)
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_new_arch(tmp_path / "absent" / "mine.yaml")


def test_a_spec_that_maps_everything_is_ok_and_says_so() -> None:
    report = check_arch(small_archs.plain(), [SMALL])
    assert report.ok
    said = " ".join(report.sentences())
    assert "plain4 is valid: 4 PEs, 3 storage levels." in said
    assert "all 2 layers map in every class" in said
    assert "Nesting holds" in said


def test_the_use_of_each_buffer_is_that_of_the_fixed_tile() -> None:
    uses = {use.level: use for use in check_arch(small_archs.plain(), [SMALL]).buffers}
    assert uses["GlobalBuffer"].words == {"Weights": 8, "Inputs": 4, "Outputs": 8}
    assert uses["GlobalBuffer"].limits == {"Weights": 10, "Inputs": 10, "Outputs": 10}
    assert uses["GlobalBuffer"].used == 20 / 32
    assert uses["Spad"].limits == {}


def test_a_layer_too_large_for_the_fixed_tile_is_a_fault_of_fixed_tiling_alone() -> None:
    network = Network(name="strided", layers=(Layer(name="wide", P=2, Wstride=30),))
    report = check_arch(small_archs.plain(), [network])  # two inputs span 31 words; the scratchpad holds 14
    assert not report.ok
    (fault,) = report.faults
    assert fault.classes == "T0"
    assert str(fault).startswith("strided, wide: unmappable in classes with fixed tiling: the tile at Spad needs")
    assert "Inputs 31" in str(fault)


def test_a_buffer_too_small_for_any_tile_is_a_fault_of_every_class() -> None:
    spec = copy.deepcopy(small_archs.PLAIN)
    spec["axes"]["tiling"]["fixed"] = {"Spad": {}, "GlobalBuffer": {}}
    spec["array"]["inner"] = {"X": 2, "x_factors": {"P": 2}}  # two lanes need two outputs' inputs at once
    network = Network(name="net", layers=(Layer(name="wide", P=2, Wstride=30),))
    report = check_arch(ArchSpec.model_validate(spec), [network])
    assert [fault.classes for fault in report.faults] == ["all"]


def test_a_fixed_tile_beyond_its_share_is_reported() -> None:
    network = Network(name="strided", layers=(Layer(name="wide", C=2, P=2, Wstride=10),))
    (check,) = check_arch(small_archs.plain(), [network]).networks
    assert check.beyond_partition == ("wide",)


def test_padding_and_flexion_are_weighted_by_counts() -> None:
    (check,) = check_arch(small_archs.plain(), [SMALL]).networks
    # matmul pads nothing (96 MACs in all); C = 3, P = 5 becomes 4 by 6: 24 MACs for 15
    assert check.padding == (3 * 32 + 24) / (3 * 32 + 15)
    assert check.flexion[Axis.SHAPE, Degree.PART] == pytest.approx(2 / 3)


def test_nesting_faults_name_the_axis() -> None:
    spec = small_archs.plain()
    ordering = spec.axes.ordering.model_copy(update={"partial": spec.axes.ordering.partial[1:]})
    broken = spec.model_copy(update={"axes": spec.axes.model_copy(update={"ordering": ordering})})
    assert nesting_faults(spec, SMALL.layers[0]) == []
    assert nesting_faults(broken, SMALL.layers[0]) == ["O: the fixed value is not among the partial ones"]
