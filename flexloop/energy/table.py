"""The shipped energy table: published energies and areas, and the power laws between them.

Energies are in pJ an action, areas in um^2 an instance. Every figure is in the data file beside this module with its
source. Results are rounded to three significant digits: the sources give no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from math import log
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from flexloop.arch.spec import StorageLevel
from flexloop.errors import UnknownNameError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Points = Annotated[dict[Count, Positive], Field(min_length=1)]

TECHNOLOGIES = ("45nm",)
"""The technology nodes that a table is shipped for."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Dram(_Model):
    """Off-chip memory.

    Attributes:
        pj_per_bit: energy of one bit read or written.
    """

    pj_per_bit: Positive


class Memory(_Model):
    """On-chip memory whose energy grows with its capacity.

    Attributes:
        access_bits: bits of the access that ``pj`` tells the energy of; wider ones cost in proportion.
        pj: energy of such an access, by capacity in bytes.
        exponent: of the power law in capacity, given where ``pj`` has a single point.
        um2_per_bit: area of one bit.
    """

    access_bits: Count
    pj: Points
    exponent: Annotated[float, Field(ge=0, le=2)] | None = None
    um2_per_bit: Positive

    @model_validator(mode="after")
    def _has_one_law(self) -> Self:
        if (len(self.pj) == 1) != (self.exponent is not None):
            raise ValueError("exponent belongs to a single point of pj, and to that only")
        return self

    def access_energy(self, capacity_bytes: float, bits: int) -> float:
        """Energy in pJ of one access of ``bits`` bits to a memory of ``capacity_bytes``."""
        return power_law(self.pj, capacity_bytes, self.exponent) * bits / self.access_bits


class Arithmetic(_Model):
    """An integer unit: energy in pJ an operation and area in um^2, by operand width in bits."""

    pj: Annotated[Points, Field(min_length=2)]
    um2: Annotated[Points, Field(min_length=2)]


class EnergyTable(_Model):
    """Energies and areas at one technology node.

    Attributes:
        technology: the node.
        sources: short name to citation; the data file's comments say which figure is whose.
        dram, sram, regfile: the three classes of storage.
        multiplier, adder: what a MAC is made of.
    """

    technology: str
    sources: dict[str, str]
    dram: Dram
    sram: Memory
    regfile: Memory
    multiplier: Arithmetic
    adder: Arithmetic

    def storage_energy(self, level: StorageLevel) -> float:
        """Energy in pJ of one access to a storage level, that is of one row of ``width`` bits.

        Reads, writes and updates cost the same: the sources tell no difference.
        """
        memory = self._memory(level)
        if memory is None:
            return _rounded(self.dram.pj_per_bit * level.width)
        return _rounded(memory.access_energy(_bits(level) / 8, level.width))

    def storage_area(self, level: StorageLevel) -> float:
        """Area in um^2 of one instance of a storage level; DRAM is off chip and has none."""
        memory = self._memory(level)
        return 0.0 if memory is None else _rounded(memory.um2_per_bit * _bits(level))

    def mac_energy(self, datawidth: int) -> float:
        """Energy in pJ of one multiply-accumulate: a multiplier, and an adder of twice its width."""
        return _rounded(power_law(self.multiplier.pj, datawidth) + power_law(self.adder.pj, 2 * datawidth))

    def mac_area(self, datawidth: int) -> float:
        """Area in um^2 of one multiply-accumulate unit."""
        return _rounded(power_law(self.multiplier.um2, datawidth) + power_law(self.adder.um2, 2 * datawidth))

    def _memory(self, level: StorageLevel) -> Memory | None:
        return {"DRAM": None, "SRAM": self.sram, "regfile": self.regfile}[level.component]


def power_law(points: Mapping[int, float], x: float, exponent: float | None = None) -> float:
    """Interpolate published points by the power law through the two nearest; extrapolate with the outermost ones.

    Args:
        points: argument to value, at least two, or one together with an exponent.
        x: where to read off the value.
        exponent: of the law through a single point.
    """
    known = sorted(points.items())
    if exponent is None:
        left, right = next((pair for pair in pairwise(known) if x <= pair[1][0]), (known[-2], known[-1]))
        exponent = log(right[1] / left[1]) / log(right[0] / left[0])
    else:
        left = known[0]
    return float(left[1] * (x / left[0]) ** exponent)


def check_technology(technology: str) -> None:
    """Refuse a technology that is neither shipped nor a node such as ``7nm``, which other sources of energies take.

    Raises:
        UnknownNameError: with the shipped ones.
    """
    if technology not in TECHNOLOGIES and not re.fullmatch(r"\d+(\.\d+)?\s*nm", technology, re.IGNORECASE):
        raise UnknownNameError(
            "technology", technology, TECHNOLOGIES, "(or a node such as 7nm, with --energy accelergy or hwcomponents)"
        )


@lru_cache
def load_table(technology: str) -> EnergyTable:
    """Return the shipped table of a technology node.

    Raises:
        UnknownNameError: if no table is shipped for it.
    """
    if technology not in TECHNOLOGIES:
        raise UnknownNameError(
            "technology", technology, TECHNOLOGIES, "(or give an energy reference table of your own)"
        )
    text = resources.files(__package__).joinpath(f"{technology}.yaml").read_text(encoding="utf-8")
    return EnergyTable.model_validate(yaml.safe_load(text))


def _bits(level: StorageLevel) -> int:
    if level.depth is None:
        raise ValueError(f"{level.name} is {level.component} without a depth")
    return level.depth * level.width


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
