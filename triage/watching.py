"""What becomes of promises: answers that people gave, mail that needs none, promises about to break or broken.

One look, in this order, so that an answer that is there is found before its promise counts as broken:

    sent folders       a person's answer to a customer ends the wait       responses.answers
    no answer needed   mail that a colleague moved there is closed
    \\Answered          on the filed mail: the weakest sign, looked for less often; it counts from when it is seen
    reminders          to the team's inbox, once; the mail is flagged, the priority raised
    renewals           a later date to the customer, where the owner wants that
    broken             promises whose instant has passed

Everything may be repeated after a crash. A cursor is moved after what was found is committed; reminders and renewals are effects like
any other, with a key that exists once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from triage import log, reply, side_folders
from triage.decision import Decision
from triage.identity import outbound_message_id
from triage.imap_connection import CommandRefused
from triage.lifecycle import Kind
from triage.mailbox import Fetched, Mailbox
from triage.message import Headers, Message
from triage.opening_hours import OpeningHours
from triage.parsing import fingerprint, parse
from triage.planning import colleagues, customer_values
from triage.policy import Team
from triage.promises import reminder, responses
from triage.promises.due_date import Promise
from triage.records import NewEffect, OpenPromise, TicketEvent, TicketEventKind, TicketOutcome
from triage.services import Services
from triage.side_folders import Cursor

LOOK_BACK = timedelta(days=30)  # into a folder whose UIDs were made anew; older answers are taken for unknown
FLAGS_EVERY = 300.0  # seconds between looks at \\Answered; folders have to be selected for it
REMIND_EVERY = 30.0  # seconds between looks at the promises that run
AHEAD = timedelta(days=21)  # how far ahead promises are looked at; a reminder is never due earlier than that
RENEWED = "renewed"  # template of a later date
COPY, SENT, FLAG = "copy", "sent", "flag"  # how an answer was found

Found = Callable[[Fetched, datetime], Awaitable[None]]


class Watch:
    """Looks after the promises of one mailbox, over its connection."""

    def __init__(self, services: Services, mailbox: Mailbox, live_since: datetime) -> None:
        self._services = services
        self._mailbox = mailbox
        self._live_since = live_since
        self._sent: tuple[str, ...] | None = None  # folders; None: not asked yet
        self._done_at: dict[str, float] = {}
        self._told_missing: set[str] = set()
        self._log = log.get().bind(mailbox=mailbox.name)

    async def look(self) -> bool:
        """Once through everything; whether something is to be sent now. Raises TransientError and LedgerError: look again later."""
        services = self._services
        now = services.clock.now()
        mine = services.office.settings.mailboxes[self._mailbox.name]
        if self._sent is None:
            self._sent = mine.watch_sent or await self._sent_by_itself()
        for folder in self._sent:
            await self._look_through(folder, self._sent_mail, now)
        for folder in mine.no_answer_needed:
            await self._look_through(folder, self._needs_no_answer, now)
        if self._is_time("flags", FLAGS_EVERY):
            await self._answered_flags(now)
        planned = 0
        if self._is_time("reminders", REMIND_EVERY):
            planned = await self._remind(now) + await self._renew(now)
        for ticket, team in await services.ledger.tickets.break_overdue(self._mailbox.name, now):
            services.metrics.promises.labels(team, TicketOutcome.BROKEN).inc()
            self._log.warning("promise_broken", ticket=ticket, team=team)
        return planned > 0

    def _is_time(self, what: str, seconds: float) -> bool:
        """Whether *seconds* have passed since this was last true."""
        now = self._services.clock.monotonic()
        if now - self._done_at.get(what, -seconds) < seconds:
            return False
        self._done_at[what] = now
        return True

    # -- folders -----------------------------------------------------------------------------------------------------------

    async def _sent_by_itself(self) -> tuple[str, ...]:
        """The server's folder for sent mail, or nothing."""
        try:
            name = await side_folders.sent_folder(self._mailbox)
        except CommandRefused:
            name = None
        if name is None:
            self._log.warning("no_sent_folder", remedy="name the folders in watch_sent; answers are not seen otherwise")
            return ()
        return (name,)

    async def _look_through(self, folder: str, found: Found, now: datetime) -> None:
        """Hand every mail that is new in *folder* to *found*, and remember how far it was looked through."""
        book, name = self._services.ledger.tickets, self._mailbox.name
        try:
            state = await side_folders.state(self._mailbox, folder)
            known = await book.cursor(name, folder)
            cursor = Cursor(*known) if known else None
            if cursor == state:
                return
            uids = await side_folders.new_uids(
                self._mailbox, folder, cursor, max(self._live_since - timedelta(days=1), now - LOOK_BACK)
            )
            for start in range(0, len(uids), side_folders.AT_ONCE):
                part = uids[start : start + side_folders.AT_ONCE]
                for fetched in await side_folders.read(self._mailbox, folder, part):
                    await found(fetched, now)
                await book.set_cursor(name, folder, state.uidvalidity, part[-1] + 1)
            next_uid = max(state.next_uid, uids[-1] + 1 if uids else 0)
            await book.set_cursor(name, folder, state.uidvalidity, next_uid)
        except CommandRefused as error:
            if folder not in self._told_missing:
                self._told_missing.add(folder)
                self._log.warning("folder_unreadable", folder=folder, detail=str(error))

    async def _sent_mail(self, fetched: Fetched, now: datetime) -> None:
        services = self._services
        message = await self._parsed(fetched)
        if message is None:
            return
        ours = colleagues(services.office)
        related, named = responses.related_ids(message), responses.references(message)
        for ticket in await services.ledger.tickets.matching(related, named):
            why_not = responses.answers(message, fetched.received_at, ticket, ours)
            if why_not is None:
                await self._answered(ticket.ticket, ticket.team, fetched.received_at, now, SENT)
            else:
                self._log.debug("no_answer", ticket=ticket.ticket, uid=fetched.key.uid, why=why_not[:80])

    async def _needs_no_answer(self, fetched: Fetched, now: datetime) -> None:
        services = self._services
        ticket = await services.ledger.tickets.of_mail(await services.compute(partial(fingerprint, fetched.raw)))
        if ticket is None or not ticket.waits:
            return
        if await services.ledger.tickets.closed(ticket.ticket, now, now, f"moved to {fetched.key.folder}"):
            services.metrics.promises.labels(ticket.team, TicketOutcome.CLOSED).inc()
            self._log.info("closed_without_answer", ticket=ticket.ticket, folder=fetched.key.folder)

    async def _parsed(self, fetched: Fetched) -> Message | None:
        """The mail, or None for one that cannot be read: it costs one answer that is not seen, and is told."""
        services = self._services
        try:
            return await services.compute(
                lambda: parse(fetched.raw), services.office.settings.limits.message_seconds.total_seconds()
            )
        except Exception:  # noqa: BLE001  one bad mail costs one mail
            self._log.exception("sent_mail_unreadable", uid=fetched.key.uid, folder=fetched.key.folder)
            return None

    async def _answered_flags(self, now: datetime) -> None:
        """Mail that somebody's client marked as answered. When that was is not told: it counts from now."""
        book = self._services.ledger.tickets
        places = await book.waiting_places(self._mailbox.name)
        by_folder = defaultdict(list)
        for place in places:
            by_folder[place.folder, place.uidvalidity].append(place)
        for (folder, _), group in by_folder.items():
            try:
                answered = await side_folders.with_flag(self._mailbox, group, "ANSWERED")
            except CommandRefused as error:
                self._log.warning("folder_unreadable", folder=folder, detail=str(error))
                continue
            for place in answered:
                team = await self._team_of(places[place])
                await self._answered(places[place], team, now, now, FLAG)

    async def _team_of(self, ticket: str) -> str:
        found = await self._services.ledger.tickets.matching((), (ticket,))
        return found[0].team if found else "unknown"

    async def _answered(self, ticket: str, team: str, at: datetime, now: datetime, how: str) -> None:
        found = await self._services.ledger.tickets.answered(ticket, at, now, how)
        if found is not None:
            if not found.counted:
                self._services.metrics.promises.labels(team, found.outcome).inc()
            self._log.info("answered", ticket=ticket, how=how, outcome=found.outcome.value)

    # -- before a promise breaks -------------------------------------------------------------------------------------------

    async def _remind(self, now: datetime) -> int:
        """Plan the reminders that are due; how many."""
        planned = 0
        office = self._services.office
        for promise in await self._services.ledger.tickets.unreminded(self._mailbox.name, now, now + AHEAD):
            team = office.policy.teams.get(promise.team)
            if team is None or team.remind_before is None:
                continue
            hours = self._hours(promise)
            if reminder.is_time(promise, team.remind_before, now, hours):
                await self._remind_of(promise, team, hours, now)
                planned += 1
        return planned

    async def _remind_of(self, promise: OpenPromise, team: Team, hours: OpeningHours, now: datetime) -> None:
        """Flag the mail, raise the priority, plan the reminder; the last is what makes it known as done."""
        services = self._services
        if promise.place is not None:
            try:
                await side_folders.set_flag(self._mailbox, promise.place, "\\Flagged")
            except CommandRefused as error:
                self._log.warning("flag_refused", ticket=promise.ticket, detail=str(error))
        await services.ledger.tickets.raise_priority(promise.ticket, reminder.RAISED[promise.priority])
        mine = services.office.settings.mailboxes[self._mailbox.name]
        sender = mine.addresses[0]
        domain = sender.rpartition("@")[2]
        print_ = promise.fingerprint
        message_id = outbound_message_id(Kind.REMINDER, print_, team.inbox, domain)
        envelope = reminder.Envelope(
            sender, services.office.settings.shop.name, team.inbox, message_id,
            outbound_message_id(Kind.FORWARD, print_, promise.decision.get("inbox") or team.inbox, domain), now,
            mine.no_answer_needed[0] if mine.no_answer_needed else None,
        )  # fmt: skip
        effect = NewEffect(
            Kind.REMINDER, team.inbox, f"reminder:{promise.ticket}", sender, message_id,
            reminder.compose(promise, envelope, hours),
        )  # fmt: skip
        await services.ledger.add(promise.message, effect, self._event(promise, TicketEventKind.REMINDED, now), now)
        services.metrics.reminders.labels(promise.team).inc()
        self._log.info(
            "reminded", ticket=promise.ticket, team=promise.team, due=promise.due_at.isoformat("T", "minutes")
        )

    async def _renew(self, now: datetime) -> int:
        """Where the owner wants it: a later date to the customer, in the last part of the wait, like the reminder; how many."""
        planned = 0
        services = self._services
        teams = services.office.policy.teams
        if services.stopped is not None or not any(team.renew for team in teams.values()):
            return planned
        for promise in await services.ledger.tickets.unrenewed(self._mailbox.name, now, now + AHEAD):
            team = teams.get(promise.team)
            if team is None or not team.renew or not promise.decision.get("customer"):
                continue
            hours = self._hours(promise)
            if not reminder.is_time(promise, reminder.RENEW_BEFORE, now, hours):
                continue
            await services.promiser.catch_up(services.ledger.tickets, services.office.policy, now)
            later = services.promiser.renewed(promise.ticket, now)
            if later is not None and later.due_at is not None and later.due_at > promise.due_at:
                await self._renew_for(promise, later, now)
                planned += 1
        return planned

    async def _renew_for(self, promise: OpenPromise, later: Promise, now: datetime) -> None:
        services, office = self._services, self._services.office
        mine = office.settings.mailboxes[self._mailbox.name]
        decision = Decision.from_json(promise.decision)
        customer, sender = decision.customer or "", mine.addresses[0]
        rendered = office.catalog.render(RENEWED, decision.locale, customer_values(decision, later, now, office))
        message_id = outbound_message_id(Kind.RENEWAL, promise.fingerprint, customer, sender.rpartition("@")[2])
        envelope = reply.Envelope(
            mine.sender_name or office.settings.shop.name, sender, customer, message_id, promise.ticket, now
        )
        bounces_to = office.settings.smtp.envelope_sender
        effect = NewEffect(
            Kind.RENEWAL, customer, f"renewal:{promise.ticket}", "" if bounces_to == "null" else bounces_to, message_id,
            reply.compose(_answered_mail(promise.message_id), rendered, envelope, kind=Kind.RENEWAL),
        )  # fmt: skip
        due = {"due_at": later.due_at.isoformat() if later.due_at else None}
        event = self._event(promise, TicketEventKind.RENEWED, now, **due)
        await services.ledger.add(promise.message, effect, event, now)
        services.metrics.renewals.labels(promise.team).inc()
        self._log.info("renewed", ticket=promise.ticket, team=promise.team, **due)

    def _hours(self, promise: OpenPromise) -> OpeningHours:
        return self._services.office.policy.clock(promise.team, promise.decision.get("clock") or "opening-hours")

    @staticmethod
    def _event(promise: OpenPromise, kind: TicketEventKind, now: datetime, **data: str | None) -> TicketEvent:
        return TicketEvent(promise.ticket, kind, now, now, data)


def _answered_mail(message_id: str | None) -> Message:
    """As much of the customer's mail as threading needs; the mail itself is not fetched again."""
    return Message(
        headers=Headers(), message_id=message_id, in_reply_to=(), references=(), from_address=None, reply_to=(), to=(), cc=(),
        return_path=None, subject="", claimed_date=None, content_type="", content_params=(), text="", new_text="",
        language=None, attachments=(), size=0, fingerprint="",
    )  # fmt: skip
