"""Rendering: dates per locale, what values may do, and that text and HTML say the same. All values are made up."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import ConfigError
from triage.templates import Catalog, ClosedDay, PromiseValues, RenderedReply, ReplyValues, clean_name
from triage.templates.environment import compile_text, faults, text_environment
from triage.templates.markup import WIDTH
from triage.templates.promise_format import format_moment, format_span, utc_offset_label, zone_label

TEMPLATES = Path(__file__).parents[2] / "templates"
CATALOG = Catalog.load(TEMPLATES, default_locale="en")
BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
PROMISE = PromiseValues(due_at=DUE, zone=BERLIN)


def values(promise: PromiseValues = PROMISE, **given: Any) -> ReplyValues:
    return ReplyValues(ticket="A1B2C3", shop_name="Nordlicht", team_name="The team", promise=promise, **given)


def words(html: str) -> list[str]:
    """What a reader sees of the HTML, without its head."""
    body = html[html.index("<body") :]
    return unescape(re.sub(r"<[^>]+>", " ", body)).split()


class TestPromise:
    @pytest.mark.parametrize(
        ("locale", "expected"),
        [
            ("en", "Wednesday, November 25, 2026, 11:00 AM (Berlin)"),
            ("en-GB", "Wednesday, 25 November 2026, 11:00 (Berlin)"),
            ("de", "Mittwoch, 25. November 2026, 11:00 Uhr (Berlin)"),
            ("es", "miércoles, 25 de noviembre de 2026, 11:00 (Berlín)"),
            ("es-MX", "miércoles, 25 de noviembre de 2026, 11:00 a.m. (Berlín)"),
        ],
    )
    def test_is_a_full_date_time_and_zone_in_the_customers_language(self, locale: str, expected: str) -> None:
        reply = CATALOG.render("logistics", locale, values())
        assert expected in reply.text
        assert expected in reply.html.replace("\u00a0", " ")

    @pytest.mark.parametrize("locale", CATALOG.locales)
    @pytest.mark.parametrize("template", CATALOG.templates)
    def test_stands_in_every_mail(self, template: str, locale: str) -> None:
        reply = CATALOG.render(template, locale, values())
        assert "25" in reply.text
        assert "11:00" in reply.text
        assert "2026" in reply.text

    def test_is_stated_in_the_time_of_the_day_it_falls_on(self) -> None:
        summer = CATALOG.render("neutral", "de", values(PromiseValues(datetime(2026, 10, 24, 9, tzinfo=UTC), BERLIN)))
        winter = CATALOG.render("neutral", "de", values(PromiseValues(datetime(2026, 10, 26, 9, tzinfo=UTC), BERLIN)))
        assert "Samstag, 24. Oktober 2026, 11:00 Uhr" in summer.text
        assert "Montag, 26. Oktober 2026, 10:00 Uhr" in winter.text

    def test_is_also_given_on_the_customers_clock(self) -> None:
        promise = PromiseValues(DUE, BERLIN, customer_utc_offset=timedelta(hours=-5))
        text = CATALOG.render("product", "en", values(promise)).text
        assert "In your local time: Wednesday, November 25, 2026, 5:00 AM (UTC−5)" in text

    def test_names_the_customers_date_where_it_is_another_day(self) -> None:
        promise = PromiseValues(DUE, BERLIN, customer_utc_offset=timedelta(hours=14))
        assert "Thursday, November 26, 2026, 12:00 AM (UTC+14)" in CATALOG.render("neutral", "en", values(promise)).text

    def test_is_not_repeated_for_a_customer_whose_clock_shows_the_same(self) -> None:
        promise = PromiseValues(DUE, BERLIN, customer_utc_offset=timedelta(hours=1))
        assert "local time" not in CATALOG.render("product", "en", values(promise)).text

    @given(st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)), st.sampled_from(["UTC", "Asia/Kolkata"]))  # noqa: DTZ001
    def test_is_never_stated_earlier_than_it_is(self, moment: datetime, zone: str) -> None:
        due = moment.replace(tzinfo=UTC)
        text = format_moment(due, ZoneInfo(zone), "x", Locale("de"), "{time}")
        local = due.astimezone(ZoneInfo(zone))
        stated = int(text[:2]) * 60 + int(text[3:])
        exact = local.hour * 60 + local.minute + (local.second + local.microsecond / 1e6) / 60
        assert 0 <= (stated - exact) % (24 * 60) < 1

    def test_says_honestly_that_there_is_no_date(self) -> None:
        for locale, phrase in [
            ("en", "cannot say for certain"),
            ("de", "nicht verlässlich sagen"),
            ("es", "no podemos decirle con seguridad"),
        ]:
            reply = CATALOG.render("complaint", locale, values(PromiseValues(None, BERLIN)))
            assert phrase in " ".join(reply.text.split())
            assert "2026" not in reply.text

    def test_tells_when_we_are_back_and_which_days_are_the_reason(self) -> None:
        promise = PromiseValues(
            due_at=datetime(2026, 12, 28, 10, tzinfo=UTC),
            zone=BERLIN,
            opens_at=datetime(2026, 12, 28, 8, tzinfo=UTC),
            closed_days=(ClosedDay(date(2026, 12, 25), "Weihnachten"), ClosedDay(date(2026, 12, 24), None, time(12))),
        )
        text = CATALOG.render("neutral", "de", values(promise)).text
        assert "Wir sind wieder für Sie da:\n  Montag, 28. Dezember 2026, 09:00 Uhr (Berlin)" in text
        assert (
            "Unser Büro ist geschlossen:\n"
            "  Donnerstag, 24. Dezember 2026, ab 12:00 Uhr\n"
            "  Freitag, 25. Dezember 2026 (Weihnachten)\n" in text
        )

    @pytest.mark.parametrize(
        ("locale", "expected"),
        [
            ("en-US", "Thursday, December 24, 2026, until 1:00 PM (Christmas Eve)"),
            ("en-GB", "Thursday, 24 December 2026, until 13:00 (Christmas Eve)"),
            ("de-AT", "Donnerstag, 24. Dezember 2026, bis 13:00 Uhr (Christmas Eve)"),
            ("es-ES", "jueves, 24 de diciembre de 2026, hasta las 13:00 (Christmas Eve)"),
            ("es-MX", "jueves, 24 de diciembre de 2026, apertura: 1:00 p.m. (Christmas Eve)"),
        ],
    )
    def test_tells_of_a_morning_that_is_closed(self, locale: str, expected: str) -> None:
        day = ClosedDay(date(2026, 12, 24), "Christmas Eve", closed_until=time(13))
        text = CATALOG.render("neutral", locale, values(PromiseValues(DUE, BERLIN, closed_days=(day,)))).text
        assert expected in " ".join(text.split())

    def test_breaks_a_line_of_html_after_commas_only(self) -> None:
        closed = ClosedDay(date(2026, 12, 24), "Annual stocktaking, in all our warehouses from the north to the south")
        html = CATALOG.render("neutral", "de", values(PromiseValues(DUE, BERLIN, closed_days=(closed,)))).html
        assert "Mittwoch, 25.\u00a0November\u00a02026, 11:00\u00a0Uhr\u00a0(Berlin)" in html
        assert "in all our warehouses from the north to the south)" in html

    def test_has_no_parentheses_inside_others(self) -> None:
        day = ClosedDay(date(2026, 12, 28), "Boxing Day (observed)")
        text = CATALOG.render("neutral", "en-GB", values(PromiseValues(DUE, BERLIN, closed_days=(day,)))).text
        assert "Monday, 28 December 2026 (Boxing Day, observed)" in text

    def test_gives_closed_days_in_a_row_as_one_span(self) -> None:
        days = tuple(ClosedDay(date(2026, 8, day), "Betriebsferien") for day in range(3, 15))
        text = CATALOG.render("neutral", "de", values(PromiseValues(DUE, BERLIN, closed_days=days))).text
        assert "Montag, 3. August 2026 – Freitag, 14. August 2026 (Betriebsferien)" in text.replace("\n  ", " ")

    def test_has_a_softer_figure_beside_it(self) -> None:
        promise = PromiseValues(DUE, BERLIN, typical=timedelta(hours=4, minutes=10))
        assert "Most people hear from us within: 5 hours" in CATALOG.render("neutral", "en", values(promise)).text


@pytest.mark.parametrize(
    ("span", "expected"),
    [(timedelta(minutes=5), "1 hour"), (timedelta(hours=33.6), "34 hours"), (timedelta(hours=49), "3 days")],
)
def test_spans_are_rounded_up(span: timedelta, expected: str) -> None:
    assert format_span(span, Locale("en")) == expected


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, "UTC"), (60, "UTC+1"), (330, "UTC+5:30"), (-210, "UTC−3:30"), (-30, "UTC−0:30")]
)
def test_offsets_read_as_people_write_them(offset: int, expected: str) -> None:
    assert utc_offset_label(timedelta(minutes=offset)) == expected


@pytest.mark.parametrize(
    ("zone", "locale", "expected"),
    [
        ("Europe/Vienna", "de", "Wien"),
        ("Europe/Vienna", "en", "Vienna"),
        ("America/New_York", "de", "New York"),
        ("America/Argentina/Buenos_Aires", "en", "Buenos Aires"),
        ("Etc/GMT-3", "en", "UTC+3"),
        ("UTC", "en", "UTC"),
    ],
)
def test_zones_are_called_by_their_city(zone: str, locale: str, expected: str) -> None:
    assert zone_label(ZoneInfo(zone), Locale(locale), DUE) == expected


class TestLocales:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("de", "de"),
            ("de-AT", "de-AT"),
            ("de_AT", "de-AT"),
            ("es-MX", "es-MX"),
            ("fr", "en"),
            ("de-QQ", "de"),
            ("nonsense", "en"),
            ("", "en"),
        ],
    )
    def test_falls_back_to_the_nearest_that_has_texts(self, asked: str, found: str) -> None:
        assert CATALOG.resolve(asked) == found

    def test_inherits_texts_along_the_lineage(self) -> None:
        mexico = CATALOG.render("logistics", "es-MX", values(tracking_url="https://t.example"))
        spain = CATALOG.render("logistics", "es", values(tracking_url="https://t.example"))
        assert "Rastree su paquete" in mexico.text
        assert "Siga su envío" in spain.text
        assert 'lang="es-MX"' in mexico.html

    @pytest.mark.parametrize(
        ("language", "expected"), [("en", "en-GB"), ("de", "de"), ("fr", "de"), (None, "de"), ("es", "de")]
    )
    def test_a_mailbox_offers_its_own_locales(self, language: str | None, expected: str) -> None:
        assert CATALOG.choose(language, ["de", "en-GB"]) == expected

    def test_an_unknown_template_names_those_there_are(self) -> None:
        with pytest.raises(ConfigError, match="logistics, neutral"):
            CATALOG.render("finance", "en", values())


class TestValues:
    HOSTILE = 'A <script>alert("1")</script> & [x](https://evil.example) {{ ticket }} {% raw %}'

    def test_are_escaped_in_html(self) -> None:
        reply = CATALOG.render("neutral", "en", values(order_number=self.HOSTILE))
        assert "<script>" not in reply.html
        assert "&lt;script&gt;" in reply.html

    def test_never_become_markup_or_template(self) -> None:
        reply = CATALOG.render("neutral", "en", values(order_number=self.HOSTILE))
        assert 'href="https://evil' not in reply.html
        assert self.HOSTILE in " ".join(reply.text.split())

    @given(st.text(min_size=1, max_size=80))
    def test_any_text_is_either_refused_or_shown_as_it_is(self, text: str) -> None:
        try:
            given_values = values(order_number=text)
        except ValueError:
            return
        reply = CATALOG.render("payment", "de", given_values)
        assert "".join(text.split()) in "".join(reply.text.split())
        assert "".join(text.split()) in "".join(words(reply.html))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"tracking_url": "javascript:alert(1)"},
            {"help_url": "https://shop.example/a b"},
            {"privacy_url": 'https://shop.example/"onclick='},
            {"customer_name": "Karin\r\nBcc: x@example.com"},
            {"customer_name": "\u202egnp.exe"},
            {"order_number": "  "},
        ],
        ids=str,
    )
    def test_are_refused_where_they_have_no_business_in_a_mail(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"address|control"):
            values(**wrong)

    def test_need_an_instant_with_a_zone(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            PromiseValues(datetime(2026, 11, 25, 10), BERLIN)  # noqa: DTZ001


class TestSandbox:
    @pytest.mark.parametrize(
        "trick",
        [
            "{{ ticket.__class__.__mro__ }}",
            "{{ ticket['__class__'] }}",
            "{{ ''.join([]) }}",
            "{{ ticket|attr('__class__') }}",
            "{{ range(9) }}",
            "{% include 'x' %}",
            "{% import 'x' as y %}",
            "{{ self }}",
            "{{ lipsum }}",
        ],
    )
    def test_refuses_what_is_not_for_texts(self, trick: str) -> None:
        found = list(faults(text_environment(), trick, frozenset({"ticket"})))
        assert found[0][0] == 1

    def test_an_undefined_name_never_renders_as_nothing(self) -> None:
        with pytest.raises(Exception, match="'oder_number' is undefined"):
            compile_text("{{ oder_number }}").render(order_number="1")

    def test_a_missing_value_never_renders_as_none(self) -> None:
        with pytest.raises(Exception, match="without an"):
            compile_text("{{ order_number }}").render(order_number=None)

    def test_a_tag_at_the_end_of_a_line_keeps_the_space_between_words(self) -> None:
        assert compile_text("one{% if a %}\ntwo{% endif %}").render(a="1").split() == ["one", "two"]

    def test_a_line_of_tags_leaves_no_trace(self) -> None:
        assert compile_text("- a\n{% if a %}\n- b\n{% endif %}\n- c").render(a=None) == "- a\n- c"


class TestShape:
    def reply(self, **given: Any) -> RenderedReply:
        return CATALOG.render("logistics", "en", values(order_number="DE-1", help_url="https://h.example/", **given))

    def test_text_and_html_say_the_same(self) -> None:
        reply = self.reply(privacy_url="https://p.example/", languages=("de", "en"))
        text = re.sub(r": https?://\S+|^-- $|^- ", " ", reply.text, flags=re.MULTILINE).replace(":\n  ", "\n")
        in_text = re.sub(r":(?=\s)", "", text).split()
        in_html = re.sub(r":(?=\s)", "", " ".join(words(reply.html))).split()
        assert in_text == in_html

    def test_lines_of_the_text_stay_short(self) -> None:
        lines = self.reply(tracking_url="https://t.example/" + "x" * 100).text.splitlines()
        assert max(len(line) for line in lines if "https" not in line) <= WIDTH
        assert any(line.strip() == "https://t.example/" + "x" * 100 or line.endswith("x" * 100) for line in lines)

    def test_html_sets_language_and_direction(self) -> None:
        assert '<html lang="en" dir="ltr">' in self.reply().html

    def test_html_loads_nothing_and_leaves_colours_to_the_client(self) -> None:
        html = self.reply().html
        assert not re.search(r"<img|<link|<script|url\(|@import|src=", html)
        assert 'name="color-scheme" content="light dark"' in html
        assert not re.search(r"(?<![-\w])color:|background", html)

    def test_subject_is_one_line_with_the_reference(self) -> None:
        reply = CATALOG.render("neutral", "de", values())
        assert reply.subject == "Ihre Nachricht ist bei uns angekommen [#A1B2C3]"


@pytest.mark.parametrize(
    ("display_name", "expected"),
    [
        ("Karin Müller", "Karin Müller"),
        ('"Müller, Karin"', "Karin Müller"),
        ("José Ángel García-López", "José Ángel García-López"),
        ("Siobhán O'Neill", "Siobhán O'Neill"),
        ("J. R. Smith", "J. R. Smith"),
        ("Мария", "Мария"),
        ("", None),
        ("info", None),
        ("Shop Support", None),
        ("karin@example.de", None),
        ("Win 1000 EUR", None),
        ("Cheap pills evil.example", None),
        ("Visit https://evil.example", None),
        ("One Two Three Four Five", None),
        ("Karin 🎉", None),
        ("Karin Li½ndner", None),
        ("Henry Ⅷ", None),
        ("鈴木 一郎", "鈴木 一郎"),
        ("x" * 41, None),
    ],
)
def test_only_what_is_plainly_a_name_is_greeted(display_name: str, expected: str | None) -> None:
    assert clean_name(display_name) == expected


@given(st.text(max_size=60))
def test_a_cleaned_name_is_always_a_valid_value(display_name: str) -> None:
    name = clean_name(display_name)
    if name is not None:
        assert name in CATALOG.render("neutral", "en", values(customer_name=name)).text
