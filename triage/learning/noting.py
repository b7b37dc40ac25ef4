"""What is kept of a filed mail to learn from: masked words and keyed hashes, or the reason why it teaches nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from triage import guard
from triage.classifier.masking import MAX_CHARACTERS, masked, names_pattern
from triage.classifier.notes import Note, Spot
from triage.classifier.teaching import NoLesson
from triage.guarding.rungs import MACHINES
from triage.message import Address, Message
from triage.planning import Office, colleagues
from triage.redaction import mask
from triage.settings import Mailbox

if TYPE_CHECKING:
    from triage.mailbox import Fetched

# Behind a marketplace's relay a customer writes; everything else that a program sent off is a program's words.
_NO_PERSON = MACHINES - {"marketplace"}
_LEAST_NAME = 3  # letters of a name that is taken out of the text; shorter ones are words as well

# "Lange Straße 5a", "221b Baker Street", "Calle de Alcalá, 48", "ul. Długa 7". Numbers are masked by themselves; these are the names.
_STREETS = re.compile(
    r"\b[A-ZÄÖÜ][\w-]{0,30}[ -]?(?:[Ss]tra(?:ß|ss)e|[Ss]tr\.|[Gg]asse|[Pp]latz|[Aa]llee|[Ww]eg|straat|laan)\s?\d{1,4}\s?[a-z]?\b"
    r"|\b\d{1,5}[a-z]?\s(?:[A-Z][\w'.-]{1,20}\s){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Terrace|Boulevard|Blvd)\b"
    r"|\b(?:[Cc]alle|C/|[Aa]venida|[Aa]vda\.?|[Pp]aseo|[Rr]ue|[Vv]iale?|[Pp]iazza|[Rr]ua|[Uu]l\.|[Uu]lica)\s"
    r"(?:[\w'.-]{1,20}\s){0,4}[\w'.-]{1,20},?\s(?:n[.ºo°]{1,2}\s?)?\d{1,4}\b"
)


def note(
    fetched: Fetched,
    message: Message,
    key: str,
    ticket: str | None,
    *,
    mailbox: Mailbox,
    office: Office,
    own_names: frozenset[str],
    seal: Callable[[str], str],
) -> Note:
    """The note of *message*.

    Args:
        key: its fingerprint, as the ledger knows it.
        ticket: what it belongs to; None: the ledger does not know it.
        own_names: names of the shop, masked like addresses.
        seal: a keyed hash.
    """
    settings = office.settings
    form, customer = guard.addressee(
        message, mailbox.contact_forms, office.senders, settings.own_addresses, office.policy.inboxes
    )
    writer = customer or message.from_address
    aside = _no_person(fetched, message, mailbox, office, by_form=form is not None)
    text = "" if aside else kept_words(message, writer, own_names)
    if not aside and not any(character.isalpha() for character in text):
        aside = NoLesson.EMPTY
    first = next(iter((*message.references, *message.in_reply_to)), message.message_id or key)
    place = fetched.key
    return Note(
        spot=Spot(place.mailbox, place.folder, place.uidvalidity, place.uid),
        key=key,
        customer=seal(writer.address if writer else key),
        thread=seal(ticket or first),
        received_at=fetched.received_at,
        language=message.language or "",
        text=text,
        aside=aside,
    )


def _no_person(fetched: Fetched, message: Message, mailbox: Mailbox, office: Office, *, by_form: bool) -> str:
    """Why these are not a customer's words, or ""."""
    settings = office.settings
    at = guard.Circumstances(
        received_at=fetched.received_at,
        now=fetched.received_at,
        answer_mail_younger_than=timedelta.max,
        own_addresses=settings.own_addresses,
        inboxes=office.policy.inboxes,
        authserv_ids=mailbox.authserv_ids,
        contact_forms=mailbox.contact_forms,
    )
    reason = guard.judge(message, at, office.senders).reason
    if reason in _NO_PERSON:
        return NoLesson.MACHINE
    author = message.from_address
    if reason == "own-address" or (not by_form and author is not None and colleagues(office).include(author.address)):
        return NoLesson.OURS
    return NoLesson.FORGED if reason == "dmarc" else ""


def kept_words(message: Message, writer: Address | None, own_names: frozenset[str]) -> str:
    """Subject and own new words without addresses, numbers, passwords, streets, the shop's names and the writer's own name."""
    text = mask(message.own_words[: 2 * MAX_CHARACTERS])
    for person in {message.from_address, writer} - {None}:
        text = _without_name(text, person.name if person else "")
    return masked(_STREETS.sub(" postaladdress ", text), names_pattern(own_names))


def _without_name(text: str, name: str) -> str:
    """*text* without the words of *name*, where they are written as names are: with a capital."""
    words = [
        re.escape(word) for word in re.findall(r"[^\W\d_]+", name) if len(word) >= _LEAST_NAME and word[0].isupper()
    ]
    return re.sub(rf"\b(?:{'|'.join(words)})\b", "", text) if words else text
