"""Shipped networks against published figures, and networks of one's own in YAML."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flexloop.errors import FlexloopError, SpecError, UnknownNameError
from flexloop.networks import load_network, network_names
from flexloop.resources import shipped
from flexloop.workloads.layers import Layer
from flexloop.workloads.parameters import MAX_PARAMETER, evaluate
from flexloop.workloads.read import read_network

NAMES = network_names()


# --- Shipped networks: totals ---------------------------------------------------------------------------------------
#
# A layer's weights are all that is counted as parameters here. Published counts also hold biases, normalisation and
# embedding tables, which are summed up below network by network, so that the comparison is exact. Published MACs are
# rounded; the tolerance is half of their last digit.


@dataclass(frozen=True)
class Published:
    """Published totals.

    Attributes:
        parameters: all parameters of the published model.
        outside: those of them that are no layer's weights: biases, normalisation, embeddings.
        gmacs: billions of multiply-accumulates.
        digits: decimals of the figure above.
        source: where the totals are published.
    """

    parameters: int
    outside: int
    gmacs: float
    digits: int
    source: str


def encoder(width: int, hidden: int, layers: int) -> int:
    """Biases and normalisation of transformer layers: query, key, value, output, two matmuls, two layer norms."""
    return layers * (4 * width + hidden + width + 2 * 2 * width)


TORCHVISION = "torchvision, table of pre-trained weights: num_params and GFLOPS (which are multiply-accumulates)"
PUBLISHED = {
    "vgg16": Published(138_357_544, 64 * 2 + 128 * 2 + 256 * 3 + 512 * 6 + 4096 * 2 + 1000, 15.47, 2, TORCHVISION),
    "resnet50": Published(
        25_557_032,
        # Batch normalisation: conv1, then in each stage the first block's shortcut and three convolutions a block.
        2 * (64 + (256 + 3 * 384) + (512 + 4 * 768) + (1024 + 6 * 1536) + (2048 + 3 * 3072)) + 1000,
        4.089,
        3,
        TORCHVISION,
    ),
    "mobilenet_v2": Published(3_504_872, 2 * 17_056 + 1000, 0.301, 3, TORCHVISION),
    "mnasnet": Published(4_383_312, 2 * 18_960 + 1000, 0.314, 3, TORCHVISION),
    "vit_b16": Published(
        86_567_656, (768 + 768 + 197 * 768) + encoder(768, 3072, 12) + 2 * 768 + 1000, 17.564, 3, TORCHVISION
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_totals_are_the_published_ones(name: str) -> None:
    net, published = load_network(name), PUBLISHED[name]
    assert net.weights + published.outside == published.parameters
    assert round(net.macs / 1e9, published.digits) == published.gmacs


@pytest.mark.parametrize("name", ["mobilenet_v2", "mnasnet"])
def test_batch_normalisation_follows_each_convolution_of_the_mobile_networks(name: str) -> None:
    """The sums of channels above are those of all convolutions."""
    convolutions = [layer for layer in load_network(name).layers if layer.Q > 1]
    assert 2 * sum(layer.G * layer.M * layer.count for layer in convolutions) + 1000 == PUBLISHED[name].outside


def test_alexnet_is_the_original_with_two_groups() -> None:
    """Sze et al., Proc. IEEE 2017, table II: 61 M weights and 724 M MACs, of which 2.3 M and 666 M in convolutions."""
    net = load_network("alexnet")
    convolutions = [layer for layer in net.layers if layer.Q > 1]
    assert (round(net.weights / 1e6), round(net.macs / 1e6)) == (61, 724)
    assert round(sum(layer.weights for layer in convolutions) / 1e6, 1) == 2.3
    assert round(sum(layer.macs for layer in convolutions) / 1e6) == 666
    assert [layer.G for layer in convolutions] == [1, 2, 1, 2, 2]


def test_bert_is_the_encoder_of_bert_base() -> None:
    """Hugging Face, bert-base-uncased: 109,482,240 parameters; embeddings and pooler are left out here."""
    embeddings = (30_522 + 512 + 2) * 768 + 2 * 768
    pooler = 768 * 768 + 768
    net = load_network("bert")
    assert net.weights + encoder(768, 3072, 12) + embeddings + pooler == 109_482_240
    assert net.macs == 12 * (512 * (4 * 768**2 + 2 * 768 * 3072) + 2 * 512**2 * 768)


def test_gpt2_is_the_smallest() -> None:
    """Hugging Face, gpt2: 124,439,808 parameters; the head's weights are the token embedding."""
    positions = 1024 * 768
    net = load_network("gpt2")
    assert net.weights + encoder(768, 3072, 12) + 2 * 768 + positions == 124_439_808
    assert net.macs == 12 * (1024 * 12 * 768**2 + 2 * 1024**2 * 768) + 768 * 50_257


@pytest.mark.parametrize("name", ["llama3_8b_prefill", "llama3_8b_decode"])
def test_llama3_has_eight_billion_parameters(name: str) -> None:
    """Hugging Face, Meta-Llama-3-8B: 8,030,261,248 parameters; norms and the embedding are left out here."""
    embedding, norms = 128_256 * 4096, (2 * 32 + 1) * 4096
    assert load_network(name).weights + embedding + norms == 8_030_261_248


def test_llama3_does_one_mac_a_parameter_and_token_beside_attention() -> None:
    """Attention: scores and context each take a MAC per query head (32), channel (128), query and position."""
    prefill = load_network("llama3_8b_prefill", sequence_length=100)
    head = 4096 * 128_256
    assert prefill.macs == 100 * (prefill.weights - head) + head + 32 * 2 * 32 * 128 * 100 * 100
    decode = load_network("llama3_8b_decode", context_length=100)
    assert decode.macs == decode.weights + 32 * 2 * 32 * 128 * 100


def test_dlrm_is_the_configuration_of_mlperf() -> None:
    """Widths 13-512-256-128 and 479-1024-1024-512-256-1; 27 vectors of 128 are multiplied with one another."""
    mlps = [13 * 512, 512 * 256, 256 * 128, 479 * 1024, 1024 * 1024, 1024 * 512, 512 * 256, 256 * 1]
    net = load_network("dlrm")
    assert net.weights == sum(mlps) == 2_365_184
    assert net.macs == sum(mlps) + 27 * 27 * 128


def test_ncf_is_the_configuration_of_mlperf() -> None:
    net = load_network("ncf")
    assert net.macs == net.weights == 256 * 256 + 256 * 128 + 128 * 64 + 128 * 1


# --- Shipped networks: what holds for all ---------------------------------------------------------------------------


def test_the_networks_of_the_field_are_shipped() -> None:
    classics = {"alexnet", "vgg16", "resnet50", "mobilenet_v2", "mnasnet", "bert", "dlrm", "ncf"}
    later = {"vit_b16", "gpt2", "llama3_8b_prefill", "llama3_8b_decode"}
    assert set(NAMES) == classics | later | {f"kao_{name}" for name in classics - {"vgg16"}}


def test_networks_of_the_paper_s_program_have_no_strides_and_no_padding() -> None:
    """Its list of ResNet-50 has the layers of the published network, bar the last, each on its whole input."""
    net, published = load_network("kao_resnet50"), load_network("resnet50")
    assert all(layer.Wstride == layer.Hstride == 1 for layer in net.layers)
    assert net.occurrences == published.occurrences - 1
    assert net.weights == published.weights - 2048 * 1000
    assert net.macs > published.macs


@pytest.mark.parametrize("name", NAMES)
def test_a_network_says_where_its_numbers_come_from(name: str) -> None:
    net = load_network(name)
    assert net.name == name
    assert net.description
    assert len(net.sources) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_multiplies_the_work_and_not_the_weights(name: str) -> None:
    one, four = load_network(name), load_network(name, batch=4)
    assert four.macs == 4 * one.macs
    assert four.weights == one.weights


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_of_a_network_changes_it(name: str) -> None:
    net = load_network(name)
    for parameter, value in net.parameters.items():
        assert load_network(name, **{parameter: value + 1}).layers != net.layers


@pytest.mark.parametrize("name", NAMES)
def test_identical_layers_are_merged(name: str) -> None:
    net = load_network(name)
    assert net.unique() == net


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet50", "mobilenet_v2", "mnasnet"])
def test_convolutions_chain(name: str) -> None:
    """Every convolution reads as many channels as some layer before it wrote, on maps at least as wide as it needs."""
    written = {3: 227 if name == "alexnet" else 224}
    for layer in load_network(name).layers:
        if layer.Q > 1:
            assert layer.G * layer.C in written
            assert ceil(written[layer.G * layer.C] / layer.Wstride) >= layer.P == layer.Q
        written[layer.G * layer.M] = layer.P


def test_attention_is_grouped_by_head() -> None:
    layers = {layer.name: layer for layer in load_network("bert", sequence_length=128).layers}
    assert layers["scores"] == Layer(name="scores", G=12, P=128, C=64, M=128, count=12, dynamic_weights=True)
    assert layers["context"] == Layer(name="context", G=12, P=128, C=128, M=64, count=12, dynamic_weights=True)


def test_grouped_query_attention_folds_query_heads_into_rows() -> None:
    layers = {layer.name: layer for layer in load_network("llama3_8b_decode", batch=2, context_length=300).layers}
    scores = layers["scores"]
    assert (scores.G, scores.P, scores.C, scores.M) == (2 * 8, 4, 128, 300)
    assert scores.tensor_size("Weights") == 2 * 8 * 128 * 300  # each key is read once for its four query heads


def test_the_documentation_has_the_figures_of_every_network() -> None:
    text = (Path(__file__).parents[1] / "docs" / "networks.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "=1`" in line]
    documented = {row[0].strip("`"): row[2:7] for row in rows if len(row) == 8}
    assert set(documented) == set(NAMES)
    for name in NAMES:
        net = load_network(name)
        parameters = ", ".join(f"`{parameter}={value}`" for parameter, value in net.parameters.items())
        figures = [f"{n:,}" for n in (net.occurrences, len(net.layers), net.macs, net.weights)]
        assert documented[name] == [parameters, *figures]


# --- One's own networks ---------------------------------------------------------------------------------------------

OWN = """\
name: mine
sources: [my own]
parameters: {batch: 1, width: 64}
layers:
- {name: conv, N: batch, C: 3, M: width, R: 3, S: 3, P: 32, Q: 32}
- {name: fc, P: batch, C: width*(32//4)*(32//4), M: 10, count: 2}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_file_is_read_by_its_path(own: Path) -> None:
    net = load_network(own, width=16)
    assert net.parameters == {"batch": 1, "width": 16}
    assert [(layer.name, layer.C, layer.M, layer.count) for layer in net.layers] == [
        ("conv", 3, 16, 1),
        ("fc", 16 * 64, 10, 2),
    ]


def test_a_path_may_be_a_string(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    assert load_network("mine.yaml") == load_network(str(own)) == load_network(own)


def test_a_shipped_name_wins_over_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bert").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_network("bert").name == "bert"


def test_a_folder_that_is_not_shipped_is_an_error() -> None:
    with pytest.raises(FlexloopError, match="'nothing' is missing"):
        shipped("nothing")


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="unknown network 'restnet50'; did you mean 'resnet50'"):
        load_network("restnet50")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_network(tmp_path / "absent.yaml")


def test_an_unknown_parameter_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="unknown parameter 'sequence'; did you mean 'sequence_length'"):
        load_network("bert", sequence=128)


@pytest.mark.parametrize("value", [0, -1, True, 2.0, "128", MAX_PARAMETER + 1])
def test_a_parameter_is_a_positive_integer(value: object) -> None:
    with pytest.raises(SpecError, match="batch=.*give an integer from 1"):
        load_network("bert", batch=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("C: 3,", "C: 0,", ["layers[0] (conv)", "C: 0", "greater than or equal to 1"]),
        ("C: 3,", "K: 3,", ["layers[0] (conv)", "K"]),
        ("C: 3,", "C: wide,", ["layers[0] (conv)", "C:", "unknown parameter 'wide'", "'width'"]),
        ("C: 3,", "C: 3**3,", ["layers[0] (conv)", "C:", "'3**3'"]),
        ("C: 3,", "C: 1//0,", ["layers[0] (conv)", "divides by zero"]),
        ("C: 3,", "C: [3],", ["layers[0] (conv)", "C"]),
        ("name: conv,", "", ["layers[0]", "name is missing"]),
        ("name: fc,", "name: conv,", ["'conv' is given to several layers"]),
        ("name: mine", "title: mine", ["name is missing", "title"]),
        ("batch: 1,", "batch: one,", ["parameters.batch", "'one'"]),
        ("batch: 1,", "batch: 0,", ["parameters.batch", "0"]),
        ("sources: [my own]", "sources: 7", ["sources", "7"]),
        ("layers:", "layers: []\nolder:", ["layers", "older"]),
    ],
)
def test_a_wrong_file_is_answered_by_file_and_field(own: Path, old: str, new: str, named: list[str]) -> None:
    assert old in OWN
    own.write_text(OWN.replace(old, new), encoding="utf-8")
    with pytest.raises(FlexloopError) as error:
        load_network(own)
    for part in [str(own), *named]:
        assert part in str(error.value)


@pytest.mark.parametrize(
    "content", ["", "just text", "- a\n- list", "name: [", "name: !!python/object/apply:os.getcwd []"]
)
def test_a_file_that_is_no_network_is_refused(own: Path, content: str) -> None:
    own.write_text(content, encoding="utf-8")
    with pytest.raises(SpecError, match="mine.yaml"):
        load_network(own)


def test_a_parsed_document_is_read_without_a_file() -> None:
    document = yaml.safe_load((shipped("workloads") / "ncf.yaml").read_text(encoding="utf-8"))
    assert read_network(document, "memory", {"batch": 8}) == load_network("ncf", batch=8)


# --- Expressions ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99))
def test_expressions_are_integer_arithmetic(a: int, b: int, c: int) -> None:
    assert evaluate(f"a + {b}*c - (a+{b})//c", {"a": a, "c": c}) == a + b * c - (a + b) // c


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1 +",
        "1.5",
        "1/2",
        "2**9",
        "-a",
        "f(a)",
        "a.b",
        "a[0]",
        "a if a else a",
        "'x'",
        "True",
        "a,",
        "a;a",
        "a\x00",
    ],
)
def test_other_expressions_are_refused(expression: str) -> None:
    with pytest.raises(SpecError, match="use integers, parameter names"):
        evaluate(expression, {"a": 1})


@pytest.mark.parametrize("expression", ["9" * 1000, "(" * 500 + "1" + ")" * 500, "*".join(["9999"] * 500)])
def test_long_expressions_are_refused(expression: str) -> None:
    with pytest.raises(SpecError, match="longer than"):
        evaluate(expression, {})


def test_deep_expressions_are_read_or_refused() -> None:
    assert evaluate("(" * 60 + "1" + ")" * 60, {}) == 1


def test_an_unknown_name_in_an_expression_gets_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="'bach'; did you mean 'batch'"):
        evaluate("2*bach", {"batch": 1})
