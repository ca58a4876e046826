"""The ONNX importer, on models built here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from onnx_models import FLOAT, Shape, dims, model, one, only_layer, save, tensor
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.errors import FlexloopError, SpecError, UnknownNameError, UnsupportedError
from flexloop.importers import Choices, import_network
from flexloop.importers.onnx import import_onnx
from flexloop.importers.operators import matmul
from flexloop.networks import load_network
from flexloop.workloads.layers import Layer, Network

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
from onnx import TensorProto, helper  # noqa: E402

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
    with pytest.raises(UnsupportedError, match=r"'conv'.*3 spatial axes.*100\.0% of the MACs"):
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


def test_shapes_that_the_model_computes_itself(tmp_path: Path) -> None:
    """Windows of 4 x 4: rows and columns are divided, concatenated and sliced in the graph, as exporters write it."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Constant", [], ["four"], value_int=4),
        node("Div", ["shape", "four"], ["windows"]),
        node("Constant", [], ["two"], value_ints=[2]),
        node("Constant", [], ["end"], value_ints=[4]),
        node("Slice", ["windows", "two", "end"], ["hw"]),
        node("ReduceProd", ["hw"], ["count"], keepdims=1),
        node("Constant", [], ["rest"], value_ints=[-1, 8]),
        node("Concat", ["count", "rest"], ["target"], axis=0),
        node("Reshape", ["x", "target"], ["split"]),
        node("MatMul", ["split", "w"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"x": ["batch", 8, "height", 12]}, {"w": [8, 5]})
    made = only_layer(path, batch=2, height=8)
    assert dims(made) == {"P": 2 * 8 * 12, "C": 8, "M": 5}


def test_the_shape_that_the_file_itself_gives_serves_where_the_operator_is_not_known(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mix", ["x"], ["h"], domain="com.example"), helper.make_node("MatMul", ["h", "w"], ["y"])]
    made = model(nodes, {"x": [2, 3]}, {"w": [3, 4]})
    made.graph.value_info.append(helper.make_tensor_value_info("h", FLOAT, [7, 3]))
    onnx.save(made, str(tmp_path / "mix.onnx"))
    with pytest.warns(UserWarning, match=r"left out:\n  com\.example\.Mix"):
        net = import_onnx(tmp_path / "mix.onnx", choices=Choices(skip_unsupported=True))
    assert dims(net.layers[0]) == {"P": 7, "C": 3, "M": 4}


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


def test_the_hint_names_the_model_s_own_open_dimensions(tmp_path: Path) -> None:
    """All that are still open, as the shell takes them; not one that has a size, nor one that follows from others."""
    shapes: dict[str, Shape] = {"x": ["batch", "past + new", 3], "m": ["the mask", "past"], "k": ["new"]}
    path = save(tmp_path, [helper.make_node("MatMul", ["x", "w"], ["y"])], shapes, {"w": [3, 4]})
    with pytest.raises(SpecError) as caught:
        load_network(path, batch=2)
    assert str(caught.value).endswith("for example --param 'the mask=1' --param past=1 --param new=1")


def test_a_dimension_that_is_an_expression_follows_from_the_others(tmp_path: Path) -> None:
    shapes: dict[str, Shape] = {"x": ["batch", "past + new", 3], "k": ["past", "new"]}
    path = save(tmp_path, [helper.make_node("MatMul", ["x", "w"], ["y"])], shapes, {"w": [3, 4]})
    assert only_layer(path, batch=2, past=10, new=1).P == 2 * 11


def test_a_nameless_open_dimension_goes_by_input_and_axis(tmp_path: Path) -> None:
    path = convolution(tmp_path, [None, 3, 8, 8], [4, 3, 3, 3])
    assert only_layer(path, x_0=3).N == 3


def test_an_unknown_dimension_gets_the_nearest_one(tmp_path: Path) -> None:
    path = convolution(tmp_path, ["batch", 3, 8, 8], [4, 3, 3, 3])
    with pytest.raises(UnknownNameError, match="'bach'; did you mean 'batch'"):
        load_network(path, bach=1)


def three_without_layer(folder: Path) -> Path:
    """A linear layer of 24 MACs, a volume of 12 x 27, a deformable image of 8 x 2, two operators of someone's own."""
    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "w"], ["h"], name="linear"),
        node("DeformConv", ["image", "i", "offset"], ["d"], name="deformed"),
        node("Conv", ["volume", "v"], ["c"], name="volume"),
        node("Mix", ["h"], ["m1"], name="mix1", domain="com.example"),
        node("Mix", ["m1"], ["m2"], name="mix2", domain="com.example"),
    ]
    inputs = {"x": [2, 3], "volume": [1, 1, 4, 4, 5], "image": [1, 2, 2, 4], "offset": [1, 2, 2, 4]}
    return save(folder, nodes, inputs, {"w": [3, 4], "v": [1, 1, 3, 3, 3], "i": [1, 2, 1, 1]}, opset=22)


def test_what_is_no_layer_is_refused_all_at_once_with_its_share(tmp_path: Path) -> None:
    """Of the 24 + 324 + 16 MACs that are known; the largest comes first."""
    with pytest.raises(UnsupportedError) as caught:
        load_network(three_without_layer(tmp_path))
    path, volume, deformed, mix, way = str(caught.value).splitlines()
    assert path.endswith("model.onnx: these operators are no layers:")
    assert "Conv ('volume')" in volume and f"{100 * 324 / 364:.1f}% of the MACs" in volume
    assert "DeformConv ('deformed')" in deformed and f"{100 * 16 / 364:.1f}% of the MACs" in deformed
    assert "2 x com.example.Mix ('mix1', 'mix2')" in mix and "share of the MACs is not known" in mix
    assert "--skip-unsupported" in way


def test_skipping_all_there_is_names_what_it_was(tmp_path: Path) -> None:
    path = one(tmp_path, "Conv", [[1, 3, 8, 8, 8], [4, 3, 3, 3, 3]], weights="b")
    with pytest.raises(UnsupportedError, match=r"no layer is left:\n  Conv \('node'\): .*100.0% of the MACs"):
        import_onnx(path, choices=Choices(skip_unsupported=True))


def test_skipping_it_goes_on_and_says_what_was_left_out(tmp_path: Path) -> None:
    path = three_without_layer(tmp_path)
    answer = CliRunner().invoke(app, ["import", str(path), "--skip-unsupported", "-o", str(tmp_path / "net.yaml")])
    assert answer.exit_code == 0, answer.output
    assert "left out" in answer.output and "DeformConv" in answer.output and "com.example.Mix" in answer.output
    net = load_network(tmp_path / "net.yaml")
    assert net.macs == 24
    assert "4 operators left out" in net.description
    assert [source.startswith("left out: ") for source in net.sources] == [False, True, True, True]


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    nodes = [helper.make_node(f"Odd{index}", ["x"], [f"y{index}"], domain="com.example") for index in range(30)]
    with pytest.raises(UnsupportedError, match="and 10 kinds more") as caught:
        load_network(save(tmp_path, nodes, {"x": [1]}))
    assert len(str(caught.value).splitlines()) < 25


def test_an_operator_that_the_standard_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="Convv.*not known"):
        load_network(save(tmp_path, [helper.make_node("Convv", ["x"], ["y"])], {"x": [1]}))


def test_a_shape_that_the_values_decide_is_no_layer(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["where"]),
        helper.make_node("Cast", ["where"], ["cast"], to=FLOAT),
        helper.make_node("MatMul", ["w", "cast"], ["y"], name="ragged"),
    ]
    with pytest.raises(UnsupportedError, match="'ragged'.*shape of 'cast' is .*inputs alone do not settle"):
        load_network(save(tmp_path, nodes, {"x": [3, 4]}, {"w": [5, 2]}))


# --- Conditions and loops -------------------------------------------------------------------------------------------


def body(columns: int, inputs: Sequence[Any] = (), outputs: Sequence[Any] = ()) -> Any:
    """A graph that multiplies the 2 x 3 matrix x, of the graph around it, by a parameter of so many columns."""
    made = [helper.make_tensor_value_info("z", FLOAT, None)]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"], name="product")]
    if inputs:
        nodes.append(helper.make_node("Identity", ["go"], ["again"]))
    return helper.make_graph(nodes, "body", list(inputs), [*outputs, *made], [tensor("w", [3, columns])])


def condition(folder: Path, constant: bool | None = None) -> Path:
    """An If whose branches take 24 and 30 MACs."""
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=body(4), else_branch=body(5))
    return saved(folder / "if.onnx", model([node], {"x": [2, 3]}), "c", TensorProto.BOOL, constant)


def saved(path: Path, made: Any, decider: str, kind: int, constant: int | None) -> Path:
    """A file of a model whose body an input decides, or a constant."""
    if constant is None:
        made.graph.input.append(helper.make_tensor_value_info(decider, kind, []))
    else:
        made.graph.initializer.append(helper.make_tensor(decider, kind, [], [constant]))
    onnx.save(made, str(path))
    return path


def test_what_follows_a_condition_has_the_shape_of_the_branch(tmp_path: Path) -> None:
    """Here the branches make different shapes, and a rank that is known decides between them."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Size", ["shape"], ["rank"]),
        node("Constant", [], ["two"], value_int=2),
        node("Equal", ["rank", "two"], ["flat"]),
        node("If", ["flat"], ["h"], then_branch=body(4), else_branch=body(5)),
        node("Transpose", ["h"], ["t"]),
        node("MatMul", ["t", "v"], ["y"], name="last"),
    ]
    path = save(tmp_path, nodes, {"x": [2, 3]}, {"v": [2, 6]})
    assert [layer.macs for layer in load_network(path).layers] == [2 * 3 * 4, 4 * 2 * 6]


def test_a_branch_counts_by_choice(tmp_path: Path) -> None:
    path = condition(tmp_path)
    with pytest.raises(UnsupportedError, match=r"If \('if'\).*else: 30 MACs, then: 24 MACs.*--branch then"):
        import_onnx(path)
    assert import_onnx(path, choices=Choices(branch="then")).macs == 24
    assert import_onnx(path, choices=Choices(branch="else")).macs == 30


@pytest.mark.parametrize(("constant", "macs"), [(True, 24), (False, 30)])
def test_a_branch_that_a_constant_decides_counts_by_itself(tmp_path: Path, constant: bool, macs: int) -> None:
    """The choice is for conditions that depend on the inputs."""
    assert import_onnx(condition(tmp_path, constant), choices=Choices(branch="then")).macs == macs


def loop(folder: Path, trips: int | None) -> Path:
    """A Loop whose body takes 24 MACs; the number of trips is an input or a parameter."""
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "again")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    inner = body(4, [count, flags[0]], [flags[1]])
    made = model([helper.make_node("Loop", ["n", ""], ["y"], name="loop", body=inner)], {"x": [2, 3]})
    return saved(folder / "loop.onnx", made, "n", TensorProto.INT64, trips)


def test_a_loop_runs_as_often_as_chosen(tmp_path: Path) -> None:
    path = loop(tmp_path, None)
    with pytest.raises(UnsupportedError, match=r"Loop \('loop'\).*body of 24 MACs.*--loop-steps"):
        import_onnx(path)
    (layer,) = import_onnx(path, choices=Choices(loop_steps=5)).layers
    assert (layer.name, layer.count, layer.macs) == ("product", 5, 24)


def test_a_loop_whose_trips_are_a_constant_runs_as_often(tmp_path: Path) -> None:
    assert import_onnx(loop(tmp_path, 7), choices=Choices(loop_steps=5)).layers[0].count == 7


def test_a_loop_s_state_has_the_shape_that_it_begins_with(tmp_path: Path) -> None:
    """The body says nothing of the shape of its state."""
    state = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("s", "t")]
    flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "again")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    nodes = [helper.make_node("MatMul", ["s", "w"], ["t"]), helper.make_node("Identity", ["go"], ["again"])]
    inner = helper.make_graph(nodes, "body", [count, flags[0], state[0]], [flags[1], state[1]], [tensor("w", [3, 3])])
    made = model([helper.make_node("Loop", ["n", "", "x"], ["y"], body=inner)], {"x": [2, 3]})
    made.graph.initializer.append(helper.make_tensor("n", TensorProto.INT64, [], [6]))
    onnx.save(made, str(tmp_path / "loop.onnx"))
    layer = only_layer(tmp_path / "loop.onnx")
    assert (dims(layer), layer.count) == ({"P": 2, "C": 3, "M": 3}, 6)


def test_a_scan_runs_once_for_each_slice(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("s", "t")]
    nodes = [helper.make_node("MatMul", ["s", "w"], ["t"])]
    inner = helper.make_graph(nodes, "body", values[:1], values[1:], [tensor("w", [3, 4])])
    node = helper.make_node("Scan", ["x"], ["y"], body=inner, num_scan_inputs=1, scan_input_axes=[1])
    after = helper.make_node("MatMul", ["y", "v"], ["z"])
    inside, outside = load_network(save(tmp_path, [node, after], {"x": [2, 9, 3]}, {"v": [4, 5]})).layers
    assert (dims(inside), inside.count) == ({"P": 2, "C": 3, "M": 4}, 9)
    assert dims(outside) == {"P": 9 * 2, "C": 4, "M": 5}


def test_bodies_without_layers_are_passed_over(tmp_path: Path) -> None:
    made = [helper.make_tensor_value_info("z", FLOAT, None)]
    branch = helper.make_graph([helper.make_node("Relu", ["h"], ["z"])], "body", [], made)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    assert only_layer(save(tmp_path, nodes, {"x": [2, 3], "c": []}, {"w": [3, 4]})).macs == 24


# --- Files that are no models ---------------------------------------------------------------------------------------


def test_a_model_without_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"model\.onnx: no layer found; .*Conv, .*MatMul"):
        load_network(save(tmp_path, [helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}))


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256))])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"broken\.onnx"):
        load_network(path)


def test_a_model_with_an_attribute_missing_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("If", ["c"], ["y"], otherwise=body(4))
    with pytest.raises(SpecError, match="no well-formed ONNX model"):
        load_network(save(tmp_path, [node], {"x": [2, 3], "c": []}))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty.*fetch it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_a_model_that_was_not_fetched_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=sentence):
        load_network(path)


@pytest.mark.parametrize(
    ("name", "way"), [("model.pt", "--torch.*torch.onnx.export"), ("model.tflite", "tf2onnx"), ("m.gguf", "as ONNX")]
)
@pytest.mark.parametrize("read", [load_network, import_network])
def test_a_file_of_another_tool_gets_the_way_to_a_network(tmp_path: Path, name: str, way: str, read: Any) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(SpecError, match=f"{name}: .*{way}"):
        read(tmp_path / name)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = convolution(tmp_path, [1, 3, 8, 8], [4, 3, 3, 3])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(FlexloopError, match=r"pip install 'flexloop\[onnx\]'"):
        load_network(path)
