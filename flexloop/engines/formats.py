"""The two formats that Timeloop is given its input in: its own, and that of the v4 front end (``tl``, pytimeloop)."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import replace
from typing import Any, Protocol

from flexloop.arch.base import Arch
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate
from flexloop.engines.launcher import MAPPER, MODEL, Job
from flexloop.engines.process import Finished, tail
from flexloop.evaluation import Evaluation
from flexloop.mapspace import Variant
from flexloop.rendering import v4
from flexloop.rendering.bundle import mapping_files, mapspace_files, v4_mapping_files, v4_mapspace_files
from flexloop.rendering.render import Renderer, SearchSettings
from flexloop.rendering.v4layout import layout

FORMATS = ("native", "v4")
"""Names that ``--format`` takes."""

FRONT_END = "tl"
WAY_TO_FRONT_END = (
    "install pytimeloop (github.com/Accelergy-Project/timeloop-python), or use the container image of Timeloop "
    "(--engine container), or --format native"
)

_RETURN_CODE = re.compile(r"Timeloop (?:model|mapper) failed with return code (-?\d+)\.")


class Format(Protocol):
    """How runs of Timeloop are written, started and read."""

    name: str

    def mapping_files(self, renderer: Renderer, candidate: Candidate, energy: EnergyTables) -> dict[str, str]:
        """The input files for one mapping."""
        ...

    def mapspace_files(
        self,
        renderer: Renderer,
        variant: Variant,
        bounds: Map[str, int],
        search: tuple[str, SearchSettings],
        energy: EnergyTables,
    ) -> dict[str, str]:
        """The input files for a mapspace, an objective and search settings."""
        ...

    def job(self, job: Job) -> Job:
        """How to start what a job for MODEL or MAPPER asks."""
        ...

    def judged(self, finished: Finished) -> Finished:
        """How Timeloop itself ended."""
        ...

    def figures(self, evaluation: Evaluation, arch: Arch) -> Evaluation:
        """Figures on the spec's own levels."""
        ...

    def directives(self, directives: list[dict[str, Any]], arch: Arch) -> list[dict[str, Any]]:
        """A mapping on the spec's own levels."""
        ...


class NativeFormat:
    """What ``timeloop-model`` and ``timeloop-mapper`` read themselves."""

    name = "native"

    def mapping_files(self, renderer: Renderer, candidate: Candidate, energy: EnergyTables) -> dict[str, str]:
        """See `Format`."""
        return mapping_files(renderer, candidate.variant, candidate.bounds, candidate.mapping, renderer.ert(energy.ert))

    def mapspace_files(
        self,
        renderer: Renderer,
        variant: Variant,
        bounds: Map[str, int],
        search: tuple[str, SearchSettings],
        energy: EnergyTables,
    ) -> dict[str, str]:
        """See `Format`."""
        return mapspace_files(renderer, variant, bounds, *search, renderer.ert(energy.ert))

    def job(self, job: Job) -> Job:
        """See `Format`."""
        return job

    def judged(self, finished: Finished) -> Finished:
        """See `Format`."""
        return finished

    def figures(self, evaluation: Evaluation, arch: Arch) -> Evaluation:
        """See `Format`."""
        return evaluation

    def directives(self, directives: list[dict[str, Any]], arch: Arch) -> list[dict[str, Any]]:
        """See `Format`."""
        return directives


class V4Format:
    """What the v4 front end reads and translates; ``tl model`` and ``tl mapper`` then start Timeloop."""

    name = "v4"

    def mapping_files(self, renderer: Renderer, candidate: Candidate, energy: EnergyTables) -> dict[str, str]:
        """See `Format`."""
        return v4_mapping_files(
            renderer, candidate.variant, candidate.bounds, candidate.mapping, energy.ert, energy.art
        )

    def mapspace_files(
        self,
        renderer: Renderer,
        variant: Variant,
        bounds: Map[str, int],
        search: tuple[str, SearchSettings],
        energy: EnergyTables,
    ) -> dict[str, str]:
        """See `Format`."""
        return v4_mapspace_files(renderer, variant, bounds, search, energy.ert, energy.art)

    def job(self, job: Job) -> Job:
        """See `Format`."""
        application = {MODEL: "model", MAPPER: "mapper"}[job.program]
        return replace(job, program=FRONT_END, files=[v4.FILE], arguments=(application,))

    def judged(self, finished: Finished) -> Finished:
        """See `Format`. The front end fails too where Timeloop did not but its report is empty (no mapping)."""
        said = "\n".join(tail(finished.log, 200))
        codes = _RETURN_CODE.findall(said)
        return replace(finished, status=int(codes[-1])) if codes and finished.status == 1 else finished

    def figures(self, evaluation: Evaluation, arch: Arch) -> Evaluation:
        """See `Format`."""
        return v4.without_fanout_levels(evaluation, layout(arch, arch.own_extents, partitioned=False))

    def directives(self, directives: list[dict[str, Any]], arch: Arch) -> list[dict[str, Any]]:
        """See `Format`."""
        return v4.native_directives(directives, layout(arch, arch.own_extents, partitioned=False))


def no_front_end(image: str = "") -> str:
    """What to say where the v4 front end is missing: on PATH, or in an image; and the way to it."""
    if image:
        return (
            f"image {image} has no {FRONT_END} (pytimeloop), which --format v4 needs; choose another --image, such as "
            "the published one of Timeloop, or --format native"
        )
    return f"{FRONT_END} not found on PATH; {WAY_TO_FRONT_END}"
