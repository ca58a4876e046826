"""Check a document against a pydantic model, answering a wrong one by field, value and reason."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flexloop.errors import SpecError

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], content: Any, where: str | Path, hint: str = "") -> Model:
    """Return the content as a model.

    Args:
        model: what the content should be.
        content: what a YAML file held.
        where: the file, for the message.
        hint: the way out, put at the end of the message.

    Raises:
        SpecError: one line for each fault: file, field, value and reason.
    """
    if not isinstance(content, dict):
        raise SpecError(f"{where}: holds {_short(content)}, where a mapping of fields is needed{_sentence(hint)}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [f"{where}: {_fault(fault)}" for fault in _causes(error)]
        raise SpecError("\n".join(faults) + _sentence(hint)) from error


def unknown_fields(names: Iterable[str], known: Iterable[str]) -> str | None:
    """Say which names are no fields and what they may have meant; None where all are known."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            way_out = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            return f"unknown field {name!r}; {way_out}"
    return None


def _causes(error: ValidationError) -> list[Any]:
    """The faults of an error without those that only follow from a fault further inside."""
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    return [f for f in faults if not any(len(p) > len(f["loc"]) and p[: len(f["loc"])] == f["loc"] for p in places)]


def _fault(fault: Any) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    reason = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{field} is missing"
    if fault["type"] == "value_error":
        return f"{field}: {reason}" if field else reason
    return f"{field}: {_short(fault['input'])}: {reason}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _sentence(hint: str) -> str:
    return f"\n{hint}" if hint else ""
