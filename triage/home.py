"""A home: the folder with config/, templates/, models/ and state/. `triage init` makes one from the copies that the program carries."""

from __future__ import annotations

import shutil
from pathlib import Path

from triage.errors import ConfigError, Problem

PARTS = ("config", "templates", "models")


def shipped() -> Path:
    """Where the copies lie: inside the installed package, or the checkout itself."""
    package = Path(__file__).resolve().parent
    installed = package / "home"
    return installed if installed.is_dir() else package.parent


def create(home: Path) -> list[Path]:
    """Make a home at *home*; returns what was written. Raises ConfigError rather than overwrite anything."""
    there = [home / part for part in PARTS if (home / part).exists()]
    if there:
        fault = f"{', '.join(path.name for path in there)} already there"
        raise ConfigError(
            [Problem(str(home), None, "", fault, "Nothing was written; name another folder, or move the old one away")]
        )
    written = []
    try:
        home.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            shutil.copytree(
                shipped() / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "*.py", "examples")
            )
            written += sorted(path for path in (home / part).rglob("*") if path.is_file())
        for folder in ("secrets", "state"):
            (home / folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        fault = f"cannot be written: {error.strerror} ({error.filename})"
        raise ConfigError([Problem(str(home), None, "", fault, "Choose a folder that you may write to")]) from None
    return written
