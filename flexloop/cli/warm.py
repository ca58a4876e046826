"""The command ``warm``: compile what a first search would have to."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from flexloop.cli.common import console


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("warm")(warm)


def warm(quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False) -> None:
    """Compile all kernels of the embedded engine ahead, for container images and CI.

    They are kept in the user's cache folder, or in that which NUMBA_CACHE_DIR names.
    """
    from flexloop.embedded import kernelcache
    from flexloop.embedded.mapper.prepare import compile_everything

    began = time.monotonic()
    compiled, kernels = compile_everything()
    if not quiet:
        said = f"{kernels} kernels in {kernelcache.folder()}, {compiled} of them compiled now"
        console().print(f"{said}, in {time.monotonic() - began:.0f} s" if compiled else said, markup=False)
