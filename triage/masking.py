"""A mail with numbers masked in its text parts, and not a byte changed anywhere else. Pure.

The parts are found by the same bounded walk that parsing uses, and only the bodies that hold something to mask are written anew, in
their own charset and transfer encoding. A mail without anything to mask comes back as the very same bytes. A charset is a claim of the
sender's: only those that mail uses are believed (mail/charsets.py), never whatever Python has a codec for.
"""

from __future__ import annotations

import base64
import quopri
from email.header import Header

from triage.mail.charsets import codec_for
from triage.mail.headers import decode_words
from triage.mail.mime import Mail, Part, decoded, dissect
from triage.redaction import mask

MAX_DEPTH = 3  # of mail in mail that is looked into; deeper forwards of forwards are left as they are
MAX_BODY = 2_000_000  # bytes of one text part; longer is a file and no letter


def mask_mail(raw: bytes, depth: int = 0) -> bytes:
    """*raw* with card numbers, IBANs, security codes and passwords masked in subject and text parts."""
    mail = dissect(raw)
    data, changed = mail.data, False
    for part in reversed(list(mail.root.leaves())):  # from the end, so that earlier offsets stay true
        body = _masked_body(mail, part, depth)
        if body is not None:
            data = data[: part.start] + body + data[part.end :]
            changed = True
    header = _masked_subject(mail)
    if header is not None:
        data = header + data[mail.body_start :]
        changed = True
    if not changed:
        return raw
    return data.replace(b"\n", b"\r\n") if b"\r\n" in raw else data


def _masked_body(mail: Mail, part: Part, depth: int) -> bytes | None:
    """The encoded body of a leaf with its numbers masked, or None where nothing is to be changed."""
    if part.end - part.start > MAX_BODY:
        return None
    if part.content_type == "message/rfc822":
        if depth >= MAX_DEPTH or part.encoding not in ("7bit", "8bit", "binary"):
            return None
        inner = mail.data[part.start : part.end]
        masked_inner = mask_mail(inner, depth + 1)
        return None if masked_inner is inner else masked_inner
    if not part.content_type.startswith("text/"):
        return None
    body, _ = decoded(mail.data, part, at_most=MAX_BODY)
    text, codec = _characters(body, part.params.get("charset", ""))
    masked = mask(text)
    return None if masked is text else _encoded(masked.encode(codec, "replace"), part.encoding)


def _characters(body: bytes, label: str) -> tuple[str, str]:
    """*body* as characters, and the codec that writes them back."""
    marked = "utf-16" if body.startswith((b"\xff\xfe", b"\xfe\xff")) else None
    for codec in (marked, codec_for(label), "utf-8"):
        try:
            if codec:
                return body.decode(codec), codec
        except ValueError:  # UnicodeDecodeError is one
            continue
    return body.decode("latin-1"), "latin-1"  # every byte is a character, so that nothing else changes


def _encoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(body)
    if encoding == "quoted-printable":
        return quopri.encodestring(body)
    return body


def _masked_subject(mail: Mail) -> bytes | None:
    """The header block with the subject masked, or None."""
    value = mail.field("subject")
    if value is None:
        return None
    subject = decode_words(value)
    masked = mask(subject)
    if masked == subject:
        return None
    block = mail.data[: mail.body_start]
    written = Header(masked, "utf-8", header_name="Subject").encode(linesep="\n")
    lines, kept, skipping = block.split(b"\n"), [], False
    for line in lines:
        if skipping and line[:1] in (b" ", b"\t"):
            continue
        skipping = line[:8].lower() == b"subject:"
        kept.append(b"Subject: " + written.encode("ascii") if skipping else line)
    return b"\n".join(kept)
