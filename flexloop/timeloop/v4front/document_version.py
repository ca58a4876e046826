"""The version that each top-level key of a v4 file may state."""

from __future__ import annotations

from typing import Any

from flexloop.errors import SpecError
from flexloop.timeloop.v4front.section import Field

NUMBER = "0.4"


def _version(value: Any, where: str) -> str:
    if str(value) != NUMBER:
        raise SpecError(f"{where} is {str(value)[:20]!r}; only version {NUMBER} is read here")
    return NUMBER


VERSION = Field((), NUMBER, _version)
