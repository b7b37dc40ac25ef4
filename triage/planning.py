"""plan(): one mail and the facts about it, to everything that is to happen. Pure.

    message ─► guard ─► route ─► promise ─► compose ─► Plan(decision, effects)

Nothing is touched: the same arguments give the same plan, which is why `triage explain` and `triage replay` show what the daemon does.
Not replying never means not forwarding or not filing; only our own mail read back, and the bounces of it, are not forwarded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from triage import guard, reply, routing
from triage.decision import Decision
from triage.guarding import marks
from triage.guarding.reply_address import on_the_wire
from triage.identity import outbound_message_id, ticket_reference
from triage.lifecycle import Kind
from triage.mail.subject import base_subject
from triage.message import Message, Prediction, Verdict
from triage.opening_hours import ClosedDay as CalendarDay
from triage.opening_hours import OpeningHours, Why
from triage.policy import Policy
from triage.promises import responses
from triage.promises.due_date import Promise, configured_promise
from triage.records import History, NewEffect, Ticket
from triage.routing import Route
from triage.rulebook.rules import Clock
from triage.settings import Mailbox, Settings
from triage.templates import Catalog, ClosedDay, PromiseValues, RenderedReply, ReplyValues, clean_name

OLDEST = timedelta(days=366)  # of an arrival that is believed
SOON = timedelta(minutes=30)  # the least that "most people hear from us within" says
NEUTRAL, FOLLOW_UP = "neutral", "follow-up"  # templates that every language has
# Silences behind which a person waits all the same: such a ticket is measured, though nothing was promised.
WAITING = frozenset({"paused", "breaker", "marketplace"})


class Promiser(Protocol):
    """What was learnt of the teams' speed (promiser.Promiser)."""

    def promise(
        self,
        *,
        team: str,
        clock: Clock,
        priority: str,
        at: datetime,
        now: datetime,
        language: str | None,
        first_response: timedelta,
    ) -> Promise: ...


@dataclass(frozen=True, slots=True)
class Office:
    """Everything that is configured, loaded as a whole: settings, rules, texts, known senders. Replaced as a whole by a reload."""

    settings: Settings
    policy: Policy
    catalog: Catalog
    senders: guard.Senders
    version: str  # hash of all files it was read from
    lists: routing.SenderLists = field(default_factory=dict)  # config/lists/*.txt: senders by name of the list


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known besides the mail itself."""

    mailbox: str | None  # None: not known (a file on disk); what depends on it is left out
    received_at: datetime  # INTERNALDATE
    now: datetime
    prediction: Prediction
    history: History = History(None, False, 0, 0)  # noqa: RUF009  frozen
    live_since: datetime | None = None  # None: not judged by it
    stopped: str | None = None  # why no replies go out at present: paused, breaker
    truncated: bool = False
    promiser: Promiser | None = None  # None: nothing is measured, the configured first response is promised


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen to one mail."""

    decision: Decision
    verdict: Verdict
    route: Route
    promise: Promise
    rendered: RenderedReply | None  # None: no reply
    effects: tuple[NewEffect, ...]
    opens_ticket: bool
    waited_for: bool  # it opens a ticket in which a customer waits for a person
    answers: bool  # it is a colleague's answer to the customer, of which we got a copy


def plan(message: Message, facts: Facts, office: Office) -> Plan:
    """Decide all that is to happen to *message*; touch nothing."""
    mailbox = (
        office.settings.mailboxes[facts.mailbox] if facts.mailbox else next(iter(office.settings.mailboxes.values()))
    )
    verdict = guard.judge(message, _circumstances(facts, office, mailbox), office.senders)
    name = facts.mailbox or next(iter(office.settings.mailboxes))
    route = office.policy.route(message, _asked_by_rules(message, facts, verdict, name, office))
    if route.reply == "never" and verdict.allowed:
        verdict = replace(verdict, reason=guard.RULE, evidence=f"rule {route.by['reply']!r} says reply: never")
    ticket = facts.history.ticket
    verdict, answers = _by_colleague(message, facts, verdict, office, mailbox)
    promise = _promise(message, facts, route, office)
    locale = office.catalog.choose(message.language, [mailbox.locale, *mailbox.languages])
    template = _template(facts, route, office.catalog) if verdict.allowed else None
    reference = ticket.ticket if ticket else ticket_reference(message.fingerprint)
    team = office.policy.teams[route.team]
    folder = _folder(verdict, route, mailbox, ticket if answers else None, office.policy)
    decision = Decision(
        ticket=reference, follow_up=ticket is not None, mailbox=name, customer=verdict.reply_to, language=message.language,
        locale=locale, category=facts.prediction.category, about=facts.prediction.about, confidence=facts.prediction.confidence,
        probabilities=facts.prediction.probabilities, model=facts.prediction.model, team=route.team, inbox=route.inbox,
        also_to=route.also_to, folder=folder, priority=route.priority, rule=route.rule,
        template=template, silence=verdict.reason, evidence=verdict.evidence, opened_at=promise.opened_at,
        due_at=promise.due_at, due_local=_local(promise, route, office.policy), method=promise.method, steps=promise.steps,
        order_numbers=message.order_numbers, truncated=facts.truncated, policy_version=office.version,
        unfamiliar=facts.prediction.unfamiliar, forward_inline=team.forward.original == "inline", forward_masked=team.forward.mask,
        forward_redirected=team.forward.original == "redirected",
        clock=route.clock, tags=route.tags, because=route.because,
    )  # fmt: skip
    rendered = None
    if template is not None:
        rendered = office.catalog.render(template, locale, _values(message, decision, promise, facts, office))
    effects = _effects(message, decision, rendered, facts, office, mailbox)
    if answers:
        effects = tuple(effect for effect in effects if effect.kind is Kind.FILE)
    waited_for = ticket is None and (verdict.allowed or verdict.reason in WAITING)
    return Plan(decision, verdict, route, promise, rendered, effects, ticket is None, waited_for, answers)


def _by_colleague(
    message: Message, facts: Facts, verdict: Verdict, office: Office, mailbox: Mailbox
) -> tuple[Verdict, bool]:
    """The verdict on a colleague's mail in a ticket, and whether it is an answer to the customer (else it is a note)."""
    ticket = facts.history.ticket
    if ticket is None or verdict.reason in guard.OWN_MAIL:
        return verdict, False
    ours = colleagues(office)
    if not responses.from_colleague(message, ticket, ours):
        return verdict, False
    forged = marks.dmarc_failure(message, mailbox.authserv_ids) is not None
    answers = not forged and responses.answers(message, facts.received_at, ticket, ours) is None
    if verdict.allowed:
        author = message.from_address.address if message.from_address else ""
        verdict = replace(verdict, reason=responses.COLLEAGUE, evidence=f"From: {author}, in ticket {ticket.ticket}")
    return verdict, answers


def colleagues(office: Office) -> responses.Colleagues:
    """Who writes for the shop."""
    settings = office.settings
    shared = office.senders.shared_domains
    return responses.colleagues(settings.own_addresses, office.policy.inboxes, settings.staff, shared)


def _circumstances(facts: Facts, office: Office, mailbox: Mailbox) -> guard.Circumstances:
    known = facts.mailbox is not None
    ticket = facts.history.ticket
    return guard.Circumstances(
        received_at=facts.received_at,
        now=facts.now,
        answer_mail_younger_than=mailbox.answer_mail_younger_than,
        live_since=facts.live_since,
        own_addresses=office.settings.own_addresses if known else frozenset(),
        inboxes=office.policy.inboxes if known else frozenset(),
        addressed_as=frozenset(a.casefold() for a in (*mailbox.addresses, *mailbox.forwarders)) if known else None,
        authserv_ids=mailbox.authserv_ids,
        contact_forms=mailbox.contact_forms,
        acknowledged_at=ticket.last_reply_at if ticket else None,
        conversation_window=office.settings.caps.conversation,
        duplicate=facts.history.duplicate,
        replies_to_sender=facts.history.replies_to_sender,
        replies_to_domain=facts.history.replies_to_domain,
        caps=office.settings.caps,
        stopped=facts.stopped,
    )


def _asked_by_rules(
    message: Message, facts: Facts, verdict: Verdict, name: str, office: Office
) -> routing.Circumstances:
    ticket = facts.history.ticket
    unanswered = ticket is not None and ticket.first_response_at is None
    return routing.Circumstances(
        mailbox=name,
        prediction=facts.prediction,
        verdict=verdict,
        now=facts.now,
        follow_up=ticket is not None,
        overdue=unanswered and ticket is not None and ticket.due_at is not None and ticket.due_at < facts.now,
        authenticated=marks.dmarc_passed(message, office.settings.mailboxes[name].authserv_ids),
        lists=office.lists,
    )


def _promise(message: Message, facts: Facts, route: Route, office: Office) -> Promise:
    """A follow-up keeps the promise of its ticket: a second mail does not restart the clock, nor does another team."""
    ticket = facts.history.ticket
    if ticket is not None and ticket.waits and ticket.team in office.policy.teams:
        promise = _fresh_promise(message, facts, route, office, ticket.team, ticket.opened_at)
        if ticket.due_at is None or ticket.due_at <= facts.now:
            return promise  # as for a ticket that is open for so long
        told = f"ticket {ticket.ticket} keeps its promise"
        return replace(promise, due_at=ticket.due_at, typical=None, no_date=None, method="inherited", steps=(told,))
    # No ticket, or one that a person has answered: what is written now waits from now on.
    return _fresh_promise(message, facts, route, office, route.team, _opening(facts))


def _fresh_promise(
    message: Message, facts: Facts, route: Route, office: Office, name: str, opened_at: datetime
) -> Promise:
    team = office.policy.teams[name]
    configured = team.response(route.priority, route.clock)
    if facts.promiser is not None:
        return facts.promiser.promise(
            team=name, clock=route.clock, priority=route.priority, at=opened_at, now=facts.now,
            language=message.language, first_response=configured,
        )  # fmt: skip
    return configured_promise(
        opened_at,
        team=name,
        hours=office.policy.clock(name, route.clock),
        first_response=configured,
        language=message.language,
        level=team.level,
        written_at=facts.now,
    )


def _opening(facts: Facts) -> datetime:
    """When the clock starts: the arrival. A server that says 1970 or next year is not believed; then it is now."""
    return facts.received_at if timedelta(0) <= facts.now - facts.received_at <= OLDEST else facts.now


def _template(facts: Facts, route: Route, catalog: Catalog) -> str:
    if facts.history.ticket is not None:
        return FOLLOW_UP
    if route.reply == "neutral":
        return NEUTRAL
    wanted = route.template or facts.prediction.category
    return wanted if wanted in catalog.templates else NEUTRAL


def _folder(verdict: Verdict, route: Route, mailbox: Mailbox, answered: Ticket | None, policy: Policy) -> str:
    if answered is not None and answered.team in policy.teams:
        return policy.teams[answered.team].folder
    return mailbox.bounces if verdict.reason in guard.OWN_MAIL else route.folder


def _local(promise: Promise, route: Route, policy: Policy) -> str | None:
    if promise.due_at is None:
        return None
    return policy.hours[route.team].show(promise.due_at)


def _values(message: Message, decision: Decision, promise: Promise, facts: Facts, office: Office) -> ReplyValues:
    """What the text may say; nothing of the sender's but a clean name and an order number that our pattern matched."""
    values = customer_values(decision, promise, facts.now, office)
    offset = message.claimed_date.utcoffset() if message.claimed_date else None
    if offset == facts.now.astimezone(values.promise.zone).utcoffset():
        offset = None  # the team's own zone, also where summer time ends before the promise
    return replace(
        values,
        # "+0000" is more often a server's habit than a customer's zone
        promise=replace(values.promise, customer_utc_offset=offset or None),
        customer_name=clean_name(message.from_address.name) if message.from_address else None,
    )


def customer_values(decision: Decision, promise: Promise, now: datetime, office: Office) -> ReplyValues:
    """What a text to the customer of *decision* may say *now*, as far as it is known without the mail."""
    shop, hours = office.settings.shop, office.policy.clock(decision.team, decision.clock)
    until = promise.due_at or now + timedelta(days=7)
    language = decision.locale.partition("-")[0]
    closed = tuple(_closed_day(day, hours, language) for day in hours.closed_days_between(now, until))
    order = decision.order_numbers[0] if decision.order_numbers else None
    team = office.policy.teams[decision.team]
    return ReplyValues(
        ticket=decision.ticket,
        shop_name=shop.name,
        team_name=team.name_in(decision.locale, office.catalog.default_locale),
        promise=PromiseValues(
            due_at=promise.due_at,
            zone=hours.zone,
            typical=max(promise.typical - now, SOON) if promise.typical else None,
            closed_days=closed,
            opens_at=None if hours.is_open(now) else hours.next_opening(now),
        ),
        order_number=order,
        tracking_url=shop.tracking_url.replace("{order}", order) if shop.tracking_url and order else None,
        help_url=shop.help_urls.get(decision.template or ""),
        privacy_url=shop.privacy_url,
    )


def _closed_day(day: CalendarDay, hours: OpeningHours, language: str) -> ClosedDay:
    """A closed or shortened day as the customer reads it: the name in the own language, from or until when on a half day."""
    name = hours.name_in(day, language) or None
    lost = hours.lost_hours(day)
    if day.why is not Why.HALF_DAY or not hours.is_workday(lost[0].start):
        return ClosedDay(day.day, name)
    back = hours.next_opening(lost[-1].end).astimezone(hours.zone)
    if back.date() == day.day:
        return ClosedDay(day.day, name, closed_until=back.time())
    return ClosedDay(day.day, name, closed_from=lost[-1].start.astimezone(hours.zone).time())


def _effects(
    message: Message, decision: Decision, rendered: RenderedReply | None, facts: Facts, office: Office, mailbox: Mailbox
) -> tuple[NewEffect, ...]:
    """Reply, forwards, move: three kinds of effect, none of which waits for another."""
    sender = on_the_wire(mailbox.addresses[0])
    domain = sender.rpartition("@")[2]
    effects = []
    if rendered is not None and decision.customer is not None:
        effects.append(_reply(message, decision, rendered, facts, office, mailbox))
    if decision.silence not in guard.OWN_MAIL:
        effects += [
            NewEffect(
                kind=Kind.FORWARD,
                recipient=inbox,
                key=f"forward:{message.fingerprint}:{inbox.casefold()}",
                envelope_sender=sender,
                outbound_id=outbound_message_id(Kind.FORWARD, message.fingerprint, inbox, domain),
            )
            for inbox in dict.fromkeys((decision.inbox, *decision.also_to))
        ]
    effects.append(NewEffect(kind=Kind.FILE, recipient=decision.folder))
    return tuple(effects)


def _reply(
    message: Message, decision: Decision, rendered: RenderedReply, facts: Facts, office: Office, mailbox: Mailbox
) -> NewEffect:
    sender, recipient = on_the_wire(mailbox.addresses[0]), on_the_wire(decision.customer or "")
    message_id = outbound_message_id(Kind.REPLY, message.fingerprint, recipient, sender.rpartition("@")[2])
    name = mailbox.sender_name or office.settings.shop.name
    envelope = reply.Envelope(name, sender, recipient, message_id, decision.ticket, facts.now)
    configured = office.settings.smtp.envelope_sender
    return NewEffect(
        kind=Kind.REPLY,
        recipient=recipient,
        key=f"reply:{message.fingerprint}",
        envelope_sender="" if configured == "null" else configured,
        outbound_id=message_id,
        content=reply.compose(message, rendered, envelope),
    )


def correspondent(message: Message, office: Office, mailbox: str) -> str | None:
    """Who is to be counted as the sender, case folded: whom an answer would go to, else the author.

    Mail of the shop's own contact form is all From one address: its senders are told apart by the address inside.
    """
    forms = office.settings.mailboxes[mailbox].contact_forms
    _, to = guard.addressee(message, forms, office.senders, office.settings.own_addresses, office.policy.inboxes)
    found = to or message.from_address
    return on_the_wire(found.address).casefold() if found else None


def thread_key(message: Message, sender: str | None) -> str | None:
    """The weakest tie of a conversation: same sender, same subject without prefixes. None where either is missing."""
    subject = base_subject(message.subject).casefold()
    if sender is None or not subject:
        return None
    return hashlib.sha256(f"{sender}\0{subject}".encode()).hexdigest()
