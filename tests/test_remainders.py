"""Fixed tiles on layers that they do not divide: ``edge: remainder`` and idle PEs, by hand and beside Timeloop."""

from __future__ import annotations

import copy
from math import prod
from pathlib import Path

import pytest
import small_archs
from pydantic import ValidationError
from test_designs_timeloop import timeloop, winner_in_both

import flexloop
from flexloop.arch.spec import ArchSpec
from flexloop.classes import RIGID, FlexClass, all_classes
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.flexibility import count_mappings
from flexloop.lattice import lines
from flexloop.mapspace import MapSpace, mapspace
from flexloop.rendering.bundle import mapspace_files, run_variants
from flexloop.rendering.render import SearchSettings, shared_renderer
from flexloop.timeloop.stats import read_stats
from flexloop.workloads.layers import Layer, Network

LAYER = Layer(name="conv", C=3, M=5, R=3, P=7)
NET = Network(name="net", layers=(LAYER, Layer(name="odd", C=5, M=3, P=5), Layer(name="depthwise", G=5, R=3, P=3)))
CLASSES = ("T0O0P0S0", "T0O1P0S0", "T0O0P1S0", "T0O0P0S1", "T0O0P1S1", "T1O0P0S0")


def wide(edge: str) -> ArchSpec:
    """Twelve PEs, of which most layers leave some idle."""
    spec = copy.deepcopy(small_archs.PLAIN) | {"name": f"wide_{edge}", "edge": edge}
    spec["levels"][1]["depth"] = 64
    spec["axes"]["shape"] = {"fixed": {"X": 4, "Y": 3}, "block": {"X": 2, "Y": 1}}
    return ArchSpec.model_validate(spec)


def cell(arch: ArchSpec, layer: Layer, flexclass: str = "T0O0P0S0") -> dict[str, object]:
    net = Network(name="one", layers=(layer,))
    results = flexloop.run(flexclass, net, arch, use_store=False, engine="embedded", objective="energy")
    return dict(results.rows.iloc[0])


def test_the_last_tile_is_what_is_left() -> None:
    """The worked layer of docs/formalism.md: P = 7 in tiles of 2 is 2, 2, 2 and 1; M = 5 is 4 on the array and 1."""
    clip, rest = cell(small_archs.plain(), LAYER), cell(small_archs.remainder(), LAYER)
    assert clip["mapping"] == "DRAM[WIO] M2 C2 R3 P4 | GlobalBuffer[WIO] M2 X:C2 Y:M2 | Spad[WIO] P2"
    assert rest["mapping"] == "DRAM[WIO] M2 C2 R3 P4 | GlobalBuffer[WIO] M2,1 X:C2,1 Y:M2,1 | Spad[WIO] P2,1"
    assert (clip["padded_macs"], rest["padded_macs"]) == (4 * 8 * 3 * 8, LAYER.macs)
    assert rest["cycles"] == clip["cycles"] == 4 * 3 * 2 * 2 * 2 * 2  # a short pass takes the time of a whole one
    assert rest["energy_pj"] < clip["energy_pj"]  # type: ignore[operator]


def test_a_layer_that_the_tiles_divide_is_the_same() -> None:
    layer = Layer(name="even", C=4, M=8, P=4)
    found = [cell(arch, layer) for arch in (small_archs.plain(), small_archs.remainder())]
    assert found[0]["mapping"] == found[1]["mapping"]
    assert found[0]["energy_pj"] == found[1]["energy_pj"]


def test_no_class_costs_more_than_a_subclass() -> None:
    """By enumeration `tests/test_mapspace_nesting.py` has it for all 81 points; here the search finds it so."""
    net = Network(name="net", layers=(Layer(name="odd", C=3, M=5, P=3), NET.layers[-1]))
    results = flexloop.compare(net, wide("remainder"), use_store=False, engine="embedded", objective="energy")
    assert results.rows["optimal"].all()
    best = results.rows.groupby("class")["energy_pj"].sum()
    for lower, upper in lines(all_classes()):
        assert best[str(upper)] <= best[str(lower)] * (1 + 1e-12)
    assert best["T0O0P1S0"] < best["T0O0P0S0"]


def test_the_constraints_pin_what_does_not_divide_the_bound() -> None:
    variant = mapspace(RIGID, small_archs.remainder(), LAYER).variants[0]
    assert variant.bounds["P"] == (7,)
    assert prod(loop.factors.get("P", 1) for loop in variant.constraints.loops) == 2


@pytest.mark.parametrize("flexclass", ["T0O0P0S0", "T0O0P1S0", "T0O0P1S1"])
def test_mappings_with_remainders_are_counted(flexclass: str) -> None:
    """As many as the search has: free parallelism has its own, and those of the few pairs that divide nothing."""
    from brute_force import list_mappings

    point, arch = FlexClass.parse(flexclass), small_archs.remainder()
    for layer in (Layer(name="a", C=3, M=3), Layer(name="b", M=5, P=3)):
        listed = {
            (m.shape, m.bounds, tuple(tuple(sorted(loops)) for loops in m.temporal), m.x, m.y)
            for m in list_mappings(mapspace(point, arch, layer))
        }
        assert count_mappings(arch, layer, point).value == len(listed)


def test_what_has_no_remainder_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="edge: remainder needs `pins: unit`"):
        ArchSpec.model_validate(small_archs.whole_buffer().model_dump(by_alias=True) | {"edge": "remainder"})


# -- beside the real Timeloop ------------------------------------------------------------------------------------------


@pytest.mark.timeloop
@pytest.mark.parametrize("layer", NET.layers, ids=lambda layer: layer.name)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("edge", ["clip", "remainder"])
def test_timeloop_model_gives_the_winners_the_same_figures(edge: str, name: str, layer: Layer, tmp_path: Path) -> None:
    """Idle PEs under ``clip``, remainders of temporal and spatial loops under ``remainder``."""
    arch = wide(edge)
    space = mapspace(FlexClass.parse(name), arch, layer)
    winner_in_both(space, SearchOptions("energy", time_limit=5.0), tmp_path)


@pytest.mark.timeloop
@pytest.mark.parametrize("name", CLASSES)
def test_timeloop_mapper_takes_the_files_and_finds_nothing_better(name: str, tmp_path: Path) -> None:
    arch = wide("remainder")
    energy, renderer = energy_tables("table", arch), shared_renderer()
    space = mapspace(FlexClass.parse(name), arch, LAYER)
    for variant, stem, bounds in run_variants(space.variants):
        one = MapSpace(space.flexclass, arch, LAYER, (variant,))
        if variant.paddings > 1 or stem.startswith(tuple(f"{i:03d}" for i in range(4, 99))):
            continue
        settings = SearchSettings("random_pruned", 1, timeout=20_000, victory_condition=200, search_size=1000)
        files = mapspace_files(renderer, variant, bounds, "energy", settings, renderer.ert(energy.ert))
        found = timeloop("timeloop-mapper", files, tmp_path / stem)
        assert found.returncode == 0, found.stderr
        assert "constraint" not in found.stderr.lower(), found.stderr
        best = EmbeddedEngine().map(one, energy, SearchOptions("energy", time_limit=5.0), (), tmp_path)
        theirs = read_stats(tmp_path / stem / "timeloop-mapper.stats.txt")
        assert best.evaluation.energy_pj <= theirs.energy_pj * (1 + 1e-4)
        if name == "T0O0P0S0":
            assert best.evaluation.energy_pj == pytest.approx(theirs.energy_pj, rel=1e-4)


def test_every_class_has_a_mapping() -> None:
    arch = wide("remainder")
    assert all(mapspace(point, arch, LAYER).variants for point in all_classes())
