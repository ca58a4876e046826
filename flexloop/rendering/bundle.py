"""The files of one Timeloop run: a mapspace to search, or a mapping to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map
from typing import Any

from flexloop.mapspace import Variant
from flexloop.rendering import v4
from flexloop.rendering.render import Renderer, SearchSettings
from flexloop.timeloop.mapping import Mapping
from flexloop.workloads.layers import DIMENSIONS


def mapspace_files(
    renderer: Renderer, variant: Variant, bounds: Map[str, int], objective: str, search: SearchSettings, ert: str
) -> dict[str, str]:
    """Content of the files that ``timeloop-mapper`` reads for a variant at some padded bounds, by file name."""
    return {
        "arch.yaml": renderer.architecture(variant.arch, variant.shape, partitioned=variant.partitioned),
        "problem.yaml": renderer.problem(variant, bounds),
        "constraints.yaml": renderer.constraints(variant),
        "mapper.yaml": renderer.mapper(objective, search),
        "ert.yaml": ert,
    }


def mapping_files(
    renderer: Renderer, variant: Variant, bounds: Map[str, int], mapping: Mapping, ert: str
) -> dict[str, str]:
    """Content of the files that ``timeloop-model`` reads for one mapping, by file name."""
    return {
        "arch.yaml": renderer.architecture(variant.arch, variant.shape, partitioned=variant.partitioned),
        "problem.yaml": renderer.problem(variant, bounds),
        "map.yaml": renderer.mapping(mapping),
        "ert.yaml": ert,
    }


def v4_mapspace_files(
    renderer: Renderer,
    variant: Variant,
    bounds: Map[str, int],
    search: tuple[str, SearchSettings],
    ert: Map[str, Any],
    art: Map[str, Any] | None,
) -> dict[str, str]:
    """Content of the files for ``tl mapper`` (objective and settings in ``search``), by file name.

    The front end reads ``v4.yaml``, and looks for the area reference table beside Timeloop's report afterwards.
    """
    art = _areas(ert, art)
    text = renderer.v4(variant, bounds, variant.constraints.to_directives(), ert, art, search)
    return {v4.FILE: text, "timeloop-mapper.ART.yaml": renderer.v4_art(art, variant)}


def v4_mapping_files(
    renderer: Renderer,
    variant: Variant,
    bounds: Map[str, int],
    mapping: Mapping,
    ert: Map[str, Any],
    art: Map[str, Any] | None,
) -> dict[str, str]:
    """Content of the files for ``tl model``, by file name (see `v4_mapspace_files`)."""
    art = _areas(ert, art)
    text = renderer.v4(variant, bounds, mapping.to_directives(), ert, art)
    return {v4.FILE: text, "timeloop-model.ART.yaml": renderer.v4_art(art, variant)}


def _areas(ert: Map[str, Any], art: Map[str, Any] | None) -> Map[str, Any]:
    """Areas of 0 where a source has none: the front end passes an ERT on only together with an ART."""
    return art if art is not None else {"tables": [{"name": table["name"], "area": 0.0} for table in ert["tables"]]}


def run_variants(variants: Sequence[Variant]) -> Iterator[tuple[Variant, str, dict[str, int]]]:
    """Each variant with each uniform padding that it allows, and a name for its run."""
    for index, variant in enumerate(variants):
        stem = f"{index:03d}-{variant.shape.X}x{variant.shape.Y}"
        for rule, bounds in _paddings(variant).items():
            yield variant, f"{stem}-{rule}", bounds


def _paddings(variant: Variant) -> dict[str, dict[str, int]]:
    if variant.paddings == 1:
        return {"fixed": {d: variant.bounds[d][0] for d in DIMENSIONS}}
    uniform = variant.arch.on(variant.layer).uniform_paddings()
    allowed = all(bounds[d] in variant.bounds[d] for bounds in uniform.values() for d in DIMENSIONS)
    return uniform if uniform and allowed else _by_size(variant)


def _by_size(variant: Variant) -> dict[str, dict[str, int]]:
    """Paddings that treat every dimension alike where no rule names them: each its least bound, the next one, so on."""
    steps = range(max(len(choices) for choices in variant.bounds.values()))
    return {f"step{i}": {d: variant.bounds[d][min(i, len(variant.bounds[d]) - 1)] for d in DIMENSIONS} for i in steps}
