"""Designs with ``edge: remainder``: pinned factors that do not divide a layer, by hand, by listing and by Timeloop."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest
from test_designs import design, partial, sizes_of_a_nested_lattice
from test_designs_timeloop import timeloop, winner_in_both

import flexloop
from flexloop.arch.design.model import Design
from flexloop.arch.design.text import design_text
from flexloop.checks.design import check_design
from flexloop.classes import FULLY_FLEXIBLE, RIGID, FlexClass, all_classes
from flexloop.energysources.choose import energy_tables
from flexloop.engines.base import SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.errors import UnsupportedError
from flexloop.flexibility.designs import DesignFlexion
from flexloop.mapspace import MapSpace, mapspace
from flexloop.rendering.bundle import mapspace_files, run_variants
from flexloop.rendering.render import SearchSettings, shared_renderer
from flexloop.rendering.v4 import constraints_by_node
from flexloop.rendering.v4layout import layout
from flexloop.timeloop.stats import read_stats
from flexloop.workloads.layers import Layer, Network

LAYER = Layer(name="conv", C=3, M=5, P=3)
CLASSES = ("T0O0P0S0", "T1O0P0S0", "T0O1P0S0", "T0O0P1S0", "T0O0P0S1", "T0O0P1S1")


def with_remainders(own: Design) -> Design:
    return Design.model_validate(own.model_dump() | {"name": f"{own.name}_remainder", "edge": "remainder"})


def pinned() -> Design:
    """All of C, M and P pinned inside, to what 5, 3 and 7 are no multiples of; everything else pinned to 1."""
    ones = "N=1 G=1 R=1 S=1 Q=1"
    given = design("nested").model_dump()
    always = [d for d in given["constraints"]["always"] if d["type"] in ("dataspace", "datatype", "bypass")]
    always = [d | {"keep": ["Weights", "Inputs", "Outputs"], "bypass": []} for d in always if d["target"] != "DRAM"]
    temporal = {"Registers": "P=1 C=1 M=1", "Spad": "M=2 C=1 P=1", "Buffer": "C=2 M=1 P=1"}
    orders = {"Spad": "CMPNGRSQ", "Buffer": "CMPNGRSQ", "DRAM": "CMPNGRSQ"}
    spatial = {"Registers": ("C=2 M=1 P=1", 8), "Spad": ("M=2 C=1 P=1", 0), "Buffer": ("P=2 C=1 M=1", 8)}
    given["constraints"] = {
        "always": always,
        "T": [{"target": n, "type": "temporal", "factors": f"{f} {ones}"} for n, f in temporal.items()],
        "O": [{"target": n, "type": "temporal", "permutation": order} for n, order in orders.items()],
        "P": [
            {"target": n, "type": "spatial", "factors": f"{f} {ones}", "permutation": "CMPNGRSQ", "split": split}
            for n, (f, split) in spatial.items()
        ],
    }
    return Design.model_validate(given | {"name": "pinned", "where": {}})


def cell(own: Design, layer: Layer, objective: str = "energy") -> dict[str, object]:
    net = Network(name="one", layers=(layer,))
    results = flexloop.run("T0O0P0S0", net, own, use_store=False, engine="embedded", objective=objective)
    return dict(results.rows.iloc[0])


def test_the_last_pass_is_what_is_left() -> None:
    """C = 7 on 2 lanes: four passes, the last on one lane; M = 3 on 2 PEs and P = 5 on 2 clusters likewise."""
    layer = Layer(name="odd", C=7, M=3, P=5)
    clip, rest = cell(pinned(), layer), cell(with_remainders(pinned()), layer)
    assert clip["mapping"] == "DRAM[WIO] P3 C2 | Buffer[WIO] C2 X:P2 | Spad[WIO] M2 Y:M2 | Registers[WIO] X:C2"
    assert rest["mapping"] == "DRAM[WIO] P3 C2 | Buffer[WIO] C2 X:P2,1 | Spad[WIO] M2 Y:M2,1 | Registers[WIO] X:C2,1"
    assert (clip["padded_macs"], rest["padded_macs"]) == (8 * 4 * 6, layer.macs)
    assert (clip["energy_pj_mac"], rest["energy_pj_mac"]) == (192 * 0.25, 105 * 0.25)
    assert clip["cycles"] == 36 > rest["cycles"]  # type: ignore[operator] # DRAM's bandwidth, which has less to do


def test_a_layer_that_the_pinned_factors_divide_is_the_same() -> None:
    layer = Layer(name="even", C=4, M=4, P=4)
    assert len(with_remainders(pinned()).on(layer).variants(RIGID)) == 1
    clip, rest = cell(pinned(), layer), cell(with_remainders(pinned()), layer)
    assert (clip["mapping"], clip["energy_pj"]) == (rest["mapping"], rest["energy_pj"])


def test_what_a_file_says_of_edges_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(design_text(with_remainders(design("nested"))), encoding="utf-8")
    assert flexloop.load_arch(path) == with_remainders(design("nested"))


def test_every_class_has_what_padding_gives_besides() -> None:
    """So a design with remainders never costs more than the same with padding."""
    for own in (partial(), pinned()):
        for point in all_classes(degrees=True):
            padded, both = ([(v.shape, v.bounds, v.constraints) for v in each.on(LAYER).variants(point)]
                            for each in (own, with_remainders(own)))  # fmt: skip
            assert all(variant in both for variant in padded)
            assert {constraints.template for _, _, constraints in both} == {"perfect", "uber"}


@pytest.mark.parametrize(
    ("own", "layer"),
    [
        (pinned(), Layer(name="product", C=3)),
        pytest.param(partial(), Layer(name="product", C=3), marks=pytest.mark.slow),
        pytest.param(pinned(), Layer(name="product", C=3, P=3), marks=pytest.mark.slow),
        pytest.param(partial(), Layer(name="product", P=3), marks=pytest.mark.slow),
    ],
    ids=("pinned", "partial", "pinned_rows", "partial_rows"),
)
def test_every_point_contains_the_points_just_below_it(own: Design, layer: Layer) -> None:
    """For all 81 points; and remainders add mappings, all the more the less is pinned."""
    sizes, padded = (sizes_of_a_nested_lattice(each, layer) for each in (with_remainders(own), own))
    assert all(sizes[point] > padded[point] for point in sizes)
    assert sizes[RIGID] < sizes[FULLY_FLEXIBLE]


def test_check_says_that_remainders_pad_nothing() -> None:
    net = Network(name="net", layers=(Layer(name="odd", C=7, M=3, P=5),))
    assert "pad the work 1.83 times" in check_design(pinned(), [net]).networks[0]
    assert "pad the work 1.00 times" in check_design(with_remainders(pinned()), [net]).networks[0]


def test_the_v4_format_has_no_residuals_and_says_so(tmp_path: Path) -> None:
    own = with_remainders(pinned())
    space, energy = mapspace(RIGID, own, Layer(name="odd", C=7, M=3, P=5)), energy_tables("table", own)
    winner = EmbeddedEngine().map(space, energy, SearchOptions("energy", time_limit=5.0), (), tmp_path)
    assert not winner.candidate.mapping.is_perfect
    where = layout(own, own.own_extents, partitioned=False)
    with pytest.raises(
        UnsupportedError, match="a factor with a residual, C=2,1, has no form in v4; use --format native"
    ):
        constraints_by_node(winner.candidate.mapping.to_directives(), where, LAYER.bounds)


def test_flexion_counts_factors_before_a_layer_cuts_them() -> None:
    for point in all_classes(degrees=True):
        clip, rest = (DesignFlexion(own, LAYER).mappings(point) for own in (partial(), with_remainders(partial())))
        assert clip.value == rest.value


# -- beside the real Timeloop ------------------------------------------------------------------------------------------

LAYERS = (Layer(name="odd", C=7, M=3, P=5), Layer(name="window", C=3, M=5, R=3, P=7), Layer(name="depthwise", G=5, P=3))
DESIGNS = [with_remainders(own) for own in (pinned(), design("nested"))]


@pytest.mark.timeloop
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("own", DESIGNS, ids=lambda own: own.name)
@pytest.mark.parametrize("name", CLASSES)
def test_timeloop_model_gives_the_winners_the_same_figures(
    name: str, own: Design, layer: Layer, tmp_path: Path
) -> None:
    """Of those variants that have remainders, so that every one of the winners that can has one."""
    space = mapspace(FlexClass.parse(name), own, layer)
    uneven = tuple(v for v in space.variants if v.constraints.template == "uber")
    assert uneven
    one = MapSpace(space.flexclass, own, layer, uneven[:2])
    winner_in_both(one, SearchOptions("energy", time_limit=1.0), tmp_path)


@pytest.mark.timeloop
@pytest.mark.parametrize("name", CLASSES)
def test_timeloop_mapper_takes_the_files_and_finds_nothing_better(name: str, tmp_path: Path) -> None:
    own = with_remainders(pinned())
    energy, renderer = energy_tables("table", own), shared_renderer()
    space = mapspace(FlexClass.parse(name), own, LAYERS[0])
    uneven = tuple(v for v in space.variants if v.constraints.template == "uber")
    for index, (variant, stem, bounds) in enumerate(run_variants(uneven)):
        if index == 4:
            break
        assert any(bounds[d] % prod(c.factors.get(d, 1) for c in variant.constraints.loops) for d in bounds)
        settings = SearchSettings("random_pruned", 1, timeout=20_000, victory_condition=200, search_size=1000)
        files = mapspace_files(renderer, variant, bounds, "energy", settings, renderer.ert(energy.ert))
        found = timeloop("timeloop-mapper", files, tmp_path / stem)
        assert found.returncode == 0, found.stderr
        assert "constraint" not in found.stderr.lower(), found.stderr
        one = MapSpace(space.flexclass, own, space.layer, (variant,))
        best = EmbeddedEngine().map(one, energy, SearchOptions("energy", time_limit=5.0), (), tmp_path)
        theirs = read_stats(tmp_path / stem / "timeloop-mapper.stats.txt")
        assert best.evaluation.energy_pj <= theirs.energy_pj * (1 + 1e-4)
        if name == "T0O0P0S0":
            assert best.evaluation.energy_pj == pytest.approx(theirs.energy_pj, rel=1e-4)
