"""What flexibility costs in area: the parts that each degree of an axis adds to a PE and to a buffer.

The base of a class's area is Accelergy's area reference table (ART) of the arch spec, memories and MACs. On top come
registers, multiplexers and adders, counted from the spec (`parts`) and multiplied by the areas of a data file
(``overhead.yaml`` beside this module, or one of the user's). A fixed axis adds nothing: its values are wired in. Wires
and the controllers that every class needs are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache, singledispatch
from importlib import resources
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from flexloop.arch.base import Arch
from flexloop.arch.design.model import Design
from flexloop.arch.spec import ArchSpec
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.energy.components import node_of
from flexloop.energy.table import TECHNOLOGIES, load_table, power_law
from flexloop.energysources.choose import energy_tables
from flexloop.errors import SpecError, UnknownNameError, UnsupportedError
from flexloop.overhead.designparts import design_parts
from flexloop.overhead.parts import Parts
from flexloop.overhead.specparts import spec_parts
from flexloop.resources import is_file
from flexloop.timeloop import yamlio
from flexloop.validation import validated

UM2_PER_MM2 = 1e6

Area = Annotated[float, Field(ge=0, allow_inf_nan=False)]
AxisLetter = Literal["T", "O", "P", "S"]


def _text_keys(value: Any) -> Any:
    """The degree 1 is a number in YAML where it is not quoted."""
    return {str(key): content for key, content in value.items()} if isinstance(value, dict) else value


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Replacement(_Model):
    """Figures in place of the count: um^2 added to each PE, and to each shared buffer."""

    per_pe: Area
    per_buffer: Area


class OverheadModel(_Model):
    """Areas of the parts that flexibility is built of.

    Attributes:
        technology: the node.
        sources: short name to citation.
        register_um2_per_bit: a register.
        mux_um2_per_bit: a multiplexer of two inputs.
        adder_um2_per_bit: an adder.
        dram_um2_per_byte_per_cycle: the interface to DRAM for each byte a cycle; no part of a class's area.
        scale: factor of what each axis adds.
        replace: figures in place of the count, by axis and degree.
    """

    technology: str
    sources: dict[str, str] = {}
    register_um2_per_bit: Area
    mux_um2_per_bit: Area
    adder_um2_per_bit: Area
    dram_um2_per_byte_per_cycle: Area
    scale: dict[AxisLetter, Area] = {}
    replace: dict[AxisLetter, Annotated[dict[Literal["p", "1"], Replacement], BeforeValidator(_text_keys)]] = {}


def load_overhead(path: str | Path | None = None) -> OverheadModel:
    """Return the overhead model of a YAML file, or the shipped one.

    Raises:
        SpecError: naming the field that is missing or wrong.
    """
    if path is None:
        return _shipped()
    if not is_file(Path(path)):
        raise SpecError(f"area model: no file {str(path)!r}; give a YAML file like the shipped overhead.yaml")
    return validated(OverheadModel, yamlio.load(Path(path)), path)


@lru_cache
def _shipped() -> OverheadModel:
    text = resources.files(__package__).joinpath("overhead.yaml").read_text(encoding="utf-8")
    return OverheadModel.model_validate(yaml.safe_load(text))


def class_area(
    arch: Arch,
    flexclass: str | FlexClass,
    model: OverheadModel | None = None,
    art: Mapping[str, Any] | None = None,
) -> float:
    """Area in mm^2 of an arch spec with the flexibility of a class: memories and MACs, and what each axis adds.

    Args:
        arch: the arch spec.
        flexclass: the class.
        model: of what each axis adds; None takes the shipped one.
        art: area reference table of the memories and MACs; None takes the shipped one.

    Raises:
        UnknownNameError: if no energy and area table is shipped for the spec's technology.
        SpecError: if the model is for another technology than the spec's, and one of them is no node.
    """
    chosen = FlexClass.of(flexclass)
    return base_area(arch, art) + sum(axis_area(arch, axis, chosen.degree(axis), model) for axis in Axis)


def class_areas(arch: Arch, classes: Iterable[FlexClass], art: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Area in mm^2 of each class by its name (see `class_area`); empty for a technology without tables."""
    try:
        return {str(c): class_area(arch, c, None, art) for c in classes}
    except (UnknownNameError, SpecError, UnsupportedError):
        return {}


def base_area(arch: Arch, art: Mapping[str, Any] | None = None) -> float:
    """Area in mm^2 of all memories and MACs of the chip, at the arch's own extents.

    Args:
        arch: the arch.
        art: area reference table; None takes the shipped one.

    Raises:
        UnknownNameError: if no table is shipped for the arch's technology.
        UnsupportedError: for a design with a component that the shipped table has no figures for.
    """
    tables = energy_tables("table", arch).art if art is None else art
    areas = {table["name"]: float(table["area"]) for table in (tables or {"tables": []})["tables"]}
    instances = {memory.name: memory.instances for memory in arch.memories if memory.on_chip}
    instances[arch.arithmetic.name] = arch.arithmetic.instances
    free = arch.without_energy
    return sum(n * areas.get(arch.component_paths[name], 0.0) for name, n in instances.items() if name not in free) / (
        UM2_PER_MM2
    )


def axis_area(arch: Arch, axis: Axis, degree: Degree, model: OverheadModel | None = None) -> float:
    """Area in mm^2 that one axis at a degree adds to the whole chip.

    A model of another node is scaled to the arch's as the shipped table of areas is.

    Raises:
        SpecError: if either is no node such as ``45nm``.
    """
    model = model or load_overhead()
    to_node = 1.0 if model.technology == arch.node else _scale(model.technology, arch)
    given = None if degree is Degree.FIXED else model.replace.get(axis.value, {}).get(degree.value)
    if given is not None:
        return float(given.per_pe * arch.pes + given.per_buffer * arch.shared_buffers) * to_node / UM2_PER_MM2
    counted = sum(arch.units.get(where, 1) * _area(p, model) for where, p in parts(arch, axis, degree).items())
    return counted * model.scale.get(axis.value, 1.0) * to_node / UM2_PER_MM2


def _scale(technology: str, arch: Arch) -> float:
    """Area at an arch's node over that at another."""
    own, wanted = node_of(technology), node_of(arch.node)
    if own is None or wanted is None:
        raise SpecError(f"area model: it is for {technology}, but {arch.name} is in {arch.node}; give a model for that")
    factors = load_table(TECHNOLOGIES[0]).scaling.area
    return power_law(factors, wanted) / power_law(factors, own)


def dram_interface_area(arch: Arch, model: OverheadModel | None = None) -> float:
    """Area in mm^2 of the interface to DRAM, in proportion to its wider direction; 0 where that has no limit."""
    dram = arch.memories[0]
    rate = max(dram.read_bandwidth, dram.write_bandwidth) * dram.word_bits / 8
    return 0.0 if rate == inf else rate * (model or load_overhead()).dram_um2_per_byte_per_cycle / UM2_PER_MM2


def _area(parts: Parts, model: OverheadModel) -> float:
    """Area in um^2."""
    return (
        parts.registers * model.register_um2_per_bit
        + parts.muxes * model.mux_um2_per_bit
        + parts.adders * model.adder_um2_per_bit
    )


@singledispatch
def parts(arch: Arch, axis: Axis, degree: Degree) -> dict[str, Parts]:
    """What one axis needs at a degree: parts of one instance, by where they stand (see `Arch.units`)."""
    raise TypeError(f"nothing counts the parts of {type(arch).__name__}")


parts.register(ArchSpec, spec_parts)
parts.register(Design, design_parts)
