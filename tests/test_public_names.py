"""What `import flexloop` offers takes names, paths and objects alike, and options in one style."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_archs import plain

import flexloop
from flexloop import FlexloopError, Layer, Network, StudyOptions
from flexloop.flexibility import Sampling

NET = Network(name="small", layers=(Layer(name="conv", C=4, M=4, R=3, P=6), Layer(name="fc", C=8, M=6)))
OPTIONS: dict[str, Any] = {"engine": "embedded", "jobs": 1, "use_store": False}


@pytest.mark.parametrize("name", flexloop.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(flexloop, name)


@pytest.mark.slow
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


def test_functions_are_not_hidden_by_modules_of_their_name() -> None:
    for module in pkgutil.iter_modules(flexloop.__path__):
        assert module.name not in flexloop.__all__, "once it is imported, the module stands in place of the function"
    assert {accelerator.name for accelerator in flexloop.taxonomy()} >= {"VTA", "MAERI"}


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


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("objective", 3, "objective: 3"),
        ("jobs", "two", "jobs: 'two'"),
        ("seed", "x", "seed: 'x'"),
        ("store", 3, "store: 3"),
        ("engine", 3, "engine: 3"),
        ("container_args", "--gpus all", "container_args: '--gpus all'"),
        ("network_parameters", {"batch": "x"}, "network_parameters.batch: 'x'"),
    ],
)
def test_an_option_of_the_wrong_kind_is_named(option: str, value: Any, words: str) -> None:
    with pytest.raises(FlexloopError, match=words):
        flexloop.compare(NET, plain(), **{**OPTIONS, option: value})


def test_texts_are_taken_for_paths_and_numbers(tmp_path: Path) -> None:
    options = StudyOptions.of(store=str(tmp_path), keep_runs="runs", templates="mine", timeout_s="5", jobs="2")
    assert (options.store, options.keep_runs, options.engines.templates) == (tmp_path, Path("runs"), Path("mine"))
    assert (options.timeout_s, options.jobs) == (5.0, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((), NET, plain()), "no class is given"),
        (("T0O0P0S0", (), plain()), "no network is given"),
        (("T0O0P0S0", NET, ()), "no arch spec is given"),
        (("T0O0P0S0", "", plain()), "network is ''"),
        (("T0O0P0S0", b"ncf", plain()), "network is b'ncf'"),
    ],
)
def test_a_study_of_nothing_is_refused(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(FlexloopError, match=words):
        flexloop.run(*arguments, **OPTIONS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Layer(name="a", C=-1), "Layer: C: -1"),
        (lambda: Layer(name="a", X=1), "Layer: X: 1"),  # type: ignore[call-arg]
        (lambda: Network(name="n", layers=3), "Network: layers: 3"),
        (lambda: flexloop.ArchSpec(name="x"), "ArchSpec: levels is missing"),  # type: ignore[call-arg]
        (lambda: flexloop.FlexClass("1", "0", "0", "0"), "made of degrees, not of '1'"),  # type: ignore[arg-type]
        (lambda: flexloop.FlexClass.parse(3), "unknown class 3"),  # type: ignore[arg-type]
        (lambda: flexloop.load(3), "results: 3"),  # type: ignore[arg-type]
        (lambda: flexloop.taxonomy(3), "taxonomy: 3"),
        (lambda: flexloop.design(NET, plain(), objective=3), "unknown objective 3"),  # type: ignore[arg-type]
        (lambda: flexloop.isolate(NET, options=3), "options: 3"),  # type: ignore[arg-type]
        (lambda: StudyOptions.of(engines=3), "option engines: 3"),
        (lambda: flexloop.design(NET, plain(), starts="x"), "starts: 'x'"),  # type: ignore[arg-type]
        (lambda: flexloop.design(NET, plain(), pairs=[3]), r"pairs\[0\]: 3"),  # type: ignore[list-item]
        (lambda: flexloop.flexion(NET, plain(), sampling=3), "sampling: 3"),  # type: ignore[arg-type]
        (lambda: Sampling(samples=0), "samples is 0"),
        (lambda: flexloop.isolation_table(3), "results: 3"),  # type: ignore[arg-type]
        (lambda: flexloop.run_study("T0O0P0S0", NET, options=3), "options: 3"),  # type: ignore[arg-type]
        (lambda: setattr(plain(), "name", "other"), "ArchSpec: name cannot be changed"),
        (lambda: flexloop.design(NET, plain(), network_parameters=3), "parameters: 3"),  # type: ignore[arg-type]
        (lambda: flexloop.future_proof(NET, NET, plain(), classes=[], **OPTIONS), "no class is given"),
        (lambda: flexloop.explore(NET, plain(), area_budget_mm2="x", **OPTIONS), "area_budget_mm2: 'x'"),  # type: ignore[arg-type]
        (lambda: flexloop.explore(NET, plain(), area_budget_mm2=9, trials="x", **OPTIONS), "trials: 'x'"),  # type: ignore[arg-type]
        (lambda: flexloop.explore(NET, plain(), area_budget_mm2=9, classes=3, **OPTIONS), "unknown class '3'"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_answered_by_flexloop(wrong: Callable[[], object], words: str) -> None:
    with pytest.raises(FlexloopError, match=words):
        wrong()


def test_flexion_takes_names() -> None:
    assert set(flexloop.flexion()["network"]) == {""}
    one = flexloop.flexion("ncf", "edge256", "T0O0P0S0")
    assert one.equals(flexloop.flexion_table("edge256", "ncf", "T0O0P0S0"))
    with pytest.raises(FlexloopError, match="unknown parameter 'length'"):
        flexloop.flexion("ncf", network_parameters={"length": 3})
    by_name = flexloop.flexion_table("edge256", "ncf", "T0O0P0S0")
    by_object = flexloop.flexion_table(flexloop.load_arch("edge256"), [flexloop.load_network("ncf")])
    assert set(by_name["network"]) == set(by_object["network"]) and len(by_name) < len(by_object)
    with pytest.raises(FlexloopError, match="edge25"):
        flexloop.flexion_table("edge25")
