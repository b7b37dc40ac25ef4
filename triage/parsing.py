"""Bytes to a `Message`. Pure, never raises, whatever the bytes are; oddities are defects.

What a mail may cost is bounded by `Limits` (at most 1 s and 200 MB for any mail; docs/parsing.md has the measurements).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triage.language import detect
from triage.mail.charsets import decode
from triage.mail.headers import addresses, date, message_ids
from triage.mail.html_text import from_html
from triage.mail.mime import DEFAULT_LIMITS, Limits, Mail, Part, decoded, decoded_size, dissect, header_text
from triage.message import Address, Attachment, Headers, Message
from triage.rulebook.expressions import Expression, taken
from triage.text import new_words, tidy

__all__ = ["DEFAULT_LIMITS", "DEFAULT_ORDER_PATTERNS", "Contents", "Limits", "contents", "fingerprint", "parse"]

# An order number is something with a digit behind a word for "order": the word decides, for each shop has its form.
_ORDER_WORDS = (
    "order|bestell(?:ung|nummer|nr)?|auftrag(?:snummer|snr)?|pedido|orden|compra|commande|ordine|encomenda|bestelling"
    "|bestelnummer|ordrenummer|ordre|best[äa]llning|ordernummer|tilaus(?:numero)?|zam[óo]wieni[ea]|objedn[áa]vk[aay]"
    "|rendel[ée]s|sipari[şs]|заказ[а]?|замовлення|注文(?:番号)?|订单(?:号)?|訂單(?:編號)?|주문(?:번호)?"
)
DEFAULT_ORDER_PATTERNS: tuple[re.Pattern[str], ...] = (
    re.compile(
        rf"(?:\b(?:{_ORDER_WORDS}))[\s:.,#№-]{{0,4}}(?:(?:number|nummer|no|nr|num|n[°ºo]|id|numero|número|numéro|номер)"
        r"(?!\w)[\s:.,#№-]{0,4})?(?:(?:is|ist|es|est|lautet|è|:)\s{0,2})?[#№]?(?P<number>(?=[A-Z0-9-]{0,20}\d)[A-Z0-9][A-Z0-9-]{2,24})\b",
        re.IGNORECASE,
    ),
    re.compile(r"(?<![\w&/#])#(?P<number>\d{4,12})\b"),
)
MAX_ORDER_NUMBERS = 10  # of one mail; more is a list, not a question about an order
_SEARCHED_FOR_ORDERS = 20_000  # characters; beyond, a mail is no letter


@dataclass(frozen=True, slots=True)
class Contents:
    """What a forward is made of: the text in both forms and the attachments with their bytes."""

    plain: str  # "" where the mail has none
    html: str  # source as it stands, "" where the mail has none
    attachments: tuple[tuple[Attachment, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    """A stretch of the message as shown: in plain text, in HTML, or in both as alternatives."""

    plain: str | None
    html: str | None


def parse(
    raw: bytes,
    *,
    limits: Limits = DEFAULT_LIMITS,
    languages: Sequence[str] = (),
    order_patterns: Sequence[Expression] = DEFAULT_ORDER_PATTERNS,
) -> Message:
    """Read one mail. Never raises for any bytes; what was wrong is in `Message.defects`.

    Args:
        raw: the mail as stored, CRLF or LF.
        limits: what it may cost.
        languages: ISO 639-1 codes that the mailbox can answer in; () allows any.
        order_patterns: searched in subject and new words; the group `number` counts, else the first group, else all.
    """
    mail = dissect(raw, limits)
    defects = list(dict.fromkeys(mail.defects))
    text, new_text, text_defects = _texts(mail, limits)
    defects += text_defects
    headers = Headers(header_text(mail.fields))
    subject = headers.get("subject")
    if len(subject) > limits.subject_characters:
        subject = subject[: limits.subject_characters]
        defects.append("subject-too-long")
    attachments, more = _attachments(mail, limits)
    defects += more
    people = {name: _addresses(mail, name, defects) for name in ("from", "reply-to", "to", "cc")}
    if not people["from"]:
        defects.append("no-sender")
    message_id = mail.field("message-id")
    claimed = mail.field("date")
    claimed_date = date(claimed) if claimed is not None else None
    if claimed is not None and claimed_date is None:
        defects.append("malformed-date")
    return Message(
        headers=headers,
        message_id=next(iter(message_ids(message_id, limit=1)), None) if message_id else None,
        in_reply_to=message_ids(mail.field("in-reply-to") or b"", limit=limits.references),
        references=message_ids(mail.field("references") or b"", limit=limits.references),
        from_address=next(iter(people["from"]), None),
        reply_to=people["reply-to"],
        to=people["to"],
        cc=people["cc"],
        return_path=_return_path(mail),
        subject=subject,
        claimed_date=claimed_date,
        content_type=mail.root.content_type,
        content_params=tuple(mail.root.params.items()),
        text=text,
        new_text=new_text,
        language=detect(new_text, languages) or detect(f"{subject}\n{new_text}", languages),
        attachments=attachments,
        size=len(raw),
        fingerprint=_fingerprint(mail),
        defects=tuple(dict.fromkeys(defects)),
        order_numbers=order_numbers(f"{subject}\n{new_text}", order_patterns),
        calendar_method=_calendar_method(mail),
        enclosed_ids=_enclosed_ids(mail),
    )


def contents(raw: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Contents:
    """Text and attachments of *raw* for a forward; the same bounds as `parse`."""
    mail = dissect(raw, limits)
    segments = list(_segments(mail, mail.root, _Reader(mail, limits)))
    kept = [part for part in mail.root.leaves() if part.is_attachment][: limits.attachments]
    return Contents(
        plain="\n".join(segment.plain for segment in segments if segment.plain is not None),
        html="\n".join(segment.html for segment in segments if segment.html is not None),
        attachments=tuple(
            (_described(part), decoded(mail.data, part, at_most=limits.message_bytes)[0]) for part in kept
        ),
    )


def fingerprint(raw: bytes, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Hex SHA-256 that is the same for one mail however it came, and differs for different ones.

    Over Message-ID, Date, From (unfolded, white space collapsed) and the raw body with LF line ends and without
    trailing empty lines; so refolding, Received, Delivered-To and other added headers do not change it. Carriers re-use
    Message-IDs for different mails and some clients send none, which is why one of them alone is no identity.
    """
    return _fingerprint(dissect(raw, limits))


def _fingerprint(mail: Mail) -> str:
    digest = hashlib.sha256()
    for name in ("message-id", "date", "from"):
        value = b" ".join((mail.field(name) or b"").split())
        digest.update(b"%s:%d:%s\n" % (name.encode(), len(value), value))
    end = max(len(mail.data.rstrip(b" \t\r\n")), mail.body_start)
    digest.update(memoryview(mail.data)[mail.body_start : end])
    return digest.hexdigest()


def order_numbers(text: str, patterns: Sequence[Expression]) -> tuple[str, ...]:
    """What the patterns find, upper case, in order of pattern and place, each once."""
    found: dict[str, None] = {}
    searched = text[:_SEARCHED_FOR_ORDERS]
    for pattern in patterns:
        for match in pattern.finditer(searched):
            value = taken(pattern, match)
            if value:
                found.setdefault(value.strip().upper())
            if len(found) >= MAX_ORDER_NUMBERS:
                return tuple(found)
    return tuple(found)


def _addresses(mail: Mail, name: str, defects: list[str]) -> tuple[Address, ...]:
    value = mail.field(name)
    if value is None:
        return ()
    found, broken = addresses(value)
    if broken:
        defects.append("malformed-address")
    return found


def _return_path(mail: Mail) -> str | None:
    """The envelope sender as the delivering server noted it (RFC 5321, 4.4); "" is the null sender."""
    value = mail.field("return-path")
    if value is None:
        return None
    found, _ = addresses(value)
    return found[0].address if found else ""


class _Reader:
    """Reads text parts within the budget for the whole mail and collects their defects."""

    def __init__(self, mail: Mail, limits: Limits) -> None:
        self.data = mail.data
        self.left = limits.text_bytes
        self.characters = limits.text_characters
        self.defects: list[str] = []

    def read(self, part: Part) -> str:
        body, defect = decoded(self.data, part, at_most=self.left)
        if defect:
            self.defects.append(defect)
        if len(body) >= self.left:
            self.defects.append("text-too-long")
        self.left -= len(body)
        if part.encoding in ("7bit", "8bit", "binary") and _undeclared_qp(body):
            self.defects.append("undeclared-quoted-printable")
            body, _ = decoded(body, _as_qp(part, len(body)), at_most=len(body))
        text, defect = decode(body, part.params.get("charset", ""))
        if defect:
            self.defects.append(defect)
        if "\0" in text:
            self.defects.append("nul-bytes")
            text = text.replace("\0", "")
        if part.content_type == "text/plain" and len(text) > self.characters:
            self.defects.append("text-too-long")
            text = text[: self.characters]
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if part.content_type == "text/plain" and part.params.get("format", "").lower() == "flowed":
            text = unflowed(text, delsp=part.params.get("delsp", "").lower() == "yes")
        return text


_SOFT_BREAK = re.compile(rb"[^\n]{60,75}=\n")
_ESCAPED_BYTE = re.compile(rb"=[0-9A-F]{2}")


def _undeclared_qp(body: bytes) -> bool:
    """Whether a body is quoted-printable though its header does not say so (seen where a relay rewrote the header)."""
    return b"=\n" in body and len(_SOFT_BREAK.findall(body, 0, 20_000)) > 1 and _ESCAPED_BYTE.search(body) is not None


def _as_qp(part: Part, length: int) -> Part:
    return Part(part.content_type, part.params, part.disposition, part.filename, "quoted-printable", 0, length)


def unflowed(text: str, *, delsp: bool = False) -> str:
    """Paragraphs of format=flowed put together again (RFC 3676, 4.2)."""
    out: list[str] = []
    open_depth: int | None = None  # quote depth of the line that is still to be continued
    for line in text.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare[1:] if bare.startswith(" ") else bare
        flows = bare.endswith(" ") and bare not in ("-- ", " ")
        shown = bare[:-1] if flows and delsp else bare
        if open_depth == depth and bare != "-- " and bare:
            out.append(shown)
        else:
            out.append("\n" + (">" * depth + " " if depth else "") + shown)
        open_depth = depth if flows else None
    return "".join(out)[1:]


def _segments(mail: Mail, part: Part, reader: _Reader) -> Iterator[_Segment]:
    """The text of the message in order of appearance."""
    if not part.children:
        if not part.is_attachment:
            text = reader.read(part)
            yield _Segment(None, text) if part.content_type == "text/html" else _Segment(text, None)
        return
    below = [segment for child in part.children for segment in _segments(mail, child, reader)]
    if part.content_type != "multipart/alternative":
        yield from below
        return
    plain = [segment.plain for segment in below if segment.plain is not None]
    html = [segment.html for segment in below if segment.html is not None]
    if below:
        yield _Segment("\n".join(plain) if plain else None, "\n".join(html) if html else None)


_EMBEDDED = frozenset(
    {"message/rfc822", "message/global", "message/delivery-status", "message/disposition-notification"}
)
MAX_EMBEDDED = 3  # mails within mails that are opened to find words where the outer one has none


def _embedded(mail: Mail, reader: _Reader, opened: int = 0) -> Iterator[_Segment]:
    """The text of the first mail that is attached: what a customer means who forwards one without a word."""
    part = next((leaf for leaf in mail.root.leaves() if leaf.content_type in _EMBEDDED), None)
    if part is None or opened >= MAX_EMBEDDED:
        return
    body, _ = decoded(mail.data, part, at_most=reader.left)
    if not part.content_type.endswith(("rfc822", "global")):
        yield _Segment(decode(body)[0].replace("\0", "").replace("\r\n", "\n").replace("\r", "\n"), None)
        return
    inner = dissect(body)
    reader.data = inner.data
    segments = list(_segments(inner, inner.root, reader))
    if any(segment.plain or segment.html for segment in segments):
        yield from segments
    else:
        yield from _embedded(inner, reader, opened + 1)


def _texts(mail: Mail, limits: Limits) -> tuple[str, str, list[str]]:
    """(text, new_text, defects) of the mail."""
    reader = _Reader(mail, limits)
    segments = list(_segments(mail, mail.root, reader))
    if not any(segment.plain or segment.html for segment in segments):
        segments = list(_embedded(mail, reader))
    texts: list[str] = []
    new: list[str] = []
    for segment in segments:
        page = from_html(segment.html) if segment.html is not None else None
        if page is not None and page.defect:
            reader.defects.append(page.defect)
        plain = tidy(segment.plain) if segment.plain is not None else None
        if page is None or (plain and not _is_stub(plain, page.text)):
            texts.append(plain or "")
        else:
            texts.append(tidy(page.text))
        # what the markup says of quotations is worth more than what the words say
        new.append(page.marked if page is not None and (page.marked != page.text or not plain) else texts[-1])
    text = "\n".join(texts).strip("\n")
    if len(text) > limits.text_characters:
        reader.defects.append("text-too-long")
        text = text[: limits.text_characters]
    words = new_words("\n".join(new)[: limits.text_characters])
    return text, words or new_words(text), reader.defects


def _is_stub(plain: str, html: str) -> bool:
    """Whether a plain alternative only says that there is another one ("your client cannot show HTML")."""
    return len(plain) * 4 < len(html) and len(plain) < 400 and len(html) > 500


def _described(part: Part) -> Attachment:
    return Attachment(part.filename, part.content_type, decoded_size(part))


# What cannot be read here, and therefore is said: a customer's words may be inside.
_UNREAD = {
    "application/ms-tnef": "tnef",
    "application/vnd.ms-tnef": "tnef",
    "application/pkcs7-mime": "smime",
    "application/x-pkcs7-mime": "smime",
    "application/pgp-encrypted": "encrypted",
}


_ENCLOSED_HEADERS = 16_384  # bytes that are read of an enclosed mail: its header, in common length
_MAX_ENCLOSED = 10  # enclosed mails; a bounce has one, a digest has many
_ENCLOSED_ID = re.compile(
    rb"^(?:x-|resent-)?(?:original-)?message-id:\s*(<[!-;=?-~]{1,250}>)", re.IGNORECASE | re.MULTILINE
)


def _enclosed_ids(mail: Mail) -> tuple[str, ...]:
    """Message-IDs in the parts that hold a mail, its header or a report about it (RFC 3462, RFC 3464, 2.2.1)."""
    enclosed = [
        part
        for part in mail.root.leaves()
        if part.content_type.startswith("message/") or part.content_type in ("text/rfc822-headers", "text/rfc822")
    ]
    found: dict[str, None] = {}
    for part in enclosed[:_MAX_ENCLOSED]:
        body, _ = decoded(mail.data, part, at_most=_ENCLOSED_HEADERS)
        found.update((match[1].decode("ascii"), None) for match in _ENCLOSED_ID.finditer(body))
    return tuple(found)[:_MAX_ENCLOSED]


def _calendar_method(mail: Mail) -> str:
    part = next((leaf for leaf in mail.root.leaves() if leaf.content_type == "text/calendar"), None)
    return part.params.get("method", "").strip().lower()[:40] if part is not None else ""


def _attachments(mail: Mail, limits: Limits) -> tuple[tuple[Attachment, ...], list[str]]:
    parts = [part for part in mail.root.leaves() if part.is_attachment]
    defects = [_UNREAD[part.content_type] for part in parts if part.content_type in _UNREAD]
    if len(parts) > limits.attachments:
        defects.append("too-many-attachments")
    return tuple(_described(part) for part in parts[: limits.attachments]), defects
