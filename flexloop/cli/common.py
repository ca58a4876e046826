"""What all commands share: consoles, errors on one screen, and options."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from flexloop import interrupts
from flexloop.cli.config import read_defaults
from flexloop.errors import FlexloopError

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])

PIPED_WIDTH = 240
"""Columns of a table that is not shown on a terminal: wide enough that nothing is cut."""

FAILED, BROKEN_PIPE = 1, 141
"""Exit statuses: of any error and of results that lack cells; of output that nobody reads (2 is a wrong option's)."""


def console(*, stderr: bool = False) -> Console:
    """A console for this moment's stdout or stderr; plain and wide where it is no terminal."""
    plain = not (sys.stderr if stderr else sys.stdout).isatty()
    return _Console(stderr=stderr, width=PIPED_WIDTH if plain else None, highlight=False, soft_wrap=plain, emoji=False)


class _Console(Console):
    """A console that shows what it is told and obeys none of it."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print objects; control characters in texts are shown as escapes."""
        super().print(*(printable(it) if isinstance(it, str) else it for it in objects), **options)

    def on_broken_pipe(self) -> None:
        """Leave it to `FlexloopGroup`, as any other output does."""
        raise BrokenPipeError


def printable(text: str) -> str:
    """A text whose control characters, which could move the cursor or turn the text around, are written as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


METAVARS = {
    "net": "NETWORK", "flexclass": "CLASS", "param": "NAME=INTEGER", "path": "FILE", "output": "PATH", "report": "FILE",
    "templates": "FOLDER", "timeout": "SECONDS", "time_limit": "SECONDS", "figures": "FOLDER", "figure": "FILE",
    "energy": "SOURCE", "results": "FOLDER", "storage": "FILE", "area_model": "FILE", "area_budget": "MM2", "jobs": "N",
    "threads": "N", "seed": "N", "samples": "N", "starts": "N", "trials": "N", "limit": "N", "store": "FOLDER",
    "must_map": "NETWORK", "designed_for": "NETWORK", "baseline": "CLASS", "dask": "ADDRESS", "digest": "HASH",
    "space": "KNOB=FACTOR,...", "container_cli": "PROGRAM", "container_arg": "ARGUMENT", "define": "NAME=VALUE",
    "include_root": "FOLDER", "input_format": "FORMAT", "form": "FORMAT", "only": "NAME", "older_than": "AGE",
    "keep_runs": "FOLDER",
}  # fmt: skip
"""What stands for a parameter's value in the help; its own name where none is given, nothing for a switch."""


class PlainHelp:
    """Of a command or a group of them: its help names values in words, not by Python's types."""

    help: str | None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in (self.help or "").split("\n\n"))

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, those that Typer adds itself among them."""
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            _describe(parameter)
        return parameters


def _describe(parameter: Any) -> None:
    """Say in words what a parameter takes, and within which limits."""
    if parameter.metavar is None:
        word = METAVARS.get(parameter.name, parameter.name.upper())
        parameter.metavar = "" if getattr(parameter, "is_flag", False) else word
    if parameter.param_type_name == "argument":
        parameter.display_type_rich = lambda ctx: None  # its name and its help say what it takes
    limits = _limits(getattr(parameter, "min", None), getattr(parameter, "max", None))
    parameter._get_number_range_help_str = lambda: limits


def _limits(least: float | None, most: float | None) -> str | None:
    """Limits of a number in words.

    >>> _limits(0, None), _limits(1, 8)
    ('0 or more', '1 to 8')
    """
    if least is None:
        return None if most is None else f"at most {most}"
    return f"{least} or more" if most is None else f"{least} to {most}"


class Group(PlainHelp, TyperGroup):
    """A group of commands."""


class Command(PlainHelp, TyperCommand):
    """A command that refuses an option given twice where one value counts; the last would win without a word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, on top of the user's own defaults; look for repeated options before anything runs."""
        if not ctx.resilient_parsing:  # a shell that completes a line shows no error
            ctx.default_map = self._own_defaults()
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        parameter: Any
        for parameter in order:
            one_value = parameter.param_type_name == "option" and not (parameter.multiple or parameter.is_flag)
            if one_value and order.count(parameter) > 1:
                raise typer.BadParameter(f"given {order.count(parameter)} times; give it once", ctx, parameter)
        return super().parse_args(ctx, args)

    def _own_defaults(self) -> dict[str, Any]:
        """Of the user's configuration what this command has an option for."""
        found, own = read_defaults(), {}
        if "store" in found:
            os.environ.setdefault("FLEXLOOP_STORE", found["store"])
        for parameter in self.params:
            if parameter.param_type_name == "option" and parameter.name in found:
                value = found[parameter.name]
                own[str(parameter.name)] = [value] if parameter.multiple else value
        return own


class Commands(typer.Typer):
    """A group of commands, each of which is a `Command`; all know ``-h``."""

    def __init__(self, **options: Any) -> None:
        settings = {"context_settings": {"help_option_names": ["-h", "--help"]}, "cls": Group}
        super().__init__(**{**settings, **options})

    def command(self, name: str | None = None, **options: Any) -> Callable[[CommandFunction], CommandFunction]:
        """Register a command (see `typer.Typer.command`)."""
        return super().command(name, **{"cls": Command, **options})


class FlexloopGroup(Group):
    """Turns flexloop's own errors into one message on stderr, and an interrupt into a word on what is kept."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        warnings.showwarning = _show_warning
        try:
            return super().invoke(ctx)
        except FlexloopError as error:
            console(stderr=True).print(f"error: {error}", markup=False, style="red")
            raise typer.Exit(FAILED) from None
        except KeyboardInterrupt as interrupt:
            text = f"interrupted: {interrupt}" if str(interrupt) else "interrupted"
            console(stderr=True).print(text, markup=False)
            raise typer.Exit(interrupts.status()) from None
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(BROKEN_PIPE) from None


def _drop_output() -> None:
    """Let what stdout still holds go nowhere, so that nothing complains when the process ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    console(stderr=True).print(f"warning: {message}", markup=False, style="yellow")


def print_version(asked: bool) -> None:
    """Print the version and those of the engines that work here, and stop, if asked."""
    if asked:
        from flexloop._version import __version__
        from flexloop.doctor import engines

        typer.echo(f"flexloop {__version__}, Python {sys.version.split()[0]}")
        for finding in engines():
            typer.echo(f"{finding.name}: {finding.detail if finding.works else 'not here (see flexloop doctor)'}")
        raise typer.Exit


def parse_parameters(pairs: list[str]) -> dict[str, int]:
    """Read ``name=integer`` pairs of ``--param``."""
    parameters = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not value.strip().lstrip("-").isdigit():
            raise FlexloopError(f"--param {pair!r}: write NAME=INTEGER, for example --param sequence_length=128")
        parameters[name.strip()] = int(value)
    return parameters


def parse_defines(pairs: list[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs of ``--define``: ``true`` is a truth value, ``8`` a number, anything else a text."""
    defines = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip().isidentifier():
            raise FlexloopError(f"--define {pair!r}: write NAME=VALUE, for example --define architecture=eyeriss_like")
        if name.strip() in defines:
            raise FlexloopError(f"--define {pair!r}: {name.strip()} is given twice; keep one")
        defines[name.strip()] = _defined(value)
    return defines


def _defined(value: str) -> bool | int | str:
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", value) else value
