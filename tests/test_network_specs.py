"""Networks between levels: one counted by hand, and descriptions that contradict themselves.

That they count as Timeloop counts them is in `test_recorded_runs`.
"""

from __future__ import annotations

from typing import Any

import pytest
from nasty_spaces import document

from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_config
from flexloop.errors import FlexloopError, SpecError, UnsupportedError
from flexloop.timeloop.mapping import LevelMapping, Mapping


def row_of_four(
    outer: dict[str, Any] | None = None,
    inner: dict[str, Any] | None = None,
    networks: tuple[dict[str, Any], ...] = (),
    tables: tuple[dict[str, Any], ...] = (),
) -> Spec:
    """DRAM (L2) and four buffers (L1) in a row, with further attributes, networks and tables of energies."""
    config = document([None, 64], [4, 1], {"M": 4, "K": 1, "N": 1})
    node = config["architecture"]["subtree"][0]
    node["local"][0]["attributes"] |= outer or {}
    node["subtree"][0]["local"][0]["attributes"] |= inner or {}
    node["local"] += networks
    config["ERT"]["tables"] += tables
    return read_config(config)


SPREAD = Mapping(
    (
        LevelMapping("L1", keep=("A", "B", "Z")),
        LevelMapping("L2", spatial_factors={"M": 4}, spatial_permutation=("M",), split=1, keep=("A", "B", "Z")),
    )
)
"""A row of the outputs in each buffer."""


def test_each_word_pays_for_its_way() -> None:
    # Columns 0 to 3 are as many hops away: a word of A and one of Z for each is 6 hops, the word of B for all is 3.
    found = evaluate(row_of_four({"energy_per_hop": 2.0}), SPREAD)
    (network,) = found.networks
    assert network.name == "L2 <==> L1"
    assert {name: traffic.energy_pj for name, traffic in network.tensors.items()} == {"A": 12.0, "B": 6.0, "Z": 12.0}
    assert found.energy_pj == pytest.approx(evaluate(row_of_four(), SPREAD).energy_pj + 30.0)


def test_latencies_add_to_the_cycles() -> None:
    slow = {"network_fill_latency": 5, "network_drain_latency": 3}
    assert evaluate(row_of_four(slow), SPREAD).cycles == evaluate(row_of_four(), SPREAD).cycles + 8


READ = {"network_read": "bus"}, {"network_fill": "bus"}
BUS = {"name": "bus", "class": "SimpleMulticast", "attributes": {"action_name": "send"}}
SENT = {"name": "send", "energy": 1.0, "arguments": {"n": 4}}


@pytest.mark.parametrize(
    ("error", "reason", "design"),
    [
        (SpecError, "network_read is 'bus', but .* is None: name one network at both", ({"network_read": "bus"},)),
        (SpecError, "network 'bus' not found", READ),
        (
            SpecError,
            "bus is a ReductionTree; it can carry updates alone",
            (*READ, ({"name": "bus", "class": "ReductionTree"},)),
        ),
        (SpecError, "no table for the network bus; add one with the action send", (*READ, (BUS,))),
        (
            SpecError,
            "bus has several entries of send in the ERT; name the argument",
            (*READ, (BUS,), ({"name": "top.bus", "actions": [SENT, SENT]},)),
        ),
        (UnsupportedError, "network_type is 'M:N': .* write one of 1:1, 1:N", ({"network_type": "M:N"},)),
    ],
)  # fmt: skip
def test_networks_that_cannot_be(error: type[FlexloopError], reason: str, design: tuple[Any, ...]) -> None:
    with pytest.raises(error, match=reason):
        row_of_four(*design)
