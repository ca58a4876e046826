"""What the keys of a v4 document hold: the types that a value may be of, its default, and what builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()
"""The default of a key that must be given."""


Kind = type[Any]
"""A kind of sections or of lists: a class that is made of what a file holds and the place for messages."""


@dataclass(frozen=True)
class Field:
    """A key of a section.

    Attributes:
        accepts: types and words that its value may be; empty: anything. A text that is none of them is an expression.
        default: its value where it is not given.
        make: builds the value from what a file holds, given that and the place for messages.
    """

    accepts: tuple[type | str, ...] = ()
    default: Any = REQUIRED
    make: Callable[[Any, str], Any] | None = None

    def built(self, value: Any, where: str) -> Any:
        """The value to keep for what a file holds."""
        return value if value is None or self.make is None else self.make(value, where)

    def fits(self, value: Any) -> bool:
        """Whether a value is of an accepted type."""
        if not self.accepts or value is None or value == self.default:
            return True
        kinds = tuple(each for each in self.accepts if isinstance(each, type))
        return isinstance(value, kinds) or str(value) in self.accepts


ANY = Field(default=None)
"""A key that may hold anything."""


def section(kind: Kind, default: Any = None) -> Field:
    """A key that holds a section, by default an empty one."""
    return Field((kind,), {} if default is None else default, lambda value, where: kind(value, where))


def items(kind: Kind, default: Any = None) -> Field:
    """A key that holds a list of a kind, by default an empty one."""
    return Field((kind,), [] if default is None else default, lambda value, where: kind(value, where))
