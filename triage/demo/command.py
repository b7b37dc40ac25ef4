"""The command `triage demo`."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import click

from triage.errors import EX_FAILED, TriageError


@click.command()
@click.option(
    "--keep", is_flag=True, help="Leave servers and daemon up until Ctrl-C, and tell how to look with a mail client."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="End with the summary as one JSON object on stdout; the rest goes to stderr.",
)
@click.pass_context
def demo(context: click.Context, keep: bool, as_json: bool) -> None:
    """Watch the daemon at work, without a mailbox: embedded servers, mail in five languages, nothing to configure.

    Exit code 1 when anything did not end as it must: a mail left in the INBOX, a person not answered, a machine answered.
    """
    started = time.monotonic()
    from rich.console import Console

    from triage.demo.play import Play
    from triage.demo.stage import Stage

    console = Console(stderr=as_json)
    if not console.is_terminal:
        console.width = 120
    with tempfile.TemporaryDirectory(prefix="triage-demo-") as folder:
        try:
            with Stage(Path(folder) / "home") as stage:
                play = Play(stage, console, started)
                play.run()
                if keep:
                    play.keep()
        except ModuleNotFoundError as error:
            raise TriageError(str(error)) from error
        except KeyboardInterrupt:
            context.exit(EX_FAILED)
    play.stopped()
    if as_json:
        click.echo(json.dumps(play.summary, ensure_ascii=False))
    context.exit(EX_FAILED if play.faults else 0)
