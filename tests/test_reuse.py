"""Limits of reuse: read from mappings and constraints, written again, and what they do to counts and to searches.

That they count as Timeloop does is in `test_recorded_runs`; searches under random limits are in `test_general_search`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from golden_specs import golden_space

from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Seed, find_best
from flexloop.embedded.mapper.exact.form import recognise
from flexloop.embedded.model import evaluate
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.evaluation import Evaluation
from flexloop.timeloop.constraints import Constraints, Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.timeloop.reuse import ReuseLimits

TENSORS = ("Weights", "Inputs", "Outputs")
SPACE = golden_space("base-conv3x3")
SUBJECT = Subject(SPACE.spec.level_names, SPACE.spec.fanouts, SPACE.spec.problem.bounds, TENSORS)
ALL = ReuseLimits(("Inputs",), ("Weights", "Outputs"), ("Inputs",), ("Outputs",), ("Weights",))


def constrained(*directives: dict[str, Any]) -> Constraints:
    return read_constraints(directives, SUBJECT)


def test_mappings_keep_limits_when_written_and_read_again() -> None:
    level = LevelMapping("GlobalBuffer", {"C": 2}, ("C",), {"M": 4}, ("M",), 1, TENSORS, (), limits=ALL)
    assert Mapping.from_directives(Mapping((level,)).to_directives()).levels[0].limits == ALL


def test_constraints_keep_limits_when_written_and_read_again() -> None:
    limits = Constraints(limits={"GlobalBuffer": ALL})
    assert constrained(*limits.to_directives()).limits == {"GlobalBuffer": ALL}


def test_no_reuse_is_about_neighbouring_instances_or_about_time_by_type_of_directive() -> None:
    across = {"target": "GlobalBuffer", "type": "spatial", "no_reuse": ["Inputs"]}
    along = {"target": "GlobalBuffer", "type": "temporal", "no_reuse": ["Weights"], "no_temporal_reuse": ["Outputs"]}
    found = constrained(across, along).limits["GlobalBuffer"]
    assert found == ReuseLimits(no_multicast_no_reduction=("Inputs",), no_temporal_reuse=("Weights",))


def test_a_limit_that_is_set_twice_is_refused() -> None:
    twice = {"target": "Spad", "type": "temporal", "no_reuse": ["Inputs"]}
    with pytest.raises(SpecError, match=r"no_temporal_reuse at Spad .temporal. is set twice"):
        constrained(twice, twice)


def test_what_timeloop_looks_for_in_constraints_alone_is_said_to_have_no_effect_in_a_mapping() -> None:
    directive = {"target": "GlobalBuffer", "type": "spatial", "no_multicast_no_reduction": ["Inputs"]}
    with pytest.warns(UserWarning, match="no_multicast_no_reduction' at GlobalBuffer has no effect in a mapping"):
        mapping = Mapping.from_directives([directive])
    assert mapping.levels[0].limits == ReuseLimits()


@cache
def best() -> Mapping:
    """The mapping that takes least time."""
    return find_best([SPACE], "latency").mapping


def evaluated(level: str, **limits: tuple[str, ...]) -> Evaluation:
    levels = (replace(part, limits=ReuseLimits(**limits)) if part.target == level else part for part in best().levels)
    return evaluate(SPACE.spec, Mapping(tuple(levels)))


def test_without_multicast_the_buffer_is_read_once_for_each_pe() -> None:
    plain, limited = evaluated("Spad"), evaluated("GlobalBuffer", no_multicast_no_reduction=TENSORS)
    pes, buffer = plain.levels[1], limited.levels[2]
    for tensor in ("Weights", "Inputs"):
        assert buffer.tensors[tensor].reads == pes.tensors[tensor].fills * pes.utilized_instances
        assert buffer.tensors[tensor].reads > plain.levels[2].tensors[tensor].reads


def test_without_temporal_reuse_every_step_reads_a_whole_tile() -> None:
    spad = evaluated("Spad", no_temporal_reuse=TENSORS).levels[1]
    inner, *outer = best().levels
    steps = 1
    for level in outer:
        for _, n in level.loops:
            steps *= n
    for tensor in ("Weights", "Inputs"):
        assert spad.tensors[tensor].fills == spad.tensors[tensor].utilized_capacity * steps
    assert inner.target == "Spad"


def test_what_does_not_coalesce_passes_accesses_on_and_keeps_the_tile() -> None:
    plain, limited = evaluated("Spad"), evaluated("GlobalBuffer", no_coalesce=("Outputs",))
    buffer, dram = limited.levels[2].tensors["Outputs"], limited.levels[3].tensors["Outputs"]
    assert buffer.utilized_capacity == plain.levels[2].tensors["Outputs"].utilized_capacity
    assert buffer.fills == buffer.updates == dram.updates > plain.levels[3].tensors["Outputs"].updates


def test_an_outermost_level_that_hands_on_all_accesses_holds_nothing() -> None:
    plain, limited = evaluated("Spad"), evaluated("DRAM", no_coalesce=("Weights", "Outputs"))
    dram, buffer = limited.levels[3].tensors, limited.levels[2].tensors
    for tensor in ("Weights", "Outputs"):
        nothing = dram[tensor]
        assert nothing.utilized_instances == 1
        assert nothing.utilized_capacity == nothing.reads == nothing.fills == nothing.updates == nothing.energy_pj == 0
        assert buffer[tensor].fills == 0, "the next level is the outermost one now"
    assert dram["Inputs"] == plain.levels[3].tensors["Inputs"]
    assert limited.energy_pj < plain.energy_pj


def test_what_every_level_hands_on_is_refused() -> None:
    kept: dict[str, tuple[str, ...]] = {"GlobalBuffer": ("Outputs",), "DRAM": ("Outputs",)}
    with pytest.raises(UnsupportedError, match="no_coalesce of Outputs at GlobalBuffer and DRAM: every level"):
        evaluate(SPACE.spec, handed_on(kept, bypass=("Spad",)))


def handed_on(at: dict[str, tuple[str, ...]], bypass: tuple[str, ...] = ()) -> Mapping:
    """The best mapping with other levels that hand on accesses; some levels bypass outputs."""
    levels = (replace(part, limits=ReuseLimits(no_coalesce=at.get(part.target, ()))) for part in best().levels)
    kept, away = TENSORS[:2], TENSORS[2:]
    return Mapping(tuple(replace(v, keep=kept, bypass=away) if v.target in bypass else v for v in levels))


def test_a_data_space_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownNameError, match="data space in the mapping 'Weight'; did you mean 'Weights'"):
        evaluated("Spad", rmw_first_update=("Weight",))


def test_searches_keep_to_the_limits_of_their_space_and_seeds_are_held_to_them() -> None:
    one = Constraints(SPACE.constraints.loops, SPACE.constraints.dataspaces)
    limited = replace(SPACE, constraints=replace(one, limits={"Spad": ReuseLimits(no_temporal_reuse=TENSORS)}))
    assert recognise(SPACE) is not None, "the exact search has no bounds for limits"
    assert recognise(limited) is None
    found = find_best([limited], "energy", [Seed(0, dict(SPACE.spec.problem.bounds), best())], deadline=Deadline(0))
    assert found.mapping.levels[0].limits == ReuseLimits(no_temporal_reuse=TENSORS)
    assert found.cost[0] == evaluate(SPACE.spec, found.mapping).energy_pj
