"""Timeloop designs in the v4 format: by the front end's rules they are read back to the same design and figures."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from deadlines import after_looks
from test_designs import NAMES, design, flexloop_command, partial
from test_v4 import meaning, merged, own

from flexloop.arch.design.model import Design
from flexloop.arch.load import load_arch
from flexloop.classes import RIGID, FlexClass, all_classes
from flexloop.deadline import Deadline
from flexloop.dropin.model import run_model
from flexloop.energysources.choose import energy_tables
from flexloop.energysources.complete import EnergyChoice
from flexloop.engines.base import SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.engines.formats import V4Format
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import UnsupportedError
from flexloop.mapspace import mapspace
from flexloop.rendering import v4
from flexloop.rendering.bundle import mapspace_files, run_variants, v4_mapping_files, v4_mapspace_files
from flexloop.rendering.effort import search_settings
from flexloop.rendering.render import shared_renderer
from flexloop.rendering.v4layout import layout
from flexloop.workloads.layers import Layer

LAYERS = [
    Layer(name="conv", C=6, M=10, R=3, P=7, Wstride=2),
    Layer(name="depthwise", G=6, R=3, S=3, P=4, Q=2),
]


def without_parallelism(of: Design) -> Design:
    """A design without its least parallelism, which no node of v4 can have."""
    document = of.model_dump()
    always = [d for d in document["constraints"]["always"] if d["type"] != "parallelism"]
    return Design.model_validate(document | {"constraints": document["constraints"] | {"always": always}})


DESIGNS = [*(without_parallelism(design(name)) for name in NAMES), without_parallelism(partial())]
CLASSES = [*all_classes(), FlexClass.parse("TpOpPpSp")]
QUICK = ("T0O0P0S0", "T1O1P1S1", "TpOpPpSp")
"""Classes that are tried with every change."""


def formats(flexclass: FlexClass, arch: Design, layer: Layer) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The native files and the v4 files of the first and the last variant of a class."""
    renderer, tables = shared_renderer(), energy_tables("table", arch)
    runs = list(run_variants(mapspace(flexclass, arch, layer).variants))
    for variant, _, bounds in (runs[0], runs[-1]):
        settings = search_settings(variant, bounds, "quick")
        native = mapspace_files(renderer, variant, bounds, "edp", settings, renderer.ert(tables.ert))
        yield native, v4_mapspace_files(renderer, variant, bounds, ("edp", settings), tables.ert, tables.art)


@pytest.mark.parametrize(
    "flexclass", [pytest.param(c, marks=() if str(c) in QUICK else pytest.mark.slow) for c in CLASSES], ids=str
)
@pytest.mark.parametrize("arch", DESIGNS, ids=["eyeriss", "simba", "outputs", "weights", "nested", "partial"])
def test_translated_v4_means_what_native_means(flexclass: FlexClass, arch: Design) -> None:
    for layer in LAYERS:
        for native, files in formats(flexclass, arch, layer):
            assert meaning(own(files[v4.FILE])) == meaning(merged(native))


@pytest.mark.parametrize("arch", DESIGNS, ids=["eyeriss", "simba", "outputs", "weights", "nested", "partial"])
def test_the_v4_file_is_an_arch_of_the_same_hardware_and_constraints(arch: Design, tmp_path: Path) -> None:
    """What one renders can be given to --arch again; fanouts of levels that keep something get a level of their own."""
    _, files = next(formats(RIGID, arch, LAYERS[0]))
    (tmp_path / v4.FILE).write_text(files[v4.FILE], encoding="utf-8")
    again = load_arch(tmp_path)
    assert isinstance(again, Design)
    assert again.pes == arch.pes
    assert [x for x in again.own_extents.fanouts if x != (1, 1)] == [x for x in arch.own_extents.fanouts if x != (1, 1)]
    sizes = {m.name: (m.capacity, m.word_bits, m.instances, m.keep) for m in again.memories if m.on_chip}
    assert (
        sizes.items()
        >= {m.name: (m.capacity, m.word_bits, m.instances, m.keep) for m in arch.memories if m.on_chip}.items()
    )


@pytest.mark.parametrize("name", ["T0O0P0S0", "T1O1P0S1"])
@pytest.mark.parametrize("arch", DESIGNS, ids=["eyeriss", "simba", "outputs", "weights", "nested", "partial"])
def test_a_mapping_in_v4_has_the_figures_of_the_native_one(
    arch: Design, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any mapping: a search that looks twenty times at the clock finds one that is good enough."""
    monkeypatch.setattr(Deadline, "of", lambda *_: after_looks(20))
    tables, space = energy_tables("table", arch), mapspace(FlexClass.parse(name), arch, LAYERS[0])
    winner = EmbeddedEngine().map(space, tables, SearchOptions(), (), tmp_path)
    of = winner.candidate
    files = v4_mapping_files(shared_renderer(), of.variant, of.bounds, of.mapping, tables.ert, tables.art)
    (tmp_path / v4.FILE).write_text(files[v4.FILE], encoding="utf-8")
    found = run_model([tmp_path / v4.FILE], tmp_path / "out", EnergyChoice())
    where = layout(arch, arch.own_extents, partitioned=False)
    figures = v4.without_fanout_levels(found, where)
    assert (figures.cycles, figures.computes) == (winner.evaluation.cycles, winner.evaluation.computes)
    assert figures.energy_pj == pytest.approx(winner.evaluation.energy_pj)
    assert {level.name: level.tensors for level in figures.levels} == {
        level.name: level.tensors for level in winner.evaluation.levels
    }


def test_levels_that_the_front_end_makes_are_written_as_its_nodes() -> None:
    where = layout(design("eyeriss_like"), design("eyeriss_like").own_extents, partitioned=False)
    assert where.made == {"inter_PE_spatial", "inter_PE_column_spatial"}
    assert [node["name"] for node in where.names["nodes"]] == [
        "system", "DRAM", "shared_glb", "PE_column", "PE", "ifmap_spad", "weights_spad", "psum_spad", "mac",
    ]  # fmt: skip
    nested = layout(design("nested"), design("nested").own_extents, partitioned=False)
    assert not nested.made
    assert nested.put_in["inter_below_Buffer_spatial"] == "Buffer"


def test_a_split_that_counts_idle_loops_holds_for_the_front_end() -> None:
    """It would put N and G, which have one iteration, before C and M, and the split would count them."""
    where = layout(design("nested"), design("nested").own_extents, partitioned=False)
    directive = {"target": "Buffer", "type": "spatial", "factors": "N=1 G=1", "permutation": "CM", "split": 1}
    bounds = dict.fromkeys("NGCMRSPQ", 4)
    found = v4.constraints_by_node([directive], where, bounds)
    assert found["below_Buffer"]["spatial"]["permutation"] == list("CMNG")
    with pytest.raises(UnsupportedError, match=r"Buffer: the split 3 counts loops of one iteration \(N, G\)"):
        v4.constraints_by_node([{**directive, "split": 3}], where, bounds)
    least = v4.constraints_by_node([{**directive, "factors": "M>=1 C>=2"}], where, bounds)
    assert least["below_Buffer"]["spatial"]["factors"] == ["C>=2"]


def test_what_v4_cannot_say_is_refused_by_name(tmp_path: Path) -> None:
    network = tmp_path / "net.yaml"
    network.write_text("name: small\nlayers:\n- {name: fc, C: 4, M: 6}\n", encoding="utf-8")
    path = tmp_path / "nested.yaml"
    path.write_text(design("nested").text(), encoding="utf-8")
    command: list[str | Path] = [
        "render",
        "-n",
        network,
        "-c",
        "T0O0P0S0",
        "--format",
        "v4",
        "-o",
        tmp_path / "out",
        "--arch",
    ]
    said = flexloop_command(*command, path, status=1)
    assert "a least parallelism, as Registers has it, is no constraint of a node in v4" in " ".join(said.split())
    path.write_text(DESIGNS[4].text(), encoding="utf-8")
    flexloop_command(*command, path)
    assert list((tmp_path / "out").rglob("v4.yaml"))


# -- beside the real front end and the real Timeloop ------------------------------------------------------------------


def translated(text: str, folder: Path) -> dict[str, Any]:
    """What the front end itself hands to ``timeloop-mapper``, which is replaced by a program that does nothing."""
    program = folder / "bin" / "timeloop-mapper"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    (folder / v4.FILE).write_text(text)
    subprocess.run(["tl", "mapper", v4.FILE], cwd=folder, env=environment, capture_output=True, check=False)
    found: dict[str, Any] = yaml.safe_load((folder / "parsed-processed-input.yaml").read_text())
    return found


@pytest.mark.pytimeloop
@pytest.mark.parametrize("name", ["T0O0P0S0", "T0O0P1S0", "T1O1P1S1"])
@pytest.mark.parametrize("arch", DESIGNS, ids=["eyeriss", "simba", "outputs", "weights", "nested", "partial"])
def test_the_front_end_itself_translates_v4_into_what_native_means(arch: Design, name: str, tmp_path: Path) -> None:
    for index, (native, files) in enumerate(formats(FlexClass.parse(name), arch, LAYERS[0])):
        found = translated(files[v4.FILE], tmp_path / str(index))
        assert meaning(found) == meaning(merged(native)) == meaning(own(files[v4.FILE]))


@pytest.mark.pytimeloop
@pytest.mark.timeloop
@pytest.mark.parametrize("name", ["T0O0P0S0", "T1O1P0S1"])
@pytest.mark.parametrize("arch", DESIGNS, ids=["eyeriss", "simba", "outputs", "weights", "nested", "partial"])
def test_timeloop_reports_the_same_figures_through_either_format(arch: Design, name: str, tmp_path: Path) -> None:
    energy, space = energy_tables("table", arch), mapspace(FlexClass.parse(name), arch, LAYERS[0])
    found = EmbeddedEngine().map(space, energy, SearchOptions(time_limit=1.0), (), tmp_path).candidate
    native = TimeloopEngine().evaluate(found, energy, tmp_path / "native")
    assert native.valid
    assert TimeloopEngine(form=V4Format()).evaluate(found, energy, tmp_path / "v4") == native
