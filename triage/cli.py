"""The command `triage`. Results go to stdout (JSON where a script may want it), messages for people to stderr.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (EX_CONFIG of sysexits.h).
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from triage import __version__, config
from triage.classifier import commands as model_commands
from triage.demo.command import demo
from triage.errors import EX_CONFIG, EX_FAILED, ConfigError, LedgerError, ModelError, TriageError
from triage.home import EXAMPLES
from triage.learning.retrain_command import retrain
from triage.lookback.routing_commands import replay, rules_option, schema, test_rules, why
from triage.reports.promise_commands import calendar, import_history, merge, report
from triage.templates.commands import preview

MODE_HELP = "write 'mode: reply' into config/triage.yaml when you are content"


class Commands(click.Group):
    """Tells what went wrong in one message, never with a traceback, and exits with the documented code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"triage: {problem}", err=True)
            context.exit(EX_CONFIG)
        except TriageError as error:
            click.echo(f"triage: {error}", err=True)
            context.exit(EX_FAILED)
        except BrokenPipeError:
            sys.stderr.close()  # the reader of our output went away: nobody is left to tell
            context.exit(EX_FAILED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--home",
    metavar="DIR",
    envvar="TRIAGE_HOME",
    help="Folder with config/, templates/, models/; default: the working directory.",
)
@click.version_option(__version__, prog_name="triage")
@click.pass_context
def main(context: click.Context, home: str | None) -> None:
    """Triage and answer the mail of support mailboxes.

    Start with 'triage init DIR', edit DIR/config/*.yaml, then 'triage --home DIR check' and 'triage --home DIR run'.
    'triage demo' shows all of it without a mailbox.
    """
    context.obj = {"home": config.home_of(home)}


def home_option(command: Any) -> Any:
    """--home behind the command's name as well."""

    def keep(context: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.obj = {**(context.obj or {}), "home": config.home_of(value)}

    return click.option(
        "--home", metavar="DIR", expose_value=False, callback=keep, help="The home (see 'triage --help')."
    )(command)


@main.command(epilog="\b\nThe shops:\n" + "\n".join(f"  {name:12} {what}" for name, what in EXAMPLES.items()))
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--example",
    type=click.Choice(list(EXAMPLES)),
    help="Begin with the configuration of a shop that we invented, in place of the samples.",
)
def init(directory: Path, example: str | None) -> None:
    """Make a home in DIRECTORY: commented configuration, texts, text model. Overwrites nothing."""
    from triage import home

    written = home.create(directory, example)
    click.echo(f"{len(written)} files in {directory}", err=True)
    click.echo(
        "Next:\n"
        f"  1. edit {directory / 'config/triage.yaml'} (mailbox, SMTP) and {directory / 'config/routing.yaml'} (teams, opening hours)\n"
        f"  2. {_passwords(directory, example)}\n"
        f"  3. triage --home {directory} check\n"
        f"  4. triage --home {directory} run      (it only observes until the configuration says mode: reply)",
        err=True,
    )


def _passwords(directory: Path, example: str | None) -> str:
    if example is not None:
        return "give the passwords where config/triage.yaml says password: a file, a variable, or a systemd credential"
    return f"write the passwords into {directory / 'secrets/imap'} and {directory / 'secrets/smtp'}, and chmod 600 them"


@main.command()
@home_option
@click.option("--offline", is_flag=True, help="Do not log in anywhere.")
@rules_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def check(context: click.Context, offline: bool, rules: Path | None, as_json: bool) -> None:
    """Report every fault at once: configuration, texts, text model, IMAP and SMTP logins.

    Each with file, line, key, fault and remedy. Exit code 78 when something must be corrected.
    """
    from triage.checking import check as look

    found = asyncio.run(look(context.obj["home"], offline=offline, rules=rules))
    if as_json:
        problems = [{name: getattr(problem, name) for name in problem.__slots__} for problem in found.problems]
        click.echo(json.dumps({"ok": not found.failed, "problems": problems, "well": found.well}, ensure_ascii=False))
    else:
        for line in found.well:
            click.echo(f"ok       {line}", err=True)
        for problem in found.problems:
            click.echo(f"{problem.severity:8} {problem}", err=True)
        click.echo(_verdict(found.problems), err=True)
    context.exit(EX_CONFIG if found.failed else 0)


def _verdict(problems: list[Any]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    return f"{errors} errors, {warnings} warnings" if problems else "all is well"


@main.command()
@home_option
@click.pass_context
def run(context: click.Context) -> None:
    """The daemon. Stops on SIGTERM after finishing what it began, reads its configuration anew on SIGHUP or a saved edit."""
    from triage import log
    from triage.app import App

    log.configure()
    asyncio.run(App(context.obj["home"]).run())


@main.command()
@home_option
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a mail, a line each.")
@click.option("--received-at", metavar="TIME", help="ISO 8601 with an offset; default: each mail's own Date.")
@click.option(
    "--mailbox", metavar="NAME", help="The mailbox it came in by; without it, what depends on the mailbox is left out."
)
@rules_option
@click.pass_context
def explain(
    context: click.Context,
    paths: tuple[Path, ...],
    as_json: bool,
    received_at: str | None,
    mailbox: str | None,
    rules: Path | None,
) -> None:
    """Every step of the decision for mails on disk, and the reply each would get.

    PATH: .eml files, or folders that are read with everything below them. Nothing is sent or written.
    """
    from triage import explaining
    from triage.app import load_model
    from triage.promises.promiser import from_ledger
    from triage.services import Model, NoModel

    home = context.obj["home"]
    office = config.load(home, rules=rules)
    if mailbox is not None and mailbox not in office.settings.mailboxes:
        raise click.BadParameter(
            f"there is no mailbox {mailbox!r}; one of {', '.join(office.settings.mailboxes)}", param_hint="--mailbox"
        )
    question = explaining.Question(mailbox, _instant(received_at) if received_at else None)
    model: Model = NoModel()
    try:
        model = load_model(home, office.settings.model)
    except ModelError as error:
        click.echo(f"triage: {error}; explained without a text model", err=True)
    now = datetime.now(UTC)
    promiser = from_ledger(home / office.settings.ledger, office.policy, now)
    for item in explaining.explain(paths, office, model, question, now, promiser):
        if as_json:
            click.echo(json.dumps(explaining.as_json(item), ensure_ascii=False))
        else:
            from triage.showing import show

            show(item)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise click.BadParameter(f"{text!r} is no instant; write 2026-11-25T11:00+01:00", param_hint="--received-at")
    return instant


@main.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """How things stand: mailboxes, what waits, what was refused, is unknown or in quarantine, and what is switched off."""
    from triage import showing
    from triage.ledger import queries

    with queries.reading(_ledger(context)) as connection:
        found = queries.status(connection)
    if as_json:
        click.echo(json.dumps(showing.status_json(found), ensure_ascii=False))
    else:
        showing.show_status(found)


@main.command()
@home_option
@click.option("--why", default="by hand", show_default=True, help="Shown by 'triage status'.")
@click.pass_context
def pause(context: click.Context, why: str) -> None:
    """Stop automatic replies at once; triage, forwards and filing go on. Needs no restart."""
    asyncio.run(_switch(context, {"paused": why}))
    click.echo("replies are paused; 'triage resume' lets them out again", err=True)


@main.command()
@home_option
@click.pass_context
def resume(context: click.Context) -> None:
    """Let automatic replies out again after 'triage pause', or after the breaker stopped them."""
    asyncio.run(_switch(context, {"paused": None, "breaker": None}))
    click.echo("replies go out again; mail that came meanwhile is not answered", err=True)


async def _switch(context: click.Context, switches: dict[str, str | None]) -> None:
    from triage.ledger import Ledger

    ledger = Ledger.open(_ledger(context))
    try:
        for name, value in switches.items():
            await ledger.switch(name, value, datetime.now(UTC))
    finally:
        ledger.close()


@main.command()
@home_option
@click.argument("tickets", metavar="TICKET...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything that was refused or is in quarantine.")
@click.pass_context
def retry(context: click.Context, tickets: tuple[str, ...], everything: bool) -> None:
    """Try again what was refused or put into quarantine: forwards and moves of TICKET, or mails by UID. Never a reply."""
    from triage.ledger import Ledger

    if bool(tickets) == everything:
        raise click.UsageError("name tickets (or UIDs of mails in quarantine), or use --all")

    async def again() -> int:
        ledger = Ledger.open(_ledger(context))
        try:
            return await ledger.retry(None if everything else tickets, datetime.now(UTC))
        finally:
            ledger.close()

    count = asyncio.run(again())
    click.echo(f"{count} to be tried again", err=True)
    if not count:
        context.exit(EX_FAILED)


@main.command()
@home_option
@click.argument("address", metavar="ADDRESS")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def forget(context: click.Context, address: str, as_json: bool) -> None:
    """Remove a person from the ledger, and say what was removed.

    The mail itself is in the mailbox: delete it there. Counts, promises and fingerprints stay; they name nobody.
    """
    from triage.learning import retraining
    from triage.ledger import Ledger, privacy

    path = _ledger(context)

    async def remove() -> dict[str, int]:
        ledger = Ledger.open(path)
        try:
            return await ledger.forget(address)
        finally:
            ledger.close()

    found = asyncio.run(remove())
    privacy.sweep(path)
    found["taught_mails"] = retraining.forget(context.obj["home"], config.settings_of(context.obj["home"]), address)
    if as_json:
        click.echo(json.dumps(found))
    else:
        told = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found.items() if count)
        click.echo(f"removed from: {told}" if told else f"nothing is known of {address}", err=True)


def _ledger(context: click.Context) -> Path:
    """The ledger's file. Raises LedgerError when there is none yet."""
    home: Path = context.obj["home"]
    path = home / config.settings_of(home).ledger
    if not path.exists():
        raise LedgerError(f"there is no ledger at {path} yet: it is made by the first 'triage run'")
    return path


for _command in (
    model_commands.train,
    model_commands.evaluate,
    model_commands.models,
    model_commands.rollback,
    retrain,
    preview,
    demo,
    why,
    replay,
    test_rules,
    schema,
    calendar,
    report,
    import_history,
    merge,
):
    main.add_command(_command)
