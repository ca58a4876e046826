"""The command line: ``flexloop COMMAND``. Commands only; what they do lies in the modules they call."""

from __future__ import annotations

import typer

from flexloop.cli import (
    cache,
    classify,
    decisions,
    energy,
    explore,
    files,
    formalism,
    importing,
    paper,
    report,
    show,
    studies,
    warm,
)
from flexloop.cli.common import Commands, FlexloopGroup, print_version

app = Commands(
    name="flexloop",
    cls=FlexloopGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="What each kind of flexibility buys a DNN accelerator.\n\n"
    "An accelerator is flexible along four axes: T, the tile sizes; O, the order of loops; P, the dimensions that run "
    "in parallel; S, the shape of the array. A class says for each whether it is fixed (0) or free (1), from T0O0P0S0, "
    "which is rigid, to T1O1P1S1; p, in place of 1, leaves the few choices that the arch spec lists.",
    epilog="Start with: flexloop run --class T1O0P1S0 --net bert",
)


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=print_version, is_eager=True, help="Show the version."),
) -> None:
    """What each kind of flexibility buys a DNN accelerator."""


studies.register(app)
show.register(app)
energy.register(app)
decisions.register(app)
paper.register(app)
explore.register(app)
formalism.register(app)
classify.register(app)
files.register(app)
importing.register(app)
report.register(app)
cache.register(app)
warm.register(app)

__all__ = ["app"]
