"""A home: the folder with config/, templates/, models/ and state/. `triage init` makes one from the copies that the program carries."""

from __future__ import annotations

import shutil
from pathlib import Path

from triage.errors import ConfigError, Problem

PARTS = ("config", "templates", "models")
# The shops in config/examples/, as `triage init --help` tells them.
EXAMPLES = {
    "one-person": "one person, one mailbox, two languages, a desk that is open in the afternoon",
    "three-teams": "three teams in two time zones, two mailboxes, important customers, a help desk",
    "marketplace": "a seller on Amazon and eBay: 24 hours day and night, no automatic reply to them",
}


def shipped() -> Path:
    """Where the copies lie: inside the installed package, or the checkout itself."""
    package = Path(__file__).resolve().parent
    installed = package / "home"
    return installed if installed.is_dir() else package.parent


def create(home: Path, example: str | None = None) -> list[Path]:
    """Make a home at *home*; returns what was written. Raises ConfigError rather than overwrite anything.

    Args:
        example: one of EXAMPLES, whose files stand in place of the commented samples.
    """
    there = [home / part for part in PARTS if (home / part).exists()]
    if there:
        fault = f"{', '.join(path.name for path in there)} already there"
        raise ConfigError(
            [Problem(str(home), None, "", fault, "Nothing was written; name another folder, or move the old one away")]
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            shutil.copytree(
                shipped() / part, home / part, ignore=shutil.ignore_patterns("__pycache__", "*.py", "examples")
            )
        if example is not None:
            _copy_example(shipped() / "config" / "examples" / example, home / "config")
        written = sorted(path for part in PARTS for path in (home / part).rglob("*") if path.is_file())
        for folder in ("secrets", "state"):
            (home / folder).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        fault = f"cannot be written: {error.strerror} ({error.filename})"
        raise ConfigError([Problem(str(home), None, "", fault, "Choose a folder that you may write to")]) from None
    return written


def _copy_example(source: Path, target: Path) -> None:
    """The files of a shop over the samples; what it lacks stays. In their new place the schemas lie beside them."""
    shutil.copytree(source, target, dirs_exist_ok=True)
    for path in source.glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("$schema=../../schema/", "$schema=schema/", 1)
        (target / path.name).write_text(text, encoding="utf-8")
