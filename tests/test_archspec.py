"""Arch specs: the shipped ones against their papers and every network, and what wrong ones are answered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from math import inf, isfinite
from pathlib import Path
from typing import Any

import pytest
import small_archs
import yaml
from docsite import reference
from pydantic import BaseModel, ValidationError

from flexloop.arch import fields as archfields
from flexloop.arch.design.model import Design
from flexloop.arch.fields import Shape, StorageLevel
from flexloop.arch.load import arch_names, load_arch, load_arch_spec
from flexloop.arch.parameters import with_parameters
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import fixed_tiles
from flexloop.errors import FlexloopError, SpecError, UnknownNameError
from flexloop.networks import load_network, network_names
from flexloop.workloads.layers import DIMENSIONS, Layer, tile_size

Edit = Callable[[dict[str, Any]], None]

# -- the shipped specs -----------------------------------------------------------------------------------------------


DESIGN_POINTS = ["cloud1024", "edge256", "eyeriss", "nvdla", "simba", "tpu"]
"""The specs that the studies of the documentation are about; the others stand for entries of the catalogue."""

SPECS = [name for name in arch_names() if isinstance(load_arch(name), ArchSpec)]
"""Those in the compact form; the others are Timeloop designs."""
AUTHORS = ["kao_dla", "kao_eye", "kao_tpu"]
"""The bases of the class files of the formalism's authors, which nothing limits."""


def test_shipped_specs_load_under_their_own_names() -> None:
    assert set(SPECS) > {*DESIGN_POINTS, *AUTHORS}
    assert [load_arch(name).name for name in arch_names()] == arch_names()


@pytest.mark.parametrize("name", SPECS)
def test_a_shipped_spec_is_cited_and_has_three_levels_with_loops(name: str) -> None:
    arch = load_arch_spec(name)
    assert arch.sources and arch.description
    assert len(arch.loop_levels) == 3


@pytest.mark.parametrize("name", AUTHORS)
def test_nothing_limits_the_authors_bases(name: str) -> None:
    arch = load_arch_spec(name)
    assert arch.pes == 1024
    assert all(level.capacity is None for level in arch.levels)
    assert all(level.read_bandwidth == level.write_bandwidth == inf for level in arch.levels)


@pytest.mark.parametrize("name", DESIGN_POINTS)
def test_a_design_point_is_bandwidth_limited_and_has_choices_in_part(name: str) -> None:
    arch = load_arch_spec(name)
    assert all(isfinite(level.read_bandwidth) and isfinite(level.write_bandwidth) for level in arch.levels)
    assert len(arch.axes.ordering.partial) == 3
    assert len(arch.axes.parallelization.partial) >= 2


@pytest.mark.parametrize(
    ("name", "shape", "lanes", "kib"),
    [
        ("edge256", (16, 16), 1, {"GlobalBuffer": 128, "Spad": 0.5}),
        ("cloud1024", (32, 32), 1, {"GlobalBuffer": 1024, "Spad": 0.5}),
        (
            "eyeriss",  # 108 KB in all, 8 of them for prefetched weights; 224, 12 and 24 words of 16 bits a PE
            (14, 12),
            1,
            {"GlobalBuffer": 100, "WeightSpad": 448 / 1024, "InputSpad": 24 / 1024, "OutputSpad": 48 / 1024},
        ),
        ("nvdla", (64, 32), 1, {"ConvolutionBuffer": 512, "Accumulators": 17, "WeightRegister": 2 / 1024}),
        ("tpu", (256, 256), 1, {"UnifiedBuffer": 24 * 1024, "Accumulators": 4 * 1024}),
        ("simba", (4, 4), 64, {"GlobalBuffer": 64, "WeightBuffer": 32, "InputBuffer": 8, "AccumulationBuffer": 3}),
    ],
)
def test_sizes_are_those_of_the_papers(name: str, shape: tuple[int, int], lanes: int, kib: dict[str, float]) -> None:
    arch = load_arch_spec(name)
    assert arch.axes.shape.fixed == Shape(X=shape[0], Y=shape[1])
    assert arch.lanes == lanes
    for level, size in kib.items():
        assert _bytes(arch.level(level)) == size * 1024


def _bytes(level: StorageLevel) -> float:
    assert level.depth is not None
    return level.depth * level.width / 8


# Hard on buffers: tall filters, large strides, dilation, depthwise layers whose groups take the output channels' tile.
HARD_LAYERS = [
    Layer(name="conv11x11s4", C=3, M=96, R=11, S=11, P=55, Q=55, Wstride=4, Hstride=4),
    Layer(name="conv7x7s2", C=3, M=64, R=7, S=7, P=112, Q=112, Wstride=2, Hstride=2),
    Layer(name="conv3x3s2", C=512, M=512, R=3, S=3, P=112, Q=112, Wstride=2, Hstride=2),
    Layer(name="patches16x16", C=3, M=1024, R=16, S=16, P=14, Q=14, Wstride=16, Hstride=16),
    Layer(name="dilated2", C=512, M=512, R=3, S=3, P=28, Q=28, Wdilation=2, Hdilation=2),
    Layer(name="depthwise5x5s2", G=960, R=5, S=5, P=56, Q=56, Wstride=2, Hstride=2),
    Layer(name="large_batch", N=64, C=512, M=512, R=3, S=3, P=28, Q=28),
    Layer(name="large_matmul", C=14336, M=14336, P=8192),
    Layer(name="attention", G=128, C=128, M=131072, P=4096),
]
EYERISS_CANNOT = {"dilated2"}
"""A PE keeps a row of three taps of four channels in 12 words; two taps apart, they span 20."""


network_of = cache(load_network)


@cache
def shipped_layers() -> dict[str, Layer]:
    """The layers of all shipped networks by network and name, those of one shape once."""
    shapes = {
        layer.shape_key: (f"{name}: {layer.name}", layer)
        for name in network_names()
        for layer in network_of(name).layers
    }
    return dict(shapes.values())


@pytest.mark.parametrize("name", SPECS)
def test_the_fixed_tiles_of_a_shipped_spec_fit_every_shipped_network(name: str) -> None:
    arch = load_arch_spec(name)
    too_large = {where: _too_large(arch, layer) for where, layer in shipped_layers().items()}
    assert {where: reasons for where, reasons in too_large.items() if reasons} == {}


@pytest.mark.parametrize("name", SPECS)
def test_the_fixed_tiles_of_a_shipped_spec_fit_hard_layers(name: str) -> None:
    arch = load_arch_spec(name)
    too_large = {layer.name for layer in HARD_LAYERS if _too_large(arch, layer)}
    assert too_large == (EYERISS_CANNOT if name == "eyeriss" else set())


def _too_large(arch: ArchSpec, layer: Layer) -> list[str]:
    """Where a layer's fixed tile exceeds a buffer or its partition; computed from the spec's levels alone."""
    reasons = []
    loop_level = -1
    for level in arch.inner_to_outer[:-1]:
        loop_level += level.loops
        tile = fixed_tiles(arch, layer).tiles[loop_level]
        words = {tensor: tile_size(tensor, tile, layer.coefficients) for tensor in level.keep}
        if level.capacity is not None and sum(words.values()) > level.capacity:
            reasons.append(f"{level.name}: {words} in {level.capacity}")
        if loop_level == arch.array_index:
            limits = {tensor: arch.partition()[tensor] for tensor in level.keep}
            reasons += [f"share of {t}: {words[t]} in {limits[t]}" for t in words if words[t] > limits[t]]
    return reasons


@pytest.mark.parametrize(
    ("name", "share"), [*((name, 1.0) for name in DESIGN_POINTS if name != "eyeriss"), ("eyeriss", 0.25)]
)
def test_the_rigid_design_suits_the_networks_of_its_time(name: str, share: float) -> None:
    """The part of the array that the fixed tiles unroll on a middle layer of VGG-16 (Eyeriss: 3 of 12 rows)."""
    arch = load_arch_spec(name)
    layer = next(layer for layer in load_network("vgg16").layers if (layer.C, layer.M, layer.P) == (256, 256, 56))
    pair, shape = arch.axes.parallelization.fixed, arch.axes.shape.fixed
    fixed = fixed_tiles(arch, layer)
    assert fixed.spatial_factor(pair.X, shape.X) * fixed.spatial_factor(pair.Y, shape.Y) == share * arch.pes


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_spec_of_ones_own_is_read_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(small_archs.PLAIN | {"name": "mine"}))
    assert load_arch_spec(path).name == "mine"
    path.write_text(yaml.safe_dump(small_archs.PLAIN | {"name": "edited"}))
    assert load_arch_spec(str(path)).name == "edited"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown arch spec 'edge-256'; did you mean 'edge256'\?"):
        load_arch_spec("edge-256")


def test_a_missing_file_is_answered_with_the_shipped_names(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file; shipped ones go by name: brainwave, cambricon, cloud1024"):
        load_arch_spec(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("text", ["[1, 2]", "edge256", ""])
def test_a_file_that_holds_no_fields_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(FlexloopError, match=r"list\.yaml"):
        load_arch_spec(path)


def test_what_a_spec_says_of_its_levels() -> None:
    arch = small_archs.lanes()
    assert [level.name for level in arch.inner_to_outer] == ["Spad", "WeightSpad", "GlobalBuffer", "DRAM"]
    assert [level.name for level in arch.loop_levels] == ["Spad", "GlobalBuffer", "DRAM"]
    assert [[level.name for level in group] for group in arch.buffer_groups] == [
        ["Spad", "WeightSpad"],
        ["GlobalBuffer"],
    ]
    assert arch.level("GlobalBuffer").bypass == ("Weights",)
    assert (arch.pes, arch.lanes, arch.inner_factors["C"]) == (4, 2, 2)


def test_the_partition_is_a_share_of_the_buffer_that_keeps_the_tensor() -> None:
    assert load_arch_spec("eyeriss").partition() == {"Inputs": 51200 * 3 // 4, "Outputs": 51200 // 4}
    assert load_arch_spec("nvdla").partition() == {"Weights": 2**19 * 3 // 8, "Inputs": 2**19 * 5 // 8, "Outputs": 4096}


def test_capacity_is_what_multiple_buffering_leaves() -> None:
    accumulators = load_arch_spec("tpu").level("Accumulators")
    assert accumulators.block_size == 256
    assert accumulators.capacity == 4096 * 256 // 2
    assert load_arch_spec("tpu").levels[0].capacity is None


@pytest.mark.parametrize("share", ["1/3", 0.5, 1])
def test_shares_are_exact_fractions(share: object) -> None:
    def edit(spec: dict[str, Any]) -> None:
        spec["axes"]["tiling"]["fixed"] = {"Spad": {}, "GlobalBuffer": {}}
        spec["axes"]["tiling"]["partial"] = {"Inputs": share, "Outputs": "1/4"}
        spec["levels"][1]["keep"] = ["Inputs", "Outputs"]

    if share == 1:
        with pytest.raises(ValidationError, match=r"the shares of GlobalBuffer add up to 5/4, above 1"):
            _edited(edit)
    else:
        assert _edited(edit).axes.tiling.partial["Inputs"] == Fraction(str(share))


@pytest.mark.parametrize("value", ["off", False])
def test_an_unquoted_off_means_off(value: object) -> None:
    assert ArchSpec.model_validate(small_archs.PLAIN | {"depthwise": value}).depthwise == "off"


# -- wrong specs ------------------------------------------------------------------------------------------------------


def _edited(edit: Edit) -> ArchSpec:
    spec = copy.deepcopy(small_archs.PLAIN)
    edit(spec)
    return ArchSpec.model_validate(spec)


def _set(*path: str | int, to: object) -> Edit:
    def edit(spec: dict[str, Any]) -> None:
        place: Any = spec
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return edit


def _whole_buffers(**tile: int | str) -> Edit:
    """Tiles read as what the buffers hold in all."""

    def edit(spec: dict[str, Any]) -> None:
        spec["pins"] = "buffer"
        spec["axes"]["tiling"]["fixed"]["GlobalBuffer"] = tile

    return edit


WRONG: list[tuple[Edit, str]] = [
    (_set("tecnology", to="45nm"), "unknown field 'tecnology'; did you mean 'technology'?"),
    (_set("levels", 2, "dpth", to=3), "levels[2]: unknown field 'dpth'; did you mean 'depth'?"),
    (_set("levels", 1, "zzz", to=3), "levels[1]: unknown field 'zzz'; known: name, class, datawidth, width"),
    (lambda spec: spec.pop("axes"), "axes is missing"),
    (_set("levels", 1, "datawidth", to="eight"), "levels[1].datawidth: 'eight': Input should be a valid integer"),
    (
        _set("levels", 0, "read_bandwidth", to=float("inf")),
        "levels[0].read_bandwidth: inf is no finite number; write `unlimited` where nothing limits it",
    ),
    (_set("levels", 0, "read_bandwidth", to=-1), "levels[0].read_bandwidth: -1: Input should be greater than 0"),
    (_set("levels", 1, "class", to="flash"), "levels[1].class: 'flash': Input should be 'DRAM', 'SRAM' or 'regfile'"),
    (_set("levels", 1, "width", to=17), "levels[1]: width 17 is not a multiple of datawidth 8"),
    (_set("levels", 1, "keep", to=[]), "levels[1]: keep is empty"),
    (_set("levels", 2, "name", to="GlobalBuffer"), "levels: the name 'GlobalBuffer' stands twice"),
    (_set("levels", 1, "depth", to=None), "levels: GlobalBuffer has no depth; give one, or `depth: unlimited`"),
    (_set("levels", 0, "depth", to=5), "levels: the outermost, DRAM, must keep all tensors, have loops and no depth"),
    (_set("levels", 1, "class", to="DRAM"), "levels: GlobalBuffer is DRAM below the outermost level"),
    (_set("levels", 2, "loops", to=False), "levels: the innermost, Spad, must have loops"),
    (_set("array", "below", to="Nowhere"), "array.below: 'Nowhere' is no storage level with loops"),
    (_set("array", "below", to="Spad"), "array.below: 'Spad' must stand between the outermost and the innermost"),
    (
        _set("array", "inner", to={"X": 2, "x_factors": {"C": 2}, "y_factors": {"C": 1}}),
        "array.inner: C stands in x_factors and in y_factors",
    ),
    (_set("array", "inner", to={"X": 2, "x_factors": {"C": 3}}), "array.inner: x_factors multiply to 3, above X = 2"),
    (
        _set("axes", "tiling", "fixed", to={"Spad": {}}),
        "axes.tiling.fixed: give a tile for each of ['GlobalBuffer', 'Spad'] and no other level",
    ),
    (
        _whole_buffers(C=3, M=4, P=2),
        "axes.tiling.fixed.GlobalBuffer.C: 3 is not a multiple of 2, the tile of Spad times the array's extent along C",
    ),
    (
        _whole_buffers(C="bound"),
        "axes.tiling.fixed.GlobalBuffer.C: 'bound' needs `pins: unit`; write a number here",
    ),
    (
        _set("axes", "tiling", "fixed", "GlobalBuffer", "P", to=300),
        "axes.tiling.fixed.GlobalBuffer: the tile needs Weights 8 + Inputs 1,200 + Outputs 2,400 = 3,608 words, "
        "but GlobalBuffer holds ",
    ),
    (
        _set("axes", "tiling", "partial", to={"Weights": "2/5", "Inputs": "1/2", "Outputs": "1/10"}),
        "axes.tiling.partial.Outputs: GlobalBuffer's fixed tile needs 8 words, above the share 1/10 of GlobalBuffer, "
        "3 words; shrink the tile or enlarge the share",
    ),
    (
        _set("axes", "tiling", "partial", to={"Weights": "1/2", "Inputs": "1/2", "Outputs": "1/2"}),
        "axes.tiling.partial: the shares of GlobalBuffer add up to 3/2, above 1",
    ),
    (
        _set("axes", "tiling", "partial", to={"Weights": "1/2", "Inputs": "1/2"}),
        "axes.tiling.partial: Outputs, which a buffer at GlobalBuffer keeps, has no share",
    ),
    (
        _set("axes", "tiling", "partial", "Weights", to="half"),
        "axes.tiling.partial.Weights: 'half' is no finite number and no fraction such as 1/3",
    ),
    (
        _set("axes", "ordering", "fixed", "DRAM", to="PQNRSCM"),
        "axes.ordering.fixed.DRAM: 'PQNRSCM' is no permutation of NGCMRSPQ",
    ),
    (
        _set("axes", "ordering", "partial", 1, "Spad", to="PQNRSCMG"),
        "axes.ordering.partial[1]: give a permutation for each of ['DRAM', 'GlobalBuffer']",
    ),
    (
        _set("axes", "ordering", "fixed", "DRAM", to="GMCSRNQP"),
        "axes.ordering.partial: the fixed order must be among the partial ones",
    ),
    (
        _set("axes", "parallelization", "fixed", to={"X": "P", "Y": "P"}),
        "axes.parallelization.fixed: X and Y both unroll P: a dimension lies on one mesh axis only",
    ),
    (
        _set("axes", "parallelization", "fixed", to={"X": "M", "Y": "C"}),
        "axes.parallelization.partial: the fixed pair must be among the partial ones",
    ),
    (_set("axes", "shape", "fixed", to={"X": 1, "Y": 1}), "axes.shape.fixed: an array needs at least 2 PEs"),
    (_set("axes", "shape", "block", to={"X": 2, "Y": 4}), "axes.shape.block: 2x4 does not tile the fixed shape 2x2"),
]


@pytest.mark.parametrize(("edit", "answer"), WRONG, ids=[answer[:60] for _, answer in WRONG])
def test_a_wrong_spec_is_answered_with_file_field_and_reason(tmp_path: Path, edit: Edit, answer: str) -> None:
    spec = copy.deepcopy(small_archs.PLAIN)
    edit(spec)
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(spec))
    with pytest.raises(SpecError) as caught:
        load_arch_spec(path)
    assert str(caught.value).startswith(f"{path}: {answer}")
    assert "flexloop arch fields" in str(caught.value)


def test_every_fault_of_a_spec_has_a_line_of_its_own(tmp_path: Path) -> None:
    spec = copy.deepcopy(small_archs.PLAIN)
    spec["levels"][1]["width"] = "wide"
    spec["edge"] = "cut"
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(spec))
    with pytest.raises(SpecError) as caught:
        load_arch_spec(path)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == ["levels[1].width", "edge"]


def test_the_reference_has_every_field() -> None:
    text = reference.pages()["reference/arch.md"]
    models: list[type[BaseModel]] = [ArchSpec]
    models += [m for m in vars(archfields).values() if isinstance(m, type) and issubclass(m, BaseModel)]
    fields = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert {field for field in fields if f"`{field}`" not in text} == set()


def test_the_shipped_specs_stay_valid_yaml_without_a_reader_of_our_own() -> None:
    for path in (Path(__file__).parents[1] / "arch_specs").glob("*.yaml"):
        content = yaml.safe_load(path.read_text())
        if "architecture" in content:
            assert Design.model_validate(content).level_names[-1] == "DRAM"
            continue
        spec = ArchSpec.model_validate(with_parameters(content, {}, path))
        assert set(spec.axes.ordering.fixed["DRAM"]) == set(DIMENSIONS)
