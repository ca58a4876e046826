"""What all tests share: which tests this machine can run, hypothesis without a clock, and ears for interrupts."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import pytest
import typer.testing
from hypothesis import settings

for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:  # as in the background of a shell, and handed down to all programs
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)

if hasattr(typer.testing, "_get_command"):  # which builds all commands for each that is run, 30 ms
    typer.testing._get_command = cache(typer.testing._get_command)

# The same inputs every time, and fewer of them than `make campaign` draws.
settings.register_profile("flexloop", deadline=None, print_blob=True, derandomize=True, max_examples=40)
settings.register_profile("campaign", deadline=None, print_blob=True)  # other ones every time
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "campaign" if "FLEXLOOP_FUZZ" in os.environ else "flexloop"))


def _missing_timeloop() -> str | None:
    absent = [program for program in ("timeloop-model", "timeloop-mapper") if shutil.which(program) is None]
    return f"{' and '.join(absent)} not on PATH" if absent else None


def _missing_container() -> str | None:
    if not any(shutil.which(cli) for cli in ("docker", "podman")):
        return "neither docker nor podman on PATH"
    if "FLEXLOOP_TEST_IMAGE" not in os.environ:
        return "FLEXLOOP_TEST_IMAGE does not name an image that holds timeloop-model and timeloop-mapper"
    return None


def _missing_browser() -> str | None:
    if not any(shutil.which(program) for program in ("chromium", "google-chrome")):
        return "no Chromium on PATH"
    return None if shutil.which("chromedriver") else "chromedriver not on PATH"


def _missing_accelergy() -> str | None:
    return None if shutil.which("accelergy") else "accelergy not on PATH"


def _missing_hwcomponents() -> str | None:
    absent = [name for name in ("hwcomponents_cacti", "hwcomponents_library") if find_spec(name) is None]
    return (
        f"{' and '.join(absent)} not installed: pip install 'flexloop[hwcomponents]' on Python 3.12" if absent else None
    )


def _missing_pytimeloop() -> str | None:
    return None if shutil.which("tl") else "pytimeloop's tl not on PATH"


_NEEDS = {
    "accelergy": _missing_accelergy,
    "browser": _missing_browser,
    "container": _missing_container,
    "hwcomponents": _missing_hwcomponents,
    "pytimeloop": _missing_pytimeloop,
    "timeloop": _missing_timeloop,
}


@pytest.fixture(autouse=True, scope="session")
def _own_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests from the user's store: what it holds may have been found in little time, on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLEXLOOP_STORE", str(tmp_path_factory.mktemp("store")))
        yield


def pytest_collection_finish() -> None:
    """Have the garbage collector search seldom, and not all modules and tests, which live to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker asks for what this machine lacks, and say what that is.

    Markers named in FLEXLOOP_TESTS_REQUIRED, separated by commas, fail instead.
    """
    required = os.environ.get("FLEXLOOP_TESTS_REQUIRED", "").split(",")
    for marker, missing in _NEEDS.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            (pytest.fail if marker in required else pytest.skip)(reason)
