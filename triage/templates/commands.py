"""`triage preview`: all texts on one page, to read before customers do."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from triage.errors import EX_CONFIG, ConfigError
from triage.pages import hand_over
from triage.templates.catalog import Catalog
from triage.templates.preview import preview_page


@click.command()
@click.option(
    "--templates",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("templates"),
    envvar="TRIAGE_TEMPLATES",
    show_default=True,
    help="Folder of the texts.",
)
@click.option("--default-locale", default="en", show_default=True, help="Locale for languages without texts.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("preview.html"),
    show_default=True,
    help="File to write the page to; '-' is standard output.",
)
def preview(templates: Path, default_locale: str, output: Path) -> None:
    """Show every text in every locale as a mail client would: light, dark and as plain text, on one page."""
    try:
        page = preview_page(Catalog.load(templates, default_locale=default_locale))
    except ConfigError as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(EX_CONFIG)
    hand_over(page, output)
