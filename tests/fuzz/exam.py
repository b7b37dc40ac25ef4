"""What must be true of any mail whatever: everything that is decided about it, and every mail that we would write because of it.

A fault is a sentence; no faults is an empty list. Limits are those of docs/parsing.md: a second of CPU time and 200 MB for any mail.
"""

from __future__ import annotations

import functools
import json
import re
import signal
import time
import traceback
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.support.facts import MAILBOX, NOW, facts, office
from triage import guard
from triage.explaining import Explained, as_json
from triage.guarding.reply_address import is_usable
from triage.lifecycle import Kind
from triage.message import Message, Prediction
from triage.parsing import DEFAULT_LIMITS, parse
from triage.performing import write_forward
from triage.planning import Office, Plan, customer_values, plan
from triage.settings import ContactForm
from triage.templates import clean_name

SECONDS = 1.0  # of CPU time, for reading a mail and deciding about it, and for writing its forward
MEGABYTES = 200  # more than before, while that is done
GIVEN_UP = 20.0  # seconds of CPU time after which it is broken off
LANGUAGES = ("en", "de", "es")
REPLY_FIELDS = {
    "from", "to", "subject", "date", "message-id", "auto-submitted", "x-auto-response-suppress", "content-language", "x-triage-kind",
    "x-triage-ticket", "mime-version", "content-type",
}  # fmt: skip
THREADING = {"in-reply-to", "references"}
_PEAK = Path("/proc/self/status")
_RESET_PEAK = Path("/proc/self/clear_refs")
_WORD = re.compile(r"[^\W\d_]{3,}|https?://\S+")
_ORDER = re.compile(r"[A-Z0-9ſ\u212a-]{1,26}")


class TooSlowError(Exception):
    """Broken off."""


@dataclass(slots=True)
class Result:
    """What was found of one mail."""

    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0  # CPU time of reading and deciding
    megabytes: float = 0.0  # peak above what was used before
    replied: bool = False
    shape: tuple[object, ...] = ()  # what is alike in mails that went the same way


@functools.cache
def mail_office() -> Office:
    """The shipped configuration, with a contact form and a trusted authentication server besides."""
    shipped = office()
    form = ContactForm(sender="form@shop.example", address_header="X-Customer", address_pattern=r"E-Mail: (.*)")
    mailbox = shipped.settings.mailboxes[MAILBOX].model_copy(
        update={"contact_forms": (form,), "authserv_ids": ("mx.shop.example",)}
    )
    return replace(shipped, settings=shipped.settings.model_copy(update={"mailboxes": {MAILBOX: mailbox}}))


def examine(raw: bytes) -> Result:
    """Everything about one mail. What is slow is measured again, so that a busy machine is no fault."""
    result = _examined(raw)
    for _ in range(2):
        if not any(fault.startswith(("slow", "memory")) for fault in result.faults):
            break
        again = _examined(raw)
        result = again if again.seconds <= result.seconds else result
    return result


def _examined(raw: bytes) -> Result:
    result = Result()
    try:
        with _measured(result, "reading and deciding"):
            message = parse(raw, languages=LANGUAGES)
            made = plan(message, _facts_for(raw), mail_office())
        result.shape = _shape(message, made)
        result.replied = made.rendered is not None
        result.faults += _of_message(message) + of_plan(message, made)
        writing = Result()
        with _measured(writing, "the forward"):
            forwards = list(_forwards(raw, message, made))
        result.faults += writing.faults
        result.faults += [fault for content in forwards for fault in forward_faults(content)]
    except Exception:  # noqa: BLE001  any exception at all is the finding
        result.faults.append(f"exception: {traceback.format_exc()}")
    return result


def _facts_for(raw: bytes) -> Any:
    category = ("logistics", "payment", "product", "complaint", None)[len(raw) % 5]
    sure = {category: 0.9} if category else {"payment": 0.4}
    # to whom it is addressed does not matter in two of three: most would get no reply for that alone
    mailbox = MAILBOX if len(raw) % 3 == 0 else None
    return facts(mailbox=mailbox, prediction=Prediction(category, max(sure.values()), sure, "fuzz"))


@contextmanager
def _measured(result: Result, what: str) -> Iterator[None]:
    """Note CPU time and peak memory; break off what does not come to an end."""

    def give_up(*_: object) -> None:
        raise TooSlowError(what)

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP)
    used = _reset_peak()
    begun = time.process_time()
    try:
        yield
    finally:
        result.seconds = time.process_time() - begun
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        result.megabytes = _status("VmHWM") - used
        if result.seconds > SECONDS:
            result.faults.append(f"slow, {what}: {result.seconds:.2f} s")
        if result.megabytes > MEGABYTES:
            result.faults.append(f"memory, {what}: {result.megabytes:.0f} MB")


def _reset_peak() -> float:
    """Megabytes in use; the peak is counted from here on (proc(5), clear_refs)."""
    try:
        _RESET_PEAK.write_text("5")
    except OSError:
        return _status("VmHWM")  # not Linux, or not allowed: only a new highest peak is seen
    return _status("VmRSS")


def _status(name: str) -> float:
    try:
        text = _PEAK.read_text("ascii")
    except OSError:
        return 0.0
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


def _shape(message: Message, made: Plan) -> tuple[object, ...]:
    return (
        made.verdict.reason,
        message.language,
        frozenset(message.defects),
        len(message.new_text).bit_length(),
        len(message.text).bit_length() - len(message.new_text).bit_length(),
        message.content_type[:40],
        len(message.attachments).bit_length(),
        len(message.reply_to).bit_length(),
        message.message_id is None,
        message.claimed_date is None,
        len(message.order_numbers).bit_length(),
    )


# --- the message -------------------------------------------------------------------------------------------------------------------


def _of_message(message: Message) -> list[str]:
    faults = []
    limits = DEFAULT_LIMITS
    if len(message.text) > limits.text_characters or len(message.new_text) > limits.text_characters:
        faults.append("the text is beyond its limit")
    if len(message.subject) > limits.subject_characters:
        faults.append("the subject is beyond its limit")
    if any(character in value for _, value in message.headers.fields for character in "\r\n\0"):
        faults.append("a header value has a line end or NUL")
    if any(character in message.text + message.new_text for character in "\r\0"):
        faults.append("the text has CR or NUL")
    if any(c.isalnum() for c in message.text) and not message.new_text.strip():
        faults.append("a text with words has no new words")
    if not re.fullmatch(r"[0-9a-f]{64}", message.fingerprint):
        faults.append("no fingerprint")
    return faults


# --- what is decided -----------------------------------------------------------------------------------------------------------------


def of_plan(message: Message, made: Plan) -> list[str]:
    faults = []
    evidence = made.verdict.evidence
    if evidence is not None and (len(evidence) > guard.MAX_EVIDENCE or not evidence.isprintable()):
        faults.append(f"evidence is too long or not printable: {evidence!r}")
    shown = as_json(Explained(Path("mail.eml"), message, Prediction(None, 0.0), made))
    try:
        json.dumps(shown, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, TypeError, ValueError) as error:
        faults.append(f"explain cannot be written as JSON: {error}")
    kinds = [effect.kind for effect in made.effects]
    if kinds.count(Kind.FILE) != 1 or kinds.count(Kind.REPLY) > 1:
        faults.append(f"effects: {kinds}")
    if (Kind.FORWARD not in kinds) != (made.verdict.reason in guard.OWN_MAIL):
        faults.append(f"forwarded or not against its reason: {made.verdict.reason}")
    for effect in made.effects:
        if effect.kind is not Kind.REPLY:
            continue
        if not made.verdict.allowed or made.verdict.reply_to is None or not is_usable(made.verdict.reply_to):
            faults.append(f"a reply that may not be: to {made.verdict.reply_to!r}, reason {made.verdict.reason}")
        faults += reply_faults(effect.content or b"", effect.recipient)
        faults += _echoed(message, made)
    return faults


def reply_faults(content: bytes, recipient: str) -> list[str]:
    """What is wrong with a reply as bytes: its recipients, its fields, what of it SMTP cannot carry."""
    faults = _not_to_be_carried(content)
    mail = message_from_string(content.decode("utf-8"), policy=policy.SMTP)  # RFC 6532: its header may be UTF-8
    assert isinstance(mail, EmailMessage)
    names = [name.lower() for name in mail]
    if len(names) != len(set(names)) or not set(names) >= REPLY_FIELDS or not set(names) <= REPLY_FIELDS | THREADING:
        faults.append(f"fields of the reply: {sorted(names)}")
    if set(names) & THREADING not in (set(), THREADING):
        faults.append("a reply with half of the threading fields")
    to = [address.addr_spec for value in mail.get_all("To", []) for address in value.addresses]
    if len(to) != 1 or (to[0] != recipient and '"' not in recipient):
        faults.append(f"recipients of the reply: {to}, wanted {recipient!r}")
    if any(c.isspace() or not c.isprintable() for c in recipient.replace('" "', "")) and '"' not in recipient:
        faults.append(f"the recipient has odd characters: {recipient!r}")
    return faults


def _echoed(message: Message, made: Plan) -> list[str]:
    """Words in the reply that neither our texts have nor a checked value of the sender's is."""
    rendered, decision = made.rendered, made.decision
    if rendered is None or decision.template is None:
        return ["a reply that was not rendered"]
    name = clean_name(message.from_address.name) if message.from_address else None
    order = decision.order_numbers[0] if decision.order_numbers else None
    faults = []
    if name is not None and not all(unicodedata.category(c)[0] in "LMZ" or c in "-.'’" for c in name):
        faults.append(f"odd name: {name!r}")
    if order is not None and not _ORDER.fullmatch(order):
        faults.append(f"odd order number: {order!r}")
    plain = customer_values(
        replace(decision, order_numbers=("NUMBER",) if order else ()), made.promise, NOW, mail_office()
    )
    offset = message.claimed_date.utcoffset() if message.claimed_date else None
    values = replace(
        plain,
        customer_name="Name" if name else None,
        promise=replace(plain.promise, customer_utc_offset=offset or None),
    )
    ours = mail_office().catalog.render(decision.template, decision.locale, values)
    for part in ("subject", "text", "html"):
        said = getattr(rendered, part).replace(order or "NUMBER", "NUMBER")
        words = set(_WORD.findall(said)) - set(_WORD.findall(getattr(ours, part))) - set(_WORD.findall(name or ""))
        if words:
            faults.append(f"the {part} of the reply says: {sorted(words)[:10]}")
        odd = [
            c
            for c in said
            if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and c not in "\n\u00ad\u200b"
        ]
        if odd:
            faults.append(f"the {part} of the reply holds: {odd[:10]!r}")
    return faults


# --- the forward ---------------------------------------------------------------------------------------------------------------------


def _forwards(raw: bytes, message: Message, made: Plan) -> Iterator[bytes]:
    for effect in made.effects:
        if effect.kind is not Kind.FORWARD:
            continue
        yield write_forward(mail_office(), raw, message, made.decision, effect, NOW)
        if len(raw) < 100_000:
            inline = replace(made.decision, forward_inline=True, forward_masked=True)
            yield write_forward(mail_office(), raw, message, inline, effect, NOW)
            resent = replace(made.decision, forward_redirected=True)
            yield write_forward(mail_office(), raw, message, resent, effect, NOW)


def forward_faults(content: bytes) -> list[str]:
    """What is wrong with a forward as bytes."""
    head = content.partition(b"\r\n\r\n")[0]
    resent = head.startswith(b"Resent-")
    head = (
        head.partition(b"\r\nX-Triage-Team: ")[0] if resent else head
    )  # what we put in front; the customer's may be resent too
    faults = _not_to_be_carried(content)
    parsed = message_from_bytes(head + b"\r\n\r\n", policy=policy.compat32)
    for name in (
        "X-Triage-Kind",
        "X-Triage-Ticket",
        *(("Resent-To", "Resent-From") if resent else ("To", "From", "Subject")),
    ):
        if len(parsed.get_all(name, [])) != 1:
            faults.append(f"fields {name} of the forward: {len(parsed.get_all(name, []))}")
    if not resent and ({"cc", "bcc"} & {name.lower() for name in parsed} or "," in str(parsed["To"])):
        faults.append("a forward with more recipients")
    return faults


def _not_to_be_carried(content: bytes) -> list[str]:
    """RFC 5321, 4.5.3.1.6 and 2.3.8; RFC 5322, 2.1."""
    faults = []
    lines = content.split(b"\r\n")
    if any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines):
        faults.append("a lone CR or LF, or NUL")
    if max(map(len, lines)) > 998:
        faults.append("a line beyond 998 bytes")
    return faults
