"""Silence towards machines, an answer for every person. The mails are in tests/data/mail/guard, each with what is expected of it."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from triage import guard, reply
from triage.guard import Circumstances, SendersConfig
from triage.guarding.reply_address import is_usable, on_the_wire
from triage.message import Message, Verdict
from triage.parsing import parse
from triage.settings import Caps, ContactForm
from triage.templates import RenderedReply

ROOT = Path(__file__).parents[2]
MAILS = sorted((ROOT / "tests" / "data" / "mail" / "guard").glob("*.eml"))
NOW = datetime(2025, 3, 3, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CAPS = Caps(per_sender=3, per_domain=100)
PERSON = b"From: Karin <karin@lindner.example>\nTo: service@shop.example\nSubject: Paket\n\nWo bleibt mein Paket?\n"


def senders_of(**config: Any) -> guard.Senders:
    return guard.Senders.from_config(SendersConfig.model_validate(config))


@pytest.fixture(scope="module")
def senders() -> guard.Senders:
    """The senders that the program ships."""
    text = (ROOT / "config" / "senders.yaml").read_text(encoding="utf-8")
    return guard.Senders.from_config(SendersConfig.model_validate(yaml.safe_load(text)))


def at(**known: Any) -> Circumstances:
    """Circumstances under which a person is answered, but for what is *known* besides."""
    return Circumstances(**{"received_at": NOW, "now": NOW, "answer_mail_younger_than": DAY, "caps": CAPS, **known})


def circumstances_of(expected: dict[str, Any]) -> Circumstances:
    known = dict(expected.get("at", {}))
    for name in ("own_addresses", "inboxes", "addressed_as"):
        if name in known:
            known[name] = frozenset(known[name])
    known["authserv_ids"] = tuple(known.get("authserv_ids", ()))
    known["contact_forms"] = tuple(ContactForm(**form) for form in known.get("contact_forms", ()))
    return at(**known)


def expected_of(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.with_suffix(".expect.yaml").read_text(encoding="utf-8"))
    return loaded


def judge(raw: bytes, senders: guard.Senders, **known: Any) -> Verdict:
    return guard.judge(parse(raw), at(**known), senders)


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_each_mail_is_judged_as_expected(path: Path, senders: guard.Senders) -> None:
    expected = expected_of(path)
    verdict = guard.judge(parse(path.read_bytes()), circumstances_of(expected), senders)
    assert (verdict.reason, verdict.reply_to) == (expected["reason"], expected["reply_to"]), verdict.evidence


@pytest.mark.parametrize(
    "path", [path for path in MAILS if path.stem.startswith("person-")], ids=lambda path: path.stem
)
def test_a_person_stays_answered_when_nothing_is_known_of_the_circumstances(path: Path, senders: guard.Senders) -> None:
    assert guard.judge(parse(path.read_bytes()), at(), senders).allowed


LATER = NOW + timedelta(minutes=1)
BY_CIRCUMSTANCES = {
    "before-start": {"live_since": LATER},
    "too-old": {"now": NOW + DAY + timedelta(seconds=1)},
    "duplicate": {"duplicate": True},
    "conversation": {"acknowledged_at": NOW - timedelta(days=2)},
    "cap-sender": {"replies_to_sender": 3},
    "cap-domain": {"replies_to_domain": 100},
    "paused": {"stopped": "paused"},
    "breaker": {"stopped": "breaker"},
}


@pytest.mark.parametrize(("code", "known"), BY_CIRCUMSTANCES.items(), ids=BY_CIRCUMSTANCES)
def test_circumstances_stop_a_reply_to_a_person(code: str, known: dict[str, Any], senders: guard.Senders) -> None:
    verdict = judge(PERSON, senders, **known)
    assert (verdict.reason, verdict.reply_to) == (code, "karin@lindner.example")
    assert verdict.evidence


@pytest.mark.parametrize(
    "known",
    [
        {"live_since": NOW},
        {"now": NOW + DAY},
        {"acknowledged_at": NOW - timedelta(days=3)},
        {"replies_to_sender": 2, "replies_to_domain": 99},
    ],
    ids=["received when it went live", "exactly as old as allowed", "acknowledged long ago", "one below each cap"],
)
def test_at_the_edge_of_a_circumstance_the_person_is_answered(known: dict[str, Any], senders: guard.Senders) -> None:
    assert judge(PERSON, senders, **known).allowed


def test_every_rung_is_shown_by_a_mail_or_by_circumstances() -> None:
    shown = {expected_of(path)["reason"] for path in MAILS} | set(BY_CIRCUMSTANCES)
    assert {rung.code for rung in guard.RUNGS if rung.check is not None} == shown - {None}


def test_what_other_parts_decide_is_listed_and_never_judged_here() -> None:
    assert guard.RULE in {rung.code for rung in guard.RUNGS if rung.check is None}


def test_codes_are_unique_short_and_stable_in_form() -> None:
    codes = [rung.code for rung in guard.RUNGS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+){0,3}", code) for code in codes)
    assert set(codes) > guard.OWN_MAIL


def test_the_table_in_the_documentation_is_the_ladder() -> None:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in (ROOT / "docs" / "guard.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert rows == [(f"`{rung.code}`", rung.what, rung.source) for rung in guard.RUNGS]


def test_evidence_is_bounded_and_printable(senders: guard.Senders) -> None:
    raw = b"Auto-Submitted: auto-replied; " + "\u202e\u200b\x07".encode() * 500 + b"x" * 5_000 + b"\n" + PERSON
    evidence = judge(raw, senders).evidence
    assert evidence is not None
    assert len(evidence) <= guard.MAX_EVIDENCE
    assert evidence.isprintable()


def test_a_cap_that_the_operator_raised_holds(senders: guard.Senders) -> None:
    assert judge(PERSON, senders, replies_to_sender=4, caps=Caps(per_sender=5)).allowed


@pytest.mark.parametrize(
    "path",
    [
        "returns@partner.example",
        "bounces+SRS=ab1Cd=QH@tenant.example",
        "SRS0=x=y=lindner.example=karin@fwd.example",
        "",
    ],
    ids=["a shop's returns desk", "forwarded by Microsoft 365", "forwarded with SRS", "no return path noted"],
)
def test_return_paths_of_people(path: str, senders: guard.Senders) -> None:
    header = f"Return-Path: <{path}>\n".encode() if path else b""
    assert judge(header + PERSON, senders).allowed


@pytest.mark.parametrize(
    "path", ["bounce@m.example", "news-bounces+ab=c.d@l.example", "returns+7=ab=c.d@m.example", "x@bounces.m.example"]
)
def test_return_paths_of_lists_and_mass_mailers(path: str, senders: guard.Senders) -> None:
    assert judge(f"Return-Path: <{path}>\n".encode() + PERSON, senders).reason == "list-envelope"


def test_a_bounce_that_a_person_passes_on_is_answered(senders: guard.Senders) -> None:
    bounce = (ROOT / "tests" / "data" / "mail" / "guard" / "bounce-dsn-in-mixed.eml").read_bytes()
    raw = bounce.replace(b"service@provider.example", b"karin@lindner.example").replace(
        b"Subject: Mail", b"Subject: Fwd: what is this?"
    )
    assert judge(raw, senders).allowed


# --- known senders ---------------------------------------------------------------------------------------------------


def from_address(address: str, *headers: str) -> bytes:
    return "\n".join([f"From: {address}", "Subject: hello", *headers, "", "Hello."]).encode()


def test_a_domain_covers_its_subdomains_and_no_lookalike() -> None:
    senders = senders_of(senders=[{"name": "P", "kind": "carrier", "reply": "never", "domains": ["post.example"]}])
    assert judge(from_address("a@mail.Post.example"), senders).reason == "known-sender"
    assert judge(from_address("a@notpost.example"), senders).allowed
    assert judge(from_address("a@post.example.org"), senders).allowed


def test_an_entry_with_a_header_needs_that_header() -> None:
    entry = {"name": "P", "kind": "platform", "reply": "never", "domains": ["shop.example"], "header": "X-Platform"}
    senders = senders_of(senders=[entry])
    assert judge(from_address("a@shop.example", "X-Platform: 1"), senders).reason == "known-sender"
    assert judge(from_address("a@shop.example"), senders).allowed


def test_the_first_entry_that_fits_decides() -> None:
    relay = {"name": "Buyers", "kind": "marketplace", "reply": "own-clock", "addresses": ["*@relay.market.example"]}
    market = {"name": "Market", "kind": "marketplace", "reply": "never", "domains": ["market.example"]}
    senders = senders_of(senders=[relay, market])
    assert judge(from_address("x9@relay.market.example"), senders).reason == "marketplace"
    assert judge(from_address("news@market.example"), senders).reason == "known-sender"


@pytest.mark.parametrize("local", ["no-reply", "NoReply", "no_reply", "no.reply", "no-reply+7f3", "orders-noreply"])
def test_punctuation_and_case_of_no_reply_do_not_matter(local: str, senders: guard.Senders) -> None:
    assert judge(from_address(f"{local}@firma.example"), senders).reason == "no-reply"


@pytest.mark.parametrize("local", ["info", "sales", "norbert.reply", "ana.oreply", "support", "kontakt", "newman"])
def test_addresses_that_people_read_are_answered(local: str, senders: guard.Senders) -> None:
    assert judge(from_address(f"{local}@firma.example"), senders).allowed


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "P", "kind": "carrier", "reply": "never"},
        {"name": "P", "kind": "carrier", "reply": "sometimes", "domains": ["a.example"]},
        {"name": "P", "kind": "carrier", "reply": "never", "domains": ["@a.example"]},
        {"name": "P", "kind": "carrier", "reply": "never", "addresses": ["a.example"]},
        {"name": "P", "kind": "carrier", "reply": "never", "domains": ["a.example"], "colour": "red"},
        {"name": "P", "kind": "carrier", "reply": "never", "header": "X-Name: value"},
    ],
    ids=["names nothing", "unknown reply", "not a domain", "not an address", "unknown key", "not a header name"],
)
def test_a_faulty_entry_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        senders_of(senders=[entry])


def test_with_no_known_senders_nobody_is_known() -> None:
    assert judge(from_address("no-reply@firma.example"), senders_of()).allowed


# --- authentication --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "stopped"),
    [
        ("mx.shop.example; dmarc=fail header.from=x.example", True),
        ("MX.SHOP.EXAMPLE 1; spf=pass; dmarc=FAIL (p=none) header.from=x.example", True),
        ("(checked) mx.shop.example; dmarc = fail", True),
        ("mx.shop.example; dmarc=none", False),
        ("mx.shop.example; none", False),
        ("mx.shop.example; spf=pass (dmarc=fail is a comment); dmarc=pass", False),
        ("mx.shop.example; spf=fail reason=\"x dmarc=fail\"", False),
        ("mx.shop.example.evil.example; dmarc=fail", False),
    ],
)  # fmt: skip
def test_only_the_dmarc_result_of_a_trusted_server_counts(value: str, stopped: bool, senders: guard.Senders) -> None:
    verdict = judge(f"Authentication-Results: {value}\n".encode() + PERSON, senders, authserv_ids=("mx.shop.example",))
    assert (verdict.reason == "dmarc") is stopped


def test_without_a_trusted_server_no_result_counts(senders: guard.Senders) -> None:
    assert judge(b"Authentication-Results: mx.shop.example; dmarc=fail\n" + PERSON, senders).allowed


def test_a_pass_that_the_sender_wrote_below_the_real_failure_does_not_help(senders: guard.Senders) -> None:
    raw = (
        b"Authentication-Results: mx.shop.example; dmarc=fail\nReceived: from evil.example by mx.shop.example\n"
        b"Authentication-Results: mx.shop.example; dmarc=pass\n" + PERSON
    )
    assert judge(raw, senders, authserv_ids=("mx.shop.example",)).reason == "dmarc"


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example",
        "a..b.@mobile.example",
        '"a b"@b.example',
        "अजय@डाटा.भारत",
        "用户@例子.测试",
        "a@[192.0.2.1]",
        "a@host",
    ],
)
def test_usable_addresses(address: str) -> None:
    assert is_usable(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@b.example",
        "a@",
        "a b@b.example",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a\u2028@b.example",
        "a\u202eb@c.example",
        "a，b@c.example",
        "=?utf-8?q?a=40b=2Eexample=2Cc?=@d.example",
        '"a@b.example, c"@d.example',
        "a@b..example",
        "a@-b.example",
        "a@192.0.2.1",
        "a@list.invalid",
        "x" * 65 + "@b.example",
        "a@" + "b" * 64 + ".example",
    ],
)
def test_unusable_addresses(address: str) -> None:
    assert not is_usable(address)


def test_a_foreign_domain_travels_as_a_labels_and_a_foreign_local_part_as_it_is() -> None:
    assert on_the_wire("karin@müller.example") == "karin@xn--mller-kva.example"
    assert on_the_wire("jörg@müller.example") == "jörg@müller.example"
    assert on_the_wire("karin@lindner.example") == "karin@lindner.example"


# --- whatever comes --------------------------------------------------------------------------------------------------

FIELDS = [
    "From",
    "Reply-To",
    "Sender",
    "Return-Path",
    "Subject",
    "Message-ID",
    "References",
    "In-Reply-To",
    "To",
    "X-Form",
]
JUNK = st.one_of(
    st.binary(max_size=120).map(lambda value: value.replace(b"\n", b"\n ")),
    st.text(
        alphabet="ab@.,;:<>()\"\\ =?_-\u202e，＠é\r\n", max_size=80
    ).map(lambda value: value.replace("\n", "\n ").encode()),
    st.lists(
        st.sampled_from(
            [b"a@b.example", b"<c@d.example>", b",", b";", b"x:", b"=?utf-8?q?e=40f=2Eexample=0D=0ABcc=3A_g=40h=2Eexample?=",
             b'"i@j.example, k"@l.example', b"\r", b"\x00", b"=?utf-8?b?YUBiLmMsZEBlLmY=?=", b"(", b")", b"\xe2\x80\xa8", b"\xff"]
        ), max_size=8,
    ).map(b" ".join),
)  # fmt: skip
FORM = ContactForm(sender="form@shop.example", address_header="X-Form", address_pattern=r"E-Mail: (.*)")
REPLY = RenderedReply("Your message", "Hello\n", "<p>Hello</p>", "en", "neutral")
OUR_FIELDS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"]


def compose(message: Message, recipient: str) -> bytes:
    envelope = reply.Envelope("Shop", "service@shop.example", recipient, "<m@shop.example>", "T-7K3M9QX", NOW)
    return reply.compose(message, REPLY, envelope)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=6), st.binary(max_size=60))
@example({"Reply-To": b"a@b.example\r\n Bcc: c@d.example"}, b"")
@example({"From": b"form@shop.example", "X-Form": b"a@b.example\rBcc: c@d.example"}, b"E-Mail: a@b.example")
def test_no_header_makes_a_reply_with_two_recipients_or_another_header(fields: dict[str, bytes], body: bytes) -> None:
    raw = b"".join(name.encode() + b": " + value + b"\n" for name, value in fields.items()) + b"\n" + body
    message = parse(raw)
    verdict = guard.judge(message, at(contact_forms=(FORM,)), senders_of())
    if verdict.reply_to is None:
        return
    assert is_usable(verdict.reply_to)
    mail = email.message_from_bytes(compose(message, verdict.reply_to), policy=email.policy.SMTP)
    recipients = [address.addr_spec for address in mail["To"].addresses]
    assert recipients == [verdict.reply_to] or (len(recipients) == 1 and '"' in verdict.reply_to)
    assert [name for name in OUR_FIELDS if len(mail.get_all(name, [])) != 1] == []
    assert not {"cc", "bcc", "resent-to"} & {name.lower() for name in mail}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_judged(raw: bytes) -> None:
    verdict = guard.judge(parse(raw), at(), senders_of())
    assert verdict.reason in {None, *(rung.code for rung in guard.RUNGS)}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_mail_is_judged(data: st.DataObject, senders: guard.Senders) -> None:
    raw = bytearray(data.draw(st.sampled_from(MAILS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position : position + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    verdict = guard.judge(parse(bytes(raw)), at(contact_forms=(FORM,)), senders)
    assert verdict.evidence is None or len(verdict.evidence) <= guard.MAX_EVIDENCE


def test_judging_again_gives_the_same_verdict(senders: guard.Senders) -> None:
    for path in MAILS:
        message, circumstances = parse(path.read_bytes()), circumstances_of(expected_of(path))
        assert guard.judge(message, circumstances, senders) == guard.judge(message, circumstances, senders)
