"""Two mails of one customer about one matter, on a real IMAP server: merged, answered once, counted once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.daemon import run
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.office_day import answer, customer_of, letter_id, office_day
from triage.ledger import queries, schema
from triage.testing import FaultSmtp

pytestmark = pytest.mark.dovecot

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tickets(home: Home) -> dict[str, Any]:
    """Tickets of the ledger by the Message-ID of the mail that opened them."""
    t, m = schema.tickets, schema.messages
    with queries.reading(home.ledger) as c:
        return {
            row.message_id: row for row in c.execute(sa.select(t, m.c.message_id).join(m, m.c.ticket == t.c.ticket))
        }


async def test_a_merged_ticket_is_answered_with_the_other_and_leaves_the_count(
    dovecot: Dovecot, smtp: FaultSmtp, home: Home
) -> None:
    home.routing["rules"] = []
    home.write()
    user = str(home.settings["mailboxes"]["support"]["imap"]["username"])
    async with office_day(dovecot, user, home, MONDAY) as day:
        await day.customer_writes(1, MONDAY)
        await day.customer_writes(2, MONDAY + HOUR, sender=customer_of(1), subject="Still about my parcel")
        first, second = (tickets(home)[letter_id(number)] for number in (1, 2))
        assert first.ticket != second.ticket
        done = run(home, "merge", f"[#{second.ticket}]", first.ticket)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert f"{second.ticket} goes on in {first.ticket}" in done.stderr
        at = MONDAY + 2 * HOUR
        await day.appears(answer(2, at, to=customer_of(1)), at)  # to the second mail
        await day.until(second.due_at + HOUR)
        third = MONDAY + timedelta(days=3)
        await day.customer_writes(3, third, sender=customer_of(1), In_Reply_To=letter_id(2), References=letter_id(2))
        learnt = day.services.promiser.promise(
            team="frontdesk", clock="opening-hours", priority="normal", at=third, now=third, language=None,
            first_response=8 * HOUR,
        )  # fmt: skip
    found = tickets(home)
    assert (found[letter_id(1)].outcome, found[letter_id(1)].first_response_at) == ("kept", at)
    assert (found[letter_id(2)].outcome, found[letter_id(2)].merged_into) == ("closed", first.ticket)
    assert found[letter_id(3)].ticket == first.ticket
    assert any("1 of the last 1 tickets answered" in step for step in learnt.steps)

    report = json.loads(run(home, "report", "--since", "2026-03-01", "--until", "2026-03-31", "--json").stdout)
    counts = report["total"]["promises"]
    assert (counts["kept"], counts["broken"], counts["closed"]) == (1, 0, 1)
    assert report["closures"] == {"merged": 1}
    told = run(home, "why", second.ticket).stdout
    assert f"closed: merged into {first.ticket}" in " ".join(told.split())
    assert f"joined by {second.ticket}" in " ".join(run(home, "why", first.ticket).stdout.split())

    undone = run(home, "merge", "--undo", second.ticket)
    assert undone.returncode == 0, undone.stderr
    assert tickets(home)[letter_id(2)].merged_into is None
    again = run(home, "merge", "--undo", second.ticket)
    assert (again.returncode, "was not merged" in again.stderr) == (1, True)
