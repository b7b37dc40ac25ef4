"""Rules that are saved while 50 mails a second come in: every mail is decided by one version, and treated as that version says."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.dovecot import Dovecot
from tests.support.home import Home
from tests.support.letters import letter
from tests.support.treated import treated
from tests.support.waiting import until
from tests.support.zygote import Zygote
from triage import config
from triage.ledger import queries
from triage.testing import FaultSmtp

MAILS, A_SECOND, AT_ONCE = 300, 50, 5
SAVE_EVERY = 75  # mails
LIVE_WITHIN = timedelta(seconds=5)


class Shop:
    """A home whose rules have a number: everything that a rule can decide says it."""

    def __init__(self, home: Home, daemon: Daemon) -> None:
        self.home, self.daemon = home, daemon
        self.versions: dict[str, int] = {}  # hash of the configuration, number

    def save(self, number: int) -> None:
        """As editors do: a new file in the place of the old one."""
        text = rules(number, self.home)
        draft = self.home.path / "draft.yaml"
        draft.write_text(text, encoding="utf-8")
        self.versions[config.load(self.home.path, rules=draft).version] = number
        draft.replace(self.home.routing_file)

    def live(self, number: int) -> bool:
        return any(
            f"rules={version}" in line for line in self.daemon.events("reloaded") for version in self._names(number)
        )

    def _names(self, number: int) -> list[str]:
        return [version for version, each in self.versions.items() if each == number]


def rules(number: int, home: Home) -> str:
    names = {"en": f"Team {number}", "de": f"Team {number}", "es": f"Team {number}"}
    team = home.routing["teams"]["frontdesk"] | {
        "names": names,
        "inbox": f"v{number}@shop.example",
        "folder": f"Triaged/V{number}",
    }
    decided = {
        "team": "frontdesk",
        "tags": [f"v{number}"],
        "also_to": f"also{number}@shop.example",
        "priority": ("high", "low")[number % 2],
    }
    policy = {
        "calendars": home.routing["calendars"],
        "teams": {"frontdesk": team},
        "rules": [{"name": f"rule of {number}", "when": {"subject_words": "question"}, "then": decided}],
        "fallback": {"team": "frontdesk"},
    }
    return json.dumps(policy)  # which is YAML


@pytest.fixture
def shop(home: Home, zygote: Zygote) -> Iterator[Shop]:
    home.settings["http"] = {"enabled": True, "port": 0}
    home.write().routing_file.write_text(rules(0, home), encoding="utf-8")
    with Daemon(home, lambda home, log: zygote.fork(home.path, log)) as daemon:
        made = Shop(home, daemon)
        made.versions[config.load(home.path).version] = 0
        yield made


def decisions(home: Home) -> list[dict[str, Any]]:
    """The decision of every mail, with its Message-ID."""
    with queries.reading(home.ledger) as connection:
        rows = connection.exec_driver_sql("SELECT message_id, decision FROM messages").all()
    return [json.loads(row.decision) | {"message_id": row.message_id} for row in rows]


def test_no_mail_is_decided_by_a_mixture_of_old_and_new_rules(
    shop: Shop, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    mails = [letter(number) for number in range(MAILS)]
    began = time.monotonic()
    for number in range(0, MAILS, AT_ONCE):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))  # the load is a rate
        dovecot.deliver(user, *mails[number : number + AT_ONCE])
        if number % SAVE_EVERY == SAVE_EVERY // 3:
            shop.save(number // SAVE_EVERY + 1)
    saves = MAILS // SAVE_EVERY
    shop.daemon.until(lambda: shop.live(saves), "the last save to be in force")
    last = letter(MAILS)
    dovecot.deliver(user, last)
    shop.daemon.until(lambda: shop.daemon.settled(MAILS + 1), "every mail to be settled", seconds=120)

    found = treated(dovecot, [user], smtp.accepted)
    decided = decisions(shop.home)
    assert len(decided) == len(found) == MAILS + 1
    numbers = set()
    for decision in decided:
        number = shop.versions[decision["policy_version"]]
        numbers.add(number)
        item = found[decision["message_id"]]
        assert (decision["rule"], decision["priority"]) == (f"rule of {number}", ("high", "low")[number % 2])
        assert item.folders == [f"Triaged/V{number}"]
        assert item.inboxes == [f"also{number}@shop.example", f"v{number}@shop.example"]
        assert item.flags == ({f"v{number}", "\\Flagged"} if number % 2 == 0 else {f"v{number}"})
        assert {sent.mail["Importance"] for sent in item.forwards} == {("high", "low")[number % 2]}
        assert all(f"Team {number}" in sent.text for sent in item.replies)
        assert len(item.replies) == 1
    assert {0, saves} < numbers  # some were decided before the first save, some between, some after the last


def test_a_broken_edit_under_load_keeps_the_old_rules_and_tells_everybody(
    shop: Shop, dovecot: Dovecot, smtp: FaultSmtp, user: str
) -> None:
    url = re.search(r"url=(\S+)", shop.daemon.events("listening")[0])
    assert url is not None

    def get(page: str) -> str:
        with urllib.request.urlopen(f"{url[1]}{page}", timeout=10) as answer:  # noqa: S310  our own loopback address
            return str(answer.read().decode())

    until(lambda: "triage_config_ok 1.0" in get("/metrics"), "the metric of a configuration that is well")
    good = shop.home.routing_file.read_text()
    dovecot.deliver(user, *(letter(number) for number in range(50)))
    shop.home.routing_file.write_text(good.replace('"team": "frontdesk"', '"team": "frontdeks"', 1))
    shop.daemon.until(lambda: shop.daemon.events("reload_refused"), "the fault to be told")
    dovecot.deliver(user, *(letter(number) for number in range(50, 100)))
    shop.daemon.until(lambda: shop.daemon.settled(100), "every mail to be settled", seconds=60)
    assert dovecot.folders(user) == {"Triaged/V0": 100}
    (line,) = shop.daemon.events("reload_refused")
    assert "config/routing.yaml:1: rules[0].then.team: no team 'frontdeks'. Did you mean 'frontdesk'?" in line
    health = json.loads(get("/healthz"))
    assert health["status"] == "degraded"
    assert health["reasons"][0].startswith("the last edit of the configuration is refused: ")
    assert "no team 'frontdeks'" in health["reasons"][0]
    assert "triage_config_ok 0.0" in get("/metrics")
    shop.home.routing_file.write_text(good)
    until(lambda: "the last edit" not in get("/healthz"), "the repaired edit to be taken")
    assert "triage_config_ok 1.0" in get("/metrics")


def test_a_save_is_live_within_five_seconds(shop: Shop) -> None:
    """By the daemon's own clock, from the file's time to the log line."""
    taken = []
    for number in (1, 2):
        shop.save(number)
        saved = datetime.fromtimestamp(shop.home.routing_file.stat().st_mtime).astimezone()
        shop.daemon.until(lambda number=number: shop.live(number), "the save to be in force")
        stamp = re.search(r"timestamp=(\S+)", shop.daemon.events("reloaded")[-1])
        assert stamp is not None
        taken.append(datetime.fromisoformat(stamp[1]) - saved)
    assert min(taken) < LIVE_WITHIN  # one of two, on a machine that others use as well
