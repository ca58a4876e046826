"""A search ends when its time is over, whatever the mapspace, with a mapping and a bound that holds.

No clock on the wall is used: these clocks jump, or count how often they are looked at, and the work done meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from faults import PATIENCE_S, hear_interrupts
from golden_specs import golden_space
from nasty_spaces import documents, space_of
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.cli.progress import SearchProgress
from flexloop.deadline import Deadline, TimeUp
from flexloop.embedded.mapper import BestSoFar, Objective, Optimum, Space, costing, find_best
from flexloop.embedded.mapper.exact import work
from flexloop.embedded.mapper.factors import Factorizations
from flexloop.embedded.mapper.general.labels import Labels
from flexloop.embedded.mapper.paths.programme import Programme
from flexloop.embedded.model import evaluate
from flexloop.errors import NoVerdictError, SpecError, UnknownNameError
from flexloop.timeloop import yamlio
from flexloop.timeloop.mapping import Mapping

MAX_WORK = 20_000
"""Mappings costed, bounded or drawn, and tiles bounded, between two looks at the clock."""


class Meter:
    """A clock that jumps to the end of all time after some looks, and measures the work between looks.

    Args:
        looks: after how many looks it jumps.
    """

    def __init__(self, looks: float) -> None:
        self._left = looks
        self.work = self.most = 0

    def __call__(self) -> float:
        self.most, self.work = max(self.most, self.work), 0
        self._left -= 1
        return 1e9 * -self._left if self._left < 0 else 0.0


@contextmanager
def measured(meter: Meter) -> Iterator[None]:
    """Have everything that takes time tell the meter how much it does."""
    with pytest.MonkeyPatch.context() as patch:

        def counting(owner: Any, name: str, size: Callable[..., int]) -> None:
            inner = getattr(owner, name)

            def counted(*arguments: Any, **options: Any) -> Any:
                meter.work += size(*arguments)
                return inner(*arguments, **options)

            patch.setattr(owner, name, counted)

        counting(costing, "evaluate_batch", lambda spec, batch, limits: len(batch))
        counting(Labels, "keys", lambda labels, place, tiles, reached: len(tiles))
        counting(Programme, "costs", lambda programme, stage: programme.window.size)
        counting(Factorizations, "sample", lambda factorizations, rng, n: n)
        counting(work, "gather", lambda *arguments: 1000)
        counting(work, "settle", lambda *arguments: 1000)
        yield


def checked(space: Space, objective: Objective, found: Optimum) -> None:
    """The mapping is one of the space, it costs what is said, and the bound does not exceed that."""
    evaluation = evaluate(space.spec, found.mapping)
    costs = {"latency": evaluation.cycles, "energy": evaluation.energy_pj, "edp": evaluation.edp}
    assert evaluation.valid and found.bounds == space.spec.problem.bounds
    assert found.cost[0] == costs[objective]
    assert 0 < found.certificate.lower_bound <= found.cost[0]


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", documents())
def test_little_is_done_after_the_time_is_over_and_there_is_an_answer(name: str, keep: bool) -> None:
    space = space_of(documents()[name], keep=keep)
    for looks in (0, 1, 4, 16, 64):
        meter = Meter(looks)
        with measured(meter):
            found = find_best([space], "edp", deadline=Deadline(1.0, meter))
            assert meter.most <= MAX_WORK and meter.work <= MAX_WORK
        checked(space, "edp", found)


def test_more_time_never_makes_an_answer_worse() -> None:
    space = space_of(documents()["almost nothing fits"], keep=True)
    answers = [find_best([space], "energy", deadline=Deadline(1.0, Meter(looks))) for looks in (0, 8, 64, 512)]
    assert all(b.cost[0] <= a.cost[0] for a, b in zip(answers, answers[1:], strict=False))
    assert answers[-1].cost[0] < answers[0].cost[0]


@pytest.mark.parametrize("looks", [0, 3, 10])
def test_the_exact_search_has_an_answer_at_once_too(looks: int) -> None:
    space = golden_space("base-conv3x3")
    found = find_best([space], "edp", deadline=Deadline(1.0, Meter(looks)))
    checked(space, "edp", found)


def test_what_is_not_found_in_time_is_not_called_unmappable() -> None:
    """Where not even the smallest tiles fit as they stand, only a search tells whether others do."""
    space = golden_space("base-conv3x3")
    spad = replace(space.spec.levels[0], capacity=2)
    small = replace(space, spec=replace(space.spec, levels=(spad, *space.spec.levels[1:])))
    with pytest.raises(NoVerdictError, match="allow more time"):
        find_best([small], "edp", deadline=Deadline(0))


def test_an_effort_counts_cpu_time_and_a_time_limit_that_of_the_wall() -> None:
    assert Deadline.of("quick").left <= 5.0
    assert Deadline.of("thorough", 2.5).seconds == 2.5
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        Deadline.of("quik")
    with pytest.raises(SpecError, match="time limit"):
        Deadline.of("quick", float("nan"))


def test_a_part_of_a_deadline_ends_with_it_and_pauses_do_not_count() -> None:
    now = [0.0]
    whole = Deadline(10.0, lambda: now[0])
    part = whole.part(0.5)
    with whole.paused():
        now[0] = 4.0
    assert whole.left == 10.0 and part.left == 1.0
    now[0] = 5.0
    assert part.passed() and not whole.passed()
    later = whole.part(1.0)
    whole.stop()
    assert later.passed()
    with pytest.raises(TimeUp):
        whole.check()


def test_a_search_says_how_far_it_is() -> None:
    so_far = BestSoFar()
    found = find_best([golden_space("base-conv3x3")], "edp", so_far=so_far)
    assert so_far.best == found.cost[0]
    assert 0 < so_far.bound <= so_far.best
    assert not so_far.searching


def written(folder: Path, name: str) -> Path:
    path = folder / "input.yaml"
    path.write_text(yamlio.dump(documents()[name]), encoding="utf-8")
    return path


def test_the_command_ends_at_its_time_limit_with_what_it_has(tmp_path: Path) -> None:
    arguments = ["mapper", str(written(tmp_path, "twelve levels")), "-o", str(tmp_path), "--time-limit", "0"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "the optimum for edp is at most" in result.stdout and "(time limit reached)" in result.stdout
    spec = space_of(documents()["twelve levels"]).spec
    directives = yamlio.load((tmp_path / "timeloop-mapper.map.yaml").read_text(encoding="utf-8"))["mapping"]
    assert evaluate(spec, Mapping.from_directives(directives, spec.level_names)).valid


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_an_interrupted_search_writes_the_best_it_has(number: signal.Signals, status: int, tmp_path: Path) -> None:
    arguments = ["mapper", str(written(tmp_path, "twelve levels")), "-o", str(tmp_path), "--effort", "thorough"]
    search = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, str(int(number)), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )
    said, complaint = search.communicate(timeout=PATIENCE_S)
    assert search.returncode == status, complaint
    assert "(interrupted)" in said and "Traceback" not in complaint
    assert (tmp_path / "timeloop-mapper.stats.txt").stat().st_size > 0


SIGNALLED = """
import os, sys
from flexloop.embedded.mapper.general.proof import Proof
from flexloop.__main__ import main
prove, number = Proof.run, int(sys.argv.pop(1))
def signalled(search, *rest):
    os.kill(os.getpid(), number)
    prove(search, *rest)
Proof.run = signalled
main()
"""
"""The command, sent a signal once its search has sampled."""


def test_a_signal_before_the_search_ends_the_command() -> None:
    progress = SearchProgress(Deadline(60.0))
    with pytest.raises(KeyboardInterrupt):
        progress.interrupt()


def test_a_line_tells_how_far_a_search_is() -> None:
    progress = SearchProgress(Deadline(60.0))
    assert progress.line().endswith("s: no mapping yet")
    progress.so_far.best, progress.so_far.bound = 2.5e16, 1e16
    assert progress.line().endswith("s: best 2.5e+16, none below 1e+16")


def test_studies_take_a_time_limit_for_the_embedded_mapper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [
        "run",
        "--net",
        "ncf",
        "--class",
        "T1O1P1S1",
        "--jobs",
        "1",
        "--no-store",
        "--time-limit",
        "0",
        "--json",
    ]
    result = CliRunner().invoke(app, [*arguments, "--engine", "embedded"])
    assert result.exit_code == 0, result.output
    assert '"time_limit"' in (tmp_path / "results").rglob("meta.json").__next__().read_text(encoding="utf-8")
