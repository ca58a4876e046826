"""Layers in the eight-dimensional shape, and networks of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flexloop.errors import SpecError
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, TENSORS, Layer, Network, tile_size

layers = st.builds(
    Layer,
    name=st.sampled_from(["a", "b", "c"]),
    count=st.integers(1, 3),
    dynamic_weights=st.booleans(),
    **{d: st.integers(1, 3) for d in DIMENSIONS},
    **{c: st.integers(1, 4) for c in ("Wstride", "Hstride", "Wdilation", "Hdilation")},
)


def network(*layers: Layer) -> Network:
    """A network of layers that are renamed l0, l1, ..."""
    named = tuple(layer.model_copy(update={"name": f"l{i}"}) for i, layer in enumerate(layers))
    return Network(name="net", layers=named)


def test_a_convolution() -> None:
    """The first layer of AlexNet: 96 filters of 11x11 over 3 channels, stride 4."""
    conv1 = Layer(name="conv1", C=3, M=96, R=11, S=11, P=55, Q=55, Wstride=4, Hstride=4)
    assert conv1.macs == 3 * 96 * 11**2 * 55**2
    assert conv1.weights == conv1.tensor_size("Weights") == 34_848
    assert conv1.tensor_size("Inputs") == 3 * 227 * 227  # 11 + 54*4 wide
    assert conv1.tensor_size("Outputs") == 96 * 55 * 55


def test_dilation_spreads_the_filter() -> None:
    layer = Layer(name="atrous", R=3, S=5, Wdilation=4, Hdilation=2)
    assert layer.tensor_size("Inputs") == 9 * 9


def test_a_depthwise_convolution_has_a_group_a_channel() -> None:
    assert Layer(name="dw", G=32, R=3, S=3, P=112, Q=112).is_depthwise
    assert not Layer(name="grouped", G=2, C=48, M=128).is_depthwise
    assert not Layer(name="plain").is_depthwise


def test_weights_that_are_an_activation_hold_no_parameters() -> None:
    scores = Layer(name="scores", G=12, P=512, C=64, M=512, dynamic_weights=True)
    assert scores.weights == 0
    assert scores.tensor_size("Weights") == 12 * 64 * 512


@given(layers)
def test_tensor_sizes_are_those_of_the_points_that_the_loops_touch(layer: Layer) -> None:
    """Weights and outputs are dense; inputs are the bounding box of what is touched (with stride, wider than it)."""
    touched: dict[str, set[tuple[int, ...]]] = {t: set() for t in TENSORS}
    for point in itertools.product(*(range(b) for b in layer.bounds.values())):
        at = dict(zip(DIMENSIONS, point, strict=True))
        column = at["R"] * layer.Wdilation + at["P"] * layer.Wstride
        row = at["S"] * layer.Hdilation + at["Q"] * layer.Hstride
        touched["Inputs"].add((at["N"], at["G"], at["C"], column, row))
        for tensor in ("Weights", "Outputs"):
            touched[tensor].add(tuple(at[d] for d in DIMENSIONS if d in RELEVANT[tensor]))
    assert layer.macs == len(list(itertools.product(*(range(b) for b in layer.bounds.values()))))
    assert layer.tensor_size("Weights") == len(touched["Weights"])
    assert layer.tensor_size("Outputs") == len(touched["Outputs"])
    box = [max(axis) + 1 for axis in zip(*touched["Inputs"], strict=True)]
    assert layer.tensor_size("Inputs") == box[0] * box[1] * box[2] * box[3] * box[4]


def test_a_tile_of_one_point_is_one_word_of_each_tensor() -> None:
    layer = Layer(name="strided", Wstride=4, Hstride=4, Wdilation=3, Hdilation=3)
    ones = dict.fromkeys(DIMENSIONS, 1)
    assert [tile_size(t, ones, layer.coefficients) for t in TENSORS] == [1, 1, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"C": 0},
        {"C": -1},
        {"C": 2.5},
        {"C": 2**41},
        {"count": 0},
        {"Wstride": 0},
        {"K": 3},
        {"name": ""},
        {"name": "../up"},
        {"name": "a b"},
    ],
)
def test_wrong_layers_are_refused_by_field(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        Layer.model_validate({"name": "l"} | wrong)
    assert error.value.errors()[0]["loc"] == tuple(wrong)


def test_identical_layers_are_merged_under_the_first_name() -> None:
    net = Network(
        name="net",
        layers=(
            Layer(name="first", C=4, count=2),
            Layer(name="other", C=4, Wstride=2),
            Layer(name="again", C=4),
            Layer(name="activation", C=4, dynamic_weights=True),
        ),
    )
    merged = net.unique()
    assert [(layer.name, layer.count) for layer in merged.layers] == [("first", 3), ("other", 1), ("activation", 1)]


@given(st.lists(layers, min_size=1, max_size=8))
def test_merging_keeps_every_total(some: list[Layer]) -> None:
    net = network(*some)
    merged = net.unique()
    assert (merged.macs, merged.weights, merged.occurrences) == (net.macs, net.weights, net.occurrences)
    assert merged.unique() == merged
    keys = [(layer.shape_key, layer.dynamic_weights) for layer in merged.layers]
    assert len(keys) == len(set(keys))


def test_names_of_layers_are_unique() -> None:
    with pytest.raises(SpecError, match="'twin' is given to several layers"):
        Network(name="net", layers=(Layer(name="twin"), Layer(name="twin", C=2)))


def test_a_network_has_a_layer() -> None:
    with pytest.raises(SpecError, match="layers"):
        Network(name="empty", layers=())
