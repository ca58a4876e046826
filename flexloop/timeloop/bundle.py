"""The files of one Timeloop run: a mapspace to search, or a mapping to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Map

from flexloop.mapspace import Variant
from flexloop.tiles import uniform_paddings
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.render import Renderer, SearchSettings
from flexloop.workload import DIMENSIONS


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


def run_variants(variants: Sequence[Variant]) -> Iterator[tuple[Variant, str, dict[str, int]]]:
    """Each variant with each uniform padding that it allows, and a name for its run."""
    for index, variant in enumerate(variants):
        stem = f"{index:03d}-{variant.shape.X}x{variant.shape.Y}"
        for rule, bounds in _paddings(variant).items():
            yield variant, f"{stem}-{rule}", bounds


def _paddings(variant: Variant) -> dict[str, dict[str, int]]:
    if variant.paddings == 1:
        return {"fixed": {d: variant.bounds[d][0] for d in DIMENSIONS}}
    return uniform_paddings(variant.arch, variant.layer)
