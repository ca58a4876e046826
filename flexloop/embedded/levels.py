"""A storage level and the arithmetic level, as `flexloop.embedded.architecture` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

DEFAULT_WORD_BITS = 16

_UNREACHED = 2**60
"""Words that no tile of a problem takes whose counts are exact."""


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """What storage levels and MACs have in common.

    Attributes:
        name: the component's name, without its range of instances.
        instances: how many there are.
        mesh_x: instances along X; those along Y follow.
        word_bits: bits of a word, or of an operand.
        energy_source: ``ERT``, ``user`` where an attribute of storage overrides the table, or ``PAT`` where there is no
            table and an attribute of the MACs or Timeloop's own figure counts (see `flexloop.embedded.builtin`).
        missing_actions: accesses, or ``computes``, that its table in the ERT has no action for; the figures of ``PAT``
            count for them.
        area: um^2 of one instance.
    """

    name: str
    instances: int
    mesh_x: int
    word_bits: int
    energy_source: str = "ERT"
    missing_actions: tuple[str, ...] = ()
    area: float = 0.0

    @property
    def mesh_y(self) -> int:
        """Instances along Y."""
        return self.instances // self.mesh_x


@dataclass(frozen=True, kw_only=True)
class StorageSpec(ComponentSpec):
    """One storage level.

    Attributes:
        capacity: words that a tile may occupy, or None where unbounded.
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
        min_utilization: the least share of the capacity that tiles must fill.
        allow_overbooking: whether tiles of sparse data may exceed the capacity; dense ones may not, but it is said
            in other words.
        power_gated_at: the level whose instances switch this one's on and off; its own name where each has a switch.
        address_energy: pJ of generating one address, over the instances of a cluster.
        reduces: whether it can add to what it stores.
    """

    capacity: int | None
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
    min_utilization: float = 0.0
    allow_overbooking: bool = False
    power_gated_at: str = ""
    address_energy: float = 0.0
    reduces: bool = True

    @property
    def tile_limit(self) -> int | None:
        """The capacity as tiles are compared with it: one that no tile reaches is as good as another."""
        return None if self.capacity is None else min(self.capacity, _UNREACHED)


@dataclass(frozen=True, kw_only=True)
class ArithmeticSpec(ComponentSpec):
    """The MACs, which use ``compute_energy`` pJ for one computation."""

    compute_energy: float


def fanouts_xy(mac: ArithmeticSpec, levels: Sequence[StorageSpec]) -> tuple[tuple[int, int], ...]:
    """For each storage level, instances of the next inner level below one of its own, along X and along Y."""
    inner: list[ComponentSpec] = [mac, *levels[:-1]]
    return tuple((i.mesh_x // o.mesh_x, i.mesh_y // o.mesh_y) for i, o in zip(inner, levels, strict=True))
