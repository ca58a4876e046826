"""Parts of a document as plain data."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """A value as plain data: mappings, lists, texts, numbers, booleans and null."""
    if isinstance(value, dict):
        return {_scalar(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, range)):
        return [plain(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> bool | int | float | str | None:
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
