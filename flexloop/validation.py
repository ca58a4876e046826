"""Check a document against a pydantic model, answering a wrong one by field, value and reason."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from flexloop.errors import SpecError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)  # which has no public name

Model = TypeVar("Model", bound=BaseModel)

Value = TypeVar("Value")

MAX_DIGITS = 30
"""Digits of the largest whole number that is looked at."""

TOO_LARGE = 10**MAX_DIGITS
"""Larger than any size."""

MOST = 1e100
"""Energies in pJ, areas in um^2 and scales above this are refused, so that no sum or product of them is infinite."""

_DECIMAL = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\s*", re.ASCII)


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
    if content is None:
        raise SpecError(f"{where}: is empty, where a mapping of fields is needed{_sentence(hint)}")
    if not isinstance(content, dict):
        raise SpecError(f"{where}: holds {short(content)}, where a mapping of fields is needed{_sentence(hint)}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [f"{where}: {_fault(fault)}" for fault in _causes(error)]
        raise SpecError("\n".join(faults) + _sentence(hint)) from error


def make_fields_fit(it: Any, kind: str) -> None:
    """Make each field of a dataclass, frozen or not, what its annotation says: a text that is a path a path, and so on.

    Args:
        it: the instance, as its ``__post_init__`` has it.
        kind: what a field is called, for the message.

    Raises:
        SpecError: one line for each field whose value cannot be that: name, value and reason.
    """
    faults = []
    for name, annotation in _annotations(type(it)).items():
        try:
            object.__setattr__(it, name, fitting(annotation, getattr(it, name), f"{kind} {name}"))
        except SpecError as error:
            faults.append(str(error))
    if faults:
        raise SpecError("\n".join(faults))


def fitting(annotation: type[Value], value: Any, name: str) -> Value:
    """A value as what an annotation says: a text that is a number a number, and so on.

    Raises:
        SpecError: if it cannot be that: name, value and reason.

    Examples:
        >>> fitting(int, "12", "trials")
        12
    """
    try:
        fit: Value = _adapter(annotation).validate_python(value)
        return fit
    except ValidationError as error:
        faults = [_fault(fault | {"loc": (name, *fault["loc"])}) for fault in _causes(error)]
        raise SpecError("\n".join(faults)) from error


_annotations: Any = cache(get_type_hints)
_adapter: Any = cache(TypeAdapter)


class _Answering(ModelMetaclass):
    def __call__(cls, *args: Any, **fields: Any) -> Any:
        try:
            return super().__call__(*args, **fields)
        except ValidationError as error:
            raise SpecError("\n".join(f"{cls.__name__}: {_fault(fault)}" for fault in _causes(error))) from error


class Answering(BaseModel, metaclass=_Answering):
    """A model that Python code makes as well: a wrong field is a `SpecError` to it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if self.model_config.get("frozen") and name in type(self).model_fields:
            raise SpecError(f"{type(self).__name__}: {name} cannot be changed; make another: it.model_copy(update=...)")
        super().__setattr__(name, value)


def plain_number(value: Any) -> float:
    """A number, or a text that is one, as YAML 1.1 leaves ``1e9``.

    Raises:
        ValueError: if it is none: a boolean, a text that only Python takes for a number, one without a finite value.
    """
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{short(value)} is no finite number")
    return float(value)


def amount(value: Any) -> float:
    """An energy, an area or a size: a number from 0 to `MOST`, or a text that is one (see `plain_number`).

    Raises:
        ValueError: if it is none.
    """
    number = plain_number(value)
    if not 0 <= number <= MOST:
        raise ValueError(f"{short(value)} must be at least 0, and at most {MOST:g}")
    return number


def whole_number(digits: str) -> int:
    """The number that decimal digits are; one larger than any size becomes `TOO_LARGE`, whatever its length."""
    return int(digits) if len(digits) <= MAX_DIGITS else TOO_LARGE


def no_boolean(value: Any) -> Any:
    """Return the value (ValueError if it is a boolean, which pydantic would take for 0 or 1)."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is a boolean; write a number")
    return value


def unknown_fields(names: Iterable[str], known: Iterable[str]) -> str | None:
    """Say which names are no fields and what they may have meant; None where all are known."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            way_out = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            return f"unknown field {name!r}; {way_out}"
    return None


class FileModel(Answering):
    """What stands in a file that people write: immutable, and a field that it has not is answered by the nearest."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _fields_exist(cls, content: Any) -> Any:
        if isinstance(content, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            given = [str(name) for name in content if name not in cls.model_fields]
            if message := unknown_fields(given, known):
                raise ValueError(message)
        return content


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
    return f"{field}: {short(fault['input'])}: {reason}"


def short(value: Any) -> str:
    """A value as messages show it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _sentence(hint: str) -> str:
    return f"\n{hint}" if hint else ""
