"""What the kinds of a specification's parts hold: their keys, types and defaults, to be printed."""

from __future__ import annotations

from collections.abc import Iterator

from flexloop.timeloop.v4front.fields import REQUIRED, Field
from flexloop.timeloop.v4front.section import Items, Section

Kind = type[Section] | type[Items]


def get_property_table(*kinds: Kind) -> str:
    """A table of the keys of kinds of parts, with the types that they take and their defaults.

    Examples:
        >>> from flexloop.timeloop_api import problem
        >>> print(get_property_table(problem.DataSpace))
        ==== DataSpace ====
        KEY         REQUIRED_TYPE     DEFAULT
        name        str               REQUIRED
        projection  list              REQUIRED
        read_write  str | bool | int  False
    """
    return "\n\n".join(_table(kind) for kind in kinds)


def get_property_tree(*kinds: Kind) -> str:
    """As `get_property_table`, with what the keys hold below them.

    Examples:
        >>> from flexloop.timeloop_api import problem
        >>> print(get_property_tree(problem.DataSpace))
        DataSpace
        ├─ name: str REQUIRED
        ├─ projection: list REQUIRED
        └─ read_write: str | bool | int = False
    """
    return "\n\n".join("\n".join([kind.__name__, *_branches(kind, "")]) for kind in kinds)


def _fields(kind: Kind) -> dict[str, Field]:
    return dict(kind.all_fields()) if issubclass(kind, Section) else {}


def _table(kind: Kind) -> str:
    rows = [("KEY", "REQUIRED_TYPE", "DEFAULT")]
    rows += [(key, _type(field), repr(field.default)) for key, field in _fields(kind).items()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"{key:<{widths[0]}}  {kinds:<{widths[1]}}  {default}" for key, kinds, default in rows]
    return "\n".join([f"==== {kind.__name__} ====", *lines])


def _branches(kind: Kind, indent: str) -> Iterator[str]:
    fields = _fields(kind)
    for place, (key, field) in enumerate(fields.items(), start=1):
        last = place == len(fields)
        default = "REQUIRED" if field.default is REQUIRED else f"= {field.default!r}"
        yield f"{indent}{'└─' if last else '├─'} {key}: {_type(field)} {default}"
        for each in field.accepts:
            if isinstance(each, type) and issubclass(each, (Section, Items)):
                yield from _branches(each, indent + ("   " if last else "│  "))


def _type(field: Field) -> str:
    names = [each.__name__ if isinstance(each, type) else each for each in field.accepts]
    return " | ".join(names) or "any"
