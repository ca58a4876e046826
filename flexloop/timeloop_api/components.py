"""Compound components, by the front end's names.

The classes of a specification are plain mappings, handed on as they are; a `CompoundComponent` is one with its keys.
"""

from typing import Any

from flexloop.timeloop.v4front.document import Classes as ComponentsList
from flexloop.timeloop.v4front.document import Components
from flexloop.timeloop.v4front.section import ANY, Field, Items, Section, items, section


class ComponentAttributes(Section):
    """Attributes of a compound component or of a part."""

    others = ANY


class Subcomponent(Section):
    """A part."""

    fields = {
        "name": Field((str,)),
        "class": Field((str,)),
        "attributes": section(ComponentAttributes),
        "area_scale": Field((int, float, str), 1),
        "energy_scale": Field((int, float, str), 1),
    }


class SubcomponentList(Items):
    """Parts."""

    def item(self, value: Any, where: str) -> Any:
        """A part."""
        return Subcomponent(value, where)


class Action(Section):
    """An action, and the actions of the parts that it takes."""

    fields = {"name": Field((str,)), "arguments": section(ComponentAttributes), "subcomponents": items(Items)}


class ActionsList(Items):
    """Actions."""

    def item(self, value: Any, where: str) -> Any:
        """An action."""
        return Action(value, where)


class CompoundComponent(Section):
    """A class of components that is made of parts."""

    fields = {
        "name": Field((str,)),
        "attributes": section(ComponentAttributes),
        "subcomponents": items(SubcomponentList),
        "actions": items(ActionsList),
    }


__all__ = [
    "Action",
    "ActionsList",
    "ComponentAttributes",
    "Components",
    "ComponentsList",
    "CompoundComponent",
    "Subcomponent",
    "SubcomponentList",
]
