"""Older and looser spellings of architectures, problems and mappings, each beside the usual one: the same is read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from flexloop.embedded.architecture import read_architecture
from flexloop.embedded.problem import read_problem
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.timeloop import yamlio
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import Constraints, Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.timeloop.mapping import Mapping

ENERGIES = {name: {"read": 1.0, "write": 1.0, "update": 1.0, "compute": 1.0} for name in ("DRAM", "Reg", "MAC")}
SUBJECT = Subject(("Reg", "DRAM"), {"DRAM"}, {"M": 8, "N": 4, "K": 4}, ("A", "B", "Z"))


def tree(register: str = "depth: 16, width: 16", version: str = "0.4", dram: str = "width: 64, word_bits: 16") -> str:
    return f"""
version: {version}
subtree:
- name: system
  local: [{{name: DRAM, class: DRAM, attributes: {{{dram}}}}}]
  subtree:
  - name: PE[0..3]
    local:
    - {{name: Reg, class: regfile, attributes: {{word_bits: 16, {register}}}}}
    - {{name: MAC, class: intmac, attributes: {{datawidth: 16}}}}
"""


def read(text: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_architecture(yamlio.load(text), ENERGIES, {})


@pytest.mark.parametrize("version", ["0.2", "0.3", "'0.4'"])
def test_trees_of_all_versions_are_read_alike(version: str) -> None:
    assert read(tree(version=version)) == read(tree())


def test_a_subtree_may_have_no_name_and_a_range_may_have_blanks() -> None:
    text = tree().replace("- name: system\n  local", "- local").replace("PE[0..3]", "PE[ 0 .. 3 ]")
    assert "system" not in text
    assert read(text) == read(tree())


def test_the_lists_of_the_first_format_are_the_same_levels() -> None:
    lists = """
arithmetic: {instances: 4, word_bits: 16, name: MAC}
storage:
- {name: Reg, entries: 16, word_bits: 16, instances: 4}
- {name: DRAM, technology: DRAM, instances: 1, word_bits: 16, block_size: 4}
"""
    assert read(lists) == read(tree())
    with pytest.raises(SpecError, match="instances is missing"):
        read(lists.replace(", instances: 4}", "}"))
    with pytest.raises(SpecError, match="version is 0.1, and there are no lists storage and arithmetic"):
        read("version: 0.1")


@pytest.mark.parametrize(
    "register",
    [
        "entries: 16",
        "entries: 16, depth: 3",
        "depth: 16, data_storage_depth: 3",
        "depth: 16, metadata_storage_width: 3, metadata_datawidth: 2, metadata_storage_depth: 9",
        "depth: 16, width: 16, block_size: 1",
        "memory_depth: 16, memory_width: 16, cluster_size: 1",
        "depth: 16, read_bandwidth: .inf",
    ],
)
def test_of_attributes_that_say_the_same_timeloops_first_counts(register: str) -> None:
    assert read(tree(register)) == read(tree())


@pytest.mark.parametrize(
    ("register", "capacity"),
    [("depth: 0", 0), ("sizeKB: 0", 0), ("entries: 0", 0), ("sizeKB: 1", 512), ("depth: 3, block_size: 2", 6)],
)
def test_capacities(register: str, capacity: int) -> None:
    assert read(tree(register))[0][0].capacity == capacity


def test_a_row_that_is_not_all_words_holds_the_whole_ones() -> None:
    (register, _), _ = read(tree("depth: 16, width: 48, cluster_size: 2"))
    assert (register.block_size, register.cluster_size) == (1, 2)


@pytest.mark.parametrize(
    ("register", "message"),
    [
        ("width: 16", "no capacity"),
        ("sizeKB: 1, depth: 3", "sizeKB is given beside depth or entries"),
        ("depth: 16, width: 16, cluster_size: 4", "width 16 does not hold rows"),
        ("depth: -1", "depth is -1, not a whole number from 0"),
        ("depth: 1099511627776, width: 1099511627776", r"a capacity of .* words; Timeloop counts below 2\^64"),
    ],
)
def test_attributes_that_are_refused(register: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read(tree(register))


def test_what_timeloop_reads_of_buffers_alone_has_no_effect_at_a_mac() -> None:
    gated = tree().replace("datawidth: 16}}\n", "datawidth: 16, power_gated_at: Reg}}\n")
    assert gated != tree()
    assert read(gated) == read(tree())


def test_an_attribute_that_is_nearly_one_of_timeloops_is_pointed_out() -> None:
    text = tree("depth: 16, width: 16, data_width: 8, n_PEs: 4, read_energy: 1, n_instances: 1")
    with pytest.warns(UserWarning) as noted:
        assert read_architecture(yamlio.load(text), ENERGIES, {}) == read(tree())
    (message,) = (str(warning.message) for warning in noted)
    assert message.endswith("(Reg).data_width has no effect in Timeloop; did you mean 'datawidth'?")


CONVOLUTION = yamlio.load(
    """
shape:
  name: CNN_Layer
  dimensions: [R, S, P, Q, C, K, N]
  coefficients: [{name: Wstride, default: 1}, {name: Hstride, default: 1},
    {name: Wdilation, default: 1}, {name: Hdilation, default: 1}]
  data_spaces:
  - {name: Weights, projection: [[[C]], [[K]], [[R]], [[S]]]}
  - {name: Inputs, projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]}
  - {name: Outputs, projection: [[[N]], [[K]], [[Q]], [[P]]], read_write: true}
instance: {R: 3, S: 3, P: 8, Q: 8, C: 4, K: 4, N: 1, Wstride: 2}
"""
)


def test_a_shape_may_be_named_or_left_out_and_the_bounds_stand_beside_it() -> None:
    written = read_problem(CONVOLUTION)
    assert read_problem({"shape": "cnn_layer", **CONVOLUTION["instance"]}) == written
    with pytest.warns(UserWarning, match="problem gives no shape: cnn_layer is taken"):
        assert read_problem(CONVOLUTION["instance"]) == written


def test_a_matrix_product_with_an_addend_has_four_data_spaces() -> None:
    problem = read_problem({"shape": "gemm", "instance": {"M": 2, "N": 3, "K": 4}})
    assert [space.name for space in problem.data_spaces] == ["A", "B", "C", "D"]
    assert [space.read_write for space in problem.data_spaces] == [False, False, False, True]


def test_an_unknown_shape_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown problem shape 'gemm_AB'; did you mean 'gemm_ABZ'"):
        read_problem({"shape": "gemm_AB"})
    with pytest.raises(SpecError, match="is a path"):
        read_problem({"shape": "../gemm"})


@pytest.mark.parametrize(
    ("file", "name"),
    [("mine.yaml", "mine"), ("mine.cfg", "mine"), ("mine.cfg", "mine.cfg"), ("my-own-one.yaml", "my-own_one")],
)
def test_a_folder_that_the_environment_names_holds_further_shapes(
    file: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {
        ".yaml": "shape: {dimensions: [M], data-spaces: [{name: A, projection: [M], read-write: true}]}",
        ".cfg": 'shape: { dimensions: ["M"]; data-spaces: ({ name: "A"; projection: ["M"]; read-write: True; }); };',
    }
    (tmp_path / file).write_text(text[Path(file).suffix], encoding="utf-8")
    monkeypatch.setenv("TIMELOOP_PROBLEM_SHAPE_DIRS", f"/nowhere:{tmp_path}")
    (space,) = read_problem({"shape": name, "M": 4}).data_spaces
    assert (space.name, space.projection, space.read_write) == ("A", ((("M", 1),),), True)


@pytest.mark.parametrize("projection", [[], [[]]])
def test_a_data_space_may_be_a_single_value(projection: list[Any]) -> None:
    spaces = [{"name": "S", "projection": projection}, {"name": "Z", "projection": ["M"], "read_write": True}]
    problem = read_problem({"shape": {"dimensions": ["M"], "data_spaces": spaces}, "instance": {"M": 4}})
    assert problem.data_spaces[0].projection == ()


def test_a_coefficient_of_0_leaves_its_dimension_out_of_the_rank() -> None:
    with pytest.warns(UserWarning, match="coefficient Wdilation is 0"):
        problem = read_problem({"shape": "cnn_layer", **CONVOLUTION["instance"], "Wdilation": 0})
    assert problem.data_spaces[1].projection[2] == (("P", 2),)


@pytest.mark.parametrize("densities", [{"densities": {"A": 1.0}}, {"commonDensity": 1}, {"densities": {}}])
def test_densities_of_one_are_none(densities: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_problem({"shape": "gemm", "instance": {"M": 2, "N": 3, "K": 4, **densities}})


def test_a_density_below_one_has_no_effect_and_is_named() -> None:
    sparse = {"A": {"distribution": "fixed_structured", "density": 0.5}}
    with pytest.warns(UserWarning, match="the density 0.5 of A has no effect without sparse optimizations"):
        read_problem({"shape": "gemm", "instance": {"M": 2, "N": 3, "K": 4, "densities": sparse}})


def mapped(text: str) -> Mapping:
    return Mapping.from_directives(yamlio.load(text), SUBJECT.levels, SUBJECT.bounds)


@pytest.mark.parametrize(
    "register",
    [
        "factors: M=8 N=1 K=2, permutation: KM N",
        "factors: 'M=0,N=1,K=2 # the rest', permutation: 'K,M,N'",
        "factors: M 8 K==2, permutation: KMN, stream: [A]",
    ],
)
@pytest.mark.filterwarnings("ignore:.* at Reg has no effect")
def test_spellings_of_a_directive(register: str) -> None:
    usual = mapped("[{target: Reg, type: temporal, factors: M=8 K=2, permutation: KMN}]").levels[0]
    found = mapped(f"[{{target: Reg, type: temporal, {register}}}]").levels[0]
    assert (found.loops, found.permutation) == (usual.loops, usual.permutation)


def test_a_target_may_be_the_number_of_a_level() -> None:
    assert mapped("[{target: 1, type: temporal, factors: M=8}]").levels[1].factors == {"M": 8}


def test_a_directive_with_an_unknown_key_is_pointed_out() -> None:
    with pytest.warns(UserWarning, match="mapping directive 1: 'stream' at Reg has no effect in a mapping"):
        mapped("[{target: Reg, type: temporal, factors: M=8, stream: [A]}]")


def test_several_directives_on_the_bypass_of_a_level_add_up() -> None:
    level = mapped(
        "[{target: Reg, type: bypass, keep: [A, B]}, {target: Reg, type: bypass, bypass: [B, Z], keep: [A]}]"
    ).levels[0]
    assert (level.keep, level.bypass) == (("A",), ("B", "Z"))


def constrained(text: str) -> Constraints:
    return from_config(yamlio.load(text), SUBJECT)


def test_a_factor_of_minus_one_leaves_it_free() -> None:
    (rule,) = constrained("mapspace: [{target: Reg, type: temporal, factors: 'M=-1, N=2'}]").loops
    assert rule.factors == {"N": 2}


def test_constraints_may_be_named_beside_their_list() -> None:
    text = "mapspace: {constraints: mine, constraints_mine: [{target: Reg, type: temporal, factors: M=2}]}"
    (rule,) = constrained(text).loops
    assert rule.factors == {"M": 2}
    with pytest.raises(SpecError, match="there is no list constraints_yours"):
        constrained(text.replace("constraints: mine", "constraints: yours"))


def test_a_constraint_without_effect_is_named_and_one_that_is_not_modelled_refused() -> None:
    rule = "mapspace: [{target: Reg, type: temporal, factors: M=2, %s}]"
    with pytest.warns(UserWarning, match="constraint 'comment' at Reg .temporal. has no effect"):
        constrained(rule % "comment: mine")
    with pytest.raises(UnsupportedError, match="constraint type 'sparse' at Reg is not modelled"):
        constrained("mapspace: [{target: Reg, type: sparse}]")


def test_of_the_places_for_architecture_constraints_the_first_counts() -> None:
    text = "arch_constraints: [{target: Reg, type: temporal, factors: M=2}]\narchitecture_constraints: [{}]"
    with pytest.warns(UserWarning, match="architecture_constraints has no effect beside arch_constraints"):
        (rule,) = constrained(text).loops
    assert rule.factors == {"M": 2}


def test_constraints_in_an_architecture_stand_beside_its_lists_or_in_the_outermost_subtree() -> None:
    rules = "constraints: [{target: Reg, type: temporal, factors: M=2}]"
    for text in (f"arch: {{storage: [], {rules}}}", f"architecture: {{subtree: [{{name: system, {rules}}}]}}"):
        (rule,) = constrained(text).loops
        assert rule.factors == {"M": 2}
    with pytest.warns(UserWarning, match="architecture.constraints has no effect beside a subtree"):
        assert not constrained(f"architecture: {{subtree: [{{name: system}}], {rules}}}").loops


def test_orders_of_longer_names_are_read_with_separators() -> None:
    subject = Subject(("Reg", "DRAM"), {"DRAM"}, {"Ra": 8, "Pq": 4, "Kout": 4}, ("A",))
    config = {"mapspace": [{"target": "Reg", "type": "temporal", "permutation": "Ra,Pq _ Kout"}]}
    (rule,) = from_config(config, subject).loops
    assert (rule.permutation, rule.suffix) == (("Ra", "Pq"), ("Kout",))
    assert read_constraints(Constraints((rule,)).to_directives(), subject).loops == (rule,)
