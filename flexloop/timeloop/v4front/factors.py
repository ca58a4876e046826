"""Factors of loops in v4 files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.v4front.section import Items

_OPERATORS = ("<=", ">=", "=")


class Factor(str):
    """A factor such as ``C=4``, ``C<=4`` or ``C>=4``; 0 is the whole bound."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[str, str, int]:
        """Dimension, operator and number (ValueError if the text is no factor)."""
        for operator in _OPERATORS:
            if operator in self:
                name, number = self.split(operator)
                return name, operator, int(number)
        raise ValueError(self)


class Factors(Items):
    """Factors of loops. ``factors: C=4,M=2`` and ``factors: C=4 M=2`` are lists too.

    Examples:
        >>> factors = Factors("M=4,P<=8")
        >>> factors.add_eq_factor("M", 2, overwrite=True)
        >>> factors.get_split_factors()
        [('P', '<=', 8), ('M', '=', 2)]
    """

    joins = True
    accepts: ClassVar[tuple[type | str, ...]] = (Factor,)

    def __init__(self, content: Any = (), where: str = "") -> None:
        if isinstance(content, str):
            content = content.split("," if "," in content else None)
        super().__init__([each for each in content if each] if isinstance(content, list) else content, where)
        self._settle()

    def item(self, value: Any, where: str) -> Any:
        """A factor; a text that is none is an expression for one."""
        if isinstance(value, list):
            value = "".join(map(str, value))
        if not isinstance(value, str):
            return value
        try:
            return Factor(Factor(value).parts and value)
        except ValueError:
            return value

    def split(self) -> list[tuple[str, str, int]]:
        """Dimension, operator and number of each (SpecError if one is no factor)."""
        return [self._parts(factor) for factor in self]

    def names(self) -> list[str]:
        """The dimensions that have factors."""
        return [name for name, _, _ in self.split()]

    def set_equal(self, name: str, value: int) -> None:
        """Give a dimension a factor (SpecError if it has another)."""
        self.append(Factor(f"{name}={value}"))
        self._settle()

    def combine(self, other: Self) -> Self:
        """Append factors (SpecError if they contradict those that are there)."""
        self.extend(other)
        self._settle()
        return self

    @classmethod
    def factory(cls, content: Any) -> Self:
        """A list of factors from a text or a list."""
        return cls(content)

    def get_split_factors(self) -> list[tuple[str, str, int]]:
        """As `split`."""
        return self.split()

    def get_factor_names(self) -> list[str]:
        """As `names`."""
        return self.names()

    def name2factor(self, name: str) -> str:
        """The first factor of a dimension (UnknownNameError if it has none)."""
        names = self.names()
        if name not in names:
            raise UnknownNameError("dimension with a factor", name, names, f"in {self.where}")
        return str(self[names.index(name)])

    def remove_factor(self, name: str) -> None:
        """Leave out the factors of a dimension."""
        self[:] = self._without(name)

    def add_eq_factor(self, name: str, value: int, overwrite: bool = False) -> None:
        """Give a dimension a factor (SpecError if that contradicts another that is not to be overwritten)."""
        self._add(name, "=", value, overwrite)

    def add_leq_factor(self, name: str, value: int, overwrite: bool = False) -> None:
        """Set the most that a dimension's factor may be; errors as of `add_eq_factor`."""
        self._add(name, "<=", value, overwrite)

    def add_geq_factor(self, name: str, value: int, overwrite: bool = False) -> None:
        """Set the least that a dimension's factor may be; errors as of `add_eq_factor`."""
        self._add(name, ">=", value, overwrite)

    def add_eq_factor_iff_not_exists(self, name: str, value: int) -> bool:
        """Give a dimension a factor if nothing is said of it; whether that was so."""
        return self._add_new(name, "=", value)

    def add_leq_factor_iff_not_exists(self, name: str, value: int) -> bool:
        """Set the most that a dimension's factor may be if nothing is said of it; whether that was so."""
        return self._add_new(name, "<=", value)

    def get_minimum_product(self, problem_instance: Mapping[str, Any]) -> Any:
        """The product of the factors that are fixed."""
        fixed = [value or problem_instance[name] for name, operator, value in self.split() if operator == "="]
        return math.prod(fixed)

    def _without(self, name: str) -> list[Any]:
        return [factor for factor, known in zip(self, self.names(), strict=True) if known != name]

    def _add_new(self, name: str, operator: str, value: int) -> bool:
        new = name not in self.names()
        if new:
            self._add(name, operator, value, overwrite=False)
        return new

    def _add(self, name: str, operator: str, value: int, overwrite: bool) -> None:
        held = self._without(name) if overwrite else list(self)
        self[:] = type(self)([*held, f"{name}{operator}{value}"], self.where)

    def _parts(self, factor: Any) -> tuple[str, str, int]:
        try:
            return Factor(factor).parts
        except ValueError:
            raise SpecError(
                f"{self.where}: {str(factor)[:60]!r} is no factor; write C=4, C<=4 or C>=4 with a whole number"
            ) from None

    def _settle(self) -> None:
        """Keep the last of equal factors, and refuse two that contradict each other."""
        self[:] = [factor for index, factor in enumerate(self) if factor not in self[index + 1 :]]
        first: dict[str, tuple[str, int]] = {}
        for name, operator, value in (Factor(f).parts for f in self if isinstance(f, Factor)):
            known_operator, known = first.setdefault(name, (operator, value))
            if value != known and {operator, known_operator} != {"<=", ">="}:
                raise SpecError(f"{self.where} has two factors of {name}, {known} and {value}; keep one")
