"""What the program writes down and asks for: the ledger's face. SQL stays in this package.

Every method is one transaction, committed before it returns. All raise LedgerError when the database cannot be used now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from triage.errors import LedgerError
from triage.ledger import deciding, privacy, promises, schema, steps
from triage.ledger.migrate import upgrade
from triage.ledger.writer import Writer, connect
from triage.lifecycle import AT_MOST_ONCE, Event, Kind, State
from triage.message import MessageKey
from triage.records import (
    Attempt,
    Effect,
    History,
    Inquiry,
    MessageState,
    NewEffect,
    NewPlan,
    Outcome,
    Pending,
    TicketEvent,
)

m, e, t = schema.messages.c, schema.effects.c, schema.tickets.c


OLDEST_SQLITE = (3, 35)  # RETURNING: rows of a batch are put in with one statement
LONGEST_WAIT = timedelta(hours=2)  # retry.FORWARD_POLICY waits an hour and a quarter at most


class Ledger:
    """The durable memory of the daemon."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.tickets = promises.TicketBook(writer)  # what becomes of tickets after they were opened

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Open or create the ledger at *path* and bring its schema up to date."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            least = ".".join(map(str, OLDEST_SQLITE))
            raise LedgerError(
                f"Python's SQLite is {sqlite3.sqlite_version}, and the ledger needs {least} (RETURNING); run triage with a newer "
                "Python, or one that is built with a newer SQLite"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise LedgerError(f"the ledger's folder {path.parent} cannot be made: {error.strerror}") from error
        engine = connect(str(path))
        try:
            upgrade(engine)
        except LedgerError:
            engine.dispose()
            raise
        return cls(Writer(engine))

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self._writer.close()

    # -- switches ----------------------------------------------------------------------------------------------------------

    async def setting(self, name: str) -> str | None:
        query = sa.select(schema.settings.c.value).where(schema.settings.c.name == name)
        return await self._writer.run(lambda c: c.execute(query).scalar_one_or_none())

    async def switch(self, name: str, value: str | None, now: datetime) -> None:
        """Keep a switch (paused, breaker); None removes it."""

        def operation(c: sa.Connection) -> None:
            c.execute(schema.settings.delete().where(schema.settings.c.name == name))
            if value is not None:
                c.execute(schema.settings.insert().values(name=name, value=value, set_at=now))

        await self._writer.run(operation)

    async def start_mailbox(self, name: str, *, live: bool, now: datetime) -> tuple[datetime, datetime | None]:
        """Record that *name* is being watched; returns (first start, start of the present time in mode: reply or None).

        Going live is recorded once and kept over restarts; observing again forgets it, so that what came meanwhile is not answered.
        """
        table = schema.mailboxes
        now = now.replace(microsecond=0)  # as INTERNALDATE: mail of the same second must not look older than the start

        def operation(c: sa.Connection) -> tuple[datetime, datetime | None]:
            row = c.execute(sa.select(table).where(table.c.name == name)).one_or_none()
            if row is None:
                c.execute(table.insert().values(name=name, first_start_at=now, live_since=now if live else None))
                return now, now if live else None
            live_since = (row.live_since or now) if live else None
            if live_since != row.live_since:
                c.execute(table.update().where(table.c.name == name).values(live_since=live_since))
            return row.first_start_at, live_since

        return await self._writer.run(operation)

    # -- messages ----------------------------------------------------------------------------------------------------------

    async def unknown_uids(
        self, mailbox: str, folder: str, uidvalidity: int, uids: Collection[int], *, observing: bool
    ) -> dict[int, int]:
        """Those of *uids* that still want work, ascending, with the attempts made so far; SUSPECTED after one beside others.

        Work is wanted by what was never seen, was left in the middle of deciding, or (when live) was only observed.
        """
        done = [MessageState.PLANNED, MessageState.SETTLED, MessageState.QUARANTINED, MessageState.LEFT]
        if observing:
            done.append(MessageState.OBSERVED)

        def operation(c: sa.Connection) -> dict[int, int]:
            wanted = dict.fromkeys(sorted(uids), 0)
            for start in range(0, len(uids), 500):
                chunk = sorted(uids)[start : start + 500]
                query = sa.select(m.uid, m.state, m.attempts).where(
                    m.mailbox == mailbox, m.folder == folder, m.uidvalidity == uidvalidity, m.uid.in_(chunk)
                )
                for uid, state, attempts in c.execute(query):
                    if state in done:
                        del wanted[uid]
                    else:
                        wanted[uid] = attempts if state == MessageState.SEEN else 0
            return wanted

        return await self._writer.run(operation)

    async def begin(
        self, arrivals: Mapping[MessageKey, datetime], now: datetime, *, alone: bool = True
    ) -> dict[MessageKey, Attempt]:
        """Count an attempt for each message before it is made. *arrivals* gives each message's received_at (INTERNALDATE).

        Unless they are *alone*, nothing else being under way, the end of the process says of none of them that it was to blame: they are
        suspected, and the next attempt is the first that counts.
        """
        return await self._writer.run(lambda c: deciding.begin(c, arrivals, now, alone=alone))

    async def give_back(self, ids: Sequence[int]) -> None:
        """Uncount an attempt that did not fail because of the mail: the server went away, the ledger was full."""
        fewer = sa.case((m.attempts > 0, m.attempts - 1), else_=0)
        query = schema.messages.update().where(m.id.in_(ids)).values(attempts=fewer)
        await self._writer.run(lambda c: c.execute(query))

    async def histories(self, inquiries: Sequence[Inquiry], now: datetime) -> list[History]:
        """What is known of the past of each message, in order."""
        return await self._writer.run(lambda c: deciding.histories(c, inquiries, now))

    async def replies_since(self, since: datetime) -> int:
        """Automatic replies planned since *since*, in all mailboxes."""
        query = sa.select(sa.func.count()).where(e.kind == Kind.REPLY, e.born_at >= since, e.state != State.SUPPRESSED)
        return int(await self._writer.run(lambda c: c.execute(query).scalar_one()))

    async def record(self, plans: Sequence[NewPlan], now: datetime) -> dict[int, list[Effect]]:
        """Commit whole plans; returns their effects by message row. An effect whose key exists already is recorded as suppressed."""
        return await self._writer.run(lambda c: deciding.record(c, plans, now))

    async def fail(self, id: int, fault: str) -> None:
        """Note why an attempt failed; it counts, whoever was beside."""
        counted = sa.case((m.attempts > 0, m.attempts), else_=1)
        query = schema.messages.update().where(m.id == id).values(fault=fault[:500], attempts=counted)
        await self._writer.run(lambda c: c.execute(query))

    async def quarantine(self, id: int, effect: NewEffect | None, now: datetime) -> Effect | None:
        """Give a message up: its only effect from now on is the move into quarantine (None while observing)."""

        def operation(c: sa.Connection) -> Effect | None:
            c.execute(schema.messages.update().where(m.id == id).values(state=MessageState.QUARANTINED))
            return deciding.insert_effects(c, [(id, effect)], now)[0] if effect else None

        return await self._writer.run(operation)

    async def forget(self, address: str) -> dict[str, int]:
        """Remove a person from every record; returns how many of each kind were changed. May be repeated."""
        return await self._writer.run(lambda c: privacy.forget(c, address))

    async def expire(self, people_before: datetime, records_before: datetime) -> dict[str, int]:
        """Apply retention to at most a thousand records; call again until it finds nothing."""
        return await self._writer.run(
            lambda c: privacy.expire(c, people_before=people_before, records_before=records_before)
        )

    async def retry(self, names: Collection[str] | None, now: datetime) -> int:
        """Plan refused forwards and moves again, and bring mails back out of quarantine; returns how many. Never a reply.

        *names* are tickets, or UIDs of quarantined mails; None: everything.
        """

        def operation(c: sa.Connection) -> int:
            failed = sa.select(e.id).select_from(schema.effects.join(schema.messages))
            failed = failed.where(
                e.state == State.FAILED, e.kind.not_in(AT_MOST_ONCE), m.state != MessageState.QUARANTINED
            )
            given_up = sa.select(m.id, m.folder).where(m.state == MessageState.QUARANTINED)
            if names is not None:
                failed = failed.where(m.ticket.in_(names))
                given_up = given_up.where(sa.or_(m.ticket.in_(names), sa.cast(m.uid, sa.String).in_(names)))
            effects, messages = list(c.execute(failed).scalars()), c.execute(given_up).all()
            if effects:
                steps.take(c, [(Outcome(id, Event.RETRIED, "asked for by an operator"), now) for id in effects])
            c.execute(
                schema.messages.update()
                .where(m.id.in_(sa.select(e.message).where(e.id.in_(effects))), m.state == MessageState.SETTLED)
                .values(state=MessageState.PLANNED)
            )
            for id, _ in messages:
                c.execute(schema.messages.update().where(m.id == id).values(state=MessageState.PLANNED))
            # back into the folder that is watched, where it is a new mail
            deciding.insert_effects(c, [(id, NewEffect(Kind.FILE, folder)) for id, folder in messages], now)
            return len(effects) + len(messages)

        return await self._writer.run(operation)

    async def leave(self, keys: Mapping[MessageKey, datetime], now: datetime) -> None:
        """Mark messages that are not to be touched (backlog: leave)."""
        attempts = await self.begin(keys, now)
        ids = [attempt.id for attempt in attempts.values()]
        query = schema.messages.update().where(m.id.in_(ids)).values(state=MessageState.LEFT)
        await self._writer.run(lambda c: c.execute(query))

    # -- effects -----------------------------------------------------------------------------------------------------------

    async def advance(self, outcomes: Sequence[Outcome], now: datetime) -> list[State]:
        """Record steps of effects' lives, all in one commit; returns the new states. Raises IllegalTransition for a bug of ours."""
        return await self._writer.run_merged(steps.take, [(outcome, now) for outcome in outcomes])

    async def due(self, mailbox: str, now: datetime, limit: int) -> list[Pending]:
        """Planned effects of *mailbox* whose time has come, oldest first.

        A time further ahead than any wait there is was written while the clock stood wrong: it has come, too.
        """
        come = sa.or_(e.next_try_at.is_(None), e.next_try_at <= now, e.next_try_at > now + LONGEST_WAIT)
        condition = sa.and_(e.state == State.PLANNED, come)
        return await self._pending(mailbox, condition, limit)

    async def half_done(self, mailbox: str) -> list[Pending]:
        """Effects that a crash left STARTED, and those of unknown outcome that may be repeated."""
        condition = sa.or_(
            e.state == State.STARTED,
            sa.and_(e.state == State.UNKNOWN, e.kind.not_in(AT_MOST_ONCE)),
        )
        return await self._pending(mailbox, condition, 1_000_000)

    async def next_try_at(self, mailbox: str) -> datetime | None:
        """When the next planned effect of *mailbox* is due; None: nothing waits."""
        query = (
            sa.select(sa.func.min(e.next_try_at, type_=schema.Instant))
            .select_from(schema.effects.join(schema.messages))
            .where(m.mailbox == mailbox, e.state == State.PLANNED)
        )
        return await self._writer.run(lambda c: c.execute(query).scalar_one_or_none())

    async def waiting(self) -> tuple[int, datetime | None]:
        """How many effects are not final yet, and when the oldest of them was planned."""
        open_states = [State.PLANNED, State.STARTED]
        query = sa.select(sa.func.count(), sa.func.min(e.born_at, type_=schema.Instant)).where(e.state.in_(open_states))
        row = await self._writer.run(lambda c: c.execute(query).one())
        return int(row[0]), row[1]

    async def add(self, message: int, effect: NewEffect, event: TicketEvent, now: datetime) -> Effect:
        """Plan one more effect of a decided message, such as a reminder; *event* goes into its ticket's history with it."""

        def operation(c: sa.Connection) -> Effect:
            [added] = deciding.insert_effects(c, [(message, effect)], now)
            if added.state is State.PLANNED:
                settled = (m.id == message, m.state == MessageState.SETTLED)
                c.execute(schema.messages.update().where(*settled).values(state=MessageState.PLANNED))
            promises.append(c, [event])
            return added

        return await self._writer.run(operation)

    async def placed(self, places: Collection[MessageKey]) -> frozenset[MessageKey]:
        """Those of *places* at which a message is known to lie."""

        def operation(c: sa.Connection) -> frozenset[MessageKey]:
            known = []
            for key in places:
                at = (m.place_folder == key.folder, m.place_uidvalidity == key.uidvalidity, m.place_uid == key.uid)
                if c.execute(sa.select(m.id).where(m.mailbox == key.mailbox, *at).limit(1)).first() is not None:
                    known.append(key)
            return frozenset(known)

        return await self._writer.run(operation)

    async def moved(self, id: int, place: MessageKey) -> None:
        """Where a message is now."""
        await self._writer.run(lambda c: steps.place(c, [(id, place)]))

    async def _pending(self, mailbox: str, condition: sa.ColumnElement[bool], limit: int) -> list[Pending]:
        query = (
            sa.select(schema.effects, schema.messages.c.mailbox, m.folder, m.uidvalidity, m.uid, m.place_folder,
                      m.place_uidvalidity, m.place_uid, m.fingerprint, m.message_id, m.decision)
            .select_from(schema.effects.join(schema.messages))
            .where(m.mailbox == mailbox, condition)
            .order_by(e.id)
            .limit(limit)
        )  # fmt: skip
        return await self._writer.run(lambda c: [_pending_of(row) for row in c.execute(query)])


def _effect_of(row: Any) -> Effect:
    return Effect(row.id, row.message, Kind(row.kind), State(row.state), row.recipient, row.envelope_sender, row.outbound_id,
                  row.content, row.attempts, row.born_at, row.next_try_at, row.detail)  # fmt: skip


def _pending_of(row: Any) -> Pending:
    first = MessageKey(row.mailbox, row.folder, row.uidvalidity, row.uid)
    place = None
    if row.place_uid is not None:
        place = MessageKey(row.mailbox, row.place_folder, row.place_uidvalidity, row.place_uid)
    return Pending(_effect_of(row), row.mailbox, first, place, row.fingerprint, row.message_id, row.decision)
