"""Gains along the lattice: edges, layers, and Shapley values that multiply to the whole."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from small_archs import PLAIN, plain
from typer.testing import CliRunner

from flexloop import EngineSettings, Layer, Network, StudyOptions
from flexloop.classes import Axis, Degree, FlexClass, all_classes
from flexloop.cli import app
from flexloop.errors import SpecError
from flexloop.results.table import Results
from flexloop.studies.analysis import axis_gains, comparison, edge_gains, layer_gains, shapley
from flexloop.studies.isolate import isolate, isolation_classes, isolation_table
from flexloop.tables.columns import COLUMNS
from flexloop.tables.study import mean_gains


def synthetic(cost: Any) -> Results:
    """Results of the 16 classes on one layer whose EDP is a function of the class."""
    rows = [
        dict.fromkeys(COLUMNS)
        | {"network": "net", "layer": "a", "count": 1, "arch": "x", "class": str(c), "objective": "edp"}
        | {"status": "ok", "cycles": 1.0, "energy_pj": cost(c), "edp": cost(c), "utilization": 1.0, "macs": 1}
        | {"optimal": True, "wall_s": 0.0}
        for c in all_classes()
    ]
    return Results(pd.DataFrame.from_records(rows))


def independent(flexclass: FlexClass) -> float:
    """Axes that gain 2, 3, 5 and 7 times, each whatever the others do."""
    factors = dict(zip(Axis, (2, 3, 5, 7), strict=True))
    return 210 / prod(n for axis, n in factors.items() if flexclass.degree(axis) is Degree.FULL)


def together(flexclass: FlexClass) -> float:
    """T and P gain 4 times, but only both together."""
    both = flexclass.tiling is Degree.FULL and flexclass.parallelization is Degree.FULL
    return 1.0 if both else 4.0


def test_the_lattice_has_32_edges_each_freeing_one_axis() -> None:
    edges = edge_gains(synthetic(independent))
    assert len(edges) == 32
    assert edges.groupby("axis")["gain"].agg(["min", "max", "size"]).to_dict("index") == {
        "O": {"min": 3, "max": 3, "size": 8},
        "P": {"min": 5, "max": 5, "size": 8},
        "S": {"min": 7, "max": 7, "size": 8},
        "T": {"min": 2, "max": 2, "size": 8},
    }


def test_independent_axes_have_their_own_factors_as_shapley_values() -> None:
    values = shapley(synthetic(independent)).set_index("axis")
    assert values["factor"].to_dict() == pytest.approx({"T": 2, "O": 3, "P": 5, "S": 7})
    assert values["share"].sum() == pytest.approx(1)


def test_axes_that_only_gain_together_share_alike() -> None:
    values = shapley(synthetic(together)).set_index("axis")
    assert values["factor"].to_dict() == pytest.approx({"T": 2, "O": 1, "P": 2, "S": 1})


def test_axis_gains_are_geometric_means() -> None:
    gains = axis_gains(synthetic(together)).set_index("axis")
    assert gains.loc["T", ["mean", "least", "most"]].to_dict() == pytest.approx({"mean": 2, "least": 1, "most": 4})
    assert gains["edges"].tolist() == [8] * 4
    assert (
        "edges" not in comparison(synthetic(together))["Gain in EDP of freeing one axis, over the edges of the lattice"]
    )


def test_shapley_values_need_the_whole_lattice() -> None:
    results = synthetic(independent)
    with pytest.raises(SpecError, match="T1O1P1S1"):
        shapley(Results(results.rows[results.rows["class"] != "T1O1P1S1"]))


def test_layers_that_profit_most_come_first() -> None:
    rows = synthetic(together).rows
    other = rows.assign(layer="b", edp=rows["edp"] * 10)
    gains = layer_gains(Results(pd.concat([rows, other], ignore_index=True)))
    assert gains["layer"].tolist() == ["b", "a"]
    assert gains["gain"].tolist() == [4, 4]
    assert gains["share"].tolist() == pytest.approx([10 / 11, 1 / 11])


def test_isolation_on_a_small_network(tmp_path: Path) -> None:
    network = Network(name="small", layers=(Layer(name="conv", C=3, M=5, R=3, P=6), Layer(name="fc", C=8, M=6)))
    options = StudyOptions(engines=EngineSettings(engine="embedded"), jobs=1, store=tmp_path)
    results = isolate([network], plain(), options)
    table = isolation_table(results).set_index("axis")
    totals = results.totals.set_index("class")["edp_sum"]
    assert table["shapley"].prod() == pytest.approx(totals["T0O0P0S0"] / totals["T1O1P1S1"])
    assert (table["alone_1"] >= table["alone_p"]).all() and (table["alone_p"] >= 1).all()
    assert (table["last_1"] >= table["last_p"]).all() and (table["last_p"] >= 1).all()
    assert len(isolation_classes()) == 24


def test_degrees_between_are_edges_of_their_own_but_not_of_the_mean() -> None:
    rows = synthetic(independent).rows
    part = rows[rows["class"] == "T1O0P0S0"].copy()
    part["class"] = "TpO0P0S0"
    part["edp"] = 150.0
    results = Results(pd.concat([rows, part], ignore_index=True))
    edges = edge_gains(results).set_index(["lower", "upper"])["gain"]
    assert edges["T0O0P0S0", "TpO0P0S0"] == pytest.approx(210 / 150)
    assert edges["TpO0P0S0", "T1O0P0S0"] == pytest.approx(150 / 105)
    assert ("T0O0P0S0", "T1O0P0S0") not in edges.index
    assert axis_gains(results).set_index("axis").loc["T", "least"] == pytest.approx(2)


def test_a_layer_without_a_mapping_leaves_its_network_without_gains() -> None:
    rows = synthetic(independent).rows
    mapped = rows["class"] != "T0O0P0S0"
    rows["status"] = rows["status"].where(mapped, "unmappable")
    for column in ("cycles", "energy_pj", "edp"):
        rows[column] = rows[column].where(mapped)
    results = Results(rows)
    gains = mean_gains(results).set_index("class")["speedup"]
    assert gains.index[gains.isna()].tolist() == ["T0O0P0S0"]
    assert gains["T0O0P0S1"] == 1  # the least flexible class that maps it
    axes = axis_gains(results).set_index("axis")
    assert axes["mean"].to_dict() == pytest.approx({"T": 2, "O": 3, "P": 5, "S": 7})
    assert axes["edges"].to_dict() == dict.fromkeys("TOPS", 7), "the edge from the class that cannot map it is left out"
    title, table = next((title, table) for title, table in comparison(results).items() if "freeing one axis" in title)
    assert title.endswith("between classes that map every layer") and "edges" in table
    with pytest.raises(SpecError, match="no total of T0O0P0S0"):
        shapley(results)


def test_a_comparison_names_the_layers_that_profit(tmp_path: Path) -> None:
    network = tmp_path / "small.yaml"
    network.write_text("name: small\nlayers:\n- {name: conv, C: 3, M: 5, R: 3, P: 6}\n- {name: fc, C: 8, M: 6}\n")
    arch = tmp_path / "plain.yaml"
    arch.write_text(yaml.safe_dump(PLAIN))
    command = ["compare", "--net", str(network), "--arch", str(arch), "--engine", "embedded", "--no-store", "-j", "1"]
    shown = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "out"), "--report", str(tmp_path / "r.html")])
    assert shown.exit_code == 0, shown.output
    assert "Layers that save most" in shown.output and "over the edges of the lattice" in shown.output
    assert len(pd.read_csv(tmp_path / "out" / "edges.csv")) == 32
    assert pd.read_csv(tmp_path / "out" / "layer_gains.csv")["share"].sum() == pytest.approx(1)
    assert "Layers that save most" in (tmp_path / "r.html").read_text(encoding="utf-8")
