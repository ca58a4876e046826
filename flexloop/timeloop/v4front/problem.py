"""The problem of a v4 file: its shape and its instance."""

from __future__ import annotations

import re
from numbers import Number
from typing import Any, ClassVar

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.v4front.document_version import VERSION
from flexloop.timeloop.v4front.section import Field, Items, Section, items, section


class Density(Section):
    """How full of values other than 0 a tensor is."""

    fields = {
        "density": Field((Number, str)),
        "distribution": Field(("fixed_structured", "hypergeometric", "banded")),
        "band_width": Field((int,), 0),
        "workload_tensor_size": Field((int,), 0),
    }


class Densities(Section):
    """Densities by data space."""

    others = section(Density)


class Instance(Section):
    """Bounds of dimensions and values of coefficients, by name."""

    fields = {"densities": section(Densities)}
    others = Field((int,), None)


class DataSpace(Section):
    """A tensor: its projection, and whether it is written."""

    fields = {
        "name": Field((str,)),
        "projection": Field((list,)),
        "read_write": Field((str, bool, int), False),
    }

    @property
    def factors(self) -> list[str]:
        """As `dimensions`."""
        return self.dimensions()

    def dimensions(self) -> list[str]:
        """The names in the projection, lists within lists after what stands beside them."""
        found, left = [], list(self["projection"])
        while left:
            each = left.pop(0)
            if isinstance(each, list):
                left += each
            else:
                found.append(str(each))
        return found


class DataSpaces(Items):
    """The tensors of a shape."""

    def item(self, value: Any, where: str) -> Any:
        """A tensor."""
        return DataSpace(value, where)


class Dimensions(Items):
    """Names of dimensions."""

    accepts: ClassVar[tuple[type | str, ...]] = (str,)

    def check(self, *, evaluated: bool = True) -> None:
        """As `Items.check`; a name must be one that can stand in a factor."""
        super().check(evaluated=evaluated)
        for name in self:
            if not re.fullmatch(r"\w+", name):
                raise SpecError(f"{self.where}: {name[:60]!r} is no name of a dimension; use letters, digits and _")


class Shape(Section):
    """Dimensions, coefficients and data spaces."""

    fields = {
        "name": Field((str,), ""),
        "dimensions": items(Dimensions),
        "data_spaces": items(DataSpaces),
        "coefficients": items(Items),
    }

    def names(self) -> list[str]:
        """The names of the data spaces."""
        return [space["name"] for space in self["data_spaces"]]

    def dimensions_of(self, name: str) -> list[str]:
        """The dimensions of a data space (UnknownNameError if there is none of the name)."""
        for space in self["data_spaces"]:
            if space["name"] == name:
                return [each for each in space.dimensions() if each in self["dimensions"]]
        raise UnknownNameError("data space", name, self.names())

    def name2dataspace(self, name: str | DataSpace) -> DataSpace:
        """The data space of a name (UnknownNameError if there is none)."""
        for space in self["data_spaces"]:
            if space is name or space["name"] == name:
                found: DataSpace = space
                return found
        raise UnknownNameError("data space", str(name), self.names())

    def dataspace2dims(self, name: str | DataSpace | list[str | DataSpace]) -> list[str]:
        """The dimensions of one data space or of several."""
        spaces = [self.name2dataspace(each) for each in (name if isinstance(name, list) else [name])]
        held = {each for space in spaces for each in space.dimensions()}
        return [each for each in self["dimensions"] if each in held]

    def dataspace2unique_dims(self, name: str | DataSpace | list[str | DataSpace]) -> list[str]:
        """The dimensions of one data space or of several that the others do not have."""
        own = [self.name2dataspace(each) for each in (name if isinstance(name, list) else [name])]
        others: list[str | DataSpace] = [
            space for space in self["data_spaces"] if all(space is not each for each in own)
        ]
        held = self.dataspace2dims(others)
        return [each for each in self.dataspace2dims(name) if each not in held]


class Problem(Section):
    """The problem, with names and histograms of values that CiMLoop adds."""

    fields = {
        "version": VERSION,
        "instance": Field((Instance,), make=lambda value, where: Instance(value, where)),
        "shape": Field((Shape,), make=lambda value, where: Shape(value, where)),
        **dict.fromkeys(("name", "dnn_name", "notes"), Field((str,), None)),
        "histograms": Field((dict,), None),
    }
