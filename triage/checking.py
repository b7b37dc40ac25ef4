"""`triage check`: everything that can be wrong, told at once: configuration, templates, model, IMAP and SMTP logins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from triage import config
from triage.clock import SystemClock
from triage.courier import Courier
from triage.errors import ConfigError, ModelError, Problem, TransientError
from triage.imap_connection import LoginRefused
from triage.mailbox import Mailbox
from triage.planning import Office
from triage.settings import Mailbox as MailboxSettings
from triage.templates.checking import check_templates


@dataclass(slots=True)
class Findings:
    """What is wrong, and what was looked at and is well."""

    problems: list[Problem] = field(default_factory=list)
    well: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


async def check(home: Path, *, offline: bool = False, rules: Path | None = None) -> Findings:
    """Look at everything in *home* and, unless *offline*, log in everywhere; never raises for a fault of the operator's.

    Args:
        rules: a draft to look at in place of config/routing.yaml.
    """
    found = Findings()
    examined = config.examine(home, rules=rules)
    office = examined.office
    if office is None:
        found.problems += examined.problems
        return found
    categories = await _check_model(home, office, found)
    if categories is not None:  # rules may name what this very model names, and nothing else
        examined = config.examine(home, rules=rules, categories=categories)
    found.problems = [*examined.problems, *found.problems]
    mailboxes, teams = ", ".join(office.settings.mailboxes), ", ".join(office.policy.teams)
    found.well.append(f"configuration: mailboxes {mailboxes}; teams {teams}; rules {len(office.policy.rules)}")
    faults = check_templates(office.catalog)
    found.problems += faults
    if not faults:
        found.well.append(f"texts: {', '.join(office.catalog.templates)} in {', '.join(office.catalog.locales)}")
    usable = _check_secrets(home, office, found)
    if not offline:
        names = [name for name in office.settings.mailboxes if name in usable]
        await asyncio.gather(
            *(_check_imap(home, office, name, found) for name in names), _check_smtp(home, office, found, usable)
        )
    return found


async def _check_model(home: Path, office: Office, found: Findings) -> tuple[str, ...] | None:
    """The categories that the model in use can name; None where there is none that works."""
    from triage.app import load_model

    try:
        model = await asyncio.to_thread(load_model, home, office.settings.model)
        await asyncio.to_thread(model.predict, ["Where is my parcel?"])
        found.well.append(f"text model: {office.settings.model}, which names {', '.join(model.categories)}")
        return model.categories
    except ModelError as error:
        remedy = "Until then every mail gets the neutral reply and goes to the front desk. Train one: triage train --model NAME"
        found.problems.append(Problem(str(home / "models"), None, "model", str(error), remedy))
        return None


def _check_secrets(home: Path, office: Office, found: Findings) -> set[str]:
    """Names of the mailboxes, and "smtp", whose passwords can be read."""
    usable = set()
    settings = office.settings
    references = {name: mailbox.imap.password for name, mailbox in settings.mailboxes.items()}
    if settings.smtp.password is None:
        usable.add("smtp")
    else:
        references["smtp"] = settings.smtp.password
    for name, reference in references.items():
        try:
            config.secret(reference, home)
            usable.add(name)
        except ConfigError as error:
            found.problems += error.problems
        warning = config.exposed(reference, home)
        if warning is not None:
            found.problems.append(warning)
    return usable


async def _check_imap(home: Path, office: Office, name: str, found: Findings) -> None:
    settings: MailboxSettings = office.settings.mailboxes[name]
    mailbox = Mailbox(
        name,
        settings.imap,
        home=home,
        clock=SystemClock(),
        password=partial(config.secret, settings.imap.password, home),
    )
    where, key = str(home / config.SETTINGS), f"mailboxes.{name}.imap"
    line = config.line_of(home / config.SETTINGS, ("mailboxes", name, "imap"))
    try:
        await mailbox.connect()
        folder = await mailbox.select(settings.folder)
        if not mailbox.can_move_safely:
            fault = "the server offers neither MOVE nor UIDPLUS, so a mail cannot be filed without touching others"
            found.problems.append(
                Problem(where, line, key, fault, "Ask the provider for another server, or use mode: observe")
            )
        elif folder.read_only:
            fault = f"{settings.folder} is read-only for {settings.imap.username}"
            found.problems.append(Problem(where, line, key, fault, "Grant the right to move mail out of it"))
        else:
            idle = "with IDLE" if mailbox.can_idle else "without IDLE: the folder is polled"
            found.well.append(f"IMAP {name}: {settings.imap.username} at {settings.imap.host}, {idle}")
    except LoginRefused as error:
        found.problems.append(
            Problem(
                where,
                line,
                f"{key}.password",
                str(error),
                "Correct username or password (an app password may be needed)",
            )
        )
    except TransientError as error:
        found.problems.append(
            Problem(
                where, line, f"{key}.host", str(error), "Correct host, port and tls, or wait until the server is back"
            )
        )
    finally:
        await mailbox.shutdown()


async def _check_smtp(home: Path, office: Office, found: Findings, usable: set[str]) -> None:
    if "smtp" not in usable:
        return
    smtp = office.settings.smtp
    password = partial(config.secret, smtp.password, home) if smtp.password else lambda: None
    courier = Courier(smtp, home=home, password=password, clock=SystemClock())
    line = config.line_of(home / config.SETTINGS, ("smtp",))
    try:
        found.well.append(f"SMTP: {await courier.check()}{f' as {smtp.username}' if smtp.username else ''}")
    except TransientError as error:
        login = error.code in (530, 534, 535, 538)
        remedy = (
            "Correct username or password" if login else "Correct host, port and tls, or wait until the server is back"
        )
        found.problems.append(Problem(str(home / config.SETTINGS), line, "smtp", str(error), remedy))
