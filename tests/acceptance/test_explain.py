"""`triage explain --json`, the installed command, on a folder of mails: who is answered, and at which address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import run
from tests.support.home import ADDRESS, Home

PERSON = {"From": "Kim <kim@mail.example>", "To": ADDRESS, "Subject": "Lamp"}
TRUSTED = "mx.shop.example"
OVER_TRUSTED = f"from mail.example by {TRUSTED}; Tue, 4 Nov 2025 15:12:33 +0100"
BODY = "Hello, where is my lamp?"

# name: (headers over those of a person, body, reason, address); a header of None is left out, one that is a list comes several times
CASES: dict[str, tuple[dict[str, Any], str, str | None, str | None]] = {
    "a person": ({}, BODY, None, "kim@mail.example"),
    # Authentication-Results
    "dmarc fails, says ours": ({"Authentication-Results": f"{TRUSTED}; dmarc=fail"}, BODY, "dmarc", "kim@mail.example"),
    "dmarc fails, says another": ({"Authentication-Results": "mx.other.example; dmarc=fail"}, BODY, None, "kim@mail.example"),
    "a forged pass of another above the failure": (
        {"Authentication-Results": ["mx.other.example; dmarc=pass", f"{TRUSTED}; dmarc=fail"]}, BODY, "dmarc", "kim@mail.example",
    ),
    "a forged pass of ours below the failure": (
        {
            "Authentication-Results": f"{TRUSTED}; dmarc=fail",
            "Received": OVER_TRUSTED,
            "authentication-results": f"{TRUSTED}; dmarc=pass",
        },
        BODY, "dmarc", "kim@mail.example",
    ),
    "a forged failure in a comment": (
        {"Authentication-Results": f"{TRUSTED}; spf=fail (dmarc=fail); dmarc=pass"}, BODY, None, "kim@mail.example",
    ),
    "spf alone fails": ({"Authentication-Results": f"{TRUSTED}; spf=fail; dkim=pass"}, BODY, None, "kim@mail.example"),
    # marks of the spam filter
    "spam, says SpamAssassin": ({"X-Spam-Status": "Yes, score=9.1 required=5.0"}, BODY, "spam", "kim@mail.example"),
    "no spam, says SpamAssassin": ({"X-Spam-Status": "No, score=1.1 required=5.0"}, BODY, None, "kim@mail.example"),
    "spam, says Rspamd": ({"X-Spam": "Yes"}, BODY, "spam", "kim@mail.example"),
    "spam, says Exchange": ({"X-Forefront-Antispam-Report": "CIP:192.0.2.1;SCL:9;SRV:;"}, BODY, "spam", "kim@mail.example"),
    "no spam, says Exchange": ({"X-Forefront-Antispam-Report": "CIP:192.0.2.1;SCL:1;SRV:;"}, BODY, None, "kim@mail.example"),
    "a tag in the subject": ({"Subject": "***SPAM*** Lamp"}, BODY, "spam", "kim@mail.example"),
    # where the answer goes
    "Reply-To": ({"Reply-To": "ann@mail.example"}, BODY, None, "ann@mail.example"),
    "Reply-To of several, one of which is From": (
        {"Reply-To": "ann@mail.example, Kim <KIM@mail.example>"}, BODY, None, "kim@mail.example",
    ),
    "Reply-To of several": ({"Reply-To": "ann@mail.example, bob@mail.example"}, BODY, None, "ann@mail.example"),
    "Reply-To is a group": ({"Reply-To": "Us: ann@mail.example, bob@mail.example;"}, BODY, None, "ann@mail.example"),
    "Reply-To is an empty group": ({"Reply-To": "undisclosed-recipients:;"}, BODY, None, "kim@mail.example"),
    "Reply-To is no address": ({"Reply-To": "me, please"}, BODY, None, "kim@mail.example"),
    "Reply-To is ours": ({"Reply-To": ADDRESS}, BODY, None, "kim@mail.example"),
    "Reply-To is in our domain": ({"Reply-To": "sales@shop.example"}, BODY, None, "kim@mail.example"),
    "Reply-To breaks the line": (
        {"Reply-To": "=?utf-8?q?ann=40mail=2Eexample=0D=0ABcc=3A_eve=40x=2Eexample?="}, BODY, None, "kim@mail.example",
    ),
    "From is several": ({"From": "Kim <kim@mail.example>, Ann <ann@mail.example>"}, BODY, None, "kim@mail.example"),
    "From is a group": ({"From": "Shoppers: kim@mail.example;"}, BODY, None, "kim@mail.example"),
    "no From, a Reply-To": ({"From": None, "Reply-To": "ann@mail.example"}, BODY, None, "ann@mail.example"),
    "neither": ({"From": None}, BODY, "no-address", None),
    "never the return path": ({"From": None, "Return-Path": "<kim@mail.example>"}, BODY, "no-address", None),
    "a foreign domain": ({"From": "Kim <kim@müller.example>"}, BODY, None, "kim@müller.example"),
    "a foreign local part": ({"From": "Jörg <jörg@müller.example>"}, BODY, None, "jörg@müller.example"),
    "ours writes": ({"From": ADDRESS}, BODY, "own-address", ADDRESS),
    "not addressed to us": ({"To": "somebody@other.example"}, BODY, "not-addressed", "kim@mail.example"),
    "an alias with a tag": ({"To": ADDRESS.replace("@", "+lamps@")}, BODY, None, "kim@mail.example"),
    # our own form
    "form, address in a header": ({"From": "form@shop.example", "X-Customer": "ann@mail.example"}, BODY, None, "ann@mail.example"),
    "form, address in a line": ({"From": "form@shop.example"}, f"E-Mail: ann@mail.example\n{BODY}", None, "ann@mail.example"),
    "form that says it is a program": (
        {"From": "form@shop.example", "Auto-Submitted": "auto-generated", "X-Customer": "ann@mail.example"},
        BODY, None, "ann@mail.example",
    ),
    "form, two addresses in the line": (
        {"From": "form@shop.example"}, f"E-Mail: a@x.example, b@x.example\n{BODY}", "no-address", None,
    ),
    "form, two addresses, and a Reply-To": (
        {"From": "form@shop.example", "Reply-To": "ann@mail.example"}, f"E-Mail: a@x.example, b@x.example\n{BODY}", None,
        "ann@mail.example",
    ),
    "form, our own address": ({"From": "form@shop.example", "X-Customer": ADDRESS}, BODY, "own-address", ADDRESS),
    "form, called spam": (
        {"From": "form@shop.example", "X-Spam": "yes", "X-Customer": "ann@mail.example"}, BODY, "spam", "ann@mail.example",
    ),
}  # fmt: skip


def mail(headers: dict[str, Any], body: str) -> bytes:
    lines = []
    for name, values in {**PERSON, **headers}.items():
        lines += [
            f"{name}: {value}" for value in (values if isinstance(values, list) else [values]) if value is not None
        ]
    return "\n".join([*lines, "Date: Tue, 4 Nov 2025 15:12:33 +0100", "", body, ""]).encode()


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the command says of each case, by name."""
    folder = tmp_path_factory.mktemp("explain")
    form = {"sender": "form@shop.example", "address_header": "X-Customer", "address_pattern": "E-Mail: (.*)"}
    home = Home(folder / "home").imap(1, "user", authserv_ids=[TRUSTED], contact_forms=[form]).smtp(1).write()
    (folder / "mails").mkdir()
    for number, (headers, body, _, _) in enumerate(CASES.values()):
        (folder / "mails" / f"{number:03}.eml").write_bytes(mail(headers, body))
    done = run(home, "explain", str(folder / "mails"), "--json", "--mailbox", "support")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(item["file"]).name for item in found] == [f"{number:03}.eml" for number in range(len(CASES))]
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_who_is_answered_and_where(name: str, explained: dict[str, dict[str, Any]]) -> None:
    _, _, reason, to = CASES[name]
    reply = explained[name]["reply"]
    assert (reply["reason"], reply["to"]) == (reason, to), reply["evidence"]
    assert reply["allowed"] is (reason is None)
    assert (reply["evidence"] is None) is reply["allowed"]
    assert (reply["text"] is not None) is reply["allowed"]


def test_whoever_is_not_answered_is_forwarded_and_filed(explained: dict[str, dict[str, Any]]) -> None:
    for item in explained.values():
        kinds = [effect["kind"] for effect in item["effects"]]
        assert kinds == (["reply"] if item["reply"]["allowed"] else []) + ["forward", "file"]


def test_a_foreign_domain_is_written_to_in_ascii(explained: dict[str, dict[str, Any]]) -> None:
    assert explained["a foreign domain"]["effects"][0]["to"] == "kim@xn--mller-kva.example"
    assert explained["a foreign local part"]["effects"][0]["to"] == "jörg@müller.example"


def test_a_mail_unlike_all_that_the_model_knows_is_told_as_that(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", model=True).imap(1, "user").smtp(1).write()
    file = tmp_path / "finnish.eml"
    file.write_bytes(mail({}, "Hei, tilasin kolme viikkoa sitten lampun, mutta paketti ei ole vielakaan saapunut."))

    told = run(home, "explain", str(file))
    as_json = run(home, "explain", str(file), "--json")

    assert "abstained, since this is unlike all mail that it has learnt from" in " ".join(told.stdout.split())
    prediction = json.loads(as_json.stdout)["prediction"]
    assert (prediction["category"], prediction["unfamiliar"]) == (None, True)
