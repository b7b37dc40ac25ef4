"""Pages for a browser, as commands hand them over."""

from __future__ import annotations

from pathlib import Path

import click

from triage.errors import TriageError


def hand_over(page: str, path: Path) -> None:
    """Write *page* to *path* and say how to open it; "-" is standard output. Raises TriageError where it cannot be written."""
    if str(path) == "-":
        click.echo(page, nl=False)
        return
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise TriageError(
            f"{path}: cannot be written: {error.strerror}. Name a file in a folder that you may write to"
        ) from error
    click.echo(f"Open {path.resolve().as_uri()} in a browser.", err=True)
