"""Read Timeloop's architecture, problem and energy table into one immutable specification.

Levels are ordered innermost first. What Timeloop would read and this model does not know is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import floor, inf, isfinite
from typing import Any

from flexloop.errors import SpecError, UnknownNameError, UnsupportedError

_RANGE = re.compile(r"(?P<name>[^\[\]]+)\[(?P<first>\d+)\.\.(?P<last>\d+)\]")
_STORAGE_CLASSES = {"dram", "sram", "regfile", "smartbuffer_sram", "smartbuffer_rf", "storage", "cache", "buffer"}
_ARITHMETIC_CLASSES = re.compile(r".*(mac|mult|adder|compute|alu).*", re.IGNORECASE)
_MAX = 2**40


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
        read_bandwidth, write_bandwidth: words a cycle of one instance (inf: unlimited).
        multiple_buffering: the divisor of the capacity.
        size: words that the level holds before multiple buffering, or None.
        read_energy, write_energy, update_energy: pJ of one access of a row.
        leakage: pJ of one instance a cycle.
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

    @property
    def mesh_y(self) -> int:
        """Instances along Y."""
        return self.instances // self.mesh_x


@dataclass(frozen=True)
class ArithmeticSpec:
    """The arithmetic units: instances, instances along X, operand bits, and pJ of one computation."""

    name: str
    instances: int
    mesh_x: int
    word_bits: int
    compute_energy: float

    @property
    def mesh_y(self) -> int:
        """Instances along Y."""
        return self.instances // self.mesh_x


@dataclass(frozen=True)
class DataSpace:
    """One data space: for each rank the dimensions that index it with their coefficients."""

    name: str
    projection: tuple[tuple[tuple[str, int], ...], ...]
    read_write: bool


@dataclass(frozen=True)
class Problem:
    """A problem shape and its instance."""

    name: str
    dimensions: tuple[str, ...]
    bounds: dict[str, int]
    data_spaces: tuple[DataSpace, ...]


@dataclass(frozen=True)
class Spec:
    """Architecture, problem and energies, ready to cost mappings.

    Attributes:
        levels: storage levels, innermost first.
        mac: the arithmetic level.
        problem: the problem.
    """

    levels: tuple[StorageSpec, ...]
    mac: ArithmeticSpec
    problem: Problem
    _index: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

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
        inner: list[StorageSpec | ArithmeticSpec] = [self.mac, *self.levels[:-1]]
        return tuple((i.mesh_x // o.mesh_x, i.mesh_y // o.mesh_y) for i, o in zip(inner, self.levels, strict=True))

    @cached_property
    def fanouts(self) -> frozenset[str]:
        """Names of the levels with more than one instance of the next inner level below them."""
        return frozenset(n for n, (x, y) in zip(self.level_names, self.fanout_xy, strict=True) if x * y > 1)


def read_spec(architecture: Mapping[str, Any], problem: Mapping[str, Any], ert: Mapping[str, Any] | None) -> Spec:
    """Read the contents of Timeloop's keys ``architecture``, ``problem`` and ``ERT``.

    Raises:
        SpecError: a field that is missing or wrong, by name and value; no ERT.
        UnsupportedError: a feature that is not modelled (sparse optimizations, densities, several arithmetic levels).
    """
    components = _components(architecture)
    if not components or components[-1].arithmetic is False:
        raise SpecError("architecture: the innermost component must be an arithmetic unit, such as class: intmac")
    if any(c.arithmetic for c in components[:-1]):
        raise UnsupportedError("architecture: more than one arithmetic level is not modelled")
    if len(components) < 2:
        raise SpecError("architecture: there is no storage level")
    energies = _read_ert(ert)
    levels = tuple(_storage(c, energies) for c in reversed(components[:-1]))
    mac = _arithmetic(components[-1], energies)
    names = [level.name for level in levels] + [mac.name]
    if twice := [n for n in names if names.count(n) > 1]:
        raise SpecError(f"architecture: the name {twice[0]!r} stands twice")
    spec = Spec(levels, mac, _problem(problem))
    _check_meshes(spec)
    return spec


@dataclass(frozen=True)
class _Component:
    name: str
    path: str
    component: str
    instances: int
    attributes: Mapping[str, Any]

    @property
    def arithmetic(self) -> bool:
        return self.component.lower() not in _STORAGE_CLASSES and bool(_ARITHMETIC_CLASSES.fullmatch(self.component))


def _components(architecture: Any) -> list[_Component]:
    """Every component of the tree, outermost first."""
    if not isinstance(architecture, Mapping):
        raise SpecError("architecture: must be a mapping with version and subtree")
    if "nodes" in architecture:
        raise UnsupportedError("architecture.nodes: the v4 format is not read here; give version 0.4 with subtree")
    found: list[_Component] = []
    node: Any = architecture
    prefix, instances = "", 1
    inherited: dict[str, Any] = {}
    while True:
        subtree = node.get("subtree")
        if subtree is None:
            return found
        if not isinstance(subtree, list) or len(subtree) != 1 or not isinstance(subtree[0], Mapping):
            raise UnsupportedError(f"architecture: subtree of {prefix or 'the root'} must be a list of one node")
        node = subtree[0]
        name, count = _ranged(node.get("name"))
        prefix = f"{prefix}.{node['name']}" if prefix else str(node["name"])
        instances *= count
        inherited = {**inherited, **_attributes(node, prefix)}
        for local in node.get("local") or []:
            if not isinstance(local, Mapping) or "class" not in local:
                raise SpecError(f"architecture: a component of {prefix} has no name and class")
            own, several = _ranged(local.get("name"))
            if "sparse_optimizations" in local or "compound_config" in local:
                raise UnsupportedError(f"architecture: sparse optimizations of {own} are not modelled")
            attributes = {**inherited, **_attributes(local, own)}
            path = f"{prefix}.{local['name']}"
            found.append(_Component(own, path, str(local["class"]), instances * several, attributes))


def _attributes(node: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    attributes = node.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise SpecError(f"architecture: attributes of {where} is no mapping")
    return attributes


def _ranged(name: Any) -> tuple[str, int]:
    if not isinstance(name, str) or not name:
        raise SpecError(f"architecture: a node's name is {name!r}, not text")
    match = _RANGE.fullmatch(name)
    if match is None:
        return name, 1
    count = int(match["last"]) - int(match["first"]) + 1
    if count < 1 or count > _MAX:
        raise SpecError(f"architecture: the range of {name!r} holds {count} instances")
    return match["name"], count


def _number(attributes: Mapping[str, Any], names: tuple[str, ...], where: str, default: float) -> float:
    for name in names:
        if name in attributes:
            value = attributes[name]
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value <= 0:
                raise SpecError(f"architecture: {where}.{name} is {value!r}, not a number above 0")
            if value > _MAX:
                raise SpecError(f"architecture: {where}.{name} is {value!r}, above {_MAX}")
            return value
    return default


def _whole(attributes: Mapping[str, Any], names: tuple[str, ...], where: str, default: int) -> int:
    value = _number(attributes, names, where, default)
    if value != int(value):
        raise SpecError(f"architecture: {where}.{names[0]} is {value!r}, not a whole number")
    return int(value)


def _storage(component: _Component, energies: Mapping[str, Mapping[str, float]]) -> StorageSpec:
    attributes, name = component.attributes, component.name
    word_bits = _whole(attributes, ("datawidth", "word-bits", "word_bits"), name, 8)
    block = _whole(attributes, ("block_size", "block-size", "n_words"), name, 1)
    cluster = _whole(attributes, ("cluster_size", "cluster-size"), name, 1)
    if "width" in attributes:
        width = _whole(attributes, ("width",), name, 0)
        if width % (word_bits * block):
            raise SpecError(
                f"architecture: {name}.width {width} is not a multiple of datawidth*block_size {word_bits * block}"
            )
        cluster = width // (word_bits * block)
    size = _size(attributes, name, block, word_bits)
    buffering = _number(attributes, ("multiple_buffering", "multiple-buffering"), name, 1.0)
    energy = energies.get(component.path, {})
    if component.path not in energies:
        raise SpecError(f"ERT: no table for {component.path}; add its energies an action in pJ")
    mesh_x = _whole(attributes, ("meshX",), name, component.instances)
    return StorageSpec(
        name=name,
        instances=component.instances,
        mesh_x=mesh_x,
        capacity=None if size is None else floor(size / buffering),
        word_bits=word_bits,
        block_size=block,
        cluster_size=cluster,
        read_bandwidth=float(_number(attributes, ("read_bandwidth",), name, inf)),
        write_bandwidth=float(_number(attributes, ("write_bandwidth",), name, inf)),
        multiple_buffering=float(buffering),
        size=size,
        read_energy=energy.get("read", 0.0),
        write_energy=energy.get("write", 0.0),
        update_energy=energy.get("update", 0.0),
        leakage=energy.get("leak", 0.0),
    )


def _size(attributes: Mapping[str, Any], name: str, block: int, word_bits: int) -> int | None:
    if "depth" in attributes:
        return _whole(attributes, ("depth",), name, 0) * block
    if "entries" in attributes:
        return _whole(attributes, ("entries",), name, 0)
    if "sizeKB" in attributes:
        return floor(_number(attributes, ("sizeKB",), name, 0) * 8192 / word_bits)
    return None


def _arithmetic(component: _Component, energies: Mapping[str, Mapping[str, float]]) -> ArithmeticSpec:
    if component.path not in energies:
        raise SpecError(f"ERT: no table for {component.path}; add the energy of its action compute in pJ")
    return ArithmeticSpec(
        name=component.name,
        instances=component.instances,
        mesh_x=_whole(component.attributes, ("meshX",), component.name, component.instances),
        word_bits=_whole(component.attributes, ("datawidth", "word-bits", "word_bits"), component.name, 8),
        compute_energy=energies[component.path].get("compute", 0.0),
    )


def _check_meshes(spec: Spec) -> None:
    components: list[StorageSpec | ArithmeticSpec] = [spec.mac, *spec.levels]
    for component in components:
        if component.instances % component.mesh_x:
            raise SpecError(
                f"architecture: {component.name}.meshX {component.mesh_x} does not divide its {component.instances} instances"
            )
    for inner, outer in zip(components, components[1:], strict=False):
        for axis, below, above in (("X", inner.mesh_x, outer.mesh_x), ("Y", inner.mesh_y, outer.mesh_y)):
            if below % above:
                raise SpecError(
                    f"architecture: {inner.name} has {below} instances along {axis}, no multiple of {outer.name}'s {above}"
                )


def _read_ert(ert: Mapping[str, Any] | None) -> dict[str, dict[str, float]]:
    if ert is None:
        raise SpecError("no ERT given: Timeloop would ask Accelergy for energies; give a file with a top-level key ERT")
    tables = ert.get("tables") if isinstance(ert, Mapping) else None
    if not isinstance(tables, list):
        raise SpecError("ERT: must have a list of tables")
    energies = {}
    for table in tables:
        if not isinstance(table, Mapping) or not isinstance(table.get("actions"), list):
            raise SpecError(f"ERT: a table is {table!r}, without name and actions")
        energies[str(table.get("name"))] = {
            str(action.get("name")): _energy(action, str(table.get("name"))) for action in table["actions"]
        }
    return energies


def _energy(action: Any, table: str) -> float:
    energy = action.get("energy") if isinstance(action, Mapping) else None
    if isinstance(energy, bool) or not isinstance(energy, (int, float)) or not isfinite(energy) or energy < 0:
        raise SpecError(f"ERT: an action of {table} has energy {energy!r}, not a number of pJ")
    return float(energy)


def _problem(problem: Any) -> Problem:
    shape = problem.get("shape") if isinstance(problem, Mapping) else None
    if not isinstance(shape, Mapping):
        raise SpecError(
            "problem: must have shape and instance; named shapes are read from Timeloop's installation only"
        )
    instance = problem.get("instance") or {}
    dimensions = shape.get("dimensions")
    if not isinstance(dimensions, list) or not dimensions or not all(isinstance(d, str) for d in dimensions):
        raise SpecError("problem.shape.dimensions: must be a list of names")
    if "densities" in instance and instance["densities"]:
        raise UnsupportedError("problem.instance.densities: sparse workloads are not modelled")
    for name in ("flattened_dimensions", "flattened-dimensions"):
        if shape.get(name):
            raise UnsupportedError(f"problem.shape.{name}: flattened dimensions are not modelled")
    bounds = {d: _bound(instance, d) for d in dimensions}
    total = 1
    for bound in bounds.values():
        total *= bound
    if total > 2**52:
        raise UnsupportedError(f"problem: {total:.3g} computations are more than the model counts exactly (2^52)")
    coefficients = {c["name"]: _coefficient(c, instance) for c in shape.get("coefficients") or []}
    spaces = tuple(
        _data_space(s, dimensions, coefficients) for s in shape.get("data_spaces") or shape.get("data-spaces") or []
    )
    if not spaces:
        raise SpecError("problem.shape.data_spaces: there are none")
    return Problem(str(shape.get("name", "problem")), tuple(dimensions), bounds, spaces)


def _bound(instance: Mapping[str, Any], dimension: str) -> int:
    value = instance.get(dimension)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX:
        raise SpecError(f"problem.instance.{dimension} is {value!r}, not a whole number from 1 to {_MAX}")
    return value


def _coefficient(entry: Mapping[str, Any], instance: Mapping[str, Any]) -> int:
    value = instance.get(entry["name"], entry.get("default", 1))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**20:
        raise UnsupportedError(
            f"problem: the coefficient {entry['name']} is {value!r}; whole numbers from 0 are modelled"
        )
    return value


def _data_space(space: Mapping[str, Any], dimensions: list[str], coefficients: Mapping[str, int]) -> DataSpace:
    name = str(space.get("name"))
    ranks = []
    for rank in space.get("projection") or []:
        terms = []
        for term in rank if isinstance(rank, list) else [[rank]]:
            if not isinstance(term, list) or not 1 <= len(term) <= 2:
                raise SpecError(
                    f"problem: a term of {name}'s projection is {term!r}, not [dimension] or [dimension, coefficient]"
                )
            if term[0] not in dimensions:
                raise UnknownNameError(f"dimension in {name}'s projection", str(term[0]), dimensions)
            if len(term) == 2 and term[1] not in coefficients:
                raise UnknownNameError(f"coefficient in {name}'s projection", str(term[1]), coefficients)
            terms.append((term[0], coefficients[term[1]] if len(term) == 2 else 1))
        ranks.append(tuple(terms))
    used = [d for rank in ranks for d, _ in rank]
    if repeated := sorted({d for d in used if used.count(d) > 1}):
        raise UnsupportedError(f"problem: {name} is indexed by {repeated[0]} twice, which is not modelled")
    return DataSpace(name, tuple(ranks), bool(space.get("read_write", space.get("read-write", False))))
