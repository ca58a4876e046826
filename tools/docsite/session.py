"""An interpreter for the Python blocks of one page: reads a block as a line of JSON, answers with what it printed."""

from __future__ import annotations

import doctest
import io
import json
import sys
import traceback
from code import InteractiveInterpreter
from contextlib import redirect_stdout
from typing import Any


class _Recorder(doctest.DocTestRunner):
    """Runs examples and keeps what each printed."""

    def __init__(self) -> None:
        super().__init__(verbose=False)
        self.got: list[str] = []
        self.failed = ""

    def report_start(self, *_: Any) -> None:
        """Say nothing."""

    def report_success(self, out: Any, test: Any, example: Any, got: str) -> None:
        """Keep what is right."""
        self.got.append(example.want)

    def report_failure(self, out: Any, test: Any, example: Any, got: str) -> None:
        """Keep what was printed."""
        self.got.append(got)

    def report_unexpected_exception(self, out: Any, test: Any, example: Any, exc_info: Any) -> None:
        """Keep the traceback as a failure."""
        self.failed += "".join(traceback.format_exception(exc_info[1]))
        self.got.append(example.want)


class _Interpreter(InteractiveInterpreter):
    """Keeps what a block raised."""

    failed = ""

    def showtraceback(self) -> None:
        """Keep the traceback."""
        self.failed = traceback.format_exc()


def with_prompts(source: str, names: dict[str, Any]) -> tuple[str, str]:
    """A block with prompts as it should read, each example with what it really printed; and what it failed with."""
    examples = doctest.DocTestParser().get_examples(source)
    recorder = _Recorder()
    test = doctest.DocTest(examples, {}, "page", None, 0, source)
    test.globs = names  # what a block defines, those after it find
    recorder.run(test, clear_globs=False, out=lambda _: None)
    lines = source.splitlines(keepends=True)
    made: list[str] = []
    end = 0
    for example, got in zip(examples, recorder.got, strict=True):
        after = example.lineno + example.source.count("\n")
        made += [*lines[end:after], got]
        end = after + example.want.count("\n")
    return "".join([*made, *lines[end:]]), recorder.failed


def main() -> None:
    """Answer block after block until there are no more."""
    names: dict[str, Any] = {"__name__": "__main__"}
    interpreter = _Interpreter(names)
    answers = sys.stdout
    for line in sys.stdin:
        source = json.loads(line)
        if source.lstrip().startswith(">>>"):
            printed, failed = with_prompts(source, names)
        else:
            printed, failed = _plain(source, interpreter)
        answers.write(json.dumps({"printed": printed, "failed": failed}) + "\n")
        answers.flush()


def _plain(source: str, interpreter: _Interpreter) -> tuple[str, str]:
    """Run a block without prompts; what it printed, and what it failed with."""
    interpreter.failed = ""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            interpreter.runcode(compile(source, "<page>", "exec"))
        except SyntaxError:
            interpreter.showtraceback()
    return out.getvalue(), interpreter.failed


if __name__ == "__main__":
    main()
