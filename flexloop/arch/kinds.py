"""The two ways to write an arch: an arch spec, or a Timeloop design; and what only one of them can be asked."""

from __future__ import annotations

from typing import TypeAlias

from flexloop.arch.design.model import Design
from flexloop.arch.spec import ArchSpec
from flexloop.errors import UnsupportedError

Arch: TypeAlias = ArchSpec | Design


def arch_spec(arch: Arch, who: str) -> ArchSpec:
    """The arch where it is an arch spec.

    Args:
        arch: the arch.
        who: what needs an arch spec and why, for the message.

    Raises:
        UnsupportedError: for a Timeloop design.
    """
    if isinstance(arch, Design):
        raise UnsupportedError(
            f"{who}: not for {arch.name}, a Timeloop design; write an arch spec (`flexloop arch new`), or use run, "
            "compare, isolate, classify, flexion, render or report"
        )
    return arch
