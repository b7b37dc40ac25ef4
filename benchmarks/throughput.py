"""Mails a second through the whole daemon, beside the empty loop on the same servers in the same run. Debian, as root.

    python -m benchmarks.throughput [--mails 600] [--model NAME]

A private Dovecot and a private Postfix (queue on disk, fsync) on loopback. The empty loop fetches, sends two mails of the same size for
each, and moves, in groups of 50 over the same number of SMTP connections, with nothing in between: what the servers themselves allow.
Prints both rates and their ratio, the daemon's resident memory, the time from its start to the first IDLE, and the machine's load.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import aiosmtplib

from tests.support.dovecot import Dovecot
from tests.support.postfix import Postfix
from tests.support.waiting import until

CONNECTIONS = 4
GROUP = 50
TEXTS = (
    (
        "en",
        "Where is my order {n}?",
        "Hello, I ordered a desk lamp last week and the tracking page has not moved since Friday. Order {n}.",
    ),
    (
        "de",
        "Rechnung zur Bestellung {n}",
        "Guten Tag, auf der Rechnung zur Bestellung {n} fehlt unsere USt-IdNr. Könnten Sie sie neu ausstellen?",
    ),
    (
        "es",
        "Pedido {n}: talla equivocada",
        "Buenas tardes, los zapatos del pedido {n} me quedan pequeños. ¿Puedo cambiarlos por un 42?",
    ),
    (
        "en",
        "Never again",
        "This is the third time I write about order {n}. Nobody answers. I will dispute the payment with my bank tomorrow.",
    ),
)
PADDING = "On the journey the box was handed from one depot to the next, and at each of them somebody scanned it; nobody looked in. "


def mail(number: int) -> bytes:
    """A mail of about 6 KB by a customer of his own; written for this benchmark."""
    language, subject, text = TEXTS[number % len(TEXTS)]
    words = random.Random(number).sample(PADDING.split(), 20)
    body = text.format(n=100_000 + number) + "\r\n\r\n" + " ".join(words) + "\r\n"
    header = (
        f"From: Customer {number} <customer@shop{number}.example.net>\r\nTo: support@example.com\r\n"
        f"Subject: {subject.format(n=100_000 + number)}\r\nDate: {format_datetime(datetime.now(UTC))}\r\n"
        f"Message-ID: <{number}.{os.getpid()}@shop{number}.example.net>\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\nContent-Language: {language}\r\n\r\n"
    )
    quoted = "".join(f"> {PADDING}\r\n" for _ in range(40))
    return (header + body + f"\r\nOn Mon, 16 Nov 2026 at 10:00, Shop <shop@example.com> wrote:\r\n{quoted}").encode()


def deliver(server: Dovecot, user: str, mails: list[bytes]) -> None:
    with server.login(user) as client:
        for start in range(0, len(mails), 200):
            client.multiappend("INBOX", mails[start : start + 200])


async def empty_loop(server: Dovecot, postfix: Postfix, user: str, reply: bytes) -> float:
    """Seconds for fetch, two sends and move of everything in the INBOX of *user*."""
    with server.login(user) as client:
        client.create_folder("Done")
        client.select_folder("INBOX")
        uids = client.search()
        links = [
            aiosmtplib.SMTP(hostname=postfix.host, port=postfix.port, start_tls=False, local_hostname="bench")
            for _ in range(CONNECTIONS)
        ]
        await asyncio.gather(*(link.connect() for link in links))
        started = time.perf_counter()
        for start in range(0, len(uids), GROUP):
            group = uids[start : start + GROUP]
            bodies = await asyncio.to_thread(client.fetch, group, ["BODY.PEEK[]"])
            jobs = iter(
                [
                    job
                    for uid in group
                    for job in (("customer@example.net", reply), ("team@example.net", bodies[uid][b"BODY[]"]))
                ]
            )

            async def send(link: aiosmtplib.SMTP, jobs=jobs) -> None:  # type: ignore[no-untyped-def]
                for recipient, content in jobs:
                    await link.sendmail("support@example.com", [recipient], content)

            await asyncio.gather(*(send(link) for link in links))
            await asyncio.to_thread(client.move, group, "Done")
        seconds = time.perf_counter() - started
        await asyncio.gather(*(link.quit() for link in links))
    return seconds


def make_home(folder: Path, server: Dovecot, postfix: Postfix, model: str) -> Path:
    home = folder / "home"
    subprocess.run([sys.executable, "-m", "triage", "init", str(home)], check=True, capture_output=True)
    (home / "secrets/imap").write_text("secret\n")
    (home / "secrets/imap").chmod(0o600)
    (home / "config/triage.yaml").write_text(
        f"""
mode: reply
shop: {{name: Example Shop, tracking_url: "https://www.example.com/track/{{order}}"}}
mailboxes:
  support:
    imap: {{host: 127.0.0.1, port: {server.port}, tls: none, username: daemon, password: {{file: secrets/imap}}}}
    addresses: [support@example.com]
    languages: [en, de, es]
smtp: {{host: 127.0.0.1, port: {postfix.port}, tls: none, connections: {CONNECTIONS}}}
model: {model}
http: {{port: 0}}
"""
    )
    return home


def daemon(home: Path, server: Dovecot, mails: list[bytes], log: Path) -> tuple[float, float, float, float, float]:
    """Seconds for all mails, the daemon's CPU seconds for them, seconds from start to the first IDLE, resident and peak memory in MB."""
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "triage", "run", "--home", str(home)], stderr=output)
        try:
            until(lambda: b"event=watching" in log.read_bytes(), "the daemon watches", 60)
            ready = time.perf_counter() - started
            first, before = time.perf_counter(), _cpu(process.pid)
            deliver(server, "daemon", mails)
            until(lambda: log.read_bytes().count(b"outcome=accepted") >= 2 * len(mails), "all is sent", 600, 0.05)
            until(lambda: "INBOX" not in server.folders("daemon"), "the INBOX is empty", 60, 0.05)
            seconds, cpu = time.perf_counter() - first, _cpu(process.pid) - before
            memory = Path(f"/proc/{process.pid}/status").read_text()
            resident, peak = (int(re.search(rf"{name}:\s+(\d+)", memory)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
        finally:
            process.terminate()
            process.wait(60)
    return seconds, cpu, ready, resident, peak


def _cpu(pid: int) -> float:
    """Seconds of CPU that process *pid* has used in user and system mode (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mails", type=int, default=600)
    arguments.add_argument("--model", default="current")
    given = arguments.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    mails = [mail(number) for number in range(given.mails)]
    print(
        f"{given.mails} mails of {sum(map(len, mails)) / len(mails):,.0f} bytes; load {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "dovecot").mkdir()
        (folder / "postfix").mkdir()
        with Dovecot(folder / "dovecot") as server, Postfix(folder / "postfix") as postfix:
            deliver(server, "empty", mails)
            empty = asyncio.run(empty_loop(server, postfix, "empty", mails[0]))
            seconds, cpu, ready, resident, peak = daemon(
                make_home(folder, server, postfix, given.model), server, mails, folder / "log"
            )
    print(f"empty loop  {given.mails / empty:7.1f} mails/s")
    print(
        f"daemon      {given.mails / seconds:7.1f} mails/s, {empty / seconds:.2f} of the empty loop; "
        f"{1000 * cpu / given.mails:.1f} ms of CPU a mail"
    )
    print(
        f"start to first IDLE {ready:.1f} s; resident {resident:.0f} MB, peak {peak:.0f} MB; load now {os.getloadavg()[0]:.2f}"
    )


if __name__ == "__main__":
    main()
