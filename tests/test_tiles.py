"""Fixed tiles on layers that they do not divide, and the bounds that free tiles may be padded to."""

from __future__ import annotations

import copy
from math import ceil

import pytest
import small_archs
from hypothesis import assume, given
from hypothesis import strategies as st

from flexloop.arch.fields import Shape
from flexloop.arch.padding import padded_bounds, uniform_paddings
from flexloop.arch.spec import ArchSpec
from flexloop.arch.tiles import as_seen, fixed_tiles
from flexloop.integers import smooth_above
from flexloop.workloads.layers import DIMENSIONS, Layer


def arch_with(s: int, u: int, g: int, *, edge: str = "clip") -> ArchSpec:
    """An arch whose buffers' fixed tiles along C are s (Spad) and g (GlobalBuffer), with C unrolled over X = u."""
    spec = copy.deepcopy(small_archs.PLAIN)
    for level in spec["levels"][1:]:
        level["depth"] = 2**20
    spec["axes"]["tiling"]["fixed"] = {"Spad": {"C": s}, "GlobalBuffer": {"C": g, "M": 2}}
    spec["axes"]["shape"] = {"fixed": {"X": u, "Y": 2}, "block": {"X": 1, "Y": 1}}
    return ArchSpec.model_validate(spec | {"edge": edge, "pins": "buffer"})


layers = st.builds(
    Layer,
    name=st.just("any"),
    Wstride=st.integers(1, 3),
    **{d: st.integers(1, 70) for d in DIMENSIONS},
)
archs = st.sampled_from([make() for make in small_archs.ALL.values()])


@pytest.mark.parametrize(
    ("bound", "spad", "glb", "padded"),
    [
        (1, 1, 1, 1),  # nothing to tile
        (2, 2, 2, 2),  # B <= s: one tile, nothing padded
        (3, 3, 3, 3),
        (7, 3, 9, 9),  # s < B <= s*u = 12: whole Spad tiles
        (12, 3, 12, 12),
        (13, 3, 24, 24),  # B > s*u: whole rows of the array
        (24, 3, 24, 24),
        (25, 3, 24, 48),  # never above g: the bound is padded to whole GlobalBuffer tiles
    ],
)
def test_worked_examples_of_clipping(bound: int, spad: int, glb: int, padded: int) -> None:
    fixed = fixed_tiles(arch_with(s=3, u=4, g=24), Layer(name="l", C=bound))
    assert (fixed.tiles[0]["C"], fixed.tiles[1]["C"], fixed.bounds["C"]) == (spad, glb, padded)


@pytest.mark.parametrize(("bound", "padded"), [(1, 24), (24, 24), (25, 48)])
def test_without_clipping_every_bound_is_padded_to_whole_tiles(bound: int, padded: int) -> None:
    fixed = fixed_tiles(arch_with(s=3, u=4, g=24, edge="pad"), Layer(name="l", C=bound))
    assert (fixed.tiles[0]["C"], fixed.tiles[1]["C"], fixed.bounds["C"]) == (3, 24, padded)


@given(s=st.integers(1, 6), u=st.integers(1, 6), k=st.integers(1, 5), bound=st.integers(1, 300))
def test_clipping_follows_the_rule_for_any_tiles(s: int, u: int, k: int, bound: int) -> None:
    g = s * u * k
    fixed = fixed_tiles(arch_with(s, u, g), Layer(name="l", C=bound))
    if bound <= s:
        spad = glb = bound
    else:
        spad = s
        glb = s * ceil(bound / s) if bound <= s * u else min(g, s * u * ceil(bound / (s * u)))
    assert (fixed.tiles[0]["C"], fixed.tiles[1]["C"]) == (spad, glb)
    assert fixed.bounds["C"] == glb * ceil(bound / glb)


@given(arch=archs, layer=layers)
def test_each_tile_is_a_multiple_of_the_one_inside_and_divides_the_padded_bound(arch: ArchSpec, layer: Layer) -> None:
    """But with remainders, which pad nothing."""
    fixed = fixed_tiles(arch, layer)
    for d in DIMENSIONS:
        chain = [1, fixed.inner[d], *(tile[d] for tile in fixed.tiles)]
        chain += [] if fixed.with_remainders else [fixed.bounds[d]]
        assert all(outer % inner == 0 for inner, outer in zip(chain, chain[1:], strict=False)), (d, chain)
        assert layer.bounds[d] <= fixed.bounds[d] < layer.bounds[d] + fixed.tiles[-1][d]


@given(layer=layers, x=st.integers(1, 8), pair=st.sampled_from([("C", "M"), ("P", "M"), ("R", "P")]))
def test_factors_with_remainders_are_no_longer_than_what_is_left(layer: Layer, x: int, pair: tuple[str, str]) -> None:
    """Inner to outer each is at most what those inside leave; what they make with DRAM's loop covers the layer."""
    fixed = fixed_tiles(small_archs.remainder(), layer)
    shape = Shape(X=x, Y=2)
    along = {pair[0]: fixed.spatial_factor(pair[0], shape.X), pair[1]: fixed.spatial_factor(pair[1], shape.Y)}
    spad, buffer, _ = fixed.factors_with(shape, pair)
    for d, bound in layer.bounds.items():
        assert fixed.allowed(shape, pair)[d] == (bound,)
        assert 1 <= spad[d] <= bound
        assert 1 <= buffer[d] <= ceil(ceil(bound / spad[d]) / along.get(d, 1))
        assert fixed.tiles_with(d, along.get(d, 1)) == (spad[d], spad[d] * along.get(d, 1) * buffer[d])


@given(arch=archs, layer=layers)
def test_clipped_tiles_never_exceed_the_specs(arch: ArchSpec, layer: Layer) -> None:
    assume(arch.edge == "clip" and not layer.is_depthwise and arch.name != "symbols6")
    fixed = fixed_tiles(arch, layer)
    for level, tile in zip(arch.loop_levels, fixed.tiles, strict=False):
        assert all(tile[d] <= arch.fixed_tile(level.name)[d] for d in DIMENSIONS)


def test_on_a_depthwise_layer_groups_take_the_place_of_output_channels() -> None:
    depthwise = Layer(name="dw", G=8, P=4, R=3)
    ordinary = Layer(name="conv", M=8, P=4, R=3)
    arch = small_archs.plain()
    on_groups, on_channels = fixed_tiles(arch, depthwise), fixed_tiles(arch, ordinary)
    for groups, channels in zip(on_groups.tiles, on_channels.tiles, strict=True):
        assert groups["G"] == channels["M"] and groups["M"] == 1
    assert as_seen(arch, depthwise, "M") == "G"

    without_rule = small_archs.own_channels()
    assert fixed_tiles(without_rule, depthwise).tiles[1]["G"] == 1
    assert as_seen(without_rule, depthwise, "M") == "M"


def test_the_inner_fanout_pins_its_factor_or_the_smaller_bound() -> None:
    arch = small_archs.lanes()  # two lanes unroll C
    assert fixed_tiles(arch, Layer(name="l", C=5)).inner["C"] == 2
    assert fixed_tiles(arch, Layer(name="l", C=1)).inner["C"] == 1
    assert padded_bounds(arch, Layer(name="l", C=5))["C"] == (6, 8)  # 5 and 6 lanes-wise, 8 for the fixed tile


def test_padded_bounds_of_a_worked_example() -> None:
    arch = arch_with(s=3, u=8, g=24)
    exact, smooth, multiple_of_x, two_fixed_tiles = 29, 30, 32, 48
    assert padded_bounds(arch, Layer(name="l", C=29))["C"] == (exact, smooth, multiple_of_x, two_fixed_tiles)
    assert padded_bounds(arch, Layer(name="l", C=22))["C"] == (22, 24)  # 24 for all three reasons


@given(arch=archs, layer=layers)
def test_free_tiles_may_factorise_the_bound_and_what_fixed_tiles_pad_to(arch: ArchSpec, layer: Layer) -> None:
    allowed, fixed = padded_bounds(arch, layer), fixed_tiles(arch, layer)
    for d, bound in layer.bounds.items():
        assert fixed.bounds[d] in allowed[d]
        assert min(allowed[d]) - bound < fixed.inner[d]
        assert all(choice >= bound and choice % fixed.inner[d] == 0 for choice in allowed[d])
        if arch.edge == "clip" and bound == 1:
            assert allowed[d] == (1,)


@given(arch=archs, layer=layers)
def test_uniform_paddings_are_among_the_padded_bounds_and_differ(arch: ArchSpec, layer: Layer) -> None:
    allowed, paddings = padded_bounds(arch, layer), uniform_paddings(arch, layer)
    assert all(padding[d] in allowed[d] for padding in paddings.values() for d in DIMENSIONS)
    assert fixed_tiles(arch, layer).bounds in paddings.values()
    assert len({tuple(padding.values()) for padding in paddings.values()}) == len(paddings)


def test_the_least_smooth_number_at_or_above() -> None:
    def is_smooth(n: int) -> bool:
        for prime in (2, 3, 5, 7):
            while n % prime == 0:
                n //= prime
        return n == 1

    expected = 2100
    for bound in range(2100, 0, -1):
        expected = bound if is_smooth(bound) else expected
        assert smooth_above(bound) == expected


@given(s=st.integers(1, 4), u=st.integers(1, 64), k=st.integers(1, 200))
def test_what_lies_between_two_buffers_tiles_is_spread_by_the_largest_divisor_that_fits(s: int, u: int, k: int) -> None:
    fixed = fixed_tiles(arch_with(s, 1, s * k), Layer(name="l", C=s * k))
    factor = fixed.spatial_factor("C", u)
    assert k % factor == 0 and factor <= u
    assert not any(k % n == 0 for n in range(factor + 1, min(k, u) + 1))


# -- tiles per unit ----------------------------------------------------------------------------------------------------


def units_with(spad: int | str, glb: int | str, u: int, *, edge: str = "clip") -> ArchSpec:
    """An arch whose temporal factors along C are pinned in the Spad and at the GlobalBuffer, with C on an X of u."""
    spec = copy.deepcopy(small_archs.PLAIN)
    for level in spec["levels"][1:]:
        level["depth"] = 2**30
    spec["axes"]["tiling"]["fixed"] = {"Spad": {"C": spad}, "GlobalBuffer": {"C": glb}}
    spec["axes"]["shape"] = {"fixed": {"X": u, "Y": 2}, "block": {"X": 1, "Y": 1}}
    return ArchSpec.model_validate(spec | {"edge": edge})


@pytest.mark.parametrize(
    ("bound", "spad", "spatial", "glb", "padded"),
    [
        (1, 1, 1, 1, 1),
        (2, 2, 1, 1, 2),
        (7, 3, 3, 1, 9),  # three PEs have work
        (13, 3, 3, 2, 18),  # five passes of a PE: three PEs take two each
        (24, 3, 4, 2, 24),
        (25, 3, 3, 2, 36),  # two passes over the buffer, and three PEs are enough for them
    ],
)
def test_worked_examples_of_tiles_per_unit(bound: int, spad: int, spatial: int, glb: int, padded: int) -> None:
    layer = Layer(name="l", C=bound)
    fixed = fixed_tiles(units_with(3, 2, 4), layer)
    assert (fixed.factors[0]["C"], fixed.spatial_factor("C", 4), fixed.factors[1]["C"]) == (spad, spatial, glb)
    assert fixed.bounds["C"] == padded


@given(s=st.integers(1, 5), t=st.integers(1, 5), u=st.integers(1, 9), bound=st.integers(1, 300), x=st.integers(1, 12))
def test_no_fewer_pes_would_do_and_no_repetition_is_idle(s: int, t: int, u: int, bound: int, x: int) -> None:
    fixed = fixed_tiles(units_with(s, t, u), Layer(name="l", C=bound))
    unit = fixed.factors[0]["C"] * fixed.factors[1]["C"]
    spatial = fixed.spatial_factor("C", x)
    (padded,) = fixed.allowed(Shape(X=x, Y=1), ("C", "M"))["C"]
    repetitions = padded // (unit * spatial)
    assert padded >= bound and spatial <= x
    assert unit * spatial * (repetitions - 1) < bound
    assert repetitions == 1 or unit * (spatial - 1) * repetitions < bound
    assert repetitions == ceil(ceil(bound / unit) / x)


def test_with_any_parallelism_every_mesh_axis_may_be_filled_and_nothing_need_be_padded() -> None:
    fixed = fixed_tiles(units_with(1, 1, 4), Layer(name="l", C=29, P=1))
    exact, smooth, on_four, on_six = 29, 30, 32, 30
    assert fixed.allowed(Shape(X=4, Y=6), None)["C"] == tuple(sorted({exact, smooth, on_four, on_six}))
    assert fixed.allowed(Shape(X=4, Y=6), None)["P"] == (1,)


def test_a_tile_may_be_named_after_the_layer_or_its_parent() -> None:
    layer = Layer(name="l", C=12, R=3)
    assert [f["C"] for f in fixed_tiles(units_with("R", 1, 2), layer).factors[:2]] == [3, 1]
    assert [f["C"] for f in fixed_tiles(units_with(1, "bound", 2), layer).factors[:2]] == [1, 6]
    assert [f["C"] for f in fixed_tiles(units_with("parent", 5, 2), layer).factors[:2]] == [5, 1]
    assert [f["C"] for f in fixed_tiles(units_with("bound", 4, 2, edge="pad"), layer).factors[:2]] == [12, 4]


def test_without_clipping_all_pes_are_used() -> None:
    fixed = fixed_tiles(units_with(3, 2, 4, edge="pad"), Layer(name="l", C=7))
    assert (fixed.factors[0]["C"], fixed.spatial_factor("C", 4), fixed.bounds["C"]) == (3, 4, 24)
