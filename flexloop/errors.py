"""The errors that a user can cause and mend.

Every one of them names the field, the value and the way out; the command line prints the message alone,
without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable


class FlexloopError(Exception):
    """Base of all errors that flexloop raises on purpose; its text is meant for the user."""

    def __reduce__(self) -> tuple[Callable[..., FlexloopError], tuple[type[FlexloopError], str]]:
        """Travel between processes as a kind and a text, whatever arguments the kind was made with."""
        return _restored, (type(self), str(self))


def _restored(kind: type[FlexloopError], text: str) -> FlexloopError:
    return kind.__new__(kind, text)


class UnknownNameError(FlexloopError):
    """A name (class, network, arch, level, tensor) that does not exist, with the nearest ones that do."""

    def __init__(self, kind: str, name: object, known: Iterable[str], hint: str = "") -> None:
        known = list(known)
        near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
        message = f"unknown {kind} {name!r}"
        if near:
            message += f"; did you mean {' or '.join(repr(n) for n in near)}?"
        elif known:
            message += f"; known: {', '.join(known)}"
        super().__init__(f"{message}{' ' + hint if hint else ''}")


class SpecError(FlexloopError):
    """An input file (arch spec, network, Timeloop YAML) that is malformed or contradicts itself."""


class UnmappableError(FlexloopError):
    """A layer that has no mapping in a mapspace; a finding about the hardware, not a fault."""


class UnsupportedError(FlexloopError):
    """An input feature that is not modelled and is therefore refused by name."""


class EngineError(FlexloopError):
    """An engine that is missing, failed, or answered something unreadable."""


class NoVerdictError(EngineError):
    """A search that ended as it should and yet without an answer; the same search would end the same way."""


class OutputError(FlexloopError):
    """A result that could not be written."""


class StudyInterrupt(KeyboardInterrupt):
    """Ctrl-C during a study; its text says what is kept and how to go on."""
