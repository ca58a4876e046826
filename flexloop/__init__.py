"""flexloop: what each kind of flexibility buys a DNN accelerator, on top of Timeloop and Accelergy.

Examples:
    >>> import flexloop
    >>> results = flexloop.run("T0O0P0S0", "ncf", use_store=False, jobs=1)
    >>> int(results.totals["layers"].iloc[0])
    4
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flexloop._version import __version__

if TYPE_CHECKING:
    from flexloop.arch.load import load_arch
    from flexloop.arch.spec import ArchSpec
    from flexloop.classes import FlexClass, all_classes
    from flexloop.engines.select import EngineSettings
    from flexloop.errors import FlexloopError
    from flexloop.networks import load_network
    from flexloop.published.accelerators import load_taxonomy, taxonomy
    from flexloop.results.load import load
    from flexloop.results.table import Results
    from flexloop.studies.design import design
    from flexloop.studies.explore import explore
    from flexloop.studies.flexion import flexion, flexion_table
    from flexloop.studies.futureproof import future_proof
    from flexloop.studies.isolate import isolate, isolation_table
    from flexloop.study import StudyOptions, compare, run, run_study
    from flexloop.workloads.layers import Layer, Network

_HOME = {
    "ArchSpec": "arch.spec",
    "EngineSettings": "engines.select",
    "FlexClass": "classes",
    "FlexloopError": "errors",
    "Layer": "workloads.layers",
    "Network": "workloads.layers",
    "Results": "results.table",
    "StudyOptions": "study",
    "all_classes": "classes",
    "compare": "study",
    "design": "studies.design",
    "explore": "studies.explore",
    "flexion": "studies.flexion",
    "flexion_table": "studies.flexion",
    "future_proof": "studies.futureproof",
    "isolate": "studies.isolate",
    "isolation_table": "studies.isolate",
    "load": "results.load",
    "load_arch": "arch.load",
    "load_network": "networks",
    "load_taxonomy": "published.accelerators",
    "run": "study",
    "run_study": "study",
    "taxonomy": "published.accelerators",
}

__all__ = [
    "ArchSpec",
    "EngineSettings",
    "FlexClass",
    "FlexloopError",
    "Layer",
    "Network",
    "Results",
    "StudyOptions",
    "__version__",
    "all_classes",
    "compare",
    "design",
    "explore",
    "flexion",
    "flexion_table",
    "future_proof",
    "isolate",
    "isolation_table",
    "load",
    "load_arch",
    "load_network",
    "load_taxonomy",
    "run",
    "run_study",
    "taxonomy",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import flexloop` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'flexloop' has no attribute {name!r}")
    return getattr(import_module(f"flexloop.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
