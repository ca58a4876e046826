"""What `import flexloop` offers takes names, paths and objects alike, and options in one style."""

from __future__ import annotations

from typing import Any

import pytest
from small_archs import plain

import flexloop
from flexloop import FlexloopError, Layer, Network, StudyOptions

NET = Network(name="small", layers=(Layer(name="conv", C=4, M=4, R=3, P=6), Layer(name="fc", C=8, M=6)))
OPTIONS: dict[str, Any] = {"engine": "embedded", "jobs": 1, "use_store": False}


@pytest.mark.parametrize("name", flexloop.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(flexloop, name)


def test_studies_take_single_options_as_run_does() -> None:
    for options in (
        {**OPTIONS, "objective": "latency"},
        {"options": StudyOptions.of(**OPTIONS), "objective": "latency"},
    ):
        isolated = flexloop.isolate(NET, plain(), **options)
        assert set(isolated.rows["objective"]) == {"latency"}
    aged = flexloop.future_proof(NET, NET, plain(), classes=["T0O0P0S0", "T1O1P1S1"], alone=True, **OPTIONS)
    assert set(aged.results.rows["objective"]) == {"latency"}, "its own default"
    assert set(aged.results.rows["class"]) == {"T0O0P0S0", "T1O1P1S1"}
    designed = flexloop.design(NET, plain(), must_map=NET, engine="embedded", starts=0)
    assert designed.arch.pes == plain().pes


@pytest.mark.parametrize(
    "study", [flexloop.isolate, flexloop.future_proof, flexloop.design, flexloop.run, flexloop.compare],
    ids=lambda study: study.__name__,
)  # fmt: skip
def test_an_unknown_option_is_named_by_every_study(study: Any) -> None:
    arguments = ["T0O0P0S0", NET] if study is flexloop.run else [NET]
    with pytest.raises(FlexloopError, match="unknown option 'engin'; did you mean 'engine'"):
        study(*arguments, engin="embedded")


def test_options_given_by_name_count_before_those_given_as_one() -> None:
    base = StudyOptions.of(objective="energy", engine="embedded", seed=3)
    changed = StudyOptions.of(base, objective="latency", mapper="embedded")
    assert (changed.objective, changed.seed) == ("latency", 3)
    assert (changed.engines.engine, changed.engines.mapper) == ("embedded", "embedded")


def test_flexion_takes_names() -> None:
    by_name = flexloop.flexion_table("edge256", "ncf", "T0O0P0S0")
    by_object = flexloop.flexion_table(flexloop.load_arch("edge256"), [flexloop.load_network("ncf")])
    assert set(by_name["network"]) == set(by_object["network"]) and len(by_name) < len(by_object)
    with pytest.raises(FlexloopError, match="edge25"):
        flexloop.flexion_table("edge25")
