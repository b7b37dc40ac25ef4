"""Bytes to a Message: real kinds of mail, broken ones, and any bytes at all."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from triage.mail.defects import DEFECTS
from triage.message import Message
from triage.parsing import DEFAULT_LIMITS, Limits, contents, fingerprint, parse

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data" / "mail"
EXPECTATIONS = yaml.safe_load((DATA / "expectations.yaml").read_text("utf-8"))
NOTING = ("parsing.py", "mail/mime.py", "mail/headers.py", "mail/charsets.py", "mail/html_text.py")
HEAD = b"From: Kim <kim@example.org>\r\nTo: help@shop.example\r\nSubject: Lamp\r\nMessage-ID: <1@example.org>\r\n"
DATE = b"Date: Mon, 3 Mar 2025 10:00:00 +0100\r\n"


def squeezed(text: str) -> str:
    return " ".join(text.split())


def seen(message: Message) -> dict[str, object]:
    sender = message.from_address
    return {
        "subject": message.subject,
        "new_text": squeezed(message.new_text),
        "language": message.language,
        "order_numbers": list(message.order_numbers),
        "defects": list(message.defects),
        "from": f"{sender.name} <{sender.address}>" if sender else None,
        "to": [address.address for address in message.to],
        "cc": [address.address for address in message.cc],
        "reply_to": [address.address for address in message.reply_to],
        "return_path": message.return_path,
        "attachments": [attachment.filename for attachment in message.attachments],
    }


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.eml")))
def test_a_mail_of_our_collection_is_read_as_expected(name: str) -> None:
    found = seen(parse((DATA / name).read_bytes()))
    expected = EXPECTATIONS[name]
    assert {key: found[key] for key in expected} == expected


class TestAnyBytes:
    @given(st.binary(max_size=2_000))
    def test_are_parsed(self, raw: bytes) -> None:
        message = parse(raw)
        assert message.size == len(raw)
        assert set(message.defects) <= DEFECTS.keys()

    @given(st.data())
    def test_that_were_a_mail_are_parsed(self, data: st.DataObject) -> None:
        raw = bytearray((DATA / data.draw(st.sampled_from(sorted(EXPECTATIONS)))).read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            start = data.draw(st.integers(0, len(raw)))
            end = min(len(raw), start + data.draw(st.integers(0, 40)))
            raw[start:end] = data.draw(st.binary(max_size=20))
        message = parse(bytes(raw))
        assert set(message.defects) <= DEFECTS.keys()
        assert not [value for _, value in message.headers.fields if re.search(r"[\r\n\0]", value)]

    @given(st.lists(st.sampled_from([
        b"Content-Type: multipart/mixed; boundary=a\n", b"Content-Type: multipart/alternative; boundary=b\n", b"--a\n",
        b"--b\n", b"--a--\n", b"\n", b"x\n", b"Content-Type: text/html\n", b"Content-Transfer-Encoding: base64\n",
        b"Content-Type: message/rfc822\n", b"From: a@b.example\n", b"<p>x\n", b"Content-Type: text/plain; charset=hex\n",
    ]), max_size=60))  # fmt: skip
    def test_of_mime_lines_in_any_order_are_parsed(self, lines: list[bytes]) -> None:
        assert set(parse(b"".join(lines)).defects) <= DEFECTS.keys()

    @pytest.mark.parametrize(
        "codec", ["idna", "punycode", "hex", "rot13", "unicode_escape", "undefined", "zlib", "../x", "x-é"]
    )
    def test_in_a_charset_that_is_none_are_parsed(self, codec: str) -> None:
        raw = HEAD + f"Content-Type: text/plain; charset={codec}\r\n\r\nWhere is my lamp é?".encode()
        assert parse(raw).new_text == "Where is my lamp é?"
        assert "unknown-charset" in parse(raw).defects


class TestBounds:
    """Each limit with a mail beyond it: the rest is ignored and said."""

    CASES = (
        ("message_bytes", 200, HEAD + b"\r\n" + b"word " * 200, "message-too-large"),
        ("header_bytes", 100, HEAD + b"X-A: " + b"x" * 300 + b"\r\n\r\nx", "header-too-long"),
        ("headers", 3, HEAD + b"\r\nx", "too-many-headers"),
        ("header_value_bytes", 10, HEAD + b"X-A: " + b"x" * 30 + b"\r\n\r\nx", "header-too-long"),
        ("parts", 3, b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 9 + b"--a--\n", "too-many-parts"),
        ("boundary_lines", 3, b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 9, "too-many-parts"),
        ("scanned_bytes", 20, b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 9, "too-many-parts"),
        ("nesting", 1, b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n"
         b"x\n--b--\n--a--\n", "nested-too-deep"),
        ("attachments", 1, b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: image/png\n\nx\n" * 3
         + b"--a--\n", "too-many-attachments"),
        ("text_bytes", 10, HEAD + b"\r\n" + b"word " * 9, "text-too-long"),
        ("text_characters", 10, HEAD + b"\r\n" + b"word " * 9, "text-too-long"),
        ("subject_characters", 2, HEAD + b"\r\nx", "subject-too-long"),
    )  # fmt: skip

    @pytest.mark.parametrize(("limit", "value", "raw", "defect"), CASES, ids=[case[0] for case in CASES])
    def test_beyond_a_limit_there_is_a_defect(self, limit: str, value: int, raw: bytes, defect: str) -> None:
        assert defect in parse(raw, limits=Limits(**{limit: value})).defects
        assert defect not in parse(raw).defects

    def test_of_many_references_the_last_ones_are_kept(self) -> None:
        ids = [f"<{number}@example.org>" for number in range(200)]
        found = parse(HEAD + b"References: " + " ".join(ids).encode() + b"\r\n\r\nx").references
        assert found == tuple(ids[-DEFAULT_LIMITS.references :])

    @pytest.mark.parametrize(
        "raw",
        [
            b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(1_000)),
            HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 1_000,
            HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
            b"From: " + b"(" * 100_000 + b"\r\n\r\nx",
            HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 20_000 + b"x",
        ],
        ids=["nested 1,000 deep", "rfc822 1,000 deep", "100,000 parts", "100,000 comments", "20,000 open tags"],
    )
    def test_structure_without_end_is_parsed(self, raw: bytes) -> None:
        assert parse(raw).size == len(raw)


class TestHeaders:
    @pytest.mark.parametrize(
        ("field", "name", "address"),
        [
            ("kim@EXAMPLE.org", "", "kim@example.org"),
            ("Kim <Kim@example.org>", "Kim", "Kim@example.org"),
            ('"Beispiel, Kim" <kim@example.org>', "Beispiel, Kim", "kim@example.org"),
            ("kim@example.org (Kim B.)", "Kim B.", "kim@example.org"),
            ("=?utf-8?Q?Kim=2C_a=40b.example?= <kim@example.org>", "Kim, a@b.example", "kim@example.org"),
            ('"=?utf-8?B?S2lt?=" <kim@example.org>', "Kim", "kim@example.org"),
            ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete", "pete@silly.test"),
            ("Jürgen <jürgen@größe.example>", "Jürgen", "jürgen@größe.example"),
            ('"kim b"@example.org', "", '"kim b"@example.org'),
            ("<@relay.example:kim@example.org>", "", "kim@example.org"),
            ("kim@evil.example <kim@example.org>", "kim@evil.example", "kim@example.org"),
            ("Team: kim@example.org, b@example.org;", "", "kim@example.org"),
            ("Kim <mailto:kim@example.org>", "Kim", "kim@example.org"),
            ('"Kim\\" B" <kim@example.org>', 'Kim" B', "kim@example.org"),
        ],
    )
    def test_an_author_is_read(self, field: str, name: str, address: str) -> None:
        found = parse(f"From: {field}\r\n\r\nx".encode()).from_address
        assert found is not None
        assert (found.name, found.address) == (name, address)

    @pytest.mark.parametrize(
        "field", ["", "Kim", "undisclosed-recipients:;", "<>", "kim@", "@example.org", "<a b@example.org>"]
    )
    def test_what_is_no_address_is_none(self, field: str) -> None:
        message = parse(f"From: {field}\r\n\r\nx".encode())
        assert message.from_address is None
        assert "no-sender" in message.defects

    def test_encoded_line_ends_make_no_second_header(self) -> None:
        message = parse(b"Subject: =?utf-8?Q?a=0D=0ABcc:_x=40y.example=00?=\r\n\r\nx")
        assert message.subject == "a Bcc: x@y.example"
        assert "bcc" not in message.headers

    def test_a_line_of_white_space_is_a_folded_one(self) -> None:
        assert parse(b"Subject: a\r\n \r\n b\r\nFrom: a@b.example\r\n\r\nx").subject == "a  b"

    def test_a_line_that_is_no_field_is_skipped_where_fields_follow(self) -> None:
        message = parse(b"Subject: a\r\nthis is not a field\r\nFrom: a@b.example\r\n\r\nx")
        assert message.from_address is not None
        assert "malformed-header-line" in message.defects

    def test_a_text_without_empty_line_before_it_is_the_body(self) -> None:
        message = parse(b"Subject: a\r\nWhere is my lamp?\r\nIt is late.\r\n")
        assert squeezed(message.new_text) == "Where is my lamp? It is late."
        assert "header-without-end" in message.defects

    @pytest.mark.parametrize(("value", "path"), [("<>", ""), ("<kim@example.org>", "kim@example.org")])
    def test_the_return_path_is_read(self, value: str, path: str) -> None:
        assert parse(f"Return-Path: {value}\r\n\r\nx".encode()).return_path == path

    def test_without_return_path_there_is_none(self) -> None:
        assert parse(HEAD + b"\r\nx").return_path is None

    @pytest.mark.parametrize(
        ("value", "offset"),
        [("Mon, 3 Mar 2025 10:00:00 +0100", 1), ("3 Mar 2025 10:00 -0000", 0), ("2025-03-03T10:00:00+01:00", 1),
         ("Mon, 3 Mar 2025 10:00:00 +0100 (CET)", 1)],
    )  # fmt: skip
    def test_a_date_is_aware_and_keeps_its_offset(self, value: str, offset: int) -> None:
        found = parse(f"Date: {value}\r\n\r\nx".encode()).claimed_date
        assert found is not None
        assert found.utcoffset() == timedelta(hours=offset)

    @pytest.mark.parametrize(
        "value", ["yesterday", "Mon, 99 Foo 2025", "", "Mon, 3 Mar 99999 10:00:00 +9999", "0" * 5_000]
    )
    def test_nonsense_is_no_date(self, value: str) -> None:
        message = parse(f"Date: {value}\r\n\r\nx".encode())
        assert message.claimed_date is None
        assert "malformed-date" in message.defects

    def test_a_doubled_field_is_noted_and_the_first_counts(self) -> None:
        message = parse(b"From: a@b.example\r\nFrom: c@d.example\r\n\r\nx")
        assert message.from_address is not None
        assert message.from_address.address == "a@b.example"
        assert "doubled-header" in message.defects

    def test_parameters_in_pieces_are_joined(self) -> None:
        raw = HEAD + (
            b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*0*=utf-8''Gr%C3%B6;\r\n"
            b' filename*1*=%C3%9Fe; filename*2=".pdf"\r\n\r\nx'
        )
        assert parse(raw).attachments[0].filename == "Größe.pdf"


class TestText:
    def test_plain_and_html_with_the_same_words_are_shown_once(self) -> None:
        message = parse((DATA / "gmail-reply-de.eml").read_bytes())
        assert message.text.count("zerbrochen") == 1
        assert "Ihr Paket ist unterwegs" in message.text

    def test_a_plain_part_that_only_points_to_the_html_is_not_the_text(self) -> None:
        html = b"<p>" + b"Where is my lamp? It should have come last week, and nobody answers the phone. " * 8 + b"</p>"
        raw = HEAD + (
            b"Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\n"
            b"Your client cannot show HTML.\r\n--a\r\nContent-Type: text/html\r\n\r\n" + html + b"\r\n--a--\r\n"
        )
        assert parse(raw).new_text.startswith("Where is my lamp?")

    def test_text_around_a_picture_is_one_text(self) -> None:
        raw = HEAD + (
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nabove\r\n--a\r\nContent-Type: image/jpeg; name=l.jpg\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n/9j/\r\n--a\r\n\r\nbelow\r\n--a--\r\n"
        )
        message = parse(raw)
        assert squeezed(message.text) == "above below"
        assert [(a.filename, a.content_type) for a in message.attachments] == [("l.jpg", "image/jpeg")]

    def test_quoted_printable_with_broken_escapes_is_read(self) -> None:
        message = parse(HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n50 =XX percent =C3=A9 =\r\nmore=")
        assert message.new_text.startswith("50 =XX percent é more")
        assert "broken-quoted-printable" in message.defects

    def test_a_report_alone_is_text_with_plain_line_ends(self) -> None:
        text = parse(HEAD + b"Content-Type: message/delivery-status\r\n\r\nAction: fai\0led\r\r\nStatus: 5.1.1\r").text
        assert squeezed(text) == "Action: failed Status: 5.1.1"
        assert not set(text) & set("\r\0")

    @pytest.mark.parametrize("charset", ["utf-7", "UNICODE-1-1-UTF-7"])
    def test_half_a_character_of_utf_7_is_replaced(self, charset: str) -> None:
        message = parse(HEAD + f"Content-Type: text/plain; charset={charset}\r\n\r\nGr+2AA-e".encode())
        assert message.text == "Gr\ufffde"
        assert "undecodable-characters" in message.defects

    @pytest.mark.parametrize("path", [r"C:\fakepath\lamp.png", "../../lamp.png", "/etc/lamp.png", "a/\x07lamp.png"])
    def test_a_filename_has_no_path(self, path: str) -> None:
        raw = HEAD + f'Content-Type: image/png; name="{path}"\r\n\r\nx'.replace("\\", "\\\\").encode()
        assert parse(raw).attachments[0].filename == "lamp.png"


class TestOrderNumbers:
    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("my order 10023345 is late", ("10023345",)),
            ("Order no. AB-1234-X please", ("AB-1234-X",)),
            ("order number: 4711", ("4711",)),
            ("Bestellung Nr. 4711 und Bestellnummer 4712", ("4711", "4712")),
            ("mi pedido número 4711-22", ("4711-22",)),
            ("ma commande n° 4711", ("4711",)),
            ("zamówienie nr 4711", ("4711",)),
            ("заказ № 4711", ("4711",)),
            ("about #10023345", ("10023345",)),
            ("in order to return it", ()),
            ("my order is late since 3 days", ()),
            ("&#8364; 20", ()),
        ],
    )
    def test_are_found_behind_the_word_for_order(self, text: str, numbers: tuple[str, ...]) -> None:
        assert parse(HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode()).order_numbers == numbers

    def test_are_what_the_configured_patterns_match_upper_case_and_once(self) -> None:
        patterns = (re.compile(r"\bSO-(\d+)\b", re.IGNORECASE), re.compile(r"(?P<number>x\d+)"))
        found = parse(HEAD + b"\r\nso-1 and x2, SO-1 again", order_patterns=patterns).order_numbers
        assert found == ("1", "X2")

    def test_are_none_without_patterns(self) -> None:
        assert parse(HEAD + b"\r\norder 10023345", order_patterns=()).order_numbers == ()


class TestFingerprint:
    MAIL = HEAD + DATE + b"\r\nWhere is my lamp?\r\n"

    @pytest.mark.parametrize(
        "same",
        [
            MAIL.replace(b"\r\n", b"\n"),
            b"Received: from mx.example\r\n\tby shop.example\r\nDelivered-To: help@shop.example\r\n" + MAIL,
            MAIL.replace(b"From: Kim <kim", b"From: Kim\r\n <kim"),
            MAIL.replace(b"\r\n\r\n", b"\r\nX-Spam-Score: 1\r\n\r\n"),
            b"From kim@example.org Mon Mar  3 10:00:00 2025\r\n" + MAIL,
            MAIL + b"\r\n\r\n",
        ],
        ids=["LF", "received", "refolded", "header added", "mbox", "empty lines at the end"],
    )
    def test_is_the_same_for_one_mail_however_it_came(self, same: bytes) -> None:
        assert fingerprint(same) == fingerprint(self.MAIL) == parse(same).fingerprint

    @pytest.mark.parametrize(
        "other",
        [
            MAIL.replace(b"<1@", b"<2@"),
            MAIL.replace(b"10:00", b"10:01"),
            MAIL.replace(b"kim@", b"tim@"),
            MAIL.replace(b"lamp", b"chair"),
        ],
        ids=["message-id", "date", "from", "body"],
    )
    def test_differs_where_a_part_of_it_differs(self, other: bytes) -> None:
        assert fingerprint(other) != fingerprint(self.MAIL)

    @given(st.binary(max_size=300))
    def test_is_found_for_any_bytes(self, raw: bytes) -> None:
        assert re.fullmatch(r"[0-9a-f]{64}", fingerprint(raw))


def test_contents_are_the_texts_and_the_attachments_with_their_bytes() -> None:
    raw = HEAD + (
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nabove\r\n--a\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n"
        b"--a\r\nContent-Type: image/png; name=l.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(b"picture")
        + b"\r\n--a--\r\n"
    )
    found = contents(raw)
    assert found.plain == "above"
    assert found.html == "<p>x</p>"
    assert [(attachment.filename, data) for attachment, data in found.attachments] == [("l.png", b"picture")]


class TestTheDocument:
    TEXT = (ROOT / "docs" / "parsing.md").read_text("utf-8")

    def test_lists_each_limit_with_its_value(self) -> None:
        section = self.TEXT.partition("## Bounds\n")[2].partition("\n## ")[0]
        listed = dict(re.findall(r"^\| `([a-z_]+)` \| ([0-9,]+) ", section, re.MULTILINE))
        values = {name: f"{getattr(DEFAULT_LIMITS, name):,}" for name in DEFAULT_LIMITS.__dataclass_fields__}
        assert listed == values

    def test_lists_each_defect_that_the_code_knows(self) -> None:
        section = self.TEXT.partition("## Defects\n")[2].partition("\n## ")[0]
        assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)) == DEFECTS

    def test_the_code_knows_each_defect_that_it_notes(self) -> None:
        sources = [(ROOT / "triage" / name).read_text("utf-8") for name in NOTING]
        literals = {text for source in sources for text in re.findall(r'"([a-z0-9-]+)"', source)}
        assert literals >= DEFECTS.keys()
