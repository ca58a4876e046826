"""Timeloop designs as archs: what is read of them, the mapspaces of their classes, and the commands that take them."""

from __future__ import annotations

import json
from functools import cache
from math import prod
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import flexloop
from flexloop.arch.design.clip import clipped
from flexloop.arch.design.hardware import Hardware
from flexloop.arch.design.model import Design
from flexloop.arch.design.read import read_design
from flexloop.arch.design.text import design_text
from flexloop.arch.load import load_arch
from flexloop.arch.variant import Variant
from flexloop.checks.design import check_design
from flexloop.classes import FULLY_FLEXIBLE, RIGID, Axis, Degree, FlexClass, all_classes
from flexloop.cli import app
from flexloop.embedded.mapper.choices import Choices
from flexloop.energysources.choose import energy_tables
from flexloop.errors import SpecError, UnsupportedError
from flexloop.flexibility.designs import DesignFlexion
from flexloop.lattice import lines
from flexloop.overhead import class_areas, parts
from flexloop.studies.futureproof import future_proof
from flexloop.studies.rigiddesign import rigid_for
from flexloop.study import StudyOptions
from flexloop.workloads.layers import DIMENSIONS, TENSORS, Layer, Network

DESIGNS = Path(__file__).parent / "data" / "designs"
NAMES = ("eyeriss_like", "simba_like", "simple_output_stationary", "simple_weight_stationary", "nested")


@cache
def design(name: str) -> Design:
    found = load_arch(DESIGNS / f"{name}.yaml")
    assert isinstance(found, Design)
    return found


def partial() -> Design:
    """The nested design with a further choice of each axis at degree p."""
    document = design("nested").model_dump()
    for directive in document["constraints"]["always"]:  # so that two places are open, not four
        if directive["target"] == "Buffer" and directive["type"] == "dataspace":
            directive["keep"] = list(TENSORS)
    document["partial"] = {
        "T": [
            [
                {"target": "Registers", "type": "temporal", "factors": "P=2 N=1 G=1"},
                {"target": "Spad", "type": "temporal", "factors": "C=2 M=1"},
            ]
        ],
        "O": [[{"target": "Buffer", "type": "temporal", "permutation": "MPC"}]],
        "P": [[{"target": "Spad", "type": "spatial", "factors": "C=2 M=1", "permutation": "CM", "split": 0}]],
        "S": [{"Spad": (2, 1), "Buffer": (1, 2)}],
    }
    return Design.model_validate(document)


# -- reading ----------------------------------------------------------------------------------------------------------


def test_constraints_are_sorted_by_axis() -> None:
    """Eyeriss: PEs of a column get output rows and filter rows, scratchpads one dimension each."""
    eyeriss = design("eyeriss_like")
    assert eyeriss.own_extents.fanouts[3:5] == ((1, 12), (14, 1))
    assert {loop.target: dict(loop.factors) for loop in eyeriss.pinned(Axis.TILING)}["psum_spad"] == dict.fromkeys(
        "NCRSPQG", 1
    )
    orders = {loop.target: loop.permutation for loop in eyeriss.pinned(Axis.ORDERING)}
    assert orders["weights_spad"] == tuple("NMPQSCR")
    spatial = {loop.target: loop for loop in eyeriss.pinned(Axis.PARALLELIZATION)}
    assert set(spatial) == {"inter_PE_spatial", "inter_PE_column_spatial"}
    assert spatial["inter_PE_spatial"].split == 0
    assert eyeriss.always.dataspace("shared_glb").bypass == ("Weights",)
    assert eyeriss.always.loop("inter_PE_spatial", spatial=False).factors["M"] == 1


def test_every_constraint_of_a_file_has_its_line() -> None:
    lines = (DESIGNS / "eyeriss_like.yaml").read_text(encoding="utf-8").splitlines()
    where = design("eyeriss_like").where
    file, line = where["weights_spad temporal permutation"].split(":")
    assert file.endswith("eyeriss_like.yaml")
    assert "[N, M, P, Q, S, C, R]" in lines[int(line) - 1]
    assert "split: 999" in lines[int(where["inter_PE_column_spatial spatial split"].split(":")[1]) - 1]


def test_a_matrix_multiplication_is_matched_and_its_splits_hold() -> None:
    """Rows lie along P, as in networks; a split over all three dimensions is one over all eight."""
    nested = design("nested")
    spatial = nested.always.loop("Registers", spatial=True)
    assert (spatial.permutation, spatial.split) == (("C", "M", "P"), 1)
    assert set(spatial.suffix) == set("NGRSQ")
    assert nested.pinned(Axis.PARALLELIZATION)[0].split == len(DIMENSIONS)
    assert nested.lane_levels == {"Registers"}
    assert nested.always.dataspace("Spad").bypass == ("Weights",)


@pytest.mark.parametrize("name", NAMES)
def test_the_written_file_is_read_back_to_an_equal_design(name: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(design_text(design(name)), encoding="utf-8")
    assert load_arch(path) == design(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_rendered_architecture_is_the_design_s(name: str) -> None:
    """Written as one list and read again, the levels are what Timeloop reads of the file."""
    own = design(name)
    assert Hardware.read(own.hardware.tree(own.own_extents)) == own.hardware
    for extents in own.extents(Degree.FULL):
        other = Hardware.read(own.hardware.tree(extents))
        assert other.fanouts == extents.fanouts
        assert other.mac.instances == own.pes


def test_a_problem_without_a_place_in_the_canonical_layer_is_refused_by_name(tmp_path: Path) -> None:
    text = (DESIGNS / "nested.yaml").read_text(encoding="utf-8")
    path = tmp_path / "four.yaml"
    path.write_text(text.replace("dimensions: [M, K, N]", "dimensions: [M, K, N, L]").replace(
        "[[[M]], [[K]]]", "[[[M]], [[K]], [[L]]]"), encoding="utf-8")  # fmt: skip
    with pytest.raises(UnsupportedError, match="dimension L has no place of its own"):
        load_arch(path)


def test_wrong_fields_of_a_design_are_answered_by_name() -> None:
    document = design("nested").model_dump()
    with pytest.raises(SpecError, match="flexible names 'Nowhere'"):
        load_arch({**document, "flexible": ["Nowhere"]})
    with pytest.raises(SpecError, match="does not make the 4 PEs"):
        load_arch({**document, "partial": {"S": [{"Spad": (3, 1)}]}})
    with pytest.raises(SpecError, match="pins another axis too"):
        load_arch({**document, "constraints": {"T": [{"target": "Spad", "type": "spatial", "factors": "M=2"}]}})


# -- clipping and padding ---------------------------------------------------------------------------------------------


def test_pinned_factors_shrink_to_a_layer() -> None:
    """M >= 2 at the buffer: 1 where the layer has no more; P = 2 across the clusters likewise."""
    small = clipped(design("nested"), Layer(name="one", C=2))
    assert small.tiles[0][2].min_factors == {"M": 1}
    assert {loop.target: loop.factors["P"] for loop in small.parallel[0]}["Buffer"] == 1
    large = clipped(design("nested"), Layer(name="many", C=2, M=7, P=5))
    assert large.tiles[0][2].min_factors == {"M": 2}
    assert large.bounds(Degree.FIXED)["P"] == (5, 6, 8)  # P free: 5 or 6; two clusters: twice 3 or 4


def test_balanced_paddings_fill_an_extent_in_as_few_rounds() -> None:
    """100 over 14 columns takes 8 rounds of 13, so 104; over 12 rows 9 rounds of 12, so 108."""
    bounds = clipped(design("eyeriss_like"), Layer(name="many", M=100)).bounds(Degree.FIXED)
    assert {100, 104, 108} <= set(bounds["M"])


def test_the_outermost_level_takes_what_is_left_where_all_else_is_pinned() -> None:
    document = design("nested").model_dump()
    document["constraints"]["T"] = [
        {"target": name, "type": "temporal", "factors": "M=1"} for name in ("Registers", "Spad", "Buffer", "DRAM")
    ]
    pinned = Design.model_validate(document)
    layer = Layer(name="many", M=6)
    assert clipped(pinned, layer).taken == ("M",)
    assert check_design(pinned, [Network(name="net", layers=(layer,))]).ok
    rigid = pinned.on(layer).variants(RIGID)[0]
    assert "M" not in rigid.constraints.loop("DRAM", spatial=False).factors
    assert rigid.constraints.loop("Buffer", spatial=False).factors["M"] == 1


def test_depthwise_layers_see_groups_as_output_channels() -> None:
    depthwise = Layer(name="depthwise", G=32, R=3, S=3, P=14, Q=14)
    rigid = design("eyeriss_like").on(depthwise).variants(RIGID)[0]
    assert rigid.constraints.loop("psum_spad", spatial=False).factors.get("G") is None
    assert rigid.constraints.loop("psum_spad", spatial=False).factors["M"] == 1


# -- mapspaces --------------------------------------------------------------------------------------------------------


def listed(own: Design, variant: Variant) -> set[bytes]:
    """Every mapping of a variant, loops of one iteration left out."""
    choices = Choices(own.level_names, variant.shape.fanouts, variant.bounds, TENSORS, variant.constraints)
    found: set[bytes] = set()
    for genomes in choices.listed():
        factors = np.take_along_axis(genomes.factors, genomes.orders, axis=2)
        place = np.arange(len(DIMENSIONS))
        on_x = (place < genomes.splits[:, :, None]) & (factors > 1)
        order = np.where(factors > 1, genomes.orders, len(DIMENSIONS))
        sequence = np.argsort(factors == 1, axis=2, kind="stable")
        order, on_x = np.take_along_axis(order, sequence, 2), np.take_along_axis(on_x, sequence, 2)
        slots = np.array([(s.level, s.spatial) for s in choices.slots])
        rows = []
        for level in range(len(own.level_names)):
            for spatial in (True, False):
                at = np.flatnonzero((slots == (level, spatial)).all(axis=1))
                if not len(at):  # a fanout of one instance has no loops
                    n = len(genomes)
                    rows += [np.ones((n, 8), int), np.full((n, 8), 8), np.zeros((n, 8), int)]
                    continue
                counted = spatial or choices.slots[at[0]].counted
                first = order[:, at[0]] if counted else np.sort(order[:, at[0]])
                rows += [genomes.factors[:, at[0]], first, on_x[:, at[0]] if spatial else np.zeros_like(first)]
        kept = genomes.keep.reshape(len(genomes), -1)
        shape = np.tile(np.array(variant.shape.fanouts).ravel(), (len(genomes), 1))
        bounds = choices.imperfect.true_bounds(genomes.factors)
        table = np.concatenate([*rows, kept, shape, bounds], axis=1).astype(np.int64)
        found |= {row.tobytes() for row in table}
    return found


LAYERS = {
    "matmul": Layer(name="matmul", C=2, M=4, P=2),
    "indivisible": Layer(name="indivisible", M=3, P=2),
    "filter": Layer(name="filter", C=2, M=2, R=2),
    "depthwise": Layer(name="depthwise", G=4, R=2),
}


@pytest.mark.parametrize("layer", [pytest.param(n, marks=() if n == "filter" else pytest.mark.slow) for n in LAYERS])
def test_every_point_contains_the_points_just_below_it(layer: str) -> None:
    """For all 81 points, on a design with ranges, suffixes, two fanouts, lanes, open bypass and choices at p."""
    sizes = sizes_of_a_nested_lattice(partial(), LAYERS[layer])
    assert sizes[RIGID] < sizes[FULLY_FLEXIBLE]


def sizes_of_a_nested_lattice(own: Design, layer: Layer) -> dict[FlexClass, int]:
    """How many mappings each of the 81 points has; each has all those of the points just below it."""

    @cache
    def mappings(point: FlexClass) -> frozenset[bytes]:
        return frozenset().union(*(listed(own, v) for v in own.on(layer).variants(point)))

    for below, point in lines(all_classes(degrees=True)):
        assert mappings(below) <= mappings(point), f"{point} lacks mappings of {below}"
    return {point: len(mappings(point)) for point in all_classes(degrees=True)}


def test_each_degree_of_each_axis_adds_mappings() -> None:
    own, layer = partial(), Layer(name="matmul", C=4, M=8, P=4)
    for axis in Axis:
        sizes = [
            sum(
                Choices(own.level_names, v.shape.fanouts, v.bounds, TENSORS, v.constraints).size()
                for v in own.on(layer).variants(RIGID.replace(axis, degree))
            )
            for degree in (Degree.FIXED, Degree.FULL)
        ]
        assert sizes[0] < sizes[1], axis


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_feasible_and_no_smaller_than_the_layer(name: str) -> None:
    layer = Layer(name="conv", N=2, C=13, M=29, R=3, S=3, P=7, Q=7)
    for point in all_classes():
        for variant in design(name).on(layer).variants(point):
            for d, bounds in variant.bounds.items():
                pinned = prod(loop.factors.get(d, 1) for loop in variant.constraints.loops)
                assert all(bound >= layer.bounds[d] and bound % pinned == 0 for bound in bounds)


def test_free_names_the_levels_that_an_axis_frees() -> None:
    document = design("eyeriss_like").model_dump() | {"free": {"T": ["psum_spad"]}}
    own = Design.model_validate(document)
    free = own.on(Layer(name="conv", C=8, M=8)).variants(RIGID.replace(Axis.TILING, Degree.FULL))[0]
    assert not free.constraints.loop("psum_spad", spatial=False).factors
    assert free.constraints.loop("weights_spad", spatial=False).factors["M"] == 1


def test_what_a_file_labels_always_no_class_frees() -> None:
    document = design("eyeriss_like").model_dump()
    parallel = document["constraints"]["P"]
    document["constraints"] |= {"P": (), "always": (*document["constraints"]["always"], *parallel)}
    own = Design.model_validate(document)
    free = own.on(Layer(name="conv", C=8, M=8)).variants(FULLY_FLEXIBLE)[0]
    assert free.constraints.loop("inter_PE_spatial", spatial=True).factors["P"] == 1


# -- commands ---------------------------------------------------------------------------------------------------------


def flexloop_command(*arguments: str | Path, status: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def small_net(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text("name: small\nlayers:\n- {name: fc, C: 4, M: 6}\n", encoding="utf-8")
    return path


def test_import_writes_a_commented_file_and_check_says_what_it_is(tmp_path: Path, small_net: Path) -> None:
    mine = tmp_path / "mine.yaml"
    flexloop_command("arch", "import", DESIGNS / "eyeriss_like.yaml", "-o", mine, "--name", "mine")
    assert "# T, tile sizes: factors of temporal loops." in mine.read_text(encoding="utf-8")
    said = flexloop_command("arch", "check", mine, "-n", small_net)
    assert "mine is a Timeloop design: 168 arithmetic units, 14x1 of 1x12 below 7 storage levels" in said
    assert "psum_spad N=1 C=1 R=1 S=1 P=1 Q=1 G=1 (designs/eyeriss_like.yaml:" in said
    assert "small: all 1 layers map in T0O0P0S0" in said


def test_check_says_what_a_design_cannot_map_and_why(tmp_path: Path) -> None:
    """An input window of a stride of 20 does not fit the twelve words of the scratchpad."""
    network = tmp_path / "net.yaml"
    network.write_text("name: wide\nlayers:\n- {name: wide, C: 64, M: 16}\n", encoding="utf-8")
    document = design("eyeriss_like").model_dump()
    document["constraints"]["T"] = ({"target": "weights_spad", "type": "temporal", "factors": "C=64 M=16"},)
    own = Design.model_validate(document)
    report = check_design(own, [flexloop.load_network(network)])
    assert not report.ok
    assert "wide, wide: unmappable in T0O0P0S0" in str(report.faults[0])
    assert "exceeds buffer capacity" in report.faults[0].reason


def test_a_folder_of_timeloop_s_files_is_an_arch(tmp_path: Path, small_net: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "arch.yaml").write_text((DESIGNS / "nested.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    results = flexloop.run("T1O1P1S1", str(small_net), str(folder), use_store=False, engine="embedded")
    row = results.rows.iloc[0]
    assert (row["arch"], row["status"], row["optimal"]) == ("mine", "ok", True)
    assert results.meta["archs"]["mine"]["area_mm2"]["T1O1P1S1"] > 0


def test_more_flexible_classes_cost_no_more(small_net: Path) -> None:
    results = flexloop.compare(str(small_net), str(DESIGNS / "nested.yaml"), use_store=False, engine="embedded")
    best = results.rows.set_index("class")["edp"]
    assert results.rows["optimal"].all()
    assert best["T1O1P1S1"] < best["T0O0P0S0"]


def test_a_rigid_machine_of_a_design_s_hardware_is_found_for_a_network(tmp_path: Path, small_net: Path) -> None:
    """Its one layer has the best mapping that this hardware has at these extents, whatever the design pins."""
    made = tmp_path / "made.yaml"
    said = flexloop_command("design", "--net", small_net, "--arch", DESIGNS / "nested.yaml", "-o", made)
    assert "its cost is at most 1.00 times that of any single mapping of this hardware" in " ".join(said.split())
    cost = {
        name: flexloop.run(point, str(small_net), arch, use_store=False, engine="embedded", objective="latency")
        .rows["cycles"].iloc[0]
        for name, point, arch in (
            ("made", "T0O0P0S0", str(made)),
            ("freed", "T1O1P1S0", design("nested")),
            ("as it stands", "T0O0P0S0", design("nested")),
        )
    }  # fmt: skip
    assert cost["made"] == cost["freed"] < cost["as it stands"]


def test_a_design_ages(tmp_path: Path) -> None:
    """Made for one shape, run on another: freeing everything gains more there than on what it was made for."""
    past, future = Layer(name="past", C=2, M=4, P=2), Layer(name="future", C=3, M=1, P=7)
    nets = [Network(name=layer.name, layers=(layer,)) for layer in (past, future)]
    options = StudyOptions.of(objective="latency", use_store=False, engine="embedded")
    aged = future_proof(nets[0], nets, design("nested"), options, [RIGID, FULLY_FLEXIBLE])
    gains = aged.table().loc["T1O1P1S1"]
    assert gains["future"] > gains["past"] >= 1
    assert aged.designed.arch.name == "nested_for_past"


def test_commands_pin_a_design_themselves(tmp_path: Path, small_net: Path) -> None:
    """``--rigid-for`` and ``--rigid`` with the mapping that it chose give the same cells."""
    run = ("run", "-c", "T0O0P0S0", "--net", small_net, "--engine", "embedded", "--no-store", "--json")
    arch = ("--arch", DESIGNS / "nested.yaml")
    best = json.loads(flexloop_command(*run, *arch, "--rigid-for", small_net, "-o", tmp_path / "out"))
    mapping = next((tmp_path / "out").rglob("map.yaml"))
    given = json.loads(flexloop_command(*run, *arch, "--rigid", mapping, "-o", tmp_path / "again"))
    assert best["rows"][0]["mapping"] == given["rows"][0]["mapping"]
    said = flexloop_command(*run, *arch, "--rigid", mapping, "--rigid-for", small_net, status=1)
    assert "give one of them" in said
    assert "edge256 is an arch spec" in flexloop_command(*run, "--rigid", mapping, status=1)


def test_a_given_rigid_machine_ages_without_being_designed(tmp_path: Path, small_net: Path) -> None:
    options = ("--engine", "embedded", "--no-store", "-o", tmp_path / "out", "--rigid-for", small_net)
    said = flexloop_command("future-proof", "--net", small_net, "--arch", DESIGNS / "nested.yaml", *options)
    assert "pinned to the best mapping of small's layer fc for latency" in " ".join(said.split())


# -- what flexibility costs --------------------------------------------------------------------------------------------


def test_what_is_pinned_costs_nothing_and_what_is_open_costs_in_every_class() -> None:
    """On `nested` the buffer's factors are open but for a least M: eight registers at the Spad in all classes."""
    own = design("nested")
    rigid = pinned_to_one_mapping(own)
    for axis in Axis:
        assert parts(rigid, axis, Degree.FIXED) == {}, axis
        assert parts(rigid, axis, Degree.FULL) == parts(own.freed(), axis, Degree.FULL), axis
    assert parts(own.freed(), Axis.ORDERING, Degree.FIXED) == parts(own, Axis.ORDERING, Degree.FULL)
    areas = class_areas(own, [RIGID, FULLY_FLEXIBLE], energy_tables("table", own).art)
    assert areas["T0O0P0S0"] < areas["T1O1P1S1"]


def test_alternatives_of_a_design_cost_multiplexers() -> None:
    """Two tiles: at the Spad M pinned to 1 beside what degree 0 leaves open; two shapes: two ways to wire each unit."""
    own = partial()
    found = parts(own, Axis.SHAPE, Degree.PART)
    bits = own.arithmetic.word_bits
    assert found["below Buffer"].muxes == 4 * bits  # weights, inputs and outputs, which are twice as wide
    assert found["below Spad"].muxes == 4 * bits


def pinned_to_one_mapping(own: Design) -> Design:
    layer = Layer(name="one", C=4, M=6)
    net = Network(name="one", layers=(layer,))
    return rigid_for(own, net, StudyOptions.of(use_store=False, engine="embedded"))


def test_templates_name_the_design(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    text = (DESIGNS / "simba_like.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine" / "arch.yaml").write_text(text, encoding="utf-8")
    top = tmp_path / "top.yaml.jinja2"
    top.write_text("architecture: {{include(architecture ~ '/arch.yaml', 'architecture')}}\n", encoding="utf-8")
    found = read_design([top], {"architecture": "mine"})
    assert found.name == "mine"
    assert found.constraints == design("simba_like").constraints
    assert found.where["inter_PE_spatial spatial factors"].startswith("mine/arch.yaml:")


def test_what_a_design_leaves_open_is_pinned_to_the_best_mapping_for_a_network(tmp_path: Path, small_net: Path) -> None:
    """The rigid machine then has one mapping of each layer, and costs what the open design's best mapping costs."""
    mine = tmp_path / "rigid.yaml"
    network = flexloop.load_network(str(small_net))
    enough = ("--time-limit", "600")  # a proof takes a second, but a clock on the wall sees a busy machine
    flexloop_command("arch", "import", DESIGNS / "simba_like.yaml", "--rigid-for", small_net, *enough, "-o", mine)
    own = load_arch(mine)
    assert isinstance(own, Design)
    assert "pinned to the best mapping of small's layer fc" in own.description
    for axis in (Axis.TILING, Axis.ORDERING, Axis.PARALLELIZATION):
        assert DesignFlexion(own, network.layers[0]).choices(axis, Degree.FIXED).value == 1
    costs = [
        flexloop.run("T0O0P0S0", network, arch, use_store=False, engine="embedded").rows["edp"].iloc[0]
        for arch in (own, design("simba_like"))
    ]
    assert costs[0] == pytest.approx(costs[1])


def test_a_design_is_pinned_to_a_mapping_in_a_file(tmp_path: Path, small_net: Path) -> None:
    results = flexloop.run("T0O0P0S0", str(small_net), design("nested"), use_store=False, engine="embedded")
    results.save(tmp_path / "out")
    path = next((tmp_path / "out").rglob("map.yaml"))
    mine = tmp_path / "rigid.yaml"
    flexloop_command("arch", "import", DESIGNS / "nested.yaml", "--rigid", path, "-o", mine)
    again = flexloop.run("T0O0P0S0", str(small_net), str(mine), use_store=False, engine="embedded")
    assert again.rows["edp"].iloc[0] == pytest.approx(results.rows["edp"].iloc[0])
