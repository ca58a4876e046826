"""The storage levels and the MACs of Timeloop's ``architecture``.

The attributes and their defaults are those that ``timeloop-model`` reads from a component tree (version 0.2 to 0.4) or,
in its first format, from the lists ``arithmetic`` and ``storage``.
"""

from __future__ import annotations

import warnings
from math import floor, inf
from typing import Any

from flexloop.embedded import builtin, ert
from flexloop.embedded.components import STORAGE_CLASSES, attributes_of, base_name, components
from flexloop.embedded.fields import LARGEST, Fields, amount
from flexloop.embedded.levels import DEFAULT_WORD_BITS, ArithmeticSpec, ComponentSpec, StorageSpec
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.validation import plain_number, short

MAX_WORDS = 2**64
"""Words of a level beyond which Timeloop's own count of them starts anew."""


def read_architecture(
    content: Any, energies: dict[str, ert.Actions], areas: dict[str, float]
) -> tuple[tuple[StorageSpec, ...], ArithmeticSpec]:
    """Read what stands under the top-level key ``architecture``: storage levels, innermost first, and the MACs.

    Args:
        content: the component tree.
        energies: of each component, pJ an action.
        areas: of components, um^2.

    Raises:
        SpecError: if it is malformed or contradicts itself.
        UnsupportedError: for what is not modelled, by name.
    """
    root = Fields(content, "architecture")
    if root.has("nodes"):
        raise UnsupportedError(
            "architecture.nodes is the format of Timeloop's v4 Python front end; give the tree of subtree and local "
            "that the front end hands to timeloop-model"
        )
    levels: list[StorageSpec] = []
    macs: list[ArithmeticSpec] = []
    for component, kind, instances in components(root):
        if kind == "storage":
            levels.append(_storage(component, instances, energies, areas))
        elif kind == "compute":
            macs.append(_arithmetic(component, instances, energies, areas))
    if not levels:
        raise SpecError(f"architecture: no storage; a component needs a class such as {', '.join(STORAGE_CLASSES)}")
    if len(macs) != 1:
        raise SpecError(f"architecture: {len(macs)} compute components, not one (a class such as intmac or compute)")
    names = [level.name for level in levels] + [macs[0].name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SpecError(f"architecture: several components are called {twice[0]!r}; names must differ")
    _check_meshes(macs[0], levels)
    known = [level.name for level in levels]
    if unknown := [level for level in levels if level.power_gated_at not in known]:
        raise UnknownNameError(f"level in {unknown[0].name}.power_gated_at", unknown[0].power_gated_at, known)
    return tuple(levels), macs[0]


def _storage(
    component: Fields, instances: int, energies: dict[str, ert.Actions], areas: dict[str, float]
) -> StorageSpec:
    fields, name = attributes_of(component), base_name(component)
    word_bits = fields.whole("word_bits", "word_width", "datawidth") or DEFAULT_WORD_BITS
    block, cluster = _row(fields, word_bits)
    size = _size(fields, block, word_bits)
    buffering = fields.number("multiple_buffering")
    buffering = 1.0 if buffering is None else buffering
    if buffering <= 0:
        raise SpecError(f"{fields.where}.multiple_buffering is {buffering}; it must be above 0")
    if size is not None and not max(size, size / buffering) < MAX_WORDS:
        raise SpecError(f"{fields.where}: a capacity of {size / buffering:.4g} words; Timeloop counts below 2^64")
    instances, mesh_x = _mesh(fields, instances)
    if instances % cluster:
        raise SpecError(f"{fields.where}: a row is shared by {cluster} instances, which do not divide the {instances}")
    technology = _technology(component, fields)
    if technology == "DRAM" and cluster != 1:
        raise SpecError(f"{fields.where}: width and block_size share a row of DRAM among {cluster} instances")
    if technology != "DRAM" and size is None:
        raise SpecError(f"{fields.where}: no capacity; give depth, entries or sizeKB, as Timeloop wants but for DRAM")
    least = fields.amount("min_utilization") or 0.0
    if least and size is None:
        raise SpecError(f"{fields.where}.min_utilization is {least}, of no capacity; give depth, entries or sizeKB")
    both = fields.number("bandwidth")
    half = inf if both is None else both / 2
    return StorageSpec(
        name=name,
        instances=instances,
        mesh_x=mesh_x,
        capacity=None if size is None else floor(size / buffering),
        word_bits=word_bits,
        block_size=block,
        cluster_size=cluster,
        read_bandwidth=_bandwidth(fields, "read_bandwidth", half),
        write_bandwidth=_bandwidth(fields, "write_bandwidth", half),
        shared_bandwidth=_bandwidth(fields, "shared_bandwidth", inf),
        multiple_buffering=buffering,
        size=size,
        bandwidth_scale=_bandwidth_scale(fields),
        technology=technology,
        area=areas.get(name, (fields.amount("cluster_area") or 0.0) / cluster),
        min_utilization=least,
        allow_overbooking=_flag(fields, "allow_overbooking", default=False),
        power_gated_at=fields.text("power_gated_at") if fields.has("power_gated_at") else name,
        address_energy=max(fields.number("addr_gen_energy") or 0.0, 0.0),
        reduces=_flag(fields, "reduction_supported", default=technology != "DRAM"),
        **_energies(
            fields, name, cluster, energies, builtin.storage_energy(technology, size, word_bits, block, cluster)
        ),
    )


def _energies(
    fields: Fields, name: str, cluster: int, energies: dict[str, ert.Actions], own_figure: float
) -> dict[str, Any]:
    given = fields.amount("vector_access_energy")
    if given is not None or not energies.get(name):
        figure, source = (own_figure, "PAT") if given is None else (given, "user")
        same = dict.fromkeys(("read_energy", "write_energy", "update_energy", "highest_energy"), figure)
        return {**same, "leakage": 0.0, "energy_source": source}
    actions = energies[name]
    accesses = {"reads": ert.READ, "fills": ert.FILL, "updates": ert.UPDATE}
    return {
        "read_energy": ert.energy_of(actions, ert.READ, own_figure),
        "write_energy": ert.energy_of(actions, ert.FILL, own_figure),
        "update_energy": ert.energy_of(actions, ert.UPDATE, own_figure),
        "leakage": actions.get("leak", 0.0),
        "highest_energy": max(actions.values()) / cluster,
        "missing_actions": tuple(
            kind for kind, names in accesses.items() if not any(name in actions for name in names)
        ),
    }


def _technology(component: Fields, fields: Fields) -> str:
    """``DRAM`` or ``SRAM``; Timeloop looks at the class of components with attributes alone."""
    kind = str(component.get("class") or "") if component.has("attributes") else ""
    return "DRAM" if "DRAM" in kind or fields.get("technology") == "DRAM" else "SRAM"


def _row(fields: Fields, word_bits: int) -> tuple[int, int]:
    """Words of a row of one instance, and instances that share a row."""
    block, cluster = fields.whole("block_size", "n_words"), fields.whole("cluster_size")
    width = fields.whole("width", "memory_width", "data_storage_width")
    if width is None:
        return block or 1, cluster or 1
    words = block or width // (word_bits * (cluster or 1))
    shared = cluster or (width // (word_bits * block) if block else 1)
    if (
        width % (word_bits * (block or 1))
        or not words
        or not shared
        or (block and cluster and width != word_bits * block * cluster)
    ):
        raise SpecError(
            f"{fields.where}.width {width} does not hold rows of {block or 1} words (block_size) of {word_bits} bits "
            f"for {cluster or 1} instances (cluster_size)"
        )
    return words, shared


def _size(fields: Fields, block_size: int, word_bits: int) -> int | None:
    """Capacity in words of one instance, by the first attribute that Timeloop looks for; 0 for a dummy buffer."""
    kilobytes, rows = fields.count("sizeKB"), fields.count("depth", "memory_depth", "data_storage_depth")
    entries = fields.count("entries")
    if kilobytes is not None and (rows is not None or entries is not None):
        raise SpecError(f"{fields.where}: sizeKB is given beside depth or entries; keep one")
    if entries is not None:
        return entries
    if rows is not None:
        return rows * block_size
    return None if kilobytes is None else kilobytes * 1024 * 8 // word_bits


def _flag(fields: Fields, name: str, *, default: bool) -> bool:
    value = fields.get(name)
    return default if value is None else str(value).lower() in ("true", "yes", "on", "1")


def _bandwidth(fields: Fields, name: str, default: float) -> float:
    value = inf if fields.get(name) == inf else fields.number(name)
    if value is not None and value <= 0:
        raise SpecError(f"{fields.where}.{name} is {value}; it must be above 0 (leave it out for no limit)")
    return default if value is None else value


def _bandwidth_scale(fields: Fields) -> tuple[tuple[str, float], ...]:
    if not fields.has("per_dataspace_bandwidth_consumption_scale"):
        return ()
    scales = fields.sub("per_dataspace_bandwidth_consumption_scale")
    return tuple((tensor, _scale(value, f"{scales.where}.{tensor}")) for tensor, value in scales.content.items())


def _scale(value: Any, where: str) -> float:
    """Words that one word counts for; a text counts for none, as Timeloop reads it (CiMLoop's files have some)."""
    if isinstance(value, str):
        try:
            plain_number(value)
        except ValueError:
            warnings.warn(f"{where} is {short(value)}, not a number: Timeloop counts 0 words there", stacklevel=2)
            return 0.0
    return amount(value, where)


def _mesh(fields: Fields, instances: int) -> tuple[int, int]:
    """Instances, and how many of them lie along X."""
    instances = fields.whole("instances") or instances
    if not instances:
        raise SpecError(f"{fields.where}: instances is missing, which says how many there are")
    if instances > LARGEST:
        raise SpecError(f"{fields.where}: {instances} instances; at most {LARGEST} are modelled")
    mesh_x, mesh_y = fields.whole("meshX"), fields.whole("meshY")
    if mesh_x is None:
        mesh_x = instances // mesh_y if mesh_y else instances
    if mesh_x * (mesh_y or instances // mesh_x) != instances:
        raise SpecError(f"{fields.where}: meshX {mesh_x} and meshY {mesh_y} do not make {instances} instances")
    return instances, mesh_x


def _arithmetic(
    component: Fields, instances: int, energies: dict[str, ert.Actions], areas: dict[str, float]
) -> ArithmeticSpec:
    fields, name = attributes_of(component), base_name(component)
    instances, mesh_x = _mesh(fields, instances)
    word_bits = fields.whole("word_bits", "datawidth") or DEFAULT_WORD_BITS
    own_figure = fields.amount("energy")
    own_figure = builtin.compute_energy(word_bits) if own_figure is None else own_figure
    actions = energies.get(name, {})
    return ArithmeticSpec(
        name=name,
        instances=instances,
        mesh_x=mesh_x,
        word_bits=word_bits,
        compute_energy=ert.energy_of(actions, ert.COMPUTE, own_figure),
        energy_source="ERT" if actions else "PAT",
        missing_actions=("computes",) if actions and not any(action in actions for action in ert.COMPUTE) else (),
        area=areas.get(name, fields.amount("area") or 0.0),
    )


def _check_meshes(mac: ArithmeticSpec, levels: list[StorageSpec]) -> None:
    inner: ComponentSpec = mac
    for level in levels:
        if inner.mesh_x % level.mesh_x or inner.mesh_y % level.mesh_y:
            raise SpecError(
                f"architecture: the mesh of {inner.name} ({inner.mesh_x}x{inner.mesh_y}) is no multiple of that of "
                f"{level.name} above it ({level.mesh_x}x{level.mesh_y})"
            )
        inner = level
