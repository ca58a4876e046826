"""Results of runs: figures in SI units, whole, by component, of several layers, and as tables."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from flexloop.errors import EngineError, SpecError
from flexloop.timeloop_api.output_files import component_areas, read_output
from flexloop.timeloop_api.output_parsing import MultipliableDict, OutputStats, OutputStatsList

GOLDEN = Path(__file__).parent / "golden"


def layer(cycles: int, computes: int, dram: float, bits: int = 8) -> OutputStats:
    """A layer on a buffer of 3 um^2 and a MAC of 1 um^2."""
    return OutputStats(
        percent_utilization=100 * computes / cycles,
        computes=computes,
        cycles=cycles,
        cycle_seconds=2e-9,
        per_component_energy={"mac": 1e-12 * computes, "DRAM": dram},
        per_component_area={"mac": 1e-12, "buffer": 3e-12},
        variables={"BITS": bits, "encode": math.sqrt},
        accesses={"DRAM": {"reads": 10, "fills": 0, "updates": 5}},
        mapping="DRAM [ ]",
        optimal=True,
        gap=0.0,
    )


def test_what_follows_from_the_figures() -> None:
    stats = layer(cycles=100, computes=50, dram=150e-12)
    assert stats.latency == pytest.approx(200e-9)
    assert stats.energy == pytest.approx(200e-12)
    assert stats.area == pytest.approx(4e-12)
    assert stats.computes_per_second == pytest.approx(50 / 200e-9)
    assert stats.computes_per_joule == pytest.approx(50 / 200e-12)
    assert stats.computes_per_second_per_square_meter == pytest.approx(50 / 200e-9 / 4e-12)
    assert stats.per_compute("energy") == pytest.approx(4e-12)
    assert stats.per_compute("per_component_energy") == pytest.approx({"mac": 1e-12, "DRAM": 3e-12, "buffer": 0.0})
    assert stats.per_component("area") == {"mac": 1e-12, "DRAM": 0.0, "buffer": 3e-12}
    assert stats.access("cycles") == 100
    assert stats.access("BITS") == 8
    with pytest.raises(AttributeError, match="'VOLTS' is neither"):
        stats.access("VOLTS")


def test_without_area_or_energy_efficiency_is_infinite() -> None:
    stats = OutputStats(100.0, 1, 1, 1e-9, {"mac": 0.0}, {}, {})
    assert (stats.area, stats.computes_per_joule, stats.computes_per_second_per_square_meter) == (0, math.inf, math.inf)


def test_layers_of_a_network_are_summed_and_the_hardware_is_there_once() -> None:
    total = OutputStatsList([layer(100, 50, 1e-10), layer(300, 150, 2e-10)]).aggregate()
    assert (total.cycles, total.computes, total.percent_utilization) == (400, 200, 50.0)
    assert total.energy == pytest.approx(5e-10)
    assert total.area == pytest.approx(4e-12)
    assert total.accesses == {"DRAM": {"reads": 20, "fills": 0, "updates": 10}}
    assert total.optimal is True
    with pytest.raises(ValueError, match="no results"):
        OutputStatsList().aggregate()


def test_results_are_grouped_by_attributes_and_variables() -> None:
    results = OutputStatsList([layer(100, 50, 0.0, 8), layer(100, 50, 0.0, 4), layer(200, 50, 0.0, 8)])
    assert [(r.cycles, r.access("BITS")) for r in results.aggregate_by("BITS")] == [(300, 8), (100, 4)]
    assert [len(group) for group in results.split_by("BITS", "cycles")] == [1, 1, 1]


def test_components_are_combined_and_empty_ones_left_out() -> None:
    results = OutputStatsList([layer(100, 50, 1e-10)])
    results.combine_per_component_area_energy(["buffer", "DRAM"], "memory")
    assert results[0].per_component_energy == pytest.approx({"mac": 5e-11, "memory": 1e-10})
    assert results[0].per_component_area == {"mac": 1e-12, "memory": 3e-12}
    with pytest.raises(KeyError, match="router"):
        results[0].combine_per_component_energy(["router", "mac"], "rest")
    results[0].per_component_energy["idle"] = 0.0
    results.clear_zero_energies()
    assert set(results[0].per_component_energy) == {"mac", "memory"}


def test_results_travel_between_processes_functions_by_their_names() -> None:
    stats = pickle.loads(pickle.dumps(layer(100, 50, 1e-10)))  # noqa: S301 - our own
    assert stats.variables == {"BITS": 8, "encode": "function sqrt"}
    assert stats.per_component_energy * 1e12 == pytest.approx({"mac": 50.0, "DRAM": 100.0, "buffer": 0.0})
    assert isinstance(2 * stats.per_component_area / 4, MultipliableDict)


def test_tables_of_components_and_of_results() -> None:
    one = layer(100, 50, 1e-10)
    components = one.to_dataframe()
    assert components.loc["DRAM", "reads"] == 10
    assert components["energy"].sum() == pytest.approx(one.energy)
    table = OutputStatsList([one, layer(200, 50, 2e-10, 4)]).to_dataframe("BITS", "cycle_seconds")
    assert table["BITS"].tolist() == [8, 4]
    assert table["energy of DRAM"].tolist() == [1e-10, 2e-10]
    assert table["latency"].tolist() == pytest.approx([200e-9, 400e-9])


def test_areas_count_the_instances_in_the_names() -> None:
    art = {"tables": [{"name": "system.chip.PE[0..3].lane[1..2].mac[1..2]", "area": 5}, {"name": "DRAM", "area": 0}]}
    assert component_areas(art) == pytest.approx({"mac": 80e-12, "DRAM": 0.0})
    with pytest.raises(SpecError, match="no list of tables"):
        component_areas({})
    with pytest.raises(SpecError, match="no area"):
        component_areas({"tables": [{"name": "DRAM"}]})


def test_a_folder_without_a_report(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no report"):
        read_output(tmp_path)


def test_the_files_of_a_run_of_timeloop() -> None:
    stats = read_output(Path(__file__).parent / "data" / "timeloop")
    per_compute = {name: round(1e15 * energy, 2) for name, energy in stats.per_compute("per_component_energy").items()}
    assert per_compute == {"MAC": 560.00, "Spad": 613.80, "GlobalBuffer": 1219.75, "DRAM": 342.40}
    assert (stats.cycles, stats.computes, round(stats.percent_utilization, 2)) == (1474817, 57802752, 15.31)
    assert (stats.area, stats.mapping) == (0.0, None)
