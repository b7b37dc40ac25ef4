"""Mails made odd. All randomness comes from the generator that is given, so that a seed gives the same mails."""

from __future__ import annotations

import base64
import math
import quopri
import random
from collections.abc import Callable, Sequence

LARGEST = 50_000_000  # bytes; servers accept 25 to 50 MB, docs/parsing.md
ORDINARY = 200_000  # bytes that a mutated mail has at most, unless it is blown up on purpose

FIELDS = (
    b"From", b"Reply-To", b"Sender", b"Return-Path", b"To", b"Cc", b"Subject", b"Date", b"Message-ID", b"References",
    b"In-Reply-To", b"Content-Type", b"Content-Transfer-Encoding", b"Content-Disposition", b"MIME-Version",
    b"Auto-Submitted", b"Precedence", b"List-Id", b"X-Auto-Response-Suppress", b"Authentication-Results", b"Received",
    b"X-Triage-Kind", b"X-Customer", b"X-Spam-Flag",
)  # fmt: skip
VALUES = (
    b"a@b.example", b"Kim <kim@example.org>", b"<a@b.example>, <c@d.example>", b"g: a@b.example, c@d.example;",
    b"undisclosed-recipients:;", b'"a@b.example, c"@d.example', b"a@b.example\r\nBcc: c@d.example",
    b"a@b.example\rBcc: c@d.example", b"a@b.example\x0bBcc: c@d.example",
    b"=?utf-8?q?a=40b=2Eexample=0D=0ABcc=3A_c=40d=2Eexample?=", b"=?utf-8?b?DQpCY2M6IGNAZC5leGFtcGxl?=",
    b"=?gb2312?B?1tDOxA==?=", b"=?utf-8?b?w?= =?utf-8?b?7w=?=", b"=?utf-7?q?+AA0ACg-?=",
    b"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", b"=?utf-8?q?=ED=A0=80?=", b"a\xe2\x80\xa8b@c.example",
    b"a@b.example\xc2\x85Bcc: c@d.example", b"\xe2\x80\xaemoc.live@a <a@b.example>", b"\xef\xbc\xa0", b"\xff\xfe",
    b"\x00", b"((((((((((", b'"""""', b"<<<<>>>>", b"=?", b"?=", b"multipart/mixed; boundary=x",
    b"multipart/alternative; boundary=\"a b\"", b"multipart/report; report-type=delivery-status; boundary=x",
    b"message/rfc822", b"text/html; charset=utf-7", b"text/plain; charset=hz", b"text/plain; charset=utf-16",
    b"text/plain; charset=gb2312", b"text/plain; format=flowed; delsp=yes", b"application/ms-tnef",
    b"text/plain; charset*0*=utf-8''%ff; charset*1=x", b"base64", b"quoted-printable", b"x-uuencode", b"uuencode",
    b"binary", b"Mon, 3 Mar 2025 10:00:00 +9999", b"Mon, 32 Mar 99999 25:61:61 -0000",
    b"Thu, 1 Jan 0001 00:00:00 +2359", b"0", b"-1", b"auto-replied", b"no", b"bulk", b"All",
    b"mx.shop.example; dmarc=fail", b"<> ", b"<" + b"a" * 300 + b"@b.example>",
)  # fmt: skip
SNIPPETS = (
    b"On Mon, 3 Mar 2025 at 09:41, Shop <help@shop.example> wrote:\n> x\n",
    b"-----Original Message-----\nFrom: a@b.example\nSent: x\nTo: c\nSubject: d\n",
    b"Am 03.03.2025 um 09:41 schrieb Laden <hilfe@shop.example>:\n", b"-- \nKim\n", b"> > > > ",
    b"________________________________\n", b"Sent from my iPhone\n", b"Regards,\nKim\n", b"Order number: AB-1234-X ",
    b"#4711222 ", b"http://evil.example/zqx ", b"4111 1111 1111 1111 ", b"DE89 3704 0044 0532 0130 00 ",
    b"password: hunter2 ", b"<blockquote>", b"</blockquote>", b"<div class=\"gmail_quote\">", b"<style>", b"<!--",
    b"<span style=\"display:none\">", b"<table><tr><td>", b"&#x110000;", b"&#xD800;", b"&nbsp;", b"<br>",
    b"<a href='http://evil.example'>", b"<![CDATA[", b"--x\n", b"--x--\n", b"\n\n", b"\r", b"\r\r\n", b"\x00",
    b"\xff", b"\x1b$B", b"\x1b(B", b"~{", b"+/v8-", b"=\n", b"=3D", b"begin 644 x\n", "\u2028".encode(),
    "\u0085".encode(), "\u202e".encode(), "\u200b".encode(), "\ufeff".encode(), "e\u0301".encode(), "注文".encode(),
    "👩‍👩‍👧".encode(), b"Your message could not be delivered\n", b"I am out of office until Monday.\n",
    b"E-Mail: a@b.example\n", b"a" * 70 + b" ", b".\n", b"From x\n",
)  # fmt: skip
CHARSETS = (
    b"utf-8", b"us-ascii", b"iso-8859-1", b"windows-1252", b"gb2312", b"big5", b"shift_jis", b"iso-2022-jp",
    b"iso-2022-kr", b"euc-kr", b"koi8-r", b"utf-7", b"utf-16", b"utf-32", b"hz-gb-2312", b"x-unknown", b"unicode",
    b"idna", b"rot13", b"zlib", b"cp65001", b"mac-roman", b"punycode",
)  # fmt: skip


class Mutator:
    """Makes odd mails out of others."""

    def __init__(self, random: random.Random, largest: int = LARGEST) -> None:
        self._random = random
        self._largest = largest  # bytes of a mail that is blown up
        self._steps: tuple[Callable[[bytes, bytes], bytes], ...] = (
            self._bytes, self._bytes, self._snippet, self._snippet, self._snippet, self._field, self._field, self._field, self._lines,
            self._lines, self._cut, self._splice, self._repeat, self._line_ends, self._charset, self._wrap, self._encode, self._unicode,
        )  # fmt: skip

    def mutated(self, mail: bytes, other: bytes) -> bytes:
        """*mail* after one to eight steps, some of which take a piece of *other*."""
        for _ in range(min(1 + int(self._random.expovariate(0.5)), 8)):
            mail = self._random.choice(self._steps)(mail, other)[:ORDINARY]
        return mail

    def blown_up(self, mail: bytes) -> bytes:
        """*mail* with one piece of it repeated until it is large: what costs more than its share shows there."""
        begin, end = self._span(mail, most=self._random.choice((2, 20, 200)))
        piece = mail[begin:end] if self._random.random() < 0.5 else self._random.choice(SNIPPETS + VALUES)
        piece = piece or b"x"
        size = int(10 ** self._random.uniform(4.5, math.log10(self._largest)))
        return (mail[:begin] + piece * (size // len(piece)) + mail[end:])[: self._largest]

    def _span(self, mail: bytes, most: int) -> tuple[int, int]:
        begin = self._random.randint(0, len(mail))
        return begin, min(begin + self._random.randint(0, most), len(mail))

    def _bytes(self, mail: bytes, _: bytes) -> bytes:
        begin, end = self._span(mail, 9)
        return mail[:begin] + self._random.randbytes(self._random.randint(0, 9)) + mail[end:]

    def _snippet(self, mail: bytes, _: bytes) -> bytes:
        begin, end = self._span(mail, self._random.choice((0, 0, 30)))
        return mail[:begin] + self._random.choice(SNIPPETS) + mail[end:]

    def _field(self, mail: bytes, _: bytes) -> bytes:
        """A field written anew, doubled or taken out."""
        head, gap, body = mail.partition(b"\n\n") if b"\n\n" in mail else mail.partition(b"\r\n\r\n")
        lines = head.split(b"\n")
        name, values = self._random.choice(FIELDS), self._random.sample(VALUES, self._random.randint(1, 3))
        value = self._random.choice((b" ", b"", b"\r\n ", b",", b"; ")).join(values)
        if self._random.random() < 0.7:
            lines = [line for line in lines if not line.lower().startswith(name.lower() + b":")]
        if self._random.random() < 0.9:
            lines.insert(self._random.randint(0, len(lines)), name + b": " + value)
        return b"\n".join(lines) + (gap or b"\n\n") + body

    def _lines(self, mail: bytes, _: bytes) -> bytes:
        lines = mail.split(b"\n")
        one, two = self._random.randrange(len(lines)), self._random.randrange(len(lines))
        match self._random.randrange(4):
            case 0:
                lines[one], lines[two] = lines[two], lines[one]
            case 1:
                del lines[min(one, two) : min(one, two) + self._random.randint(1, 5)]
            case 2:
                lines.insert(one, lines[two])
            case _:
                lines[one:one] = [b"> " + line for line in lines[two : two + 10]]
        return b"\n".join(lines)

    def _cut(self, mail: bytes, _: bytes) -> bytes:
        return mail[: self._random.randint(0, len(mail))] if self._random.random() < 0.3 else mail

    def _splice(self, mail: bytes, other: bytes) -> bytes:
        begin, end = self._span(other, 2_000)
        place = self._random.randint(0, len(mail))
        return mail[:place] + other[begin:end] + mail[place:]

    def _repeat(self, mail: bytes, _: bytes) -> bytes:
        begin, end = self._span(mail, 200)
        return mail[:begin] + mail[begin:end] * self._random.choice((2, 3, 30, 300)) + mail[end:]

    def _line_ends(self, mail: bytes, _: bytes) -> bytes:
        ends = self._random.choice((b"\n", b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\n\n"))
        return mail.replace(b"\r\n", b"\n").replace(b"\n", ends)

    def _charset(self, mail: bytes, _: bytes) -> bytes:
        return mail.replace(self._random.choice(CHARSETS), self._random.choice(CHARSETS))

    def _wrap(self, mail: bytes, other: bytes) -> bytes:
        """The mail within another structure."""
        head = b"From: kim@example.org\nTo: support@example.com\nSubject: Fwd\nMIME-Version: 1.0\nContent-Type: "
        match self._random.randrange(4):
            case 0:
                return head + b"message/rfc822\n\n" + mail
            case 1:
                return head + b"multipart/mixed; boundary=x\n\n--x\n\nSee below.\n--x\n" + mail + b"\n--x--\n"
            case 2:
                return (
                    head
                    + b"multipart/alternative; boundary=x\n\n--x\n"
                    + mail
                    + b"\n--x\n"
                    + other[:5_000]
                    + b"\n--x--\n"
                )
            case _:
                return head + b"text/html; charset=utf-8\n\n<div>" + mail.replace(b"\n", b"<br>") + b"</div>"

    def _encode(self, mail: bytes, _: bytes) -> bytes:
        """The body in a transfer encoding, with or without saying so."""
        head, gap, body = mail.partition(b"\n\n")
        name, encode = self._random.choice(
            ((b"base64", base64.encodebytes), (b"quoted-printable", quopri.encodestring))
        )
        said = b"\nContent-Transfer-Encoding: " + name if self._random.random() < 0.8 else b""
        return head + said + gap + encode(body[:ORDINARY])

    def _unicode(self, mail: bytes, _: bytes) -> bytes:
        place = self._random.randint(0, len(mail))
        low, high = self._random.choice(
            ((0x80, 0x250), (0x300, 0x370), (0x2000, 0x2070), (0x3000, 0x9FFF), (0xE000, 0x10FFFF))
        )
        text = "".join(chr(self._random.randint(low, high)) for _ in range(self._random.randint(1, 20)))
        return mail[:place] + text.encode("utf-8", "ignore") + mail[place:]


def pick(random: random.Random, mails: Sequence[bytes]) -> bytes:
    """One of *mails*, the later ones (found while running) as often as all earlier ones together."""
    half = len(mails) // 2
    return mails[random.randrange(half, len(mails))] if random.random() < 0.5 else mails[random.randrange(len(mails))]
