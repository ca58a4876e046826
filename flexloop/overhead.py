"""What flexibility costs in area: the parts that each degree of an axis adds to a PE and to a buffer.

The base of a class's area is Accelergy's area reference table (ART) of the arch spec, memories and MACs. On top come
registers, multiplexers and adders, counted from the spec (`parts`) and multiplied by the areas of a data file
(``overhead.yaml`` beside this module, or one of the user's). A fixed axis adds nothing: its values are wired in. Wires
and the controllers that every class needs are not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from flexloop.arch.design.model import Design
from flexloop.arch.kinds import Arch
from flexloop.arch.spec import ArchSpec, StorageLevel
from flexloop.classes import Axis, Degree, FlexClass
from flexloop.energy.ert import build_art
from flexloop.energysources.designs import design_area
from flexloop.errors import SpecError, UnknownNameError
from flexloop.mapspace import shapes
from flexloop.rendering.tree import component_paths, levels_above_array, levels_in_pe
from flexloop.resources import is_file
from flexloop.timeloop import yamlio
from flexloop.validation import validated
from flexloop.workloads.layers import DIMENSIONS, RELEVANT, TENSORS

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


@dataclass(frozen=True)
class Parts:
    """Hardware: bits of registers, of multiplexers with two inputs, and of adders."""

    registers: int = 0
    muxes: int = 0
    adders: int = 0

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.registers + other.registers, self.muxes + other.muxes, self.adders + other.adders)

    def area(self, model: OverheadModel) -> float:
        """Area in um^2."""
        return (
            self.registers * model.register_um2_per_bit
            + self.muxes * model.mux_um2_per_bit
            + self.adders * model.adder_um2_per_bit
        )


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
    arch: ArchSpec,
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
        SpecError: if the model is for another technology than the spec's.
    """
    chosen = FlexClass.of(flexclass)
    return base_area(arch, art) + sum(axis_area(arch, axis, chosen.degree(axis), model) for axis in Axis)


def class_areas(arch: Arch, classes: Iterable[FlexClass], art: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Area in mm^2 of each class by its name (see `class_area`); empty for a technology without tables.

    What flexibility adds is not counted for a Timeloop design, which does not say what its PEs are: its area is that
    of its components, in every class.
    """
    if isinstance(arch, Design):
        area = design_area(arch, art)
        return {} if area is None else {str(c): area / UM2_PER_MM2 for c in classes}
    try:
        return {str(c): class_area(arch, c, None, art) for c in classes}
    except (UnknownNameError, SpecError):
        return {}


def base_area(arch: ArchSpec, art: Mapping[str, Any] | None = None) -> float:
    """Area in mm^2 of all memories and MACs of the chip, from an ART (None: the shipped one)."""
    tables = (build_art(arch) if art is None else art)["tables"]
    areas = {table["name"]: float(table["area"]) for table in tables}
    paths = component_paths(arch)
    instances = {level.name: 1 for level in levels_above_array(arch)}
    instances |= {level.name: arch.pes for level in levels_in_pe(arch)}
    instances[arch.mac.name] = arch.pes * arch.lanes
    return sum(count * areas[paths[name]] for name, count in instances.items()) / UM2_PER_MM2


def axis_area(arch: ArchSpec, axis: Axis, degree: Degree, model: OverheadModel | None = None) -> float:
    """Area in mm^2 that one axis at a degree adds to the whole chip."""
    model = model or load_overhead()
    if model.technology != arch.technology:
        raise SpecError(
            f"area model: it is for {model.technology}, but {arch.name} is in {arch.technology}; give a model for that"
        )
    if degree is Degree.FIXED:
        return 0.0
    given = model.replace.get(axis.value, {}).get(degree.value)
    if given is not None:
        return float(given.per_pe * arch.pes + given.per_buffer * len(levels_above_array(arch))) / UM2_PER_MM2
    counted = sum(_instances(arch, where) * p.area(model) for where, p in parts(arch, axis, degree).items())
    return counted * model.scale.get(axis.value, 1.0) / UM2_PER_MM2


def dram_interface_area(arch: ArchSpec, model: OverheadModel | None = None) -> float:
    """Area in mm^2 of the interface to DRAM, in proportion to the wider of its two directions."""
    dram = arch.levels[0]
    rate = max(dram.read_bandwidth, dram.write_bandwidth) * dram.datawidth / 8
    return rate * (model or load_overhead()).dram_um2_per_byte_per_cycle / UM2_PER_MM2


def overhead_table(arch: ArchSpec, model: OverheadModel | None = None) -> pd.DataFrame:
    """What each axis adds at p and at 1, and where.

    Returns:
        Columns axis, degree, component (a level, or the PE), instances, register_bits, mux_bits and adder_bits of one
        instance, and mm2 of all. Figures that a model replaces are not shown: this is the count.
    """
    model = model or load_overhead()
    records = []
    for axis in Axis:
        for degree in (Degree.PART, Degree.FULL):
            for where, p in parts(arch, axis, degree).items():
                count = _instances(arch, where)
                area = count * p.area(model) * model.scale.get(axis.value, 1.0) / UM2_PER_MM2
                bits = {"register_bits": p.registers, "mux_bits": p.muxes, "adder_bits": p.adders}
                records.append(
                    {"axis": axis.value, "degree": degree.value, "component": where, "instances": count}
                    | bits
                    | {"mm2": area}
                )
    return pd.DataFrame.from_records(records)


def parts(arch: ArchSpec, axis: Axis, degree: Degree) -> dict[str, Parts]:
    """What one axis adds at a degree: parts of one instance, by the level that holds them, or the PE's name.

    T: at each on-chip level with loops a register for each dimension's tile, as wide as the capacity in words asks;
    and, where tensors share a buffer without fixed borders, for each but the first a base register and an address
    adder. At p the partitioned buffer above the array has fixed borders.
    O: at each level whose order is free (DRAM's sequencer stands on the chip), for each of the eight loop positions a
    multiplexer over the dimensions that may stand there, and the register that selects.
    P: in each PE and for each tensor a multiplexer over the ways it is delivered (alike or different along X, and along
    Y), as many as the pairs ask beyond the fixed one; an adder for each mesh axis that newly reduces outputs; and where
    any dimensions may share an axis, a tag for each tensor with a comparator (counted as multiplexers).
    S: in each PE a multiplexer over the lines of all shapes; at the buffer a register for each line that the widest and
    the tallest shape add.
    """
    if degree is Degree.FIXED:
        return {}
    counted = {
        Axis.TILING: _tiling,
        Axis.ORDERING: _ordering,
        Axis.PARALLELIZATION: _parallelization,
        Axis.SHAPE: _shape,
    }[axis](arch, degree)
    return {where: p for where, p in counted.items() if p != Parts()}


def _tiling(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    found: dict[str, Parts] = {}
    in_pe = {level.name for level in levels_in_pe(arch)}
    for index, group in enumerate(arch.buffer_groups):
        widest = max(_address_bits(level) for level in group)
        bounds = Parts(registers=len(DIMENSIONS) * widest)
        fixed_borders = index == arch.array_index and degree is Degree.PART
        for level in group:
            where = arch.array.pe if level.name in in_pe else level.name
            movable = 0 if fixed_borders else (len(level.keep) - 1) * _address_bits(level)
            here = Parts(registers=movable, adders=movable) + (bounds if level.loops else Parts())
            found[where] = found.get(where, Parts()) + here
    return found


def _ordering(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    found = {}
    positions = len(DIMENSIONS)
    for level in arch.ordered_levels:
        if degree is Degree.FULL:
            found[level.name] = Parts(registers=positions * _select_bits(positions), muxes=positions * (positions - 1))
            continue
        orders = {order[level.name] for order in arch.axes.ordering.partial}
        choices = sum(len(set(dimensions)) - 1 for dimensions in zip(*orders, strict=True))
        found[level.name] = Parts(registers=_select_bits(len(orders)), muxes=choices)
    return found


def _parallelization(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    fixed, allowed = _pairs(arch, Degree.FIXED), _pairs(arch, degree)
    full = degree is Degree.FULL
    total = Parts()
    for tensor, bits in _word_bits(arch).items():
        before = _deliveries(tensor, fixed)
        after = before | _deliveries(tensor, allowed)
        tag = _select_bits(arch.pes) if full else 0
        added = len(after) - len(before)
        total += Parts(registers=tag + (_select_bits(len(after)) if added else 0), muxes=tag + added * bits)
    reducing = _reducing_axes(fixed | allowed) - _reducing_axes(fixed)
    return {arch.array.pe: total + Parts(adders=len(reducing) * _word_bits(arch)["Outputs"])}


def _shape(arch: ArchSpec, degree: Degree) -> dict[str, Parts]:
    choices, fixed = shapes(arch, degree), arch.axes.shape.fixed
    bits = sum(_word_bits(arch).values())
    lines = max(s.X for s in choices) + max(s.Y for s in choices) - fixed.X - fixed.Y
    return {
        arch.array.pe: Parts(muxes=(len(choices) - 1) * bits),
        arch.array.below: Parts(registers=lines * bits + _select_bits(len(choices))),
    }


def _pairs(arch: ArchSpec, degree: Degree) -> set[tuple[str, str]]:
    """Dimensions along X and Y, with what the depthwise rule makes of them; at degree 1 every pair."""
    if degree is Degree.FULL:
        return {(x, y) for x in DIMENSIONS for y in DIMENSIONS if x != y}
    axis = arch.axes.parallelization
    pairs = {(str(p.X), str(p.Y)) for p in ([axis.fixed] if degree is Degree.FIXED else axis.partial)}
    if arch.depthwise == "as_output_channels":
        pairs |= {(x.replace("M", "G"), y.replace("M", "G")) for x, y in pairs if "G" not in (x, y)}
    return pairs


def _deliveries(tensor: str, pairs: Iterable[tuple[str, str]]) -> set[tuple[bool, bool]]:
    """Whether neighbours along X, and along Y, work on different words of a tensor, over all pairs."""
    return {(x in RELEVANT[tensor], y in RELEVANT[tensor]) for x, y in pairs}


def _reducing_axes(pairs: Iterable[tuple[str, str]]) -> set[int]:
    """The mesh axes (0 for X, 1 for Y) along which some pair adds up outputs."""
    return {axis for pair in pairs for axis in (0, 1) if pair[axis] not in RELEVANT["Outputs"]}


def _word_bits(arch: ArchSpec) -> dict[str, int]:
    """Bits that one PE takes or gives at a time for each tensor; outputs are as wide as the MAC's adder."""
    wide = {"Weights": 1, "Inputs": 1, "Outputs": 2}
    return {tensor: wide[tensor] * arch.mac.datawidth * arch.lanes for tensor in TENSORS}


def _address_bits(level: StorageLevel) -> int:
    words = level.capacity or (level.priced_depth or 1) * level.block_size
    return words.bit_length()


def _select_bits(choices: int) -> int:
    """Bits that tell so many choices apart."""
    return (choices - 1).bit_length()


def _instances(arch: ArchSpec, where: str) -> int:
    return arch.pes if where == arch.array.pe else 1
