"""The components of a Timeloop architecture, with their classes and attributes, as Accelergy finds them.

In a tree of ``subtree`` and ``local`` (versions 0.2 to 0.4) attributes are inherited from the nodes above, and a
``subclass`` says more than a ``class``. Memories get their rows' ``width`` and ``depth`` from whatever attributes
Timeloop reads their size from, MACs their ``datawidth`` and the widths of their multiplier and their adder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flexloop.embedded.architecture import read_architecture
from flexloop.embedded.components import NAMELESS
from flexloop.embedded.levels import ArithmeticSpec, ComponentSpec, StorageSpec
from flexloop.energy.components import LEAK, STORAGE_ACTIONS, Component, Part
from flexloop.errors import SpecError
from flexloop.timeloop.componentname import component_name
from flexloop.validation import plain_number, short

DRAM_TYPE = "LPDDR4"
"""Type of DRAM that Accelergy's plug-in takes where no attribute ``type`` gives one."""

Attributes = Mapping[str, Any]


def is_tree(architecture: Any) -> bool:
    """Whether an architecture is a tree, for which Timeloop would call Accelergy, and no list of version 0.1."""
    return isinstance(architecture, Mapping) and ("subtree" in architecture or "local" in architecture)


def of_timeloop(architecture: Any, classes: Mapping[str, Any]) -> list[Component]:
    """The storage levels, the MACs, and whatever else stands in the tree, in its order.

    Args:
        architecture: what stands under ``architecture``.
        classes: names of the classes that the input defines.

    Raises:
        SpecError, UnsupportedError: as the cost model reads it.
    """
    levels, mac = read_architecture(architecture, {}, {})
    known: dict[str, ComponentSpec] = {level.name: level for level in levels} | {mac.name: mac}
    return [
        _component(path, entry, attributes, known.get(component_name(path)), classes)
        for path, entry, attributes in _entries(architecture)
    ]


def _entries(architecture: Attributes) -> Iterator[tuple[str, Attributes, Attributes]]:
    """Path, entry and attributes of every component."""
    if is_tree(architecture):
        for child in architecture.get("subtree") or []:
            yield from _walked(child, "", {})
        return
    for entry in [*architecture["storage"], {"name": NAMELESS, **architecture["arithmetic"]}]:
        yield str(entry["name"]), entry, entry


def _walked(node: Attributes, above: str, inherited: Attributes) -> Iterator[tuple[str, Attributes, Attributes]]:
    path = f"{above}.{node.get('name')}" if above else str(node.get("name"))
    attributes = {**inherited, **_mapping(node, path)}
    for entry in node.get("local") or []:
        name = f"{path}.{entry.get('name')}"
        yield name, entry, {**attributes, **_mapping(entry, name)}
    for child in node.get("subtree") or []:
        yield from _walked(child, path, attributes)


def _mapping(node: Attributes, path: str) -> Attributes:
    attributes = node.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise SpecError(f"architecture: attributes of {path} are {short(attributes)}, not a mapping of names to values")
    return attributes


def _component(
    path: str,
    entry: Attributes,
    attributes: Attributes,
    spec: ComponentSpec | None,
    classes: Mapping[str, Any],
) -> Component:
    kind = str(entry.get("subclass") or entry.get("class") or "")
    values = {name: value for name, value in attributes.items() if value is not None}
    if isinstance(spec, StorageSpec):
        kind = _storage_kind(kind, spec) if spec.size == 0 or kind not in classes else kind
        values = _sized(values, spec)
    elif spec is not None:
        kind = kind or "compute"
        bits = values.setdefault("datawidth", values.get("width", spec.word_bits))
        values = {"multiplier_width": bits, "adder_width": f"2 * {bits}"} | values
    return Component(
        path,
        Part(kind, values),
        _actions(entry, spec),
        _scale(entry, "energy_scale", path),
        _scale(entry, "area_scale", path),
        needed=spec is not None,
    )


def _actions(entry: Attributes, spec: ComponentSpec | None) -> tuple[str, ...]:
    """Those that Timeloop counts, and those that the input asks for besides."""
    wanted = entry.get("required_actions")
    counted: tuple[str, ...] = (*STORAGE_ACTIONS, LEAK)
    if spec is None:
        counted = ()
    elif isinstance(spec, ArithmeticSpec):
        counted = ("compute", LEAK)
    return tuple(dict.fromkeys([*counted, *map(str, wanted if isinstance(wanted, list) else [])]))


def _storage_kind(kind: str, spec: StorageSpec) -> str:
    """What a level is that stores nothing, or only says that it stores."""
    if spec.size == 0:
        return "dummy_storage"
    if kind in ("", "storage"):
        return "DRAM" if spec.technology == "DRAM" or spec.size is None else "SRAM"
    return kind


def _sized(values: dict[str, Any], spec: StorageSpec) -> dict[str, Any]:
    if values.get("technology") == spec.technology:  # in old files the kind of memory, no node
        del values["technology"]
    values.setdefault("width", spec.word_bits * spec.block_size * spec.cluster_size)
    if spec.size:
        values.setdefault("depth", -(-spec.size // spec.block_size))
    if spec.technology == "DRAM":
        values.setdefault("type", DRAM_TYPE)
    return values


def _scale(entry: Attributes, name: str, path: str) -> float:
    value = entry.get(name, 1.0)
    try:
        return plain_number(value)
    except ValueError:
        raise SpecError(f"architecture: {name} of {path} is {short(value)}, not a number") from None
