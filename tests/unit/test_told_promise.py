"""What a customer reads of a promise, planned as the daemon plans it: closed days, zones and rounding, in each locale."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.support.facts import facts, office
from tests.support.home import fresh
from triage.parsing import parse
from triage.planning import Office, plan
from triage.policy import Policy
from triage.promises.due_date import NEVER_REACHED, Promise

LOCALES = ("en-US", "en-GB", "de-DE", "de-AT", "es-ES", "es-MX")
EVE = datetime(2026, 12, 23, 15, 10, tzinfo=UTC)  # Wednesday, 16:10 in Berlin
WORDS = {
    "en": "My order has not arrived yet and the tracking page has not moved since Monday. Where is it, please?",
    "de": "Meine Bestellung ist noch nicht angekommen, und die Sendung bewegt sich seit Montag nicht. Wo bleibt sie?",
    "es": "Mi pedido todavía no ha llegado y el seguimiento no avanza desde el lunes. ¿Dónde está, por favor?",
}


@functools.cache
def desk(locale: str, zone: str = "Europe/Berlin", half_day: str = "09:00-12:00") -> Office:
    """The shipped office, answering in *locale*, with its desks in *zone*, and 24 December as a half day."""
    usual = office()
    routing = yaml.safe_load((fresh() / "config" / "routing.yaml").read_text(encoding="utf-8"))
    holidays = {"country": "DE", "add": {"2026-12-30": "Stocktaking"}, "half_days": {"12-24": half_day}}
    routing["calendars"] = {"office": {"zone": zone, "hours": {"mon-fri": "09:00-17:00"}, "holidays": holidays}}
    mailboxes = {
        name: mailbox.model_copy(update={"languages": (locale,)}) for name, mailbox in usual.settings.mailboxes.items()
    }
    settings = usual.settings.model_copy(update={"mailboxes": mailboxes})
    return replace(usual, policy=Policy.model_validate(routing), settings=settings)


def told(
    locale: str,
    at: datetime = EVE,
    *,
    date: str = "",
    zone: str = "Europe/Berlin",
    half_day: str = "09:00-12:00",
    **more: object,
) -> str:
    """The reply to a mail in the language of *locale*, as one line of plain text."""
    head = f"From: karin@mail.example\r\nTo: support@example.com\r\nMessage-ID: <a@mail.example>\r\nSubject: x\r\nDate: {date}\r\n"
    mail = f"{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{WORDS[locale[:2]]}\r\n"
    made = plan(parse(mail.encode()), facts(received_at=at, now=at, **more), desk(locale, zone, half_day))
    assert made.rendered is not None
    assert made.rendered.locale == locale
    return " ".join(made.rendered.text.split())


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en-US", "A person will answer you by: Tuesday, December 29, 2026, 1:30 PM (Berlin) Our office is closed: "
                  "Thursday, December 24, 2026, from 12:00 PM Friday, December 25, 2026 (Christmas Day)"),
        ("en-GB", "A person will answer you by: Tuesday, 29 December 2026, 13:30 (Berlin) Our office is closed: "
                  "Thursday, 24 December 2026, from 12:00 Friday, 25 December 2026 (Christmas Day)"),
        ("de-DE", "Persönliche Antwort bis spätestens: Dienstag, 29. Dezember 2026, 13:30 Uhr (Berlin) Unser Büro ist geschlossen: "
                  "Donnerstag, 24. Dezember 2026, ab 12:00 Uhr Freitag, 25. Dezember 2026 (Erster Weihnachtstag)"),
        ("de-AT", "Persönliche Antwort bis spätestens: Dienstag, 29. Dezember 2026, 13:30 Uhr (Berlin) Unser Büro ist geschlossen: "
                  "Donnerstag, 24. Dezember 2026, ab 12:00 Uhr Freitag, 25. Dezember 2026 (Erster Weihnachtstag)"),
        ("es-ES", "Una persona le responderá como muy tarde: martes, 29 de diciembre de 2026, 13:30 (Berlín) Nuestra oficina estará "
                  "cerrada: jueves, 24 de diciembre de 2026, desde las 12:00 viernes, 25 de diciembre de 2026 (Erster Weihnachtstag)"),
        ("es-MX", "Una persona le responderá a más tardar: martes, 29 de diciembre de 2026, 1:30 p.m. (Berlín) Nuestra oficina estará "
                  "cerrada: jueves, 24 de diciembre de 2026, de 12:00 p.m. en adelante viernes, 25 de diciembre de 2026 (Erster"),
    ],
)  # fmt: skip
def test_closed_days_are_named_where_they_are_the_reason(locale: str, expected: str) -> None:
    """16 hours from 16:10: fifty minutes, three hours on the 24th, eight on the 28th, the rest on the 29th, rounded up."""
    text = told(locale)
    assert expected in text
    assert "Stocktaking" not in text  # that is after the promise


@pytest.mark.parametrize("locale", LOCALES)
def test_no_day_is_named_where_none_took_any_time(locale: str) -> None:
    text = told(locale, datetime(2026, 11, 24, 10, 0, tzinfo=UTC), date="Tue, 24 Nov 2026 11:00:00 +0100")
    assert not any(word in text for word in ("closed", "geschlossen", "cerrada", "UTC"))


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en-US", "In your local time: Tuesday, December 29, 2026, 7:30 AM (UTC−5)"),
        ("de-AT", "In Ihrer Ortszeit: Dienstag, 29. Dezember 2026, 07:30 Uhr (UTC−5)"),
        ("es-MX", "En su hora local: martes, 29 de diciembre de 2026, 7:30 a.m. (UTC−5)"),
    ],
)
def test_the_customers_own_time_stands_beside_it_where_it_differs(locale: str, expected: str) -> None:
    assert expected in told(locale, date="Wed, 23 Dec 2026 10:10:00 -0500")


@pytest.mark.parametrize("date", ["", "Wed, 23 Dec 2026 15:10:00 +0000", "Wed, 23 Dec 2026 16:10:00 +0100"])
def test_no_other_time_is_told_where_it_is_the_same_or_not_known(date: str) -> None:
    assert "local time" not in told("en-US", date=date)


def test_a_customer_in_the_teams_zone_keeps_one_time_when_summer_time_ends_meanwhile() -> None:
    friday = datetime(2026, 10, 23, 12, 0, tzinfo=UTC)
    text = told("de-DE", friday, date="Fri, 23 Oct 2026 14:00:00 +0200")
    assert "Dienstag, 27. Oktober 2026, 14:00 Uhr (Berlin)" in text
    assert "Ortszeit" not in text


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en-US", "outside our office hours. We will read it when we are back. A person will answer you by: Tuesday, November 24, "
                  "2026, 5:00 PM (New York) We are open again: Monday, November 23, 2026, 9:00 AM (New York)"),
        ("de-DE", "außerhalb unserer Bürozeiten eingegangen. Wir lesen sie, sobald wir wieder da sind. Persönliche Antwort bis "
                  "spätestens: Dienstag, 24. November 2026, 17:00 Uhr (New York) Wir sind wieder für Sie da: Montag, 23. November"),
        ("es-ES", "fuera de nuestro horario de atención. Queda registrado y lo leeremos en cuanto volvamos. Una persona le responderá "
                  "como muy tarde: martes, 24 de noviembre de 2026, 17:00 (Nueva York) Reanudamos la atención: lunes, 23 de noviembre"),
    ],
)  # fmt: skip
def test_outside_opening_hours_it_says_so_and_when_we_are_back(locale: str, expected: str) -> None:
    assert expected in told(locale, datetime(2026, 11, 22, 20, 0, tzinfo=UTC), zone="America/New_York")


class NoDate:
    """A promiser of a team that leaves too many tickets open."""

    def promise(self, *, team: str, at: datetime, language: str | None, **_: object) -> Promise:
        return Promise(at, None, team, language, None, 0.95, 40.0, "estimated", "2", (), no_date=NEVER_REACHED)


class Quick:
    """A promiser of a team of which most answers are known to be quick."""

    def promise(self, *, team: str, at: datetime, language: str | None, **_: object) -> Promise:
        soon = at + timedelta(hours=20, minutes=10)
        return Promise(
            at, at + timedelta(hours=50), team, language, None, 0.95, 40.0, "estimated", "2", (), typical=soon
        )


@pytest.mark.parametrize("locale", LOCALES)
def test_where_no_date_is_honest_none_is_named(locale: str) -> None:
    text = told(locale, datetime(2026, 11, 24, 10, 0, tzinfo=UTC), promiser=NoDate())
    honest = {"en": "cannot say for certain", "de": "nicht verlässlich sagen", "es": "no podemos decirle con seguridad"}
    assert honest[locale[:2]] in text
    assert "2026" not in text


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en-US", "Most people hear from us within: 21 hours"),
        ("de-DE", "Meist dauert es nicht länger als: 21 Stunden"),
        ("es-MX", "Respondemos a la mayoría en un máximo de: 21 horas"),
    ],
)
def test_the_softer_figure_is_rounded_up(locale: str, expected: str) -> None:
    assert expected in told(locale, datetime(2026, 11, 24, 10, 0, tzinfo=UTC), promiser=Quick())


def test_a_morning_that_is_closed_is_told_by_when_it_opens() -> None:
    assert "Donnerstag, 24. Dezember 2026, bis 13:00 Uhr" in told("de-DE", half_day="13:00-17:00")
