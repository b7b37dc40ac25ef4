"""What the SMTP server accepted for a team, in each way to forward: attached, inline, redirected; masked or not; to several inboxes."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.dovecot import Dovecot
from tests.support.home import ADDRESS, Home
from tests.support.treated import Sent, Treated, treated
from tests.support.zygote import Zygote
from triage.identity import is_own_message_id
from triage.testing import FaultSmtp

CARD, MASKED = "4111 1111 1111 1111", "**** **** **** 1111"
DESK, ARCHIVE = "support@shop.helpdesk.example", "archive@shop.example"
TEAMS = {
    "attached": {},
    "open": {"forward": {"mask": False}},
    "inline": {"forward": {"original": "inline"}, "also_to": [ARCHIVE]},
    "redirected": {"forward": {"original": "redirected", "mask": False}, "inbox": DESK, "also_to": [ARCHIVE]},
}


def letter(name: str, *, subject: str = "") -> bytes:
    """A mail for the team *name*: new words and quoted ones, a card number in text and subject, a photo and a note."""
    mail = EmailMessage(policy=SMTP)
    mail["DKIM-Signature"] = "v=1; a=rsa-sha256; d=kunden.example; h=From:Subject; bh=x; b=y"
    mail["From"], mail["To"] = f"Jörg Weiß <{name}@kunden.example>", ADDRESS
    mail["Reply-To"] = f"{name}.home@kunden.example"
    mail["Subject"] = subject or f"Karte {CARD}"
    mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(UTC)), f"<{name}@kunden.example>"
    mail.set_content(
        f"Where is it? For the team {name}, my card is {CARD}.\n\nOn Monday the shop wrote:\n> The parcel left us on Monday.\n"
    )
    mail.add_attachment(b"\xff\xd8\xff a photo", maintype="image", subtype="jpeg", filename="größe.jpg")
    mail.add_attachment(f"card {CARD}\n", filename="note.txt")
    return mail.as_bytes()


MAILS = {name: letter(name) for name in TEAMS}
# Raw 8-bit letters in a header: nothing that may be resent as it is.
ODD = letter("odd", subject="Gr??e for redirected").replace(b"Gr??e", b"Gr\xfc\xdfe")


@pytest.fixture
def found(tmp_path: Path, dovecot: Dovecot, smtp: FaultSmtp, zygote: Zygote, user: str) -> dict[str, Treated]:
    """What became of a mail to each team, and of one that cannot be redirected."""
    home = Home(tmp_path / "home").imap(dovecot.port, user).smtp(smtp.port)
    desk = home.routing["teams"]["frontdesk"]
    home.routing["teams"] = {"frontdesk": desk} | {
        name: desk | {"inbox": f"{name}@shop.example", "folder": f"Triaged/{name}"} | changes
        for name, changes in TEAMS.items()
    }
    home.routing["rules"] = [
        {"name": name, "when": {"words": f"team {name}"}, "then": {"team": name, "priority": "urgent"}}
        for name in TEAMS
    ]
    home.routing["rules"].insert(0, {"name": "odd", "when": {"words": "team odd"}, "then": {"team": "redirected"}})
    with Daemon(home.write(), lambda home, log: zygote.fork(home.path, log)) as daemon:
        dovecot.deliver(user, *MAILS.values(), ODD)
        daemon.until(lambda: daemon.settled(len(MAILS) + 1), "every mail to be settled")
    assert sorted(raw for mails in dovecot.all_mails(user).values() for raw in mails) == sorted([*MAILS.values(), ODD])
    return {name[1:].partition("@")[0]: item for name, item in treated(dovecot, [user], smtp.accepted).items()}


def original_in(sent: Sent) -> bytes:
    (part,) = [part for part in sent.mail.walk() if part.get_content_type() == "message/rfc822"]
    return part.get_content().as_bytes(policy=SMTP)  # type: ignore[no-any-return]


def test_every_team_gets_the_mail_as_it_wants_it(found: dict[str, Treated]) -> None:
    (attached,) = found["attached"].forwards
    assert attached.to == "attached@shop.example"
    assert CARD.encode() not in attached.content
    assert "The parcel left us" not in attached.text
    assert b"The parcel left us" in original_in(attached)
    assert str(attached.mail["Subject"]).startswith("[#T-")
    assert MASKED in attached.mail["Subject"]
    assert attached.mail["Reply-To"] == "attached.home@kunden.example"

    (unmasked,) = found["open"].forwards
    assert MAILS["open"] in unmasked.content
    assert MASKED.encode() not in unmasked.content
    assert CARD in unmasked.text

    assert found["inline"].inboxes == [ARCHIVE, "inline@shop.example"]
    for sent in found["inline"].forwards:
        assert "The parcel left us on Monday." in sent.text
        assert CARD not in sent.text
        assert sent.text.count(MASKED) == 1
        photo, note = sent.mail.iter_attachments()
        assert (photo.get_filename(), photo.get_content()) == ("größe.jpg", b"\xff\xd8\xff a photo")
        assert note.get_content().strip() == f"card {MASKED}"

    assert found["redirected"].inboxes == [ARCHIVE, DESK]
    resent_ids = set()
    for sent in found["redirected"].forwards:
        raw = MAILS["redirected"]
        assert sent.content.endswith(raw)  # not a byte is changed, and what is added stands in front
        assert sent.mail["From"] == "Jörg Weiß <redirected@kunden.example>"  # so the desk's ticket is the customer's
        assert sent.mail["Reply-To"] == "redirected.home@kunden.example"
        assert (sent.mail["Resent-From"], sent.mail["Resent-To"]) == (ADDRESS, sent.to)
        assert sent.mail["Resent-Date"]
        assert (sent.mail["X-Priority"], sent.mail["Importance"]) == ("1 (Highest)", "high")
        assert is_own_message_id(sent.mail["Resent-Message-ID"])
        resent_ids.add(str(sent.mail["Resent-Message-ID"]))
        assert sent.envelope_sender == ADDRESS  # a bounce comes back to us, not to the customer
    assert len(resent_ids) == 2

    assert found["odd"].inboxes == [ARCHIVE, DESK]
    for sent in found["odd"].forwards:
        assert ODD in sent.content
        assert sent.mail["Resent-To"] is None
        assert sent.mail["Reply-To"] == "odd.home@kunden.example"
