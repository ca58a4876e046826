"""The paper's study on a small accelerator, its mirror image, and the picture of designs that are nearly as good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_archs import plain

from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.classes import FULLY_FLEXIBLE, all_classes
from flexloop.errors import FlexloopError
from flexloop.networks import load_network
from flexloop.report.findings import findings
from flexloop.report.html import render_report
from flexloop.report.strip import Strip
from flexloop.studies import papersensitivity
from flexloop.studies.analysis import shapley
from flexloop.studies.futureproof import NEAR, SENSITIVE, FutureProof, future_proof
from flexloop.studies.isolate import isolation_means, isolation_table
from flexloop.studies.kao import published
from flexloop.studies.othertool import compare_latencies
from flexloop.studies.paper import Paper, paper
from flexloop.studies.paperfigures import figures_table
from flexloop.studies.papertables import class_table
from flexloop.studies.shapes import shape_summary, shape_table
from flexloop.study import run_study

SQUARE = Network(name="square", layers=(Layer(name="conv", C=4, M=6, R=2, S=2, P=6, Q=6),))
ROWS = Network(name="rows", layers=(Layer(name="fc", C=5, M=7, P=6),))
NET = Network(name="net", layers=(Layer(name="conv", C=4, M=6, R=3, P=7, count=2), Layer(name="fc", C=9, M=8)))


def options(tmp_path: Path) -> StudyOptions:
    engines = EngineSettings(engine="embedded")
    return StudyOptions(objective="latency", engines=engines, jobs=1, store=tmp_path / "store")


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> FutureProof:
    return future_proof(SQUARE, [ROWS, NET], plain(), options(tmp_path_factory.mktemp("aged")))


def test_a_mirror_image_costs_a_square_network_the_same_and_is_run_beside_the_design(aged: FutureProof) -> None:
    mirror = aged.designed.mirror
    assert mirror is not None
    costs = [
        float(
            run_study(
                "T0O0P0S0", SQUARE, arch, StudyOptions(objective="latency", jobs=1, use_store=False)
            ).totals.cycles[0]
        )
        for arch in (aged.designed.arch, mirror)
    ]
    assert costs == [aged.designed.cost] * 2
    table = aged.mirrored_table()
    assert table is not None
    assert set(table.index) == {str(c) for c in SENSITIVE}
    assert {"mirror.yaml", "speedups_mirror.csv", "near.csv"} <= set(aged.files())


def test_near_designs_are_near_and_the_best_one_is_among_them(aged: FutureProof) -> None:
    near, gains = aged.designed.near, aged.near
    assert near is not None and gains is not None
    costs = near.costs(SQUARE)
    assert costs.min() == aged.designed.cost
    assert costs.max() <= (1 + NEAR) * aged.designed.cost
    assert len(np.unique(near.designs.rows, axis=0)) == len(near.designs) <= near.found
    best = float(aged.table()["geomean"][str(FULLY_FLEXIBLE)])
    assert np.isclose(gains["geomean"], best).any()
    assert gains["rows"].max() > gains["rows"].min()  # what a square network cannot tell apart, a matrix product can


def test_a_strip_keeps_its_gains_and_names_on_the_page(aged: FutureProof) -> None:
    shown = findings(aged.reported())
    assert shown is not None
    (caption, strip), *_ = shown.strips.items()
    assert strip.marks.keys() == {"the design", "its mirror image", "the paper's abstract"}
    page = render_report(aged.reported())
    assert caption in page
    assert "the paper&#x27;s abstract: 11.80" in page


def test_a_strip_of_one_gain_has_room_to_be_drawn() -> None:
    drawn = Strip((2.0, 2.0), {"only <one>": 2.0}).drawn("title")
    assert "only &lt;one&gt;: 2.00" in drawn.text
    assert "nan" not in drawn.text


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    return paper(plain(), [SQUARE, NET], options(tmp_path_factory.mktemp("paper")), designed_for=None)


def test_the_study_runs_all_classes_in_latency_and_in_energy_and_proves_every_cell(study: Paper) -> None:
    assert study.proved
    assert {name: results.rows["objective"].unique().tolist() for name, results in study.results.items()} == {
        "latency": ["latency"],
        "energy": ["energy"],
    }
    table = class_table(study.results["latency"])
    assert table["class"].tolist() == [str(c) for c in all_classes()]
    assert table.set_index("class")["O-P-S-T"]["T1O0P0S0"] == "O0P0S0T1"
    assert table["plain4"].is_monotonic_increasing or table["plain4"].max() == table["plain4"].iloc[-1]


def test_the_mean_worth_of_the_axes_multiplies_to_the_mean_gain(study: Paper) -> None:
    results = study.results["energy"]
    means = isolation_means(isolation_table(results))
    whole = class_table(results).set_index("class")["plain4"][str(FULLY_FLEXIBLE)]
    assert means["shapley"].prod() == pytest.approx(whole)
    assert means["share"].sum() == pytest.approx(1)
    assert shapley(results)["factor"].prod() == pytest.approx(whole**2)  # of two networks


def test_published_figures_stand_beside_ours_in_both_orders_of_the_letters(study: Paper) -> None:
    figures = figures_table(study.results["latency"], study.future).set_index("figure")
    assert figures.loc["pairs that break the lattice", "ours"] == f"0 of {65 * 3:,}"
    assert published().speedups["kao_eye"]["T0O0P1S1"] == 13.2


def test_the_authors_networks_stand_beside_the_published_ones() -> None:
    pairs = [(load_network("kao_mobilenet_v2"), load_network("mobilenet_v2"))]
    table = shape_table(*pairs[0]).set_index("kao_mobilenet_v2")
    columns = ["output", "stride", "other output", "other stride", "differs"]
    first = ["222 x 222", "1", "112 x 112", "2", "output, stride"]
    assert table.loc[["layer1"], columns].to_numpy().tolist() == [first]
    assert table.loc["layer4", "differs"] == ""
    assert table.loc["layer8", "differs"] == "output, count"
    assert set(table[table["mobilenet_v2"] == "fc"]["differs"]) == {"only in mobilenet_v2"}
    (summary,) = shape_summary(pairs).to_dict("records")
    assert (summary["strided"], summary["strided, other"]) == (0, 5)
    assert (summary["layers"], summary["layers, other"], summary["linear, other"]) == (52, 53, 1)
    assert summary["alike"] == sum(
        table["output"].eq(table["other output"]) & table["stride"].eq(table["other stride"])
    )


def test_a_page_says_that_nothing_limits_bandwidth(study: Paper) -> None:
    page = render_report(run_study("T0O0P0S0", SQUARE, "kao_dla", StudyOptions(objective="latency", jobs=1)))
    assert "No storage level of kao_dla has a limit of bandwidth" in page
    assert "its roofs are unknown" not in page
    assert "has a limit of bandwidth" not in render_report(study.reported())


TABLE = """base,class,network,layer,latency
plain4,0000,net,fc,{rigid}
plain4,T1O1P1S1,net,fc,{free}
plain4,O0P1S0T0,net,fc,1
"""


def test_gains_under_changed_assumptions_say_how_many_cells_are_proved(
    study: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = [a for a in papersensitivity.ASSUMPTIONS if a.name in ("as it is", "edge: remainder")]
    monkeypatch.setattr(papersensitivity, "ASSUMPTIONS", tuple(some))
    moved = papersensitivity.paper_sensitivity(["kao_dla"], ["kao_dlrm"], options(tmp_path))
    assert moved["assumption"].tolist() == [a.name for a in some]
    assert (moved["cells"] == 5 * len(SENSITIVE)).all() and (moved["proved"] == moved["cells"]).all()
    assert (moved["all"] >= moved["P"] - 1e-12).all()
    whole = replace(study, sensitivity=moved)
    assert "60 cells more with an assumption changed, every one proved." in whole.sentences()
    unproved = replace(study, sensitivity=moved.assign(proved=moved["proved"] - 1))
    assert "60 cells more with an assumption changed, 58 of them proved." in unproved.sentences()


def test_another_tool_is_laid_beside_ours_with_the_roofline_and_the_pairs_that_it_breaks(
    study: Paper, tmp_path: Path
) -> None:
    rows = study.results["latency"].rows
    ours = rows[(rows["layer"] == "fc") & (rows["network"] == "net")].set_index("class")["cycles"]
    rigid, free = int(ours["T0O0P0S0"]), 3 * int(ours["T0O0P0S0"])
    file = tmp_path / "other.csv"
    file.write_text(TABLE.format(rigid=rigid, free=free))
    laid = compare_latencies(file, study.results["latency"], [NET])
    cells = laid.cells.set_index("class")
    assert cells.loc["T0O0P0S0", "ratio"] == 1
    assert cells.loc["T1O1P1S1", "ours"] == ours["T1O1P1S1"]
    assert cells["below_roofline"].to_dict() == {"T0O0P0S0": False, "T1O1P1S1": False, "T0O0P1S0": True}
    pairs = laid.broken[["lower", "upper", "factor"]].values.tolist()
    assert pairs == [["T0O0P0S0", "T1O1P1S1", 3.0], ["T0O0P1S0", "T1O1P1S1", float(free)]]
    assert laid.pairs == 3
    assert any("1 of its figures lie below the roofline" in said for said in laid.sentences())


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("base,class,network,layer\n", "no column 'latency'"),
        (TABLE.format(rigid="fast", free=1), "line 2: latency is 'fast'"),
        (TABLE.format(rigid=1, free=1).replace("plain4,T1", "tpu9,T1"), "tpu9"),
        (TABLE.format(rigid=1, free=1).replace("O0P1S0T0", "0000"), "line 4: that cell stands twice"),
        (TABLE.format(rigid=1, free=1).replace("O0P1S0T0", "0102"), "0102"),
    ],
)
def test_a_wrong_table_of_another_tool_is_refused_by_line(
    study: Paper, tmp_path: Path, table: str, reason: str
) -> None:
    file = tmp_path / "other.csv"
    file.write_text(table)
    with pytest.raises(FlexloopError, match=reason):
        compare_latencies(file, study.results["latency"], [NET])
