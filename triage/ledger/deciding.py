"""What a batch asks before it is decided about, and what it leaves when it is. Operations inside a transaction; SQL stays here.

A batch costs a fixed number of statements, however many mails it has: putting a statement through the library takes longer than
running it (benchmarks/throughput.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from triage.ledger import promises
from triage.ledger import statements as sql
from triage.lifecycle import Kind, State
from triage.message import MessageKey
from triage.records import Attempt, Effect, History, Inquiry, MessageState, NewEffect, NewPlan, Ticket

V = TypeVar("V")

CONVERSATION_MEMORY = timedelta(days=14)  # for the weakest tie, same sender and subject
SUSPECTED = -1  # attempts of a message that was begun beside others: if the process ends, it may have been any of them
CHUNK = 500  # values in one IN (...): databases bound the variables of a statement


def begin(
    c: sa.Connection, arrivals: Mapping[MessageKey, datetime], now: datetime, *, alone: bool
) -> dict[MessageKey, Attempt]:
    """See Ledger.begin."""
    known: dict[MessageKey, tuple[int, int]] = {}
    folders: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for key in arrivals:
        folders[key.mailbox, key.folder, key.uidvalidity].append(key.uid)
    for (mailbox, folder, uidvalidity), uids in folders.items():
        for chunk in _chunks(uids):
            at = {"mailbox": mailbox, "folder": folder, "uidvalidity": uidvalidity, "uids": chunk}
            for row in c.execute(sql.MESSAGES_AT, at):
                known[MessageKey(mailbox, folder, uidvalidity, row.uid)] = row.id, row.attempts
    made = {key: max(attempts, 0) + 1 if alone else SUSPECTED for key, (_, attempts) in known.items()}
    if known:
        c.execute(sql.ATTEMPTED, [{"row": known[key][0], "made": made[key]} for key in known])
    new = [key for key in arrivals if key not in known]
    if new:
        rows = [
            {"mailbox": key.mailbox, "folder": key.folder, "uidvalidity": key.uidvalidity, "uid": key.uid,
             "place_folder": key.folder, "place_uidvalidity": key.uidvalidity, "place_uid": key.uid,
             "state": MessageState.SEEN, "attempts": 1 if alone else SUSPECTED, "received_at": arrivals[key], "seen_at": now}
            for key in new
        ]  # fmt: skip
        ids = c.execute(sql.INSERT_MESSAGES, rows).scalars()
        known |= {key: (id, 0) for key, id in zip(new, ids, strict=True)}
    return {key: Attempt(known[key][0], key, max(made.get(key, 1), 1)) for key in arrivals}


def histories(c: sa.Connection, inquiries: Sequence[Inquiry], now: datetime) -> list[History]:
    """See Ledger.histories."""
    copies: dict[str, set[int]] = {}
    for chunk in _chunks({inquiry.fingerprint for inquiry in inquiries}):
        for row in c.execute(sql.COPIES_OF, {"fingerprints": chunk}):
            copies[row.fingerprint] = {row.first, row.last}
    senders = {inquiry.sender for inquiry in inquiries if inquiry.sender}
    to_sender = _counts(c, sql.REPLIES_TO, senders, now - timedelta(hours=24))
    to_domain = _counts(c, sql.REPLIES_TO_DOMAIN, {_domain(sender) for sender in senders}, now - timedelta(hours=1))
    tickets = _conversations(c, inquiries, now)
    return [
        History(
            ticket,
            bool(copies.get(inquiry.fingerprint, set()) - {inquiry.id}),
            to_sender.get(inquiry.sender or "", 0),
            to_domain.get(_domain(inquiry.sender or ""), 0),
        )
        for inquiry, ticket in zip(inquiries, tickets, strict=True)
    ]


def record(c: sa.Connection, plans: Sequence[NewPlan], now: datetime) -> dict[int, list[Effect]]:
    """See Ledger.record."""
    if not plans:
        return {}
    c.execute(sql.DECIDE, [_decided(plan) for plan in plans])
    live = [plan for plan in plans if plan.state is not MessageState.OBSERVED]
    opening = {plan.ticket: {"ticket": plan.ticket, **plan.opens} for plan in live if plan.opens is not None}
    opened: set[str] = set()
    if opening:
        opened = set(c.execute(sql.INSERT_TICKETS, list(opening.values())).scalars())
    events = {plan.ticket: plan.event for plan in live if plan.event is not None and plan.ticket in opened}
    promises.append(c, list(events.values()))
    ids = [{"message_id": message_id, "ticket": plan.ticket} for plan in live for message_id in plan.thread_ids]
    if ids:
        c.execute(sql.INSERT_THREAD_IDS, ids)
    effects = insert_effects(c, [(plan.id, new) for plan in live for new in plan.effects], now)
    recorded: dict[int, list[Effect]] = {plan.id: [] for plan in plans}
    for effect in effects:
        recorded[effect.message].append(effect)
    replied = {effect.message for effect in effects if effect.kind is Kind.REPLY and effect.state is State.PLANNED}
    if replied:
        c.execute(sql.REPLIED, [{"name": plan.ticket, "now": now} for plan in live if plan.id in replied])
    return recorded


def insert_effects(c: sa.Connection, new: Sequence[tuple[int, NewEffect]], now: datetime) -> list[Effect]:
    """Effects by the row of their message, in order. One whose key is taken is recorded as suppressed."""
    if not new:
        return []
    taken: set[str] = set()
    for chunk in _chunks({effect.key for _, effect in new if effect.key is not None}):
        taken |= set(c.execute(sql.KEYS_TAKEN, {"keys": chunk}).scalars())
    rows: list[dict[str, Any]] = []
    for message, effect in new:
        reason = effect.suppressed
        if effect.key is not None and reason is None:
            reason = "already-done" if effect.key in taken else None
            taken.add(effect.key)
        rows.append(
            {
                "message": message, "kind": effect.kind, "state": State.SUPPRESSED if reason else State.PLANNED,
                "key": None if reason else effect.key, "recipient": effect.recipient,
                "recipient_domain": _domain(effect.recipient) if effect.kind is Kind.REPLY else None,
                "envelope_sender": effect.envelope_sender, "outbound_id": effect.outbound_id,
                "content": None if reason else effect.content, "attempts": 0, "born_at": now, "updated_at": now,
                "next_try_at": None, "detail": reason,
            }
        )  # fmt: skip
    ids = c.execute(sql.INSERT_EFFECTS, rows).scalars()
    return [
        Effect(id, message, effect.kind, row["state"], effect.recipient, effect.envelope_sender, effect.outbound_id,
               effect.content, 0, now, None, row["detail"])
        for id, (message, effect), row in zip(ids, new, rows, strict=True)
    ]  # fmt: skip


def _decided(plan: NewPlan) -> dict[str, Any]:
    return {
        "row": plan.id, "state": plan.state, "fingerprint": plan.fingerprint, "message_id": plan.message_id,
        "sender": plan.sender, "thread_key": plan.thread_key, "ticket": plan.ticket, "decision": dict(plan.decision),
    }  # fmt: skip


def _counts(c: sa.Connection, query: sa.Select[Any], names: Iterable[str], since: datetime) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in _chunks(names):
        found |= {name: int(count) for name, count in c.execute(query, {"names": chunk, "since": since})}
    return found


def _conversations(c: sa.Connection, inquiries: Sequence[Inquiry], now: datetime) -> list[Ticket | None]:
    """The conversation of each: by Message-IDs, by the reference in the subject, by sender and subject within two weeks."""
    of_id: dict[str, list[str]] = defaultdict(list)
    for chunk in _chunks({related for inquiry in inquiries for related in inquiry.related_ids}):
        for message_id, ticket in c.execute(sql.TICKETS_OF_IDS, {"message_ids": chunk}):
            of_id[message_id].append(ticket)
    names = [
        [ticket for related in inquiry.related_ids for ticket in of_id[related]] or list(inquiry.tickets)
        for inquiry in inquiries
    ]
    loose = [inquiry for inquiry, found in zip(inquiries, names, strict=True) if not found and inquiry.thread_key]
    latest: dict[str | None, str] = {}
    for some in _chunks(loose):
        of_these = {"thread_keys": [x.thread_key for x in some], "rows": [x.id for x in some]}
        for row in c.execute(sql.TICKETS_OF_THREADS, {**of_these, "since": now - CONVERSATION_MEMORY}):
            latest[row.thread_key] = row.ticket
    for inquiry, found in zip(inquiries, names, strict=True):
        if not found and inquiry.thread_key in latest:
            found.append(latest[inquiry.thread_key])
    goes_on = promises.continuations(c, {name for found in names for name in found})
    books = {ticket.ticket: ticket for ticket in promises.tickets(c, set(goes_on.values()))}
    return [_oldest([books[goes_on[name]] for name in found if goes_on.get(name) in books]) for found in names]


def _oldest(tickets: Sequence[Ticket]) -> Ticket | None:
    return min(tickets, key=lambda ticket: ticket.opened_at, default=None)


def _chunks(values: Iterable[V]) -> Iterable[list[V]]:
    every = list(values)
    return (every[start : start + CHUNK] for start in range(0, len(every), CHUNK))


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
