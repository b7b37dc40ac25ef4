"""The scripts in bin/: they are sound shell, and say what is missing before they do anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path for path in [*(ROOT / "bin").iterdir(), ROOT / ".ci" / "run"] if path.is_file())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_is_executable_and_sound(script: Path) -> None:
    shell = script.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")
    assert os.access(script, os.X_OK)
    assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0


def checkout(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """bin/triage in a fresh checkout, on a machine whose only Python is the shell script *python*."""
    shutil.copytree(ROOT / "bin", folder / "bin")
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    tools = folder / "tools"
    tools.mkdir()
    for name in ("cat", "dirname", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    (tools / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (tools / "python3").chmod(0o755)
    command = ["/bin/sh", str(folder / "bin" / "triage"), "--version"]
    return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)


def test_a_python_that_is_too_old_is_named_with_what_is_needed(tmp_path: Path) -> None:
    ended = checkout(tmp_path, 'case "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac')
    assert ended.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is 3.9." in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_without_venv_is_told_with_the_package_that_brings_it(tmp_path: Path) -> None:
    ended = checkout(tmp_path, 'case "$2" in *print*) echo 3.11 ;; *ensurepip*) exit 1 ;; esac')
    assert ended.returncode == 1
    assert "apt-get install python3-venv" in ended.stderr
    assert not (tmp_path / ".venv").exists()
