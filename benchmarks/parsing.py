"""What parsing costs: milliseconds for an ordinary mail, and time and memory for hostile ones.

    python benchmarks/parsing.py [--only NAME] [--stdlib]

Each hostile mail is parsed in a process of its own, so that the peak memory is its own; --stdlib measures Python's
`email` (policy default, `get_body` and `walk`) on the same bytes, for at most 30 s each.
"""

from __future__ import annotations

import argparse
import base64
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

MIB = 1024 * 1024
HEAD = b"From: a@shop.example\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def ordinary() -> bytes:
    """About 6 KB: both alternatives, a quotation, a signature, the header of a mail over three hops."""
    said = "Hallo,\n\nmein Paket mit der Bestellung 10023345 ist noch nicht da. Können Sie bitte nachsehen?\n\n"
    quoted = "".join(f"> Zeile {n} der vorigen Nachricht, die der Laden geschrieben hat.\n" for n in range(20))
    plain = f"{said}Viele Grüße\nKim Beispiel\n\nAm 03.03.2025 um 09:41 schrieb Laden <hilfe@shop.example>:\n{quoted}"
    page = (
        f"<html><head><style>p{{margin:0}}</style></head><body><div>{said}</div><div>Viele Grüße<br>Kim</div><br>"
        f'<div class="gmail_quote"><div class="gmail_attr">Am 03.03.2025 schrieb Laden:<br></div>'
        f'<blockquote class="gmail_quote">{"".join(f"<p>Zeile {n} der Nachricht</p>" for n in range(30))}'
        "</blockquote></div></body></html>"
    )
    hops = b"".join(
        b"Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\r\n\tby mx.shop.example with ESMTPS id %d;\r\n"
        b"\tMon, 3 Mar 2025 09:41:12 +0100\r\n" % (n, n, n, n)
        for n in range(4)
    )
    dkim = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org;\r\n\tb=" + b"A" * 350 + b"\r\n"
    return (
        hops
        + dkim
        + b"From: =?utf-8?Q?Kim_Bei=C3=9Fpiel?= <kim@example.org>\r\nTo: Laden <hilfe@shop.example>\r\n"
        + b"Subject: =?utf-8?B?"
        + base64.b64encode(b"Wo ist mein Paket? Bestellung 10023345")
        + b"?=\r\nMessage-ID: <4711.kim@example.org>\r\nDate: Mon, 3 Mar 2025 10:00:00 +0100\r\nMIME-Version: 1.0\r\n"
        + b'Content-Type: multipart/alternative; boundary="b1"\r\n\r\n'
        + b"--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(plain.encode())
        + b"\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + page.encode()
        + b"\r\n--b1--\r\n"
    )


def nested(depth: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return HEAD + opened + b"\r\ndeep\r\n"


def many_parts(count: int) -> bytes:
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def html(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body


def text(body: bytes) -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body


def rfc822(depth: int) -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\ndeep\r\n"


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nested 1,000 deep": lambda: nested(1_000),
    "nested 20 deep in 40 MB": lambda: nested(20) + b"x" * 76 * 500_000,
    "100,000 parts": lambda: many_parts(100_000),
    "1,000,000 lines like boundaries": lambda: many_parts(0) + b"--b1\r\n" * MIB,
    "rfc822 1,000 deep": lambda: rfc822(1_000),
    "50 MB of text": lambda: text(b"word " * 10 * MIB),
    "50 MB in one line of base64": lambda: (
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"word " * 7 * MIB)
    ),
    "50 MB of CR": lambda: text(b"\r" * 50 * MIB),
    "50 MB header without end": lambda: b"X" * 50 * MIB,
    "20 MB in one header field": lambda: b"Subject: " + b"=?utf-8?q?=20?= " * 1_300_000 + b"\r\n\r\nx",
    "200,000 header fields": lambda: b"X-A: b\r\n" * 200_000 + b"\r\nx",
    "folded 1,000,000 times": lambda: b"Subject: a\r\n" + b" \r\n" * MIB + b"\r\nx",
    "half encoded words": lambda: b"Subject: " + b"=?a?q?" * 100_000 + b"\r\n\r\nx",
    "nested comments": lambda: b"From: " + b"(" * MIB + b"\r\n\r\nx",
    "100,000 addresses": lambda: b"To: " + b"a@b.example, " * 100_000 + b"\r\n\r\nx",
    "100,000 parameters": lambda: b"Content-Type: text/plain" + b"; a*0*=x" * 100_000 + b"\r\n\r\nx",
    "1 MB of <div>": lambda: html(b"<div>" * 200_000),
    "1 MB of <font><p>": lambda: html(b"<font color=1><p>" * 60_000),
    "1 MB of <a>": lambda: html(b"<a>" * 350_000),
    "1 MB of <": lambda: html(b"<" * MIB),
    "1 MB of <!--": lambda: html(b"<!--" * 250_000),
    '1 MB of <a "': lambda: html(b'<a "' * 250_000),
    "1 MB of &": lambda: html(b"&amp" * 250_000),
    "1 MB of nested quotes": lambda: html(b"<blockquote>x" * 80_000),
    "1 MB of tables": lambda: html(b"<table><tr><td>x" * 65_000),
    "1 MB in one attribute": lambda: html(b"<div style='" + b"display:" * 130_000 + b"'>x"),
    "1 MB of On ... wrote:": lambda: text(b"On 1/1/2025 10:00, a <a@b.example> wrote:\n" * 25_000),
    "1 MB of > lines": lambda: text(b"> x\nanswer\n" * 100_000),
    "1 MB of From: lines": lambda: text(b"From: a@b.example\nSent: 1 2025\n" * 32_000),
    "1 MB of colons": lambda: text(b":\n" * 500_000),
    "1 MB of @": lambda: text(b"@" * MIB),
    "1 MB of a@": lambda: text(b"a@" * 500_000),
    "1 MB of - lines": lambda: text(b"----- a -----\n" * 75_000),
    "1 MB in one line of -": lambda: text(b"-" * MIB),
    "1 MB of - and spaces": lambda: text(b"- " * 500_000),
    "1 MB of spaces": lambda: text(b" " * MIB),
    "1 MB of order words": lambda: text(b"order no. " * 100_000),
    "1 MB of digits": lambda: text(b"order " + b"1" * MIB),
    "1 MB of Regards": lambda: text(b"Regards\n" * 130_000),
    "1 MB of flowed lines": lambda: HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n" + b"a \n" * 330_000,
    "1 MB of UTF-7": lambda: HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + b"+AAA-" * 200_000,
    "1 MB of broken UTF-8": lambda: text(b"\xc3" * MIB),
    "1 MB of Thai marks": lambda: text("ก้".encode() * 170_000),
    "1 MB of combining marks": lambda: text("à\u0300\u0316".encode()[:-1] * 170_000),
}


def one(name: str, *, stdlib: bool) -> None:
    """Parse one hostile mail in this process and print what it took."""
    raw = HOSTILE[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if stdlib:
        from email import message_from_bytes, policy

        started = time.perf_counter()
        message = message_from_bytes(raw, policy=policy.default)
        body = message.get_body(("plain", "html"))
        note = f"{sum(1 for _ in message.walk())} parts, body {body is not None}"
    else:
        from triage.language import detect
        from triage.parsing import parse

        detect("load the model before the clock starts")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        note = ", ".join(parse(raw).defects)
    took = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{name:34} {len(raw) / MIB:6.1f} MB {took * 1000:8.0f} ms {grown:6.0f} MB more   {note}", flush=True)


def children(names: Iterator[str], *, stdlib: bool) -> None:
    for name in names:
        command = [sys.executable, __file__, "--one", name, *(["--stdlib"] if stdlib else [])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
            last = (done.stderr.strip().splitlines() or ["?"])[-1]
            print(done.stdout or f"{name:34} fails: {last[:100]}\n", end="", flush=True)
        except subprocess.TimeoutExpired:
            print(f"{name:34} more than 30 s", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default="")
    options.add_argument("--one", help=argparse.SUPPRESS)
    options.add_argument("--stdlib", action="store_true")
    given = options.parse_args()
    if given.one:
        one(given.one, stdlib=given.stdlib)
        return
    from triage.parsing import parse

    raw = ordinary()
    parse(raw, languages=("de", "en", "es"))
    best = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(100):
            parse(raw, languages=("de", "en", "es"))
        best.append((time.perf_counter() - started) / 100)
    print(f"{'ordinary':34} {len(raw)} bytes {min(best) * 1000:8.2f} ms")
    children((name for name in HOSTILE if given.only in name), stdlib=given.stdlib)


if __name__ == "__main__":
    main()
