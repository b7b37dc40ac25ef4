"""The author's own words, as the clients of many languages wrap them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from triage.mail.html_text import from_html
from triage.mail.quotation_phrases import CLOSINGS, FORWARDED_MESSAGE, LABELS, ORIGINAL_MESSAGE, WROTE
from triage.mail.subject import PREFIXES, base_subject
from triage.text import new_words, tidy

DATA = Path(__file__).parent.parent / "data" / "mail"
HEADERS = yaml.safe_load((DATA / "quotation_headers.yaml").read_text("utf-8"))
LANGUAGES = [
    "en",
    "de",
    "es",
    "fr",
    "it",
    "pt",
    "nl",
    "pl",
    "ru",
    "uk",
    "cs",
    "da",
    "sv",
    "no",
    "fi",
    "hu",
    "tr",
    "ja",
    "zh",
    "ko",
]

OWN = "Hello,\n\nwhere is my parcel? It should have come last week.\nPlease let me know."
THEIRS = "Dear Kim,\n\nyour order 4711 left our house today.\n\nYour team"
QUOTED = textwrap.indent(THEIRS, "> ", lambda _: True)

ATTRIBUTIONS = [
    pytest.param(line, id=f"{language}-{number}")
    for language, kinds in HEADERS.items()
    for number, line in enumerate(kinds["attributions"])
]
BLOCKS = [
    pytest.param(block, id=f"{language}-{number}")
    for language, kinds in HEADERS.items()
    for number, block in enumerate(kinds["blocks"] + kinds["forwards"])
]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def own(text: str) -> str:
    return squeezed(new_words(text))


@pytest.mark.parametrize("line", ATTRIBUTIONS)
class TestAnAttribution:
    def test_above_quoted_lines_is_cut_with_them(self, line: str) -> None:
        assert own(f"{OWN}\n\n{line}\n\n{QUOTED}\n") == squeezed(OWN)

    def test_above_a_mail_without_quote_marks_is_cut_with_it(self, line: str) -> None:
        assert own(f"{OWN}\n\n{line}\n\n{THEIRS}\n") == squeezed(OWN)

    def test_is_found_when_wrapped_and_directly_below_the_words(self, line: str) -> None:
        if "\n" not in line:
            line = textwrap.fill(line, 60, break_long_words=False, break_on_hyphens=False)
        assert own(f"{OWN}\n{line}\n{QUOTED}\n") == squeezed(OWN)

    def test_leaves_the_answer_below_the_quotation(self, line: str) -> None:
        assert own(f"{line}\n{QUOTED}\n\n{OWN}\n") == squeezed(OWN)


@pytest.mark.parametrize("block", BLOCKS)
class TestAHeaderBlock:
    def test_is_cut_with_all_that_follows(self, block: str) -> None:
        assert own(f"{OWN}\n\n{block}\n\n{THEIRS}\n") == squeezed(OWN)

    def test_is_found_when_its_labels_are_bold(self, block: str) -> None:
        bold = "\n".join("*" + line.replace(":", ":*", 1) if line[:1].isalpha() else line for line in block.split("\n"))
        assert own(f"{OWN}\n\n{bold}\n\n{THEIRS}\n") == squeezed(OWN)

    def test_alone_leaves_the_forwarded_words(self, block: str) -> None:
        assert own(f"{block}\n\n{THEIRS}\n") == squeezed(THEIRS)


@pytest.mark.parametrize("table", [WROTE, ORIGINAL_MESSAGE, FORWARDED_MESSAGE, CLOSINGS, *LABELS.values()])
def test_every_table_has_every_language_that_is_promised(table: dict[str, tuple[str, ...]]) -> None:
    missing = {language for language in LANGUAGES if not table.get(language)}
    assert missing <= {"zh", "ja", "ko", "no", "sk", "fi"} if table is LABELS["cc"] else not missing


def test_the_data_has_every_language_that_is_promised() -> None:
    assert set(HEADERS) == set(LANGUAGES)


class TestAnswersBetweenQuotations:
    def test_are_kept_and_the_quotations_cut(self) -> None:
        text = "On 3 Mar 2025, Shop <help@shop.example> wrote:\n> Which size?\n\nSize 42.\n\n> Which colour?\n\nBlue, please.\n"
        assert own(text) == "Size 42. Blue, please."

    def test_are_kept_below_words_on_top(self) -> None:
        text = (
            "See below.\n\nAm 03.03.2025 um 09:41 schrieb Laden:\n> Welche Größe?\n42\n> Welche Farbe?\nBlau\n"
            "> Ihr Laden\n-- \nKim Beispiel\n"
        )
        assert own(text) == "See below. 42 Blau"


class TestWhatIsNotAQuotation:
    @pytest.mark.parametrize(
        "text",
        [
            "Am 03.03.2025 um 10:00 schrieb ich Ihnen:\n\nBitte schicken Sie mir eine neue Lampe.\nWann kommt sie?",
            "On 3 March 2025 I wrote you the following:\n\nthe lamp is broken.\n\nNobody answered.",
            "These are missing:\n\n- the lamp\n- the cable\n\nWhen will they come?",
            "My address:\nMain Street 1\n12345 Town\n\nPlease send it there.",
            "I need two things:\n1. a refund\n2. an invoice dated 2025-03-03\n\nThank you!",
            "Name: Kim Poe\nEmail: kim@example.org\nSubject: Broken lamp\nMessage: It does not shine.",
            "Von meinem Handy aus kann ich die Rechnung leider nicht öffnen. Können Sie helfen?",
            "Our order arrived\n-----\nbut the lamp was missing.\nPlease send it to the old address.",
            "This message is my third one. When will somebody answer?",
            "Diese E-Mail ist meine dritte. Wann antwortet jemand?",
            "Este mensaje es para reclamar mi pedido 4711, que no ha llegado.",
            "Here is another line\n\nSent from my desk, which is much easier than my phone.",
        ],
    )
    def test_stays_as_it_is(self, text: str) -> None:
        assert own(text) == squeezed(text)


class TestSignatures:
    @pytest.mark.parametrize(
        "line",
        [
            "Sent from my iPhone", "Sent from my Galaxy", "Sent from Yahoo Mail on Android", "Get Outlook for iOS",
            "Get Outlook for Android<https://aka.example/x>", "Sent with Proton Mail secure email.", "Sent from Outlook",
            "Sent from Mail for Windows", "Von meinem iPhone gesendet", "Gesendet von Outlook für iOS",
            "Von meinem Samsung Galaxy Smartphone gesendet.", "Gesendet mit der GMX Mail App", "Enviado desde mi iPhone",
            "Enviado desde Correo para Windows", "Obtener Outlook para iOS", "Envoyé de mon iPhone",
            "Envoyé depuis mon téléphone mobile", "Inviato da iPhone", "Inviato dal mio telefono", "Enviado do meu iPhone",
            "Verstuurd vanaf mijn iPhone", "Wysłane z iPhone'a", "Отправлено с iPhone", "Отправлено из мобильной Почты",
            "Надіслано з iPhone", "Odesláno z iPhonu", "Sendt fra min iPhone", "Skickat från min iPhone",
            "Lähetetty iPhonesta", "iPhone'umdan gönderildi", "iPhoneから送信", "发自我的 iPhone", "從我的 iPhone 傳送",
            "나의 iPhone에서 보냄", "-- Sent from my mobile device --",
        ],
    )  # fmt: skip
    def test_of_a_phone_or_a_client_are_cut(self, line: str) -> None:
        assert own(f"{OWN}\n\n{line}\n") == squeezed(OWN)
        assert own(f"{OWN}\n\n{line}\n\nOn 3 Mar 2025, at 09:41, Shop <a@shop.example> wrote:\n\n{QUOTED}") == squeezed(
            OWN
        )

    @pytest.mark.parametrize(
        "closing",
        [
            "Best regards,", "Kind regards", "Mit freundlichen Grüßen", "Viele Grüße,", "MfG", "Un saludo,", "Saludos cordiales,",
            "Cordialement,", "Cordiali saluti", "Atenciosamente,", "Met vriendelijke groet,", "Pozdrawiam", "С уважением,",
            "З повагою,", "S pozdravem", "Med venlig hilsen", "Mvh", "Med vänliga hälsningar", "Vennlig hilsen",
            "Ystävällisin terveisin", "Üdvözlettel,", "Saygılarımla,", "よろしくお願いいたします。", "此致", "감사합니다.",
        ],
    )  # fmt: skip
    def test_behind_a_closing_formula_are_cut_with_it(self, closing: str) -> None:
        assert own(f"{OWN}\n\n{closing}\nKim Poe\n+44 20 7946 0000\n") == squeezed(OWN)

    def test_with_the_name_on_the_line_of_the_formula_are_cut(self) -> None:
        assert own(f"{OWN}\n\nMit freundlichen Grüßen Kim Beispiel\n") == squeezed(OWN)

    def test_behind_two_dashes_are_cut(self) -> None:
        assert own(f"{OWN}\n\n-- \nKim Poe\nMain Street 1\n") == squeezed(OWN)

    def test_do_not_swallow_a_postscript(self) -> None:
        assert "PS: the old one" in new_words(f"{OWN}\n\nBest regards\nKim\n\nPS: the old one was blue.\n")

    def test_alone_are_the_message(self) -> None:
        assert own("Thanks,\nKim") == "Thanks, Kim"
        assert own("Sent from my iPhone") == "Sent from my iPhone"

    def test_thanks_in_a_sentence_are_words(self) -> None:
        assert own("The lamp is broken.\n\nThank you for your help!") == "The lamp is broken. Thank you for your help!"


class TestFooters:
    @pytest.mark.parametrize(
        "footer",
        [
            "This email and any attachments are confidential and intended solely for the addressee.",
            "Disclaimer\n\nThe information in this communication is confidential.",
            "Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, löschen Sie sie.",
            "Este mensaje es confidencial y va dirigido únicamente a su destinatario.",
            "Ce message est confidentiel et réservé à son destinataire.",
            "Questo messaggio è riservato ai destinatari indicati.",
            "Virus-free. www.scanner.example",
            "Please consider the environment before printing this e-mail.",
            "_______________________________________________\nlamps mailing list\nlamps@lists.example\nhttps://lists.example/lamps",
        ],
    )
    def test_of_lawyers_scanners_and_lists_are_cut(self, footer: str) -> None:
        assert own(f"{OWN}\n\n{footer}\n") == squeezed(OWN)

    def test_the_banner_of_a_gateway_is_cut(self) -> None:
        banner = "CAUTION: This email originated from outside of the organization. Do not click links."
        assert own(f"{banner}\n\n{OWN}") == squeezed(OWN)


def test_what_stands_below_a_reply_line_is_cut() -> None:
    assert own(f"{OWN}\n\n##- Please type your reply above this line -##\n\n{THEIRS}") == squeezed(OWN)


def test_only_quoted_words_are_kept_where_there_are_no_others() -> None:
    assert own(QUOTED) == squeezed(THEIRS)


@given(st.text())
def test_words_never_become_nothing(text: str) -> None:
    assert bool(tidy(text)) <= bool(new_words(text))


@given(
    st.lists(st.sampled_from([OWN, QUOTED, THEIRS, "-- ", "From: a@b.example", "Sent: 1.1.2025 10:00", "Regards", ""]))
)
def test_no_mixture_of_parts_leaves_nothing(parts: list[str]) -> None:
    text = "\n".join(parts)
    assert bool(tidy(text)) <= bool(new_words(text))


class TestHtml:
    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("<p>one</p><p>two</p>", "one\n\ntwo"),
            ("one<br>two", "one\ntwo"),
            ("<div>a</div><div>b</div>", "a\nb"),
            ("a &amp; b &lt;c@example.org&gt;", "a & b <c@example.org>"),
            ("from <c@example.org> with <3", "from <c@example.org> with <3"),
            ("<ul><li>a<li>b</ul>", "- a\n- b"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("<pre>a\n  b</pre>", "a\n  b"),
            ("x<style>p{}</style><script>if (a<b) {}</script>y", "xy"),
            ("<head><title>T</title></head>x", "x"),
            ("a<!-- <p>hidden</p> -->b", "ab"),
            ("a<!--[if mso]><p>Word</p><![endif]-->b", "ab"),
            ('a<div style="display:none">hidden <div>deep</div></div>b', "a\nb"),
            ('a<span style="font-size:0px">hidden</span>b', "ab"),
            ('a<img alt="\U0001f600" src="x">b<img alt="logo">', "a\U0001f600b"),
            ('<a title="x > y">link</a>', "link"),
            ("a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n> b\n>> c\nd"),
            ("<b>un<i>closed", "unclosed"),
        ],
    )
    def test_is_read_as_a_reader_sees_it(self, source: str, text: str) -> None:
        assert from_html(source).text.strip("\n") == text

    @pytest.mark.parametrize(
        "around",
        [
            '<div class="gmail_quote"><div class="gmail_attr">在 x：<br></div><blockquote class="gmail_quote">{}</blockquote></div>',
            '<div class="gmail_quote">whatever this language says 2025:<blockquote class="gmail_quote">{}</blockquote></div>',
            '<div class="moz-cite-prefix">any words:<br></div><blockquote type="cite" cite="mid:x">{}</blockquote>',
            '<div><blockquote type="cite"><div>any words:</div><div>{}</div></blockquote></div>',
            '<div id="yqt" class="yahoo_quoted"><div>any words:</div>{}</div>',
            '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg">any words</div><div>{}</div>',
            '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p>words</p></div><p>{}</p>',
            '<div class="ms-outlook-mobile-reference-message">{}</div>',
            '<div name="quote" style="margin:10px"><div>any words</div>{}</div>',
            '<div class="protonmail_quote">any words<blockquote class="protonmail_quote">{}</blockquote></div>',
            '<hr id="zwchr" data-marker="__DIVIDER__"><div>any words</div>{}',
            '<div class="zmail_extra">any words{}</div>',
            '<span id="OLK_SRC_BODY_SECTION"><div>any words</div>{}</span>',
        ],
    )
    def test_quotations_of_clients_are_known_by_their_markup(self, around: str) -> None:
        page = from_html(f"<html><body><div>My own words.</div><br>{around.format(THEIRS)}</body></html>")
        assert own(page.marked) == "My own words."
        assert "order 4711" in page.text

    def test_signatures_of_clients_are_known_by_their_markup(self) -> None:
        page = from_html('<div>Own words</div><div class="gmail_signature"><div>Kim Poe</div>Director</div>')
        assert own(page.marked) == "Own words"
        assert page.text == "Own words\nKim Poe\nDirector"

    @given(st.text(alphabet=st.sampled_from(list("<>/!-=\"' abdivp&;#\n")), max_size=300))
    def test_any_soup_of_tags_is_read(self, source: str) -> None:
        assert from_html(source).text is not None


class TestBaseSubject:
    @pytest.mark.parametrize(
        "subject",
        [
            "Lamp", "Re: Lamp", "RE: Re: lamp", "AW: WG: Lamp", "Re[2]: Lamp", "RE(3): Lamp", "Antwort: Lamp", "RV: Lamp",
            "TR: Lamp", "SV: Lamp", "VS: Lamp", "Odp: Lamp", "YNT: Lamp", "回复：Lamp", "答复: 转发: Lamp", "Fwd: Lamp (fwd)",
            "[lamps] Re: Lamp", "Re: [lamps] Lamp", "[Fwd: Lamp]", "  Re:   Lamp ", "R: I: Lamp", "Отв: Lamp", "회신: Lamp",
        ],
    )  # fmt: skip
    def test_is_the_same_for_a_whole_conversation(self, subject: str) -> None:
        assert base_subject(subject).casefold() == "lamp"

    @pytest.mark.parametrize("subject", ["Reklamation: Lamp", "Refund: lamp", "Order 12: lamp", "[lamps]", "Ref: 123"])
    def test_keeps_what_is_no_prefix(self, subject: str) -> None:
        assert base_subject(subject) == subject

    def test_has_prefixes_of_the_languages_whose_clients_translate_them(self) -> None:
        assert set(PREFIXES) >= set(LANGUAGES)

    @given(st.text())
    def test_is_found_for_any_text_and_only_once(self, subject: str) -> None:
        assert base_subject(base_subject(subject)) == base_subject(subject)
