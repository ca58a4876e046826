"""Results tables: totals weigh layers by their counts, the lattice check is loud, and files read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flexloop.atomic import safe_name
from flexloop.errors import OutputError, SpecError
from flexloop.results.files import save
from flexloop.results.load import load
from flexloop.results.table import Results
from flexloop.tables.columns import COLUMNS
from flexloop.tables.lattice import LatticeError, check_lattice
from flexloop.tables.study import json_list, to_json
from flexloop.tables.totals import geomean


def row(**values: Any) -> dict[str, Any]:
    """A row of results with sensible figures, some of them replaced."""
    return dict.fromkeys(COLUMNS) | {
        "network": "net",
        "layer": "a",
        "count": 1,
        "arch": "small",
        "class": "T0O0P0S0",
        "objective": "edp",
        "status": "ok",
        "reason": "",
        "cycles": 10,
        "energy_pj": 5.0,
        "edp": 50.0,
        "utilization": 0.5,
        "macs": 100,
        "optimal": True,
        "wall_s": 0.1,
        "energy_pj_DRAM": 3.0,
        **values,
    }


def results(*rows: dict[str, Any]) -> Results:
    return Results(pd.DataFrame.from_records(list(rows)), {"command": ["flexloop"]})


def test_totals_weigh_layers_by_their_counts() -> None:
    made = results(row(count=3), row(layer="b", cycles=20, energy_pj=1.0, edp=20.0, utilization=1.0, macs=400))
    total = made.totals.iloc[0]
    assert total["cycles"] == 3 * 10 + 20
    assert total["energy_pj"] == 3 * 5 + 1
    assert total["edp"] == 50 * 16
    assert total["edp_sum"] == 3 * 50 + 20
    assert total["energy_pj_DRAM"] == 3 * 3 + 3
    assert total["utilization"] == pytest.approx((3 * 10 * 0.5 + 20 * 1.0) / 50)
    assert total["layers"] == 4


def test_a_layer_without_a_result_is_counted_and_leaves_no_total() -> None:
    nothing = row(layer="b", count=2, status="unmappable", reason="no room", cycles=None, energy_pj=None, edp=None)
    total = results(row(), nothing).totals.iloc[0]
    assert total["unmappable"] == 2
    assert np.isnan(total["cycles"])


def test_speedups_are_over_the_same_network() -> None:
    fast = row(**{"class": "T1O0P0S0", "cycles": 4, "energy_pj": 2.5})
    gains = results(row(), fast).speedups().set_index("class")
    assert gains.loc["T1O0P0S0", "speedup"] == 2.5
    assert gains.loc["T1O0P0S0", "energy_gain"] == 2
    assert gains.loc["T0O0P0S0", "speedup"] == 1


def test_speedups_need_their_baseline() -> None:
    with pytest.raises(SpecError, match="T0O0P0S0"):
        results(row(**{"class": "T1O0P0S0"})).speedups("T0O0P0S0")


def test_gains_are_over_the_least_flexible_class_that_maps_every_layer() -> None:
    lost = row(layer="b", status="unmappable", cycles=None, energy_pj=None, edp=None)
    made = results(row(), lost, *(row(layer=name, **{"class": "T0O0P0S1", "cycles": 4}) for name in "ab"))
    assert str(made.baseline) == "T0O0P0S1"
    assert made.speedups().set_index("class")["speedup"].to_dict()["T0O0P0S1"] == 1
    asked = Results(made.rows, made.meta | {"baseline": "T0O0P0S0"})
    assert asked.speedups()["speedup"].isna().all()


def test_a_broken_lattice_is_loud() -> None:
    worse = row(**{"class": "T1O0P0S0", "edp": 51.0})
    with pytest.raises(LatticeError, match="T1O0P0S0 costs 51 although its subclass T0O0P0S0 costs 50"):
        check_lattice(pd.DataFrame([row(), worse]))


def test_a_superclass_may_not_lose_a_layer_that_a_subclass_maps() -> None:
    lost = row(**{"class": "T1O0P0S0", "status": "unmappable", "edp": None})
    with pytest.raises(LatticeError, match="T1O0P0S0"):
        check_lattice(pd.DataFrame([row(), lost]))


def test_only_the_searched_objective_is_monotone() -> None:
    slower = row(**{"class": "T1O0P0S0", "cycles": 99, "edp": 50.0})
    check_lattice(pd.DataFrame([row(), slower]))


def test_incomparable_classes_are_not_compared() -> None:
    tiling = row(**{"class": "T1O0P0S0", "edp": 40.0})
    ordering = row(**{"class": "T0O1P0S0", "edp": 45.0})
    check_lattice(pd.DataFrame([row(), tiling, ordering]))


def test_results_read_back_as_they_were(tmp_path: Path) -> None:
    made = results(row(), row(layer="b"))
    key = ("small", "net", "T0O0P0S0", "a")
    made = Results(made.rows, made.meta, {key: {"map.yaml": "mapping: []\n"}})
    made.save(tmp_path / "out")
    back = load(tmp_path / "out")
    pd.testing.assert_frame_equal(back.rows, made.rows, check_dtype=False)
    assert back.meta == made.meta
    assert back.mappings == made.mappings
    assert pd.read_csv(tmp_path / "out" / "totals.csv")["cycles"].tolist() == [20]


def test_a_folder_that_is_used_again_holds_the_new_study_and_what_is_not_a_study_s(tmp_path: Path) -> None:
    files = {"map.yaml": "mapping: []\n"}
    first = Results(results(row()).rows, {}, {("small", "net", "T0O0P0S0", "a"): files})
    save(first, tmp_path, {"edges.csv": pd.DataFrame({"gain": [1.0]})})
    (tmp_path / "notes.txt").write_text("mine")
    second = Results(results(row(network="other")).rows, {}, {("small", "other", "T0O0P0S0", "a"): files})
    save(second, tmp_path)
    assert not (tmp_path / "edges.csv").exists()
    assert [path.name for path in (tmp_path / "mappings" / "small").iterdir()] == ["other"]
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert load(tmp_path).mappings == second.mappings


def test_a_manifest_from_anywhere_never_removes_what_lies_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "precious")
    listed = ["../precious", str(tmp_path / "precious"), "link", ".", 3]
    (tmp_path / "out" / "manifest.json").write_text(json.dumps({"files": listed}))
    results(row()).save(tmp_path / "out")
    assert (tmp_path / "precious").exists() and (tmp_path / "out" / "link").is_symlink()


def test_results_of_format_1_are_read(tmp_path: Path) -> None:
    """Which had one arch, its facts beside the others, and mappings without its name."""
    made = results(row())
    made.rows.drop(columns=["parameters", "arch_hash", "network_hash"]).to_parquet(tmp_path / "results.parquet")
    meta = {"arch": {"name": "small"}, "area_mm2": {"T0O0P0S0": 2.5}, "ert": {"tables": []}, "seed": 0}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    cell = tmp_path / "mappings" / "net" / "T0O0P0S0" / "a"
    cell.mkdir(parents=True)
    (cell / "map.yaml").write_text("mapping: []\n")
    back = load(tmp_path)
    assert back.totals["area_mm2"].tolist() == [2.5]
    assert back.mappings == {("small", "net", "T0O0P0S0", "a"): {"map.yaml": "mapping: []\n"}}


def test_results_of_a_newer_flexloop_are_refused(tmp_path: Path) -> None:
    results(row()).save(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps({"format": 99, "flexloop": "9.0"}))
    with pytest.raises(SpecError, match=r"flexloop 9\.0, which is newer"):
        load(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        results(row()).save(tmp_path / "file" / "out")


def test_damaged_and_absent_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no results at"):
        load(tmp_path)
    (tmp_path / "results.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(SpecError, match="damaged"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".", "a/b", "", "x\0y"])
def test_a_name_never_leaves_its_folder(name: str, tmp_path: Path) -> None:
    assert (tmp_path / safe_name(name)).resolve().parent == tmp_path.resolve()
    assert safe_name(name) not in ("", ".", "..")


def test_json_keeps_the_digits_of_small_shares_and_has_null_for_what_is_missing() -> None:
    table = pd.DataFrame({"h_f": [1.25e-13, float("nan")], "layers": [3, 4]})
    assert json_list(table) == '[{"h_f": 1.25e-13, "layers": 3}, {"h_f": null, "layers": 4}]'


def test_json_has_rows_and_totals_by_column_name() -> None:
    document = json.loads(to_json(results(row())))
    assert document["rows"][0]["class"] == "T0O0P0S0"
    assert {"cycles", "energy_pj", "edp"} <= set(document["totals"][0])


def test_geomean() -> None:
    assert geomean(pd.Series([1.0, 4.0])) == pytest.approx(2)
    assert np.isnan(geomean(pd.Series([1.0, np.nan])))
