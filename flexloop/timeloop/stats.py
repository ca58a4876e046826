"""Read the report that Timeloop writes, ``timeloop-model.stats.txt`` or ``timeloop-mapper.stats.txt``.

The report prints energies in pJ to two decimals for each level and data space, and their total in uJ to two decimals.
The total here is the sum of the former, checked against the latter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flexloop.errors import EngineError
from flexloop.evaluation import Evaluation, LevelStats, TensorStats

LIMIT = 16 * 2**20
"""Bytes above which a file is no report of Timeloop's."""

LINE_LIMIT = 1000
"""Characters above which a line is none of a report's."""

_LEVELS, _NETWORKS, _SUMMARY = "Buffer and Arithmetic Levels", "Networks", "Summary Stats"
_SECTIONS = (_LEVELS, _NETWORKS, "Operational Intensity Stats", _SUMMARY)
_LEVEL = re.compile(r"=== (.+) ===")
_NETWORK = re.compile(r"Network [0-9]+")
_TENSOR = re.compile(r" {4}([^\s:]+):")
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", re.ASCII)
_COMPUTES = re.compile(r"Computes = ([0-9]+)", re.ASCII)
_FIGURE = re.compile(r"\s*(\S.*?)\s*:\s+(-?[0-9.]\S*?)%?(?:\s+(?:pJ|uJ|um\^2|mm\^2|words/cycle|\(.*\)))?\s*")
"""Not the summary's last table, whose lines are names of levels, ``=`` and energies a computation."""


@dataclass
class _Block:
    """The figures of one level or network, of one of its data spaces, or of the summary."""

    title: str
    line: int
    source: str
    figures: dict[str, tuple[int, str]] = field(default_factory=dict)
    tensors: dict[str, _Block] = field(default_factory=dict)

    def add(self, name: str, line: int, text: str) -> None:
        """Take in a figure, which a block has once."""
        if name in self.figures:
            first, _ = self.figures[name]
            raise EngineError(f"{self.source}, line {line}: {self.title} has {name!r} already, in line {first}")
        self.figures[name] = line, text

    def add_tensor(self, name: str, line: int) -> _Block:
        """Begin the block of a data space, which a level has once."""
        if name in self.tensors:
            first = self.tensors[name].line
            raise EngineError(f"{self.source}, line {line}: {self.title} has {name} already, in line {first}")
        self.tensors[name] = _Block(f"{name} in {self.title}", line, self.source)
        return self.tensors[name]

    def number(self, name: str) -> float:
        """A finite figure at or above 0."""
        line, text = self._text(name)
        value = float(text) if _DECIMAL.fullmatch(text) else math.nan  # float() would take 1_0 and more
        if not math.isfinite(value):
            raise EngineError(f"{self.source}, line {line}: {name!r} of {self.title} is {text!r}, not a finite number")
        return value

    def signed(self, name: str) -> float:
        """A finite figure that may be below 0; 0 if it is not there."""
        if name not in self.figures:
            return 0.0
        line, text = self.figures[name]
        if not _DECIMAL.fullmatch(text.removeprefix("-")):
            raise EngineError(f"{self.source}, line {line}: {name!r} of {self.title} is {text!r}, not a number")
        return float(text)

    def whole(self, name: str) -> int:
        """A whole figure at or above 0, to the last digit."""
        line, text = self._text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 20):  # Timeloop counts in 64 bits
            raise EngineError(f"{self.source}, line {line}: {name!r} of {self.title} is {text!r}, not a whole number")
        return int(text)

    def _text(self, name: str) -> tuple[int, str]:
        if name not in self.figures:
            raise EngineError(f"{self.source}, line {self.line}: {self.title} has no figure {name!r}; is it cut short?")
        return self.figures[name]


def read_stats(path: Path) -> Evaluation:
    """Read a report from a file.

    Raises:
        EngineError: if it is missing, empty, cut short or otherwise no report; file and line are named.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise EngineError(f"{path}: no report of Timeloop's to read: {error.strerror or error}") from error
    if len(content) > LIMIT:
        raise EngineError(f"{path}: larger than any report of Timeloop's")
    return parse_stats(content.decode("utf-8", errors="replace"), str(path))


def parse_stats(text: str, source: str) -> Evaluation:
    """Read the text of a report; ``source`` stands for it in errors (see `read_stats`)."""
    if not text.strip():
        raise EngineError(f"{source}: empty; Timeloop found no valid mapping or did not finish")
    levels, networks, sections = _blocks(text, source)
    summary = sections[_SUMMARY]
    macs = [block for block in levels if "Computes (total)" in block.figures]
    if len(macs) > 1:
        raise EngineError(f"{source}: {len(macs)} arithmetic levels; are these several reports?")
    stats = tuple(_level(block) for block in levels)
    cycles = summary.whole("Cycles")
    computes, utilization = _of_macs(macs[0], cycles) if macs else _of_hidden_macs(summary)
    if cycles < max((level.cycles for level in stats), default=1):  # more where networks have latencies
        raise EngineError(f"{source}, line {summary.line}: {cycles} cycles are fewer than some level takes")
    return Evaluation(
        valid=True,
        reason="",
        cycles=cycles,
        energy_pj=_energy([*(level.energy_pj for level in stats), *map(_network, networks)], summary),
        utilization=utilization,
        computes=computes,
        levels=stats,
    )


def _of_macs(block: _Block, cycles: int) -> tuple[int, float]:
    """Computations and utilisation, of the block of the MACs."""
    computes, instances = block.whole("Computes (total)"), block.whole("Instances")
    if not cycles or not instances:
        raise EngineError(f"{block.source}, line {block.line}: {cycles} cycles on {instances} MACs")
    return computes, computes / instances / cycles


def _of_hidden_macs(summary: _Block) -> tuple[int, float]:
    """The same where MACs use no energy, so that the report leaves them out: the utilisation has two decimals in %."""
    return summary.whole("Computes"), summary.number("Utilization") / 100


def _blocks(text: str, source: str) -> tuple[list[_Block], list[_Block], dict[str, _Block]]:
    """The blocks of the levels and of the networks, in the report's order, and those of the whole sections."""
    levels: list[_Block] = []
    networks: list[_Block] = []
    sections: dict[str, _Block] = {}
    section = ""
    current = level = _Block("the report", 1, source)
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LINE_LIMIT:
            raise EngineError(f"{source}, line {number}: {len(line)} characters; is it a report of Timeloop's?")
        if line in _SECTIONS:
            if line in sections:
                raise EngineError(f"{source}, line {number}: a second section {line!r}; are these two reports?")
            section = line
            current = sections[section] = _Block(f"section {section!r}", number, source)
        elif section == _LEVELS and (match := _LEVEL.fullmatch(line)):
            if any(match[1] == other.title for other in levels):
                raise EngineError(f"{source}, line {number}: a second level {match[1]!r}; are these two reports?")
            current = level = _Block(match[1], number, source)
            levels.append(level)
        elif section == _NETWORKS and _NETWORK.fullmatch(line):
            current = level = _Block(line, number, source)
            networks.append(level)
        elif section in (_LEVELS, _NETWORKS) and (match := _TENSOR.fullmatch(line)):
            current = level.add_tensor(match[1], number)
        elif match := _FIGURE.fullmatch(line):
            if section in (_LEVELS, _NETWORKS, _SUMMARY):
                current.add(match[1], number, match[2])
            else:  # the operational intensity has the same figures of every level
                current.figures[match[1]] = number, match[2]
        elif section == _SUMMARY and (match := _COMPUTES.fullmatch(line)):
            current.add("Computes", number, match[1])
    if section != _SUMMARY:
        raise EngineError(f"{source}, line {number}: ends before its summary; Timeloop did not finish writing it")
    return levels, networks, sections


def _level(block: _Block) -> LevelStats:
    tensors = {name: _tensor(tensor) for name, tensor in block.tensors.items()}
    if "Computes (total)" in block.figures:
        energy, instances = block.number("Energy (total)"), block.whole("Utilized instances")
    else:
        energy = block.number("Leakage energy (total)") + sum(tensor.energy_pj for tensor in tensors.values())
        instances = max((tensor.utilized_instances for tensor in tensors.values()), default=0)
    return LevelStats(block.title, block.whole("Cycles"), energy, instances, tensors)


def _tensor(block: _Block) -> TensorStats:
    energies = ("Energy (total)", "Temporal Reduction Energy (total)", "Address Generation Energy (total)")
    return TensorStats(
        utilized_capacity=block.whole("Utilized capacity"),
        utilized_instances=block.whole("Utilized instances (max)"),
        reads=block.whole("Scalar reads (per-instance)"),
        fills=block.whole("Scalar fills (per-instance)"),
        updates=block.whole("Scalar updates (per-instance)"),
        temporal_reductions=block.whole("Temporal reductions (per-instance)"),
        energy_pj=sum(block.number(name) for name in energies),
    )


def _network(block: _Block) -> float:
    """Energy of a network, pJ: that of all instances, but for a reduction tree, which counts once."""
    energy = 0.0
    for tensor in block.tensors.values():
        once = "Spatial Reduction Energy (total)" in tensor.figures and "Ingresses" not in tensor.figures
        names = ("Energy", "Link transfer energy", "Spatial Reduction Energy")
        energy += sum(tensor.signed(f"{name} ({'per-instance' if once else 'total'})") for name in names)
    return energy


def _energy(parts: Sequence[float], summary: _Block) -> float:
    """Sum of the energies of levels and networks, which the summary gives in uJ with two decimals."""
    total, energy = summary.number("Energy") * 1e6, sum(parts)
    if abs(energy - total) <= 0.0051e6 + 1e-9 * total:
        return energy
    raise EngineError(
        f"{summary.source}, line {summary.line}: levels and networks use {energy:.2f} pJ, "
        f"the summary says {total:.2f} pJ"
    )
