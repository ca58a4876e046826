"""What an exploration may build: factors of the given hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import prod
from typing import Any

from flexloop.arch.base import Arch
from flexloop.arch.knobs import GENERAL, check_knobs
from flexloop.errors import SpecError

Choices = tuple[float, ...]


@dataclass(frozen=True)
class Space:
    """The designs to choose from: factors of the given hardware.

    Attributes:
        array: of the array's extent along X and along Y each; 2 is four times the PEs.
        buffer: of the depth of the buffers between DRAM and the array.
        spad: of the depth of the memories in a PE.
        bandwidth: of DRAM's bandwidth.
        levels: of what one level alone has, by name: ``GlobalBuffer.depth``, ``GlobalBuffer.bandwidth``, and ``.X`` or
            ``.Y`` of a level with a fanout below it.
    """

    array: Choices = (0.25, 0.5, 1, 2, 4)
    buffer: Choices = (0.125, 0.25, 0.5, 1, 2, 4, 8)
    spad: Choices = (0.125, 0.25, 0.5, 1, 2)
    bandwidth: Choices = (0.25, 0.5, 1, 2, 4)
    levels: Mapping[str, Choices] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for knob, factors in self.knobs.items():
            if not factors or min(factors) <= 0 or list(factors) != sorted(set(factors)):
                raise SpecError(f"space: {knob} {factors}: give positive factors in rising order, such as 0.5 1 2")

    @classmethod
    def of(cls, knobs: Mapping[str, Sequence[float]]) -> Space:
        """The space with these factors by name; the general ones that are not named keep theirs."""
        given = {knob: tuple(factors) for knob, factors in knobs.items()}
        general: dict[str, Any] = {knob: given.pop(knob) for knob in GENERAL if knob in given}
        return cls(**general, levels=given)

    @property
    def knobs(self) -> dict[str, Choices]:
        """Factors by knob."""
        return {knob: tuple(getattr(self, knob)) for knob in GENERAL} | {k: tuple(v) for k, v in self.levels.items()}

    @property
    def hardware(self) -> int:
        """Number of hardwares to choose from."""
        return prod(len(factors) for factors in self.knobs.values())

    def on(self, arch: Arch) -> Space:
        """The space without factors of what a hardware does not have, unless these were asked for.

        Raises:
            UnknownNameError, UnsupportedError, SpecError: for what was asked for and is not there.
        """
        usual = {f.name: f.default for f in fields(self)}
        absent = {knob for knob in GENERAL if knob not in arch.knobs and getattr(self, knob) in (usual[knob], (1,))}
        check_knobs([knob for knob in self.knobs if knob not in absent], arch.knobs, arch.name)
        return Space.of(self.knobs | dict.fromkeys(absent, (1,)))
