"""Timeloop's reports are read figure by figure, and anything that is not a whole report is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexloop.errors import EngineError
from flexloop.timeloop.stats import parse_stats, read_stats

DATA = Path(__file__).parent / "data" / "timeloop"
MODEL_NAME = "timeloop-model.stats.txt"
MODEL = (DATA / MODEL_NAME).read_text()
LINES = MODEL.splitlines(keepends=True)


def test_report_of_the_model() -> None:
    evaluation = read_stats(DATA / "timeloop-model.stats.txt")
    assert (evaluation.valid, evaluation.cycles, evaluation.computes) == (True, 903_168, 57_802_752)
    assert evaluation.utilization == 0.25
    # To the cent of a pJ, where the summary says 434.81 uJ.
    assert evaluation.energy_pj == pytest.approx(434_814_510.08, abs=0.005)
    assert [level.name for level in evaluation.levels] == ["MAC", "Spad", "GlobalBuffer", "DRAM"]
    dram = evaluation.levels[3].tensors["Outputs"]
    assert (dram.utilized_capacity, dram.utilized_instances) == (100_352, 1)
    assert (dram.reads, dram.fills, dram.updates, dram.temporal_reductions) == (1_103_872, 0, 1_204_224, 1_103_872)
    assert dram.energy_pj == 147_718_144.0


def test_bypassed_tensors_are_absent() -> None:
    assert set(parse_stats(MODEL, "report").levels[2].tensors) == {"Weights", "Inputs"}


def test_macs_without_energy_are_not_in_the_report_and_the_summary_tells_of_them() -> None:
    folder = Path(__file__).parent / "golden" / "model"
    hidden, shown = (read_stats(folder / case / MODEL_NAME) for case in ("macs-without-energy", "base-attention"))
    assert [level.name for level in hidden.levels] == [level.name for level in shown.levels if level.tensors]
    assert (hidden.cycles, hidden.computes) == (shown.cycles, shown.computes)
    assert hidden.utilization == pytest.approx(shown.utilization, abs=5e-5)


def test_report_of_the_mapper_where_bandwidth_throttles() -> None:
    evaluation = read_stats(DATA / "timeloop-mapper.stats.txt")
    assert evaluation.cycles == 1_474_817
    assert [level.cycles for level in evaluation.levels] == [1_376_256, 1_376_256, 1_474_817, 1_376_256]
    assert evaluation.utilization == pytest.approx(0.1531, abs=5e-5)


def test_missing_file() -> None:
    with pytest.raises(EngineError, match="no-such.txt: no report of Timeloop's to read: No such file"):
        read_stats(DATA / "no-such.txt")


def test_empty_file_is_how_timeloop_says_that_it_found_nothing() -> None:
    with pytest.raises(EngineError, match="^report: empty; Timeloop found no valid mapping"):
        parse_stats("", "report")


def test_report_cut_short_is_refused_or_whole() -> None:
    whole = parse_stats(MODEL, "report")
    for count in range(1, len(LINES)):
        try:
            evaluation = parse_stats("".join(LINES[:count]), "report")
        except EngineError as error:
            assert str(error).startswith("report")
        else:
            assert evaluation == whole, f"{count} lines"


@pytest.mark.parametrize("bad", ["nan", "-nan", "inf", "-1", "1e3x", "1.5.2", "9" * 5000, "٣"])
@pytest.mark.parametrize("good", ["Scalar reads (per-instance)              : 903168", "Cycles: 903168"])
def test_wrong_figure_is_named_with_its_line(good: str, bad: str) -> None:
    assert good in MODEL
    figure, _, value = good.rpartition(" ")
    text = MODEL.replace(good, f"{figure} {bad}", 1)
    with pytest.raises(EngineError, match="^report, line [0-9]+: "):
        parse_stats(text, "report")


@pytest.mark.parametrize("bad", ["147_718144.00", "14771814٤.00", "1.4.7", "0x10", "nan"])
def test_an_energy_that_is_no_decimal_number_is_named_with_its_line(bad: str) -> None:
    total = "Energy (total)                           : "
    text = MODEL.replace(f"{total}147718144.00 pJ", f"{total}{bad} pJ")
    assert text != MODEL
    with pytest.raises(EngineError, match="^report, line [0-9]+: "):
        parse_stats(text, "report")


def test_energies_that_contradict_the_summary_are_refused() -> None:
    text = MODEL.replace(
        "Energy (total)                           : 147718144.00 pJ", "Energy (total) : 147728144.00 pJ"
    )
    assert text != MODEL
    with pytest.raises(EngineError, match=r"levels and networks use 434824510.08 pJ, the summary says 434810000.00 pJ"):
        parse_stats(text, "report")


NETWORKS = """\
Network 0
---------
Spad <==> MAC

    STATS
    -----
    Weights:
        Ingresses                               : 100.00
        Energy (per-instance)                   : 1000000.00 pJ
        Energy (total)                          : 4000000.00 pJ
        Link transfer energy (total)            : 20000.00 pJ
        Spatial Reduction Energy (total)        : 0.00 pJ
Network 1
---------
Adders

    STATS
    -----
    Outputs:
        Spatial reductions                      : 30
        Energy (per-instance)                   : 300.00 pJ
        Energy (total)                          : 1200.00 pJ
        Spatial Reduction Energy (per-instance) : 5000.00 pJ
        Spatial Reduction Energy (total)        : 20000.00 pJ
"""
"""A network with an energy for each of four instances, and a reduction tree, whose energy counts once."""


def test_energy_of_networks_is_added_to_that_of_the_levels() -> None:
    text = MODEL.replace("Networks\n--------\n", f"Networks\n--------\n{NETWORKS}")
    text = text.replace("Energy: 434.81 uJ", "Energy: 438.84 uJ")
    assert parse_stats(text, "report").energy_pj == pytest.approx(parse_stats(MODEL, "report").energy_pj + 4025300.0)


def test_networks_add_cycles_to_those_of_the_levels() -> None:
    assert parse_stats(MODEL.replace("\nCycles: 903168", "\nCycles: 903175"), "report").cycles == 903175
    with pytest.raises(EngineError, match="903160 cycles are fewer than some level takes"):
        parse_stats(MODEL.replace("\nCycles: 903168", "\nCycles: 903160"), "report")


@pytest.mark.parametrize(
    ("line", "twice"),
    [
        ("        Scalar reads (per-instance)              : 903168", "'Scalar reads .per-instance.' already, in line"),
        ("    Inputs:", "has Inputs already, in line"),
        ("=== Spad ===", "a second level 'Spad'"),
        ("Cycles: 903168", "'Cycles' already, in line"),
        ("Summary Stats", "a second section 'Summary Stats'"),
    ],
)
def test_what_a_report_has_once_is_refused_where_it_stands_twice(line: str, twice: str) -> None:
    at = MODEL.index(line + "\n")
    with pytest.raises(EngineError, match=f"^report, line [0-9]+: .*{twice}"):
        parse_stats(MODEL[:at] + line + "\n" + MODEL[at:], "report")


def test_levels_may_be_called_as_figures_of_the_summary_are() -> None:
    text = MODEL.replace("fJ/Compute\n", "fJ/Compute\n    Cycles = 1.00\n    Energy = 2.00\n")
    assert text != MODEL
    assert parse_stats(text, "report") == parse_stats(MODEL, "report")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(EngineError):
        parse_stats(text, "report")


@given(st.integers(0, len(LINES) - 1), st.text(max_size=80))
def test_any_line_replaced_is_read_or_refused(index: int, line: str) -> None:
    text = "".join([*LINES[:index], line + "\n", *LINES[index + 1 :]])
    try:
        evaluation = parse_stats(text, "report")
    except EngineError:
        return
    assert evaluation.cycles > 0
