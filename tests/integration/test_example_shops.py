"""The shops of config/examples as `triage init --example` makes them, run by the real daemon on Dovecot and an SMTP server.

Their rules, lists and senders are on disk as they are shipped; of config/triage.yaml only servers, passwords and mode are another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

import pytest
import yaml

from tests.support.daemon import Daemon
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.treated import Treated, treated
from tests.support.zygote import Zygote
from triage.home import create
from triage.testing import FaultSmtp


class Shop(Home):
    """A home of one of the shops, on the servers of a test."""

    def __init__(self, path: Path, example: str, dovecot: Dovecot, smtp: FaultSmtp, user: str) -> None:
        self.path = path
        create(path, example)
        self.settings = yaml.safe_load(self.settings_file.read_text(encoding="utf-8"))
        self.settings |= {"mode": "reply", "drain": "5s", "http": {"enabled": False}}
        self.users = {name: f"{user}-{name}" for name in self.settings["mailboxes"]}
        for name, username in self.users.items():
            self.settings["mailboxes"][name]["imap"] = {
                "host": "127.0.0.1", "port": dovecot.port, "tls": "none", "username": username,
                "password": {"file": "secrets/imap"},
            }  # fmt: skip
        self.smtp(smtp.port)
        self.settings_file.write_text(yaml.safe_dump(self.settings, allow_unicode=True), encoding="utf-8")
        (path / "secrets" / "imap").write_text("secret\n")
        (path / "secrets" / "imap").chmod(0o600)


class Stage:
    """A shop that is open: `play` gives it mails by a name of the test's choice and tells what became of each."""

    def __init__(self, shop: Shop, daemon: Daemon, dovecot: Dovecot, smtp: FaultSmtp) -> None:
        self.shop, self.daemon, self.dovecot, self.smtp = shop, daemon, dovecot, smtp

    def play(self, mails: Mapping[str, bytes], *, mailbox: str | None = None) -> None:
        user = self.shop.users[mailbox or next(iter(self.shop.users))]
        self.dovecot.deliver(user, *mails.values())

    def outcome(self, count: int) -> dict[str, Treated]:
        self.daemon.until(lambda: self.daemon.settled(count), f"{count} mails to be settled", seconds=60)
        found = treated(self.dovecot, self.shop.users.values(), self.smtp.accepted)
        assert not any("INBOX" in item.folders or len(item.folders) != 1 for item in found.values())
        return {name.removeprefix("<").partition("@")[0]: item for name, item in found.items()}


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot, smtp: FaultSmtp, zygote: Zygote, user: str
) -> Iterator[Stage]:
    shop = Shop(tmp_path / "home", request.param, dovecot, smtp, user)
    with Daemon(shop, lambda home, log: zygote.fork(home.path, log)) as daemon:
        yield Stage(shop, daemon, dovecot, smtp)


def mail(
    name: str, subject: str, text: str, *, to: str, sender: str = "", photo: bool = False, **headers: str
) -> tuple[str, bytes]:
    """A customer's mail whose Message-ID begins with *name*."""
    made = EmailMessage(policy=SMTP)
    made["From"] = sender or f"Kim Berg <{name}@kunden.example>"
    made["To"], made["Subject"] = to, subject
    made["Date"], made["Message-ID"] = format_datetime(datetime.now(UTC)), f"<{name}@kunden.example>"
    for key, value in headers.items():
        made[key.replace("_", "-")] = value
    made.set_content(text)
    if photo:
        made.add_attachment(b"\xff\xd8\xff a photo", maintype="image", subtype="jpeg", filename="photo.jpg")
    return name, made.as_bytes()


# -- one person --------------------------------------------------------------------------------------------------------------------

POTTERY = "hallo@toepferei-lindner.example"


@pytest.mark.parametrize("stage", ["one-person"], indirect=True)
def test_one_person_gets_everything_in_one_inbox_and_sees_what_is_urgent(stage: Stage) -> None:
    mails = dict(
        [
            mail(
                "newsletter",
                "Glasuren",
                "Neue Glasuren im Herbst.",
                to=POTTERY,
                List_Unsubscribe="<https://s.example/u>",
            ),
            mail("danger", "Your mug", "The mug exploded on the stove and I was injured. Please call me.", to=POTTERY),
            mail(
                "threat",
                "Bestellung TL-0815",
                "Ich warte seit vier Wochen auf meine Vase. Morgen lasse ich das Geld zurückbuchen.",
                to=POTTERY,
            ),
            mail(
                "photo",
                "TL-0816",
                "Hallo, kann man diesen Teller kleben? Er ist zerbrochen, ein Foto hängt an.",
                to=POTTERY,
                photo=True,
            ),
            mail(
                "course", "Töpferkurs", "Wann beginnt der nächste Töpferkurs, und ist noch ein Platz frei?", to=POTTERY
            ),
            mail(
                "ordinary", "TL-0817", "Guten Tag, wann kommt mein Paket an? Die Bestellung war am Montag.", to=POTTERY
            ),
        ]
    )
    stage.play(mails)
    found = stage.outcome(len(mails))
    assert {name: item.folders[0] for name, item in found.items()} == {
        "newsletter": "Erledigt/Maschinen", "danger": "Erledigt/Post", "threat": "Erledigt/Post", "photo": "Erledigt/Bruch",
        "course": "Erledigt/Kurse", "ordinary": "Erledigt/Post",
    }  # fmt: skip
    assert {inbox for item in found.values() for inbox in item.inboxes} == {"anna@lindner.example"}
    assert {name: item.forward["X-Priority"] for name, item in found.items()} == {
        "newsletter": "4 (Low)", "danger": "1 (Highest)", "threat": "2 (High)", "photo": "2 (High)",
        "course": "3 (Normal)", "ordinary": "3 (Normal)",
    }  # fmt: skip
    assert {name: item.flags for name, item in found.items()} == {
        "newsletter": set(), "danger": {"\\Flagged"}, "threat": {"\\Flagged", "complaint"}, "photo": {"\\Flagged"},
        "course": set(), "ordinary": set(),
    }  # fmt: skip
    assert "[URGENT]" in found["danger"].forward["Subject"]
    assert found["danger"].forward["Importance"] == "high"
    assert not found["newsletter"].replies
    languages = {name: item.replies[0].mail["Content-Language"] for name, item in found.items() if item.replies}
    assert languages == {"danger": "en", "threat": "de", "photo": "de", "course": "de", "ordinary": "de"}
    assert "TL-0817" in found["ordinary"].replies[0].text


# -- three teams -------------------------------------------------------------------------------------------------------------------

SERVICE, BILLING = "service-team@nordholz-desk.example", "billing@nordholz-desk.example"
PARTS, QUALITY = "intake@nordholz.helpdesk.example", "quality@nordholz-desk.example"
EUROPE, AMERICA = "service@nordholz.example", "help@nordholz-us.example"
VOUCHED = "mx.nordholz.example; dmarc=pass header.from=hotel-adler.example"
HOTEL = "Hotel Adler <einkauf@hotel-adler.example>"


@pytest.mark.parametrize("stage", ["three-teams"], indirect=True)
def test_three_teams_get_what_is_theirs_from_two_mailboxes(stage: Stage) -> None:
    delivery = "Guten Tag, wann kommt unsere Lieferung für die Zimmer im zweiten Stock? Wir warten auf die Pakete."
    europe = dict(
        [
            mail("machine", "Out of office", "I am away until Monday.", to=EUROPE, Auto_Submitted="auto-replied"),
            mail(
                "danger",
                "NH-222222",
                "The shelf came down and my son was injured. We are at the emergency room.",
                to=EUROPE,
            ),
            mail(
                "threat",
                "Invoice NH-333333",
                "You charged my card twice for one invoice. My lawyer will write to you.",
                to=EUROPE,
            ),
            mail("vip", "Lieferung NH-444444", delivery, to=EUROPE, sender=HOTEL, Authentication_Results=VOUCHED),
            mail("claims-vip", "Lieferung NH-444445", delivery + " Danke!", to=EUROPE, sender=HOTEL),
            mail(
                "invoice",
                "Copy",
                "Please send me a copy of the document for my tax adviser.",
                to="invoices@nordholz.example",
            ),
            mail(
                "return", "NH-555555", "One table goes back to you.", to="returns@nordholz.example", X_Form="returns-2"
            ),
        ]
    )
    america = dict(
        [mail("hinge", "Hinge", "Hi, which hinge fits the Fjord cabinet, and what size is it? Thanks, Bob", to=AMERICA)]
    )
    stage.play(europe, mailbox="europe")
    stage.play(america, mailbox="america")
    found = stage.outcome(8)
    assert {name: item.folders[0] for name, item in found.items()} == {
        "machine": "Triaged/Machines", "danger": "Triaged/Service", "threat": "Triaged/Billing", "vip": "Triaged/Service",
        "claims-vip": "Triaged/Service", "invoice": "Triaged/Billing", "return": "Triaged/Returns", "hinge": "Triaged/Parts",
    }  # fmt: skip
    assert {name: item.inboxes for name, item in found.items()} == {
        "machine": [SERVICE], "danger": [QUALITY, SERVICE], "threat": [BILLING], "vip": [SERVICE], "claims-vip": [SERVICE],
        "invoice": [BILLING], "return": [SERVICE], "hinge": [PARTS],
    }  # fmt: skip
    assert {name: item.flags for name, item in found.items() if item.flags} == {
        "danger": {"\\Flagged", "danger"}, "threat": {"\\Flagged", "threat"}, "vip": {"\\Flagged", "vip"},
    }  # fmt: skip
    assert not found["machine"].replies
    assert all(len(item.replies) == 1 for name, item in found.items() if name != "machine")
    desk = found["hinge"].forward  # the help desk sees the customer
    assert desk["From"] == "Kim Berg <hinge@kunden.example>"
    assert (desk["Resent-From"], desk["Resent-To"]) == (AMERICA, PARTS)
    assert found["hinge"].replies[0].mail["From"].addresses[0].addr_spec == AMERICA


# -- marketplace -------------------------------------------------------------------------------------------------------------------

LAMPS = "kontakt@lampenladen.example"
BUYER = "abc123@marketplace.amazon.de"


@pytest.mark.parametrize("stage", ["marketplace"], indirect=True)
def test_a_seller_on_marketplaces_answers_within_24_hours_and_never_by_a_machine(stage: Stage) -> None:
    mails = dict(
        [
            mail(
                "buyer",
                "Anfrage zu Bestellung 302-1234567-7654321",
                "Passt die Lampe in eine Fassung E27?",
                to=LAMPS,
                sender=BUYER,
            ),
            mail(
                "claim", "A-bis-Z-Garantieantrag", "Der Käufer hat einen Antrag gestellt.", to=LAMPS, sender=f"x{BUYER}"
            ),
            mail("carrier", "Ihre Sendung", "Ihre Sendung kommt morgen.", to=LAMPS, sender="info@dhl.de"),
            mail("machine", "Abwesend", "Ich bin im Urlaub.", to=LAMPS, Auto_Submitted="auto-replied"),
            mail(
                "from-home",
                "eBay 12-34567-89012",
                "Guten Tag, wann kommt meine Lampe? Ich warte seit Montag darauf.",
                to=LAMPS,
            ),
            mail("own-shop", "LL123456", "Hello, when will my lamp be delivered? I ordered it on Monday.", to=LAMPS),
        ]
    )
    before = datetime.now(UTC)
    stage.play(mails)
    found = stage.outcome(len(mails))
    assert {name: item.folders[0] for name, item in found.items()} == {
        "buyer": "Triaged/Marketplaces", "claim": "Triaged/Marketplaces", "carrier": "Triaged/Notifications",
        "machine": "Triaged/Machines", "from-home": "Triaged/Marketplaces", "own-shop": "Triaged/Shop",
    }  # fmt: skip
    marketplaces, shop = ["marketplaces@lampenladen-desk.example"], ["shop@lampenladen-desk.example"]
    assert {name: item.inboxes for name, item in found.items()} == {
        "buyer": marketplaces, "claim": marketplaces, "carrier": shop, "machine": shop, "from-home": marketplaces, "own-shop": shop,
    }  # fmt: skip
    assert {name for name, item in found.items() if item.replies} == {"from-home", "own-shop"}
    assert found["claim"].flags == {"\\Flagged", "claim"}
    assert {name: item.forward["X-Priority"][0] for name, item in found.items()} == {
        "buyer": "3", "claim": "2", "carrier": "4", "machine": "4", "from-home": "3", "own-shop": "3",
    }  # fmt: skip
    for name in ("buyer", "from-home"):  # 20 hours day and night, on the next half hour
        due = datetime.fromisoformat(found[name].forward["X-Triage-Due"])
        assert timedelta(hours=20) <= due - before <= timedelta(hours=21, minutes=5)
