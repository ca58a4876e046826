"""The engine on Timeloop's programs: what they find, and what becomes of every way in which they fail."""

from __future__ import annotations

import os
from pathlib import Path

import fake_timeloop
import pytest
import small_archs

from flexloop.classes import FlexClass
from flexloop.energy import EnergyTables, shipped_tables
from flexloop.engines.base import Candidate, SearchOptions, Winner
from flexloop.engines.carry import satisfies
from flexloop.engines.select import EngineSettings
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import EngineError, FlexloopError, NoVerdictError, UnmappableError
from flexloop.evaluation import Evaluation
from flexloop.mapspace import MapSpace, mapspace
from flexloop.study import StudyOptions, run_study
from flexloop.timeloop.mapping import LevelMapping, Mapping
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer, Network

ARCH = small_archs.plain()
LAYER = Layer(name="conv", C=4, M=4, R=3, P=8, Q=2)


def space(name: str, layer: Layer = LAYER) -> MapSpace:
    return mapspace(FlexClass.parse(name), ARCH, layer)


def energy() -> EnergyTables:
    return shipped_tables(ARCH)


def everything_at(level: str) -> Candidate:
    """A mapping with all loops of the layer at one level."""
    variant = space("T1O1P1S0").variants[0]
    levels = [
        LevelMapping(name, LAYER.bounds if name == level else {}, DIMENSIONS, keep=TENSORS)
        for name in ("Spad", "GlobalBuffer", "DRAM")
    ]
    return Candidate(variant, LAYER.bounds, Mapping(tuple(levels)))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stand-ins, in front of everything else on PATH."""
    folder = tmp_path / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def evaluate(run_dir: Path, timeout_s: float | None = None) -> Evaluation:
    return TimeloopEngine().evaluate(everything_at("DRAM"), energy(), run_dir, timeout_s)


def search(name: str, run_dir: Path, timeout_s: float | None = None) -> Winner:
    return TimeloopEngine().map(space(name), energy(), SearchOptions(timeout_s=timeout_s), (), run_dir)


@pytest.mark.timeloop
def test_real_model_costs_a_mapping_and_refuses_one_that_does_not_fit(tmp_path: Path) -> None:
    fits = TimeloopEngine().evaluate(everything_at("DRAM"), energy(), tmp_path / "fits")
    assert (fits.valid, fits.cycles, fits.computes) == (True, LAYER.macs, LAYER.macs)
    refused = TimeloopEngine().evaluate(everything_at("Spad"), energy(), tmp_path / "refused")
    assert refused == Evaluation.invalid("couldn't map level Spad: mapped tile size 192 exceeds buffer capacity 14")


@pytest.mark.timeloop
@pytest.mark.parametrize("name", ["T0O0P0S0", "T0O1P0S0", "T0O0P1S0", "TpO0P0S0"])
def test_real_mapper_finds_the_best_of_a_small_mapspace(name: str, tmp_path: Path) -> None:
    winner = search(name, tmp_path / "map")
    assert satisfies(winner.candidate.mapping, winner.candidate.variant)
    assert TimeloopEngine().evaluate(winner.candidate, energy(), tmp_path / "model") == winner.evaluation
    rigid = search("T0O0P0S0", tmp_path / "rigid")
    assert rigid.optimal
    assert winner.evaluation.edp <= rigid.evaluation.edp


@pytest.mark.timeloop
def test_real_mapper_says_why_nothing_fits(tmp_path: Path) -> None:
    layer = Layer(name="wide", C=2, P=2, Wstride=100)
    with pytest.raises(UnmappableError, match="couldn't map level .*: mapped tile size .* exceeds buffer capacity"):
        TimeloopEngine().map(space("T0O0P0S0", layer), energy(), SearchOptions(), (), tmp_path)


def test_evaluation_is_read_from_the_report(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, model=f"{fake_timeloop.REPORT} .")
    assert evaluate(tmp_path / "run").cycles == 903_168
    assert {path.name for path in (tmp_path / "run").glob("*.yaml")} == {
        "arch.yaml",
        "ert.yaml",
        "map.yaml",
        "problem.yaml",
    }


def test_mapping_that_timeloop_refuses_is_invalid_with_its_reason(fake: Path, tmp_path: Path) -> None:
    reason = "couldn't map level GlobalBuffer: mapped tile size 81264 exceeds buffer capacity 32768"
    fake_timeloop.install(fake, model=f'echo "ERROR: {reason}" >&2; exit 1')
    assert evaluate(tmp_path / "run") == Evaluation.invalid(reason)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("echo 'ERROR: target storage level not found: GB' >&2; exit 1", "target storage level not found: GB"),
        (
            "echo \"terminate called after throwing a 'YAML::ParserException'\"; echo 'what(): line 3'; exit 134",
            "exit status 134: terminate called .* what\\(\\): line 3",
        ),
        ("kill -KILL $$", "killed by SIGKILL; out of memory\\?"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        (": > timeloop-model.stats.txt", "timeloop-model.stats.txt: empty"),
        ("exit 0", "timeloop-model.stats.txt: no report"),
        (
            f"head -40 {fake_timeloop.DATA}/timeloop-model.stats.txt > timeloop-model.stats.txt",
            "ends before its summary",
        ),
    ],
)
def test_model_that_fails(fake: Path, tmp_path: Path, code: str, message: str) -> None:
    fake_timeloop.install(fake, model=code)
    with pytest.raises(EngineError, match=message):
        evaluate(tmp_path / "run")


def test_model_that_takes_too_long_is_stopped_and_names_the_option(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, model="sleep 600")
    with pytest.raises(NoVerdictError, match="layer conv after 0 s .* with --timeout, or use --engine embedded"):
        evaluate(tmp_path / "run", timeout_s=0.1)


def test_the_timeout_of_a_study_holds_for_the_evaluation_too(fake: Path) -> None:
    fake_timeloop.install(fake, model="sleep 600")
    network = Network(name="net", layers=(LAYER,))
    settings = EngineSettings(engine="timeloop", mapper="embedded")
    options = StudyOptions(engines=settings, timeout_s=0.1, jobs=1, use_store=False)
    row = run_study(["T0O0P0S0"], [network], ARCH, options).rows.iloc[0]
    assert row["status"] == "failed"
    assert "timeloop-model had not costed" in row["reason"]
    assert "failed 3 times" not in row["reason"], "what takes too long is not tried again"


def test_search_returns_what_the_mapper_wrote(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, mapper=fake_timeloop.ANSWER)
    winner = search("T0O0P0S0", tmp_path)
    assert winner.evaluation.cycles == 1_474_817
    assert winner.candidate.mapping.one_line().startswith("DRAM[WIO] ")


def test_enumerated_mapspace_without_a_valid_mapping_is_unmappable(fake: Path, tmp_path: Path) -> None:
    said = "  Level: Spad\\n    Fail count: 7\\n    Sample mapping\\n    Fail reason: mapped tile size 34 exceeds 4\\n"
    diagnose = f"if grep -q 'diagnostics: true' mapper.yaml; then printf '{said}'; fi"
    fake_timeloop.install(fake, mapper=f"{diagnose}; {fake_timeloop.NOTHING}")
    with pytest.raises(UnmappableError, match="couldn't map level Spad: mapped tile size 34 exceeds 4$"):
        search("T0O0P0S0", tmp_path)


def test_sampling_without_a_valid_mapping_proves_nothing(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(
        fake, mapper=f"echo '[  0] STATEMENT: 9 invalid mappings, terminating.'; {fake_timeloop.NOTHING}"
    )
    with pytest.raises(
        EngineError, match="does not prove .* \\(9 invalid mappings, terminating.\\); try --effort thorough"
    ):
        search("T0O1P1S0", tmp_path)


TOO_LARGE = "echo 'ERROR: overflow detected: mapspace size appears to be greater than 2^128. Please add.' >&2; exit 1"


def test_paddings_too_large_for_timeloop_are_left_out_and_named(fake: Path, tmp_path: Path) -> None:
    """Bounds padded to powers of two have far more factorisations than the layer's own, which it still searches."""
    fake_timeloop.install(fake, mapper=f'case "$PWD" in *-X) {TOO_LARGE};; esac; {fake_timeloop.ANSWER}')
    winner = search("T1O1P1S0", tmp_path)
    assert winner.evaluation.cycles == 1_474_817
    assert "more mappings than Timeloop agrees to search (2^128), so not searched: 000-2x2-X" in winner.notes


def test_mapspace_that_is_too_large_in_every_padding(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, mapper=TOO_LARGE)
    with pytest.raises(EngineError, match="timeloop-mapper failed on layer conv: overflow detected: mapspace size"):
        search("T1O1P1S0", tmp_path)


def test_search_that_is_stopped_keeps_its_best_so_far(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, mapper=f"trap '{fake_timeloop.ANSWER}; exit 0' INT; sleep 600 & wait")
    winner = search("T0O0P0S0", tmp_path, timeout_s=1.0)
    assert winner.evaluation.cycles == 1_474_817
    assert not winner.optimal


def test_search_that_is_stopped_with_nothing_says_so(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake, mapper="exec sleep 600")
    with pytest.raises(EngineError, match="stopped after 1 s"):
        search("T0O0P0S0", tmp_path, timeout_s=1.0)


def test_programs_that_are_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="^timeloop-model and timeloop-mapper not found on PATH; .*--engine embedded"):
        TimeloopEngine().info()


def test_own_drop_in_does_not_pass_for_timeloop(fake: Path) -> None:
    fake_timeloop.install(fake, model="# Timeloop's command served by flexloop's own model.\nexec flexloop model")
    with pytest.raises(EngineError, match="flexloop's own drop-in, not Timeloop"):
        TimeloopEngine().info()


def test_version_changes_with_the_programs(fake: Path) -> None:
    fake_timeloop.install(fake, model="exit 0")
    first = TimeloopEngine().info()
    fake_timeloop.install(fake.parent / "other", model="exit 1")
    assert first.name == "timeloop"
    assert first.version.startswith("sha256:")
    assert first.detail == str(fake)


def test_run_folder_that_cannot_be_written(fake: Path, tmp_path: Path) -> None:
    fake_timeloop.install(fake)
    (tmp_path / "file").write_text("")
    with pytest.raises(FlexloopError, match="cannot write .*file"):
        evaluate(tmp_path / "file" / "run")
