"""libconfig files (``.cfg``), which Timeloop reads beside YAML.

The grammar is libconf's (https://pypi.org/project/libconf). A document is plain data: groups become dicts, arrays and
lists become lists. An ``@include`` is refused, so that a file reads no other, and so is a setting that is given twice.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import libconf

from flexloop.errors import SpecError
from flexloop.timeloop import yamlio

MAX_TOKENS = 500_000
"""Words and signs above which a file is refused."""

_OPENING, _CLOSING = ("{", "(", "["), ("}", ")", "]")


def parse(text: str, name: str) -> dict[str, Any]:
    """Read a libconfig document.

    Args:
        text: the document.
        name: what messages call it.

    Raises:
        SpecError: if it is none, too large, too deep, includes another file or gives a setting twice.
    """
    try:
        tokens = list(islice(libconf.Tokenizer(name).tokenize(text), MAX_TOKENS + 1))
        _check(tokens, name)
        document: dict[str, Any] = _plain(_Parser(libconf.TokenStream(tokens)).parse())
        return document
    except libconf.ConfigParseError as error:
        hint = "; files that include others are not read" if "@include" in text else ""
        raise SpecError(f"{name}: {error}{hint}") from error
    except ValueError as error:  # what libconf makes of 010, of a \x without digits, of 5,000 digits
        hint = f"write numbers of at most {yamlio.MAX_DIGITS} digits without leading zeros"
        raise SpecError(f"{name}: {error}; {hint}") from error


class _Parser(libconf.Parser):  # type: ignore[misc]
    """The parser, but for settings that are given twice, of which libconf keeps the last."""

    def setting_list_or_empty(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            token = self.tokens.peek()
            setting = self.setting()
            if setting is None:
                return found
            if setting[0] in found:
                raise libconf.ConfigParseError(f"setting {token} is given twice")
            found[setting[0]] = setting[1]


def _check(tokens: list[Any], name: str) -> None:
    if len(tokens) > MAX_TOKENS:
        raise SpecError(f"{name}: more than {MAX_TOKENS} words and signs; split it or leave out what is not needed")
    depth = 0
    for token in tokens:
        depth += (token.type in _OPENING) - (token.type in _CLOSING)
        if depth > yamlio.MAX_DEPTH:
            raise SpecError(f"{name}, line {token.row}: nested deeper than {yamlio.MAX_DEPTH} levels")
        if token.type not in ("string", "name") and len(token.text) > yamlio.MAX_DIGITS:
            raise SpecError(f"{name}, line {token.row}: a number of {len(token.text)} characters")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, libconf.LibconfInt64) else value
