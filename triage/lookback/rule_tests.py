"""`triage test-rules`: an operator's own cases, mails with what is expected of them, run against the configuration. Nothing is sent.

- name: an angry customer goes to complaints
  mail: mails/angry.eml                 # a file beside this one, or the mail itself:
  from: karin@example.de
  subject: Where is my sofa
  text: |
    Third mail in a row! I will dispute the charge.
  category: complaint                   # what the text model is to say; left out: it is asked
  expect: {team: complaints, priority: high, reply: complaint}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, ValidationError, model_validator

from triage.config_faults import problems_of
from triage.errors import ConfigError, Problem
from triage.message import Message, Prediction
from triage.parsing import DEFAULT_ORDER_PATTERNS, parse
from triage.patterns import compiled
from triage.performing import languages_of
from triage.planning import Facts, Office, Plan, plan
from triage.records import History, Ticket
from triage.rulebook.rules import Addresses, Clock, Priority, Tags
from triage.services import Model
from triage.settings import Line
from triage.settings import Model as Strict
from triage.yaml_document import read_document

A_MONDAY = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)  # when a case came that does not say it: within most opening hours
SURE = 0.95  # confidence of a category that a case gives


def _instant(value: object) -> object:
    """YAML reads an instant with an offset by itself, and turns it into a naive one in UTC where it ends with Z."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("an instant needs an offset; write 2026-11-16T10:00:00+01:00 in quotes")
    return value


class Expect(Strict):
    """What must come out; what is left out may be anything."""

    team: str | None = Field(None, description="Team that gets the mail.")
    rule: str | None = Field(None, description="Name of the rule that names the team; fallback: none did.")
    priority: Priority | None = Field(None, description="Its priority.")
    folder: str | None = Field(None, description="Folder that it is filed in.")
    reply: str | None = Field(None, description="Text of the reply; none: no reply goes out; any: one does.")
    silence: str | None = Field(None, description="Why no reply goes out (docs/guard.md); none: one does.")
    language: str | None = Field(None, description="Language of the reply, as de.")
    clock: Clock | None = Field(None, description="Clock by which the first response is counted.")
    tags: Tags | None = Field(None, description="All IMAP keywords of the filed mail.")
    also_to: Addresses | None = Field(None, description="All further recipients of the forward.")


class Case(Strict):
    """One mail and what is expected of it."""

    name: Line = Field(min_length=1, description="Shown in the result.")
    mail: Path | None = Field(None, description="File with the mail, relative to the file with the cases.")
    from_: str = Field("customer@example.org", alias="from", description="Author, where there is no file.")
    to: str | None = Field(None, description="Recipient; left out: the mailbox's first address.")
    subject: Line = Field("", description="Subject, where there is no file.")
    text: str | None = Field(None, description="Text, where there is no file.")
    headers: dict[str, Line] = Field(default_factory=dict, description="Further headers, where there is no file.")
    mailbox: str | None = Field(None, description="Mailbox that it comes in by; left out: the first one.")
    received_at: Annotated[datetime, BeforeValidator(_instant)] | None = Field(
        None, description="When it comes, with an offset; left out: its Date, or a Monday at 10:00 UTC."
    )
    category: str | None = Field(
        None, description="What the text model is to say; none: it is not sure. Left out: asked."
    )
    about: str | None = Field(None, description="What a complaint is to be about.")
    confidence: float = Field(SURE, ge=0, le=1, description="How sure the text model is to be of the category.")
    contact: Literal["first", "follow-up"] = Field("first", description="Whether its ticket is known already.")
    expect: Expect = Field(description="What must come out.")

    @model_validator(mode="after")
    def _has_a_mail(self) -> Self:
        if (self.mail is None) == (self.text is None):
            raise ValueError("a case has either mail or text; write one of them")
        return self


class Cases(RootModel[tuple[Case, ...]]):
    """The whole file."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met."""

    key: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one case."""

    name: str
    failures: tuple[Failure, ...]
    because: tuple[str, ...]  # the rules that matched, with what they found

    @property
    def passed(self) -> bool:
        return not self.failures


def read_cases(path: Path) -> tuple[Case, ...]:
    """The cases in *path*. Raises ConfigError with every fault."""
    document = read_document(path)
    try:
        return Cases.model_validate(document.data).root
    except ValidationError as error:
        raise ConfigError(problems_of(document, error, Case)) from None


def run(path: Path, cases: Iterable[Case], office: Office, model: Model) -> Iterator[Result]:
    """Decide about each case as the daemon would. Raises ConfigError: a mail that is not there, an unknown mailbox."""
    for number, case in enumerate(cases):
        name = case.mailbox or next(iter(office.settings.mailboxes))
        if name not in office.settings.mailboxes:
            known = ", ".join(office.settings.mailboxes)
            raise ConfigError(
                [Problem(str(path), None, f"[{number}].mailbox", f"no mailbox {name!r}", f"Use one of {known}")]
            )
        message = _message(path, number, case, name, office)
        at = case.received_at or message.claimed_date or A_MONDAY
        facts = Facts(
            mailbox=name,
            received_at=at.astimezone(UTC),
            now=at.astimezone(UTC),
            prediction=_prediction(case, message, model),
            history=History(_ticket(name, at) if case.contact == "follow-up" else None, False, 0, 0),
        )
        decided = plan(message, facts, office)
        yield Result(case.name, tuple(_failures(case.expect, decided)), decided.route.because)


def _message(path: Path, number: int, case: Case, mailbox: str, office: Office) -> Message:
    settings = office.settings
    if case.mail is not None:
        try:
            raw = (path.parent / case.mail).read_bytes()
        except OSError as error:
            fault = f"{case.mail} cannot be read: {error.strerror}"
            remedy = "Name a file relative to the file with the cases"
            raise ConfigError([Problem(str(path), None, f"[{number}].mail", fault, remedy)]) from None
    else:
        raw = _written(case, number, settings.mailboxes[mailbox].addresses[0])
    return parse(
        raw,
        languages=languages_of(settings.mailboxes[mailbox].languages),
        order_patterns=compiled(settings.shop.order_patterns) or DEFAULT_ORDER_PATTERNS,
    )


def _written(case: Case, number: int, address: str) -> bytes:
    mail = EmailMessage()
    fields = {
        "From": case.from_,
        "To": case.to or address,
        "Subject": case.subject,
        "Message-ID": f"<case-{number}@example.org>",
        "Date": format_datetime(case.received_at or A_MONDAY),
    }
    for name, value in {**fields, **case.headers}.items():
        mail[name] = value
    mail.set_content(case.text or "")
    return mail.as_bytes()


def _prediction(case: Case, message: Message, model: Model) -> Prediction:
    if case.category is None:
        return model.predict([message.own_words])[0]
    category = None if case.category == "none" else case.category
    return Prediction(category, case.confidence, {}, "given", about=case.about)


def _ticket(mailbox: str, at: datetime) -> Ticket:
    values: dict[str, Any] = {
        "ticket": "T-2222222",
        "mailbox": mailbox,
        "team": "",
        "opened_at": at.astimezone(UTC),
        "due_at": None,
        "priority": "normal",
        "category": None,
        "last_reply_at": None,
        "first_response_at": None,
        "promise": {},
    }
    return Ticket(**values)


def _failures(expect: Expect, decided: Plan) -> Iterator[Failure]:
    decision = decided.decision
    reply = decision.template or "none"
    found: dict[str, Any] = {
        "team": decision.team,
        "rule": decision.rule,
        "priority": decision.priority,
        "folder": decision.folder,
        "reply": "any" if expect.reply == "any" and decision.template else reply,
        "silence": decision.silence or "none",
        "language": decision.locale if decision.template else "none",
        "clock": decision.clock,
        "tags": tuple(sorted(decision.tags)),
        "also_to": tuple(sorted(decision.also_to)),
    }
    for key, value in found.items():
        wanted = getattr(expect, key)
        if wanted is None:
            continue
        wanted = tuple(sorted(wanted)) if isinstance(wanted, tuple) else wanted
        if wanted != value:
            yield Failure(key, _shown(wanted), _shown(value))


def _shown(value: Any) -> str:
    return (", ".join(value) or "none") if isinstance(value, tuple) else str(value)


def report(results: Iterable[Result]) -> Iterator[str]:
    """Lines for people: each case, and of those that failed what differs and why."""
    passed = failed = 0
    for result in results:
        if result.passed:
            passed += 1
            yield f"ok      {result.name}"
            continue
        failed += 1
        yield f"FAILED  {result.name}"
        for failure in result.failures:
            yield f"          {failure.key}: expected {failure.expected}, found {failure.found}"
        for reason in result.because:
            yield f"          matched {reason}"
    yield f"{passed} passed, {failed} failed"
