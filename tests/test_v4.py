"""Timeloop's v4 format: by the front end's own rules it means what the native format means."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_archs import lanes, plain

from flexloop.arch.spec import ArchSpec
from flexloop.arch.tree import UNBOUNDED
from flexloop.classes import FlexClass, all_classes
from flexloop.embedded.spec import Spec, read_config
from flexloop.energy import EnergyTables, shipped_tables
from flexloop.engines.base import SearchOptions
from flexloop.engines.embedded import EmbeddedEngine
from flexloop.engines.formats import V4Format
from flexloop.engines.select import EngineSettings, select_engines
from flexloop.engines.timeloop import TimeloopEngine
from flexloop.errors import EngineError, UnknownNameError, UnsupportedError
from flexloop.mapspace import mapspace
from flexloop.renderfiles import render_files
from flexloop.rendering import v4
from flexloop.rendering.bundle import mapspace_files, run_variants, v4_mapspace_files
from flexloop.rendering.effort import search_settings
from flexloop.rendering.render import shared_renderer
from flexloop.rendering.v4layout import layout
from flexloop.timeloop import yamlio
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import LoopConstraint, Subject
from flexloop.timeloop.v4front import assemble, tags, translate
from flexloop.workloads.layers import Layer

GOLDEN = Path(__file__).parent / "golden_v4"
CLASSES = [*all_classes(), FlexClass.parse("TpOpPpSp")]
LAYERS = [
    Layer(name="conv", C=6, M=5, R=3, P=4, Wstride=2),
    Layer(name="depthwise", G=6, R=3, S=3, P=4, Q=2),
    Layer(name="linear", C=8, M=8, P=4),
]


def formats(flexclass: FlexClass, arch: ArchSpec, layer: Layer) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """The native files and the v4 files of some variants of a class."""
    renderer, tables = shared_renderer(), shipped_tables(arch)
    for variant, _, bounds in list(run_variants(mapspace(flexclass, arch, layer).variants))[::5]:
        settings = search_settings(variant, bounds, "quick")
        native = mapspace_files(renderer, variant, bounds, "edp", settings, renderer.ert(tables.ert))
        yield native, v4_mapspace_files(renderer, variant, bounds, ("edp", settings), tables.ert, tables.art)


def own(text: str) -> dict[str, Any]:
    """What the front end hands to ``timeloop-mapper`` for a v4 file, by flexloop's own reading."""
    return translate(assemble([tags.parse(text, v4.FILE, {})]))


def merged(files: dict[str, str]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for text in files.values():
        document |= yamlio.load(text)
    return document


# -- what a configuration means ---------------------------------------------------------------------------------------


def meaning(config: dict[str, Any]) -> dict[str, Any]:
    """Levels, fanouts, constraints and mapper settings, the levels that the front end puts in folded away."""
    spec = read_config(config)
    subject = Subject(spec.level_names, spec.fanouts, spec.problem.bounds, spec.data_space_names)
    constraints = from_config(config, subject)
    owners = _owners(spec)
    loops = {}
    for loop in constraints.loops:
        if owners[loop.target] != loop.target and not loop.spatial:
            assert set(loop.factors.values()) == {1} and set(loop.factors) == set(spec.problem.bounds)
        elif any(said := _loops(loop, spec)):
            loops[owners[loop.target], loop.spatial] = said
    kept = {d.target: (sorted(d.keep), sorted(d.bypass)) for d in constraints.dataspaces}
    for name, owner in owners.items():
        if name != owner:
            assert kept.pop(name) == ([], sorted(spec.data_space_names))
    return {
        "levels": [_facts(asdict(level)) for level in spec.levels if owners[level.name] == level.name],
        "mac": {k: v for k, v in asdict(spec.mac).items() if "area" not in k},
        "fanouts": {owners[n]: xy for n, xy in zip(spec.level_names, spec.fanout_xy, strict=True) if xy != (1, 1)},
        "problem": asdict(spec.problem),
        "loops": loops,
        "kept": kept,
        "mapper": {k: v for k, v in config["mapper"].items() if k not in ("version", *FILLED_IN)},
    }


FILLED_IN = (
    "out_prefix", "optimization_metric", "log_interval", "log_oaves", "log_oaves_mappings", "log_suboptimal",
    "penalize_consecutive_bypass_fails", "emit_whoop_nest", "max_temporal_loops_in_a_mapping", "filter_revisits",
    "max_permutations_per_if_visit", "diagnostics",
)  # fmt: skip
"""Settings that the front end adds at the values that Timeloop has for them anyway."""


def _owners(spec: Spec) -> dict[str, str]:
    """The level above, for one that the front end put in; else the level itself."""
    outward = dict(zip(spec.level_names, spec.level_names[1:], strict=False))
    return {n: outward[n] if n.startswith("inter_") and n.endswith("_spatial") else n for n in spec.level_names}


def _loops(loop: LoopConstraint, spec: Spec) -> tuple[Any, ...]:
    """Factors, and the order of the loops that can be longer than 1."""
    bounds = spec.problem.bounds
    free = {d for d, bound in bounds.items() if bound > 1 and loop.factors.get(d) != 1}
    factors = {d: n for d, n in loop.factors.items() if bounds[d] > 1}
    if not loop.spatial:
        return factors, [d for d in loop.permutation if d in free]
    if loop.split is None:
        return factors, [d for d in loop.permutation if d in free], None
    on_x, on_y = loop.permutation[: loop.split], loop.permutation[loop.split :]
    return factors, [d for d in on_x if d in free], [d for d in on_y if d in free]


def _facts(level: dict[str, Any]) -> dict[str, Any]:
    # The front end gives DRAM the technology of the whole, after which it may add up; only networks ask for that.
    facts = {name: value for name, value in level.items() if "area" not in name and name != "reduces"}
    for name in ("capacity", "size"):  # of an unbounded level: more than any tile
        if facts[name] is not None and facts[name] >= UNBOUNDED:
            facts[name] = None
    return facts


# -- the two formats --------------------------------------------------------------------------------------------------


QUICK = ("T0O0P0S0", "T0O1P0S1", "T1O0P1S0", "T1O1P1S1")
"""Classes that are translated with every change: each axis with and without its constraints."""


@pytest.mark.parametrize(
    "flexclass", [pytest.param(it, id=str(it), marks=() if str(it) in QUICK else pytest.mark.slow) for it in CLASSES]
)
@pytest.mark.parametrize("make", [plain, lanes], ids=lambda make: make.__name__)
def test_translated_v4_means_what_native_means(flexclass: FlexClass, make: Callable[[], ArchSpec]) -> None:
    for layer in LAYERS:
        for native, files in formats(flexclass, make(), layer):
            assert meaning(own(files[v4.FILE])) == meaning(merged(native))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("C=", "C<="),
        ("split: 1", "split: 2"),
        ("keep: [Weights, Inputs, Outputs], bypass: []", "keep: [Inputs, Outputs], bypass: [Weights]"),
        ("meshX: 2, meshY: 2", "meshX: 4, meshY: 1"),
        ("read_bandwidth: ", "read_bandwidth: 1"),
        ("energy: 0.25", "energy: 0.5"),
        ("optimization_metrics: [edp, energy]", "optimization_metrics: [delay, energy]"),
    ],
)
def test_the_comparison_sees_a_difference(old: str, new: str) -> None:
    native, files = next(formats(FlexClass.parse("T0O0P0S0"), plain(), LAYERS[0]))
    text = files[v4.FILE]
    assert old in text
    assert meaning(own(text.replace(old, new, 1))) != meaning(merged(native))


@pytest.mark.parametrize("make", [plain, lanes], ids=lambda make: make.__name__)
def test_the_v4_file_is_the_golden_one(make: Callable[[], ArchSpec]) -> None:
    _, files = next(formats(FlexClass.parse("T0O0P0S0"), make(), LAYERS[0]))
    assert files[v4.FILE] == (GOLDEN / f"{make.__name__}.yaml").read_text(encoding="utf-8")


@pytest.mark.pytimeloop
@pytest.mark.parametrize("flexclass", CLASSES, ids=str)
@pytest.mark.parametrize("make", [plain, lanes], ids=lambda make: make.__name__)
def test_the_front_end_itself_translates_v4_into_what_native_means(
    flexclass: FlexClass, make: Callable[[], ArchSpec], tmp_path: Path
) -> None:
    """And so do the rules; the native mapper is replaced by one that does nothing."""
    program = tmp_path / "bin" / "timeloop-mapper"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    native, files = next(formats(flexclass, make(), LAYERS[0]))
    (tmp_path / v4.FILE).write_text(files[v4.FILE])
    subprocess.run(["tl", "mapper", v4.FILE], cwd=tmp_path, env=environment, capture_output=True, check=False)
    translated = yaml.safe_load((tmp_path / "parsed-processed-input.yaml").read_text())
    assert meaning(translated) == meaning(merged(native)) == meaning(own(files[v4.FILE]))


# -- the engine -------------------------------------------------------------------------------------------------------


@pytest.mark.pytimeloop
@pytest.mark.timeloop
@pytest.mark.parametrize("name", ["T0O0P0S0", "TpO0P0S0", "T1O1P1S1"])
@pytest.mark.parametrize("make", [plain, lanes], ids=lambda make: make.__name__)
def test_timeloop_reports_the_same_figures_through_either_format(
    name: str, make: Callable[[], ArchSpec], tmp_path: Path
) -> None:
    arch = make()
    energy = shipped_tables(arch)
    space = mapspace(FlexClass.parse(name), arch, LAYERS[0])
    found = EmbeddedEngine().map(space, energy, SearchOptions(), (), tmp_path).candidate
    native = TimeloopEngine().evaluate(found, energy, tmp_path / "native")
    assert native.valid
    assert TimeloopEngine(form=V4Format()).evaluate(found, energy, tmp_path / "v4") == native


@pytest.mark.pytimeloop
@pytest.mark.timeloop
def test_the_mapper_finds_the_same_through_either_format(tmp_path: Path) -> None:
    arch = plain()
    energy, options = shipped_tables(arch), SearchOptions(effort="quick")
    space = mapspace(FlexClass.parse("T0O0P0S0"), arch, LAYERS[0])
    native = TimeloopEngine().map(space, energy, options, (), tmp_path / "native")
    through = TimeloopEngine(form=V4Format()).map(space, energy, options, (), tmp_path / "v4")
    assert through.evaluation == native.evaluation
    assert through.candidate.mapping.one_line() == native.candidate.mapping.one_line()


def test_a_mapping_on_the_front_ends_levels_is_one_on_the_specs_own() -> None:
    written: list[dict[str, Any]] = [
        {"target": "inter_PE_spatial", "type": "temporal", "factors": "C=1", "permutation": "C"},
        {"target": "inter_PE_spatial", "type": "spatial", "factors": "C=2", "permutation": "C", "split": 1},
        {"target": "inter_PE_spatial", "type": "datatype", "keep": [], "bypass": ["Weights"]},
        {"target": "Spad", "type": "temporal", "factors": "C=3", "permutation": "C"},
    ]
    where = layout(plain(), plain().own_extents, partitioned=False)
    assert v4.native_directives(written, where) == [{**written[1], "target": "GlobalBuffer"}, written[3]]


def test_an_ert_never_stands_without_an_art() -> None:
    """The front end would leave it out, and Timeloop would run Accelergy instead."""
    arch = plain()
    alone = EnergyTables("mine", shipped_tables(arch).ert)
    (variant, _, bounds), *_ = run_variants(mapspace(FlexClass.parse("T0O0P0S0"), arch, LAYERS[0]).variants)
    search = ("edp", search_settings(variant, bounds, "quick"))
    text = v4_mapspace_files(shared_renderer(), variant, bounds, search, alone.ert, alone.art)[v4.FILE]
    assert own(text)["ERT"]["tables"] and own(text)["ART"]["tables"]


def test_a_layer_beyond_the_depth_that_v4_demands_is_refused() -> None:
    layer = Layer(name="huge", C=2**17, M=2**17)
    with pytest.raises(UnsupportedError, match="layer huge: .* more than the 4294967295 rows"):
        v4.check_depth(layer, layer.bounds)


def test_render_writes_v4_beside_native(tmp_path: Path) -> None:
    render_files(["T0O0P0S0"], ["ncf"], "edge256", tmp_path, "edp", "quick", "table", {}, EngineSettings(), "v4")
    folder = next(tmp_path.glob("ncf/T0O0P0S0/*/*"))
    assert {"arch.yaml", "constraints.yaml", "v4.yaml", "timeloop-mapper.ART.yaml"} <= {
        f.name for f in folder.iterdir()
    }
    with pytest.raises(UnknownNameError, match="unknown format 'v3'"):
        render_files(["T0O0P0S0"], ["ncf"], "edge256", tmp_path, "edp", "quick", "table", {}, EngineSettings(), "v3")


def test_v4_without_its_front_end_is_refused_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"format v4: the embedded engine does not read it; install pytimeloop"):
        select_engines(EngineSettings(engine="embedded", format="v4"))
    with pytest.raises(UnknownNameError, match="unknown format"):
        select_engines(EngineSettings(format="v5"))


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in (plain, lanes):
        (GOLDEN / f"{each.__name__}.yaml").write_text(
            next(formats(FlexClass.parse("T0O0P0S0"), each(), LAYERS[0]))[1][v4.FILE], encoding="utf-8"
        )
