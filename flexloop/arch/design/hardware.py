"""A design's hardware: its chain of storage levels, the fanouts between them, and the same at other extents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from flexloop.arch.extents import Extents, Fanout
from flexloop.embedded.levels import ArithmeticSpec, StorageSpec, fanouts_xy
from flexloop.errors import UnsupportedError
from flexloop.integers import divisors

MAX_SHAPES = 10_000
"""Assignments of extents above which a design is refused."""


@dataclass(frozen=True)
class Part:
    """A component that Timeloop reads.

    Attributes:
        name: without its range of instances.
        kind: its class.
        attributes: as the file gives them, what follows from extents left out.
        is_network: whether it stands between levels.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any]
    is_network: bool


@dataclass(frozen=True)
class Hardware:
    """What Timeloop reads of an architecture.

    Attributes:
        levels: storage levels, innermost first.
        mac: the arithmetic.
        parts: all components, innermost first.
    """

    levels: tuple[StorageSpec, ...]
    mac: ArithmeticSpec
    parts: tuple[Part, ...] = field(compare=False)

    @classmethod
    def read(cls, architecture: Mapping[str, Any]) -> Hardware:
        """Read what stands under Timeloop's key ``architecture``, in any of its native versions.

        Raises:
            SpecError, UnsupportedError: as the cost model reads it.
        """
        # These in turn need to know of archs.
        from flexloop.embedded.architecture import read_architecture
        from flexloop.embedded.components import base_name, components, own_attributes
        from flexloop.embedded.fields import Fields

        levels, mac = read_architecture(architecture, {}, {})
        drams = {level.name for level in levels if level.technology == "DRAM"}
        parts = []
        for component, kind, _ in components(Fields(architecture, "architecture")):
            name = base_name(component)
            usual = "intmac" if kind == "compute" else "DRAM" if name in drams else "SRAM"
            own = own_attributes(component).content
            attributes = {key: value for key, value in own.items() if key not in _OF_TREE and value is not None}
            parts.append(Part(name, str(component.get("class") or usual), attributes, kind == "network"))
        return cls(levels, mac, tuple(parts))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the storage levels, innermost first."""
        return tuple(level.name for level in self.levels)

    @property
    def fanouts(self) -> tuple[Fanout, ...]:
        """The fanout below each level, innermost first."""
        return fanouts_xy(self.mac, self.levels)

    def fanout_levels(self) -> tuple[int, ...]:
        """Indices of the levels with more than one instance below one of theirs."""
        return tuple(i for i, (x, y) in enumerate(self.fanouts) if x * y > 1)

    def tree(self, extents: Extents) -> dict[str, Any]:
        """The architecture at some extents, as one list of components with the instances that each has in all."""
        meshes = self.meshes(extents)
        local = [
            {"name": part.name, "class": part.kind, "attributes": dict(part.attributes)}
            if part.is_network
            else _placed(part, *meshes[part.name])
            for part in reversed(self.parts)
        ]
        return {"version": 0.4, "subtree": [{"name": "system", "local": local}]}

    def meshes(self, extents: Extents) -> dict[str, Fanout]:
        """Instances along X and along Y of every component, by its name."""
        mesh = (self.levels[-1].mesh_x, self.levels[-1].mesh_y)
        found = {}
        for level, (x, y) in zip(reversed(self.levels), reversed(extents.fanouts), strict=True):
            found[level.name] = mesh
            mesh = (mesh[0] * x, mesh[1] * y)
        return found | {self.mac.name: mesh}

    def is_possible(self, extents: Extents) -> bool:
        """Whether instances that share a row (``cluster_size``) come out even at some extents."""
        meshes = self.meshes(extents)
        return all(prod(meshes[level.name]) % level.cluster_size == 0 for level in self.levels)


_OF_TREE = {"name", "class", "subclass", "required_actions", "enabled", "instances", "meshX", "meshY"}
"""What the place in a tree says of a component, or Accelergy alone reads."""


def _placed(part: Part, x: int, y: int) -> dict[str, Any]:
    attributes = {**part.attributes, "meshX": x, "meshY": y}
    return {"name": f"{part.name}[1..{x * y}]", "class": part.kind, "attributes": attributes}


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
    found: list[tuple[int, ...]] = []
    for n in divisors(total):
        found += [(n, *rest) for rest in _products(total // n, count - 1)]
        if len(found) > MAX_SHAPES:
            raise UnsupportedError(
                f"the flexible fanouts can share their {total} PEs in more than {MAX_SHAPES} ways; name fewer of them "
                "under flexible:"
            )
    return found
