"""Render a mapspace variant, or one mapping in it, as the YAML files that Timeloop reads.

The templates lie in ``templates/`` and may be overridden by a folder of the user's own. They run in a sandbox
(`flexloop.timeloop.templates`), a user's own in a process of their own besides (`flexloop.rendering.confined`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flexloop.arch import tree
from flexloop.arch.base import Arch
from flexloop.arch.extents import Extents
from flexloop.arch.spec import ArchSpec
from flexloop.errors import SpecError
from flexloop.mapspace import Variant
from flexloop.rendering.confined import ConfinedTemplates
from flexloop.rendering.v4 import check_depth, constraints_by_node, tables_by_node
from flexloop.rendering.v4layout import layout
from flexloop.resources import is_folder, shipped
from flexloop.timeloop.mapping import Mapping
from flexloop.timeloop.templates import Templates
from flexloop.workloads.layers import DIMENSIONS, Layer

METRICS = {"latency": ("delay", "energy"), "energy": ("energy", "delay"), "edp": ("edp", "energy")}
"""Timeloop's ``optimization_metrics`` for each objective, the tie-break second."""

KEPT_TEXTS = 256
"""Texts of archs at some extents that a renderer keeps: classes and layers share them."""


@dataclass(frozen=True)
class SearchSettings:
    """How long ``timeloop-mapper`` searches; the names and meanings are Timeloop's.

    Attributes:
        algorithm: ``linear_pruned`` enumerates, ``random_pruned`` samples.
        threads: search threads.
        timeout: consecutive invalid mappings after which a thread gives up.
        victory_condition: consecutive valid mappings without an improvement after which it stops (0: never).
        search_size: valid mappings after which it stops (0: no limit).
        diagnostics: whether it says what the invalid mappings failed on (slower).
    """

    algorithm: str
    threads: int
    timeout: int
    victory_condition: int
    search_size: int
    diagnostics: bool = False


class Renderer:
    """The templates, from the shipped folder or one of the user's own that overrides some of them.

    Args:
        overrides: a folder whose templates take the place of the shipped ones of the same name.

    Raises:
        SpecError: if the folder does not exist; while rendering, if a template is wrong.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        if overrides is not None and not is_folder(overrides):
            raise SpecError(f"templates: {overrides} is no folder; give one that holds files such as arch.yaml.j2")
        self._templates = ConfinedTemplates(overrides) if overrides else Templates([shipped("templates")])
        self._architectures: OrderedDict[tuple[int, Extents, bool], tuple[Arch, str]] = OrderedDict()

    @property
    def digest(self) -> str:
        """SHA-256 of all templates in force, in hexadecimal."""
        return self._templates.digest

    def architecture(self, arch: Arch, extents: Extents, *, partitioned: bool) -> str:
        """Render ``arch.yaml``: the components of an arch at the extents of its fanouts; the last texts are kept."""
        key = (id(arch), extents, partitioned)
        if key not in self._architectures:
            name, names = arch.template(extents, partitioned=partitioned)
            self._architectures[key] = arch, self._render(name, **names)  # the arch is held, so its id stays its own
            if len(self._architectures) > KEPT_TEXTS:
                self._architectures.popitem(last=False)
        return self._architectures[key][1]

    def accelergy(self, arch: ArchSpec) -> str:
        """Render ``accelergy.yaml``: the same components as Accelergy reads them, with what they are made of."""
        return self._render(
            "accelergy.yaml.j2",
            arch=arch,
            outer=arch.levels[0],
            above=tree.levels_above_array(arch),
            in_pe=tree.levels_in_pe(arch),
            pe_name=tree.pe_name(arch),
            mac_name=tree.mac_name(arch),
        )

    def problem(self, variant: Variant, bounds: Map[str, int]) -> str:
        """Render ``problem.yaml``: the canonical layer shape with padded bounds."""
        for d in DIMENSIONS:
            if bounds[d] not in variant.bounds[d]:
                raise ValueError(f"bound {d}={bounds[d]} is none of the variant's {variant.bounds[d]}")
        return self.canonical_problem(variant.layer, bounds)

    def canonical_problem(self, layer: Layer, bounds: Map[str, int]) -> str:
        """Render ``problem.yaml`` for a layer at any bounds."""
        return self._render(
            "problem.yaml.j2",
            layer=layer,
            bounds={d: bounds[d] for d in DIMENSIONS},
            coefficients=layer.coefficients,
        )

    def constraints(self, variant: Variant) -> str:
        """Render ``constraints.yaml``: every pinned axis as Timeloop directives."""
        return self._render("constraints.yaml.j2", directives=variant.constraints.to_directives())

    def mapper(self, objective: str, search: SearchSettings) -> str:
        """Render ``mapper.yaml``: the objective and how long to search."""
        return self._render("mapper.yaml.j2", metrics=METRICS[objective], search=search)

    def mapping(self, mapping: Mapping) -> str:
        """Render ``map.yaml``: one mapping, for ``timeloop-model``."""
        return self._render("mapping.yaml.j2", directives=mapping.to_directives())

    def v4(
        self,
        variant: Variant,
        bounds: Map[str, int],
        directives: Iterable[Map[str, Any]],
        ert: Map[str, Any],
        art: Map[str, Any],
        search: tuple[str, SearchSettings] | None = None,
    ) -> str:
        """Render ``v4.yaml``: a mapspace, or one mapping, as Timeloop's v4 front end reads it.

        Args:
            variant: the variant.
            bounds: padded bounds.
            directives: the constraints of the mapspace, or the mapping, as in the native format.
            ert, art: the energy and area reference tables; the front end leaves out an ERT that has no ART beside it.
            search: objective and settings of the mapper; None for a mapping.

        Raises:
            UnsupportedError: for what v4 cannot say, and for a layer that the depth of DRAM, which v4 demands, cannot
                hold.
        """
        where = layout(variant.arch, variant.shape, partitioned=variant.partitioned)
        check_depth(variant.layer, bounds)
        return self._render(
            where.template,
            **where.names,
            constraints=constraints_by_node(directives, where, bounds),
            layer=variant.layer,
            bounds={d: bounds[d] for d in DIMENSIONS},
            coefficients=variant.layer.coefficients,
            metrics=METRICS[search[0]] if search else (),
            search=search[1] if search else None,
            ert=tables_by_node(ert, where),
            art=tables_by_node(art, where),
        )

    def ert(self, ert: Map[str, Any]) -> str:
        """Render ``ert.yaml`` from an energy reference table (the content of Timeloop's ``ERT`` key)."""
        return self._render("ert.yaml.j2", tables=ert["tables"])

    def art(self, art: Map[str, Any]) -> str:
        """Render ``art.yaml`` from an area reference table (the content of Accelergy's ``ART`` key)."""
        return self._render("art.yaml.j2", tables=art["tables"])

    def v4_art(self, art: Map[str, Any], variant: Variant) -> str:
        """Render the area reference table that the v4 front end looks for when it reads results."""
        where = layout(variant.arch, variant.shape, partitioned=variant.partitioned)
        return self._render("art.yaml.j2", tables=tables_by_node(art, where))

    def _render(self, name: str, **names: Any) -> str:
        return self._templates.render(name, names)


@lru_cache(maxsize=4)
def shared_renderer(overrides: Path | None = None) -> Renderer:
    """A renderer that keeps its compiled templates from call to call (see `Renderer` for the argument)."""
    return Renderer(overrides)
