"""Registers, multiplexers and adders: what flexibility is built of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """Hardware: bits of registers, of multiplexers with two inputs, and of adders."""

    registers: int = 0
    muxes: int = 0
    adders: int = 0

    def __add__(self, other: Parts) -> Parts:
        return Parts(self.registers + other.registers, self.muxes + other.muxes, self.adders + other.adders)


def select_bits(choices: int) -> int:
    """Bits that tell so many choices apart."""
    return (choices - 1).bit_length()


def permuting(positions: int) -> Parts:
    """A sequencer of loops in any order: at each position a multiplexer over the dimensions, and what selects."""
    return Parts(registers=positions * select_bits(positions), muxes=positions * (positions - 1))
