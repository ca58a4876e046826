"""Timeloop's files, in any of its formats, as a design."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flexloop.arch.design import directives
from flexloop.arch.design.directives import WHOLE
from flexloop.arch.design.hardware import Hardware
from flexloop.arch.design.labelled import Labelled
from flexloop.arch.design.model import Design
from flexloop.arch.design.names import BOUND, Names, convolution, with_bounds
from flexloop.arch.design.places import places_of
from flexloop.classes import Axis
from flexloop.errors import SpecError, UnsupportedError
from flexloop.timeloop.configconstraints import from_config
from flexloop.timeloop.constraints import Constraints, LoopConstraint, Subject
from flexloop.timeloop.inputs import read_inputs
from flexloop.timeloop.inputs.folders import files_of
from flexloop.timeloop.v4front import plain, tags
from flexloop.validation import short, validated

_GENERIC = {"arch", "architecture", "top", "input", "inputs", "spec", "eyeriss.arch", "parsed-processed-input"}
"""Names of files that say nothing of the design; their folder's does."""


def read_design(
    files: Sequence[Path],
    defines: Mapping[str, Any] = MappingProxyType({}),
    roots: Sequence[Path] = (),
    name: str | None = None,
) -> Design:
    """Read a design: its architecture, its constraints, and energies and component classes if the files have them.

    Problem bounds, mapper settings and mappings in the files do not count: networks bring the bounds.

    Args:
        files: YAML or libconfig files of Timeloop's native formats or of v4, or folders with such files.
        defines: values of variables of templates.
        roots: folders below which templates may take in files, beside those of the files.
        name: of the design; absent, that of the file or its folder.

    Raises:
        SpecError, UnknownNameError: a file that is malformed or contradicts itself.
        UnsupportedError: for what is not modelled, or a problem that the canonical layer cannot stand for, by name.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(no shape|density|has no effect without sparse)")
        config = read_inputs(files, defines, roots, revise=_with_problem).config
        if sparse := plain(config.get("sparse_optimizations")):
            raise UnsupportedError(f"sparse_optimizations is not modelled: remove it ({short(sparse)})")
        return _design(config, files, defines, name or _name(files, defines))


def _with_problem(contents: list[dict[str, Any]]) -> None:
    """Give v4 files a problem if they have none, and bounds that leave no trace in constraints."""
    if not any("problem" in content for content in contents):
        contents.append({"problem": convolution()})
    if not any("variables" in content for content in contents):
        contents.append(
            {"variables": {"version": 0.4, "global_cycle_seconds": 1e-9, "technology": tags.Quoted("45nm")}}
        )
    for content in contents:
        if "problem" in content:
            content["problem"] = with_bounds(content["problem"], BOUND)


def _design(config: Mapping[str, Any], files: Sequence[Path], defines: Mapping[str, Any], name: str) -> Design:
    architecture = config.get("arch", config.get("architecture"))
    if not isinstance(architecture, Mapping):
        raise SpecError(f"{files[0]}: no architecture; give the file with the top-level key architecture")
    hardware = Hardware.read(architecture)
    names = Names.of(config.get("problem") or _problem_of(config))
    found = names.canonical(_constraints(config, hardware, names))
    design = Design(name=name, architecture=plain(architecture))
    labelled = _labelled(design, found, names.absent)
    document = {
        "name": name,
        "description": f"Timeloop design of {_written(files)}",
        "sources": [str(path) for path in files],
        "architecture": _renamed_scales(plain(architecture), names.data_spaces),
        "components": plain(config.get("compound_components")),
        "ERT": plain(config.get("ERT")),
        "ART": plain(config.get("ART")),
        "constraints": labelled.model_dump(),
        "where": places_of(labelled, files_of(files), defines),
    }
    return validated(Design, document, files[0])


def _problem_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The problem of native files that give none: Timeloop's own names of output channels are M, in old files K."""
    problem = with_bounds(convolution(), 2)
    text = str([config.get(key) for key in ("mapspace", "mapspace_constraints", "arch_constraints",
                                            "architecture_constraints", "architecture", "arch")])  # fmt: skip
    if re.search(r"\bK\s*<?>?=", text) and not re.search(r"\bM\s*<?>?=", text):
        return with_bounds({"shape": "cnn_layer", "instance": dict.fromkeys("RSPQCKN", 2)}, 2)  # type: ignore[no-any-return]
    return problem  # type: ignore[no-any-return]


def _constraints(config: Mapping[str, Any], hardware: Hardware, names: Names) -> Constraints:
    fanouts = frozenset(hardware.names[i] for i in hardware.fanout_levels())
    own = tuple(names.data_spaces)
    subject = Subject(hardware.names, fanouts, dict.fromkeys(names.dimensions, WHOLE), own)
    found = from_config(config, subject)
    if found.template == "ruby":
        raise UnsupportedError(
            "mapspace.template ruby: the classes of a design lack its residuals; remove it, and for those of pinned "
            "factors give the arch's file `edge: remainder`"
        )
    return replace(found, loops=tuple(_whole(loop) for loop in found.loops), template="perfect")


def _whole(loop: LoopConstraint) -> LoopConstraint:
    """A factor of the whole stand-in bound is the whole bound of whatever layer."""
    return replace(loop, factors={d: WHOLE if n == BOUND else n for d, n in loop.factors.items()})


def _labelled(design: Design, found: Constraints, absent: Sequence[str]) -> Labelled:
    """Constraints by axis; dimensions that the problem lacks run at the outermost level, one step after the other."""
    by_kind = directives.sort(found, design.lane_levels)
    names, outermost = design.level_names, design.level_names[-1]
    idle = directives.keeping_nothing(found)
    still = dict.fromkeys(absent, 1)
    if still:
        temporal = [LoopConstraint(name, factors=still) for name in names if name != outermost]
        spatial = [LoopConstraint(names[i], spatial=True, factors=still) for i in design.hardware.fanout_levels()]
    else:
        temporal, spatial = [], []
    always = [*by_kind.always.loops, *(loop for loop in temporal if loop.target in idle)]
    always += [loop for loop in spatial if loop.target in design.lane_levels]
    tiles = [*by_kind.axes[Axis.TILING], *(loop for loop in temporal if loop.target not in idle)]
    parallel = [*by_kind.axes[Axis.PARALLELIZATION]]
    parallel += [loop for loop in spatial if loop.target not in design.lane_levels]

    def written(loops: Sequence[LoopConstraint]) -> tuple[dict[str, Any], ...]:
        return tuple(directives.write(Constraints(directives.merged(loops))))

    return Labelled(
        always=tuple(directives.write(replace(by_kind.always, loops=directives.merged(always)))),
        T=written(tiles),
        O=written(by_kind.axes[Axis.ORDERING]),
        P=written(parallel),
    )


def _renamed_scales(node: Any, names: Mapping[str, str]) -> Any:
    """An architecture whose attributes name data spaces as the canonical layer does."""
    if isinstance(node, list):
        return [_renamed_scales(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    key = "per_dataspace_bandwidth_consumption_scale"
    return {
        k: {names.get(n, n): x for n, x in v.items()} if k == key and isinstance(v, dict) else _renamed_scales(v, names)
        for k, v in node.items()
    }


def _name(files: Sequence[Path], defines: Mapping[str, Any]) -> str:
    """The design's name: of the folder or file, or what templates are told that the architecture is."""
    if isinstance(told := defines.get("architecture", defines.get("arch")), str):
        return _safe(Path(told).stem)
    first = files[0].resolve()
    stem = first.name if first.is_dir() else first.name.split(".")[0]
    return _safe(first.parent.name if stem.lower() in _GENERIC and not first.is_dir() else stem)


def _safe(name: str) -> str:
    found = re.sub(r"[^A-Za-z0-9_\-]", "_", name).lstrip("0123456789_-")
    return found[:60] or "design"


def _written(files: Sequence[Path]) -> str:
    first = f"{files[0].parent.name}/{files[0].name}".lstrip("/")
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"
