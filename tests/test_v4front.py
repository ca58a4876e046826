"""Reading Timeloop's v4 files: what stands in them, what it means, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import random_v4
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.cli.common import parse_defines
from flexloop.errors import FlexloopError, SpecError, UnknownNameError
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.v4front import Document, assemble, load, tags, translate
from flexloop.timeloop.v4front.expressions import Evaluator
from flexloop.timeloop.v4front.limits import Budget, ExpressionError
from flexloop.timeloop.v4front.macros import allocated

PROBLEM = """
problem:
  version: 0.4
  instance: {M: 8, K: 6, N: 4}
  shape:
    dimensions: [M, K, N]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
"""
NODES = """
  - !Container
    name: system
    attributes: {technology: "45nm", bits: 8}
  - !Component
    name: DRAM
    class: DRAM
    attributes: {width: 8 * bits, datawidth: bits}
  - !Container
    name: PE
    spatial: {meshX: 4}
    constraints:
      spatial: {permutation: [K, M, N], factors_only: [M=2, K<=2], split: 1}
  - !Component
    name: buffer
    class: SRAM
    attributes: {width: 16, depth: 64, datawidth: 8}
    constraints:
      dataspace: {keep_only: [A, Z]}
      temporal: {no_iteration_over_dataspaces: [A]}
  - !Component
    name: mac
    class: intmac
    attributes: {width: 8}
"""
DESIGN = "architecture:\n  version: 0.4\n  nodes:" + NODES + PROBLEM


def document(*texts: str) -> Document:
    """The document of some files without templates."""
    return assemble([tags.parse(text, "design.yaml", {}) for text in texts])


def levels(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    (tree,) = config["architecture"]["subtree"]
    return {component["name"]: component for component in tree["local"]}


def targets(config: dict[str, Any], key: str = "architecture_constraints") -> dict[tuple[str, str], dict[str, Any]]:
    found = config[key]["targets"] if key == "architecture_constraints" else config[key]
    return {(each["target"], each["type"]): each for each in found}


# -- architecture -----------------------------------------------------------------------------------------------------


def test_nodes_become_one_list_of_components_with_their_instances() -> None:
    config = translate(document(DESIGN))
    assert config["architecture"]["subtree"][0]["name"] == "system_top_level"
    assert list(levels(config)) == ["DRAM[1..1]", "inter_PE_spatial[1..1]", "buffer[1..4]", "mac[1..4]"]
    assert levels(config)["DRAM[1..1]"]["attributes"] == {
        "width": 64, "datawidth": 8, "has_power_gating": False, "n_banks": 2, "cluster_size": 1,
        "reduction_supported": True, "multiple_buffering": 1, "min_utilization": 0, "allow_overbooking": False,
        "meshX": 1, "meshY": 1, "technology": "45nm", "bits": 8, "power_gated_at": None,
    }  # fmt: skip


def test_a_fanout_becomes_a_level_that_holds_its_loops_and_keeps_nothing() -> None:
    found = targets(translate(document(DESIGN)))
    assert found["inter_PE_spatial", "spatial"]["factors"] == "M=2,K<=2,N=1"
    assert found["inter_PE_spatial", "spatial"]["split"] == 1
    assert found["inter_PE_spatial", "temporal"]["factors"] == "M=1,K=1,N=1"
    assert found["inter_PE_spatial", "bypass"]["bypass"] == ["A", "B", "Z"]
    assert ("PE", "spatial") not in found


def test_macros_become_factors_and_bypass_and_idle_dimensions_join_the_order() -> None:
    found = targets(translate(document(DESIGN)))
    assert found["buffer", "bypass"] == {"type": "bypass", "target": "buffer", "keep": ["A", "Z"], "bypass": ["B"]}
    assert found["buffer", "temporal"]["factors"] == "M=1,K=1"
    assert found["buffer", "temporal"]["permutation"] == "KM"


def test_the_model_is_given_the_constraints_as_a_mapping() -> None:
    mapper, model = translate(document(DESIGN)), translate(document(DESIGN), for_model=True)
    assert mapper["mapping"] == [] and model["architecture_constraints"]["targets"] == []
    assert model["mapping"] == mapper["architecture_constraints"]["targets"]


def test_parallel_branches_bypass_what_their_peers_keep() -> None:
    pair = """
  - !Parallel
    nodes:
    - !Component
      {name: left, class: SRAM, attributes: {width: 8, depth: 8, datawidth: 8}, constraints: {dataspace: {keep: [A]}}}
    - !Component
      {name: right, class: SRAM, attributes: {width: 8, depth: 8, datawidth: 8},
       constraints: {dataspace: {keep: [B, Z]}}}
  - !Component {name: mac, class: intmac}
"""
    text = "architecture:\n  nodes:" + pair + PROBLEM
    found = targets(translate(document(text)))
    assert found["left", "bypass"]["bypass"] == ["B", "Z"] and found["right", "bypass"]["bypass"] == ["A"]
    with pytest.raises(SpecError, match="no parallel branch keeps B"):
        translate(document(text.replace("[B, Z]", "[Z]")))
    with pytest.raises(SpecError, match="A is kept in two parallel branches"):
        translate(document(text.replace("[B, Z]", "[A, B, Z]")))


def test_a_component_that_is_not_enabled_or_nothing_is_left_out() -> None:
    text = DESIGN.replace(
        "  - !Component\n    name: buffer", "  - !Nothing\n  - !Component\n    name: buffer\n    enabled: false"
    )
    assert list(levels(translate(document(text)))) == ["DRAM[1..1]", "inter_PE_spatial[1..1]", "mac[1..4]"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("!Container", "!Box", "'?!Box'? is no node"),
        ("class: SRAM", "class: bucket", "class 'bucket' has none of these words"),
        ("class: intmac", "class: SRAM", "datawidth' is missing|must be a component that computes"),
        ("factors_only: [M=2, K<=2]", "factors_only: [M=2, Q=2]", "unknown dimension 'Q'"),
        ("keep_only: [A, Z]", "keep_only: [A, Z], keep: [B]", "B stands both in"),
        ("meshX: 4", "meshX: cores", "name 'cores' is not defined"),
        ("meshX: 4", "meshX: 4, meshZ: 2", "unknown key 'meshZ'"),
        ("name: buffer", "name: DRAM", "two nodes are called 'DRAM'"),
        ("no_iteration_over_dataspaces: [A]", "no_iteration_over_dataspaces: [D]", "unknown data space 'D'"),
        ("split: 1", "split: one", "name 'one' is not defined"),
        ("version: 0.4", "version: 0.3", "only version 0.4"),
        ("temporal: {no", "temporal: {maximize_dims: [M], no", "needs maximize_dims_capacity"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(old: str, new: str, message: str) -> None:
    assert old in DESIGN
    with pytest.raises(FlexloopError, match=message):
        translate(document(DESIGN.replace(old, new, 1)))


# -- constraints beside the architecture, several files ---------------------------------------------------------------


def test_constraints_beside_the_architecture_join_those_at_the_node() -> None:
    beside = """
mapspace_constraints:
  targets:
  - {target: buffer, type: temporal, factors: N=2, default_max_factor: 3}
extra_mapping_constraints:
  targets: [{target: DRAM, type: temporal, permutation: NMK}]
"""
    found = targets(translate(document(DESIGN, beside)))
    assert found["buffer", "temporal"]["factors"] == "N=2,M=1,K=1"
    assert found["buffer", "temporal"]["default_max_factor"] == 3
    assert found["DRAM", "temporal"]["permutation"] == "NMK"
    with pytest.raises(SpecError, match="two factors of M, 2 and 1"):
        translate(document(DESIGN, beside.replace("N=2", "M=2")))
    with pytest.raises(UnknownNameError, match="unknown component 'buffers'; did you mean 'buffer'"):
        translate(document(DESIGN, beside.replace("buffer,", "buffers,")))


def test_a_mapping_is_a_list_of_constraints() -> None:
    text = "mapping: [{target: DRAM, type: temporal, factors: [M=4, K=3, N=4]}]"
    found = targets(translate(document(DESIGN, text), for_model=True), "mapping")
    assert found["DRAM", "temporal"]["factors"] == "M=4,K=3,N=4"


def test_lists_of_components_of_several_files_are_one() -> None:
    files = [f"compound_components: {{version: 0.4, classes: [[{{name: c{i}}}]]}}" for i in range(3)]
    config = translate(document(DESIGN, *files))
    assert config["compound_components"]["classes"] == [{"name": "c0"}, {"name": "c1"}, {"name": "c2"}]


def test_maximized_dimensions_fill_the_fanout_as_the_front_end_fills_it() -> None:
    text = DESIGN.replace("factors_only: [M=2, K<=2]", "maximize_dims: [[M], [N]]")
    assert targets(translate(document(text)))["inter_PE_spatial", "spatial"]["factors"] == "M=4,N=1"
    assert allocated([6, 4], 8, "here") == [(0, 2), (1, 2), (1, 2)]
    assert allocated([7], 4, "here") == [(0, 4)]  # two rounds, of 4 and of 3


# -- expressions ------------------------------------------------------------------------------------------------------


def test_expressions_see_variables_other_nodes_and_the_document() -> None:
    attributes = """{width: bits, a: PE.spatial.meshX, b: spec.problem.instance.M // W, c: buffer.attributes.depth,
      d: "W", e: len(three)}"""
    text = DESIGN.replace("{width: 8}", attributes) + "variables: {version: 0.4, W: 2 ** 2, three: [1, 2, 3]}\n"
    found = levels(translate(document(text)))["mac[1..4]"]["attributes"]
    assert {key: found[key] for key in "abcde"} == {"a": 4, "b": 2, "c": 64, "d": "W", "e": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ceil(log2(9)) + max(1, 2)", 6), ("[x * y for x in range(3) for y in (1, 10) if x]", [1, 10, 2, 20]),
        ("f'{3:02d}' + str(round(2.5))", "032"), ("{'a': 1}.get('b', 7)", 7), ("1 if 2 in [1, 2] else 0", 1),
        ("sum(map(lambda x: x ** 2, [1, 2, 3]))", 14), ("-7 // 2 % 5", 1), ("'ab'[::-1]", "ba"), ("1 < 2 < 2", False),
        ("not [] and (None or 3)", 3), ("prod([2, 3]) + comb(4, 2) + factorial(3)", 18), ("{*[1, 2]} | {3}", {1, 2, 3}),
    ],
)  # fmt: skip
def test_expressions_are_pythons(text: str, value: Any) -> None:
    assert Evaluator().evaluate(text, {}) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "().__class__.__bases__", "open('/etc/passwd')", "(lambda: 0).__globals__",
        "'{0.__class__}'.format(1)", "9 ** 9 ** 9", "'a' * 10 ** 10", "[0] * 10 ** 10", "list(range(10 ** 10))",
        "1 << 10 ** 6", "factorial(10 ** 5)", "f'{1:>100000000}'", "'%100000000d' % 1", "'a'.zfill(10 ** 9)",
        "[x for x in range(10 ** 12)]", "(" * 5000 + ")" * 5000, "1" + "+1" * 9000, "int('9' * 5000)", "x := 1",
        "exec('1')", "eval('1')", "getattr(1, 'real')", "print(1)", "'a'.replace('a', 'b' * 10 ** 6) * 9",
        "sum([[1]] * 10 ** 6, [])", "round(1, -10 ** 9)", "pow(7, 10 ** 8)", "yield 1", "await x", "*a",
    ],
)  # fmt: skip
def test_expressions_reach_nothing_else_and_stay_small(text: str) -> None:
    evaluator = Evaluator()
    evaluator.budget = Budget(100_000)
    with pytest.raises((ExpressionError, SpecError)):
        evaluator.evaluate(text, {})


def test_files_of_functions_are_run_statement_by_statement(tmp_path: Path) -> None:
    (tmp_path / "helpers.py").write_text(
        """
from math import ceil
from typing import NamedTuple

class Part(NamedTuple):
    bits: int
    share: float

def halves(n: int, *, least=1):
    parts = []
    while n > least:
        parts.append(Part(ceil(n / 2), 1 / n))
        n //= 2
        if len(parts) > 9:
            break
    return parts

def total_bits(n):
    total = 0
    for part in halves(n):
        total += part.bits
    return total
"""
    )
    text = DESIGN.replace("depth: 64", "depth: total_bits(64)")
    text += "globals: {version: 0.4, expression_custom_functions: [helpers.py]}\n"
    (tmp_path / "design.yaml").write_text(text)
    assert levels(translate(load([tmp_path / "design.yaml"])))["buffer[1..4]"]["attributes"]["depth"] == 63
    (tmp_path / "helpers.py").write_text("import os\ndef total_bits(n): return os.getpid()\n")
    with pytest.raises(SpecError, match=r"total_bits\(64\)' cannot be evaluated: total_bits: os.getpid cannot be used"):
        translate(load([tmp_path / "design.yaml"]))


# -- templates and merges ---------------------------------------------------------------------------------------------


def test_templates_take_in_files_below_the_folders_that_are_named(tmp_path: Path) -> None:
    for folder in ("top/parts", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "top/parts/arch.yaml").write_text("architecture:\n  nodes:" + NODES)
    (tmp_path / "top/problem.yaml").write_text("{{include_text('shapes.yaml')}}\n")
    (tmp_path / "top/shapes.yaml").write_text(PROBLEM)
    for name in ("a", "b"):
        (tmp_path / f"top/parts/{name}.c.yaml").write_text(f"classes: [{{name: {name}}}]")
    top = tmp_path / "top/top.yaml.jinja"
    top.write_text(
        """{{add_to_path(cwd() ~ '/parts')}}
architecture: {version: 0.4, nodes: {{include(arch, 'architecture.nodes')}}}
problem: {{include('problem.yaml', 'problem')}}
components: {version: 0.4, classes: {{include_all('*.c.yaml', 'classes')}}}
{% if path_exists('nowhere.yaml') %}
nonsense: 1
{% endif %}
variables: {version: 0.4, folder: "{{find_path('parts')}}", bits: {{bits | default(16)}}}
"""
    )
    config = read_inputs([top], {"arch": "arch.yaml"}).config
    assert [each["name"] for each in config["compound_components"]["classes"]] == ["a", "b"]
    assert config["architecture"]["subtree"][0]["attributes"]["folder"] == str((tmp_path / "top/parts").resolve())
    assert len(levels(config)) == 4
    elsewhere = tmp_path / "other/arch.yaml"
    elsewhere.write_text((tmp_path / "top/parts/arch.yaml").read_text())
    assert len(levels(read_inputs([top], {"arch": str(elsewhere)}).config)) == 4  # named by the user
    for path in ("../other/arch.yaml", "../other/*.yaml"):
        with pytest.raises(SpecError, match="lies outside the folders that are named; add --include-root"):
            read_inputs([top], {"arch": path})
        assert len(levels(read_inputs([top], {"arch": path}, [tmp_path / "other"]).config)) == 4
    (tmp_path / "top/link.yaml").symlink_to(elsewhere)
    with pytest.raises(SpecError, match=r"link\.yaml' lies outside .* add --include-root .*/other"):
        read_inputs([top], {"arch": "link.yaml"})
    with pytest.raises(SpecError, match="'arch' is undefined"):
        read_inputs([top])


def test_the_files_of_a_folder_are_taken_in_as_a_list(tmp_path: Path) -> None:
    (tmp_path / "top/classes").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    for path, name in (("top/classes/b.yaml", "b"), ("top/classes/a.yaml", "a"), ("other/c.yaml", "c")):
        (tmp_path / path).write_text(f"{{name: {name}, subcomponents: []}}")
    (tmp_path / "top/classes/notes.txt").write_text("no YAML: [")
    top = tmp_path / "top/top.yaml"
    top.write_text(DESIGN + "components: {version: 0.4, classes: !includedir classes}\n")
    config = read_inputs([top]).config
    assert [each["name"] for each in config["compound_components"]["classes"]] == ["a", "b"]
    top.write_text(DESIGN + "components: {version: 0.4, classes: !includedir ../other}\n")
    with pytest.raises(SpecError, match=r"top.yaml, line \d+: '../other' lies outside .* add --include-root .*/other"):
        read_inputs([top])
    assert len(read_inputs([top], {}, [tmp_path / "other"]).config["compound_components"]["classes"]) == 1
    top.write_text(DESIGN + "components: {version: 0.4, classes: !includedir classes/a.yaml}\n")
    with pytest.raises(SpecError, match="a.yaml is no folder; take in a file with !include"):
        read_inputs([top])
    (tmp_path / "top/design.yaml").write_text(DESIGN)
    top.write_text("components: {version: 0.4, classes: !includedir classes}\n")
    assert len(read_inputs([tmp_path / "top/design.yaml", top]).config["compound_components"]["classes"]) == 2
    (tmp_path / "top/classes/link.yaml").symlink_to(tmp_path / "other/c.yaml")
    top.write_text(DESIGN + "components: {version: 0.4, classes: !includedir classes}\n")
    with pytest.raises(SpecError, match="'link.yaml' lies outside"):
        read_inputs([top])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !include top.yaml", "takes in itself"),
        ("a: !includedir .", "takes in itself"),
        ("{{include('top.yaml')}}", "takes in itself"),
        ("{{'x' * 10 ** 9}}", "MemoryError|more than"),
        ("{{''.__class__.__mro__}}", "unsafe|undefined"),
        ("{{setenv('A', 1)}}", "setenv"),
        ("a: !included 7.x", "names no part"),
        ("{% include '/etc/passwd' %}", "passwd"),
        ("a: {{include_text('/etc/hostname')}}", "outside the folders"),
        ("a: {{include('**/x.yaml')}}", "no path that can be searched for"),
    ],
)
def test_templates_do_not_escape_or_run_for_ever(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "top.yaml"
    path.write_text("{# a template #}\n" + text)
    with pytest.raises(SpecError, match=message):
        load([path])


def test_merges_reach_into_the_depth_unless_they_are_told_not_to() -> None:
    text = """
base: &base {a: 1, deep: {x: 1, y: 2}, list: [c], fixed: [9], yes: 1e-9, quoted: "8"}
merged: {deep: {x: 3}, list: [b], fixed: !nomerge [0], <<<: *base}
after: {<<<: *base, list: [b]}
flat: {<<: *base, deep: {x: 3}}
again: &base {a: 2}
"""
    data = tags.parse(text, "x.yaml", {})
    assert data["merged"] == {
        "deep": {"x": 3, "y": 2}, "list": ["b", "c"], "fixed": [0], "a": 1, "yes": 1e-9, "quoted": "8",
    }  # fmt: skip
    assert data["after"]["list"] == ["b"]  # as in the front end: a list behind the merge key stays what it is
    assert data["flat"]["deep"] == {"x": 3} and list(data["flat"])[0] == "deep"
    assert isinstance(data["base"]["quoted"], tags.Quoted)


# -- the document -----------------------------------------------------------------------------------------------------


def test_a_document_can_be_changed_and_translated_many_times() -> None:
    found = document(DESIGN)
    found.architecture.find("buffer").attributes.depth = "32 * 4"
    found.architecture.find("PE").spatial.meshX = 8
    found.problem.instance["M"] = 16
    found.mapper.optimization_metrics = ["delay"]
    found.architecture.find("DRAM").constraints.temporal.factors = "M=2 K=1"
    for _ in range(2):
        config = translate(found)
        assert levels(config)["buffer[1..8]"]["attributes"]["depth"] == 128
        assert config["problem"]["instance"]["M"] == 16
        assert config["mapper"]["optimization_metrics"] == ["delay"]
        assert targets(config)["DRAM", "temporal"]["factors"] == "M=2,K=1"


# -- as the front end translates --------------------------------------------------------------------------------------

RECORDED: list[list[str | None]] = json.loads((Path(__file__).parent / "golden_v4" / "random.json").read_text())
"""What the front end made of `random_v4.Design` 0, 1, ...: a digest for the mapper and one for the model."""


@pytest.mark.parametrize(
    "tens", [pytest.param(n, marks=pytest.mark.slow if n % 3 else ()) for n in range(len(RECORDED) // 10)]
)
def test_random_designs_are_translated_or_refused_as_by_the_front_end(tens: int) -> None:
    for seed in range(10 * tens, 10 * tens + 10):
        found: list[str | None] = []
        for for_model in (False, True):
            try:
                found.append(random_v4.digest(translate(document(random_v4.Design(seed).text()), for_model=for_model)))
            except FlexloopError:
                found.append(None)
        assert found == RECORDED[seed], f"design {seed}"


def test_the_digest_sees_a_difference() -> None:
    text = random_v4.Design(0).text()
    assert random_v4.digest(translate(document(text))) == RECORDED[0][0]
    for old, new in (
        ("W: 2 ** 3", "W: 2 ** 4"),
        ("datawidth: 8", "datawidth: 9"),
        ("instance: {", "instance: {Q: 1, "),
    ):
        assert old in text
        assert random_v4.digest(translate(document(text.replace(old, new, 1)))) != RECORDED[0][0]


# -- CiMLoop ----------------------------------------------------------------------------------------------------------

CIM = """
variables:
  version: 0.4
  CIM_ARCHITECTURE: true
  CIM_UNIT_DEPTH_CELLS: 2
  CIM_UNIT_WIDTH_CELLS: 1
  ENCODED_INPUT_BITS: 8
  ENCODED_WEIGHT_BITS: 8
  ENCODED_OUTPUT_BITS: 16
  N_WEIGHT_SLICES: 4
  ROWS: 3 + ARRAY_WORDLINES
  share: A_HIST[0]
architecture:
  nodes:
  - !Component
    name: buffer
    class: SRAM
    attributes: {width: ARRAY_BITLINES, depth: ROWS, datawidth: 8, z: ARRAY_PARALLEL_Z, share: share}
  - !ArrayContainer
    name: column
    spatial: {meshX: 32}
    constraints: {spatial: {no_reuse: [Z], maximize_dims: [M]}}
    max_utilization: {spatial: {factors: [('M=' + str(column.get_fanout()))]}}
  - !ArrayContainer
    name: row
    spatial: {meshY: 64}
    constraints: {spatial: {no_reuse: [A], maximize_dims: [C]}}
    max_utilization: {spatial: {factors: [C=64]}}
  - !Component {name: mac, class: mac}
problem:
  name: a layer
  histograms: {A: [0.25, 0.75]}
  instance: {M: 4, C: 3, N: 2}
  shape:
    dimensions: [M, C, N]
    data_spaces:
    - {name: A, projection: [[[C]], [[N]]]}
    - {name: B, projection: [[[C]], [[M]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: true}
"""


def test_arrays_of_cells_give_variables_their_sizes() -> None:
    config = translate(document(CIM))
    attributes = levels(config)["buffer[1..1]"]["attributes"]
    assert {key: attributes[key] for key in ("width", "depth", "z", "share")} == {
        "width": 32, "depth": 131, "z": 32, "share": 0.25,
    }  # fmt: skip
    assert targets(config)["inter_column_spatial", "spatial"]["split"] == 99999
    assert targets(config)["inter_row_spatial", "spatial"]["split"] == 0
    assert config["problem"]["instance"]["M"] == 4 and "name" not in config["problem"]
    with pytest.raises(SpecError, match="needs the variable CIM_ARCHITECTURE"):
        translate(document(CIM.replace("  CIM_ARCHITECTURE: true\n", "")))
    with pytest.raises(SpecError, match="the sides 32 and 2"):
        translate(document(CIM.replace("meshX: 32", "meshX: 32, meshY: 2")))


def test_a_full_problem_fills_every_array() -> None:
    found = document(CIM)
    found.variables["MAX_UTILIZATION"] = True
    config = translate(found)
    bounds = {key: value for key, value in config["problem"]["instance"].items() if key != "densities"}
    assert bounds == {"M": 16, "C": 64, "N": 1, "X": 8, "Y": 8, "Z": 16}
    assert targets(config)["inter_row_spatial", "spatial"]["factors"] == "C=64"


def test_what_has_no_effect_here_is_named(tmp_path: Path) -> None:
    text = """globals:
  version: 0.4
  environment_variables: {TIMELOOP_HIDE_INCONSEQUENTIAL_STATS: 1, TIMELOOP_OUTPUT_STAT_SCIENTIFIC: 1}
  accelergy_plug_ins: [mine.py]
"""
    (tmp_path / "design.yaml").write_text(DESIGN + text)
    variables, plug_ins = read_inputs([tmp_path / "design.yaml"]).notes
    assert variables == "globals.environment_variables has no effect: TIMELOOP_OUTPUT_STAT_SCIENTIFIC"
    assert "accelergy_plug_ins has no effect" in plug_ins


# -- the commands -----------------------------------------------------------------------------------------------------

MODEL = Path(__file__).parent / "golden_v4" / "model"
"""A template, a mapping, energies, and what the front end and ``timeloop-model`` made of them with ``columns: 4``."""


def test_the_commands_read_v4_files_and_write_what_timeloop_writes(tmp_path: Path) -> None:
    files = [str(MODEL / name) for name in ("top.yaml.jinja", "map.yaml", "ert.yaml")]
    ran = CliRunner().invoke(app, ["model", *files, "--define", "columns=4", "-o", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    for name in ("timeloop-model.stats.txt", "timeloop-model.map.txt"):
        assert (tmp_path / name).read_bytes() == (MODEL / name).read_bytes()
    refused = CliRunner().invoke(app, ["model", *files, "-o", str(tmp_path)])
    assert refused.exit_code == 1 and "'columns' is undefined" in refused.output
    refused = CliRunner().invoke(app, ["model", *files, "--define", "columns", "-o", str(tmp_path)])
    assert refused.exit_code == 1 and "write NAME=VALUE" in refused.output


def test_defined_values_are_texts_unless_they_are_plainly_something_else() -> None:
    pairs = ["a=8", "b=08", "c=true", "d=x=y", "e=1e-9", "f="]
    assert parse_defines(pairs) == {"a": 8, "b": "08", "c": True, "d": "x=y", "e": "1e-9", "f": ""}
