"""The mapspace of a class contains those of its subclasses, shown by listing every mapping of small layers."""

from __future__ import annotations

import pytest
import small_archs
from brute_force import ListedMapping, Listing, list_mappings

from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.lattice import lines
from flexloop.mapspace import mapspace
from flexloop.workloads.layers import Layer

ARCHS = small_archs.ALL | {"buffer_alone": small_archs.buffer_alone}
POINTS = all_classes(degrees=True)
LAYERS = {
    "matmul": Layer(name="matmul", C=4, M=4, P=2),
    "indivisible": Layer(name="indivisible", C=3, M=3),
    "one_word_more": Layer(name="one_word_more", M=3, P=5),
    "depthwise": Layer(name="depthwise", G=4, R=2, P=2),
    "indivisible_depthwise": Layer(name="indivisible_depthwise", G=3, P=3),
    "strided": Layer(name="strided", M=2, R=3, P=2, Wstride=2),
    "dilated_batch": Layer(name="dilated_batch", N=2, R=2, P=3, Wdilation=2),
    "channels": Layer(name="channels", C=3, M=2),
    "channels_alone": Layer(name="channels_alone", C=3),
    "groups_alone": Layer(name="groups_alone", G=3),
    "wide_stride": Layer(name="wide_stride", C=2, P=2, Wstride=10),
    "groups": Layer(name="groups", G=2, C=2, M=3),
}
CASES = [
    *(
        ("plain", layer)
        for layer in LAYERS
        if layer not in ("one_word_more", "channels", "channels_alone", "groups_alone")
    ),
    *(("whole_buffer", layer) for layer in ("matmul", "indivisible", "strided", "wide_stride", "groups")),
    *(("remainder", layer) for layer in ("matmul", "indivisible", "one_word_more", "indivisible_depthwise", "strided")),
    ("buffer_alone", "matmul"),
    ("buffer_alone", "strided"),
    ("row", "depthwise"),
    ("row", "indivisible_depthwise"),
    ("symbols", "strided"),
    ("symbols", "channels"),
    ("padded", "channels_alone"),
    ("padded", "groups_alone"),
    ("own_channels", "depthwise"),
    ("lanes", "one_word_more"),
    ("lanes", "groups"),
    ("lanes", "indivisible_depthwise"),
    ("four_levels", "channels"),
    ("four_levels", "groups_alone"),
]
QUICK = {
    ("plain", "groups"),
    ("whole_buffer", "wide_stride"),
    ("remainder", "indivisible_depthwise"),
    ("buffer_alone", "strided"),
    ("row", "depthwise"),
    ("symbols", "channels"),
    ("padded", "groups_alone"),
    ("own_channels", "depthwise"),
    ("lanes", "groups"),
    ("four_levels", "groups_alone"),
}
"""Cases that are tried with every change: each arch once."""


def _mappings(arch: str, layer: str, flexclass: FlexClass) -> frozenset[ListedMapping]:
    return Listing(ARCHS[arch](), LAYERS[layer]).of(flexclass)


@pytest.mark.parametrize(
    ("arch", "layer"),
    [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in CASES],
)
def test_every_point_contains_the_points_just_below_it(arch: str, layer: str) -> None:
    """For all 81 points; what holds for immediate neighbours holds for the whole lattice."""
    listed = Listing(ARCHS[arch](), LAYERS[layer])
    for below, point in lines(POINTS):
        outside = listed.of(below) - listed.of(point)
        assert not outside, f"{below} has {len(outside)} mappings that {point} lacks, such as {min(outside, key=str)}"


@pytest.mark.parametrize(("arch", "layer"), [case for case in CASES if case[0] != "row"])
def test_the_rigid_class_has_exactly_one_mapping(arch: str, layer: str) -> None:
    assert len(list_mappings(mapspace(RIGID, ARCHS[arch](), LAYERS[layer]))) == 1


def test_tiling_frees_no_more_than_the_levels_that_the_spec_names() -> None:
    """The tile in a PE stays at two outputs, and the mappings are those of the plain arch that have it so."""
    free = RIGID.replace(Axis.TILING, Degree.FULL)
    some, all_of_them = (_mappings(arch, "matmul", free) for arch in ("buffer_alone", "plain"))
    assert 1 < len(some) < len(all_of_them)
    assert some < all_of_them


@pytest.mark.parametrize("axis", Axis)
def test_each_degree_adds_mappings(axis: Axis) -> None:
    """No degree is a mere name: on a layer that can use it, each step up an axis adds mappings."""
    sizes = [len(_mappings("plain", "matmul", FULLY_FLEXIBLE.replace(axis, degree))) for degree in Degree]
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_fixed_tile_that_overflows_only_the_partition_stays_in_partial_tiling() -> None:
    """A stride of 10 makes two inputs span 11 words: the fixed tile fits the buffer, but not the inputs' share."""
    rigid = _mappings("plain", "wide_stride", RIGID)
    assert len(rigid) == 1
    assert rigid < _mappings("plain", "wide_stride", RIGID.replace(Axis.TILING, Degree.PART))
