"""Header fields: splitting, unfolding, encoded words, parameters, addresses, dates. Pure, never raises.

Python's `email` decodes each encoded word by itself, so a character that a client split between two words is lost, and
its address parser recurses over comments; both are done here in one bounded pass.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from triage.mail.charsets import decode
from triage.message import Address

MAX_ADDRESSES = 100  # of one field; a shop's customer writes to a handful, and each costs time
MAX_ADDRESS = 320  # characters: 64 + "@" + 255 (RFC 5321, 4.5.3.1)
MAX_NAME = 200  # characters of a display name; more is an attack or a whole message
MAX_PARAMETERS = 32  # of one Content-Type; real mail has at most five
MAX_MALFORMED_LINES = 50  # skipped in one header; more, and it is no header
_LOOKED_AHEAD = 50  # lines; how far a header may go on behind a line that is none
MAX_DATE = 128  # characters; "Wed, 17 Dec 2025 10:11:12 +0100 (Central European Standard Time)" has 64

# The payload may hold a raw "?" (some clients forget to encode it), but only a few: the bound keeps this linear.
_ENCODED_WORD = re.compile(r"=\?([^?\s]{0,64})\?([bBqQ])\?([^?]*(?:\?(?!=)[^?]*){0,3})\?=")
_BETWEEN_WORDS = re.compile(r"\s*\Z")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_KNOWN_FIELD = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|mime-version|received|return-path|reply-to|sender|content-[a-z-]+"
    rb"|x-[a-z0-9-]+|references|in-reply-to|dkim-signature|delivered-to)[ \t]*:",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")


def split_fields(block: bytes, *, max_fields: int, max_value: int) -> tuple[list[tuple[str, bytes]], bytes, list[str]]:
    """Fields of a header block (LF line ends, no empty line), what of it is body after all, and defects.

    Names are lower case, values unfolded bytes. A line that is no field ends the header (RFC 5322 wants an empty line
    there) unless well-known fields follow it: then it is skipped.
    """
    fields: list[tuple[str, bytes]] = []
    defects: list[str] = []
    lines = block.split(b"\n")
    number = skipped = 0
    while number < len(lines):
        line = lines[number]
        found = _FIELD.match(line)
        if found is None:
            skipped += 1
            following = lines[number + 1 : number + _LOOKED_AHEAD]
            if skipped <= MAX_MALFORMED_LINES and any(map(_KNOWN_FIELD.match, following)):
                defects.append("malformed-header-line")
                number += 1
                continue
            defects.append("header-without-end" if fields else "no-header")
            return fields, b"\n".join(lines[number:]), defects
        value = [line[found.end() :]]
        number += 1
        while number < len(lines) and lines[number][:1] in (b" ", b"\t"):
            value.append(lines[number])
            number += 1
        if len(fields) >= max_fields:
            defects.append("too-many-headers")
            break
        joined = b"".join(value).strip()
        if len(joined) > max_value:
            defects.append("header-too-long")
            joined = joined[:max_value]
        fields.append((found[1].decode("ascii").lower(), joined))
    return fields, b"", defects


def clean(text: str) -> str:
    """*text* on one line, without control characters; white space is collapsed at its ends only."""
    return _CONTROLS.sub(" ", text).replace("\t", " ").strip()


def decode_words(raw: bytes) -> str:
    """A header value with its encoded words decoded (RFC 2047), raw 8-bit read as UTF-8 or windows-1252."""
    text = raw.decode("ascii") if raw.isascii() and b"\x1b" not in raw else decode(raw)[0]
    return clean(decode_text(text))


def decode_text(text: str) -> str:
    """*text* with its encoded words decoded; may hold control characters afterwards."""
    if "=?" not in text:
        return text
    out: list[str] = []
    pending = b""  # bytes of adjacent words of one charset: a character may be split between them
    charset = ""
    end = 0
    for word in _ENCODED_WORD.finditer(text):
        gap = text[end : word.start()]
        label = word[1].partition("*")[0]  # RFC 2231, 5: a language may follow
        between_words = end > 0 and _BETWEEN_WORDS.match(gap) is not None
        if not between_words or label.lower() != charset:
            out.append(decode(pending, charset)[0])
            pending = b""
        if not between_words:
            out.append(gap)
        charset = label.lower()
        pending += _word_bytes(word[2], word[3])
        end = word.end()
    out.append(decode(pending, charset)[0])
    out.append(text[end:])
    return "".join(out)


def _word_bytes(encoding: str, payload: str) -> bytes:
    raw = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return decode_base64(raw)[0]


_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


def decode_base64(raw: bytes) -> tuple[bytes, bool]:
    """Bytes of a Base64 text, and whether it was broken. Foreign characters are skipped (RFC 2045, 6.8)."""
    data = raw.translate(None, _NOT_BASE64)
    body, _, rest = data.partition(b"=")
    broken = bool(rest.strip(b"="))
    if len(body) % 4 == 1:
        body, broken = body[:-1], True
    return binascii.a2b_base64(body + b"=" * (-len(body) % 4)), broken


def parameters(raw: bytes) -> tuple[str, dict[str, str]]:
    """The value before the first semicolon, lower case, and its parameters (RFC 2045, 5.1; RFC 2231, 3 and 4)."""
    text = raw.decode("ascii") if raw.isascii() else decode(raw)[0]
    pieces = list(_split_outside_quotes(text, ";"))
    plain: dict[str, str] = {}
    pieced: dict[str, dict[int, tuple[str, bool]]] = {}
    for piece in pieces[1 : MAX_PARAMETERS + 1]:
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            continue
        value = _unquote(value.strip())
        base, star, rest = name.partition("*")
        if not star:
            plain.setdefault(name, clean(decode_text(value)))
            continue
        index, extended = rest.rstrip("*"), rest.endswith("*") or rest == ""
        if index.isascii() and index.isdigit() and len(index) < 4:
            pieced.setdefault(base, {})[int(index)] = (value, extended)
        else:
            pieced.setdefault(base, {})[0] = (value, True)
    for name, parts in pieced.items():
        plain[name] = clean(_join_extended(parts))
    return clean(pieces[0]).lower() if pieces else "", plain


def _join_extended(parts: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231: charset'language'percent-encoded, in numbered pieces."""
    charset = ""
    data = b""
    for number, (value, extended) in sorted(parts.items()):
        if extended:
            if number == 0 and value.count("'") >= 2:
                charset, _, value = value.split("'", 2)
            data += _PERCENT.sub(lambda m: bytes([int(m[1], 16)]), value.encode("utf-8", "replace"))
        else:
            data += value.encode("utf-8", "replace")
    return decode(data, charset or "utf-8")[0]


_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


def _split_outside_quotes(text: str, separator: str) -> Iterator[str]:
    start = 0
    quoted = False
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and quoted:
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            yield text[start:position]
            start = position + 1
        position += 1
    yield text[start:]


def _unquote(value: str) -> str:
    if value.startswith('"'):
        end = 1
        while end < len(value) and value[end] != '"':
            end += 2 if value[end] == "\\" else 1
        return re.sub(r"\\(.)", r"\1", value[1:end])
    return value.split(None, 1)[0] if value else ""


def addresses(raw: bytes) -> tuple[tuple[Address, ...], bool]:
    """Addresses of a field (RFC 5322, 3.4), groups opened, and whether something in it could not be read.

    The structure is read before encoded words are decoded, so an encoded comma or bracket makes no second address.
    """
    text = raw.decode("ascii") if raw.isascii() else decode(raw)[0]
    found: list[Address] = []
    broken = False
    for name, spec, comment in _mailboxes(text):
        address = _addr_spec(spec)
        if address is None:
            broken = broken or bool(spec.strip())
            continue
        if len(found) >= MAX_ADDRESSES:
            return tuple(found), True
        found.append(Address(name=_display_name(name or comment), address=address))
    return tuple(found), broken


def _display_name(name: str) -> str:
    # Encoded words within quotes are against RFC 2047, 5 (3), and common.
    return _SPACE.sub(" ", clean(decode_text(name))).strip(" '\"")[:MAX_NAME]


def _mailboxes(text: str) -> Iterator[tuple[str, str, str]]:
    """(phrase, addr-spec or what stands there, comment) for each mailbox; one pass, no recursion."""
    phrase: list[str] = []
    spec: str | None = None
    comment: list[str] = []
    position, length = 0, len(text)

    def result() -> tuple[str, str, str]:
        words = "".join(phrase).strip()
        noted = "".join(comment).strip()
        return (words, spec, noted) if spec is not None else ("", words, noted)

    while position < length:
        character = text[position]
        if character == '"':
            position, value = _quoted(text, position)
            # the quotes of a local part belong to it: "a b"@example.org
            phrase.append(f'"{value}"' if text[position : position + 1] == "@" else value)
            continue
        if character == "(":
            position, value = _comment(text, position)
            comment.append(value)
            continue
        if character == "<":
            end = text.find(">", position)
            end = length if end < 0 else end
            if spec is None or "@" not in spec:
                spec = _without_comments(text[position + 1 : end].lstrip("<"))
            position = end + 1
            continue
        if character in ",;":
            yield result()
            phrase, spec, comment = [], None, []
        elif character == ":" and spec is None and "@" not in "".join(phrase):
            phrase = []  # the name of a group
        else:
            phrase.append(character)
        position += 1
    yield result()


def _quoted(text: str, start: int) -> tuple[int, str]:
    """The position behind a quoted string and its content; one without end goes to the end of the field."""
    out: list[str] = []
    position = start + 1
    while position < len(text) and text[position] != '"':
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        out.append(text[position])
        position += 1
    return position + 1, "".join(out)


def _comment(text: str, start: int) -> tuple[int, str]:
    """The position behind a comment, nested ones included, and its content."""
    depth = 0
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                break
        position += 1
    return position + 1, text[start + 1 : position]


def _without_comments(spec: str) -> str:
    """<pete(his account)@example.org> is legal (RFC 5322, A.5)."""
    out: list[str] = []
    position = 0
    while position < len(spec):
        if spec[position] == "(":
            position, _ = _comment(spec, position)
            continue
        out.append(spec[position])
        position += 1
    return "".join(out)


_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f<>,;\u0080-\u00a0\u2028\u2029]")


def _addr_spec(spec: str) -> str | None:
    """A usable addr-spec with its domain in lower case, or None."""
    spec = spec.strip()
    if "=?" in spec:  # some clients encode the whole mailbox
        decoded = decode_text(spec).strip()
        spec = decoded if "@" in decoded and _NOT_IN_ADDRESS.search(decoded) is None else spec
    if spec.lower().startswith("mailto:"):
        spec = spec[7:]
    if ":" in spec and spec.startswith("@"):  # a source route (RFC 5322, 4.4)
        spec = spec.rpartition(":")[2]
    spec = spec.strip(" '\"") if not spec.startswith('"') else spec
    local, at, domain = spec.rpartition("@")
    domain = domain.strip().rstrip(".")
    local = local.strip()
    if not at or not local or not domain or len(spec) > MAX_ADDRESS:
        return None
    if _NOT_IN_ADDRESS.search(domain) or (not local.startswith('"') and _NOT_IN_ADDRESS.search(local)):
        return None
    if _CONTROLS.search(local):
        return None
    return f"{local}@{domain.lower()}"


_MESSAGE_ID = re.compile(r"<[^<>\s]{1,998}>")


def message_ids(raw: bytes, *, limit: int) -> tuple[str, ...]:
    """Message identifiers of References or In-Reply-To (RFC 5322, 3.6.4), at most *limit*, the last ones."""
    text = raw.decode("ascii", "replace") if raw.isascii() else decode(raw)[0]
    found = _MESSAGE_ID.findall(text)
    return tuple(dict.fromkeys(found[-limit:]))


def date(raw: bytes) -> datetime | None:
    """An aware instant, or None for nonsense. "-0000" is UTC of unknown place (RFC 5322, 3.3)."""
    text = decode_words(raw)[:MAX_DATE]
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            when = read(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return None
