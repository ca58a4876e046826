"""What is said of progress where no terminal shows it."""

from __future__ import annotations

import pytest
from small_archs import plain

from flexloop import EngineSettings, FlexClass, Layer, Network, StudyOptions
from flexloop.cli import progress
from flexloop.running.cells import CellResult, CellTask
from flexloop.running.pace import Pace, in_words
from flexloop.studies import futureproof, sensitivity
from flexloop.studies.sensitivity import variations
from flexloop.study import run_study

OPTIONS = StudyOptions(objective="latency", engines=EngineSettings(engine="embedded"), jobs=1, use_store=False)
RIGID, FREE = FlexClass.of("T0O0P0S0"), FlexClass.of("T1O1P1S1")
LAYER = Layer(name="only")
KIND = ("T0O0P0S0", LAYER.shape_key)


def test_a_study_of_several_parts_counts_the_cells_of_all() -> None:
    lines = []
    with progress.CellProgress(quiet=False) as shown:
        for cells in (2, 3):
            shown.begin(cells, "embedded", "embedded")
            for _ in range(cells):
                shown.finished(CellResult(RIGID, LAYER, "ok", "", 0.1))
                lines.append(shown.line())
    assert [line.split(" cells")[0] for line in lines] == ["1 of 2", "2 of 2", "3 of 5", "4 of 5", "5 of 5"]
    assert not any("-" in line for line in lines)


def test_the_cell_that_is_waited_for_longest_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.01)
    said = ""
    with progress.CellProgress(quiet=False) as shown:
        shown.begin(2, "embedded", "timeloop")
        shown.submitted(CellTask(LAYER, (RIGID, FREE), {}))
        while "waiting" not in said:  # nothing finishes, and a line comes nevertheless
            said += capsys.readouterr().err
        shown.finished(CellResult(RIGID, LAYER, "ok", "", 0.1))
        assert shown.line().endswith("waiting for T1O1P1S1 only")
    assert "0 of 2 cells, ? left, waiting for T0O0P0S0 only\n" in said


def test_a_planned_study_says_its_cells_before_the_first_and_never_another_number() -> None:
    with progress.CellProgress(quiet=False) as shown:
        shown.plan(5, 2)
        lines = [shown.line()]
        for cells in (2, 3):
            shown.begin(cells, "embedded", "embedded")
            for _ in range(cells):
                shown.finished(CellResult(RIGID, LAYER, "ok", "", 0.1))
                lines.append(shown.line())
        shown.plan(0, 0)  # what was still planned turns out not to be needed: here nothing was
        lines.append(shown.line())
    assert [line.split(" cells")[0] for line in lines] == [f"{done} of 5" for done in (0, 1, 2, 3, 4, 5, 5)]


@pytest.mark.parametrize(
    ("elapsed", "computed", "remaining", "expected"),
    [
        (10, 0, 5, "?"),
        (10, 5, 0, "0 s"),
        (100, 10, 5, "about 50 s"),
        (7200, 1, 3, "about 6 h"),
        (86400, 1, 9, "about 9 d"),
    ],
)
def test_the_time_left_follows_the_pace_so_far(elapsed: float, computed: int, remaining: int, expected: str) -> None:
    pace = Pace(since=0.0)
    pace.begin(computed + remaining, now=0.0)
    for _ in range(computed):
        pace.finished(KIND, elapsed / computed, elapsed, computed=True)
    assert in_words(pace.left(remaining, elapsed)) == expected


def test_an_estimate_over_several_parts_is_right_from_the_first_part_on() -> None:
    """Ten parts of 5 cells of 2 s, each after a design of 12 s: 220 s, of which the estimate knows after the first."""
    pace, now, off = Pace(since=0.0, parts=10), 0.0, []
    for part in range(10):
        now += 12.0
        pace.begin(5, now)
        for cell in range(5):
            now += 2.0
            pace.finished(KIND, 2.0, now, computed=True)
            estimate = pace.left(50 - 5 * part - cell - 1, now)
            off.append(abs(now + (estimate or 0.0) - 220.0))
    assert max(off) < 1e-9


def test_a_part_takes_as_long_as_the_same_cells_took_in_the_part_before() -> None:
    """The hard layer comes last in each part, on two processes: the estimate does not fall for the easy ones."""
    easy, hard, now = [("T1O1P1S1", n) for n in range(9)], ("T1O1P1S1", "hard"), 0.0
    pace, off = Pace(since=now, parts=2), []
    for part in range(2):
        pace.begin(10, now)
        pace.expect([*easy, hard])
        for done, kind in enumerate([*easy, hard], start=1):
            seconds = 30.0 if kind == hard else 1.0
            now += seconds / 2
            pace.finished(kind, seconds, now, computed=True)
            if part == 1:
                off.append(abs(now + (pace.left(10 - done, now) or 0.0) - 39.0))
    assert max(off) < 1e-9


def test_a_cell_of_a_class_that_takes_long_is_expected_to_take_long() -> None:
    pace = Pace(since=0.0)
    pace.begin(4, now=0.0)
    pace.expect((flexclass, layer) for layer in "ab" for flexclass in ("T0O0P0S0", "T1O1P1S1"))
    pace.finished(("T0O0P0S0", "a"), 1.0, 1.0, computed=True)
    pace.finished(("T1O1P1S1", "a"), 9.0, 10.0, computed=True)
    assert pace.left(2, 10.0) == 10.0
    pace.finished(("T0O0P0S0", "b"), 1.0, 11.0, computed=True)
    assert pace.left(1, 11.0) == pytest.approx(9.0)


def test_a_cell_that_outlasts_all_others_is_not_said_to_be_over_at_once() -> None:
    pace = Pace(since=0.0)
    pace.begin(101, now=0.0)
    for cell in range(100):
        pace.finished(KIND, 0.1, 0.1 * (cell + 1), computed=True)
    assert pace.left(1, 10.0) == pytest.approx(0.1)
    assert pace.left(1, 70.0) == pytest.approx(60.0), "nothing was finished for a minute, and another is likely"


def test_what_the_store_had_tells_how_long_its_like_take_but_not_the_pace() -> None:
    pace = Pace(since=0.0, parts=1)
    pace.begin(1, now=0.0)
    pace.finished(KIND, 8.0, 0.0, computed=False)
    assert pace.left(1, 0.0) is None
    pace.begin(2, now=0.0)
    pace.expect([KIND, ("T1O1P1S1", "x")])
    pace.finished(("T1O1P1S1", "x"), 2.0, 1.0, computed=True)
    assert pace.left(1, 1.0) == pytest.approx(4.0), "8 s of work, done at twice the speed"


def test_a_preparation_under_way_counts_down() -> None:
    pace = Pace(since=0.0, parts=2)
    pace.begin(1, now=10.0)
    pace.finished(KIND, 1.0, 11.0, computed=True)
    assert [pace.left(1, now) for now in (11.0, 15.0, 40.0)] == [11.0, 7.0, 1.0]


def test_every_study_announces_the_rows_of_its_results() -> None:
    """Layers of one shape are searched once; the count is of cells as the report counts them."""
    twice = Network(name="twice", layers=(Layer(name="a", C=4, M=2), Layer(name="b", C=4, M=2)))
    heard = _Heard()
    results = run_study([RIGID, FREE], [twice], plain(), OPTIONS, heard)
    assert (heard.begun, heard.done) == ([4], 4)
    assert len(results.rows) == 4


@pytest.mark.parametrize("square", [False, True], ids=["without a mirror image", "with a mirror image"])
def test_future_proof_plans_the_cells_that_it_runs(square: bool) -> None:
    """A design that its network cannot tell from its mirror image is run as both; any other is not."""
    heard = _Heard()
    layer = Layer(name="a", C=4, M=2, R=3, S=3, P=6, Q=6) if square else Layer(name="a", C=4, M=2, P=3)
    net = Network(name="past", layers=(layer,))
    outcome = futureproof.future_proof(net, [net], plain(), OPTIONS, [RIGID, FREE], heard, later=(7, 1))
    assert (outcome.mirrored is not None) == square
    runs = 1 + square
    assert heard.planned[0] == (2 + 7, 2), "before anything is designed"
    assert heard.planned[-1] == (2 * runs + 7, runs + 1)
    assert heard.done == 2 * runs


@pytest.mark.slow
def test_future_proof_has_one_plan_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, net = _Heard(), Network(name="past", layers=(Layer(name="a", C=4, M=2, P=3),))
    few = [
        variation
        for variation in variations(plain())
        if variation.name in ("as it is", "PEs x 4", "DRAM bandwidth x 4")
    ]
    monkeypatch.setattr(sensitivity, "variations", lambda arch: few)
    cells, parts = sensitivity.sensitivity_plan([net], plain(), OPTIONS)
    table = sensitivity.sensitivity(net, [net], plain(), OPTIONS, heard)
    assert heard.planned[0] == (cells, parts) == (3 * 6, 3)
    assert [done + left for done, (left, _) in zip((0, 6, 12), heard.planned, strict=True)] == [18] * 3
    assert heard.done == 12, "no PEs x 4 suit this hardware"
    outcome = futureproof.future_proof(net, [net], plain(), OPTIONS)
    said = outcome.reported(table).meta["study"]["sentences"]
    assert "The assumptions moved took 2 x 6 = 12 cells beside this study's own." in said


class _Heard:
    """Counts what a study tells of its progress."""

    def __init__(self) -> None:
        self.planned: list[tuple[int, int]] = []
        self.begun: list[int] = []
        self.done = 0

    def plan(self, cells: int, parts: int) -> None:
        self.planned.append((cells, parts))

    def begin(self, cells: int, mapper: str, engine: str) -> None:
        self.begun.append(cells)

    def submitted(self, task: CellTask) -> None:
        pass

    def finished(self, result: CellResult) -> None:
        self.done += 1
