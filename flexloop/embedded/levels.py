"""A storage level and the arithmetic level, as `flexloop.embedded.architecture` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

DEFAULT_WORD_BITS = 16

_UNREACHED = 2**60
"""Words that no tile of a problem takes whose counts are exact."""


@dataclass(frozen=True)
class StorageSpec:
    """One storage level.

    Attributes:
        name: the component's name, without its range of instances.
        instances: how many there are.
        mesh_x: instances along X; those along Y follow.
        capacity: words that a tile may occupy, or None where unbounded.
        word_bits: bits of a word.
        block_size: words of one row, read or written by one access.
        cluster_size: instances that share a row.
        read_bandwidth, write_bandwidth, shared_bandwidth: words a cycle of one instance (inf: unlimited).
        multiple_buffering: the divisor of the capacity.
        size: words that the level holds before multiple buffering, or None.
        read_energy, write_energy, update_energy: pJ of one access of a row.
        leakage: pJ of one instance a cycle.
        bandwidth_scale: data spaces whose words count more or less than one in the bandwidths.
        technology: ``DRAM`` or ``SRAM``, from the class.
        highest_energy: pJ of the costliest action, over the instances of a cluster; reported only.
        energy_source: ``ERT``, ``user`` where an attribute overrides the table, or ``PAT`` where there is neither
            and Timeloop's own figures count (see `flexloop.embedded.builtin`).
        missing_actions: accesses that the level's table in the ERT has no action for; Timeloop's own figures count.
        area: um^2 of one instance.
        min_utilization: the least share of the capacity that tiles must fill.
        allow_overbooking: whether tiles of sparse data may exceed the capacity; dense ones may not, but it is said
            in other words.
        power_gated_at: the level whose instances switch this one's on and off; its own name where each has a switch.
        address_energy: pJ of generating one address, over the instances of a cluster.
        reduces: whether it can add to what it stores.
    """

    name: str
    instances: int
    mesh_x: int
    capacity: int | None
    word_bits: int
    block_size: int
    cluster_size: int
    read_bandwidth: float
    write_bandwidth: float
    multiple_buffering: float
    size: int | None
    read_energy: float
    write_energy: float
    update_energy: float
    leakage: float
    shared_bandwidth: float = inf
    bandwidth_scale: tuple[tuple[str, float], ...] = ()
    technology: str = "SRAM"
    highest_energy: float = 0.0
    energy_source: str = "ERT"
    missing_actions: tuple[str, ...] = ()
    area: float = 0.0
    min_utilization: float = 0.0
    allow_overbooking: bool = False
    power_gated_at: str = ""
    address_energy: float = 0.0
    reduces: bool = True

    @property
    def tile_limit(self) -> int | None:
        """The capacity as tiles are compared with it: one that no tile reaches is as good as another."""
        return None if self.capacity is None else min(self.capacity, _UNREACHED)

    @property
    def mesh_y(self) -> int:
        """Instances along Y."""
        return self.instances // self.mesh_x


@dataclass(frozen=True)
class ArithmeticSpec:
    """The MACs.

    Attributes:
        name: the component's name, without its range of instances.
        instances: how many there are.
        mesh_x: instances along X; those along Y follow.
        word_bits: bits of an operand.
        compute_energy: pJ of one computation.
        energy_source: ``ERT``, or ``PAT`` where it has no table and Timeloop's own figure or an attribute counts.
        missing_actions: ``computes`` where its table in the ERT has none, so that one of those figures counts.
        area: um^2 of one instance.
    """

    name: str
    instances: int
    mesh_x: int
    word_bits: int
    compute_energy: float
    energy_source: str = "ERT"
    missing_actions: tuple[str, ...] = ()
    area: float = 0.0

    @property
    def mesh_y(self) -> int:
        """Instances along Y."""
        return self.instances // self.mesh_x
