"""What Timeloop's programs report of a mapping, as records; `flexloop.timeloop.statswriter` writes them as it does.

What cannot be known without Timeloop's area model is None.
"""

from __future__ import annotations

from dataclasses import dataclass

from flexloop.timeloop.network_writer import NetworkReport


@dataclass(frozen=True)
class MacReport:
    """The arithmetic level: its specification and what a mapping makes of it. Energies in pJ, areas in um^2."""

    name: str
    word_bits: int
    instances: int
    mesh_x: int
    mesh_y: int
    compute_energy: float
    used: int
    computes: int
    cycles: int
    energy: float
    area: float


@dataclass(frozen=True)
class TensorReport:
    """One data space at a level that keeps it; accesses, energy and bandwidths are of one instance.

    Attributes:
        name: of the data space.
        read_write: whether it is updated.
        partition: words that are the instance's own.
        capacity: words of its tile.
        used: instances in use.
        clusters: rows in use, where instances share rows.
        reads, fills, updates, reductions: accesses in words.
        energy: pJ.
        address_energy: pJ of the addresses that one cluster generates.
        scale: what a word counts for in the bandwidths.
        read_bandwidth, write_bandwidth, shared_bandwidth: words a cycle, throttling included; the last of both kinds.
    """

    name: str
    read_write: bool
    partition: int
    capacity: int
    used: int
    clusters: int
    reads: int
    fills: int
    updates: int
    reductions: int
    energy: float
    address_energy: float
    scale: float
    read_bandwidth: float
    write_bandwidth: float
    shared_bandwidth: float

    @property
    def accesses(self) -> int:
        """Reads, fills and updates of all instances."""
        return self.used * (self.reads + self.fills + self.updates)


@dataclass(frozen=True)
class LevelReport:
    """A storage level: its specification and what a mapping makes of it.

    Attributes:
        name, technology, word_bits, block_size, cluster_size, instances, mesh_x, mesh_y, multiple_buffering: of the
            component.
        size, effective_size: words, before and after multiple buffering; None if unlimited.
        shared_bandwidth, read_bandwidth, write_bandwidth: words a cycle; None if unlimited.
        highest_energy: pJ of the costliest access.
        energy_source: where it is from.
        leakage: pJ of one instance a cycle.
        min_utilization: the least share of the capacity that tiles must fill.
        gated_together: instances that one switch turns on and off.
        working, powered: instances in use, and those that leak.
        leaked: pJ in all.
        area: um^2 of one instance.
        cycles: that the level takes.
        slowdown: 1 where it keeps up with the MACs, or below.
        tensors: the data spaces that it keeps.
        data_spaces: names of all data spaces of the problem.
    """

    name: str
    technology: str
    word_bits: int
    block_size: int
    cluster_size: int
    instances: int
    mesh_x: int
    mesh_y: int
    multiple_buffering: float
    size: int | None
    effective_size: int | None
    shared_bandwidth: float | None
    read_bandwidth: float | None
    write_bandwidth: float | None
    highest_energy: float
    energy_source: str
    leakage: float
    min_utilization: float
    gated_together: float
    working: int
    powered: float
    leaked: float
    area: float
    cycles: int
    slowdown: float
    tensors: tuple[TensorReport, ...]
    data_spaces: tuple[str, ...]

    @property
    def accesses(self) -> int:
        """Words read, filled and updated in all instances."""
        return sum(tensor.accesses for tensor in self.tensors)

    @property
    def energy(self) -> float:
        """Energy of all instances, pJ, in Timeloop's order: each data space with its share of the leakage."""
        own = {t.name: t.energy * t.used + t.address_energy * t.clusters for t in self.tensors}
        return sum(own.get(name, 0.0) + self.leaked / len(self.data_spaces) for name in self.data_spaces)


@dataclass(frozen=True)
class Report:
    """Everything that ``stats.txt`` holds.

    Attributes:
        mac: the MACs.
        levels: storage levels, innermost first.
        cycles: in all, networks included.
        utilization: of the MACs over these cycles.
        networks: those that may use energy, by name.
        network_names: of all networks.
    """

    mac: MacReport
    levels: tuple[LevelReport, ...]
    cycles: int
    utilization: float
    networks: tuple[NetworkReport, ...] = ()
    network_names: tuple[str, ...] = ()

    @property
    def energy(self) -> float:
        """Energy of everything, pJ, summed in Timeloop's order."""
        parts = [level.energy for level in self.levels] + [network.stats.energy_pj for network in self.networks]
        return sum(parts, start=self.mac.energy)
