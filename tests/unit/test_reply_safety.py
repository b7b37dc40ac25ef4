"""Whatever the header of a mail holds, the reply has one recipient, our own fields and nothing of the sender's that was not checked."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.exam import mail_office, of_plan
from tests.support.facts import MAILBOX, facts
from triage.parsing import parse
from triage.planning import plan

FIELDS = (
    "From", "Reply-To", "Sender", "Return-Path", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References", "Date", "X-Customer",
    "Thread-Topic", "Content-Type", "Resent-From", "Errors-To", "Disposition-Notification-To", "MIME-Version", "Content-Language",
)  # fmt: skip
BREAKS = (
    "\r\n",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\0",
    "\t",
    "\u00a0",
    "\u3000",
)
TRICKS = (
    "\u202e", "\u202d", "\u2066", "\u2069", "\u200b", "\u200d", "\ufeff", "\u00ad", "，", "＠", "；", "﹫", "ˋ", "<", ">",
    ",", ";", ":", '"', "\\",
    "(", ")", "[", "]", "@", " ", "=?", "?=", "kim@mail.example", "eve@x.example", "Bcc: eve@x.example", "Kim", "http://x.example/",
    "<a@b.example>",
    "x" * 300, "<" + "m" * 2_000 + "@b.example>",
)  # fmt: skip
SURROGATES = (b"\xed\xa0\x80", b"=?utf-7?q?+2AA-?=", b"=?utf-8?q?=ED=B0=80?=", b"\xff\xfe\x00\xd8")


def encoded(text: str) -> st.SearchStrategy[bytes]:
    """*text* as it may stand in a field: raw, or in an encoded word of either kind."""
    data = text.encode()
    quoted = "".join(f"={byte:02X}" for byte in data)
    return st.sampled_from(
        [
            data,
            text.encode("latin-1", "replace"),
            f"=?utf-8?q?{quoted}?=".encode(),
            b"=?utf-8?B?" + base64.b64encode(data) + b"?=",
        ]
    )


PIECES = st.one_of(
    st.sampled_from(BREAKS + TRICKS).flatmap(encoded), st.sampled_from(SURROGATES), st.binary(max_size=20)
)
VALUES = st.one_of(
    st.lists(PIECES, max_size=8).map(b"".join),
    st.lists(PIECES, max_size=4).map(lambda pieces: b"kim@mail.example" + b"".join(pieces)),
    st.lists(PIECES, max_size=4).map(lambda pieces: b"".join(pieces) + b"<kim@mail.example>"),
    st.lists(PIECES, max_size=4).map(lambda pieces: b"<1" + b"".join(pieces) + b"@mail.example>"),
)
START = {"From": b"Kim <kim@mail.example>", "To": b"support@example.com", "Message-ID": b"<1@mail.example>"}


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(fields=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5), known=st.booleans())
@example(fields={"Reply-To": b"kim@mail.example\r\nBcc: eve@x.example"}, known=True)
@example(fields={"From": b"=?utf-8?q?Kim=0D=0ABcc=3A_eve=40x=2Eexample?= <kim@mail.example>"}, known=True)
@example(fields={"Message-ID": "<1\u2028Bcc: eve@x.example>".encode()}, known=False)
@example(fields={"References": b"<1@mail.example>\r\nBcc: eve@x.example"}, known=False)
@example(fields={"From": "Kim\u202egro.x <kim@mail.example>".encode()}, known=False)
@example(fields={"Date": b"Mon, 3 Mar 2025 10:00:00 +9959"}, known=False)
def test_no_bytes_in_any_header_make_a_second_recipient_or_another_field(fields: dict[str, bytes], known: bool) -> None:
    raw = b"".join(name.encode() + b": " + value + b"\n" for name, value in {**START, **fields}.items())
    message = parse(raw + b"\nHello, where is my lamp?\n", languages=("en", "de", "es"))
    made = plan(message, facts(mailbox=MAILBOX if known else None), mail_office())
    assert not of_plan(message, made)


@pytest.mark.parametrize("text", BREAKS + TRICKS, ids=ascii)
@pytest.mark.parametrize("name", ["From", "Subject", "Message-ID", "References", "Reply-To"])
def test_a_person_with_one_odd_character_is_answered_safely_or_not_at_all(name: str, text: str) -> None:
    value = {"From": f"Kim{text} <kim@mail.example>", "Subject": f"Lamp{text}Bcc: eve@x.example"}.get(
        name, f"<1{text}@mail.example>"
    )
    raw = b"".join(key.encode() + b": " + field + b"\n" for key, field in {**START, name: value.encode()}.items())
    message = parse(raw + b"\nHello, where is my lamp?\n", languages=("en",))
    made = plan(message, replace(facts(), mailbox=None), mail_office())
    assert not of_plan(message, made)
