"""Inputs after public reports, with the real Timeloop's answers: see `data/cases/README.md`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from deadlines import after_looks

from flexloop.dropin.mapper import run_mapper
from flexloop.dropin.model import run_model, write_results
from flexloop.embedded.mapper import Objective
from flexloop.embedded.mapper.find import cost_of
from flexloop.embedded.model import evaluate
from flexloop.errors import FlexloopError
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.stats import parse_stats

CASES = Path(__file__).parent / "data" / "cases"
LOOKS = 250
"""Looks at the clock after which a search ends; all cases but two are proved by then."""
PRINTED = 1 + 1e-4
"""Figures in a report have two or more digits behind the point."""

REFUSED = {
    "c09-timeloop271-lists-in-constraints": "factors at DRAM .temporal.* write one string",
    "c15-timeloop26-fanout-exceeded": "MACC: mapped max Arithmetic instances 12 exceeds hardware instances 6",
    "c22-timeloop162-one-dim-on-x-and-y": "MACC: mapped max Arithmetic X expansion 16 exceeds hardware instances 4",
    "c23-exercises2-split0": "MACC: mapped max Arithmetic Y expansion 16 exceeds hardware instances 4",
    "c30-timeloop84-two-subtrees": "2 subtrees",
    "c33-python40-split-unit-dims-first": "MACC: mapped max Arithmetic Y expansion 9 exceeds hardware instances 3",
    "c44-tutorial7-misspelled-target": "constraint target 'Bufer'; did you mean 'Buffer'",
    "c44b-misspelled-dataspace": "data space in keep at Buffer 'Bs'; did you mean 'B'",
    "c44c-misspelled-dimension": "dimension in factors at Buffer .temporal. 'X'; known: M, N, K",
    "c44d-misspelled-mac-in-ert": "ERT: no table for add",
    "c49-exercises69-dram-depth": "MainMemory: mapped tile size 626 exceeds buffer capacity 128",
    "c57-timeloop-sample-accelergy-width-cluster": "width 16 .* 4 instances .cluster_size",
    "c59-dosa-directives-nested-in-bypass": "data space in bypass at Buffer",
    "c74-hyphen-memory-depth": "Buffer.*no capacity",
}
"""Inputs that the real one refuses, dies of or reads in part without a word, and how they are refused here."""

ANSWERED: dict[str, tuple[int, float] | None] = {
    "c07-timeloop206-null-constraints-key": (4, 169.5),
    "c28-timeloop177-xy-noc": (4, 169.5),
    "c35-timeloop267-200x200": (3072, 3.5047),
    "c41-exercises67-no-ert": None,
    "c42b-named-shape-gemm": (32, 82.1875),
    "c52-multichar-dimensions": (1536, 19.0651),
    "c53-multichar-dimensions-constraints": None,
    "c72-timeloop19-unconstrained-eyeriss": None,
}
"""Inputs that the real one gives no answer to, or another than it was asked for: cycles and pJ a computation."""

PENDING: dict[str, tuple[str, ...]] = {}
"""What is still to come, by the part of the program that it needs."""


def folders() -> list[Any]:
    pending = {name: part for part, names in PENDING.items() for name in names}
    marked = []
    for folder in sorted(path for path in CASES.iterdir() if path.is_dir()):
        part = pending.get(folder.name) or pending.get(folder.name.partition("-")[0])
        marks = [pytest.mark.xfail(reason=part, strict=True)] if part else []
        marked.append(pytest.param(folder, id=folder.name, marks=marks))
    return marked


@pytest.mark.parametrize("folder", folders())
@pytest.mark.filterwarnings("ignore")
def test_case(folder: Path, tmp_path: Path) -> None:
    files, tool = sorted(folder.glob("*.yaml")), (folder / "tool.txt").read_text().strip()
    if folder.name in REFUSED:
        with pytest.raises(FlexloopError, match=REFUSED[folder.name]):
            run_model(files, tmp_path) if tool == "model" else run_mapper(files, tmp_path)
    elif tool == "model":
        run_model(files, tmp_path)
        check_figures(folder, tmp_path / "timeloop-model.stats.txt")
        check_bytes(folder, tmp_path, "timeloop-model", ("stats.txt", "map.txt"))
    else:
        check_mapper(folder, files, tmp_path)


def check_mapper(folder: Path, files: list[Path], out: Path) -> None:
    """The search is no worse than the real one, whose mapping gives the real one's bytes."""
    outcome = run_mapper(files, out, deadline=after_looks(LOOKS))
    check_figures(folder, out / "timeloop-mapper.stats.txt")
    real = folder / "timeloop" / "timeloop-mapper.stats.txt"
    if folder.name in ANSWERED or not real.exists():
        return
    theirs = parse_stats(real.read_text(encoding="utf-8"), real.name)
    objective = cast(Objective, outcome.objective)
    assert objective in ("latency", "energy", "edp")
    assert cost_of(objective, outcome.evaluation)[0] <= cost_of(objective, theirs)[0] * PRINTED
    directives = yamlio.load(folder / "timeloop" / "timeloop-mapper.map.yaml")["mapping"]
    read = Mapping.from_directives(directives, outcome.spec.level_names)
    # Limits of reuse are in the constraints, and not in the map that Timeloop writes.
    levels = zip(read.levels, outcome.optimum.mapping.levels, strict=True)
    mapping = Mapping(tuple(replace(level, limits=own.limits) for level, own in levels))
    write_results(outcome.spec, mapping, evaluate(outcome.spec, mapping), out, "timeloop-mapper")
    check_bytes(folder, out, "timeloop-mapper", ("stats.txt", "map.txt", "map.yaml"))


def check_figures(folder: Path, report: Path) -> None:
    """Cycles and energy of a case that the real one has no answer to."""
    if (expected := ANSWERED.get(folder.name)) is not None:
        found = parse_stats(report.read_text(encoding="utf-8"), report.name)
        assert found.cycles == expected[0]
        assert found.energy_pj / found.computes == pytest.approx(expected[1], rel=1e-4)


def check_bytes(folder: Path, out: Path, prefix: str, suffixes: tuple[str, ...]) -> None:
    if folder.name in ANSWERED:
        return
    for suffix in suffixes:
        written = (out / f"{prefix}.{suffix}").read_bytes()
        assert written == (folder / "timeloop" / f"{prefix}.{suffix}").read_bytes(), suffix


def test_every_case_has_an_answer() -> None:
    """A case has the real one's files, or what to expect stands above."""
    names = {folder.name for folder in CASES.iterdir() if folder.is_dir()}
    assert set(REFUSED) | set(ANSWERED) <= names
    told = {n for n in names if (CASES / n / "timeloop").is_dir()} | set(REFUSED) | set(ANSWERED)
    assert told == names
    assert len(names) == 61
