"""Timeloop designs beside the real Timeloop on this machine: it takes the rendered files and agrees on the winners."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_designs import NAMES, design, partial

from flexloop.arch.design.model import Design
from flexloop.arch.load import load_arch
from flexloop.classes import FlexClass, all_classes
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.evaluation import Evaluation
from flexloop.mapspace import MapSpace, mapspace
from flexloop.rendering.bundle import mapspace_files, run_variants
from flexloop.rendering.render import SearchSettings, shared_renderer
from flexloop.timeloop.stats import read_stats
from flexloop.workloads.layers import Layer

pytestmark = pytest.mark.timeloop

LAYER = Layer(name="conv", C=6, M=10, R=3, P=7, Wstride=2)
CLASSES = ("T0O0P0S0", "T1O0P0S0", "T0O1P0S0", "T0O0P1S0", "T0O0P0S1", "T1O1P1S1")


def designs() -> list[Design]:
    return [*(design(name) for name in NAMES), partial().model_copy(update={"name": "partial"})]


def shipped() -> list[Design]:
    """Those of the catalogue."""
    return [load_arch(name).as_design("here") for name in ("simba_like", "morph")]


def spaces(own: Design, classes: list[FlexClass]) -> Iterator[MapSpace]:
    for flexclass in classes:
        yield mapspace(flexclass, own, LAYER)


def timeloop(program: str, files: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [program, *(str(folder / name) for name in files), "-o", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=300)


@pytest.mark.parametrize("own", designs(), ids=lambda own: own.name)
def test_timeloop_mapper_takes_the_files_of_every_class(own: Design, tmp_path: Path) -> None:
    """The first and the last variant of each class at its least bounds; nothing of the constraints is passed over."""
    renderer, energy = shared_renderer(), energy_tables("table", own)
    ert = renderer.ert(energy.ert)
    for space in spaces(own, all_classes()):
        runs = {name: (variant, bounds) for variant, name, bounds in run_variants(space.variants)}
        for name in {min(runs), max(runs)}:
            variant, bounds = runs[name]
            settings = SearchSettings("random_pruned", 1, timeout=500, victory_condition=20, search_size=50)
            files = mapspace_files(renderer, variant, bounds, "edp", settings, ert)
            found = timeloop("timeloop-mapper", files, tmp_path / str(space.flexclass) / name)
            assert found.returncode == 0, found.stderr
            assert "constraint" not in found.stderr.lower(), found.stderr


def winner_in_both(space: MapSpace, options: SearchOptions, folder: Path) -> tuple[Evaluation, Evaluation]:
    """What flexloop and ``timeloop-model`` find of the best mapping; cycles, computes and energy are the same."""
    energy = energy_tables("table", space.arch)
    winner = EmbeddedEngine().map(space, energy, options, (), folder)
    ours, theirs = winner.evaluation, TimeloopEngine().evaluate(winner.candidate, energy, folder / "real")
    assert (ours.valid, ours.cycles, ours.computes) == (theirs.valid, theirs.cycles, theirs.computes)
    assert ours.energy_pj == pytest.approx(theirs.energy_pj, abs=0.5 * len(ours.levels), rel=1e-4)
    return ours, theirs


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("own", [*designs(), *shipped()], ids=lambda own: own.name)
def test_timeloop_model_gives_the_winners_the_same_figures(own: Design, name: str, tmp_path: Path) -> None:
    space = mapspace(FlexClass.parse(name), own, LAYER)
    ours, theirs = winner_in_both(space, SearchOptions(time_limit=1.0), tmp_path)
    real = {level.name: level for level in theirs.levels}  # Timeloop leaves out levels without accesses
    for level in ours.levels:
        for tensor, figures in level.tensors.items():
            if figures.reads or figures.fills or figures.updates:
                found = real[level.name].tensors[tensor]
                assert (figures.reads, figures.fills, figures.updates) == (found.reads, found.fills, found.updates)


@pytest.mark.parametrize("name", ["T0O0P0S0", "T1O1P0S0", "T0O0P1S1"])
@pytest.mark.parametrize("own", [design("nested"), design("eyeriss_like")], ids=lambda own: own.name)
def test_timeloop_mapper_finds_nothing_better_than_the_proved_optimum(own: Design, name: str, tmp_path: Path) -> None:
    """So the constraints that are rendered allow no more than those that were searched."""
    space = mapspace(FlexClass.parse(name), own, Layer(name="small", C=2, M=4))
    energy, renderer = energy_tables("table", own), shared_renderer()
    variant = space.variants[-1]
    bounds = {d: found[0] for d, found in variant.bounds.items()}
    one = MapSpace(space.flexclass, own, space.layer, (replace(variant, bounds={d: (b,) for d, b in bounds.items()}),))
    optimum = EmbeddedEngine().map(one, energy, SearchOptions(time_limit=60.0), (), tmp_path)
    assert optimum.optimal
    settings = SearchSettings("random_pruned", 1, timeout=20_000, victory_condition=500, search_size=2000)
    files = mapspace_files(renderer, variant, bounds, "edp", settings, renderer.ert(energy.ert))
    assert timeloop("timeloop-mapper", files, tmp_path / "real").returncode == 0
    best = read_stats(tmp_path / "real" / "timeloop-mapper.stats.txt")
    assert optimum.evaluation.edp * (1 - 1e-3) <= best.edp
