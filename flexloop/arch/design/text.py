"""A design as a commented YAML file, constraints by axis, which `flexloop.load_arch` reads back to an equal design."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flexloop.arch.design.directives import Directive
from flexloop.arch.design.places import places_in_words
from flexloop.timeloop import yamlio

if TYPE_CHECKING:
    from flexloop.arch.design.model import Design

_HEAD = """\
# {name}: a Timeloop design as an arch of flexloop. `flexloop arch check` says in words what it is.
#
# constraints holds Timeloop's own directives, by the axis that frees them: in the names of the canonical layer
# (N G C M R S P Q; Weights Inputs Outputs), permutations leftmost innermost, a factor of 0 is the whole bound. A class
# keeps an axis's directives at degree 0 and deletes them at degree 1. Under `always` one holds in every class.
# Fields that may be added:
#   partial: {{O: [[directive, ...], ...], S: [{{LEVEL: [X, Y]}}]}}  what degree p of an axis adds to degree 0
#   flexible: [LEVEL, ...]          the levels whose fanouts the shape axis is about
#   free: {{T: [LEVEL, ...]}}         an axis frees these levels only
#   edge: remainder                 pinned factors that do not divide a layer leave a shorter last pass, beside padding
"""
_SAYS = {
    "always": "in every class: what is kept where, levels that keep nothing, reuse, vector lanes",
    "T": "tile sizes: factors of temporal loops",
    "O": "loop order: permutations of temporal loops",
    "P": "parallelism: spatial factors, permutations and splits",
}


def design_text(design: Design) -> str:
    """The file."""
    document = design.model_dump(mode="json", exclude_defaults=True)
    labelled, where = document.pop("constraints", {}), document.pop("where", {})
    architecture = {key: document.pop(key) for key in ("architecture", "components", "ERT", "ART") if key in document}
    parts = [_HEAD.format(name=design.name), yamlio.dump({"name": document.pop("name"), **document})]
    parts += ["\n# Degree 0 of the axes. S has none: its degree 0 is the extents that the architecture below has.\n"]
    parts += ["constraints:\n", *_labelled(labelled, where)]
    parts += [f"\n# The file and line of each.\n{yamlio.dump({'where': where})}"] if where else []
    parts += [f"\n# As Timeloop reads it.\n{yamlio.dump(architecture)}"]
    return "".join(parts)


def _labelled(labelled: Mapping[str, Any], where: Mapping[str, str]) -> Iterable[str]:
    for axis, says in _SAYS.items():
        yield f"  # {axis}, {says}.\n" if axis != "always" else f"  # {says}.\n"
        given = labelled.get(axis, [])
        yield f"  {axis}:\n" if given else f"  {axis}: []\n"
        for directive in given:
            yield f"  - {_line(directive)}{_comment(directive, where)}\n"


def _line(directive: Directive) -> str:
    return "{" + ", ".join(f"{key}: {_value(value)}" for key, value in directive.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    text: str = yamlio.dump(value).removesuffix("\n").removesuffix("\n...")
    return text


def _comment(directive: Directive, where: Mapping[str, str]) -> str:
    places = places_in_words(directive, where)
    return f"  # {places}" if places else ""
