"""Flexion: counts against brute force, closed forms against enumeration, and what must hold on the whole lattice."""

from __future__ import annotations

import copy
import itertools
from fractions import Fraction
from math import comb, isinf, log10

import pytest
import small_archs
from brute_force import Listing, list_mappings, tile_tuples

from flexloop.arch.spec import ArchSpec
from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.flexibility import (
    Estimate,
    LayerFlexion,
    Sampling,
    class_hardware_flexion,
    count_mappings,
    count_tilings,
    flexion_cells,
    flexion_table,
    hardware_choices,
    hardware_flexion,
)
from flexloop.flexibility.intervals import wilson
from flexloop.flexibility.tilings import exact_tilings, sampled_tilings
from flexloop.lattice import lines
from flexloop.mapspace import mapspace
from flexloop.workloads.layers import DIMENSIONS, Layer, Network

LAYERS = [
    Layer(name="matmul", C=4, M=4, P=2),
    Layer(name="indivisible", C=3, P=5),
    Layer(name="depthwise", G=4, R=2),
    Layer(name="wide_stride", C=2, P=2, Wstride=10),
]
EVERY_ARCH = [pytest.param(make(), id=name) for name, make in small_archs.ALL.items()]
POINTS = all_classes(degrees=True)
EVERY_LAYER = [pytest.param(layer, id=layer.name) for layer in LAYERS]


def by_name(name: str) -> Layer:
    return next(layer for layer in LAYERS if layer.name == name)


# -- hardware flexion --------------------------------------------------------------------------------------------------


def arch_with_buffer(words: int, shares: dict[str, str]) -> ArchSpec:
    """The small arch with fixed tiles of one word, so that a buffer of any size holds them."""
    spec = copy.deepcopy(small_archs.PLAIN)
    spec["levels"][1] |= {"width": 8, "depth": words}
    spec["axes"]["tiling"] = {"fixed": {"Spad": {}, "GlobalBuffer": {}}, "partial": shares}
    return ArchSpec.model_validate(spec)


def test_equal_thirds_of_a_shared_buffer_keep_six_27ths_of_its_footprints() -> None:
    third = {"Weights": "1/3", "Inputs": "1/3", "Outputs": "1/3"}
    arch = arch_with_buffer(3 * 2**20, third)
    assert float(hardware_flexion(arch, Axis.TILING, Degree.PART)) == pytest.approx(6 / 27, rel=1e-5)
    assert hardware_choices(arch, Axis.TILING, Degree.FIXED) == 1
    assert hardware_choices(arch, Axis.TILING, Degree.FULL) == comb(3 * 2**20, 3)


@pytest.mark.parametrize("shares", [("1/3", "1/3", "1/3"), ("1/2", "1/4", "1/4"), ("3/4", "1/8", "1/8")])
def test_footprints_equal_those_that_are_listed(shares: tuple[str, str, str]) -> None:
    words = 33
    arch = arch_with_buffer(words, dict(zip(("Weights", "Inputs", "Outputs"), shares, strict=True)))
    triples = [t for t in itertools.product(range(1, words + 1), repeat=3) if sum(t) <= words]
    limits = [int(words * Fraction(share)) for share in shares]
    within = [t for t in triples if all(size <= limit for size, limit in zip(t, limits, strict=True))]
    assert hardware_choices(arch, Axis.TILING, Degree.FULL) == len(triples)
    assert hardware_choices(arch, Axis.TILING, Degree.PART) == len(within)


def test_a_tensor_that_bypasses_the_buffer_is_no_part_of_the_footprint() -> None:
    arch = small_archs.lanes()  # its buffer of 32 words keeps inputs and outputs
    assert hardware_choices(arch, Axis.TILING, Degree.FULL) == comb(32, 2)
    assert hardware_choices(arch, Axis.TILING, Degree.PART) == 16 * 16


def test_orders_assignments_and_shapes_of_the_hardware() -> None:
    arch = small_archs.plain()
    assert hardware_flexion(arch, Axis.ORDERING, Degree.PART) == Fraction(3, 40320**2)
    assert hardware_flexion(arch, Axis.PARALLELIZATION, Degree.FIXED) == Fraction(1, 3**8)
    assert [hardware_choices(arch, Axis.SHAPE, degree) for degree in Degree] == [1, 2, 3]  # 2x2, 4x1, 1x4


# -- workload flexion against brute force ------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", EVERY_ARCH)
@pytest.mark.parametrize("layer", EVERY_LAYER)
@pytest.mark.parametrize("degree", Degree)
def test_tile_tuples_equal_those_of_the_listed_mappings(arch: ArchSpec, layer: Layer, degree: Degree) -> None:
    """Of classes that free nothing else: with free parallelism a fixed tile per unit has many footprints."""
    if arch.depthwise == "on_both_axes":
        pytest.skip("such a layer has a further tile on one row of all PEs")
    variants = mapspace(RIGID.replace(Axis.TILING, degree), arch, layer).variants
    listed = set().union(*(tile_tuples(variant) for variant in variants))
    assert count_tilings(arch, layer)[degree] == Estimate.exactly(len(listed))


def test_orders_of_a_layer_are_those_of_its_dimensions() -> None:
    arch, layer = small_archs.plain(), by_name("matmul")  # C, M and P
    counts = [LayerFlexion(arch, layer).choices(Axis.ORDERING, degree).value for degree in Degree]
    assert counts == [1, 3, 6 * 6]
    inputs_only = Layer(name="l", P=4)
    assert [LayerFlexion(arch, inputs_only).choices(Axis.ORDERING, degree).value for degree in Degree] == [1, 1, 1]


def test_assignments_of_a_layer_are_those_of_its_dimensions() -> None:
    arch = small_archs.plain()  # pairs C|M, P|M and R|P
    counts = [LayerFlexion(arch, by_name("matmul")).choices(Axis.PARALLELIZATION, degree).value for degree in Degree]
    assert counts == [1, 3, 3**3]
    only_m = [LayerFlexion(arch, Layer(name="l", M=4)).choices(Axis.PARALLELIZATION, degree).value for degree in Degree]
    assert only_m == [1, 2, 3]  # M on Y, or nothing
    depthwise = [LayerFlexion(arch, by_name("depthwise")).choices(Axis.PARALLELIZATION, d).value for d in Degree]
    assert depthwise == [1, 2, 3**2]  # G on Y for the two pairs with M there, R on X


@pytest.mark.parametrize(
    ("arch", "layer"),
    [
        pytest.param(
            arch.values[0],
            layer.values[0],
            id=f"{layer.id}-{arch.id}",
            marks=() if (place + number) % 3 == 0 else pytest.mark.slow,
        )
        for place, layer in enumerate(EVERY_LAYER)
        for number, arch in enumerate(EVERY_ARCH)
    ],
)
def test_sizes_of_mapspaces_equal_those_of_the_listed_mappings(arch: ArchSpec, layer: Layer) -> None:
    """Orders apart: exactly with fixed tiles, within an interval that fails once in a million otherwise."""
    sampling = Sampling(samples=4000, confidence=1 - 1e-6)
    listing = Listing(arch, layer)
    for point in (p for p in POINTS if p.ordering is Degree.FIXED and p.shape is not Degree.PART):
        listed = len(listing.of(point))
        counted = count_mappings(arch, layer, point, sampling)
        if point.tiling is Degree.FIXED:
            assert counted == Estimate.exactly(listed), point
        assert counted.low <= listed * (1 + 1e-12) and listed <= counted.high * (1 + 1e-12), point


@pytest.mark.parametrize("arch", EVERY_ARCH)
def test_the_rigid_class_has_one_mapping(arch: ArchSpec) -> None:
    layer = Layer(name="l", C=3, M=5, P=7)
    assert count_mappings(arch, layer, RIGID) == Estimate.exactly(1)


# -- the lattice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arch",
    [
        pytest.param(each.values[0], id=each.id, marks=() if each.id in ("plain", "remainder") else pytest.mark.slow)
        for each in EVERY_ARCH
    ],
)
def test_flexion_is_monotone_on_the_lattice(arch: ArchSpec) -> None:
    hardware = {point: class_hardware_flexion(arch, point) for point in POINTS}
    layers = [LayerFlexion(arch, layer, Sampling(samples=1)) for layer in LAYERS]
    workload = {point: [layer.of(point).workload.value for layer in layers] for point in POINTS}
    for below, point in lines(POINTS):
        assert hardware[below] <= hardware[point], (below, point)
        assert all(a <= b for a, b in zip(workload[below], workload[point], strict=True)), (below, point)


def test_full_flexibility_has_flexion_one() -> None:
    flexion = LayerFlexion(small_archs.plain(), by_name("matmul")).of(FULLY_FLEXIBLE)
    assert flexion.hardware == 1
    assert flexion.workload == flexion.direct == Estimate.exactly(1.0)


def test_a_class_that_gives_up_order_alone_is_known_exactly() -> None:
    flexion = LayerFlexion(small_archs.plain(), by_name("matmul")).of(FlexClass.parse("T1OpP1S1"))
    assert flexion.direct == flexion.workload == Estimate.exactly(3 / 36)


def test_an_unmappable_layer_has_no_flexion_with_fixed_tiles() -> None:
    arch, layer = small_archs.lanes(), by_name("wide_stride")  # its fixed tile overflows the scratchpad
    measured = LayerFlexion(arch, layer)
    assert measured.axis(Axis.TILING, Degree.FIXED).workload == Estimate.exactly(0)
    assert measured.axis(Axis.TILING, Degree.PART).workload.value > 0
    assert isinf(count_mappings(arch, layer, RIGID).log10)


# -- Monte Carlo -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_the_exact_count_at_their_stated_rate(confidence: float) -> None:
    """Over 400 seeds; the rate itself is then known to within 4 points or so."""
    arch, layer = small_archs.plain(), Layer(name="l", C=6, M=12, P=8, Q=4)
    counts = exact_tilings(arch, layer)
    assert counts is not None
    covered = 0
    for seed in range(400):
        estimate = sampled_tilings(arch, layer, Sampling(500, seed, confidence), partitioned=True)
        covered += estimate.low <= counts.partitioned <= estimate.high
    assert covered / 400 == pytest.approx(confidence, abs=0.06)


@pytest.mark.slow
def test_direct_shares_cover_the_exact_share_at_least_at_the_stated_rate() -> None:
    arch, layer, point = small_archs.plain(), by_name("matmul"), FlexClass.parse("TpO0PpS0")
    exact = len(set(list_mappings(mapspace(point, arch, layer)))) / len(
        {
            (m.shape, m.bounds, _factors(m.temporal), m.x, m.y)
            for m in list_mappings(mapspace(FULLY_FLEXIBLE, arch, layer))
        }
    )
    exact /= 6 * 6  # orders of C, M and P at the two levels
    covered = 0
    for seed in range(200):
        share = LayerFlexion(arch, layer, Sampling(500, seed, 0.8)).of(point).direct
        covered += share.low <= exact <= share.high
    assert covered / 200 >= 0.8


def _factors(temporal: tuple[tuple[tuple[str, int], ...], ...]) -> tuple[tuple[tuple[str, int], ...], ...]:
    return tuple(tuple(sorted(loops)) for loops in temporal)


def test_estimates_depend_on_the_seed_and_on_nothing_else() -> None:
    arch, layer = small_archs.plain(), Layer(name="l", C=6, M=12, P=8, Q=4)
    first, again, other = (sampled_tilings(arch, layer, Sampling(500, seed), partitioned=False) for seed in (7, 7, 8))
    assert first == again != other


def test_lattices_too_large_to_count_are_sampled() -> None:
    arch, layer = small_archs.plain(), Layer(name="l", C=6, M=12, P=8)
    assert exact_tilings(arch, layer, limit=10) is None
    huge = Layer(name="huge", **dict.fromkeys(DIMENSIONS, 2**2 * 3**2 * 5))
    estimate = count_tilings(arch, huge)[Degree.FULL]
    assert not estimate.exact and estimate.low <= estimate.value <= estimate.high


def test_a_layer_that_fits_nowhere_has_no_tile_tuples() -> None:
    spec = copy.deepcopy(small_archs.PLAIN)
    spec["axes"]["tiling"]["fixed"] = {"Spad": {}, "GlobalBuffer": {}}
    spec["array"]["inner"] = {"X": 2, "x_factors": {"P": 2}}  # two lanes need 31 inputs at once; the PE holds 14 words
    arch, layer = ArchSpec.model_validate(spec), Layer(name="wide", P=2, Wstride=30)
    assert set(count_tilings(arch, layer).values()) == {Estimate.exactly(0)}
    assert count_mappings(arch, layer, FULLY_FLEXIBLE) == Estimate.exactly(0)
    assert LayerFlexion(arch, layer).of(RIGID).direct == Estimate.exactly(0)


def test_wilson_interval_stays_within_zero_and_one() -> None:
    assert wilson(0, 50, 0.95)[0] == 0.0
    assert wilson(50, 50, 0.95)[1] == 1.0
    assert 0 < wilson(0, 50, 0.95)[1] < 0.1


# -- the table ---------------------------------------------------------------------------------------------------------

NETWORK = Network(
    name="two_layers",
    layers=(Layer(name="matmul", C=4, M=4, P=2, count=3), Layer(name="indivisible", C=3, P=5)),
)


def test_a_networks_flexion_is_the_mean_over_its_layers_weighted_by_count() -> None:
    frame = flexion_table(small_archs.plain(), [NETWORK], FlexClass.parse("TpO0P1S0"))
    tiling = frame[frame["axis"] == "T"]
    first, second = tiling[tiling["scope"] == "layer"]["w_f"].tolist()
    network = tiling[tiling["scope"] == "network"].to_dict("records")[0]
    hardware = tiling[tiling["scope"] == "hardware"].to_dict("records")[0]
    assert network["w_f"] == pytest.approx((3 * first + second) / 4)
    assert network["count"] == 4
    assert network["h_f"] == hardware["h_f"]


def test_the_table_holds_every_degree_and_class_unless_one_is_given() -> None:
    everything = flexion_table(small_archs.plain(), [NETWORK])
    network = everything[everything["scope"] == "network"]
    assert len(network) == 4 * 3 + 16
    one = flexion_table(small_archs.plain(), [NETWORK], FlexClass.parse("T1O0P1S0"))
    assert list(one[one["scope"] == "network"]["axis"]) == ["T", "O", "P", "S", "all"]
    alone = flexion_table(small_archs.plain())
    assert set(alone["scope"]) == {"hardware"}
    sizes = alone.set_index(["axis", "degree"])["log10_choices"]
    assert sizes["P", "1"] == pytest.approx(log10(3**8))
    assert sizes["all", "T0O0P1S1"] == pytest.approx(log10(3**8 * 3))


def test_cells_show_intervals_only_where_there_are_any() -> None:
    network = Network(name="large", layers=(Layer(name="matmul", C=64, M=64, P=64),))
    frame = flexion_table(small_archs.plain(), [network], FlexClass.parse("T1O0P1S0"))
    columns, cells = flexion_cells(frame[frame["scope"] == "network"])
    assert all(len(row) == len(columns) for row in cells)
    by_axis = {row[2]: dict(zip(columns, row, strict=True)) for row in cells}
    assert by_axis["S"]["W-F"] == "0.333"
    assert " to " in by_axis["all"]["direct estimate"]
