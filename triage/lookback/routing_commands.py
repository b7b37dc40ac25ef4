"""Commands about rules: why, replay, test-rules, schema. Results go to stdout, messages for people to stderr."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from triage import config
from triage.errors import EX_FAILED, LedgerError, ModelError
from triage.ledger import queries
from triage.services import Model, NoModel
from triage.settings import Span

_SPAN: TypeAdapter[timedelta] = TypeAdapter(Span)


def _home(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.obj = {**(context.obj or {}), "home": config.home_of(value)}


home_option = click.option(
    "--home", metavar="DIR", expose_value=False, callback=_home, help="The home (see 'triage --help')."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout, one object a line.")
rules_option = click.option(
    "--rules",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A draft to try in place of config/routing.yaml.",
)
model_option = click.option(
    "--model", "model_name", metavar="NAME", help="A text model to try in place of the one in use."
)


def _span(context: click.Context, parameter: click.Parameter, value: str | None) -> timedelta | None:
    try:
        return None if value is None else _SPAN.validate_python(value)
    except ValidationError:
        raise click.BadParameter(f"{value!r} is no span of time; write 12h or 30d") from None


@click.command()
@home_option
@click.argument("name", metavar="MESSAGE-ID|TICKET")
@json_option
@click.pass_context
def why(context: click.Context, name: str, as_json: bool) -> None:
    """What was decided about a mail then, and why: guard, model, rules, promise, and what became of it.

    MESSAGE-ID: that of the customer's mail, or of our reply or forward; with or without its angle brackets. TICKET: T-7K3M9QX, also as
    the subject has it. The beginning of a fingerprint (as in the log, m=...) does as well. Read from the ledger; nothing is decided anew.
    """
    from triage.lookback import why as telling

    home: Path = context.obj["home"]
    with queries.reading(home / config.settings_of(home).ledger) as connection:
        found = queries.messages_named(connection, name)
    if not found:
        raise LedgerError(f"the ledger knows no mail, ticket or fingerprint {name!r}")
    if as_json:
        for past in found:
            click.echo(json.dumps(telling.as_json(past), ensure_ascii=False))
    else:
        office = config.examine(home).office
        telling.show(found, office.version if office else None)


@click.command()
@home_option
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--since", metavar="SPAN", callback=_span, help="How far back to go, as 30d; default for mailboxes: 30d.")
@rules_option
@model_option
@click.option("--mailbox", metavar="NAME", help="The mailbox that files in PATH came in by.")
@json_option
@click.pass_context
def replay(
    context: click.Context,
    paths: tuple[Path, ...],
    since: timedelta | None,
    rules: Path | None,
    model_name: str | None,
    mailbox: str | None,
    as_json: bool,
) -> None:
    """What rules, model, calendars and texts would do to mail of the past. Sends nothing, moves nothing.

    PATH: .eml files, or folders that are read with everything below them. Without one, the watched folders and those that mail is filed
    in are read over IMAP.

    With --rules or --model: what the draft would change, compared with the configuration in force. Without: what the configuration in
    force would decide otherwise than was decided then, by the ledger.
    """
    from triage.lookback import comparing, replaying
    from triage.promises.promiser import from_ledger

    home: Path = context.obj["home"]
    office = config.load(home)
    if mailbox is not None and mailbox not in office.settings.mailboxes:
        raise click.BadParameter(f"there is no mailbox {mailbox!r}", param_hint="--mailbox")
    now, start = datetime.now(UTC), time.monotonic()
    back = since if since is not None or paths else timedelta(days=30)
    earliest = now - back if back is not None else None
    in_force = replaying.Side(office, _model(home, office.settings.model))
    before = None
    after = in_force
    if rules is not None or model_name is not None:
        draft = config.load(home, rules=rules) if rules else office
        model = _model(home, model_name) if model_name else in_force.model
        ledger = home / office.settings.ledger
        before = replaying.Side(office, in_force.model, from_ledger(ledger, office.policy, now))
        after = replaying.Side(draft, model, from_ledger(ledger, draft.policy, now))
    sources = (
        replaying.from_files(paths, mailbox)
        if paths
        else replaying.from_mailboxes(home, office, earliest or now - timedelta(days=30))
    )
    summary = replaying.replay(sources, before, after, _lookup(home / office.settings.ledger), now, earliest)
    if as_json:
        for item in summary.changed:
            click.echo(json.dumps(comparing.as_json(item), ensure_ascii=False))
    else:
        for line in comparing.report(summary):
            click.echo(line)
    click.echo(f"took {time.monotonic() - start:.1f} s; nothing was sent", err=True)


@click.command("test-rules")
@home_option
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@rules_option
@model_option
@json_option
@click.pass_context
def test_rules(context: click.Context, file: Path, rules: Path | None, model_name: str | None, as_json: bool) -> None:
    """Run FILE, cases of mail with what is expected of them, against the configuration. Exit code 1 when one fails.

    docs/routing.md shows such a file. Cases that give the category need no text model.
    """
    from triage.lookback import rule_tests

    home: Path = context.obj["home"]
    office = config.load(home, rules=rules)
    cases = rule_tests.read_cases(file)
    asked = any(case.category is None for case in cases)
    model: Model = _model(home, model_name or office.settings.model) if asked else NoModel()
    results = list(rule_tests.run(file, cases, office, model))
    if as_json:
        for result in results:
            failures = [{"key": each.key, "expected": each.expected, "found": each.found} for each in result.failures]
            click.echo(
                json.dumps({"name": result.name, "passed": result.passed, "failures": failures}, ensure_ascii=False)
            )
    else:
        for line in rule_tests.report(results):
            click.echo(line)
    context.exit(0 if all(result.passed for result in results) else EX_FAILED)


@click.command()
@home_option
@click.argument("name", required=False, type=click.Choice(["routing", "triage", "senders", "cases"]))
@click.option("--write", is_flag=True, help="Write all of them into config/schema/ of the home.")
@click.pass_context
def schema(context: click.Context, name: str | None, write: bool) -> None:
    """The JSON Schema of a configuration file, for editors that complete and check while one types.

    A file names its schema in its first line: # yaml-language-server: $schema=schema/routing.json
    """
    from triage import schemas

    if write == (name is not None):
        raise click.UsageError("name one of routing, triage, senders, cases; or use --write")
    if name is not None:
        click.echo(schemas.as_text(name), nl=False)
        return
    folder = context.obj["home"] / "config" / "schema"
    folder.mkdir(parents=True, exist_ok=True)
    for each in schemas.MODELS:
        (folder / f"{each}.json").write_text(schemas.as_text(each), encoding="utf-8")
    click.echo(f"{len(schemas.MODELS)} schemas in {folder}", err=True)


def _model(home: Path, name: str | None) -> Model:
    from triage.app import load_model

    try:
        return load_model(home, name or "current")
    except ModelError as error:
        click.echo(f"triage: {error}; decided without a text model", err=True)
        return NoModel()


def _lookup(ledger: Path) -> Any:
    """What the ledger knows of mails; nothing where there is none yet."""

    def decided(fingerprints: Iterable[str]) -> Mapping[str, queries.Past]:
        if not ledger.exists():
            return {}
        with queries.reading(ledger) as connection:
            return queries.decided_before(connection, set(fingerprints))

    return decided
