"""The v4 front end's rules of translation, as far as flexloop's v4 files use them, written down anew.

From its documentation (https://timeloop.csail.mit.edu/v4) and what it was seen to do: nodes stand in one list,
outermost first; a node with a fanout gets a level of its own before it, which holds the spatial constraint, keeps
nothing and has no temporal loops; meshes multiply from there on; a dimension whose factor or bound is 1 joins the
permutations of storage and of fanouts that do not name it, innermost; an ERT without an ART is left out.
"""

from __future__ import annotations

from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """Reads ``!Component`` and ``!Container`` as mappings with the tag under ``tag``."""


def _tagged(loader: Loader, suffix: str, node: yaml.MappingNode) -> dict[str, Any]:
    return {"tag": suffix} | {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


Loader.add_multi_constructor("!", _tagged)


def translate(text: str) -> dict[str, Any]:
    """What the front end hands to ``timeloop-mapper`` for a v4 document."""
    document = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    problem = document["problem"]
    local: list[dict[str, Any]] = []
    targets: list[dict[str, Any]] = []
    mesh = (1, 1)
    for node in document["architecture"]["nodes"]:
        spatial = node.get("spatial", {})
        fanout = (spatial.get("meshX", 1), spatial.get("meshY", 1))
        constraints = dict(node.get("constraints", {}))
        if fanout != (1, 1):
            name = f"inter_{node['name']}_spatial"
            local.append(_component(name, "dummy_storage", {"width": 1, "depth": 1, "datawidth": 1}, mesh))
            idle = {"factors": [f"{d}=1" for d in problem["shape"]["dimensions"]]}
            held = {"spatial": constraints.pop("spatial", {}), "temporal": idle}
            held["dataspace"] = {"bypass": [space["name"] for space in problem["shape"]["data_spaces"]]}
            targets += [_directive(name, kind, fields, problem) for kind, fields in held.items()]
            mesh = (mesh[0] * fanout[0], mesh[1] * fanout[1])
        if node["tag"] == "Container":
            assert not constraints, "a container's constraints are those of its fanout"
            continue
        local.append(_component(node["name"], node["class"], node["attributes"], mesh))
        targets += [_directive(node["name"], kind, fields, problem) for kind, fields in constraints.items()]
    native = {
        "architecture": {"version": "0.4", "subtree": [{"name": "system_top_level", "local": local}]},
        "architecture_constraints": {"targets": targets},
        "problem": problem,
    }
    native |= {"mapper": document["mapper"]} if "mapper" in document else {}
    return native | ({"ERT": document["ERT"], "ART": document["ART"]} if "ART" in document else {})


def _component(name: str, kind: str, attributes: dict[str, Any], mesh: tuple[int, int]) -> dict[str, Any]:
    x, y = mesh
    return {"name": f"{name}[1..{x * y}]", "class": kind, "attributes": {**attributes, "meshX": x, "meshY": y}}


def _directive(target: str, kind: str, fields: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    if kind == "dataspace":
        return {"target": target, "type": "bypass", **fields}
    factors, permutation = fields.get("factors", []), list(fields.get("permutation", []))
    ones = [f.partition("=")[0] for f in factors if f.endswith("=1")]
    ones += [d for d in problem["shape"]["dimensions"] if problem["instance"][d] == 1]
    for d in ones:
        if d not in permutation:
            permutation.insert(0, d)
    directive = {"target": target, "type": kind, "factors": ",".join(factors), "permutation": "".join(permutation)}
    return directive | ({"split": fields["split"]} if "split" in fields else {})
