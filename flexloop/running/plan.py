"""What every cell of a study has in common, and the versions of the code that its figures depend on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from flexloop.arch.base import Arch
from flexloop.arch.variant import OnLayer
from flexloop.classes import FlexClass
from flexloop.code import ENGINES, EVERY_CELL, code_digest
from flexloop.energy.source import EnergyTables
from flexloop.engines.base import Engine, EngineInfo, SearchOptions
from flexloop.mapspace import MapSpace
from flexloop.running.store import Store, cell_key
from flexloop.workloads.layers import Layer

KEPT_SPACES = 64
"""Mapspaces that a plan keeps, since a cell needs its own and its subclasses' several times."""


@dataclass(frozen=True)
class Plan:
    """What every cell of a study has in common.

    Attributes:
        arch: the arch spec.
        energy: its energies.
        mapper: the engine that searches.
        evaluator: the engine whose figures count.
        options: objective, effort, seed.
        templates: digest of the templates.
        store: where finished cells are kept, or None.
        keep_runs: folder where the files of each Timeloop process are left, or None.
    """

    arch: Arch
    energy: EnergyTables
    mapper: Engine
    evaluator: Engine
    options: SearchOptions
    templates: str
    store: Store | None = None
    keep_runs: Path | None = None

    @property
    def whole_layers(self) -> bool:
        """Whether the mapper needs no seeds; it then gets a layer's classes at once, to share its tables among them."""
        return self.mapper.exhaustive

    @property
    def is_quick(self) -> bool:
        """Whether a cell takes little time: it is searched and evaluated without starting a program."""
        return self.whole_layers and self.evaluator.exhaustive

    @cached_property
    def programs(self) -> dict[str, str]:
        """The versions of all code that a cell's figures depend on, as they are where the study was started."""
        return programs(self)

    @cached_property
    def digest(self) -> str:
        """The hash of everything that determines a cell beside its layer, its class and its seeds."""
        return cell_key(
            {
                "programs": self.programs,
                "arch": self.arch.model_dump(mode="json", exclude={"name", "description", "sources", "where"}),
                "ert": self.energy.digest,
                "templates": self.templates,
                "options": asdict(self.options),
            }
        )

    def space(self, flexclass: FlexClass, layer: Layer) -> MapSpace:
        """The mapspace of a class and a layer; the last ones are kept."""
        key = (flexclass, layer.name, layer.shape_key)
        space = self._spaces.pop(key, None)
        if space is None:
            space = MapSpace(flexclass, self.arch, layer, self._on(layer).variants(flexclass))
        self._spaces[key] = space
        if len(self._spaces) > KEPT_SPACES:
            self._spaces.pop(next(iter(self._spaces)), None)
        return space

    def _on(self, layer: Layer) -> OnLayer:
        """The arch on a layer, kept while the same layer is asked about."""
        if self._last_layer.get("layer") != layer:
            self._last_layer.update(layer=layer, on=self.arch.on(layer))
        return cast(OnLayer, self._last_layer["on"])

    @cached_property
    def _last_layer(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _spaces(self) -> dict[tuple[FlexClass, str, tuple[int, ...]], MapSpace]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        """What another process gets: no mapspaces, and the versions of the programs here, to hold its own against."""
        kept = {name: value for name, value in self.__dict__.items() if name not in ("_spaces", "_last_layer")}
        return kept | {"programs": self.programs}

    def about(self, flexclass: FlexClass, layer: Layer) -> dict[str, str]:
        """What a person who lists the store should know of a cell."""
        sizes = layer.bounds | layer.coefficients
        return {
            "arch": self.arch.name,
            "class": str(flexclass),
            "layer": " ".join(f"{name}={size}" for name, size in sizes.items() if size > 1),
            "objective": self.options.objective,
            "effort": self.options.effort,
            "energy": self.energy.source,
            **self.programs,
        }


def programs(plan: Plan) -> dict[str, str]:
    """The code that a cell's figures depend on, as it is in this process: flexloop's own and both engines'."""
    return {
        "flexloop": f"code {code_digest(EVERY_CELL)}",
        "mapper": _engine(plan.mapper.info(), "map"),
        "engine": _engine(plan.evaluator.info(), "evaluate"),
    }


def _engine(info: EngineInfo, role: str) -> str:
    """An engine by its version, and by the code of flexloop's that serves it in a role."""
    modules = ENGINES.get((info.name, role), ())
    own = f"code {code_digest(modules)}" if modules else ""
    version = "" if info.name == "embedded" else info.version  # the embedded engine is nothing but such code
    return " ".join(part for part in (info.name, version, own) if part)
