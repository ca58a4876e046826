"""The built wheel works on its own: installed away from the checkout, run from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SHIPPED = ("arch_specs", "taxonomy", "templates", "workloads")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the backend of this environment so that no network is needed."""
    out = tmp_path_factory.mktemp("dist")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir"]
    subprocess.run([*pip, str(out), str(CHECKOUT)], check=True)
    (path,) = out.glob("flexloop-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel, which borrows this environment's dependencies but not its flexloop."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", wheel],
        check=True,
    )
    (site,) = folder.glob("lib/python*/site-packages")
    # A directory named in a .pth file comes after the environment's own, and .pth files in it are not followed: an
    # editable flexloop there stays out of sight.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(command: list[str | Path], cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_ships_every_file_of_the_shipped_folders(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in SHIPPED:
        expected = [path.relative_to(CHECKOUT) for path in (CHECKOUT / folder).rglob("*") if path.is_file()]
        assert expected, folder
        missing = [path for path in expected if f"flexloop/_shipped/{path.as_posix()}" not in names]
        assert not missing


@pytest.mark.slow
def test_package_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import flexloop; print(flexloop.__file__)"
    location = run([installed / "bin" / "python", "-c", code], tmp_path)
    assert Path(location.strip()).is_relative_to(installed)


@pytest.mark.slow
def test_commands_run_from_another_directory(installed: Path, tmp_path: Path) -> None:
    flexloop = installed / "bin" / "flexloop"
    assert "T1O0P1S0" in run([flexloop, "classes"], tmp_path)
    assert "bert" in run([flexloop, "nets"], tmp_path)
    run([flexloop, "render", "--class", "T1O0P1S0", "--net", "ncf", "-o", "rendered"], tmp_path)
    assert list((tmp_path / "rendered").rglob("arch.yaml"))
