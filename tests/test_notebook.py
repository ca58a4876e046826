"""What a notebook's user has in hand: short texts, tables, figures, and inputs of any form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from report_study import small_study
from small_archs import PLAIN, plain

import flexloop
from flexloop import FlexloopError, Layer, Network
from flexloop.classes import RIGID
from flexloop.results.table import Results

OPTIONS: dict[str, Any] = {"engine": "embedded", "jobs": 1, "use_store": False}
TEXT = "name: small\nlayers:\n- {name: fc, C: 8, M: 6}\n"


def test_a_study_is_a_line_in_a_terminal_and_a_table_in_a_notebook() -> None:
    assert repr(small_study()) == (
        "Results of 1 arch, 2 networks, 16 classes, 5 layers: 80 cells, 80 proved optimal; objective edp"
    )
    shown = small_study()._repr_html_()
    assert "<table" in shown and "T1O1P1S1" in shown and len(shown) < 50_000


def test_what_a_study_is_about_is_a_line_in_a_terminal() -> None:
    small = "Network small: 1 layer, 48 MACs"
    assert repr(flexloop.load_network(TEXT)) == small
    assert repr(flexloop.load_network("bert", sequence_length=64)).endswith(" MACs, batch=1, sequence_length=64")
    assert repr(plain()).startswith(f"ArchSpec {plain().name}: ") and "GlobalBuffer" in repr(plain())
    flexclass = flexloop.FlexClass.parse("TpO0P1S0")
    assert repr(flexclass) == "FlexClass.parse('TpO0P1S0')"
    assert "tiling free in part, ordering fixed, parallelization free" in flexclass._repr_html_()


def test_networks_and_archs_are_tables_in_a_notebook() -> None:
    assert "<td>fc</td>" in flexloop.load_network(TEXT)._repr_html_()
    assert "<td>GlobalBuffer</td>" in plain()._repr_html_()
    hostile = Network(name="x", description="<script>", layers=(Layer(name="a"),))
    assert "<script>" not in hostile._repr_html_()


def test_best_is_the_least_flexible_class_of_least_cost() -> None:
    best = small_study().best().set_index("network")
    for name, group in small_study().totals.groupby("network"):
        network = str(name)
        assert best.loc[network, "edp_sum"] == group["edp_sum"].min()
        equals = group.loc[group["edp_sum"] == group["edp_sum"].min(), "class"]
        ranks = [flexloop.FlexClass.parse(name).rank for name in equals]
        assert flexloop.FlexClass.parse(str(best.loc[network, "class"])).rank == min(ranks)


@pytest.mark.parametrize(
    "network",
    [TEXT, yaml.safe_load(TEXT), Layer(name="fc", C=8, M=6), Network(name="n", layers=(Layer(name="fc", C=8, M=6),))],
)
@pytest.mark.parametrize("arch", [yaml.safe_dump(PLAIN), PLAIN, plain()])
def test_a_study_takes_what_is_at_hand(network: Any, arch: Any) -> None:
    assert flexloop.run("T0O0P0S0", network, arch, **OPTIONS).totals["macs"].tolist() == [48]


def test_paths_work_wherever_names_do(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(TEXT)
    (tmp_path / "arch.yaml").write_text(yaml.safe_dump(PLAIN))
    results = flexloop.run([RIGID], tmp_path / "net.yaml", tmp_path / "arch.yaml", **OPTIONS)
    assert results.totals["macs"].tolist() == [48]
    page = results.report(tmp_path / "report.html")
    assert "<!doctype html>" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5, "ncf"), "unknown class '5'"),
        (("T0O0P0S0", 3), "network is 3"),
        (("T0O0P0S0", {"name": "x"}), "layers is missing"),
        (("T0O0P0S0", "ncf", 3), "arch spec is 3"),
        (("T0O0P0S0", "ncf", {"name": "x"}), "levels is missing"),
    ],
)
def test_wrong_inputs_are_answered_by_flexloop(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(FlexloopError, match=words):
        flexloop.run(*arguments, **OPTIONS)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").touch()
    with pytest.raises(FlexloopError, match=r"net\.yaml: is empty, where a mapping of fields is needed"):
        flexloop.load_network(tmp_path / "net.yaml")


def test_figures_are_drawn_one_by_one() -> None:
    pytest.importorskip("matplotlib")
    plots = small_study().plot
    for figure in (plots.lattice(), plots.networks(), plots.layers("linear"), plots.energy(), plots.roofline()):
        assert figure.axes
    with pytest.raises(FlexloopError, match="lineer"):
        plots.layers("lineer")
    with pytest.raises(FlexloopError, match="speed"):
        plots.lattice("speed")


def test_a_winning_mapping_is_a_loop_nest_in_a_notebook() -> None:
    mapping = small_study().mapping("down", "T0O0P0S0")
    rows: Any = small_study().rows.set_index(["network", "class", "layer"])
    assert mapping.one_line() == rows.loc[("linear", "T0O0P0S0", "down"), "mapping"]
    assert "par-for" in mapping._repr_svg_()
    assert small_study().mapping("down") == small_study().mapping("down", "T1O1P1S1", "linear", "plain4")
    with pytest.raises(FlexloopError, match="unknown layer of these results 'dawn'"):
        small_study().mapping("dawn")
    with pytest.raises(FlexloopError, match="without their mappings"):
        Results(small_study().rows).mapping("down")
