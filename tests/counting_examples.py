"""The worked examples of docs/counting.md: each an input in short, and figures that a rule gives.

What the short form leaves out: the last data space is updated; levels are SRAMs of 2^20 words of 16 bits without limits
of bandwidth, the outermost without a limit of size; an access costs 1 pJ, a computation 1 pJ, and nothing leaks.
"""

from __future__ import annotations

import re
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from flexloop.timeloop import yamlio

PAGE = Path(__file__).parent.parent / "docs" / "counting.md"
_BLOCK = re.compile(r"^```yaml\n(example: .*?)^```$", re.M | re.S)
_LIMITS = {
    "no_link_transfer": "spatial",
    "no_reuse": "spatial",
    "no_temporal_reuse": "temporal",
    "rmw_first_update": "temporal",
    "no_coalesce": "datatype",
}
"""What levels may not reuse, and the type of directive that says so."""


@cache
def examples() -> dict[str, dict[str, Any]]:
    """The examples of the page by the rule that they show."""
    found = [yamlio.load(text) for text in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    by_rule = {str(block["example"]): block for block in found}
    assert len(by_rule) == len(found), "two examples of one rule"
    return by_rule


def config_of(example: dict[str, Any]) -> dict[str, Any]:
    """An example as Timeloop's input."""
    problem, levels = _problem(example["problem"]), dict(example["levels"])
    mac = levels.pop("MAC", {})
    dimensions, spaces = problem["shape"]["dimensions"], [space["name"] for space in problem["shape"]["data_spaces"]]
    components, tables, mapping = [], [], []
    across, along = 1, 1
    for place, (name, level) in enumerate(levels.items()):
        wide, high = level.get("mesh", [prod(_loops(level, axis).values()) for axis in "xy"])
        plain = {"instances": across * along, "meshX": across, "width": 16, "datawidth": 16}
        kind = "SRAM" if place or "depth" in level.get("has", {}) else "DRAM"
        plain |= {"depth": 2**20} if kind == "SRAM" else {}
        components.append({"name": name, "class": kind, "attributes": plain | level.get("has", {})})
        tables.append(
            _table(name, dict.fromkeys(("read", "write", "update"), 1) | {"leak": 0} | level.get("energy", {}))
        )
        mapping += _directives(name, level, dimensions, spaces, wide * high > 1)
        across, along = across * wide, along * high
    attributes = {"instances": across * along, "meshX": across, "datawidth": 16} | mac.get("has", {})
    components += [{"name": name, **network} for name, network in example.get("networks", {}).items()]
    components.append({"name": "MAC", "class": "intmac", "attributes": attributes})
    tables.append(_table("MAC", {"compute": 1} | mac.get("energy", {})))
    tables += example.get("tables", [])
    config = {
        "architecture": {"version": 0.4, "subtree": [{"name": "system", "local": components}]},
        "problem": problem,
        "ERT": {"version": 0.4, "tables": tables},
        "mapping": mapping,
    }
    if areas := example.get("areas"):
        config["ART"] = {
            "version": 0.4,
            "tables": [{"name": f"system.{name}", "area": area} for name, area in areas.items()],
        }
    return config


def _problem(short: dict[str, Any]) -> dict[str, Any]:
    """The problem; ``N P+R`` are two ranks, of which two dimensions share the second."""
    bounds, spaces = short["bounds"], list[dict[str, Any]]()
    for name, ranks in list(short.items())[1:]:
        spaces.append({"name": name, "projection": [[[d] for d in rank.split("+")] for rank in ranks.split()]})
    spaces[-1]["read_write"] = True
    return {"shape": {"name": "example", "dimensions": list(bounds), "data_spaces": spaces}, "instance": dict(bounds)}


def _loops(level: dict[str, Any], kind: str) -> dict[str, int]:
    """Factors in their order, innermost first, residuals left out."""
    pairs = (loop.split("=") for loop in str(level.get(kind, "")).split())
    return {d: int(n.split(",")[0]) for d, n in pairs}


def _directives(
    name: str, level: dict[str, Any], dimensions: list[str], spaces: list[str], fanout: bool
) -> list[dict[str, Any]]:
    limits: dict[str, dict[str, Any]] = {"datatype": {}, "spatial": {}, "temporal": {}}
    for key, kind in _LIMITS.items():
        if key in level:
            limits[kind][key] = level[key]
    keep = level.get("keep", spaces)
    held = {"target": name, "type": "datatype", "keep": keep, "bypass": [s for s in spaces if s not in keep]}
    found = [held | limits["datatype"]]
    if fanout:
        x, y = (str(level.get(axis, "")).split() for axis in "xy")
        found.append(
            {"target": name, "type": "spatial", **_order([*x, *y], dimensions), "split": len(x)} | limits["spatial"]
        )
    temporal = str(level.get("t", "")).split()
    found.append({"target": name, "type": "temporal", **_order(temporal, dimensions)} | limits["temporal"])
    return found


def _order(loops: list[str], dimensions: list[str]) -> dict[str, str]:
    named = [loop.split("=")[0] for loop in loops]
    others = [d for d in dimensions if d not in named]
    return {"factors": " ".join([*loops, *(f"{d}=1" for d in others)]), "permutation": "".join([*named, *others])}


def _table(name: str, energies: dict[str, float]) -> dict[str, Any]:
    return {"name": f"system.{name}", "actions": [{"name": action, "energy": pj} for action, pj in energies.items()]}
