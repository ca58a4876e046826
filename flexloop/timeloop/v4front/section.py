"""The parts of a v4 document: mappings whose keys are known, with defaults, and lists of such.

A `Section` is a dict with the keys that the front end knows, whose values are also attributes: ``node.spatial.meshX =
4`` is ``node["spatial"]["meshX"] = 4``. Building one copies what it is given, so that a changed document is built anew
before it is translated, whatever plain values were put into it meanwhile.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

from flexloop.errors import SpecError, UnknownNameError
from flexloop.timeloop.v4front.fields import ANY, REQUIRED, Field, items, section

Part = TypeVar("Part", bound="Section | Items")


class Node:
    """A part of a document, with what scripts ask of every part."""

    def get_nodes_of_type(self, kind: type[Part] | tuple[type[Part], ...]) -> list[Part]:
        """All parts of a kind, or of one of several, below this one; in the order of `Section.below`."""
        return [part for part in _below([self]) if isinstance(part, kind) and part is not self]

    @classmethod
    def declare_attrs(cls, *args: Any, **kwargs: Any) -> None:
        """For scripts' own kinds, which declare their keys here with `add_attr`."""


class Section(dict[str, Any], Node):
    """A mapping with known keys.

    Args:
        content: a mapping, or a list of mappings that together give the keys.
        where: the place in the document, for messages.
        **more: further keys.
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

    def __init__(self, content: Any = None, where: str = "", **more: Any) -> None:
        super().__init__()
        self.__dict__["where"] = where
        self.__dict__["tag"] = getattr(content, "tag", "")
        for part in [*(content if isinstance(content, list) else [content or {}]), more]:
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
        where = self.__dict__.get("where")  # not yet there while a copy from another process is put together
        return f"{where}.{key}" if where else key

    def check(self, *, evaluated: bool = True) -> None:
        """Refuse keys that are missing or unknown, and values of the wrong type (UnknownNameError, SpecError).

        Args:
            evaluated: whether expressions have been evaluated; before, a text may stand for a value of any type.
        """
        fields = self.all_fields()
        for key, field in fields.items():
            if field.default is REQUIRED and self.get(key) is None:
                raise SpecError(f"{self.where or 'the document'}: the key {key!r} is missing")
        for key, value in self.items():
            name, known = self.field(key)
            if known is None:
                raise UnknownNameError("key", key, fields, f"in {self.where or 'the document'}")
            if (evaluated or not isinstance(value, str)) and not known.fits(value):
                words = [each if isinstance(each, str) else each.__name__ for each in known.accepts]
                raise SpecError(f"{self._at(name)} is {str(value)[:60]!r}; it must be {' or '.join(words)}")
            if isinstance(value, (Section, Items)):
                value.check(evaluated=evaluated)

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

    @classmethod
    def add_attr(
        cls,
        key_or_tag: str,
        required_type: Any = None,
        default: Any = None,
        callfunc: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> None:
        """Declare a key of this kind, known in every document that is read from then on.

        Args:
            key_or_tag: the key.
            required_type: the kind or type that its values are of.
            default: its value where it is not given.
            callfunc: builds its values instead.
        """
        cls.fields = {**cls.__dict__.get("fields", {}), key_or_tag: declared(required_type, default, callfunc)}
        Section.all_fields.cache_clear()

    def pop(self, key: str, default: Any = None) -> Any:
        """Take out a key; its value, or the default where it is not there."""
        return super().pop(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, (dict, list)) and not isinstance(value, (Section, Items)):
            field = self.field(key)[1]
            value = value if field is None else field.built(value, self._at(key))
        super().__setitem__(key, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self)
            raise AttributeError(f"{self.where or 'the document'} has no key {name!r}; it has {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "tag":
            self.__dict__["tag"] = value
            return
        if name not in self and callable(getattr(type(self), name, None)):
            raise AttributeError(f"{name} is a method of {type(self).__name__}; set the key {name!r} as an item")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"{self.where or 'the document'} has no key {name!r}")
        del self[name]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.update({key: deepcopy(value, memo) for key, value in self.items()})
        return copy


class Items(list[Any], Node):
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
        return not self.accepts or (value is not None and Field(self.accepts).fits(value))

    def check(self, *, evaluated: bool = True) -> None:
        """Refuse items that are of the wrong type or have wrong keys (see `Section.check`)."""
        for index, value in enumerate(self):
            if (evaluated or not isinstance(value, str)) and not self.fits(value):
                words = [each if isinstance(each, str) else each.__name__ for each in self.accepts]
                raise SpecError(f"{self.where}[{index}] is {str(value)[:60]!r}; it must be {' or '.join(words)}")
            if isinstance(value, (Section, Items)):
                value.check(evaluated=evaluated)

    def combine(self, other: Self) -> Self:
        """Append another list."""
        self.extend(other)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "where":
            place = self.where or type(self).__name__
            warnings.warn(f"{name} = {value!r} has no effect: {place} is a list", stacklevel=2)
        super().__setattr__(name, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.where = self.where
        copy.extend(deepcopy(value, memo) for value in self)
        return copy


def declared(required_type: Any, default: Any, callfunc: Callable[[Any], Any] | None) -> Field:
    """The field that an `add_attr` declares."""
    if callfunc is not None:
        call = callfunc
        return Field((), default, lambda value, _: call(value))
    if isinstance(required_type, type) and issubclass(required_type, (Section, Items)):
        kind = required_type
        return Field((kind,), default, lambda value, where: value if isinstance(value, kind) else kind(value, where))
    accepts = required_type if isinstance(required_type, tuple) else (required_type,)
    return Field(tuple(each for each in accepts if each is not None), default)


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
    if second is None:  # an empty list says more than nothing: factors_only: []
        return first
    if says_nothing(first) or first is second:
        return second
    if says_nothing(second) or first == second:
        return first
    if type(first) is type(second) and isinstance(first, Section):
        return first.combine(second)
    if type(first) is type(second) and isinstance(first, Items) and first.joins:
        return first.combine(second)
    raise SpecError(f"{where} is given twice: {str(first)[:60]!r} and {str(second)[:60]!r}; keep one")


def says_nothing(value: Any) -> bool:
    """Whether a value is as good as not given."""
    if isinstance(value, Section):
        return value.is_empty()
    return value is None or (isinstance(value, (str, list, dict)) and not value)


__all__ = [
    "ANY", "REQUIRED", "Field", "Items", "Node", "Section", "combined", "declared", "items", "says_nothing", "section",
]  # fmt: skip
