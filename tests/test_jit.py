"""Compiled kernels: taken in by callers, kept on disk, and never read when stale."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import NumbaError
from typer.testing import CliRunner

from flexloop.cli import app
from flexloop.embedded import jit, kernelcache
from flexloop.embedded.calltrees import Kernel
from flexloop.embedded.jit import allocating, interpreted, kernel
from flexloop.embedded.mapper import prepare
from flexloop.embedded.mapper.prepare import entries
from flexloop.running.progress import StudyProgress

MODULE = """
from flexloop.embedded.jit import kernel

FACTOR = {factor}

@kernel
def inner(n):
    return n * FACTOR + {offset}

@kernel
def outer(values):
    total = 0
    for value in values:
        total += inner(value)
    return total
"""

PROGRAM = """
import sys, numpy as np
sys.path.insert(0, sys.argv[1])
import kernels
print(kernels.outer(np.arange(4)), len(kernels.outer.overloads), len(kernels.inner.overloads))
"""


def run_kernels(home: Path, factor: int = 2, offset: int = 0, **environment: str) -> str:
    """What `outer` of 0, 1, 2, 3 gives in a process of its own, and how many wholes were made."""
    code = home / "code"
    code.mkdir(exist_ok=True)
    (code / "kernels.py").write_text(MODULE.format(factor=factor, offset=offset))
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": str(home / "cache"), **environment}
    given = {**{k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}, **variables}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(code)], capture_output=True, text=True, env=given, check=True
    )
    return done.stdout.strip()


def stored(home: Path) -> set[str]:
    return {file.name for file in (home / "cache" / "flexloop" / "kernels").glob("*.bin")}


def test_a_kernel_is_kept_whole_and_a_change_of_what_it_calls_is_noticed(tmp_path: Path) -> None:
    assert run_kernels(tmp_path) == "12 1 0"
    first = stored(tmp_path)
    assert len(first) == 1, "the part is kept with the whole that calls it"
    assert run_kernels(tmp_path) == "12 1 0"
    assert stored(tmp_path) == first
    assert run_kernels(tmp_path, offset=1) == "16 1 0", "code of the callee"
    assert run_kernels(tmp_path, factor=3) == "18 1 0", "a constant of the callee"
    assert len(stored(tmp_path)) == 3


def test_machine_code_that_was_compiled_in_another_way_goes_by_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [kernel.file(kernel.ahead or ()) for kernel in entries()]
    monkeypatch.setattr(kernelcache, "_compiler", lambda: "another version of jit.py")
    assert not set(ours) & {kernel.file(kernel.ahead or ()) for kernel in entries()}


def test_without_a_folder_to_write_kernels_live_in_memory(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file where the folder should be")
    assert run_kernels(tmp_path, XDG_CACHE_HOME=str(tmp_path / "occupied")) == "12 1 0"
    assert run_kernels(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "occupied")) == "12 1 0"


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    run_kernels(tmp_path)
    (name,) = stored(tmp_path)
    file = tmp_path / "cache" / "flexloop" / "kernels" / name
    whole = file.stat().st_size
    file.write_bytes(file.read_bytes()[: whole // 2])
    assert run_kernels(tmp_path) == "12 1 0"
    assert file.stat().st_size == pytest.approx(whole, rel=0.1)


def test_a_claim_is_one_process_s_and_ends_with_it(tmp_path: Path) -> None:
    file = tmp_path / "kernel.bin"
    holder = (
        "import sys, pathlib, time\n"
        "from flexloop.embedded import kernelcache\n"
        "with kernelcache.claimed(pathlib.Path(sys.argv[1]), wait=False) as mine:\n"
        "    print(mine, flush=True)\n"
        "    time.sleep(600)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", holder, str(file)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "True"
        with kernelcache.claimed(file, wait=False) as mine:
            assert not mine
    finally:
        other.kill()
        other.communicate()
    with kernelcache.claimed(file, wait=False) as mine:
        assert mine


@kernel
def twice(n: int) -> int:
    return 2 * n


@kernel
def first_of(values: np.ndarray, index: int) -> int:
    return twice(values[index])


def test_a_kernel_gives_in_python_what_it_gives_compiled() -> None:
    values = np.array([3, 5])
    assert first_of(values, 1) == interpreted(first_of)(values, 1) == 10


class _Mutable:
    pass


SOMETHING = _Mutable()


@kernel
def reads_an_object(n: int) -> object:
    return SOMETHING


def test_a_global_whose_change_would_go_unseen_is_refused() -> None:
    assert isinstance(reads_an_object, Kernel)
    with pytest.raises(TypeError, match="reads SOMETHING, which is neither a kernel nor a constant"):
        reads_an_object(1)


DESIGN = Path(__file__).parent / "data" / "designs" / "eyeriss_like.yaml"
STUDY = """
import sys
import flexloop
from flexloop.embedded.calltrees import Kernel
flexloop.run("T1O1P1S1", "ncf", use_store=False, jobs=1)
layer = flexloop.Layer(name="conv", C=3, M=8, R=5, S=5, P=14, Q=14, Wstride=2, Hstride=2)
flexloop.run("T0O0P1S0", layer, sys.argv[1], use_store=False, jobs=1)
modules = [m for name, m in list(sys.modules.items()) if name.startswith("flexloop.")]
kernels = {k for m in modules for k in vars(m).values() if isinstance(k, Kernel)}
for k in kernels:
    if k.overloads:
        print(k.py_func.__name__, list(k.overloads) == [tuple(k.ahead or ())])
"""


def test_a_study_calls_the_kernels_that_are_compiled_ahead_for_the_types_they_are_compiled_for_and_no_others() -> None:
    done = subprocess.run([sys.executable, "-c", STUDY, str(DESIGN)], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.splitlines()) == sorted(f"{each.py_func.__name__} True" for each in entries())


def new_ramp() -> Callable[[int], Any]:
    """A function that makes an array."""

    def ramp(n: int) -> Any:
        return np.arange(n) * 0.5

    return ramp


def test_only_a_kernel_that_says_so_makes_arrays() -> None:
    assert allocating(new_ramp())(3).tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(NumbaError, match="Only accept returning of array passed into the function"):
        kernel(new_ramp())(3)


def test_machine_code_that_counts_references_is_kept_apart() -> None:
    counting, plain = allocating(new_ramp()), kernel(new_ramp())
    assert isinstance(counting, Kernel) and isinstance(plain, Kernel)
    assert counting.file((int,)) != plain.file((int,))


WITHOUT_INNER_PARTS = """
import sys, numba.core.codegen
del numba.core.codegen.JITCodeLibrary
import numpy as np
sys.path.insert(0, sys.argv[1])
import kernels
from flexloop.embedded import jit
print(kernels.outer(np.arange(4)), type(kernels.outer).__module__, jit._calltrees)
"""


def test_without_what_wholes_lean_on_numbas_own_decorator_serves(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text(MODULE.format(factor=2, offset=0))
    variables = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_INNER_PARTS, str(tmp_path)], capture_output=True, text=True, env=variables
    )
    assert (done.stdout, done.stderr) == ("12 numba.core.registry None\n", "")
    assert list((tmp_path / "cache").rglob("*.nbi")), "numba keeps it"


def test_a_numba_that_was_never_tried_is_used_as_it_documents_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert jit._find_calltrees() is not None
    monkeypatch.setattr("numba.__version__", f"0.{jit.NEWEST[1] + 1}.0")
    assert jit._find_calltrees() is None


def test_the_bound_on_numba_is_the_one_that_the_code_knows() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert f',<0.{jit.NEWEST[1] + 1}"' in next(line for line in text.splitlines() if '"numba>=' in line)


def test_warming_compiles_all_kernels_once() -> None:
    assert CliRunner().invoke(app, ["warm", "--quiet"]).output == ""
    again = CliRunner().invoke(app, ["warm"])
    assert again.exit_code == 0
    assert re.fullmatch(r"\d+ kernels in .*, 0 of them compiled now\n", again.stdout)


def test_progress_says_that_kernels_are_compiled_and_how_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    standing = StudyProgress()
    standing.begin(4, "embedded", "embedded")
    assert standing.compiling is None
    monkeypatch.setattr(prepare, "_wanted", entries())
    stored = sum(kernel.is_stored() for kernel in entries())
    assert standing.line() == f"0 of 4 cells, ? left, compiling kernels, once ({stored} of {len(entries())})"
