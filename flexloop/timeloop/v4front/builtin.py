"""The functions that expressions may call: the front end's, each bounded in what it makes."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from flexloop.timeloop.v4front.limits import MAX_BITS, MAX_LENGTH, Budget, ExpressionError
from flexloop.timeloop.v4front.tags import Quoted

_MATH = """
    acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees dist erf erfc exp expm1 fabs floor fmod frexp
    fsum gamma gcd hypot isclose isfinite isinf isnan isqrt lcm ldexp lgamma log log10 log1p log2 modf radians remainder
    sin sinh sqrt tan tanh trunc
"""
CONSTANTS = {name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
"""Numbers that have names."""

_PLAIN: dict[str, Callable[..., Any]] = {name: getattr(math, name) for name in _MATH.split()}
_PLAIN |= {f.__name__: f for f in (abs, len, min, max, float, int, str, bool, list, tuple, range)}
_MORE: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (all, any, bin, dict, divmod, hex, oct, ord, repr, set, sorted)
}
_METHODS: dict[type, str] = {
    str: "count endswith find index isalnum isalpha isdigit join ljust lower lstrip replace rjust rstrip split "
    "startswith strip upper zfill",
    list: "append copy count extend index insert pop remove reverse",
    tuple: "count index",
    dict: "get items keys pop setdefault update values",
    set: "add discard union intersection difference update",
}


class Builtin:
    """A function that may be called.

    Args:
        function: what it calls.
        kind: the type that it stands for, for `isinstance`.
    """

    opaque = True
    """Whether it goes through its arguments unseen, so that their sizes have to be known before."""

    def __init__(self, function: Callable[..., Any], kind: type | None = None) -> None:
        self.function, self.kind = function, kind


class Module:
    """A module that a file of functions imports: it has what may be used of it, which is nothing unless it is `math`.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.names = {n: f for n, f in EXPRESSION.items() if hasattr(math, n)} if name == "math" else {}

    def attribute(self, name: str) -> Any:
        """What it has of a name (ExpressionError if it has nothing that may be used)."""
        if name not in self.names:
            raise ExpressionError(f"{self}.{name} cannot be used")
        return self.names[name]

    def __str__(self) -> str:
        return self._name


def power(base: Any, exponent: Any, modulus: Any = None) -> Any:
    """``base ** exponent``, if it is no larger than a whole number may be."""
    if isinstance(base, int) and isinstance(exponent, int) and modulus is None:
        if base.bit_length() * max(exponent, 0) > 2 * MAX_BITS and abs(base) > 1:
            raise ExpressionError(f"a whole number of more than {MAX_BITS} bits")
        return base**exponent
    return pow(base, exponent, modulus)


def product(values: Any, *, start: Any = 1) -> Any:
    """The product of numbers."""
    return _folded(values, start, operator.mul)


def total(values: Any, start: Any = 0) -> Any:
    """The sum of numbers, or of lists where it starts with one."""
    if isinstance(start, list):
        joined = list(start)
        for value in values:
            joined.extend(value)
            Budget.bounded(joined)
        return joined
    if not isinstance(start, (int, float)):
        raise ExpressionError("a sum may start with a number or a list")
    return _folded(values, start, operator.add)


def choose(n: int, k: int) -> int:
    """In how many ways k of n can be chosen."""
    _bounded_falling(n, k)
    return math.comb(n, k)


def permutations(n: int, k: int | None = None) -> int:
    """In how many ways k of n can be put in order."""
    _bounded_falling(n, n if k is None else k)
    return math.perm(n, k)


def factorial(n: int) -> int:
    """The product of the numbers from 1 to n."""
    return permutations(n)


def rounded(value: Any, digits: int | None = None) -> Any:
    """A number rounded to some digits, at most 1000."""
    if digits is not None and abs(digits) > 1000:
        raise ExpressionError("round to more than 1000 digits")
    return round(value, digits)


def enumerated(values: Any, start: int = 0) -> list[tuple[int, Any]]:
    """Pairs of a number and a value."""
    return list(enumerate(values, start))


def getcwd() -> str:
    """The folder in which flexloop was started."""
    return Quoted(Path.cwd())


def method(owner: Any, name: str, budget: Budget) -> Builtin:
    """A method of a value (ExpressionError if it has none of the name that may be called)."""
    for kind, names in _METHODS.items():
        if isinstance(owner, kind) and name in names.split():
            if isinstance(owner, str) and name in ("replace", "join", "ljust", "rjust", "zfill"):
                return Builtin(partial(_made_text, owner, name))
            if name in ("count", "index", "remove"):
                budget.gone_through(owner)
            return Builtin(getattr(owner, name))
    raise ExpressionError(f"no attribute {name!r} of {type(owner).__name__} can be used")


def checked_arguments(values: Iterable[Any], budget: Budget) -> None:
    """Refuse arguments that are too large to be gone through, and count the work of doing so."""
    for value in values:
        if isinstance(value, range) and len(value) > MAX_LENGTH:
            raise ExpressionError(f"more than {MAX_LENGTH} numbers in a range")
        if isinstance(value, (str, range)):
            budget.spend(len(value) // 8)
        else:
            budget.gone_through(value)


def _folded(values: Any, start: Any, operation: Callable[[Any, Any], Any]) -> Any:
    found = start
    for value in values:
        found = Budget.bounded(operation(found, value))
    return found


def _bounded_falling(n: int, k: int) -> None:
    if k > MAX_BITS or n.bit_length() * k > 8 * MAX_BITS:
        raise ExpressionError(f"a whole number of more than {MAX_BITS} bits")


def _made_text(owner: str, name: str, *values: Any) -> str:
    if name == "replace":
        size = len(owner) + owner.count(values[0]) * len(values[1])
    elif name == "join":
        size = sum(len(each) + len(owner) for each in values[0])
    else:
        size = values[0]
    if size > MAX_LENGTH:
        raise ExpressionError(f"a text of more than {MAX_LENGTH} characters")
    return str(getattr(owner, name)(*values))


EXPRESSION: dict[str, Any] = {
    **CONSTANTS,
    **{name: Builtin(f, f if isinstance(f, type) else None) for name, f in _PLAIN.items()},
    "pow": Builtin(power),
    "prod": Builtin(product),
    "sum": Builtin(total),
    "comb": Builtin(choose),
    "perm": Builtin(permutations),
    "factorial": Builtin(factorial),
    "round": Builtin(rounded),
    "enumerate": Builtin(enumerated),
    "getcwd": Builtin(getcwd),
}
"""What an expression may use, by name; `map` and `isinstance` are the evaluator's own."""

FILE: dict[str, Any] = EXPRESSION | {
    **{name: Builtin(f, f if isinstance(f, type) else None) for name, f in _MORE.items()},
    "zip": Builtin(lambda *values: list(zip(*values, strict=False))),
    "reversed": Builtin(lambda values: list(values)[::-1]),
    "print": Builtin(lambda *_, **__: None),
}
"""What a file of functions may use, by name."""
