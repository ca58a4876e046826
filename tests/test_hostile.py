"""Sizes, names and numbers that nobody means are refused by name or counted right, and no terminal obeys a name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from golden_specs import golden_files
from typer.testing import CliRunner

import flexloop
from flexloop import Layer, Network
from flexloop.arch.load import load_arch_spec
from flexloop.cli import app
from flexloop.cli.common import printable
from flexloop.dropin.mapper import run_mapper
from flexloop.dropin.model import run_model
from flexloop.energy.ert import build_art, build_ert
from flexloop.engines.containercli import Container, container_name, find_container
from flexloop.errors import EngineError, FlexloopError, SpecError, UnknownNameError
from flexloop.resources import find, shipped
from flexloop.tables.totals import totals
from flexloop.timeloop import yamlio
from flexloop.timeloop.constraints import Subject
from flexloop.timeloop.directives import read_constraints
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.mapping import Mapping
from flexloop.workloads.read import read_network

SPECIAL = [2**63, 2**64, 10**30, 0, -1, float("nan"), float("inf"), 1e308, True, 1.5, "x", None, [1], {"a": 1}]


def net(**layer: Any) -> dict[str, Any]:
    return {"name": "n", "layers": [{"name": "a", **layer}]}


@pytest.mark.parametrize("value", SPECIAL, ids=repr)
def test_a_bound_that_is_no_size_is_refused_with_file_layer_and_field(value: Any) -> None:
    with pytest.raises(SpecError, match=r"n\.yaml: layers\[0\] \(a\): C: "):
        read_network(net(C=value), "n.yaml")


def test_a_layer_whose_macs_exceed_64_bits_is_refused() -> None:
    assert read_network(net(C=2**40, M=2**22), "n.yaml").macs == 2**62
    with pytest.raises(
        SpecError, match=r"layers\[0\] \(a\): the bounds multiply to 9.223e\+18 MACs; at most 2\^63 - 1"
    ):
        read_network(net(C=2**40, M=2**23), "n.yaml")


def test_a_layer_beyond_what_the_model_counts_exactly_fails_alone() -> None:
    layers = [Layer(name="huge", C=2**21, M=2**21, P=2**20), Layer(name="small", C=8, M=8)]
    rows = flexloop.run("T1O0P1S0", Network(name="n", layers=layers), engine="embedded", use_store=False).rows
    huge, small = rows.to_dict("records")
    assert huge["status"] == "failed" and "2^53" in huge["reason"]
    assert small["status"] == "ok" and small["cycles"] > 0


def test_totals_beyond_64_bits_are_exact() -> None:
    row = {"network": "n", "class": "T0O0P0S0", "arch": "a", "objective": "edp", "status": "ok", "optimal": True}
    row |= {"count": 10**6, "cycles": 2**52, "energy_pj": 1.0, "edp": 1.0, "macs": 2**53, "utilization": 1.0}
    total = totals(pd.DataFrame([row | {"wall_s": 0.0, "accesses_DRAM": 2**53}] * 2)).iloc[0]
    assert total["macs"] == total["accesses_DRAM"] == 2 * 10**6 * 2**53
    assert total["cycles"] == 2 * 10**6 * 2**52


def changed_arch(tmp_path: Path, *place: Any, to: Any) -> Path:
    document = yamlio.load(shipped("arch_specs") / "edge256.yaml")
    field = document
    for part in place[:-1]:
        field = field[part]
    field[place[-1]] = to
    (tmp_path / "arch.yaml").write_text(yaml.safe_dump(document))
    return tmp_path / "arch.yaml"


@pytest.mark.parametrize("value", [*SPECIAL[:9], "1e999999999", "1/0", "nan", "1_0/20", "\u0661/2"], ids=repr)
def test_a_share_that_is_none_is_refused_at_once(tmp_path: Path, value: Any) -> None:
    with pytest.raises(SpecError, match=r"arch\.yaml: axes\.tiling\.partial\.Weights: "):
        load_arch_spec(changed_arch(tmp_path, "axes", "tiling", "partial", "Weights", to=value))


@pytest.mark.parametrize("value", [*SPECIAL[:9], "x", [1], {"a": 1}], ids=repr)
@pytest.mark.parametrize("place", [("levels", 1, "depth"), ("axes", "shape", "fixed", "X"), ("levels", 1, "width")])
def test_a_size_of_an_arch_that_is_none_is_refused(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(SpecError, match=r"arch\.yaml: .*" + str(place[-1])):
        load_arch_spec(changed_arch(tmp_path, *place, to=value))


def test_a_bandwidth_at_which_cycles_would_overflow_is_refused(tmp_path: Path) -> None:
    """Cycles of 1e300 became a negative 64-bit number, and the level seemed to be no bottleneck."""
    path = changed_arch(tmp_path, "levels", 0, "read_bandwidth", to=1e-300)
    rows = flexloop.run("T0O0P0S0", "ncf", arch=str(path), engine="embedded", use_store=False).rows
    assert set(rows["status"]) == {"failed"}
    assert rows["reason"].str.contains(r"DRAM: at 1e-300 words a cycle a mapping may take more than 2\^62 cycles").all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 1e308, True, "1_0", "\u0661", None, [1]], ids=repr)
@pytest.mark.parametrize("table", ["ERT", "ART"])
def test_an_energy_or_area_that_is_none_is_refused(tmp_path: Path, table: str, value: Any) -> None:
    arch = load_arch_spec("edge256")
    document: dict[str, Any] = {"ERT": build_ert(arch), "ART": build_art(arch)}
    entry = document[table]["tables"][0]
    (entry["actions"][0] if table == "ERT" else entry).update({"energy" if table == "ERT" else "area": value})
    path = tmp_path / "energies.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    with pytest.raises(SpecError, match=r"energies\.yaml: (energy|area) of DRAM.* must be a number of at least 0"):
        flexloop.run("T0O0P0S0", "ncf", engine="embedded", energy=str(path))


def dropin_input(tmp_path: Path, change: Any) -> list[Path]:
    config = read_inputs(golden_files("base-conv3x3")).config | {"mapper": {}, "mapping": []}
    change(config)
    path = tmp_path / "in.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True))
    return [path]


def _outermost(config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = config["architecture"]["subtree"][0]["local"][0]
    return found


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: _outermost(c).update(name="DRAM[0..99999999999999999999]"), "range of none or too many instances"),
        (lambda c: _outermost(c).update(name="DRAM[0.." + "9" * 5000 + "]"), "range of none or too many instances"),
        (lambda c: _outermost(c)["attributes"].update(depth=2**40, block_size=2**26, width=2**29), "below 2.64"),
        (lambda c: _outermost(c)["attributes"].update(depth=9, multiple_buffering=1e-300), "below 2.64"),
        (lambda c: _outermost(c)["attributes"].update(instances=2**63), "not a whole number from 1 to"),
        (lambda c: _outermost(c)["attributes"].update(vector_access_energy=-1), "must be at least 0"),
        (lambda c: _outermost(c)["attributes"].update(read_bandwidth="nan"), "not a finite number"),
        (lambda c: _outermost(c)["attributes"].update(read_bandwidth=1e-300), r"more than 2\^62 cycles"),
        (lambda c: c.update(ART={"tables": [{"name": "x", "area": 1e60}]}), "single precision"),
        (lambda c: c.update(ART={"tables": [{"name": "x", "area": -1}]}), "must be at least 0"),
        (lambda c: c["mapper"].update(optimization_metrics=[{"a": 1}]), "write a list, for example"),
        (lambda c: c.update(mapspace={"targets": [{"target": "DRAM", "constraints": [3]}]}), "3, not a mapping"),
        (lambda c: c.update(mapspace={1: 2, "b": 3}), "is not a list of directives"),
    ],
)
def test_the_drop_ins_refuse_what_they_cannot_count(tmp_path: Path, change: Any, complaint: str) -> None:
    with pytest.raises(FlexloopError, match=complaint):
        run_mapper(dropin_input(tmp_path, change), tmp_path)


@pytest.mark.parametrize("factor", ["9" * 5000, "99999999999999999999999999999999", "0"])
def test_a_factor_beyond_all_bounds_is_refused(factor: str, tmp_path: Path) -> None:
    directive = {"target": "DRAM", "type": "temporal", "factors": f"C={factor}"}
    with pytest.raises(SpecError, match="must be 1 or more, and no more than a bound can be"):
        Mapping.from_directives([directive])
    subject = Subject(("Spad", "DRAM"), (), {"C": 4}, ("Weights",))
    if factor != "0":  # a constraint of 0 is the whole bound
        with pytest.warns(UserWarning, match="exceeds the bound"):
            assert not read_constraints([directive], subject).loops[0].factors
    with pytest.raises(FlexloopError):
        run_model(dropin_input(tmp_path, lambda c: c.update(mapping=[directive])), tmp_path)


NAMES = [
    "../../x",
    "a/b",
    "/etc/x",
    "..",
    ".hidden",
    "-rf",
    "a b",
    "a\0b",
    "a\nb",
    "\x1b[31m",
    "[red]x",
    "a" * 500,
    "\u0430",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="name"):
        read_network({"name": name, "layers": [{"name": "a"}]}, "n.yaml")
    with pytest.raises(SpecError, match="name"):
        read_network({"name": "n", "layers": [{"name": name}]}, "n.yaml")
    with pytest.raises(SpecError, match="name"):
        load_arch_spec(changed_arch(tmp_path, "name", to=name))
    with pytest.raises(SpecError, match="name"):
        load_arch_spec(changed_arch(tmp_path, "levels", 1, "name", to=name))


@pytest.mark.parametrize(
    "name", ["a" * 5000, "a" * 5000 + ".yaml", "../" * 2000 + "x.yaml"], ids=["name", "file", "up"]
)
def test_names_that_no_file_can_have_are_unknown(name: str) -> None:
    with pytest.raises((SpecError, UnknownNameError)):
        find("network", "workloads", name)
    with pytest.raises(SpecError, match="and no file"):
        flexloop.run("T0O0P0S0", "ncf", engine="embedded", energy=name)
    with pytest.raises(SpecError, match="no results at"):
        flexloop.load(name)


def test_the_terminal_shows_control_characters_and_obeys_none(tmp_path: Path) -> None:
    path = tmp_path / "n.yaml"
    text = "\x1b[31mred\x1b]0;title\x07 [bold]b[/bold] :x: \u202etxt"
    path.write_text(yaml.safe_dump({"name": "n", "description": text, "sources": [text], "layers": [{"name": "a"}]}))
    shown = CliRunner().invoke(app, ["net", "show", str(path)]).output
    assert r"\x1b[31mred\x1b]0;title\x07 [bold]b[/bold] :x: \u202etxt" in shown
    assert not any(character in shown for character in "\x1b\x07\u202e")
    refused = CliRunner().invoke(app, ["net", "show", "\x1b[2J.yaml"])
    assert refused.exit_code == 1
    assert "\x1b" not in refused.output


def test_printable_keeps_what_can_be_printed() -> None:
    assert printable("Grüße, 10 µm²\n") == "Grüße, 10 µm²\n"
    assert printable("a\tb\r\udcff") == r"a\tb\r\udcff"


def test_what_could_be_an_option_or_a_second_mount_never_reaches_the_container_cli() -> None:
    with pytest.raises(EngineError, match="'--volume=/:/host' is an option, not a name"):
        find_container("podman", "--volume=/:/host", ())
    with pytest.raises(EngineError, match="a folder with a colon"):
        Container("podman", "image").command("name", Path("/runs/a:/etc"), ["program"], 1, read_only=True)
    assert re.fullmatch(
        r"flexloop-[A-Za-z0-9_.-]{1,100}-[0-9a-f]{8}", container_name("../../x --privileged\n\x1b" * 50)
    )


def test_templates_that_write_something_else_are_named(tmp_path: Path) -> None:
    (tmp_path / "arch.yaml.j2").write_text("mine: 1")
    with pytest.raises(SpecError, match="no top-level key architecture"):
        flexloop.run("T0O0P0S0", "ncf", engine="embedded", templates=tmp_path)


@pytest.mark.parametrize("damage", ["column", "meta", "parquet"])
def test_results_that_are_none_are_refused(tmp_path: Path, damage: str) -> None:
    table = pd.DataFrame({"network": ["n"], "class": ["T0O0P0S0"]})
    table.to_parquet(tmp_path / "results.parquet")
    (tmp_path / "meta.json").write_text(json.dumps([1]) if damage == "meta" else "{}")
    if damage == "parquet":
        (tmp_path / "results.parquet").write_bytes(b"PAR1" * 9)
    with pytest.raises(SpecError, match="damaged results"):
        flexloop.load(tmp_path)


@pytest.mark.parametrize("tag", ["seq", "map", "set", "omap", "pairs"])
def test_a_key_that_is_tagged_as_a_collection_is_refused(tag: str) -> None:
    with pytest.raises(SpecError, match="a key that is a list or a mapping"):
        yamlio.load(f"!!{tag} a: 1\nb: 2")
