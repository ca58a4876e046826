"""What the cost model knows of an architecture, a problem and the energies, read from Timeloop's YAML.

Levels are ordered innermost first. What Timeloop would read and this model does not know is refused by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from flexloop.embedded.architecture import read_architecture
from flexloop.embedded.ert import COMPUTE, read_art, read_ert
from flexloop.embedded.levels import ArithmeticSpec, StorageSpec, fanouts_xy
from flexloop.embedded.networks import NetworkSpec, read_networks
from flexloop.embedded.problem import DataSpace, Problem, read_problem
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError

MAX_CYCLES = 2**62
"""Cycles that are counted at most; they are 64-bit numbers."""

__all__ = ["ArithmeticSpec", "DataSpace", "Problem", "Spec", "StorageSpec", "read_config", "read_spec"]


@dataclass(frozen=True)
class Spec:
    """Architecture, problem and energies, ready to cost mappings.

    Attributes:
        levels: storage levels, innermost first.
        mac: the arithmetic level.
        problem: the problem.
        networks: those between the levels, by name.
        network_latency: cycles that they add to every mapping (rule 28).
    """

    levels: tuple[StorageSpec, ...]
    mac: ArithmeticSpec
    problem: Problem
    networks: tuple[NetworkSpec, ...] = ()
    network_latency: int = 0

    @cached_property
    def level_names(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return tuple(level.name for level in self.levels)

    @cached_property
    def data_space_names(self) -> tuple[str, ...]:
        """Names of the data spaces, in the problem's order."""
        return tuple(space.name for space in self.problem.data_spaces)

    @cached_property
    def fanout_xy(self) -> tuple[tuple[int, int], ...]:
        """For each storage level, instances of the next inner level below one of its own, along X and along Y."""
        return fanouts_xy(self.mac, self.levels)

    @cached_property
    def fanouts(self) -> frozenset[str]:
        """Names of the levels with more than one instance of the next inner level below them."""
        return frozenset(n for n, (x, y) in zip(self.level_names, self.fanout_xy, strict=True) if x * y > 1)

    @cached_property
    def costly_networks(self) -> tuple[NetworkSpec, ...]:
        """The networks that may use energy."""
        return tuple(network for network in self.networks if network.costs)

    def without_energies(self, idle: Collection[str] = ()) -> tuple[str, ...]:
        """Names of the components that the ERT has no energies for, where Timeloop counts with its own figures.

        Args:
            idle: levels that keep no data space and so need none, as Timeloop's dummy levels do.
        """
        return tuple(c.name for c in (self.mac, *self.levels) if c.energy_source == "PAT" and c.name not in idle)

    def require_energies(self, idle: Collection[str] = ()) -> None:
        """Refuse components without energies.

        Args:
            idle: as `without_energies`.

        Raises:
            SpecError: if another component has none.
        """
        for name in self.without_energies(idle):
            raise SpecError(
                f"ERT: no table for {name}, or none with actions; add one with its actions "
                f"({', '.join(COMPUTE) if name == self.mac.name else 'read, write, update'}) and their energies in pJ"
            )


def read_spec(
    architecture: Mapping[str, Any], problem: Mapping[str, Any], ert: Mapping[str, Any] | None, art: Any = None
) -> Spec:
    """Read the contents of Timeloop's keys ``architecture``, ``problem``, ``ERT`` and, for areas alone, ``ART``.

    Raises:
        SpecError: a field that is missing or wrong, by name and value; a component without a table in the ERT.
        UnsupportedError: a feature that is not modelled.
    """
    spec = _read(architecture, problem, ert, art)
    spec.require_energies()
    return spec


def _read(architecture: Mapping[str, Any], problem: Mapping[str, Any], ert: Mapping[str, Any] | None, art: Any) -> Spec:
    levels, mac = read_architecture(architecture, {} if ert is None else read_ert(ert), read_art(art))
    shape = read_problem(problem)
    spaces = [space.name for space in shape.data_spaces]
    networks, latency = read_networks(architecture, levels, mac, spaces, ert)
    spec = Spec(levels, mac, shape, networks, latency)
    for level in levels:
        for name, _ in level.bandwidth_scale:
            if name not in spec.data_space_names:
                raise UnknownNameError(f"data space in {level.name}'s bandwidth scale", name, spec.data_space_names)
        _check_cycles(level, spec.problem)
    return spec


def _check_cycles(level: StorageSpec, problem: Problem) -> None:
    """Refuse a bandwidth at which the cycles of some mapping could exceed 64 bits."""
    scale = max(1.0, *(scale for _, scale in level.bandwidth_scale), 1.0)
    words = 4 * len(problem.data_spaces) * prod(problem.bounds.values()) * problem.words_per_compute * scale
    slowest = min(level.read_bandwidth, level.write_bandwidth, level.shared_bandwidth)
    if words / MAX_CYCLES > slowest:
        raise UnsupportedError(
            f"{level.name}: at {slowest:.4g} words a cycle a mapping may take more than 2^62 cycles; "
            "give a larger bandwidth"
        )


def refuse_unmodelled(config: Mapping[str, Any]) -> None:
    """Refuse a configuration with sparse optimizations, a layout or variables that nobody put into their places.

    Raises:
        UnsupportedError: by name.
    """
    for key in ("sparse_optimizations", "layout", "variables"):
        if config.get(key):
            raise UnsupportedError(f"{key} is not modelled; remove it")


def read_config(config: Mapping[str, Any]) -> Spec:
    """Read a whole configuration, as merged from the files given to one of Timeloop's programs.

    Components without energies pass, and without an ERT all do: whether they need any, the mapping decides (see
    `Spec.require_energies`).

    Raises:
        SpecError: as `read_spec`; or if there is no architecture or problem.
        UnsupportedError: as `read_spec`; sparse optimizations, layouts and variables among it.
    """
    refuse_unmodelled(config)
    architecture = config.get("arch", config.get("architecture"))
    for key, content in (("architecture", architecture), ("problem", config.get("problem"))):
        if content is None:
            raise SpecError(f"no {key} is given; add a file with the top-level key {key}")
    assert architecture is not None
    return _read(architecture, config["problem"], config.get("ERT"), config.get("ART"))
