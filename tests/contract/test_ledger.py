"""What the ledger promises. A store that comes later passes the same suite with a fixture of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from triage.errors import IllegalTransition, LedgerError
from triage.ledger import Ledger, queries, schema
from triage.ledger.writer import connect
from triage.lifecycle import Event, Kind, State
from triage.message import MessageKey
from triage.records import Effect, Inquiry, MessageState, NewEffect, NewPlan, Outcome

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "triage.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(path)
    yield opened
    opened.close()


def key(uid: int, mailbox: str = "support", uidvalidity: int = 1) -> MessageKey:
    return MessageKey(mailbox, "INBOX", uidvalidity, uid)


REPLY = NewEffect(Kind.REPLY, "ann@mail.example", key="reply:f1", outbound_id="<r1@shop.example>", content=b"hello")
FORWARD = NewEffect(Kind.FORWARD, "team@shop.example", key="forward:f1:team", outbound_id="<f1@shop.example>")
FILE = NewEffect(Kind.FILE, "Triaged/Logistics")


def new_plan(id: int, *effects: NewEffect, **changes: Any) -> NewPlan:
    usual = NewPlan(
        id=id,
        state=MessageState.PLANNED,
        fingerprint=f"f{id}",
        message_id=f"<m{id}@mail.example>",
        sender="ann@mail.example",
        thread_key="thread",
        ticket="T-2345678",
        decision={"ticket": "T-2345678", "folder": "Triaged/Logistics"},
        effects=effects,
        opens={
            "mailbox": "support", "team": "logistics", "language": "en", "category": None, "priority": "normal",
            "opened_at": NOW, "due_at": LATER, "promise": {}, "customer": "ann@mail.example", "last_reply_at": None,
        },
        thread_ids=(f"<m{id}@mail.example>",),
    )  # fmt: skip
    return replace(usual, **changes)


async def planned(ledger: Ledger, *effects: NewEffect, uid: int = 1, **changes: Any) -> list[Effect]:
    attempts = await ledger.begin({key(uid): NOW}, NOW)
    id = attempts[key(uid)].id
    return (await ledger.record([new_plan(id, *effects, **changes)], NOW))[id]


# -- messages ----------------------------------------------------------------------------------------------------------------------


async def test_a_message_is_wanted_until_its_plan_is_recorded(ledger: Ledger) -> None:
    assert await ledger.unknown_uids("support", "INBOX", 1, [1, 2], observing=False) == {1: 0, 2: 0}
    await planned(ledger, FILE, uid=1)
    await ledger.begin({key(2): NOW}, NOW)
    assert await ledger.unknown_uids("support", "INBOX", 1, [1, 2], observing=False) == {2: 1}
    assert await ledger.unknown_uids("support", "INBOX", 9, [1], observing=False) == {1: 0}  # another UIDVALIDITY
    assert await ledger.unknown_uids("other", "INBOX", 1, [1], observing=False) == {1: 0}


async def test_what_was_only_observed_is_wanted_again_when_it_gets_serious(ledger: Ledger) -> None:
    assert await planned(ledger, REPLY, FILE, state=MessageState.OBSERVED) == []
    assert await ledger.unknown_uids("support", "INBOX", 1, [1], observing=True) == {}
    assert await ledger.unknown_uids("support", "INBOX", 1, [1], observing=False) == {1: 0}


async def test_attempts_are_counted_before_they_are_made_and_given_back_when_it_was_not_the_mail(
    ledger: Ledger,
) -> None:
    counted = [(await ledger.begin({key(1): NOW}, NOW))[key(1)].attempts for _ in range(3)]
    assert counted == [1, 2, 3]
    id = (await ledger.begin({key(1): NOW}, NOW))[key(1)].id
    await ledger.give_back([id])
    assert (await ledger.begin({key(1): NOW}, NOW))[key(1)].attempts == 4


async def test_mail_that_was_begun_beside_others_is_suspected_and_has_all_its_attempts_before_it(
    ledger: Ledger,
) -> None:
    both = {key(1): NOW, key(2): NOW}
    await ledger.begin(both, NOW, alone=False)
    wanted = await ledger.unknown_uids("support", "INBOX", 1, [1, 2, 3], observing=False)
    assert [bool(attempts) for attempts in wanted.values()] == [True, True, False]
    counted = [(await ledger.begin({key(1): NOW}, NOW))[key(1)].attempts for _ in range(3)]
    assert counted == [1, 2, 3]
    id = (await ledger.begin({key(2): NOW}, NOW, alone=False))[key(2)].id
    await ledger.give_back([id])
    assert (await ledger.unknown_uids("support", "INBOX", 1, [2], observing=False)) == {2: 0}


async def test_a_fault_of_its_own_counts_whoever_was_beside(ledger: Ledger) -> None:
    attempts = await ledger.begin({key(1): NOW, key(2): NOW}, NOW, alone=False)
    await ledger.fail(attempts[key(1)].id, "ValueError: no")
    assert (await ledger.begin({key(1): NOW}, NOW))[key(1)].attempts == 2


async def test_mail_that_is_left_alone_is_never_wanted(ledger: Ledger) -> None:
    await ledger.leave({key(1): NOW}, NOW)
    assert await ledger.unknown_uids("support", "INBOX", 1, [1], observing=False) == {}


async def test_a_mail_in_quarantine_is_brought_back_once_somebody_asks(ledger: Ledger) -> None:
    id = (await ledger.begin({key(1): NOW}, NOW))[key(1)].id
    effect = await ledger.quarantine(id, NewEffect(Kind.FILE, "Triaged/Quarantine"), NOW)
    assert effect is not None
    await ledger.advance([Outcome(effect.id, Event.STARTED), Outcome(effect.id, Event.ACCEPTED)], NOW)
    assert await ledger.unknown_uids("support", "INBOX", 1, [1], observing=False) == {}
    assert await ledger.retry(["1"], NOW) == 1
    assert [item.effect.recipient for item in await ledger.due("support", NOW, 10)] == ["INBOX"]
    assert await ledger.retry(None, NOW) == 0


# -- plans and effects -------------------------------------------------------------------------------------------------------------


async def test_what_may_happen_once_is_planned_once_whoever_asks(ledger: Ledger) -> None:
    await planned(ledger, REPLY, FORWARD, FILE, uid=1)
    again = await planned(ledger, REPLY, FORWARD, FILE, uid=2)
    assert [(effect.kind, effect.state) for effect in again] == [
        (Kind.REPLY, State.SUPPRESSED),
        (Kind.FORWARD, State.SUPPRESSED),
        (Kind.FILE, State.PLANNED),
    ]


async def test_of_many_who_plan_the_same_reply_at_once_one_gets_it(ledger: Ledger) -> None:
    states = [
        effects[0].state for effects in await asyncio.gather(*(planned(ledger, REPLY, uid=uid) for uid in range(1, 21)))
    ]
    assert sorted(states) == [State.PLANNED] + [State.SUPPRESSED] * 19


async def test_an_effect_that_waits_is_due_when_its_time_has_come(ledger: Ledger) -> None:
    (forward,) = await planned(ledger, FORWARD)
    assert [item.effect.id for item in await ledger.due("support", NOW, 10)] == [forward.id]
    steps = [Outcome(forward.id, Event.STARTED), Outcome(forward.id, Event.DEFERRED, "451 later", LATER)]
    assert await ledger.advance(steps, NOW) == [State.STARTED, State.PLANNED]
    assert await ledger.due("support", NOW, 10) == []
    assert await ledger.next_try_at("support") == LATER
    (item,) = await ledger.due("support", LATER, 10)
    assert (item.effect.attempts, item.effect.detail, item.place) == (1, "451 later", key(1))
    assert await ledger.due("other", LATER, 10) == []


async def test_a_time_that_only_a_wrong_clock_can_have_written_has_come(ledger: Ledger) -> None:
    (forward,) = await planned(ledger, FORWARD)
    await ledger.advance([Outcome(forward.id, Event.DEFERRED, None, NOW + timedelta(days=365))], NOW)
    assert len(await ledger.due("support", NOW, 10)) == 1


async def test_half_done_is_what_was_started_and_what_is_unknown_and_may_be_repeated(ledger: Ledger) -> None:
    reply, forward, file = await planned(ledger, REPLY, FORWARD, FILE)
    await ledger.advance([Outcome(effect.id, Event.STARTED) for effect in (reply, forward, file)], NOW)
    assert len(await ledger.half_done("support")) == 3
    await ledger.advance([Outcome(effect.id, Event.LOST) for effect in (reply, forward)], NOW)
    assert [item.effect.kind for item in await ledger.half_done("support")] == [Kind.FORWARD, Kind.FILE]


async def test_an_illegal_step_is_refused_and_takes_back_the_steps_beside_it(ledger: Ledger) -> None:
    reply, forward = await planned(ledger, REPLY, FORWARD)
    with pytest.raises(IllegalTransition):
        await ledger.advance([Outcome(forward.id, Event.STARTED), Outcome(reply.id, Event.ACCEPTED)], NOW)
    assert await ledger.half_done("support") == []


async def test_a_message_is_settled_when_its_last_effect_is_final(ledger: Ledger, path: Path) -> None:
    reply, file = await planned(ledger, REPLY, FILE)

    def states() -> dict[str, int]:
        with queries.reading(path) as connection:
            return queries.status(connection).messages

    await ledger.advance([Outcome(reply.id, Event.STARTED), Outcome(reply.id, Event.LOST)], NOW)
    assert states() == {"planned": 1}
    await ledger.advance([Outcome(file.id, Event.STARTED), Outcome(file.id, Event.ACCEPTED)], NOW)
    assert states() == {"settled": 1}


async def test_only_what_was_refused_is_tried_again_and_never_a_reply(ledger: Ledger) -> None:
    reply, forward = await planned(ledger, REPLY, FORWARD)
    await ledger.advance([Outcome(effect.id, Event.REFUSED, "550 no") for effect in (reply, forward)], NOW)
    assert await ledger.retry(["T-2345678"], NOW) == 1
    assert [item.effect.kind for item in await ledger.due("support", NOW, 10)] == [Kind.FORWARD]


async def test_where_a_move_led_is_remembered(ledger: Ledger) -> None:
    (file,) = await planned(ledger, FILE)
    place = MessageKey("support", "Triaged/Logistics", 7, 42)
    await ledger.advance([Outcome(file.id, Event.STARTED), Outcome(file.id, Event.ACCEPTED, place=place)], NOW)
    assert await ledger.placed([place, key(1)]) == {place}


async def test_a_second_mail_joins_the_conversation_of_the_first(ledger: Ledger) -> None:
    await planned(ledger, REPLY, FORWARD)
    ways = [
        Inquiry(99, "f99", "ann@mail.example", None, ("<m1@mail.example>",), ()),
        Inquiry(99, "f99", "ann@mail.example", None, (), ("T-2345678",)),
        Inquiry(99, "f99", "ann@mail.example", "thread", (), ()),
    ]
    for history in await ledger.histories(ways, NOW):
        assert history.ticket is not None
        assert (history.ticket.ticket, history.ticket.last_reply_at, history.replies_to_sender) == ("T-2345678", NOW, 1)
    (stranger,) = await ledger.histories([Inquiry(99, "f99", "eve@mail.example", "other", (), ())], NOW)
    assert (stranger.ticket, stranger.duplicate) == (None, False)


async def test_a_reply_that_was_withheld_after_all_acknowledged_nothing(ledger: Ledger) -> None:
    follow_up = Inquiry(99, "f99", "ann@mail.example", "thread", (), ())
    (first,) = await planned(ledger, REPLY)
    await ledger.advance([Outcome(first.id, Event.SUPPRESSED, "breaker")], NOW)
    (history,) = await ledger.histories([follow_up], NOW)
    assert history.ticket is not None
    assert history.ticket.last_reply_at is None

    (second,) = await planned(ledger, replace(REPLY, key="reply:f2"), uid=2)
    (third,) = await planned(ledger, replace(REPLY, key="reply:f3"), uid=3)
    await ledger.advance([Outcome(third.id, Event.SUPPRESSED, "paused")], LATER)
    (history,) = await ledger.histories([follow_up], LATER)
    assert history.ticket is not None
    assert (second.state, history.ticket.last_reply_at) == (State.PLANNED, NOW)  # that of the second still stands


async def test_another_copy_of_a_mail_is_known_as_one(ledger: Ledger) -> None:
    await planned(ledger, FILE, fingerprint="same")
    (history,) = await ledger.histories([Inquiry(99, "same", "ann@mail.example", None, (), ())], NOW)
    assert history.duplicate


# -- the file ----------------------------------------------------------------------------------------------------------------------


async def test_what_was_committed_is_there_after_a_kill(path: Path) -> None:
    """Another process records a plan and is killed at once after its commit."""
    program = (
        "import asyncio, os, signal, sys; from pathlib import Path; from triage.ledger import Ledger\n"
        "from tests.contract.test_ledger import planned, FORWARD, FILE\n"
        "asyncio.run(planned(Ledger.open(Path(sys.argv[1])), FORWARD, FILE)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = subprocess.run([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert process.returncode == -9
    ledger = Ledger.open(path)
    assert len(await ledger.due("support", NOW, 10)) == 2
    ledger.close()


async def test_a_ledger_is_read_by_others_while_it_is_written(ledger: Ledger, path: Path) -> None:
    with queries.reading(path) as connection:
        before = queries.status(connection).messages
        await planned(ledger, FILE)
    assert before == {}


async def test_a_database_that_is_locked_for_long_is_a_ledger_error_and_works_again_afterwards(
    ledger: Ledger, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            await ledger.begin({key(1): NOW}, NOW)
        other.execute("ROLLBACK")
    assert (await ledger.begin({key(1): NOW}, NOW))[key(1)].attempts == 1


def test_a_database_library_that_is_too_old_is_refused_before_anything_is_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(LedgerError, match=r"needs 3\.35 .*newer Python"):
        Ledger.open(path)
    assert not path.parent.exists()


def test_a_ledger_of_a_newer_program_is_refused_with_what_to_do(path: Path) -> None:
    Ledger.open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(LedgerError, match="another version of triage"):
        Ledger.open(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, it is a letter" * 100)
    with pytest.raises(LedgerError):
        Ledger.open(path)


def test_migrations_make_the_tables_that_the_program_speaks_of(path: Path) -> None:
    Ledger.open(path).close()
    engine = connect(str(path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_the_ledger_survives_a_power_cut_as_far_as_sqlite_can_promise(path: Path) -> None:
    Ledger.open(path).close()
    engine = connect(str(path))
    with engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar_one() == 2  # FULL
    engine.dispose()
