"""Look up values in parsed YAML with the leniency of Timeloop's own parser, and errors that name where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flexloop import validation
from flexloop.errors import SpecError
from flexloop.validation import plain_number, short

LARGEST = 2**40
"""Whole numbers above this are refused: no bound, capacity or number of instances is as large."""


class Fields:
    """A mapping from a YAML file, and its place in the file for error messages.

    Args:
        content: the mapping.
        where: what the messages call it.

    Raises:
        SpecError: if it is no mapping.
    """

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, Mapping):
            raise SpecError(f"{where} is {short(content)}, not a mapping of names to values")
        self.content: Mapping[str, Any] = content
        self.where = where

    def get(self, name: str) -> Any:
        """The value of a key; None if it is absent."""
        return self.content.get(name)

    def has(self, name: str) -> bool:
        """Whether a value other than null is given."""
        return self.get(name) is not None

    def sub(self, name: str) -> Fields:
        """The mapping under a key (SpecError if it is none)."""
        return Fields(self.get(name), f"{self.where}.{name}")

    def text(self, name: str) -> str:
        """A string that must be there."""
        value = self.get(name)
        if not isinstance(value, str) or not value:
            raise SpecError(f"{self.where}.{name} is {short(value)}, not a name")
        return value

    def whole(self, *names: str) -> int | None:
        """The first of these keys that is given, as a whole number above 0; None if none is."""
        return self._integer(names, 1)

    def count(self, *names: str) -> int | None:
        """The first of these keys that is given, as a whole number that may be 0; None if none is."""
        return self._integer(names, 0)

    def _integer(self, names: tuple[str, ...], least: int) -> int | None:
        given, where = self._first(names)
        if given is None:
            return None
        value = number(given, where)
        if value != int(value) or not least <= value <= LARGEST:
            raise SpecError(f"{where} is {short(given)}, not a whole number from {least} to {LARGEST}")
        return int(value)

    def _first(self, names: tuple[str, ...]) -> tuple[Any, str]:
        """The value of the first of these keys that is given, and what messages call it; None if none is."""
        name = next(filter(self.has, names), names[0])
        return self.get(name), f"{self.where}.{name}"

    def number(self, *names: str) -> float | None:
        """The first of these keys that is given, as a finite number; None if none is."""
        given, where = self._first(names)
        return None if given is None else number(given, where)

    def amount(self, *names: str) -> float | None:
        """The first of these keys that is given, as a number from 0 to `MOST`; None if none is."""
        given, where = self._first(names)
        return None if given is None else amount(given, where)

    def items(self, name: str) -> Iterator[tuple[str, Any]]:
        """The entries of a list, each with what messages call it; nothing if it is absent."""
        entries = self.get(name)
        if entries is None:
            return
        if not isinstance(entries, list):
            raise SpecError(f"{self.where}.{name} is {short(entries)}, not a list")
        for position, entry in enumerate(entries):
            yield f"{self.where}.{name}[{position}]", entry


def number(value: Any, where: str) -> float:
    """A finite number, given as one or, as YAML 1.1 leaves ``1e9``, as text.

    Raises:
        SpecError: if it is none.
    """
    try:
        return plain_number(value)
    except ValueError:
        raise SpecError(f"{where} is {short(value)}, not a finite number") from None


def amount(value: Any, where: str) -> float:
    """A number from 0 to `MOST` (see `number`)."""
    number(value, where)
    try:
        return validation.amount(value)
    except ValueError:
        raise SpecError(f"{where} is {short(value)}; it must be at least 0, and at most {validation.MOST:g}") from None
