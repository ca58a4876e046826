"""Networks from other tools' files, and from PyTorch modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.errors import FlexloopError, SpecError, UnsupportedError
from flexloop.importers import import_network
from flexloop.importers.networkfile import network_text
from flexloop.importers.torchmodule import import_torch
from flexloop.networks import load_network, network_names
from flexloop.workloads.layers import Layer, Network

CONV1 = {"C": 3, "M": 64, "R": 7, "S": 5, "P": 112, "Q": 113, "Wstride": 2, "Hstride": 2}
"""64 filters of 5 rows and 7 columns, stride 2, on an input of 229 rows and 229 columns."""

MAESTRO = """
Network resnet {
  Layer CONV1 {
    Type: CONV
    Stride { X: 2, Y: 2 } // both ways
    Dimensions { K: 64, C: 3, R: 5, S: 7, Y: 229, X: 229 }
    Dataflow { SpatialMap(1,1) K; }
  }
  Layer DW { Type: DSCONV Dimensions { K: 1, C: 32, R: 3, S: 3, Y: 10, X: 12 } }
  Layer FC { Type: GEMM Dimensions { M: 4, N: 1000, K: 2048 } }
}
"""
GAMMA = "K,C,Y,X,R,S,T\n64,3,9,11,3,5,1\n1,32,10,12,3,3,2\n512,768,768,1,1,1,3\n"
SCALESIM = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
    "Conv1, 229, 229, 5, 7, 3, 64, 2,\n"
)
GEMM = "Layer, M, N, K,\nfc, 4, 1000, 2048,\n"
PROBLEM = """
problem:
  shape: cnn-layer
  instance: {R: 7, S: 5, P: 112, Q: 113, C: 3, K: 64, N: 1, Wstride: 2, Hstride: 2, Wdilation: 1, Hdilation: 1}
"""


def imported(folder: Path, name: str, text: str) -> list[dict[str, Any]]:
    (folder / name).write_text(text)
    layers = import_network(folder / name).layers
    return [layer.model_dump(exclude_defaults=True, exclude={"name"}) for layer in layers]


def test_a_maestro_model(tmp_path: Path) -> None:
    conv, depthwise, matmul = imported(tmp_path, "net.m", MAESTRO)
    assert conv == CONV1
    assert depthwise == {"G": 32, "R": 3, "S": 3, "P": 10, "Q": 8}
    assert matmul == {"P": 4, "M": 1000, "C": 2048}


def test_a_list_of_gamma(tmp_path: Path) -> None:
    conv, depthwise, matmul = imported(tmp_path, "net.csv", GAMMA)
    assert conv == {"C": 3, "M": 64, "R": 5, "S": 3, "P": 7, "Q": 7}
    assert depthwise == {"G": 32, "R": 3, "S": 3, "P": 10, "Q": 8}
    assert matmul == {"P": 512, "M": 768, "C": 768}


def test_topologies_of_scalesim(tmp_path: Path) -> None:
    assert imported(tmp_path, "conv.csv", SCALESIM) == [CONV1]
    assert imported(tmp_path, "gemm.csv", GEMM) == [{"P": 4, "M": 1000, "C": 2048}]
    assert import_network(tmp_path / "conv.csv").layers[0].name == "Conv1"


def test_a_folder_of_timeloop_problems(tmp_path: Path) -> None:
    for name, channels in (("a", 3), ("b", 3), ("c", 6)):
        (tmp_path / f"{name}.yaml").write_text(PROBLEM.replace("C: 3", f"C: {channels}"))
    first, second = import_network(tmp_path).layers
    assert (first.name, first.count, second.name) == ("a", 2, "c")
    assert first.model_dump(exclude_defaults=True, exclude={"name", "count"}) == CONV1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.m", "nothing", "no Layer found"),
        ("x.m", "Layer A { Type: CONV }", "no Dimensions"),
        ("x.m", "Layer A { Type: LSTM Dimensions { K: 1 } }", "type LSTM"),
        ("x.m", "Layer A { Type: CONV Dimensions { K: 1, C: 1, R: 5, S: 5, Y: 3, X: 3 } }", "does not fit"),
        ("x.csv", "a,b\n1,2\n", "heading"),
        ("x.csv", "", "x.csv: is empty"),
        ("x.csv", "K,C,Y,X,R,S,T\n1,2,3,4,5,x,1\n", "line 2"),
        ("x.csv", "K,C,Y,X,R,S,T\n1,2,3,4,1,1,9\n", "type 9"),
        ("x.csv", "K,C,Y,X,R,S,T\n1,2,3\n", "line 2: 3 cells are too few"),
        ("x.csv", GEMM + "fc,4\n", "line 3: 2 cells are too few"),
        ("x.pt", "", r"\.pt"),
        ("x.yaml", "", "x.yaml: holds no problem"),
        ("x.yaml", "problem: 3\n", "x.yaml: problem is 3"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((SpecError, UnsupportedError), match=words):
        import_network(tmp_path / name)


@pytest.mark.parametrize("name", ["x.m", "x.csv"])
def test_a_file_that_is_no_text_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=f"{name}: is not UTF-8"):
        import_network(tmp_path / name)


def test_names_of_other_tools_become_names_of_layers(tmp_path: Path) -> None:
    (tmp_path / "my net.m").write_text(MAESTRO.replace("CONV1", "a/b").replace("DW", "a:b"))
    network = import_network(tmp_path / "my net.m")
    assert (network.name, [layer.name for layer in network.layers]) == ("my.net", ["a.b", "a.b-2", "FC"])


@pytest.mark.parametrize("name", network_names())
def test_a_network_s_text_is_the_network_again(name: str) -> None:
    network = load_network(name)
    again = load_network(network_text(network))
    assert again.layers == network.layers
    assert (again.name, again.description, again.sources) == (network.name, network.description, network.sources)


def test_the_command_writes_a_network_file(tmp_path: Path) -> None:
    (tmp_path / "net.m").write_text(MAESTRO)
    answer = CliRunner().invoke(app, ["import", str(tmp_path / "net.m"), "-o", str(tmp_path / "new" / "net.yaml")])
    assert answer.exit_code == 0, answer.output
    assert "3 layers" in answer.output
    assert load_network(tmp_path / "new" / "net.yaml").layers == import_network(tmp_path / "net.m").layers
    neither = CliRunner().invoke(app, ["import"])
    assert neither.exit_code == 1 and "--torch" in neither.output


def make_module() -> Any:
    """A small module: convolutions, a depthwise one, attention by hand and a linear layer."""
    import torch

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 8, (5, 7), stride=2)
            self.depthwise = torch.nn.Conv2d(8, 8, 3, groups=8)
            self.fc = torch.nn.Linear(8, 10)

        def forward(self, x: Any) -> Any:
            y = self.depthwise(self.conv(x)).flatten(2).transpose(1, 2)
            return self.fc(torch.softmax(y @ y.transpose(1, 2), -1) @ y)

    return Net()


def test_a_torch_module() -> None:
    pytest.importorskip("torch")
    conv, depthwise, scores, context, linear = import_torch("test_importers:make_module", [(1, 3, 21, 31)]).layers
    assert shape(conv) == {"C": 3, "M": 8, "R": 7, "S": 5, "P": 13, "Q": 9, "Wstride": 2, "Hstride": 2}
    assert shape(depthwise) == {"G": 8, "R": 3, "S": 3, "P": 11, "Q": 7}
    assert shape(scores) == {"P": 77, "C": 8, "M": 77, "dynamic_weights": True}
    assert shape(context) == {"P": 77, "C": 77, "M": 8, "dynamic_weights": True}
    assert shape(linear) == {"P": 77, "C": 8, "M": 10}


def make_attention() -> Any:
    """Self-attention, whose projections PyTorch packs into one parameter, and a transposed convolution."""
    import torch

    class Net(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.attention = torch.nn.MultiheadAttention(24, 4, batch_first=True)
            self.up = torch.nn.ConvTranspose1d(10, 6, 4, stride=2, padding=1)

        def forward(self, x: Any) -> Any:
            return self.up(self.attention(x, x, x)[0])

    return Net()


def test_the_projections_of_a_torch_attention_are_three_layers() -> None:
    pytest.importorskip("torch")
    projections, scores, context, up = import_torch("test_importers:make_attention", [(1, 10, 24)]).layers
    assert shape(projections) == {"P": 10, "C": 24, "M": 24, "count": 4}  # the output's has the same shape
    assert shape(scores) == {"G": 4, "P": 10, "C": 6, "M": 10, "dynamic_weights": True}
    assert shape(context) == {"G": 4, "P": 10, "C": 10, "M": 6, "dynamic_weights": True}
    assert shape(up) == {"C": 10, "M": 6, "R": 2, "P": 24, "count": 2}


@pytest.mark.parametrize(
    ("factory", "name"), [("resnet50", "resnet50"), ("mobilenet_v2", "mobilenet_v2"), ("vit_b_16", "vit_b16")]
)
def test_shipped_networks_are_those_of_torchvision(factory: str, name: str) -> None:
    """Layer by layer: the same shapes, each as often; the names are each one's own."""
    pytest.importorskip("torchvision")
    imported = import_torch(f"torchvision.models:{factory}", [(1, 3, 224, 224)])
    shipped = load_network(name)
    assert imported.macs == shipped.macs
    assert counted(imported) == counted(shipped)


def counted(network: Network) -> dict[tuple[object, ...], int]:
    """How often each shape occurs, with weights and without."""
    return {(layer.shape_key, layer.dynamic_weights): layer.count for layer in network.unique().layers}


def shape(layer: Layer) -> dict[str, Any]:
    return layer.model_dump(exclude_defaults=True, exclude={"name"})


@pytest.mark.parametrize("factory", ["nowhere:f", "os:nothing", "os", "os:sep"])
def test_a_factory_that_is_none_is_named(factory: str) -> None:
    pytest.importorskip("torch")
    with pytest.raises(FlexloopError, match=factory.partition(":")[0]):
        import_torch(factory, [(1,)])
