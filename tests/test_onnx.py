"""The ONNX importer, on models built here."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from flexloop.errors import FlexloopError, SpecError, UnknownNameError, UnsupportedError
from flexloop.importers.operators import matmul
from flexloop.workloads.layers import Layer, Network
from flexloop.workloads.networks import load_network

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
from onnx import TensorProto, helper  # noqa: E402

FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str | None]


def tensor(name: str, shape: Sequence[int]) -> Any:
    """A parameter; its values do not matter."""
    return helper.make_tensor(name, FLOAT, shape, np.zeros(shape, np.float32).tobytes(), raw=True)


def save(
    folder: Path,
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape],
    parameters: Mapping[str, Sequence[int]] | None = None,
    **extra: Any,
) -> Path:
    """Write a model whose output is the last node's first."""
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(nodes[-1].output[0], FLOAT, None)],
        [tensor(name, shape) for name, shape in (parameters or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1), helper.make_opsetid("com.microsoft", 1)]
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, producer_name="test", **extra), str(path))
    return path


def only_layer(path: Path, **sizes: int) -> Layer:
    (layer,) = load_network(path, **sizes).layers
    return layer


def dims(layer: Layer) -> dict[str, int]:
    """The bounds that are not 1."""
    return {d: b for d, b in layer.bounds.items() if b > 1}


# --- Convolutions ---------------------------------------------------------------------------------------------------


def convolution(folder: Path, x: Shape, w: Sequence[int], **attributes: Any) -> Path:
    return save(folder, [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **attributes)], {"x": x}, {"w": w})


def test_a_convolution_keeps_width_and_height_apart(tmp_path: Path) -> None:
    """ONNX lists the height first; P, R and Wstride are the width's."""
    path = convolution(tmp_path, [2, 3, 20, 40], [8, 3, 3, 5], strides=[1, 2], pads=[1, 0, 1, 0])
    layer = only_layer(path)
    assert dims(layer) == {"N": 2, "C": 3, "M": 8, "R": 5, "S": 3, "P": 18, "Q": 20}
    assert (layer.Wstride, layer.Hstride, layer.Wdilation, layer.Hdilation) == (2, 1, 1, 1)
    assert not layer.dynamic_weights


def test_dilation(tmp_path: Path) -> None:
    layer = only_layer(convolution(tmp_path, [1, 4, 32, 32], [4, 4, 3, 3], dilations=[2, 4]))
    assert (layer.Hdilation, layer.Wdilation, layer.Q, layer.P) == (2, 4, 28, 24)


def test_groups(tmp_path: Path) -> None:
    layer = only_layer(convolution(tmp_path, [1, 96, 27, 27], [256, 48, 5, 5], group=2, pads=[2, 2, 2, 2]))
    assert dims(layer) == {"G": 2, "C": 48, "M": 128, "R": 5, "S": 5, "P": 27, "Q": 27}


def test_depthwise(tmp_path: Path) -> None:
    layer = only_layer(convolution(tmp_path, [1, 32, 8, 8], [32, 1, 3, 3], group=32, auto_pad="SAME_UPPER"))
    assert layer.is_depthwise
    assert dims(layer) == {"G": 32, "R": 3, "S": 3, "P": 8, "Q": 8}


def test_one_dimensional_convolution_has_a_width_alone(tmp_path: Path) -> None:
    layer = only_layer(convolution(tmp_path, [1, 80, 3000], [384, 80, 3], strides=[2], pads=[1, 1]))
    assert dims(layer) == {"C": 80, "M": 384, "R": 3, "P": 1500}
    assert (layer.Wstride, layer.Hstride) == (2, 1)


def test_three_spatial_axes_are_refused(tmp_path: Path) -> None:
    path = convolution(tmp_path, [1, 3, 8, 8, 8], [4, 3, 3, 3, 3])
    with pytest.raises(UnsupportedError, match="'conv' .*3 spatial axes"):
        load_network(path)


def test_groups_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = convolution(tmp_path, [1, 6, 8, 8], [4, 6, 3, 3], group=2)
    with pytest.raises(FlexloopError, match="'conv'"):
        load_network(path)


# --- Matrix products ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "trans_a"), [([5, 7], 0), ([7, 5], 1)])
@pytest.mark.parametrize(("b", "trans_b"), [([7, 9], 0), ([9, 7], 1)])
def test_gemm(tmp_path: Path, a: list[int], trans_a: int, b: list[int], trans_b: int) -> None:
    node = helper.make_node("Gemm", ["x", "w", "bias"], ["y"], transA=trans_a, transB=trans_b)
    layer = only_layer(save(tmp_path, [node], {"x": a}, {"w": b, "bias": [9]}))
    assert dims(layer) == {"P": 5, "C": 7, "M": 9}
    assert layer.weights == 63


def product(folder: Path, x: Shape, w: Shape, parameters: str = "w") -> Path:
    """``x @ w``, of which those named in ``parameters`` are parameters."""
    shapes = {"x": x, "w": w}
    inputs = {name: shape for name, shape in shapes.items() if name not in parameters}
    fixed: dict[str, Any] = {name: shape for name, shape in shapes.items() if name in parameters}
    return save(folder, [helper.make_node("MatMul", ["x", "w"], ["y"])], inputs, fixed)


def test_a_linear_layer_has_a_row_for_every_token(tmp_path: Path) -> None:
    layer = only_layer(product(tmp_path, [8, 512, 768], [768, 3072]))
    assert dims(layer) == {"P": 8 * 512, "C": 768, "M": 3072}
    assert not layer.dynamic_weights


def test_attention_scores_have_a_group_for_every_head(tmp_path: Path) -> None:
    layer = only_layer(product(tmp_path, [2, 12, 100, 64], [2, 12, 64, 128], parameters=""))
    assert dims(layer) == {"G": 24, "P": 100, "C": 64, "M": 128}
    assert layer.dynamic_weights
    assert layer.weights == 0


def test_weights_on_the_left_are_weights(tmp_path: Path) -> None:
    layer = only_layer(product(tmp_path, [3072, 768], [8, 768, 100], parameters="x"))
    assert dims(layer) == {"P": 8 * 100, "C": 768, "M": 3072}
    assert layer.weights == 768 * 3072


def test_vectors(tmp_path: Path) -> None:
    assert dims(only_layer(product(tmp_path, [16], [16, 4]))) == {"C": 16, "M": 4}


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes, shapes)
def test_matrix_products_follow_numpy(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """The bounds hold as many outputs, and as many multiplications, as NumPy's product of such arrays."""
    try:
        result = np.matmul(np.ones(a), np.ones(b))
    except ValueError:
        with pytest.raises(SpecError, match="cannot be multiplied"):
            matmul(a, b)
        return
    fields = matmul(a, b)
    assert fields["G"] * fields["P"] * fields["M"] == result.size
    assert fields["C"] == result.flat[0]


@given(shapes, shapes)
def test_matrix_products_read_each_operand_once(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """Broadcast operands are shared, not copied."""
    try:
        layer = Layer(name="l", **matmul(a, b))
    except SpecError:
        reject()
    assert layer.tensor_size("Inputs") == np.prod(a)
    assert layer.tensor_size("Weights") == np.prod(b)


# --- Models ---------------------------------------------------------------------------------------------------------


def test_a_small_network(tmp_path: Path) -> None:
    """A residual block, pooling and a classifier: names are cleaned, identical layers merged, other work left out."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1"], ["c1"], name="/stem/Conv", pads=[1] * 4),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], name="/block/conv1/Conv", pads=[1] * 4),
        node("Conv", ["c2", "w3"], ["c3"], name="/block/conv2/Conv", pads=[1] * 4),
        node("Add", ["c3", "r1"], ["sum"]),
        node("GlobalAveragePool", ["sum"], ["pool"]),
        node("Flatten", ["pool"], ["flat"]),
        node("Gemm", ["flat", "w4"], ["y"], transB=1),
    ]
    parameters = {"w1": [16, 3, 3, 3], "w2": [16, 16, 3, 3], "w3": [16, 16, 3, 3], "w4": [10, 16]}
    net = load_network(save(tmp_path, nodes, {"x": ["batch", 3, 8, 8]}, parameters), batch=2)
    kernel = {"R": 3, "S": 3, "P": 8, "Q": 8}
    assert net == Network(
        name="model",
        description="imported from ONNX",
        sources=("ONNX model model.onnx, written by test",),
        parameters={"batch": 2},
        layers=(
            Layer(name="stem.Conv", N=2, C=3, M=16, **kernel),
            Layer(name="block.conv1.Conv", N=2, C=16, M=16, **kernel, count=2),
            Layer(name="y", P=2, C=16, M=10),
        ),
    )


def test_attention_through_reshapes(tmp_path: Path) -> None:
    """Shapes are followed through the reshapes that split heads, with a symbolic sequence length."""
    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "wq"], ["q"], name="query"),
        node("Constant", [], ["heads"], value_ints=[0, 0, 4, 16]),
        node("Reshape", ["q", "heads"], ["q4"]),
        node("Transpose", ["q4"], ["qh"], perm=[0, 2, 1, 3]),
        node("Transpose", ["q4"], ["kt"], perm=[0, 2, 3, 1]),
        node("MatMul", ["qh", "kt"], ["s"], name="scores"),
        node("Softmax", ["s"], ["p"]),
    ]
    path = save(tmp_path, nodes, {"x": [1, "sequence", 64]}, {"wq": [64, 64]})
    query, scores = load_network(path, sequence=10).layers
    assert dims(query) == {"P": 10, "C": 64, "M": 64}
    assert dims(scores) == {"G": 4, "P": 10, "C": 16, "M": 10}
    assert scores.dynamic_weights


def test_what_is_computed_of_parameters_alone_is_a_parameter(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["fold", "wt"], ["folded"]),
        helper.make_node("MatMul", ["x", "folded"], ["y"]),
    ]
    layer = only_layer(save(tmp_path, nodes, {"x": [4, 6]}, {"w": [8, 7], "fold": [6, 7]}))
    assert dims(layer) == {"P": 4, "C": 6, "M": 8}
    assert not layer.dynamic_weights


def test_local_functions_are_followed(tmp_path: Path) -> None:
    linear = helper.make_function(
        "local",
        "Linear",
        ["a", "b"],
        ["c"],
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        [helper.make_opsetid("", 17)],
    )
    call = helper.make_node("Linear", ["x", "w"], ["y"], domain="local")
    layer = only_layer(save(tmp_path, [call], {"x": [4, 6]}, {"w": [6, 8]}, functions=[linear]))
    assert dims(layer) == {"P": 4, "C": 6, "M": 8}


def test_quantised_operators(tmp_path: Path) -> None:
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    node = helper.make_node("QLinearConv", names, ["y"], group=2)
    types = {"x": TensorProto.UINT8, "xz": TensorProto.UINT8, "yz": TensorProto.UINT8, "wz": TensorProto.INT8}
    graph = helper.make_graph(
        [node],
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 8, 10, 10])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [
            helper.make_tensor("w", TensorProto.INT8, [6, 4, 3, 3], bytes(6 * 4 * 9), raw=True),
            *(helper.make_tensor(n, types.get(n, FLOAT), [], [1]) for n in ("xs", "xz", "ws", "wz", "ys", "yz")),
        ],
    )
    path = tmp_path / "quantised.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    layer = only_layer(path)
    assert dims(layer) == {"G": 2, "C": 4, "M": 3, "R": 3, "S": 3, "P": 8, "Q": 8}


def test_layers_of_one_name_are_told_apart(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["h"], name="linear"),
        helper.make_node("MatMul", ["h", "w2"], ["y"], name="linear"),
    ]
    net = load_network(save(tmp_path, nodes, {"x": [1, 4]}, {"w1": [4, 5], "w2": [5, 6]}))
    assert [layer.name for layer in net.layers] == ["linear", "linear-2"]


# --- What cannot be read --------------------------------------------------------------------------------------------


def test_an_open_dimension_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = convolution(tmp_path, ["batch", 3, 8, 8], [4, 3, 3, 3])
    with pytest.raises(SpecError, match=r"'conv'.*\(batch, 3, 8, 8\).*--param batch=1"):
        load_network(path)
    assert only_layer(path, batch=3).N == 3


def test_a_nameless_open_dimension_goes_by_input_and_axis(tmp_path: Path) -> None:
    path = convolution(tmp_path, [None, 3, 8, 8], [4, 3, 3, 3])
    assert only_layer(path, x_0=3).N == 3


def test_an_unknown_dimension_gets_the_nearest_one(tmp_path: Path) -> None:
    path = convolution(tmp_path, ["batch", 3, 8, 8], [4, 3, 3, 3])
    with pytest.raises(UnknownNameError, match="'bach'; did you mean 'batch'"):
        load_network(path, bach=1)


@pytest.mark.parametrize("operator", ["ConvTranspose", "Einsum", "LSTM"])
def test_operators_whose_work_would_be_missed_are_refused_by_name(tmp_path: Path, operator: str) -> None:
    path = save(tmp_path, [helper.make_node(operator, ["x", "w"], ["y"], name="odd")], {"x": [1, 3]}, {"w": [3, 3]})
    with pytest.raises(UnsupportedError, match=f"'odd'.*{operator} is not modelled"):
        load_network(path)


def test_operators_outside_the_standard_are_refused_by_name(tmp_path: Path) -> None:
    node = helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft")
    with pytest.raises(UnsupportedError, match=r"com\.microsoft\.FusedMatMul"):
        load_network(save(tmp_path, [node], {"x": [1, 3]}, {"w": [3, 3]}))


def test_layers_inside_control_flow_are_refused(tmp_path: Path) -> None:
    body = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["z"])], "body", [], [helper.make_tensor_value_info("z", FLOAT, None)]
    )
    node = helper.make_node("If", ["condition"], ["y"], then_branch=body, else_branch=body)
    path = save(tmp_path, [node], {"x": [1, 3], "condition": []}, {"w": [3, 3]})
    with pytest.raises(UnsupportedError, match="MatMul lies inside If"):
        load_network(path)


def test_a_model_without_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"model\.onnx: no layer found; .*Conv, .*MatMul"):
        load_network(save(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}))


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256))])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.onnx"):
        load_network(path)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = convolution(tmp_path, [1, 3, 8, 8], [4, 3, 3, 3])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FlexloopError, match=r"pip install 'flexloop\[onnx\]'"):
        load_network(path)
