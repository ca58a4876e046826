"""How the gain of flexibility over a rigid design moves with what was assumed of the hardware and of the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from math import nan
from typing import get_args

import pandas as pd

from flexloop.arch.base import Arch
from flexloop.arch.fields import Pair
from flexloop.arch.load import ArchSource, load_arch
from flexloop.arch.spec import ArchSpec
from flexloop.classes import FlexClass
from flexloop.energysources.resize import check_energies
from flexloop.errors import SpecError, UnmappableError
from flexloop.results.table import Results
from flexloop.running.notebook import shown_in_notebooks
from flexloop.running.progress import Progress
from flexloop.studies.futureproof import FUTURE, NO_DESIGN, SENSITIVE, future_proof, speedup_table
from flexloop.study import DEFAULT_ARCH, StudyOptions, count_cells, run_study
from flexloop.workloads.layers import Network


@dataclass(frozen=True)
class Variation:
    """One assumption changed.

    Attributes:
        name: what is changed, for tables.
        scale: factors of the hardware, by its knobs.
        rules: other values of ``edge`` or ``depthwise``.
        pairs: the pairs that the rigid design may unroll, or None for any.
        designed: whether the fixed values are designed for the network of the past, or the arch's own.
    """

    name: str
    scale: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[Pair, ...] | None = None
    designed: bool = True

    def hardware(self, arch: Arch) -> Arch:
        """The hardware varied (SpecError if there is no such hardware)."""
        return arch.scaled(self.scale).model_copy(update=dict(self.rules)) if self.designed else arch


@shown_in_notebooks
def sensitivity(
    designed_for: str | Network = "alexnet",
    networks: Sequence[str | Network] = FUTURE,
    arch: ArchSource = DEFAULT_ARCH,
    options: StudyOptions | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """How the gain moves with PEs, buffer, bandwidth, the rules for layers, and the rigid design's own values.

    Each variation is designed for anew and run under the rigid class, each axis alone, and everything free.

    Returns:
        One row a variation: its name, the pair and shape of its rigid design, or a Timeloop design's extents (or why
        there is none), then the geometric mean speedup of T, O, P, S alone and of T1O1P1S1.

    Raises:
        UnsupportedError: for a design whose energies are of its own sizes alone.
    """
    own = load_arch(arch)
    options = options or StudyOptions(objective="latency")
    check_energies(own, options.energy, "future-proof --sensitivity")
    records = []
    for done, variation in enumerate(variations(own)):
        gains = {str(c): nan for c in SENSITIVE[1:]}
        if progress:
            progress.plan(*sensitivity_plan(networks, own, options, without=done))
        try:
            rigid, results = _varied(variation, designed_for, networks, own, options, SENSITIVE, progress)
            means = speedup_table(results)["geomean"]
            gains = {name: means[name] for name in gains}
            about = _in_words(rigid)
        except (SpecError, UnmappableError) as error:
            about = f"{NO_DESIGN}{error}"
        records.append({"variation": variation.name, "rigid": about, **gains})
    return pd.DataFrame.from_records(records)


def sensitivity_plan(
    networks: Sequence[str | Network], arch: ArchSource, options: StudyOptions, *, without: int = 0
) -> tuple[int, int]:
    """Cells and parts of `sensitivity` but for its first variations; one turns out to be none where no design fits."""
    parts = len(variations(load_arch(arch))) - without
    return parts * count_cells(SENSITIVE, networks, options.network_parameters), parts


def _varied(
    variation: Variation,
    designed_for: str | Network,
    networks: Sequence[str | Network],
    arch: Arch,
    options: StudyOptions,
    classes: Sequence[FlexClass],
    progress: Progress | None,
) -> tuple[Arch, Results]:
    """The rigid design of a variation, and what its classes cost."""
    hardware = variation.hardware(arch)
    if not variation.designed:
        return hardware, run_study(classes, networks, hardware, options, progress)
    outcome = future_proof(designed_for, networks, hardware, options, classes, progress, variation.pairs, alone=True)
    return outcome.designed.arch, outcome.results


@singledispatch
def _in_words(rigid: Arch) -> str:
    """A rigid design in a few words: the extents of its fanouts."""
    return str(rigid.own_extents)


@_in_words.register
def _spec_in_words(rigid: ArchSpec) -> str:
    pair, shape = rigid.axes.parallelization.fixed, rigid.axes.shape.fixed
    return f"{pair.X}:{shape.X} {pair.Y}:{shape.Y}"


_SIZES = (
    ("PEs / 4", "array", 0.5),
    ("PEs x 4", "array", 2),
    ("buffer / 4", "buffer", 0.25),
    ("buffer x 4", "buffer", 4),
    ("DRAM bandwidth / 4", "bandwidth", 0.25),
    ("DRAM bandwidth x 4", "bandwidth", 4),
    ("DRAM bandwidth x 16", "bandwidth", 16),
)
"""What is scaled, by which knob and factor."""


def variations(arch: Arch) -> list[Variation]:
    """The hardware as it is, and with one thing changed at a time; what it does not have is not changed."""
    scaled = [Variation(name, {knob: factor}) for name, knob, factor in _SIZES if knob in arch.knobs]
    edges = [edge for edge in get_args(type(arch).model_fields["edge"].annotation) if edge != arch.edge]
    depthwise = "off" if arch.depthwise == "as_output_channels" else "as_output_channels"
    rules = [{"edge": edge} for edge in edges[:1]] + [{"depthwise": depthwise}]
    changed = [Variation(f"{name}: {value}", rules={name: value}) for rule in rules for name, value in rule.items()]
    return [Variation("as it is"), *scaled, *changed, *_own_values(arch)]


@singledispatch
def _own_values(arch: Arch) -> list[Variation]:
    """What the arch says of its rigid design itself."""
    return [Variation("the design's own constraints", designed=False)]


@_own_values.register
def _own_values_of_spec(arch: ArchSpec) -> list[Variation]:
    pairs = arch.axes.parallelization.partial
    return [
        *(Variation(f"rigid pair: {pair.X} on X, {pair.Y} on Y", pairs=(pair,)) for pair in pairs),
        Variation("the spec's own fixed values", designed=False),
    ]
