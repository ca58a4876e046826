"""ONNX operators beyond Conv, Gemm and MatMul: as many MACs as counted one by one, or by ONNX's own reference."""

from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_models import MICROSOFT, dims, model, one, only_layer, save

from flexloop.errors import SpecError, UnsupportedError
from flexloop.importers import Choices
from flexloop.importers.onnx import import_onnx
from flexloop.importers.operators import transposed_convolution
from flexloop.networks import load_network
from flexloop.workloads.layers import Layer

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
from onnx import helper, inliner  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402


def products(path: Path) -> int:
    """How many products an operator sums, by ONNX's reference: the sum of its outputs where all its inputs are 1."""
    loaded = onnx.load(str(path))
    ones = {
        value.name: np.ones([dim.dim_value for dim in value.type.tensor_type.shape.dim], np.float32)
        for value in (*loaded.graph.input,)
    }
    (answer,) = ReferenceEvaluator(loaded).run(None, ones)
    return int(np.sum(answer))


# --- Convolutions ---------------------------------------------------------------------------------------------------


def test_a_transposed_convolution_is_a_convolution_for_each_position_in_a_stride(tmp_path: Path) -> None:
    """A kernel of 4 with stride 2, as in decoders: each output meets 2 of 4 taps a side: four convolutions of 2x2."""
    path = one(tmp_path, "ConvTranspose", [[1, 8, 10, 12], [8, 6, 4, 4]], weights="b", strides=[2, 2], pads=[1] * 4)
    layer = only_layer(path)
    assert dims(layer) == {"C": 8, "M": 6, "R": 2, "S": 2, "P": 12, "Q": 10}
    assert (layer.count, layer.Wstride, layer.dynamic_weights) == (4, 1, False)


def test_positions_of_unlike_taps_are_layers_of_their_own(tmp_path: Path) -> None:
    """A kernel of 3 with stride 2: some outputs meet two taps, those between one."""
    path = one(tmp_path, "ConvTranspose", [[2, 4, 5], [4, 3, 3]], strides=[2], output_padding=[1], pads=[1, 1])
    first, second = load_network(path).layers
    assert dims(first) == {"N": 2, "C": 4, "M": 3, "R": 2, "P": 5}
    assert dims(second) == {"N": 2, "C": 4, "M": 3, "P": 5}
    assert (first.name, second.name) == ("node.0", "node.1")


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_a_transposed_convolution_multiplies_as_the_reference(
    tmp_path: Path, kernel: int, dilation: int, stride: int
) -> None:
    """Cut so that no output lies at a border, where taps meet padding, which the reference does not multiply by."""
    cut = (kernel - 1) * dilation
    attributes: dict[str, Any] = {"strides": [stride, 1], "dilations": [dilation, 1], "pads": [cut, 0, cut, 0]}
    path = one(tmp_path, "ConvTranspose", [[2, 4, 9, 3], [4, 3, kernel, 1]], **attributes)
    assert load_network(path).macs == products(path)


@pytest.mark.parametrize("rule", [{"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}, {"output_shape": [12]}])
def test_what_is_cut_off_follows_from_the_output_s_shape(tmp_path: Path, rule: dict[str, Any]) -> None:
    """Of the 13 outputs of inputs 5 wide, some are cut; which, decides how many meet one tap and how many two."""
    path = one(tmp_path, "ConvTranspose", [[1, 1, 5], [1, 1, 3]], strides=[2], dilations=[2], **rule)
    whole = {output: sum((output - tap * 2) % 2 == 0 for tap in range(3)) for output in range(13)}
    extent = 12 if "output_shape" in rule else 10
    before = (13 - extent) // 2 if rule.get("auto_pad") == "SAME_UPPER" else 13 - extent - (13 - extent) // 2
    assert load_network(path).macs == sum(whole[output] for output in range(before, before + extent))


sizes = st.integers(1, 5)


@given(st.lists(st.tuples(sizes, sizes, sizes, sizes, sizes, st.integers(0, 4)), min_size=1, max_size=2))
def test_every_tap_that_meets_an_output_is_counted_once(axes: list[tuple[int, ...]]) -> None:
    """One by one: an output takes a tap where what it reads lies on an input, not between two."""
    inputs, kernels, outputs, strides, dilations, pads = zip(*axes, strict=True)
    met = prod(
        sum((o + pad - tap * gap) % step == 0 for o in range(out) for tap in range(kernel))
        for _, kernel, out, step, gap, pad in axes
    )
    found = transposed_convolution((2, 6, *inputs), (6, 5, *kernels), (2, 15, *outputs), 3, strides, dilations, pads)
    layers = [Layer(name="l", **fields) for fields in found]
    assert sum(layer.macs * layer.count for layer in layers) == 2 * 6 * 5 * met


@pytest.mark.parametrize(
    ("kernel", "attributes"),
    [([1, 3, 2], {}), ([2, 3, 2], {"strides": [2, 1, 1]}), ([6, 3, 2], {}), ([3, 1, 2], {"dilations": [2, 1, 1]})],
)
def test_three_spatial_axes_are_two_where_windows_do_not_overlap(
    tmp_path: Path, kernel: list[int], attributes: dict[str, Any]
) -> None:
    """Patches of a video, pointwise convolutions along one axis, and kernels as deep as their input."""
    path = one(tmp_path, "Conv", [[2, 3, 6, 7, 8], [4, 3, *kernel]], weights="", **attributes)
    layer = only_layer(path)
    assert layer.macs == products(path)
    if kernel[0] == 2:
        assert dims(layer) == {"N": 2 * 3, "C": 3 * 2, "M": 4, "R": 2, "S": 3, "P": 7, "Q": 5}


def test_a_fused_convolution(tmp_path: Path) -> None:
    path = one(tmp_path, f"{MICROSOFT}.FusedConv", [[1, 3, 8, 8], [4, 3, 3, 3]], weights="b", activation="Relu")
    assert dims(only_layer(path)) == {"C": 3, "M": 4, "R": 3, "S": 3, "P": 6, "Q": 6}


def test_a_causal_convolution_is_depthwise(tmp_path: Path) -> None:
    node = helper.make_node("CausalConvWithState", ["x", "w"], ["y", "state"])
    layer = only_layer(save(tmp_path, [node], {"x": [2, 6, 10]}, {"w": [6, 1, 4]}, opset=27))
    assert dims(layer) == {"N": 2, "G": 6, "R": 4, "P": 10}
    assert layer.is_depthwise


# --- Products -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "a", "b"),
    [
        ("ij,jk->ik", [3, 4], [4, 5]),
        ("bhqd,bhkd->bhqk", [2, 3, 4, 5], [2, 3, 6, 5]),
        ("bqhd,bkhd->bhqk", [2, 4, 3, 5], [2, 6, 3, 5]),
        ("...ij,...jk->...ik", [2, 1, 3, 4], [7, 4, 5]),
        ("bld,dm", [2, 3, 4], [4, 5]),
        ("i,j->ij", [3], [4]),
        ("abc,cd->abd", [1, 3, 1], [1, 5]),
        ("ijk,ijl->kl", [2, 3, 4], [2, 3, 5]),
    ],
)
def test_a_sum_of_products_that_is_a_matrix_product(tmp_path: Path, equation: str, a: list[int], b: list[int]) -> None:
    path = one(tmp_path, "Einsum", [a, b], equation=equation)
    layer = only_layer(path)
    assert layer.macs == products(path)
    assert layer.dynamic_weights
    assert (layer.tensor_size("Inputs"), layer.tensor_size("Weights")) == (prod(a), prod(b))


def test_weights_of_a_sum_of_products_on_either_side(tmp_path: Path) -> None:
    layer = only_layer(one(tmp_path, "Einsum", [[768, 12, 64], [2, 10, 768]], weights="a", equation="dhk,btd->bthk"))
    assert dims(layer) == {"P": 2 * 10, "C": 768, "M": 12 * 64}
    assert layer.weights == 768 * 12 * 64


@pytest.mark.parametrize(
    ("equation", "shapes"), [("ij->ji", [[2, 3]]), ("ij,ij->ij", [[2, 3], [2, 3]]), ("ij,i->ij", [[2, 3], [2]])]
)
def test_a_sum_of_products_that_sums_nothing_is_no_layer(
    tmp_path: Path, equation: str, shapes: list[list[int]]
) -> None:
    with pytest.raises(SpecError, match="no layer found"):
        load_network(one(tmp_path, "Einsum", shapes, equation=equation))


@pytest.mark.parametrize(
    ("equation", "shapes", "reason"),
    [
        ("ij,jk,kl->il", [[2, 3], [3, 4], [4, 5]], "3 operands"),
        ("ii,ij->j", [[3, 3], [3, 4]], "diagonal"),
        ("ij,jk->k", [[2, 3], [3, 4]], "sum over one operand"),
    ],
)
def test_other_sums_of_products_are_refused_by_name(
    tmp_path: Path, equation: str, shapes: list[list[int]], reason: str
) -> None:
    with pytest.raises(UnsupportedError, match=f"Einsum.*{reason}"):
        load_network(one(tmp_path, "Einsum", shapes, equation=equation))


@pytest.mark.parametrize("equation", ["ij,kj->ik", "i,jk->ik", "i$,jk->ik", "...ij$...jk->...ik"])
def test_an_equation_that_does_not_fit_is_named(tmp_path: Path, equation: str) -> None:
    with pytest.raises(SpecError, match="Einsum"):
        load_network(one(tmp_path, "Einsum", [[2, 3], [3, 4]], equation=equation))


@pytest.mark.parametrize(
    ("kind", "a", "b", "attributes"),
    [
        ("FusedMatMul", [2, 7, 5], [2, 9, 7], {"transA": 1, "transB": 1}),
        ("TransposeMatMul", [2, 5, 7], [2, 7, 9], {}),
        ("DynamicQuantizeMatMul", [2, 5, 7], [7, 9], {}),
        ("MatMulIntegerToFloat", [10, 7], [7, 9], {}),
        ("FusedGemm", [10, 7], [9, 7], {"transB": 1}),
        ("GemmFastGelu", [2, 5, 7], [7, 9], {}),
        ("MatMulNBits", [2, 5, 7], [9, 1, 4], {"K": 7, "N": 9, "bits": 4, "block_size": 16}),
        ("MatMulBnb4", [2, 5, 7], [32], {"K": 7, "N": 9, "block_size": 16, "quant_type": 1}),
    ],
)
def test_products_of_onnx_runtime(tmp_path: Path, kind: str, a: list[int], b: list[int], attributes: Any) -> None:
    """Each is followed by a linear layer, whose rows are the product's outputs."""
    made = helper.make_node(kind, ["a", "b"], ["made"], domain=MICROSOFT, **attributes)
    layers = load_network(
        save(tmp_path, [made, helper.make_node("MatMul", ["made", "w"], ["y"])], {"a": a}, {"b": b, "w": [9, 3]})
    ).layers
    reference = np.sum(np.ones((10, 7)) @ np.ones((7, 9)))
    assert [layer.macs for layer in layers] == [reference, 10 * 9 * 3]
    assert not any(layer.dynamic_weights for layer in layers if len(b) < 3 or kind == "MatMulNBits")


@pytest.mark.parametrize(
    ("a", "b", "attributes"),
    [
        ([5, 2, 3, 7], [2, 3, 7, 9], {"transBatchA": 1}),
        ([7, 2, 3, 5], [2, 3, 7, 9], {"transBatchA": 1, "transA": 1}),
        ([2, 3, 5, 7], [9, 2, 3, 7], {"transBatchB": 1, "transB": 1}),
    ],
)
def test_a_product_whose_matrices_lie_around_their_batches(
    tmp_path: Path, a: list[int], b: list[int], attributes: dict[str, Any]
) -> None:
    """As ONNX Runtime writes attention: six pairs of 5 x 7 and 7 x 9, to which it answers [2, 3, 5, 9]."""
    made = helper.make_node("FusedMatMul", ["a", "b"], ["made"], domain=MICROSOFT, **attributes)
    path = save(tmp_path, [made, helper.make_node("MatMul", ["made", "w"], ["y"])], {"a": a, "b": b}, {"w": [9, 4]})
    pairs, linear = load_network(path).layers
    assert dims(pairs) == {"G": 6, "P": 5, "C": 7, "M": 9}
    assert pairs.dynamic_weights
    assert dims(linear) == {"P": 2 * 3 * 5, "C": 9, "M": 4}


# --- Attention ------------------------------------------------------------------------------------------------------


def attention_macs(batch: int, heads: int, queries: int, keys: int, depth: int, width: int) -> int:
    """Every head's every query meets every key, then every value, counted one by one."""
    meetings = product(range(batch), range(heads), range(queries), range(keys))
    return sum(len(range(depth)) + len(range(width)) for _ in meetings)


def test_attention_has_the_macs_of_what_onnx_says_it_is_made_of(tmp_path: Path) -> None:
    """The standard defines Attention as a function of simpler operators, among them two MatMul."""
    node = helper.make_node("Attention", ["q", "k", "v", "m"], ["y"], q_num_heads=6, kv_num_heads=2)
    inputs = {"q": [2, 3, 30], "k": [2, 7, 10], "v": [2, 7, 8], "m": [3, 7]}
    path = save(tmp_path, [node], inputs, opset=23)
    whole = load_network(path)
    assert [dims(layer) for layer in whole.layers] == [
        {"G": 4, "P": 9, "C": 5, "M": 7},
        {"G": 4, "P": 9, "C": 7, "M": 4},
    ]
    assert all(layer.dynamic_weights for layer in whole.layers)
    parts = inliner.inline_selected_functions(
        model([node], inputs, opset=23), [("", "Attention")], inline_schema_functions=True
    )
    assert "Attention" not in {part.op_type for part in parts.graph.node}
    onnx.save(parts, str(path))
    assert load_network(path).macs == whole.macs == attention_macs(2, 6, 3, 7, 5, 4)


def test_attention_with_heads_apart_and_a_past(tmp_path: Path) -> None:
    shapes = [[1, 4, 1, 8], [1, 2, 1, 8], [1, 2, 1, 8], None, [1, 2, 9, 8], [1, 2, 9, 8]]
    scores, context = load_network(one(tmp_path, "Attention", shapes, opset=23)).layers
    assert dims(scores) == {"G": 2, "P": 2, "C": 8, "M": 10}
    assert dims(context) == {"G": 2, "P": 2, "C": 10, "M": 8}


@pytest.mark.parametrize(("kind", "past"), [("Attention", 4), ("QAttention", 8)])
def test_attention_of_onnx_runtime_makes_its_queries_keys_and_values(tmp_path: Path, kind: str, past: int) -> None:
    shapes = [[2, 5, 12], [12, 30], [30], *[None] * (past - 3), [2, 2, 3, 4, 4]]
    path = one(tmp_path, f"{MICROSOFT}.{kind}", shapes, weights="bc", num_heads=3, qkv_hidden_sizes=[12, 12, 6])
    query, value, scores, context = load_network(path).layers
    assert (query.name, query.count, dims(query)) == ("node.query", 2, {"P": 10, "C": 12, "M": 12})
    assert dims(value) == {"P": 10, "C": 12, "M": 6}
    assert [query.dynamic_weights, scores.dynamic_weights] == [False, True]
    assert scores.macs + context.macs == attention_macs(2, 3, queries=5, keys=5 + 4, depth=4, width=2)


BATCH, QUERIES, KEYS, HEADS = 2, 3, 4, 6
"""Of the attentions below, whose heads are 8 wide."""

SEPARATE = [[BATCH, QUERIES, 48], [BATCH, KEYS, 48], [BATCH, KEYS, 48]]


@pytest.mark.parametrize(
    ("kind", "shapes", "keys", "shared"),
    [
        ("MultiHeadAttention", SEPARATE, KEYS, HEADS),
        ("MultiHeadAttention", [[BATCH, QUERIES, 48], [BATCH, HEADS, KEYS, 8], [BATCH, HEADS, KEYS, 8]], KEYS, HEADS),
        ("MultiHeadAttention", [[BATCH, QUERIES, 48], [BATCH, KEYS, HEADS, 2, 8]], KEYS, HEADS),
        ("MultiHeadAttention", [[BATCH, QUERIES, HEADS, 3, 8]], QUERIES, HEADS),
        ("MultiHeadAttention", [*SEPARATE, None, None, None, *[[BATCH, HEADS, 5, 8]] * 2], KEYS + 5, HEADS),
        ("GroupQueryAttention", [[BATCH, QUERIES, 48], *[[BATCH, QUERIES, 16]] * 2], QUERIES, 2),
        ("GroupQueryAttention", [[BATCH, QUERIES, 80]], QUERIES, 2),
        ("GroupQueryAttention", [[BATCH, QUERIES, 80], None, None, *[[BATCH, 2, 6, 8]] * 2], QUERIES + 6, 2),
    ],
)
def test_attention_of_onnx_runtime(tmp_path: Path, kind: str, shapes: list[Any], keys: int, shared: int) -> None:
    """However keys and values are handed over; a linear layer follows, so the shape of the context is known too."""
    names = ["" if shape is None else f"x{index}" for index, shape in enumerate(shapes)]
    inputs = {name: shape for name, shape in zip(names, shapes, strict=True) if name}
    attributes: dict[str, Any] = {"num_heads": HEADS} | ({"kv_num_heads": shared} if kind.startswith("Group") else {})
    made = helper.make_node(kind, names, ["made"], domain=MICROSOFT, **attributes)
    path = save(tmp_path, [made, helper.make_node("MatMul", ["made", "w"], ["y"])], inputs, {"w": [48, 7]})
    scores, context, linear = load_network(path).layers
    assert dims(scores) == {"G": BATCH * shared, "P": QUERIES * HEADS // shared, "C": 8, "M": keys}
    assert scores.macs + context.macs == attention_macs(BATCH, HEADS, QUERIES, keys, 8, 8)
    assert dims(linear) == {"P": BATCH * QUERIES, "C": 48, "M": 7}


def test_heads_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = one(tmp_path, f"{MICROSOFT}.GroupQueryAttention", [[1, 4, 40]], num_heads=3, kv_num_heads=2)
    with pytest.raises(SpecError, match="3 heads of queries on 2 of keys"):
        load_network(path)


# --- Recurrent operators --------------------------------------------------------------------------------------------


def recurrent_macs(gates: int, steps: int, batch: int, width: int, hidden: int, directions: int) -> int:
    """Every gate of every state meets the step's input and the state before, counted one by one."""
    cells = product(range(directions), range(steps), range(batch), range(gates), range(hidden))
    return sum(len(range(width)) + len(range(hidden)) for _ in cells)


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize(("direction", "directions"), [("forward", 1), ("bidirectional", 2)])
def test_recurrent_operators_are_their_products_step_by_step(
    tmp_path: Path, kind: str, gates: int, direction: str, directions: int
) -> None:
    """Seven steps of a batch of two, 5 wide, with a state of 3."""
    shapes = [[7, 2, 5], [directions, gates * 3, 5], [directions, gates * 3, 3]]
    path = one(tmp_path, kind, shapes, weights="bc", hidden_size=3, direction=direction)
    net = load_network(path)
    assert net.macs == recurrent_macs(gates, 7, 2, 5, 3, directions)
    assert dims(net.layers[0]) == {"P": 2, "C": 5, "M": gates * 3} if gates > 1 else True
    assert {layer.count for layer in net.layers} == {7 * directions}
    assert not any(layer.dynamic_weights for layer in net.layers)


def test_a_gru_multiplies_the_reset_state_by_itself_unless_it_resets_the_product(tmp_path: Path) -> None:
    shapes = [[7, 2, 5], [1, 9, 5], [1, 9, 3]]
    after = load_network(one(tmp_path, "GRU", shapes, hidden_size=3, linear_before_reset=0)).layers
    before = load_network(one(tmp_path, "GRU", shapes, hidden_size=3, linear_before_reset=1)).layers
    assert [layer.name for layer in after] == ["node.input", "node.state", "node.reset"]
    assert [layer.M for layer in before] == [9, 9]


def test_a_batch_that_comes_first(tmp_path: Path) -> None:
    path = one(tmp_path, "LSTM", [[2, 7, 5], [1, 12, 5], [1, 12, 3]], hidden_size=3, layout=1)
    assert {(layer.P, layer.count) for layer in load_network(path).layers} == {(2, 7)}


# --- Operators without multiply-accumulates -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "shapes", "out", "attributes"),
    [
        ("Gelu", [[2, 3, 8]], [2, 3, 8], {}),
        ("BiasGelu", [[2, 3, 8], [8]], [2, 3, 8], {}),
        ("SkipLayerNormalization", [[2, 3, 8], [2, 3, 8], [8]], [2, 3, 8], {}),
        ("BiasSplitGelu", [[2, 3, 16], [16]], [2, 3, 8], {}),
        ("QLinearAdd", [[2, 3, 8], [1], [1], [8], [1], [1], [1], [1]], [2, 3, 8], {}),
        ("QLinearConcat", [[1], [1], [2, 3, 4], [1], [1], [2, 3, 4], [1], [1]], [2, 3, 8], {"axis": 2}),
        ("QLinearGlobalAveragePool", [[2, 8, 5, 5], [1], [1], [1], [1]], [2, 8, 1, 1], {}),
        (
            "QLinearAveragePool",
            [[2, 8, 4, 6], [1], [1], [1], [1]],
            [2, 8, 2, 3],
            {"kernel_shape": [2, 2], "strides": [2, 2]},
        ),
        ("EmbedLayerNormalization", [[2, 3], [2, 3], [99, 8], [50, 8], [2, 8], [8], [8]], [2, 3, 8], {}),
    ],
)
def test_operators_of_onnx_runtime_without_macs_are_passed_over(
    tmp_path: Path, kind: str, shapes: list[Any], out: list[int], attributes: Any
) -> None:
    """What follows them has the shapes that they make."""
    names = [f"x{index}" for index in range(len(shapes))]
    made = helper.make_node(kind, names, ["made"], domain=MICROSOFT, **attributes)
    transposed = helper.make_node("Transpose", ["made"], ["t"])
    path = save(
        tmp_path,
        [made, transposed, helper.make_node("MatMul", ["t", "w"], ["y"])],
        dict(zip(names, shapes, strict=True)),
        {"w": [out[0], 7]},
    )
    assert only_layer(path).macs == prod(out) * 7


def test_a_normalisation_for_which_onnx_has_no_rule(tmp_path: Path) -> None:
    normalised = helper.make_node("GroupNormalization", ["x", "s", "b"], ["n"], num_groups=2)
    product = helper.make_node("MatMul", ["n", "w"], ["y"])
    path = save(tmp_path, [normalised, product], {"x": [2, 4, 8]}, {"s": [4], "b": [4], "w": [8, 3]}, opset=21)
    assert dims(only_layer(path)) == {"P": 8, "C": 8, "M": 3}


def test_types_follow_operators_that_change_them(tmp_path: Path) -> None:
    """ONNX says nothing of an operator whose inputs differ in type: embedded tokens are no whole numbers."""
    node = helper.make_node
    nodes = [
        node("EmbedLayerNormalization", ["ids", "", "words", "places", "", "g", "b"], ["e"], domain=MICROSOFT),
        node("Add", ["e", "g"], ["sum"]),
        node("Mix", ["sum"], ["mixed"], domain="com.example"),
        node("Gather", ["sum", "mixed"], ["gathered"]),  # by something that is not known
        node("MatMul", ["sum", "w"], ["y"]),
    ]
    made = model(nodes, {}, {"words": [99, 8], "places": [50, 8], "g": [8], "b": [8], "w": [8, 4]})
    made.graph.input.append(helper.make_tensor_value_info("ids", onnx.TensorProto.INT32, [2, 3]))
    onnx.save(made, str(tmp_path / "embedded.onnx"))
    with pytest.warns(UserWarning, match=r"com\.example\.Mix"):
        (layer,) = import_onnx(tmp_path / "embedded.onnx", choices=Choices(skip_unsupported=True)).layers
    assert dims(layer) == {"P": 6, "C": 8, "M": 4}


def test_the_sum_before_a_normalisation_has_its_shape(tmp_path: Path) -> None:
    """Simplified normalisation as ONNX Runtime writes it, under the standard's own domain too."""
    nodes = [
        helper.make_node("SimplifiedLayerNormalization", ["x", "g"], ["n"]),
        helper.make_node("SkipSimplifiedLayerNormalization", ["n", "x", "g"], ["o", "", "", "sum"], domain=MICROSOFT),
        helper.make_node("MatMul", ["sum", "w"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"x": [2, 3, 8]}, {"g": [8], "w": [8, 4]})
    assert dims(only_layer(path)) == {"P": 6, "C": 8, "M": 4}
