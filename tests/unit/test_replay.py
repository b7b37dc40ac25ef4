"""Replay, why and test-rules: what a change would do to past mail, what was decided then, and an operator's own cases."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from triage import config
from triage.cli import main
from triage.errors import ConfigError, LedgerError
from triage.ledger import Ledger, queries
from triage.ledger.queries import Past
from triage.lifecycle import Event
from triage.lookback import comparing, replaying, routing_commands
from triage.lookback.comparing import Compared, Outcome
from triage.message import MessageKey, Prediction
from triage.parsing import parse
from triage.planning import Facts, Office, plan
from triage.policy import Policy
from triage.promises.promiser import Promiser
from triage.records import MessageState, NewPlan, TicketEvent, TicketEventKind
from triage.records import Outcome as Step
from triage.services import NoModel

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


class WordModel:
    """A model that reads the category off the text."""

    def __init__(self, otherwise: str | None = None) -> None:
        self._otherwise = otherwise

    def predict(self, texts: Iterable[str]) -> list[Prediction]:
        known = ("logistics", "payment", "product", "complaint")
        found = [next((each for each in known if each in text), self._otherwise) for text in texts]
        return [Prediction(category, 0.9, {}, "words") for category in found]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the sample configuration, and a ledger."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("examples", "schema"))
    (folder / "templates").symlink_to(ROOT / "templates")
    (folder / "state").mkdir()
    return folder


@pytest.fixture
def office(home: Path) -> Office:
    return config.load(home)


@pytest.fixture
def draft(home: Path, tmp_path: Path) -> Path:
    """The sample rules with one rule more: mail that speaks of a bank goes to complaints."""
    path = tmp_path / "draft.yaml"
    rule = "rules:\n  - {name: banks, when: {words: bank}, then: {team: complaints, priority: urgent}}\n"
    path.write_text(
        (home / "config/routing.yaml").read_text(encoding="utf-8").replace("rules:\n", rule), encoding="utf-8"
    )
    return path


def raw(number: int, text: str) -> bytes:
    date = (MONDAY + timedelta(minutes=number)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    return (
        f"From: Karin <karin{number}@kunden.example>\r\nTo: support@example.com\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <{number}@kunden.example>\r\nDate: {date}\r\n\r\n{text}\r\n"
    ).encode()


MAILS = [
    raw(1, "A question about payment and my bank account, please help me."),
    raw(2, "A question about payment, without anything else, please help me."),
    raw(3, "A question about logistics, and where my parcel is, please help me."),
    raw(4, "My bank says that the product is not paid, please help me with that."),
]


def sources(mails: Iterable[bytes] = MAILS) -> list[replaying.Source]:
    return [replaying.Source(f"{i}.eml", each, None, "support") for i, each in enumerate(mails, start=1)]


def nothing(_: Iterable[str]) -> dict[str, Past]:
    return {}


# -- comparing ------------------------------------------------------------------------------------------------------------------------


def test_a_change_of_one_rule_shows_exactly_the_mails_that_it_concerns(home: Path, office: Office, draft: Path) -> None:
    before = replaying.Side(office, WordModel())
    after = replaying.Side(config.load(home, rules=draft), WordModel())
    summary = replaying.replay(sources(), before, after, nothing, NOW)
    assert [item.where for item in summary.changed] == ["1.eml", "4.eml"]
    assert summary.changed[0].changes["team"] == ("payment", "complaints")
    assert summary.changed[0].changes["priority"] == ("normal", "urgent")
    assert "reply" not in summary.changed[0].changes
    assert (summary.read, len(summary.compared), summary.unknown) == (4, 4, 4)


def test_without_a_change_nothing_differs(office: Office) -> None:
    side = replaying.Side(office, WordModel())
    summary = replaying.replay(sources(), side, side, nothing, NOW)
    assert list(comparing.report(summary))[1:] == ["nothing would change"]


def test_another_model_shows_the_mails_that_it_sees_differently(office: Office) -> None:
    before, after = replaying.Side(office, WordModel()), replaying.Side(office, NoModel())
    summary = replaying.replay(sources(), before, after, nothing, NOW)
    assert len(summary.changed) == 4
    assert summary.changed[2].changes["reply"] == ("logistics in en", "neutral in en")


def test_a_mail_in_two_folders_is_one_mail(office: Office) -> None:
    side = replaying.Side(office, WordModel())
    assert replaying.replay(sources([*MAILS, *MAILS]), side, side, nothing, NOW).read == 4


def test_mail_from_before_the_span_is_left_out(office: Office) -> None:
    side = replaying.Side(office, WordModel())
    since = MONDAY + timedelta(minutes=3)
    assert replaying.replay(sources(), side, side, nothing, NOW, since).read == 2


def test_another_calendar_shows_the_promises_that_would_differ(home: Path, office: Office, tmp_path: Path) -> None:
    path = tmp_path / "hours.yaml"
    text = (
        (home / "config/routing.yaml")
        .read_text(encoding="utf-8")
        .replace('mon-fri: "09:00-17:00"', 'mon-fri: "09:00-13:00"')
    )
    path.write_text(text, encoding="utf-8")
    after = replaying.Side(config.load(home, rules=path), WordModel())
    summary = replaying.replay(sources(), replaying.Side(office, WordModel()), after, nothing, NOW)
    assert {frozenset(item.changes) for item in summary.changed} == {frozenset({"promise"})}
    assert "4 promises would be later" in list(comparing.report(summary))


def with_waits(policy: Policy) -> Promiser:
    """Payment answers within two hours, product takes a day: what the ledger of two months teaches."""
    events = []
    for number in range(120):
        at = MONDAY - timedelta(days=60) + timedelta(hours=12 * number)
        for team, wait in (("payment", 2), ("product", 24)):
            ticket, data = f"T-{team}-{number}", {"team": team, "language": "en", "priority": "normal"}
            events.append(TicketEvent(ticket, TicketEventKind.OPENED, at, at, data))
            answered = at + timedelta(hours=wait)
            events.append(TicketEvent(ticket, TicketEventKind.ANSWERED, answered, answered, {"how": "sent"}))
    promiser = Promiser(policy)
    promiser.tell(sorted(events, key=lambda event: event.known_at))
    promiser.advance(NOW)
    return promiser


def test_promises_by_measured_waits_are_compared_with_a_draft(home: Path, office: Office, tmp_path: Path) -> None:
    path = tmp_path / "draft.yaml"
    text = (home / "config/routing.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace('mon-fri: "09:00-17:00"', 'mon-fri: "09:00-13:00"'), encoding="utf-8")
    draft = config.load(home, rules=path)
    before = replaying.Side(office, WordModel(), with_waits(office.policy))
    after = replaying.Side(draft, WordModel(), with_waits(draft.policy))
    summary = replaying.replay(sources(), before, after, nothing, NOW)
    assert summary.changed
    for item in summary.changed:
        assert item.before.measured
        assert item.after.measured
        assert set(item.changes) == {"promise"}
    against_the_ledger = replace(summary.changed[0], same_waits=False)  # other waits were known then
    assert not against_the_ledger.changes


def outcome(**changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "team": "payment", "recipients": ("payment@x.example",), "folder": "Triaged/Payment", "priority": "normal", "reply": "payment",
        "silence": None, "locale": "en", "clock": "opening-hours", "tags": (), "due_at": MONDAY, "measured": False,
        "category": "payment", "rule": "payment",
    }  # fmt: skip
    return Outcome(**{**values, **changes})


def compared(**changes: Any) -> Compared:
    return Compared("1.eml", None, None, "", outcome(), outcome(**changes))


def test_a_rule_that_is_only_renamed_changes_nothing() -> None:
    assert compared(rule="payments", category="product").changes == {}


def test_measured_promises_are_not_compared() -> None:
    assert compared(due_at=MONDAY + timedelta(hours=1), measured=True).changes == {}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"reply": None, "silence": "rule"}, "1 replies would be withheld"),
        ({"reply": "neutral"}, "1 replies would differ in text, language or reason of silence"),
        ({"team": "complaints", "rule": "banks"}, "1 would go elsewhere"),
        ({"tags": ("vip",)}, "1 other tags"),
        ({"due_at": MONDAY - timedelta(hours=2)}, "1 promises would be earlier"),
        ({"due_at": None}, "1 would state a date, or none, for once"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_report_counts_each_kind_of_change(changes: dict[str, Any], line: str) -> None:
    assert line in list(comparing.report(comparing.Summary(1, 0, (compared(**changes),), "")))


def test_the_report_gives_examples(office: Office, home: Path, draft: Path) -> None:
    after = replaying.Side(config.load(home, rules=draft), WordModel())
    lines = list(
        comparing.report(replaying.replay(sources(), replaying.Side(office, WordModel()), after, nothing, NOW))
    )
    assert "      1  payment → complaints  (rule 'payment' → 'banks')" in lines
    assert '           1.eml  karin1@kunden.example  "Mail 1"' in lines


# -- the ledger -----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger(home: Path) -> Path:
    """The ledger after the four mails were decided about, with their replies accepted."""
    office = config.load(home)
    path = home / office.settings.ledger
    asyncio.run(_decided(path, office))
    return path


async def _decided(path: Path, office: Office) -> None:
    opened = Ledger.open(path)
    keys = [MessageKey("support", "INBOX", 1, number) for number in range(1, 5)]
    attempts = await opened.begin(dict.fromkeys(keys, MONDAY), MONDAY)
    for key, mail in zip(keys, MAILS, strict=True):
        message = parse(mail, languages=("en", "de", "es"))
        (prediction,) = WordModel().predict([message.own_words])
        made = plan(message, Facts("support", MONDAY, MONDAY, prediction), office)
        new = NewPlan(
            id=attempts[key].id, state=MessageState.PLANNED, fingerprint=message.fingerprint, message_id=message.message_id,
            sender="karin", thread_key=None, ticket=made.decision.ticket, decision=made.decision.to_json(), effects=made.effects,
            opens=None, thread_ids=(),
        )  # fmt: skip
        effects = (await opened.record([new], MONDAY))[attempts[key].id]
        await opened.advance(
            [Step(effects[0].id, Event.STARTED), Step(effects[0].id, Event.ACCEPTED, "250 ok")], MONDAY
        )
    opened.close()


def known(ledger: Path) -> replaying.Lookup:
    def lookup(fingerprints: Iterable[str]) -> dict[str, Past]:
        with queries.reading(ledger) as connection:
            return queries.decided_before(connection, set(fingerprints))

    return lookup


def test_what_was_decided_then_is_decided_again(office: Office, ledger: Path) -> None:
    summary = replaying.replay(sources(), None, replaying.Side(office, WordModel()), known(ledger), NOW)
    assert (summary.read, summary.unknown, summary.changed) == (4, 0, [])


def test_mail_that_the_ledger_does_not_know_is_counted_and_not_compared(office: Office, ledger: Path) -> None:
    mails = [*MAILS, raw(5, "A question about logistics and more, please help me with it.")]
    summary = replaying.replay(sources(mails), None, replaying.Side(office, WordModel()), known(ledger), NOW)
    assert (summary.read, summary.unknown, len(summary.compared)) == (5, 1, 4)


def test_a_silence_of_the_moment_stays_as_it_was(office: Office, ledger: Path) -> None:
    def paused(fingerprints: Iterable[str]) -> dict[str, Past]:
        return {
            name: replace(past, decision={**(past.decision or {}), "silence": "paused", "template": None})
            for name, past in known(ledger)(fingerprints).items()
        }

    summary = replaying.replay(sources(), None, replaying.Side(office, WordModel()), paused, NOW)
    assert summary.changed == []


@pytest.mark.parametrize("name", ["<1@kunden.example>", "1@kunden.example"])
def test_a_mail_is_found_by_its_message_id(name: str, ledger: Path) -> None:
    with queries.reading(ledger) as connection:
        (past,) = queries.messages_named(connection, name)
    assert past.message_id == "<1@kunden.example>"
    assert (past.effects[0].kind, past.effects[0].state) == ("reply", "done")
    assert [(kind, event) for _, kind, event, _ in past.events if kind == "reply"][-1] == ("reply", "accepted")


def test_a_mail_is_found_by_ticket_fingerprint_and_our_own_message_id(ledger: Path) -> None:
    with queries.reading(ledger) as connection:
        (past,) = queries.messages_named(connection, "1@kunden.example")
        assert past.ticket
        assert past.fingerprint
        for name in (past.ticket, f"[#{past.ticket}]", past.ticket.lower(), past.fingerprint[:8]):
            assert [each.message_id for each in queries.messages_named(connection, name)] == [past.message_id]
        assert queries.messages_named(connection, "%") == []


# -- commands -------------------------------------------------------------------------------------------------------------------------


def run(command: click.Command, home: Path, *arguments: str) -> Result:
    """One command; --home goes behind its arguments."""
    return CliRunner().invoke(command, [*arguments, "--home", str(home)])


def test_why_tells_the_decision_and_what_became_of_it(home: Path, ledger: Path) -> None:
    found = run(routing_commands.why, home, "1@kunden.example")
    assert found.exit_code == 0
    for text in (
        "payment: category is payment (0.90)",
        "still in force",
        "done to karin1@kunden.example",
        "promise",
    ):
        assert text in found.stdout


def test_why_gives_json(home: Path, ledger: Path) -> None:
    found = json.loads(run(routing_commands.why, home, "2@kunden.example", "--json").stdout)
    assert found["decision"]["team"] == "payment"
    assert found["effects"][0]["kind"] == "reply"


def test_why_says_when_nothing_is_known(home: Path, ledger: Path) -> None:
    assert isinstance(run(routing_commands.why, home, "T-9999999").exception, LedgerError)


def test_replay_of_files_prints_what_would_change(home: Path, draft: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    for number, mail in enumerate(MAILS):
        (folder / f"{number}.eml").write_bytes(mail)
    found = run(routing_commands.replay, home, str(folder), "--rules", str(draft))
    assert found.exit_code == 0
    assert "2 would be treated differently" in found.stdout
    assert "nothing was sent" in found.stderr
    lines = run(routing_commands.replay, home, str(folder), "--rules", str(draft), "--json").stdout.splitlines()
    assert [json.loads(line)["changes"]["team"]["after"] for line in lines] == ["complaints", "complaints"]


def test_a_draft_is_checked_before_it_is_in_force(home: Path, draft: Path) -> None:
    text = draft.read_text(encoding="utf-8")
    draft.write_text(text.replace("when: {words: bank}", "when: {wrds: bank}"), encoding="utf-8")
    found = run(main, home, "check", "--offline", "--rules", str(draft))
    assert found.exit_code == 78
    assert "rules[0].when.wrds: unknown key. Did you mean 'words'?" in found.stderr
    assert "wrds" not in run(main, home, "check", "--offline").stderr


def test_a_draft_is_explained(home: Path, draft: Path, tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(MAILS[0])
    found = run(main, home, "explain", str(path), "--json", "--rules", str(draft))
    route = json.loads(found.stdout)["route"]
    assert (route["rule"], route["team"], route["priority"]) == ("banks", "complaints", "urgent")
    assert (route["clock"], route["tags"], route["also_to"]) == ("opening-hours", [], [])


CASES = """
- name: banks
  text: My bank says that it is not paid.
  category: payment
  expect: {team: TEAM, priority: normal, reply: payment}
"""


@pytest.mark.parametrize(
    ("team", "code", "line"), [("payment", 0, "1 passed, 0 failed"), ("product", 1, "0 passed, 1 failed")]
)
def test_cases_pass_or_fail_with_a_readable_difference(
    team: str, code: int, line: str, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES.replace("TEAM", team), encoding="utf-8")
    found = run(routing_commands.test_rules, home, str(path))
    assert found.exit_code == code
    assert found.stdout.splitlines()[-1] == line
    if code:
        assert "          team: expected product, found payment" in found.stdout.splitlines()


def test_a_fault_in_the_cases_is_told_with_its_line(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASES.replace("priority: normal", "prio: normal"), encoding="utf-8")
    error = run(routing_commands.test_rules, home, str(path)).exception
    assert isinstance(error, ConfigError)
    assert str(error) == f"{path}:5: [0].expect.prio: unknown key. Did you mean 'priority'?"


def test_a_schema_is_printed_or_written(home: Path) -> None:
    assert json.loads(run(routing_commands.schema, home, "routing").stdout)["title"].startswith("config/routing.yaml")
    assert run(routing_commands.schema, home, "--write").exit_code == 0
    assert (home / "config/schema/routing.json").read_text(encoding="utf-8") == run(
        routing_commands.schema, home, "routing"
    ).stdout
