"""Scripts against Timeloop's v4 front end, run by flexloop: read, change by name, run, read results."""

from __future__ import annotations

import io
import pickle
import re
import signal
import warnings
from html import unescape
from pathlib import Path
from threading import Event, Thread
from typing import Any
from xml.etree import ElementTree

import pytest

import flexloop.timeloop_api as tl
from flexloop.dropin.mapper import run_mapper
from flexloop.embedded.mapper import BestSoFar
from flexloop.errors import SpecError, UnknownNameError, UnmappableError, UnsupportedError

DATA = Path(__file__).parent / "data" / "scripting"
TOP, MAPPING, ENERGIES = DATA / "top.yaml.jinja2", DATA / "mapping.yaml", DATA / "energies.yaml"

# What the real front end gave with Timeloop master at 4cf6d4c, in J and m^2; its energies are read from stats.txt,
# where they have two decimals of a fJ for each of the 192 computes.
ROUNDING = 0.0051e-15 * 192
MAPPER_ENERGIES = {"mac": 9.6e-11, "register": 4.400064e-11, "buffer": 1.6099968e-10, "DRAM": 8.3199936e-10}
MODEL_ENERGIES = {"mac": 9.6e-11, "register": 4.8e-11, "buffer": 2.3600064e-10, "DRAM": 1.02399936e-09}
AREAS = {"DRAM": 0.0, "buffer": 5e-09, "inter_PE_spatial": 0.0, "register": 4.8e-11, "mac": 1.2e-09}


def read(*files: Path, **options: Any) -> tl.Specification:
    return tl.Specification.from_yaml_files(TOP, *files, **options)


def search(spec: tl.Specification, folder: Path) -> tl.OutputStats:
    return tl.call_mapper(spec, folder, extra_input_files=[ENERGIES], log_to=folder / "log.txt")


def test_results_are_those_of_the_front_end_and_timeloop(tmp_path: Path) -> None:
    result = search(read(), tmp_path)
    assert (result.cycles, result.computes, result.percent_utilization) == (48, 192, 100.0)
    assert result.latency == pytest.approx(9.6e-08)
    assert result.per_component("energy") == pytest.approx({**MAPPER_ENERGIES, "inter_PE_spatial": 0.0}, abs=ROUNDING)
    assert result.energy == pytest.approx(sum(MAPPER_ENERGIES.values()), abs=4 * ROUNDING)
    assert result.per_component("area") == pytest.approx(AREAS, rel=1e-12)
    assert result.variables == {
        "version": "0.4", "DATAWIDTH": 8, "GLOBAL_CYCLE_SECONDS": 2e-09, "CLOCK_HZ": 1 / 2e-9,
    }  # fmt: skip
    assert result.mapping is not None
    assert result.mapping.startswith("DRAM [ A:48 (48) B:24 (24) Z:32 (32) ]")
    assert (result.optimal, result.gap) == (True, 0.0)
    assert result.accesses["DRAM"] == {"reads": 72, "fills": 0, "updates": 32}


def test_a_mapping_is_evaluated(tmp_path: Path) -> None:
    result = tl.call_model(read(MAPPING), tmp_path, extra_input_files=[ENERGIES], log_to=io.StringIO())
    assert result.per_component("energy") == pytest.approx({**MODEL_ENERGIES, "inter_PE_spatial": 0.0}, abs=ROUNDING)
    assert result.cycles == 48
    assert result.optimal is None


def test_the_output_folder_is_made_and_holds_what_flexloop_mapper_writes(tmp_path: Path) -> None:
    ours, plain = tmp_path / "new" / "folder", tmp_path / "plain"
    search(read(), ours)
    plain.mkdir()
    run_mapper([ours / "parsed-processed-input.yaml", ENERGIES], plain)
    names = sorted(path.name for path in plain.iterdir())
    assert "timeloop-mapper.stats.txt" in names
    for name in names:
        assert (ours / name).read_bytes() == (plain / name).read_bytes(), name
    assert tl.read_output(ours).cycles == 48
    again = tl.parse_timeloop_output(read(), ours, "timeloop-mapper")
    assert (again.latency, again.access("DATAWIDTH")) == (pytest.approx(96e-9), 8)


def test_attributes_of_components_are_changed_by_name(tmp_path: Path) -> None:
    spec = read()
    spec.architecture.find("PE").spatial.meshX *= 2
    spec.problem.instance["N"] *= 2
    spec.architecture.find("buffer").attributes["depth"] = 32
    spec.architecture.name2constraints("buffer").temporal.factors.add_eq_factor("K", 6)
    spec.mapper.optimization_metrics = ["delay"]
    result = search(spec, tmp_path)
    assert (result.computes, result.cycles) == (384, 48)
    assert "for K in [0:6)" in str(result.mapping)
    assert spec.architecture.find("buffer").get_fanout() == 1


def test_expressions_are_evaluated_at_each_run_and_stay_as_they_are(tmp_path: Path) -> None:
    spec = read()
    spec.variables["DATAWIDTH"] = "4 * 4"
    spec.variables.GLOBAL_CYCLE_SECONDS = 1e-9
    result = search(spec, tmp_path)
    assert result.access("DATAWIDTH") == 16
    assert result.access("CLOCK_HZ") == 1 / 1e-9
    assert result.latency == pytest.approx(48e-9)
    assert spec.architecture.find("buffer").attributes.width == "4 * datawidth"
    assert spec.evaluated().architecture.find("buffer").attributes.width == 64
    assert "        Word bits                       : 16" in (tmp_path / "timeloop-mapper.stats.txt").read_text()


def test_templates_are_given_values(tmp_path: Path) -> None:
    spec = read(jinja_parse_data={"register": False, "datawidth": 16})
    assert spec.variables["DATAWIDTH"] == 16
    with pytest.raises(UnknownNameError, match="unknown component 'register'"):
        spec.architecture.find("register")
    other = tmp_path / "elsewhere.yaml"
    other.write_text((DATA / "inputs" / "matmul.yaml").read_text().replace("K: 6", "K: 5"))
    assert read(jinja_parse_data={"problem": str(other)}).problem.instance.K == 5


def test_constraints_beside_the_architecture_and_components_that_are_switched_off(tmp_path: Path) -> None:
    spec = read()
    spec.architecture.find("register").enabled = False
    spec.constraints.targets.append({"type": "temporal", "target": "buffer", "factors": ["N<=1"]})
    result = search(spec, tmp_path)
    assert "register" not in result.per_component("energy")
    buffer = str(result.mapping).partition("buffer [")[2].partition("inter_PE_spatial")[0]
    assert "for K in" in buffer
    assert "for N in" not in buffer


def test_a_bandwidth_scale_that_is_a_text_counts_nothing_as_in_timeloop(tmp_path: Path) -> None:
    """The front end evaluates no expression there; the cycles are those of the real ``timeloop-model``."""
    spec = read(MAPPING)
    attributes = spec.architecture.find("buffer").attributes
    attributes.read_bandwidth = 1
    for scale, cycles in ((1.0, 272), (0.0, 224), ("1 / WORDS", 224)):
        attributes.per_dataspace_bandwidth_consumption_scale = {"A": scale}
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            result = tl.call_model(spec, tmp_path, extra_input_files=[ENERGIES], log_to=io.StringIO())
        assert result.cycles == cycles
        assert any("1 / WORDS" in str(warning.message) for warning in noted) is (scale == "1 / WORDS")


def test_a_first_node_that_is_no_container_is_gated_at_itself(tmp_path: Path) -> None:
    spec = read()
    del spec.architecture.nodes[0]
    gates = [level["attributes"]["power_gated_at"] for level in spec.to_native()["architecture"]["subtree"][0]["local"]]
    assert gates[:2] == ["DRAM", "buffer"]
    assert search(spec, tmp_path).cycles == 48


def test_nodes_are_found_by_their_kind() -> None:
    spec = read()
    assert [leaf.name for leaf in spec.get_nodes_of_type(tl.arch.Leaf)] == [
        "system", "DRAM", "buffer", "PE", "register", "mac",
    ]  # fmt: skip
    kept = [d.keep for d in spec.get_nodes_of_type(tl.constraints.Dataspace) if d.keep]
    assert kept == [["A", "B", "Z"], ["A", "B", "Z"], ["Z"]]
    storage = spec.architecture.get_nodes_of_type((tl.arch.Storage, tl.arch.Compute))
    assert [node["class"] for node in storage] == ["DRAM", "SRAM", "regfile", "intmac"]
    assert spec.problem.shape.dataspace2dims("B") == ["N", "K"]
    assert spec.problem.shape.dataspace2unique_dims(["A", "Z"]) == ["M"]


def test_factors_are_changed_one_by_one() -> None:
    factors = tl.constraints.Factors(["M=4", "P<=8"])
    factors.add_leq_factor("K", 2)
    with pytest.raises(SpecError, match="two factors of M"):
        factors.add_eq_factor("M", 2)
    assert factors == ["M=4", "P<=8", "K<=2"]
    factors.add_eq_factor("M", 0, overwrite=True)
    assert not factors.add_eq_factor_iff_not_exists("K", 1)
    assert factors.get_minimum_product({"M": 16}) == 16
    assert factors.name2factor("P") == "P<=8"
    factors.remove_factor("P")
    assert factors.get_factor_names() == ["K", "M"]
    assert tl.constraints.Permutation.factory("M,N") == ["M", "N"]


def test_sparse_optimizations_are_refused_where_they_are_not_removed(tmp_path: Path) -> None:
    spec = read()
    spec.architecture.find("buffer").sparse_optimizations.compute_optimization.append({"type": "gating"})
    with pytest.raises(UnsupportedError, match="sparse_optimizations"):
        search(spec, tmp_path)
    spec = spec.rebuilt()
    for node in spec.get_nodes_of_type(
        (tl.sparse_optimizations.ActionOptimizationList, tl.sparse_optimizations.ComputeOptimization)
    ):
        node.clear()
    assert search(spec, tmp_path).cycles == 48


class Widen(tl.Processor):
    """Takes a number of rows for what it multiplies, before and after expressions are evaluated."""

    def declare_attrs(self) -> None:
        super().declare_attrs()
        self.add_attr(tl.arch.Component, "rows", int, 1)

    def pre_parse_process(self, spec: tl.Specification) -> None:
        super().pre_parse_process(spec)
        spec.variables["DATAWIDTH"] = f"({spec.variables['DATAWIDTH']}) * 2"

    def process(self, spec: tl.Specification) -> None:
        super().process(spec)
        for component in spec.get_nodes_of_type(tl.arch.Storage):
            component.attributes.depth *= component.pop("rows")
        spec.architecture.find("mac").pop("rows")


def test_processors_change_what_is_run(tmp_path: Path) -> None:
    spec = read(processors=[Widen])
    spec.architecture.find("buffer").rows = 4
    assert (spec.architecture.find("DRAM").rows, spec.variables["DATAWIDTH"]) == (1, 8)
    done = spec.evaluated()
    assert done.architecture.find("buffer").attributes.depth == 256
    assert done.variables["DATAWIDTH"] == 16
    assert search(spec, tmp_path).access("DATAWIDTH") == 16
    assert spec.architecture.find("buffer").rows == 4
    spec.process()
    assert spec.architecture.find("buffer").attributes.depth == 256
    assert search(spec, tmp_path).access("DATAWIDTH") == 16


def test_a_key_that_a_processor_leaves_is_named(tmp_path: Path) -> None:
    class Forgetful(Widen):
        def process(self, spec: tl.Specification) -> None:
            pass

    with pytest.raises(tl.ProcessorError, match=r"architecture\.nodes\[1\] \(DRAM\)\.rows: Forgetful"):
        search(read(processors=[Forgetful()]), tmp_path)


def test_a_tag_of_ones_own() -> None:
    class Bank(tl.arch.Container):
        @classmethod
        def declare_attrs(cls, *args: Any, **kwargs: Any) -> None:
            super().declare_attrs(*args, **kwargs)
            tl.arch.ArchNodes.add_attr("!Bank", Bank)

    class Banks(tl.Processor):
        def declare_attrs(self) -> None:
            Bank.declare_attrs()

        def process(self, spec: tl.Specification) -> None:
            for bank in spec.get_nodes_of_type(Bank):
                bank.spatial.meshX = 2

    spec = read(processors=[Banks])
    nodes = spec.architecture.nodes
    nodes.insert(2, nodes.item(Bank(name="bank"), "here"))
    levels = spec.to_native()["architecture"]["subtree"][0]["local"]
    assert [level["name"] for level in levels] == [
        "DRAM[1..1]", "inter_bank_spatial[1..1]", "buffer[1..2]", "inter_PE_spatial[1..2]", "register[1..8]",
        "mac[1..8]",
    ]  # fmt: skip


def test_arrays_of_cimloop_are_known_and_a_processor_of_its_own_goes_before() -> None:
    spec = read()
    nodes, variables = spec.architecture.nodes, spec.variables
    column = tl.arch.ArrayContainer(name="column", spatial={"meshX": 4}, constraints={"spatial": {"no_reuse": ["Z"]}})
    column.tag = "!ArrayContainer"
    nodes.insert(2, nodes.item(column, "here"))
    variables.update(CIM_ARCHITECTURE=True, CELLS="ARRAY_BITLINES * 2")
    assert spec.evaluated().variables["CELLS"] == 8

    class Own(tl.Processor):
        def pre_parse_process(self, spec: tl.Specification) -> None:
            spec.variables["ARRAY_BITLINES"] = 3
            spec.variables["CELLS"] = spec.variables.pop("CELLS")

    assert tl.Specification(spec, processors=[Own]).evaluated().variables["CELLS"] == 6


def test_specifications_and_results_travel_between_processes(tmp_path: Path) -> None:
    spec = read(processors=[Widen])
    spec.architecture.find("buffer").attributes.depth = "2 ** 7"
    again = pickle.loads(pickle.dumps(spec))  # noqa: S301 - our own
    assert again == spec
    assert again.architecture.find("buffer").where == spec.architecture.find("buffer").where
    result = pickle.loads(pickle.dumps(search(again, tmp_path)))  # noqa: S301 - our own
    assert result.access("DATAWIDTH") == 16


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    spec = read()
    with pytest.raises(UnsupportedError, match=r"joblib or concurrent\.futures"):
        tl.call_mapper(spec, tmp_path, return_proc=True)
    with pytest.raises(UnsupportedError, match="--verbose"):
        tl.call_mapper(spec, tmp_path, extra_args=["--verbose"])
    with pytest.warns(UserWarning, match="TIMELOOP_ENABLE_TRACING has no effect"):
        tl.call_mapper(spec, tmp_path, {"TIMELOOP_ENABLE_TRACING": "1"}, [ENERGIES], log_to=io.StringIO())
    with pytest.warns(UserWarning, match="mapping is a list"):
        spec.mapping.search_size = 1
    with pytest.raises(AttributeError, match="find is a method"):
        spec.architecture.find = 3
    with pytest.raises(AttributeError, match="has no key 'serach_size'; it has version"):
        print(spec.mapper.serach_size)
    with pytest.raises(AttributeError, match="no to_mapper_app: call_mapper"):
        print(tl.to_mapper_app)
    spec.architecture.find("PE").spatial.meshx = 4
    with pytest.raises(UnknownNameError, match="unknown key 'meshx'"):
        search(spec, tmp_path)


def test_an_architecture_is_drawn(tmp_path: Path) -> None:
    spec = read()
    spec.architecture.find("buffer").name = "buffer<1>"
    drawing = spec.to_diagram()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawing.create_svg().decode("ascii"))
    assert [unescape(text) for text in texts] == [
        "system", "DRAM: A, B, Z", "buffer<1>: A, B, Z", "PE × 4", "register: Z", "mac",
    ]  # fmt: skip
    drawing.write_svg(tmp_path / "pe.svg")
    assert ElementTree.parse(tmp_path / "pe.svg").getroot().get("width") == "420px"  # noqa: S314 - our own
    inner = spec.to_diagram("PE", ["register"]).text
    assert re.findall(r"<text[^>]*>([^<]*)</text>", inner) == ["PE × 4", "mac"]
    with pytest.raises(UnknownNameError, match="unknown container 'array'"):
        spec.to_diagram(["array"])


def test_files_that_are_not_there_or_not_of_v4(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"no file nowhere/\*\.yaml"):
        tl.Specification.from_yaml_files("nowhere/*.yaml")
    search(read(), tmp_path)
    with pytest.raises(SpecError, match="run with flexloop mapper or flexloop model"):
        tl.Specification.from_yaml_files(tmp_path / "parsed-processed-input.yaml")
    parts = [DATA / "inputs" / f"{name}.yaml" for name in ("matmul", "mapper")]
    spec = tl.Specification.from_yaml_files([TOP], parts, jinja2_parse_data={"register": False})
    assert spec == read(jinja_parse_data={"register": False})


def test_a_mapspace_without_mappings_is_an_error(tmp_path: Path) -> None:
    spec = read()
    spec.architecture.find("buffer").attributes.depth = 1
    spec.architecture.find("buffer").constraints.temporal.factors_only = ["M=8", "N=4", "K=6"]
    with pytest.raises(UnmappableError):
        search(spec, tmp_path)
    assert not (tmp_path / "timeloop-mapper.stats.txt").exists()


def test_energies_need_not_be_given(tmp_path: Path) -> None:
    log = io.StringIO()
    result = tl.call_mapper(read(), tmp_path, energy="table", log_to=log)
    assert log.getvalue().startswith("energies: ")
    assert "proved optimal for energy" in log.getvalue()
    assert "Accelergy did not run" in (tmp_path / "timeloop-mapper.accelergy.log").read_text()
    assert "energy source: table" in (tmp_path / "timeloop-mapper.energy.yaml").read_text()
    assert set(result.per_component("energy")) == {"mac", "register", "inter_PE_spatial", "buffer", "DRAM"}
    assert result.per_component("energy")["DRAM"] > result.per_component("energy")["buffer"] > 0
    assert result.area == pytest.approx(tl.read_output(tmp_path).area)
    given = tl.call_mapper(read(), tmp_path, energy=str(ENERGIES), log_to=log)
    assert given.energy == pytest.approx(sum(MAPPER_ENERGIES.values()), abs=4 * ROUNDING)


def test_tables_of_energies_and_areas(tmp_path: Path) -> None:
    tables = tl.accelergy_app(read(), tmp_path / "estimated", energy="table", log_to=io.StringIO())
    assert (tmp_path / "estimated" / "ERT.yaml").read_text() == tables.ert
    assert (tmp_path / "estimated" / "ART_summary_verbose.yaml").read_text() == tables.art_verbose
    energies = tables.to_dataframe().set_index(["component", "action"])["energy"].to_dict()
    assert energies["DRAM", "read"] > energies["buffer", "read"] > 0
    given = tl.call_accelergy_verbose(
        read(), tmp_path / "given", extra_input_files=[ENERGIES], log_to=tmp_path / "given" / "accelergy.log"
    )
    rows = given.to_dataframe().set_index(["component", "action"])
    assert rows["energy"].to_dict()["buffer", "write"] == pytest.approx(2.5e-12, rel=1e-12)
    assert rows["area"].to_dict()["mac", "compute"] == pytest.approx(300e-12, rel=1e-12)
    assert "given with the input" in (tmp_path / "given" / "accelergy.log").read_text()


def test_a_long_search_says_that_it_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flexloop.timeloop_api.searches.SIGN_OF_LIFE_S", 0.001)
    search(read(), tmp_path)
    assert "searching for 0 s: " in (tmp_path / "log.txt").read_text()


def test_an_interrupt_ends_the_search_and_leaves_its_best_mapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search of a mapspace that takes long is interrupted as by Ctrl-C once it has a mapping."""
    spec = read()
    spec.problem.instance.update(M=2**7 * 3**3 * 5**2, N=2**7 * 3**3 * 5**2, K=2**7 * 3**3 * 5**2)
    spec.architecture.find("DRAM").attributes.depth = 2**36
    over = Event()

    def interrupt(so_far: BestSoFar) -> None:
        while not over.wait(0.01):
            if so_far.searching and so_far.best < float("inf"):
                signal.raise_signal(signal.SIGINT)
                return

    def watched() -> BestSoFar:
        so_far = BestSoFar()
        Thread(target=interrupt, args=[so_far], daemon=True).start()
        return so_far

    monkeypatch.setattr("flexloop.timeloop_api.calls.BestSoFar", watched)
    try:
        with pytest.raises(KeyboardInterrupt, match="the best mapping so far stands in"):
            tl.call_mapper(spec, tmp_path, extra_input_files=[ENERGIES], log_to=tmp_path / "log.txt", time_limit=50)
    finally:
        over.set()
    assert tl.read_output(tmp_path).computes == (2**7 * 3**3 * 5**2) ** 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
