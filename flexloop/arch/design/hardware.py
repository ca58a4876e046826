"""A design's hardware: its chain of storage levels, the fanouts between them, and the same at other extents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flexloop.engines.embedded.architecture import ArithmeticSpec, StorageSpec

Fanout = tuple[int, int]
"""Instances along X and along Y of what lies below one instance of a level."""


@dataclass(frozen=True)
class Extents:
    """The extents of all fanouts: a value of the shape axis.

    Attributes:
        fanouts: of each storage level, innermost first.
        flexible: indices of the levels whose fanouts the shape axis is about.
    """

    fanouts: tuple[Fanout, ...]
    flexible: tuple[int, ...]

    @property
    def X(self) -> int:
        """Instances along X of all flexible fanouts together."""
        return prod(self.fanouts[i][0] for i in self.flexible)

    @property
    def Y(self) -> int:
        """Instances along Y of all flexible fanouts together."""
        return prod(self.fanouts[i][1] for i in self.flexible)

    @property
    def pes(self) -> int:
        """Processing elements: what the flexible fanouts lead to."""
        return self.X * self.Y

    def __str__(self) -> str:
        """The extents of the flexible fanouts, outermost first."""
        return " of ".join(f"{self.fanouts[i][0]}x{self.fanouts[i][1]}" for i in reversed(self.flexible)) or "1x1"


@dataclass(frozen=True)
class Hardware:
    """What Timeloop reads of an architecture.

    Attributes:
        levels: storage levels, innermost first.
        mac: the arithmetic.
    """

    levels: tuple[StorageSpec, ...]
    mac: ArithmeticSpec

    @classmethod
    def read(cls, architecture: Mapping[str, Any]) -> Hardware:
        """Read what stands under Timeloop's key ``architecture``, in any of its native versions.

        Raises:
            SpecError, UnsupportedError: as the cost model reads it.
        """
        from flexloop.engines.embedded.architecture import read_architecture  # which in turn needs to know of archs

        return cls(*read_architecture(architecture, {}, {}))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return tuple(level.name for level in self.levels)

    @property
    def fanouts(self) -> tuple[Fanout, ...]:
        """The fanout below each level, innermost first."""
        inner: list[StorageSpec | ArithmeticSpec] = [self.mac, *self.levels[:-1]]
        return tuple((i.mesh_x // o.mesh_x, i.mesh_y // o.mesh_y) for i, o in zip(inner, self.levels, strict=True))

    def spreading(self) -> tuple[int, ...]:
        """Indices of the levels with more than one instance below one of theirs."""
        return tuple(i for i, (x, y) in enumerate(self.fanouts) if x * y > 1)

    def tree(self, extents: Extents) -> dict[str, Any]:
        """The architecture at some extents, as one list of components with the instances that each has in all."""
        top = self.levels[-1]
        mesh = (top.mesh_x, top.mesh_y)
        local = []
        for level, (x, y) in zip(reversed(self.levels), reversed(extents.fanouts), strict=True):
            local.append(_storage(level, mesh))
            mesh = (mesh[0] * x, mesh[1] * y)
        attributes = {"datawidth": self.mac.word_bits, "meshX": mesh[0], "meshY": mesh[1]}
        local.append({"name": _ranged(self.mac.name, mesh), "class": "intmac", "attributes": attributes})
        return {"version": 0.4, "subtree": [{"name": "system", "local": local}]}

    def is_possible(self, extents: Extents) -> bool:
        """Whether instances that share a row (``cluster_size``) come out even at some extents."""
        x, y = self.levels[-1].mesh_x, self.levels[-1].mesh_y
        for level, (fan_x, fan_y) in zip(reversed(self.levels), reversed(extents.fanouts), strict=True):
            if x * y % level.cluster_size:
                return False
            x, y = x * fan_x, y * fan_y
        return True


def _ranged(name: str, mesh: Fanout) -> str:
    return f"{name}[1..{mesh[0] * mesh[1]}]"


def _storage(level: StorageSpec, mesh: Fanout) -> dict[str, Any]:
    """A level with the attributes that Timeloop reads, those at their defaults left out."""
    attributes: dict[str, Any] = {
        "datawidth": level.word_bits,
        "block_size": level.block_size,
        "cluster_size": level.cluster_size,
        "width": level.word_bits * level.block_size * level.cluster_size,
        "meshX": mesh[0],
        "meshY": mesh[1],
    }
    if level.size is not None:
        attributes["entries"] = level.size
    if level.multiple_buffering != 1:
        attributes["multiple_buffering"] = level.multiple_buffering
    for name in ("read_bandwidth", "write_bandwidth", "shared_bandwidth"):
        if getattr(level, name) != inf:
            attributes[name] = getattr(level, name)
    if level.bandwidth_scale:
        attributes["per_dataspace_bandwidth_consumption_scale"] = dict(level.bandwidth_scale)
    if level.energy_source == "user":
        attributes["vector_access_energy"] = level.read_energy
    if level.address_energy:
        attributes["addr_gen_energy"] = level.address_energy
    if level.min_utilization:
        attributes["min_utilization"] = level.min_utilization
    if level.allow_overbooking:
        attributes["allow_overbooking"] = True
    if level.power_gated_at not in ("", level.name):
        attributes["power_gated_at"] = level.power_gated_at
    return {"name": _ranged(level.name, mesh), "class": level.technology, "attributes": attributes}


def assignments(fanouts: Sequence[Fanout], flexible: Sequence[int]) -> list[tuple[Fanout, ...]]:
    """Every assignment of extents to the mesh axes in use of the flexible fanouts, the number of PEs kept.

    Where one fanout alone is flexible, both of its axes are in use.
    """
    one = len(flexible) == 1
    axes = [(i, axis) for i in flexible for axis in (0, 1) if one or fanouts[i][axis] > 1]
    total = prod(fanouts[i][0] * fanouts[i][1] for i in flexible)
    found = []
    for extents in _products(total, len(axes)):
        chosen = [list(fanout) for fanout in fanouts]
        for (i, axis), extent in zip(axes, extents, strict=True):
            chosen[i][axis] = extent
        found.append(tuple((x, y) for x, y in chosen))
    return found


def _products(total: int, count: int) -> list[tuple[int, ...]]:
    """Every way to write a number as an ordered product of so many numbers."""
    if count == 0:
        return [()] if total == 1 else []
    if count == 1:
        return [(total,)]
    divisors = [n for n in range(1, total + 1) if total % n == 0]
    return [(n, *rest) for n in divisors for rest in _products(total // n, count - 1)]
