"""Attributes of levels that few designs have: read, refused where they contradict, and heeded by searches.

That they count as Timeloop counts them is in `test_recorded_runs`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deadlines import after_looks
from golden_specs import SPECS, golden_files, golden_space

from flexloop.dropin.model import run_model
from flexloop.embedded.mapper import find_best
from flexloop.embedded.mapper.exact.form import recognise
from flexloop.embedded.spec import Spec, read_spec
from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.inputs import read_inputs

SPACE = golden_space("base-conv3x3")


def buffer(**attributes: Any) -> Spec:
    """The golden design, its GlobalBuffer with further attributes."""
    files = read_inputs(golden_files("base-conv3x3")).config
    node = files["architecture"]
    while "subtree" in node:
        (node,) = node["subtree"]
        for component in node["local"]:
            if component["name"].startswith("GlobalBuffer"):
                component["attributes"] |= attributes
    return read_spec(files["architecture"], files["problem"], files["ERT"])


@pytest.mark.parametrize(
    "attributes",
    [
        {"shared_bandwidth": 4},
        {"per_dataspace_bandwidth_consumption_scale": {"Weights": 0.5}},
        {"power_gated_at": "DRAM"},
        {"addr_gen_energy": 0.1},
        {"min_utilization": 0.5},
        {"energy_per_hop": 0.1},
        {"network_fill_latency": 5},
    ],
)
def test_the_exact_search_hands_over_what_its_bounds_do_not_count(attributes: dict[str, Any]) -> None:
    assert recognise(SPACE) is not None
    assert recognise(replace(SPACE, spec=buffer(**attributes))) is None


def test_a_shared_bandwidth_makes_the_best_latency_longer() -> None:
    free = find_best([SPACE], "latency")
    shared = find_best([replace(SPACE, spec=buffer(shared_bandwidth=2))], "latency", deadline=after_looks(100))
    assert shared.cost[0] > free.cost[0]
    assert shared.certificate.lower_bound <= shared.cost[0]


def test_attributes_that_say_nothing_leave_the_exact_search_in_place() -> None:
    spec = buffer(
        min_utilization=0, power_gated_at="GlobalBuffer", addr_gen_energy=-1, allow_overbooking=False,
        per_dataspace_bandwidth_consumption_scale={"Weights": 1},
    )  # fmt: skip
    assert recognise(replace(SPACE, spec=spec)) is not None


def test_power_is_gated_at_a_level_that_exists() -> None:
    with pytest.raises(UnknownNameError, match=r"GlobalBuffer.power_gated_at 'Global'; did you mean 'GlobalBuffer'"):
        buffer(power_gated_at="Global")


def test_a_least_utilisation_is_of_a_capacity() -> None:
    files = read_inputs(golden_files("base-conv3x3")).config
    (top,) = files["architecture"]["subtree"]
    top["local"][0]["attributes"]["min_utilization"] = 0.1
    with pytest.raises(SpecError, match=r"min_utilization is 0.1, of no capacity"):
        read_spec(files["architecture"], files["problem"], files["ERT"])


def test_a_huge_array_takes_the_room_of_what_is_in_use(tmp_path: Path) -> None:
    folder = SPECS.parent / "model" / "mac-without-compute"
    found = []
    for name, last in (("small", 7), ("huge", 2**36 - 1)):
        files = [tmp_path / f"{name}-{part}.yaml" for part in ("arch", "ert", "mapping", "problem")]
        for path in files:
            text = (folder / path.name.partition("-")[2]).read_text(encoding="utf-8")
            path.write_text(text.replace("PE[0..7]", f"PE[0..{last}]"), encoding="utf-8")
        found.append(run_model(files, tmp_path / name))
    small, huge = found
    assert (huge.cycles, huge.computes) == (small.cycles, small.computes)
    assert huge.utilization == pytest.approx(small.utilization / 2**33)
