"""Processors: a script's own keys and tags, and what becomes of them before a specification is run.

Examples:
    >>> from flexloop.timeloop_api import Specification, arch
    >>> class Expand(Processor):
    ...     def declare_attrs(self) -> None:
    ...         self.add_attr(arch.Component, "expansion", int, 1)
    ...
    ...     def process(self, spec: Specification) -> None:
    ...         for component in spec.get_nodes_of_type(arch.Component):
    ...             component.attributes.depth *= component.pop("expansion")
    >>> buffer = arch.Component({"name": "buffer", "class": "SRAM", "attributes": {"depth": 64}, "expansion": 4})
    >>> spec = Specification(architecture={"nodes": [buffer]}, processors=[Expand])
    >>> spec.process()
    >>> spec.architecture.find("buffer").attributes.depth
    256
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.fields import Field
from flexloop.timeloop.v4front.section import Section, declared, says_nothing

if TYPE_CHECKING:
    from flexloop.timeloop_api.specification import Specification


class ProcessorError(SpecError):
    """A key of a processor that is still there when the specification is run."""


class Processor:
    """Changes a specification before it is run.

    Attributes:
        spec: the specification that is processed, or was last.
        logger: of the name of the processor's class.
    """

    def __init__(self, spec: Specification | None = None) -> None:
        self.spec: Any = spec
        self.logger = logging.getLogger(type(self).__name__)
        self._declared: list[tuple[type[Section], str, Field]] = []

    def declare_attrs(self) -> None:
        """Declare the keys that the processor reads and takes out, with `add_attr`; called first."""

    def pre_parse_process(self, spec: Specification) -> None:
        """Change the specification before its expressions are evaluated."""
        self.spec = spec

    def process(self, spec: Specification) -> None:
        """Change the specification after its expressions are evaluated, and take out the processor's keys."""
        self.spec = spec

    def add_attr(
        self,
        target: type[Section],
        key: str,
        required_type: Any = None,
        default: Any = None,
        callfunc: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> None:
        """Declare a key of a kind of nodes; the arguments are those of `Node.add_attr`.

        Every node of the kind then has the key, with the default where it is not given, until it is taken out.
        """
        self._declared.append((target, key, declared(required_type, default, callfunc)))

    def declare(self) -> None:
        """Have the keys declared anew."""
        self._declared.clear()
        self.declare_attrs()

    def give_keys(self, spec: Specification) -> None:
        """Have every node that is meant have the keys that were declared."""
        for target, key, field in self._declared:
            for node in spec.get_nodes_of_type(target):
                value = node.get(key)
                node[key] = field.built(deepcopy(field.default) if value is None else value, f"{node.where}.{key}")

    def take_keys(self, spec: Specification) -> None:
        """Take out the keys that were declared."""
        for target, key, _ in self._declared:
            for node in spec.get_nodes_of_type(target):
                node.pop(key)

    def keys_left(self, spec: Specification) -> Iterator[str]:
        """Places of keys that were declared and not taken out, and say something."""
        for target, key, _ in self._declared:
            for node in spec.get_nodes_of_type(target):
                if not says_nothing(node.get(key)):
                    yield f"{node.where}.{key}"
