"""The parts of a v4 document: mappings whose keys are known, with defaults, and lists of such.

A `Section` is a dict with the keys that the front end knows, whose values are also attributes: ``node.spatial.meshX =
4`` is ``node["spatial"]["meshX"] = 4``. Building one copies what it is given, so that a changed document is built anew
before it is translated, whatever plain values were put into it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

from flexloop.errors import SpecError, UnknownNameError

Part = TypeVar("Part", bound="Section | Items")


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()
"""The default of a key that must be given."""


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


def section(kind: type[Section], default: Any = None) -> Field:
    """A key that holds a section, by default an empty one."""
    return Field((kind,), {} if default is None else default, lambda value, where: kind(value, where))


def items(kind: type[Items], default: Any = None) -> Field:
    """A key that holds a list of a kind, by default an empty one."""
    return Field((kind,), [] if default is None else default, lambda value, where: kind(value, where))


class Section(dict[str, Any]):
    """A mapping with known keys.

    Args:
        content: a mapping, or a list of mappings that together give the keys.
        where: the place in the document, for messages.
    """

    fields: ClassVar[Mapping[str, Field]] = {}
    parts: ClassVar[tuple[str, ...]] = ()
    """Fields that stand for every key in whose name theirs is found."""
    others: ClassVar[Field | None] = None
    """What any other key is; None: refused."""
    expressions: ClassVar[bool] = False
    """Whether every text that is not in quotes is an expression."""
    exposed: ClassVar[frozenset[str]] = frozenset({"get", "keys", "values", "items"})
    """Methods that an expression may call."""

    tag: str
    where: str

    def __init__(self, content: Any = None, where: str = "") -> None:
        super().__init__()
        self.__dict__["where"] = where
        self.__dict__["tag"] = getattr(content, "tag", "")
        for part in content if isinstance(content, list) else [content or {}]:
            if not isinstance(part, dict):
                raise SpecError(f"{where or 'the document'} is {str(part)[:60]!r}, not a mapping")
            for key, value in part.items():
                self._take(str(key), value)
        for key, field in self.all_fields().items():
            if key not in self and field.default is not REQUIRED:
                self[key] = field.built(deepcopy(field.default), self._at(key))

    @classmethod
    @cache
    def all_fields(cls) -> Mapping[str, Field]:
        """The fields of the class and its bases, those of the bases first."""
        found: dict[str, Field] = {}
        for kind in reversed(cls.__mro__):
            found |= kind.__dict__.get("fields", {})
        return found

    def field(self, key: str) -> tuple[str, Field | None]:
        """What a key is called here, and what it is; None for one that is unknown."""
        fields = self.all_fields()
        if key in fields:
            return key, fields[key]
        if "ignore" in key:
            return key, ANY
        for part in self.parts:
            if part in key:
                return part, fields[part]
        return key, self.others

    def _take(self, key: str, value: Any) -> None:
        name, field = self.field(key)
        if value is None and field is not None and field.default is not REQUIRED:
            value = deepcopy(field.default)
        if field is not None:
            value = field.built(value, self._at(name))
        self[name] = combined(self[name], value, self._at(name)) if name in self else value

    def _at(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def check(self) -> None:
        """Refuse keys that are missing or unknown, and values of the wrong type (UnknownNameError, SpecError)."""
        fields = self.all_fields()
        for key, field in fields.items():
            if field.default is REQUIRED and self.get(key) is None:
                raise SpecError(f"{self.where or 'the document'}: the key {key!r} is missing")
        for key, value in self.items():
            name, known = self.field(key)
            if known is None:
                raise UnknownNameError("key", key, fields, f"in {self.where or 'the document'}")
            if not known.fits(value):
                words = [each if isinstance(each, str) else each.__name__ for each in known.accepts]
                raise SpecError(f"{self._at(name)} is {str(value)[:60]!r}; it must be {' or '.join(words)}")
            if isinstance(value, (Section, Items)):
                value.check()

    def combine(self, other: Self) -> Self:
        """Take in another section of the same kind; what both give must agree or be lists to be joined."""
        for key, value in other.items():
            self[key] = combined(self[key], value, self._at(key)) if key in self else value
        return self

    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not self

    def below(self, kind: type[Part]) -> list[Part]:
        """All sections and lists of a kind below this one, in the front end's order.

        That order matters where the first of several is meant: the children of a node all stand before what is below
        the first of them.
        """
        return [part for part in _below(self.values()) if isinstance(part, kind)]

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{self.where or 'the document'} has no key {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.update({key: deepcopy(value, memo) for key, value in self.items()})
        return copy


class Items(list[Any]):
    """A list, each of whose items is built in the same way.

    Args:
        content: a list.
        where: the place in the document, for messages.
    """

    joins: ClassVar[bool] = False
    """Whether two lists of the kind may be joined."""
    accepts: ClassVar[tuple[type | str, ...]] = ()
    """Types and words that an item may be; empty: anything."""

    where: str

    def __init__(self, content: Any = (), where: str = "") -> None:
        super().__init__()
        self.where = where
        if not isinstance(content, (list, tuple, set)):
            raise SpecError(f"{where} is {str(content)[:60]!r}, not a list")
        self.extend(self.item(value, f"{where}[{index}]") for index, value in enumerate(content))

    def item(self, value: Any, where: str) -> Any:
        """What an item is kept as."""
        return deepcopy(value)

    def fits(self, value: Any) -> bool:
        """Whether an item is of an accepted type."""
        return Field(self.accepts).fits(value)

    def check(self) -> None:
        """Refuse items that are of the wrong type or have wrong keys (UnknownNameError, SpecError)."""
        for index, value in enumerate(self):
            if not self.fits(value):
                words = [each if isinstance(each, str) else each.__name__ for each in self.accepts]
                raise SpecError(f"{self.where}[{index}] is {str(value)[:60]!r}; it must be {' or '.join(words)}")
            if isinstance(value, (Section, Items)):
                value.check()

    def combine(self, other: Self) -> Self:
        """Append another list."""
        self.extend(other)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.where = self.where
        copy.extend(deepcopy(value, memo) for value in self)
        return copy


def _below(values: Iterable[Any]) -> Iterator[Section | Items]:
    children = [value for value in values if isinstance(value, (Section, Items))]
    yield from children
    for child in children:
        yield from _below(child.values() if isinstance(child, Section) else child)


def combined(first: Any, second: Any, where: str) -> Any:
    """What two values of one key give together.

    Raises:
        SpecError: if they contradict each other.
    """
    if _says_nothing(first) or first is second:
        return second
    if _says_nothing(second) or first == second:
        return first
    if type(first) is type(second) and isinstance(first, Section):
        return first.combine(second)
    if type(first) is type(second) and isinstance(first, Items) and first.joins:
        return first.combine(second)
    raise SpecError(f"{where} is given twice: {str(first)[:60]!r} and {str(second)[:60]!r}; keep one")


def _says_nothing(value: Any) -> bool:
    if isinstance(value, Section):
        return value.is_empty()
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def plain(value: Any) -> Any:
    """A value as plain data: mappings, lists, texts, numbers, booleans and null."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, range)):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
