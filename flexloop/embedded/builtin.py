"""Timeloop's own figures, which count where neither a table nor an attribute gives an energy.

They are relative to a 16-bit MAC, after Y.-H. Chen, J. Emer, V. Sze, "Eyeriss", ISCA 2016: a register file of 0.5 KB
costs 1, a buffer of 100 KB costs 6, DRAM 200, all for 16 bits. Timeloop prints them as pJ. Areas are 0.
"""

from __future__ import annotations

_BITS = 16
_DRAM = 200.0
_SMALL_KB, _SMALL = 0.5, 1.0
_LARGE_KB, _LARGE = 100.0, 6.0


def storage_energy(technology: str, size: int | None, word_bits: int, block_size: int, cluster_size: int) -> float:
    """Energy of one access of a row of one instance.

    Args:
        technology: ``DRAM`` or ``SRAM``.
        size: words of one instance; without any the level costs nothing.
        word_bits: bits of a word.
        block_size: words of a row of one instance.
        cluster_size: instances that share a row.
    """
    if technology == "DRAM":
        return _DRAM * (word_bits * block_size) / _BITS
    if not size:
        return 0.0
    width = word_bits * block_size * cluster_size
    slope = (_LARGE - _SMALL) / (_LARGE_KB - _SMALL_KB)
    kilobytes = width * -(-size // block_size) / (8 * 1024)
    return (slope * (kilobytes - _SMALL_KB) + _SMALL) * width / _BITS / cluster_size


def compute_energy(word_bits: int) -> float:
    """Energy of one multiply-accumulate."""
    return word_bits / _BITS * (word_bits / _BITS)
