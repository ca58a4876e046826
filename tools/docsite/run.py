"""Run the blocks of pages: say what differs from what they print, or write it anew.

Usage: ``python -m docsite.run [--write] [PAGE...]``, with the folder ``tools`` on Python's path; ``make docs-outputs``
writes all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from docsite.blocks import ROOT, Block, abridged, differs, pages, read_blocks

LIMIT_S = 300
"""Seconds that one block may take."""

_BUILD = re.compile(r"(\d+\.\d+\.\d+)\+[0-9a-f]{8}\b")
"""The engine's version with the digest of its source, which every change of it changes; pages show the version."""


@dataclass(frozen=True)
class Ran:
    """A block that was run: what it printed, and what it failed with (empty where it did not)."""

    block: Block
    printed: str
    failed: str = ""

    def fault(self) -> str | None:
        """What is wrong with the page; None where nothing is."""
        block = self.block
        if self.failed:
            return f"line {block.line + 1} failed:\n{block.text}\n{self.failed}"
        expected = block.text if block.prompts else block.output.text if block.output else None
        if expected is None or not differs(expected, self.printed):
            return None
        return f"line {block.line + 1}, expected:\n{expected}\nprinted:\n{self.printed}"


class _Python:
    """The interpreter of a page, started when it is first needed."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, source: str) -> tuple[str, str]:
        """Run a block; return what it printed and what it failed with."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "docsite.session"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=self._folder, env=self._environment, text=True,
            )  # fmt: skip
        _of(self._process.stdin).write(json.dumps(source) + "\n")
        _of(self._process.stdin).flush()
        answer = json.loads(
            _of(self._process.stdout).readline() or '{"printed": "", "failed": "the interpreter ended"}'
        )
        return answer["printed"], answer["failed"]

    def close(self) -> None:
        """End the interpreter."""
        if self._process is not None:
            _of(self._process.stdin).close()
            self._process.wait(LIMIT_S)
            _of(self._process.stdout).close()


def _of(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def run_page(text: str, where: str = "page") -> Iterator[Ran]:
    """Run the blocks of a page in an empty folder, with a store of their own."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "work"
        folder.mkdir()
        environment = _environment(Path(name))
        python = _Python(folder, environment)
        try:
            for block in read_blocks(text, where):
                if block.title:
                    (folder / block.title).write_text(block.text, encoding="utf-8")
                elif block.is_run and block.language == "python":
                    yield Ran(block, *python.run(block.text))
                elif block.is_run:
                    yield Ran(block, *_shell(block.text, folder, environment))
        finally:
            python.close()


def _shell(script: str, folder: Path, environment: dict[str, str]) -> tuple[str, str]:
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    failed = f"exit status {finished.returncode}: {finished.stdout}{finished.stderr}" if finished.returncode else ""
    return _BUILD.sub(r"\1", finished.stdout), failed


def _environment(folder: Path) -> dict[str, str]:
    """What commands find: this checkout's flexloop as if it were installed, and nothing of the user's."""
    programs = folder / "bin"
    programs.mkdir()
    for name, arguments in (("flexloop", "-m flexloop "), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments}"$@"\n')
        program.chmod(0o755)
    return os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tools'}",
        "FLEXLOOP_STORE": str(folder / "store"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "CHECKOUT": str(ROOT),
        "TERM": "dumb",
    }


def faults(page: Path) -> list[str]:
    """What is wrong with a page's blocks."""
    where = str(page.relative_to(ROOT))
    ran = run_page(page.read_text(encoding="utf-8"), where)
    return [f"{where}, {fault}" for it in ran if (fault := it.fault())]


def rewritten(text: str, where: str = "page") -> tuple[str, list[str]]:
    """A page with what its blocks really print, and what is wrong with it even so."""
    lines = text.splitlines(keepends=True)
    left = []
    for it in reversed(list(run_page(text, where))):
        if it.failed:
            left.append(f"{where}, {it.fault()}")
        elif it.block.prompts and it.fault():
            lines[it.block.line : it.block.line + it.block.text.count("\n")] = [it.printed]
        elif it.block.output and it.fault():
            start = it.block.output.line
            lines[start : start + it.block.output.text.count("\n")] = [abridged(it.block.output.text, it.printed)]
    return "".join(lines), left[::-1]


def main() -> int:
    """Run pages; exit status 1 if a block fails or prints what its page does not say."""
    parser = argparse.ArgumentParser(description="Run the blocks of the documentation.")
    parser.add_argument("pages", nargs="*", type=Path, help="default: all")
    parser.add_argument("--write", action="store_true", help="write what is printed into the pages")
    arguments = parser.parse_args()
    found = []
    for page in [path.resolve() for path in arguments.pages] or pages():
        if arguments.write:
            text, left = rewritten(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))
            page.write_text(text, encoding="utf-8")
        else:
            left = faults(page)
        print(f"{page.relative_to(ROOT)}: {'as it says' if not left else f'{len(left)} faults'}", flush=True)
        found += left
    print("\n\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
