"""The structure of a mail: bytes to header fields and leaf parts, within bounds. Pure, never raises.

Python's `email` fails or slows down without bound on hostile structure (docs/parsing.md has the numbers), so the
structure is walked here: over offsets into one buffer, with every loop bounded by a limit that has a name.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from triage.mail.headers import clean, decode_base64, decode_words, parameters, split_fields


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may cost. Beyond a limit the rest is ignored and a defect says so."""

    message_bytes: int = 64 * 1024 * 1024  # Exchange Online takes up to 150 MB, most servers 25 to 50
    header_bytes: int = 256 * 1024  # of one header block; Gmail and Postfix stop at 100 to 500 KB
    headers: int = 500  # fields of one header block; a mail over five hops with ARC has about 90
    header_value_bytes: int = 16 * 1024  # of one field; long References and DKIM keys stay below 8 KB
    parts: int = 500  # leaves and containers; the largest of 479 real test mails has 30
    nesting: int = 20  # of multipart in multipart; real mail stays below 8
    boundary_lines: int = 5_000  # lines looked at as boundaries, over the whole mail
    scanned_bytes: int = 128 * 1024 * 1024  # searched for boundaries over all levels of nesting
    attachments: int = 100  # listed; more are only counted in a defect
    text_bytes: int = 512 * 1024  # decoded from text parts, over the whole mail; newsletters stay below 200 KB
    text_characters: int = 100_000  # of `text` and of `new_text`; 30 pages
    subject_characters: int = 998  # one line (RFC 5322, 2.1.1)
    references: int = 100  # message identifiers kept of References, the last ones


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one mail is walked."""

    limits: Limits
    parts: int = 0
    boundary_lines: int = 0
    scanned_bytes: int = 0
    text_bytes: int = 0
    defects: list[str] = field(default_factory=list)

    def note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the MIME tree. The body is `data[start:end]` of the buffer it was found in."""

    content_type: str
    params: dict[str, str]
    disposition: str  # "attachment", "inline", ""
    filename: str
    encoding: str  # Content-Transfer-Encoding, lower case
    start: int
    end: int
    children: tuple[Part, ...] = ()

    def leaves(self) -> Iterator[Part]:
        """This part if it has no children, else those below it, in order."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    @property
    def is_attachment(self) -> bool:
        """Whether the part is something other than text of the message."""
        if self.disposition == "attachment":
            return True
        return self.content_type not in ("text/plain", "text/html") or bool(self.filename and self.disposition)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail taken apart: the buffer that all offsets refer to (LF line ends), top-level fields, the tree."""

    data: bytes
    fields: list[tuple[str, bytes]]
    body_start: int
    root: Part
    defects: list[str]

    def field(self, name: str) -> bytes | None:
        return next((value for key, value in self.fields if key == name), None)


_LEADING = re.compile(rb"(?:\xef\xbb\xbf)?(?:[ \t]*\n)*(?:>?From [^\n]*\n)?(?:[ \t]*\n)*")
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}")
_FIRST_BOUNDARY = re.compile(rb"(?:\A|\n)--([^\s-][^\n]{0,198}?)[ \t]*\n(?=content-)", re.IGNORECASE)
_PATH = re.compile(r"^.*[/\\]", re.DOTALL)
_DECODED_TYPES = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode", "uuencode", "x-uue"})
# Fields that a mail has at most once (RFC 5322, 3.6).
_ONCE = frozenset(
    {"from", "sender", "reply-to", "to", "cc", "date", "subject", "message-id", "in-reply-to", "references"}
)
MAX_FILENAME = 150  # characters; file systems stop at 255 bytes


def dissect(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Mail:
    """Take *raw* apart. Any bytes will do; what was wrong is in `defects`."""
    budget = Budget(limits)
    if len(raw) > limits.message_bytes:
        budget.note("message-too-large")
    data = _line_ends(raw[: limits.message_bytes], budget)
    start = _skip_leading(data, budget)
    fields, body_start = _header(data, start, len(data), budget)
    if not fields:
        budget.note("no-header")
    names = [name for name, _ in fields if name in _ONCE]
    if len(names) > len(set(names)):
        budget.note("doubled-header")  # the first one counts; readers differ, which forgers use
    root = _part(data, fields, body_start, len(data), 0, "text/plain", budget)
    return Mail(data, fields, body_start, root, budget.defects)


def _line_ends(raw: bytes, budget: Budget) -> bytes:
    """LF for CRLF; for CR too where a mail knows no other."""
    data = raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw
    head = data[:4096]
    if b"\r" in head and (b"\n" not in head or head.count(b"\r") > head.count(b"\n")):
        budget.note("bare-cr")
        data = data.replace(b"\r", b"\n")
    return data


def _skip_leading(data: bytes, budget: Budget) -> int:
    found = _LEADING.match(data)
    end = found.end() if found else 0
    if end:
        budget.note("mbox-from-line" if b"From " in data[:end] else "leading-empty-lines")
    return end


def _header(data: bytes, start: int, end: int, budget: Budget) -> tuple[list[tuple[str, bytes]], int]:
    """Fields of the header block at *start* and the offset of the body behind it."""
    limits = budget.limits
    if data[start : start + 1] == b"\n":
        return [], start + 1
    # a line of white space only is a folded one, however odd (seen in front of encoded words)
    blank = data.find(b"\n\n", start, min(end, start + limits.header_bytes))
    if blank >= 0:
        block_end, body_start = blank, blank + 2
    elif end - start <= limits.header_bytes:
        block_end = body_start = end
    else:
        budget.note("header-too-long")
        block_end = start + limits.header_bytes
        position = data.find(b"\n\n", block_end - 1, end)
        body_start = end if position < 0 else position + 2
    block = data[start:block_end]
    if b"\r" in block or b"\0" in block:
        budget.note("control-characters-in-header")
        block = block.replace(b"\r", b"").replace(b"\0", b"")
        unread_allowed = False
    else:
        unread_allowed = True
    fields, unread, defects = split_fields(block, max_fields=limits.headers, max_value=limits.header_value_bytes)
    for defect in defects:
        budget.note(defect)
    if unread and unread_allowed:
        body_start = block_end - len(unread)
    return fields, body_start


def _part(
    data: bytes, fields: list[tuple[str, bytes]], start: int, end: int, depth: int, default: str, budget: Budget
) -> Part:
    """The part with header *fields* and body `data[start:end]`, its children walked."""
    budget.parts += 1
    values: dict[str, bytes] = {}
    for name, value in fields:
        if name.startswith("content-"):
            if name in values and values[name] != value:
                budget.note("doubled-content-header")
            values.setdefault(name, value)
    content_type, params = parameters(values.get("content-type", b""))
    if not _TOKEN.fullmatch(content_type):
        if values.get("content-type"):
            budget.note("malformed-content-type")
        content_type = "text/plain" if content_type.startswith("text") else default
    disposition, disposition_params = parameters(values.get("content-disposition", b""))
    encoding = parameters(values.get("content-transfer-encoding", b""))[0] or "7bit"
    if encoding not in _DECODED_TYPES:
        budget.note("unknown-transfer-encoding")
    filename = clean_filename(disposition_params.get("filename") or params.get("name") or "")
    children: tuple[Part, ...] = ()
    if content_type.startswith("multipart/"):
        children = _children(data, content_type, params, start, end, depth, budget)
        if not children:
            # a multipart that has no parts is shown as the text it is
            content_type = "text/plain"
    return Part(content_type, params, disposition, filename, encoding, start, end, children)


def clean_filename(name: str) -> str:
    """*name* without path and control characters, bounded."""
    return _PATH.sub("", clean(name))[-MAX_FILENAME:].strip()


def _children(
    data: bytes, content_type: str, params: dict[str, str], start: int, end: int, depth: int, budget: Budget
) -> tuple[Part, ...]:
    if depth >= budget.limits.nesting:
        budget.note("nested-too-deep")
        return ()
    boundary = params.get("boundary", "").encode("utf-8", "replace")
    if not boundary:
        budget.note("missing-boundary")
    spans = list(_spans(data, boundary, start, end, budget)) if boundary else []
    if not spans:
        if boundary:
            budget.note("boundary-not-found")
        guessed = _FIRST_BOUNDARY.search(data, max(start - 1, 0), min(end, start + 65_536))
        if guessed is None:
            return ()
        spans = list(_spans(data, guessed[1], start, end, budget))
    default = "message/rfc822" if content_type == "multipart/digest" else "text/plain"
    children = []
    for part_start, part_end in spans:
        if budget.parts >= budget.limits.parts:
            budget.note("too-many-parts")
            break
        fields, body = _header(data, part_start, part_end, budget)
        children.append(_part(data, fields, min(body, part_end), part_end, depth + 1, default, budget))
    return tuple(children)


def _spans(data: bytes, boundary: bytes, start: int, end: int, budget: Budget) -> Iterator[tuple[int, int]]:
    """Ranges between the boundary lines within [start, end) (RFC 2046, 5.1.1)."""
    limits = budget.limits
    needle = b"\n--" + boundary
    opened: int | None = None
    position = max(start - 1, 0)  # the line end before the first boundary belongs to the header
    if start == 0 and data.startswith(needle[1:]):
        position, opened = 0, _line_end(data, 0, end)
    while True:
        found = data.find(needle, position, end)
        budget.scanned_bytes += (end if found < 0 else found) - position
        if found < 0:
            break
        budget.boundary_lines += 1
        if budget.boundary_lines > limits.boundary_lines or budget.scanned_bytes > limits.scanned_bytes:
            budget.note("too-many-parts")
            break
        behind = found + len(needle)
        position = behind
        closing = data.startswith(b"--", behind)
        line_end = _line_end(data, behind, end)
        if data[behind + 2 * closing : line_end].strip():
            continue  # another boundary that begins like this one
        if opened is not None:
            yield opened, max(found, opened)
        opened = line_end
        position = max(line_end - 1, behind)
        if closing:
            return
    if opened is not None:
        budget.note("unclosed-multipart")
        yield opened, end


def _line_end(data: bytes, position: int, end: int) -> int:
    """The offset behind the line that *position* is in."""
    found = data.find(b"\n", position, end)
    return end if found < 0 else found + 1


def decoded(data: bytes, part: Part, *, at_most: int) -> tuple[bytes, str | None]:
    """At most *at_most* bytes of the decoded body of a leaf, and a defect or None."""
    if part.encoding == "base64":
        # 4 characters make 3 bytes; line ends and junk are why a little more is taken
        source = data[part.start : min(part.end, part.start + at_most * 2)]
        body, broken = decode_base64(source)
        return body[:at_most], "broken-base64" if broken else None
    if part.encoding == "quoted-printable":
        # a line with white space before its end is legal only as transport padding (RFC 2045, 6.7, rule 3)
        source = data[part.start : min(part.end, part.start + at_most * 3)]
        body = binascii.a2b_qp(source)
        return body[:at_most], "broken-quoted-printable" if _BROKEN_QP.search(source) else None
    source = data[part.start : min(part.end, part.start + at_most)]
    if part.encoding in ("x-uuencode", "uuencode", "x-uue"):
        return _uudecoded(source)
    return source, None


_BROKEN_QP = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\n|[ \t]*\Z)")


def _uudecoded(source: bytes) -> tuple[bytes, str | None]:
    out = []
    for line in source.partition(b"\n")[2].split(b"\n"):
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            return source, "broken-uuencode"
    return b"".join(out), None


def decoded_size(part: Part) -> int:
    """Bytes of a part after decoding, told from the length of the encoded form (a line of Base64 has 77 for 57)."""
    length = max(part.end - part.start, 0)
    return length * 57 // 77 if part.encoding == "base64" else length


def header_text(fields: list[tuple[str, bytes]]) -> tuple[tuple[str, str], ...]:
    """Fields as `Headers` wants them: decoded, on one line."""
    return tuple((name, decode_words(value)) for name, value in fields)
