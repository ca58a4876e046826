"""Parameters of arch specs: a number of PEs and bandwidths, given behind a spec's name."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_archs import PLAIN

from flexloop import load_arch
from flexloop.arch.load import load_arch_spec
from flexloop.errors import FlexloopError
from flexloop.networks import load_network
from flexloop.studies.kao import BASES
from flexloop.studies.papersensitivity import ASSUMPTIONS, whole_tiles

PARAMETRIC: dict[str, Any] = PLAIN | {
    "name": "mine",
    "parameters": {"pes": 4, "bandwidth": "unlimited"},
    "levels": [{**PLAIN["levels"][0], "read_bandwidth": "bandwidth"}, *PLAIN["levels"][1:]],
    "axes": PLAIN["axes"] | {"shape": {"fixed": {"X": 2, "Y": "pes//2"}, "block": {"X": 2, "Y": 1}}},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(PARAMETRIC))
    return path


def test_a_spec_takes_its_defaults_and_what_is_given_behind_its_name_or_file(file: Path) -> None:
    plain, other = load_arch_spec(file), load_arch_spec(f"{file}:pes=2,bandwidth=16")
    assert (plain.name, plain.pes, plain.levels[0].read_bandwidth) == ("mine", 4, inf)
    assert (other.name, other.pes, other.levels[0].read_bandwidth) == ("mine_pes2_bandwidth16", 2, 16)
    assert load_arch(f"{file}:pes=4,bandwidth=unlimited") == plain


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("pe=8", "unknown parameter 'pe'; did you mean 'pes'"),
        ("pes=0", "give an integer from 1"),
        ("pes=many", "parameter pes is 'many'"),
        ("pes=8,pes=4", "parameter pes is given twice"),
        ("pes=unlimited", "axes.shape.fixed.Y"),
        ("pes=1", "axes.shape.fixed.Y"),
    ],
)
def test_a_value_that_is_none_is_refused_by_name(file: Path, given: str, reason: str) -> None:
    with pytest.raises(FlexloopError, match=reason):
        load_arch(f"{file}:{given}")


@pytest.mark.parametrize("parameters", [[1], {"pes": "8"}, {"pes": 0}, {"a b": 1}])
def test_parameters_of_a_file_are_names_with_numbers(parameters: Any) -> None:
    with pytest.raises(FlexloopError, match="parameters: give names"):
        load_arch(PARAMETRIC | {"parameters": parameters})


@pytest.mark.parametrize(("pes", "sizes"), [(1024, (1024, 1024, 1024)), (256, (256, 256, 256)), (168, (128, 160, 160))])
def test_the_authors_bases_have_whole_clusters_at_any_number_of_pes(pes: int, sizes: tuple[int, ...]) -> None:
    assert tuple(load_arch_spec(f"{base}:pes={pes}").pes for base in BASES) == sizes


@pytest.mark.parametrize("base", BASES)
def test_every_assumption_of_the_study_makes_another_arch_of_each_base(base: str) -> None:
    networks = [load_network("kao_resnet50")]
    made = [assumption.change(base, networks) for assumption in ASSUMPTIONS]
    assert made[0] == load_arch(base)
    assert len({arch.model_dump_json(exclude={"name"}) for arch in made}) == len(ASSUMPTIONS)


def test_tiles_of_whole_buffers_are_those_of_units_on_the_whole_array() -> None:
    arch = whole_tiles("kao_tpu", [load_network("kao_resnet50")])
    assert arch.axes.tiling.fixed == {
        "Spad": {"R": 7, "S": 7},
        "GlobalBuffer": {"C": 16, "M": 16 * 64, "R": 7, "S": 7, "P": 16},
    }
