"""The embedded engine: flexloop's own cost model and mapper behind the interface of all engines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from flexloop._version import __version__
from flexloop.code import EMBEDDED_SEARCH, code_digest
from flexloop.deadline import Deadline
from flexloop.embedded.mapper import Guide, Seed, Space, find_best
from flexloop.embedded.model import evaluate
from flexloop.embedded.spec import Spec, read_spec
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Candidate, EngineInfo, SearchOptions, Winner
from flexloop.errors import SpecError
from flexloop.evaluation import Evaluation
from flexloop.mapspace import MapSpace, Variant
from flexloop.rendering.render import shared_renderer
from flexloop.timeloop import yamlio
from flexloop.workloads.layers import DIMENSIONS


class EmbeddedEngine:
    """Searches with the embedded mapper and costs with the embedded model, reading the YAML that Timeloop reads.

    Args:
        templates: a folder of templates that override the shipped ones.
    """

    exhaustive = True
    """What it finds does not depend on the seeds it starts from."""

    keeps_time_limit = True
    """Its search ends when the time is over, with the best so far."""

    def __init__(self, templates: Path | None = None) -> None:
        self._templates = templates
        self._specs: dict[tuple[str, str, str], Spec] = {}

    def info(self) -> EngineInfo:
        """Name and version; the version changes with the code that the figures depend on."""
        return EngineInfo("embedded", f"{__version__}+{code_digest(EMBEDDED_SEARCH)}")

    def map(
        self,
        space: MapSpace,
        energy: EnergyTables,
        options: SearchOptions,
        seeds: Sequence[Candidate],
        run_dir: Path,
    ) -> Winner:
        """Find the best mapping of the mapspace (see `flexloop.engines.base.Engine.map`)."""
        spaces = [Space(self._spec(v, _real(v), energy), v.bounds, v.constraints) for v in space.variants]
        starts = [Seed(space.variants.index(c.variant), c.bounds, c.mapping) for c in seeds]
        deadline = Deadline.of(options.effort, options.time_limit)
        best = find_best(
            spaces,
            options.objective,
            starts,
            deadline=deadline,
            rng_seed=options.seed,
            floor=options.floor,
            guides=[Guide(c.bounds, c.mapping) for c in options.guides],
        )
        candidate = Candidate(space.variants[best.space], best.bounds, best.mapping)
        certificate, known = best.certificate, best.evaluation
        return Winner(
            candidate,
            # The user's own templates may make of other bounds more than these.
            known if known and not self._templates else self.evaluate(candidate, energy, run_dir),
            optimal=certificate.optimal,
            lower_bound=certificate.lower_bound,
            evaluated=certificate.evaluated,
            excluded=certificate.excluded,
            tie_bound=certificate.tie_bound,
        )

    def evaluate(
        self, candidate: Candidate, energy: EnergyTables, run_dir: Path, timeout_s: float | None = None
    ) -> Evaluation:
        """Cost one mapping (see `flexloop.engines.base.Engine.evaluate`), which takes no time worth stopping."""
        return evaluate(self._spec(candidate.variant, candidate.bounds, energy), candidate.mapping)

    def _spec(self, variant: Variant, bounds: dict[str, int], energy: EnergyTables) -> Spec:
        renderer = shared_renderer(self._templates)
        architecture = renderer.architecture(variant.arch, variant.shape, partitioned=variant.partitioned)
        key = (architecture, renderer.problem(variant, bounds), energy.digest)
        if key not in self._specs:
            tree, problem = _parse(architecture, "architecture"), _parse(key[1], "problem")
            self._specs[key] = read_spec(tree, problem, dict(energy.ert))
        return self._specs[key]

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_specs": {}}


def _real(variant: Variant) -> dict[str, int]:
    """The first allowed bounds: the search brings its own, the problem's shape is what matters."""
    return {d: variant.bounds[d][0] for d in DIMENSIONS}


@lru_cache(maxsize=1024)
def _parse(text: str, key: str) -> dict[str, Any]:
    """What a template, which may be a user's own, wrote under its top-level key."""
    document = yamlio.load(text)
    if not isinstance(document, dict) or not isinstance(document.get(key), dict):
        raise SpecError(f"templates: what they wrote has no top-level key {key} with fields; mend the template of it")
    found: dict[str, Any] = document[key]
    return found
