"""The catalogue measured: each accelerator as it is and freed, and published figures beside those of its arch spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flexloop import Layer, Network, StudyOptions, run
from flexloop.arch.load import load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.cli import app
from flexloop.errors import SpecError, UnknownNameError
from flexloop.published.accelerators import Accelerator, Published, load_taxonomy
from flexloop.studies import catalogue
from flexloop.studies.catalogue import (
    AS_IS,
    FREED,
    OPEN_FREE,
    arch_names_of,
    compare_published,
    measure_catalogue,
    measured_cells,
    network_of,
    published_cells,
    states,
)

DESIGNS = Path(__file__).parent / "data" / "designs"

OPTIONS = StudyOptions.of(engine="embedded", jobs=1, use_store=False)

VECTOR = {"name": "vector", "parameters": {"batch": 1}, "layers": [{"name": "fc", "P": "batch", "C": 64, "M": 64}]}
"""A fully connected layer, whose 4096 weights are used once an inference."""


def an_accelerator(**changes: Any) -> Accelerator:
    """One with the shipped edge256's sizes, rigid but for tiles in part, its array's shape unknown."""
    axis = {"degree": "0", "reason": "It is wired that way.", "source": "paper"}
    fields: dict[str, Any] = {
        "name": "Test chip",
        "year": 2020,
        "sources": {"paper": "A. Author, 2020"},
        "tiling": axis | {"degree": "p"},
        "ordering": axis,
        "parallelization": axis,
        "shape": axis | {"degree": "open"},
        "arch_specs": ["edge256"],
    }
    return Accelerator.model_validate(fields | changes)


def a_figure(**changes: Any) -> dict[str, Any]:
    fields = {
        "value": 100.0,
        "unit": "inferences/s",
        "network": VECTOR,
        "clock_mhz": 1,
        "arch_spec": "edge256",
        "source": "paper",
        "read": True,
        "remark": "Measured on the same thing.",
    }
    return fields | changes


def use(monkeypatch: pytest.MonkeyPatch, accelerator: Accelerator) -> None:
    monkeypatch.setattr(catalogue, "load_taxonomy", lambda: (accelerator,))


# -- what is shipped -------------------------------------------------------------------------------------------------


def test_most_of_the_catalogue_has_an_arch_spec_that_says_where_its_sizes_are_from() -> None:
    every = arch_names_of()
    assert len({accelerator.name for accelerator, _ in every}) >= 23
    for _, name in every:
        arch = load_arch(name)
        assert arch.sources and arch.description and arch.name == name
        read = [s for s in arch.sources if "http" in s or "(abstract)" in s]
        assert all(s.endswith("quoted, not looked up") for s in arch.sources if s not in read), name
        # Three levels with loops are the form in which optima are found fastest.
        assert not isinstance(arch, ArchSpec) or len(arch.loop_levels) == 3


@pytest.mark.parametrize(
    ("name", "macs", "kib"),
    [
        ("diannao", 256, {"SB": 32, "NBin": 2, "NBout": 2}),
        ("dadiannao", 16 * 256, {"SynapseEDRAM": 2048, "CentralEDRAM": 4096}),
        ("shidiannao", 64, {"SB": 128, "NBin": 64, "NBout": 64}),
        ("eyeriss_v2", 384, {"InputGLB": 72, "PsumGLB": 120, "WeightSpad": 192 / 1024}),
        ("nvdla_small", 64, {"ConvolutionBuffer": 128}),
        ("flexflow", 256, {"KernelBuffer": 32, "NeuronBufferIn": 32, "KernelStore": 0.25, "NeuronStore": 0.25}),
        ("scnn", 1024, {"IARAM": 10, "Accumulators": 6}),
        ("maeri", 256, {"PrefetchBuffer": 80}),
        ("sigma", 16384, {}),
        ("gemmini", 256, {"Scratchpad": 256, "Accumulator": 64}),
        ("vta", 256, {"InputBuffer": 32, "WeightBuffer": 256, "AccumulatorBuffer": 128}),
        ("groq_tsp", 4 * 320 * 320, {"MEM": 220 * 1024}),
        ("brainwave", 8 * 16 * 128, {}),
        ("planaria", 128 * 128, {"Buffer": 12 * 1024}),
        ("sara", 128 * 128, {}),
        ("redas", 128 * 128, {}),
        ("cambricon", 1024, {"MatrixScratchpad": 768, "VectorScratchpad": 64}),
        ("feather", 256, {"GlobalBuffer": 256, "RegisterFile": 1 / 16}),
        ("flexagon", 64, {"StreamingCache": 1024, "PSRAM": 256}),
        ("morph", 6 * 16 * 8, {"L2": 1024, "L1": 64, "L0": 16}),
        (
            "simba_like",
            16 * 4 * 4,
            {"GlobalBuffer": 64, "PEInputBuffer": 64, "PEWeightBuffer": 32, "PEAccuBuffer": 3 / 8},
        ),
    ],
)
def test_sizes_are_those_of_the_sources(name: str, macs: int, kib: dict[str, float]) -> None:
    arch = load_arch(name)
    assert arch.arithmetic.instances == macs
    bits = {memory.name: memory.bits for memory in arch.memories}
    assert {level: bits[level] for level in kib} == {level: size * 8 * 1024 for level, size in kib.items()}


def test_simba_as_in_timeloop_s_example_has_both_fanouts_in_a_pe() -> None:
    """It is the example that the tests of designs read, without the levels that stand for fanouts alone."""
    simba, example = load_arch("simba_like").as_design("here"), load_arch(DESIGNS / "simba_like.yaml").as_design("here")
    assert str(simba.own_extents) == str(example.own_extents) == "16x1 of 1x4 of 1x4"
    kept = {m.name: (m.capacity, m.instances, m.word_bits, m.row_bits) for m in example.memories if m.keep}
    assert {m.name: (m.capacity, m.instances, m.word_bits, m.row_bits) for m in simba.memories} == kept
    net = Network(name="one", layers=(Layer(name="conv", C=8, M=16, R=3, P=4),))
    ours, theirs = (
        run("T0O0P0S0", net, arch, engine="embedded", use_store=False, objective="energy").rows.iloc[0]
        for arch in (simba, example)
    )
    assert ours["optimal"] and theirs["optimal"]
    assert ours["cycles"] == theirs["cycles"]
    assert ours["energy_pj"] == pytest.approx(theirs["energy_pj"])


@pytest.mark.parametrize("name", [a.name for a in load_taxonomy() if a.published])
def test_published_figures_are_about_networks_that_exist(name: str) -> None:
    accelerator = next(a for a in load_taxonomy() if a.name == name)
    for figure in accelerator.published:
        net = network_of(figure)
        assert net.macs > 0
        assert not figure.layers or all(layer.name.startswith(figure.layers) for layer in net.layers)


def test_a_figure_may_be_about_some_layers_and_a_batch() -> None:
    eyeriss = next(a for a in load_taxonomy() if a.name == "Eyeriss")
    net = network_of(eyeriss.published[0])
    assert [layer.name for layer in net.layers] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert {layer.N for layer in net.layers} == {4}


def test_where_nothing_limits_latency_is_work_over_the_pes_in_use() -> None:
    """Kao et al.'s NVDLA-like base spreads 64 input channels and 16 output channels, and holds filters whole."""
    layers = [Layer(name="full", C=128, M=32, R=3, S=3, P=7), Layer(name="first", C=3, M=32, R=3, S=3, P=7)]
    rows = run(
        "T0O0P0S0", Network(name="two", layers=tuple(layers)), "kao_dla", engine="embedded", use_store=False
    ).rows
    assert list(rows["cycles"]) == [2 * 2 * 9 * 7, 2 * 9 * 7]
    assert list(rows["utilization"]) == [1, 3 / 64]


# -- measuring -------------------------------------------------------------------------------------------------------


def test_an_accelerator_is_measured_as_it_is_and_freed_and_with_open_axes_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, an_accelerator())
    rows = measure_catalogue(VECTOR, options=OPTIONS)
    assert list(rows["state"]) == [AS_IS, OPEN_FREE, FREED]
    assert list(rows["class"]) == ["TpO0P0S0", "TpO0P0S1", "T1O1P1S1"]
    assert rows["gain"].iloc[0] == 1 and rows["gain"].is_monotonic_increasing
    assert rows["w_f"].is_monotonic_increasing and rows["w_f"].iloc[-1] == rows["h_f"].iloc[-1] == 1
    assert rows["area_mm2"].is_monotonic_increasing and rows["area_mm2"].iloc[0] > 0
    assert not rows["unmappable"].any()
    columns, cells = measured_cells(rows)
    assert all(len(row) == len(columns) for row in cells)


def test_without_open_axes_there_is_no_row_for_them() -> None:
    diannao = next(a for a in load_taxonomy() if a.name == "DianNao")
    assert {state: str(point) for state, point in states(diannao).items()} == {AS_IS: "TpOpP0S0", FREED: "T1O1P1S1"}


def test_accelerators_are_chosen_by_their_names_or_by_those_of_their_specs() -> None:
    assert [arch for _, arch in arch_names_of(["NVDLA"])] == ["nvdla", "nvdla_small"]
    assert [arch for _, arch in arch_names_of(["vta", "Nvdla_Small"])] == ["nvdla_small", "vta"]
    with pytest.raises(UnknownNameError, match="did you mean 'gemmini'"):
        arch_names_of(["gemini"])
    with pytest.raises(SpecError, match="no arch spec of it"):
        arch_names_of(["DNA"])


# -- published figures -----------------------------------------------------------------------------------------------


def test_a_published_rate_is_compared_at_its_clock_its_batch_and_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """4096 weights at one word a cycle bound the time: 1 MHz gives at most 244 inferences a second for each image."""
    figures = [a_figure(dram_bandwidth=1), a_figure(dram_bandwidth=1, parameters={"batch": 4}), a_figure()]
    use(monkeypatch, an_accelerator(published=figures))
    rows = compare_published(options=OPTIONS)
    one, four, fast = rows["ours"]
    assert 200 < one <= 1e6 / 4096
    assert one < four <= 4 * 1e6 / 4096
    assert fast > 10 * one
    assert list(rows["ratio"]) == [value / 100 for value in rows["ours"]]
    assert list(rows["network"]) == ["vector"] * 3
    columns, cells = published_cells(rows)
    assert all(len(row) == len(columns) for row in cells)


def test_utilization_and_operations_a_second_agree_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, an_accelerator(published=[a_figure(unit="utilization"), a_figure(unit="TOPS")]))
    used, tops = compare_published(options=OPTIONS)["ours"]
    assert tops == pytest.approx(used * 2 * 256 * 1e6 / 1e12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "nowhere"}, r"published\[0\]: sources has no 'nowhere'"),
        ({"arch_spec": "tpu"}, r"published\[0\]: arch_specs has no 'tpu'"),
    ],
)
def test_a_figure_names_a_source_and_a_spec_of_its_entry(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        an_accelerator(published=[a_figure(**changes)])


def test_a_figure_about_layers_that_are_not_there_is_refused() -> None:
    with pytest.raises(SpecError, match="vector: no layer's name begins with conv"):
        network_of(Published.model_validate(a_figure(layers=["conv"])))


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_all_columns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, an_accelerator(published=[a_figure()]))
    shared = ["--engine", "embedded", "--jobs", "1", "--no-store", "--quiet", "--json"]
    path = tmp_path / "out.csv"
    shown = CliRunner().invoke(app, ["taxonomy", "--published", "-o", str(path), *shared])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)[0]["remark"] == "Measured on the same thing."
    assert path.read_text().startswith("accelerator,arch,network")
    shown = CliRunner().invoke(app, ["taxonomy", "--measure", "--net", "ncf", *shared])
    assert [row["state"] for row in json.loads(shown.stdout)] == [AS_IS, OPEN_FREE, FREED]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--net", "resnet50"], "--net says what to measure"),
        (["--only", "vta"], "--only says what to run"),
        (["--measure", "--published"], "one at a time"),
    ],
)
def test_options_that_would_do_nothing_are_refused(arguments: list[str], message: str) -> None:
    shown = CliRunner().invoke(app, ["taxonomy", *arguments])
    assert shown.exit_code == 1
    assert message in " ".join(shown.output.split())
