"""Reading and writing Timeloop's mapspace constraints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexloop.errors import FlexloopError, SpecError, UnknownNameError, UnsupportedError
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import (
    Constraints,
    DataspaceConstraint,
    LoopConstraint,
    ParallelismConstraint,
    Subject,
)
from flexloop.timeloop.directives import read_constraints

SUBJECT = Subject(
    levels=("Spad", "GlobalBuffer", "DRAM"),
    fanouts=("GlobalBuffer",),
    bounds={"C": 64, "M": 128, "P": 28, "R": 3},
    data_spaces=("Weights", "Inputs", "Outputs"),
)


def read(*directives: dict[str, Any]) -> Constraints:
    return read_constraints(directives, SUBJECT)


def temporal(**entries: Any) -> dict[str, Any]:
    return {"target": "Spad", "type": "temporal", **entries}


def test_every_kind_of_factor_entry() -> None:
    loop = read(temporal(factors="C=4 M<=8, P>=2  R=0")).loop("Spad", spatial=False)
    assert loop.factors == {"C": 4, "R": 3}, "0 is the full bound"
    assert loop.max_factors == {"M": 8}
    assert loop.min_factors == {"P": 2}


@pytest.mark.parametrize("text", ["C4 M2", "C=4 M=2", "C 4 M 2", "C = 4,M= 2", "C==4 M=2 # a comment"])
def test_the_spellings_that_timeloop_reads(text: str) -> None:
    assert read(temporal(factors=text)).loop("Spad", spatial=False).factors == {"C": 4, "M": 2}


def test_default_limits_fill_the_dimensions_that_have_none() -> None:
    loop = read(temporal(factors="C<=2", default_max_factor=16)).loop("Spad", spatial=False)
    assert loop.max_factors == {"C": 2, "M": 16, "P": 16, "R": 16}
    assert read(temporal(default_min_factor="2")).loop("Spad", spatial=False).min_factors["P"] == 2


def test_permutation_prefix_and_suffix() -> None:
    loop = read(temporal(permutation="RC_P")).loop("Spad", spatial=False)
    assert (loop.permutation, loop.suffix) == (("R", "C"), ("P",))
    assert read(temporal(permutation="_PR")).loop("Spad", spatial=False).suffix == ("P", "R")


def test_a_factor_above_the_bound_is_ignored_with_a_warning_as_timeloop_does() -> None:
    with pytest.warns(UserWarning, match="P=64 at Spad .temporal. exceeds the bound P=28"):
        constraints = read(temporal(factors="P=64 C=2"))
    assert constraints.loop("Spad", spatial=False).factors == {"C": 2}


def test_bypass_in_all_spellings() -> None:
    for spelling in ("dataspace", "datatype", "bypass", "bypassing"):
        constraints = read({"target": "GlobalBuffer", "type": spelling, "keep": ["Inputs"], "bypass": ["Weights"]})
        assert constraints.dataspace("GlobalBuffer") == DataspaceConstraint("GlobalBuffer", ("Inputs",), ("Weights",))


def test_min_parallelism() -> None:
    for spelling in ("parallelism", "utilization"):
        directive = {"target": "Spad", "type": spelling, "min": 0.5}
        assert read(directive).parallelism == ParallelismConstraint("Spad", 0.5)


def test_directives_about_one_level_add_up() -> None:
    loop = read(temporal(factors="C=2"), temporal(factors="M=2", permutation="CM")).loop("Spad", spatial=False)
    assert loop == LoopConstraint("Spad", factors={"C": 2, "M": 2}, permutation=("C", "M"))


def test_the_places_where_timeloop_looks() -> None:
    arch = {"targets": [temporal(factors="C=2")]}
    mapspace = [{"target": "GlobalBuffer", "type": "spatial", "factors": "M=4", "split": 1}]
    for key in ("arch_constraints", "architecture_constraints"):
        for where in ("mapspace", "mapspace_constraints"):
            constraints = from_config({key: arch, where: mapspace}, SUBJECT)
            assert constraints.loop("Spad", spatial=False).factors == {"C": 2}
            assert constraints.loop("GlobalBuffer", spatial=True).split == 1
    assert from_config({"architecture": {"constraints": arch["targets"]}}, SUBJECT).loops
    assert from_config({"mapspace": {"template": "uber", "constraints": arch["targets"]}}, SUBJECT).loops
    assert from_config({}, SUBJECT) == Constraints(template="uber")


def test_nested_and_attribute_spellings() -> None:
    nested = {"target": "Spad", "constraints": [{"type": "temporal", "attributes": {"factors": "C=2"}}]}
    assert read(nested).loop("Spad", spatial=False).factors == {"C": 2}


@pytest.mark.parametrize(
    ("directive", "error", "message"),
    [
        (temporal(no_temporal_reuse=["Weigths"]), UnknownNameError, "no_temporal_reuse at Spad .* 'Weights'"),
        (temporal(no_reuse="Weights"), SpecError, "no_reuse at Spad .* is 'Weights': write a list"),
        ({"target": "Spad", "type": "max_overbooked_proportion"}, UnsupportedError, "max_overbooked_proportion"),
        ({"target": "Spad", "type": "spatial", "factors": "C=2"}, SpecError, "no fanout"),
        ({"target": "Sqad", "type": "temporal"}, UnknownNameError, "did you mean 'Spad'"),
        (temporal(factors="K=2"), UnknownNameError, "dimension in factors"),
        (temporal(permutation="CK"), UnknownNameError, "dimension in permutation"),
        (temporal(permutation="CC"), SpecError, "names C twice"),
        (temporal(factors="C=two"), SpecError, "cannot read"),
        (temporal(factors=["C=2"]), SpecError, "write one string"),
        (temporal(factors="C<=0"), SpecError, "must be positive"),
        ({"target": "GlobalBuffer", "type": "dataspace", "keep": ["Psums"]}, UnknownNameError, "data space"),
        ({"target": "GlobalBuffer", "type": "dataspace", "keep": ["Inputs"], "bypass": ["Inputs"]}, SpecError, "twice"),
        ({"target": "GlobalBuffer", "type": "parallelism", "min": 0.5}, SpecError, "innermost level Spad"),
        ({"target": "GlobalBuffer", "type": "spatial", "split": -1}, SpecError, "split"),
    ],
)
def test_refusals_name_what_they_refuse(directive: dict[str, Any], error: type[FlexloopError], message: str) -> None:
    with pytest.raises(error, match=message):
        read(directive)


def test_repeating_a_factor_is_refused() -> None:
    with pytest.raises(SpecError, match="factors of C at Spad .temporal. is set twice"):
        read(temporal(factors="C=2"), temporal(factors="C=2"))


def test_ruby_lets_the_loops_of_some_levels_have_residuals() -> None:
    mapspace = {"template": "ruby", "targets": [temporal(factors="C=5", remainders=3)]}
    constraints = from_config({"mapspace": mapspace}, SUBJECT)
    assert constraints.template == "ruby"
    assert constraints.loop("Spad", spatial=False).remainders == 3
    assert read_constraints(constraints.to_directives(), SUBJECT, "ruby") == constraints
    assert from_config({"mapspace": {"targets": [temporal(factors="C=5")]}}, SUBJECT).template == "uber"


def test_elsewhere_remainders_and_templates_have_no_effect() -> None:
    with pytest.warns(UserWarning, match="remainders at Spad .temporal. has no effect outside of mapspace.template"):
        assert read(temporal(remainders=3)).loop("Spad", spatial=False).remainders is None
    with pytest.warns(UserWarning, match="arch_constraints.template has no effect"):
        assert from_config({"arch_constraints": {"template": "ruby", "targets": []}}, SUBJECT).template == "uber"


@pytest.mark.parametrize(
    ("mapspace", "error", "message"),
    [
        ({"template": "rubin"}, UnsupportedError, "mapspace.template is 'rubin': there are uber and ruby"),
        ({"targets": [temporal(remainders=-1)]}, SpecError, "remainders at Spad .temporal. is -1, not a number of"),
        ({"targets": [temporal(permutation="R_P")]}, SpecError, "ruby takes no outermost loops after '_'"),
    ],
)
def test_refusals_of_ruby(mapspace: dict[str, Any], error: type[FlexloopError], message: str) -> None:
    with pytest.raises(error, match=message):
        from_config({"mapspace": {"template": "ruby", **mapspace}}, SUBJECT)


@st.composite
def constraint_sets(draw: st.DrawFn) -> Constraints:
    loops = []
    for target, spatial in (("Spad", False), ("GlobalBuffer", True), ("GlobalBuffer", False), ("DRAM", False)):
        dims = draw(st.permutations(list(SUBJECT.bounds)))
        cut = sorted(draw(st.lists(st.integers(0, 4), min_size=2, max_size=2)))
        split = draw(st.none() | st.integers(0, 4)) if spatial else None
        factors = draw(st.dictionaries(st.sampled_from(["C", "M"]), st.sampled_from([1, 2]), max_size=2))
        limits = draw(st.dictionaries(st.sampled_from(["P", "R"]), st.integers(1, 9), max_size=2))
        loop = LoopConstraint(target, spatial, factors, {}, limits, tuple(dims[: cut[0]]), tuple(dims[cut[1] :]), split)
        if loop != LoopConstraint(target, spatial):
            loops.append(loop)
    tensors = draw(st.permutations(list(SUBJECT.data_spaces)))
    kept = draw(st.integers(0, 3))
    keep = tuple(t for t in SUBJECT.data_spaces if t in tensors[:kept])
    bypass = tuple(t for t in SUBJECT.data_spaces if t in tensors[kept:])
    parallelism = draw(st.none() | st.just(ParallelismConstraint("Spad", 0.25)))
    return Constraints(tuple(loops), (DataspaceConstraint("GlobalBuffer", keep, bypass),), parallelism)


@given(constraint_sets())
def test_directives_round_trip(constraints: Constraints) -> None:
    assert read_constraints(constraints.to_directives(), SUBJECT) == constraints
