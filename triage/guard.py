"""May an automatic reply go out, and to whom? A ladder: the first rung that holds stops the reply. Pure.

Not replying is the guard's only power: whatever it says, the mail is filed, and forwarded unless it is our own (`OWN_MAIL`).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from triage.guarding.reply_address import customer_of_form, form_of, reply_address
from triage.guarding.rungs import BOUNCES, RULE, RUNGS, Case, Circumstances, Rung
from triage.guarding.senders import Senders, SendersConfig
from triage.message import Address, Message, Verdict
from triage.settings import ContactForm

__all__ = [
    "MAX_EVIDENCE",
    "OWN_MAIL",
    "RULE",
    "RUNGS",
    "Circumstances",
    "Rung",
    "Senders",
    "SendersConfig",
    "addressee",
    "judge",
]

MAX_EVIDENCE = 200  # characters: a header line of common length; the ledger keeps one for every mail
OWN_MAIL = frozenset({"own-mail", "own-bounce"})  # filed with the bounces and never forwarded


def judge(message: Message, at: Circumstances, senders: Senders) -> Verdict:
    """Whether *message* may be answered by itself, and at which one address. Never raises, whatever the mail."""
    case = _case(message, at, senders)
    to = case.reply_to.address if case.reply_to else None
    for rung in RUNGS:
        if rung.check is None or (case.form is not None and not rung.of_a_form):
            continue
        evidence = rung.check(case)
        if evidence is not None:
            return Verdict(rung.code, _clean(evidence), to)
    return Verdict(None, None, to)


def addressee(
    message: Message,
    forms: Sequence[ContactForm],
    senders: Senders,
    own_addresses: AbstractSet[str],
    inboxes: AbstractSet[str],
) -> tuple[ContactForm | None, Address | None]:
    """The contact form that sent *message* for somebody, if one did, and the one address that answers go to, if there is one."""
    form = form_of(message, forms)
    customer = customer_of_form(message, form) if form else None
    if customer is not None:
        return form, customer
    own_domains = {address.rpartition("@")[2] for address in own_addresses} - senders.shared_domains
    to = reply_address(message, own=own_addresses | inboxes, own_domains=own_domains)
    if form is not None and to is not None and to.same_as(form.sender):
        return None, None  # the form itself is a program
    return None, to


def _case(message: Message, at: Circumstances, senders: Senders) -> Case:
    form, reply_to = addressee(message, at.contact_forms, senders, at.own_addresses, at.inboxes)
    return Case(
        message=message,
        at=at,
        senders=senders,
        form=form,
        sender=senders.known(message.from_address, message.headers),
        reply_to=reply_to,
        bounce=next(((code, found) for code, check in BOUNCES if (found := check(message)) is not None), None),
    )


def _clean(evidence: str) -> str:
    """On one line, printable, bounded; the middle of a long one is of no use."""
    printable = "".join(character if character.isprintable() else " " for character in evidence)
    text = " ".join(printable.split())
    return text if len(text) <= MAX_EVIDENCE else text[: MAX_EVIDENCE - 1] + "…"
