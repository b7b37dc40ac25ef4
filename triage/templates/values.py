"""What a text may say: validated values only, and the reply that comes of them. Pure.

Nothing the sender wrote reaches these fields but a name that `clean_name` let through and an order number that a
pattern of ours matched: an acknowledgement must never carry somebody else's words to a forged address.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

MAX_NAME = 40  # the longest name in a greeting; a longer one is more often a slogan than a person
MAX_VALUE = 2000  # characters of any one value; URLs with tracking parameters stay far below

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ue000-\uf8ff]")
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
# Display names of desks and robots: better no name than "Hello info,". Compared word by word, case folded.
_NOT_A_PERSON = frozenset(
    {
        *(
            "admin",
            "administrator",
            "bestellung",
            "billing",
            "buchhaltung",
            "contact",
            "contacto",
            "customer",
            "einkauf",
        ),
        *("help", "hello", "hilfe", "hola", "info", "kontakt", "kunde", "kundenservice", "mail", "noreply", "office"),
        *("orders", "pedidos", "postmaster", "sales", "service", "servicio", "shop", "soporte", "support", "team"),
        *("tienda", "unknown", "user", "ventas", "vertrieb", "webmaster", "www"),
    }
)


def clean_name(display_name: str) -> str | None:
    """The sender's display name as a greeting may use it, or None when it is not plainly a person's name.

    One to four words of letters, 40 characters at most, "Müller, Karin" turned round. Digits, addresses, links,
    brackets, emoji and names of desks ("Support") give None: a greeting without a name is never wrong.
    """
    name = unicodedata.normalize("NFC", display_name).strip().strip("\"'").strip()
    family, comma, given = name.partition(",")
    if comma:
        name = f"{given} {family}"
    words = name.split()
    if not 1 <= len(words) <= 4 or not all(_NAME_WORD.fullmatch(word) for word in words):
        return None
    if not all(c.isalpha() or c in "'’-." for word in words for c in word):
        return None  # "½" and "Ⅷ" are neither letters nor digits
    if any(word.casefold().strip(".") in _NOT_A_PERSON for word in words):
        return None
    if len(words) == 1 and (len(words[0].strip(".")) < 2 or words[0].islower()):
        return None  # "k.", "shopping": an account name rather than a name
    name = " ".join(words)
    return name if len(name) <= MAX_NAME else None


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day on which the team does not work, and which is why the promise is as long as it is."""

    date: date  # in the team's zone
    name: str | None = None  # "Christmas Day", in the customer's language if the caller has it; None: just the date
    closed_from: time | None = None  # wall time of the team's zone, where it closes earlier than usual
    closed_until: time | None = None  # the same, where it opens later than usual; both None: closed all day

    @property
    def whole(self) -> bool:
        """Closed all day."""
        return self.closed_from is None and self.closed_until is None


@dataclass(frozen=True, slots=True)
class PromiseValues:
    """By when a person answers. Instants are aware; `due_at` comes rounded up to the half hour."""

    due_at: datetime | None  # None: no date can be named honestly; the text then says so
    zone: tzinfo  # the team's zone
    zone_city: str | None = None  # how the zone is called in the text; None: the city's name in the customer's language
    customer_utc_offset: timedelta | None = None  # of the customer's Date header; None: unknown (and "+0000" often is)
    typical: timedelta | None = None  # within this span of wall time most people are answered; None: not said
    closed_days: tuple[ClosedDay, ...] = ()  # days between arrival and promise that the calendar closes
    opens_at: datetime | None = None  # set when the mail arrived outside opening hours: the next opening

    def __post_init__(self) -> None:
        for name in ("due_at", "opens_at"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise ValueError(f"{name} needs a zone")
        _refuse_unsafe("zone_city", self.zone_city)
        for day in self.closed_days:
            _refuse_unsafe("closed_days", day.name)


@dataclass(frozen=True, slots=True)
class ReplyValues:
    """All that a reply may mention. Raises ValueError for a value that has no business in a mail."""

    ticket: str  # our reference, without "#"
    shop_name: str
    team_name: str  # who writes, as the customer should read it, in the customer's language
    promise: PromiseValues
    customer_name: str | None = None  # as `clean_name` returned it
    order_number: str | None = None  # as our pattern matched it
    tracking_url: str | None = None  # http or https, order number already in place
    help_url: str | None = None  # of the category's help page
    privacy_url: str | None = None
    languages: tuple[str, ...] = ()  # locales the team answers in; empty: not said

    def __post_init__(self) -> None:
        if not _TICKET.fullmatch(self.ticket):
            raise ValueError(f"ticket must be letters, digits and hyphens, not {self.ticket!r}")
        for name in ("shop_name", "team_name", "customer_name", "order_number"):
            _refuse_unsafe(name, getattr(self, name))
        for name in ("tracking_url", "help_url", "privacy_url"):
            url = getattr(self, name)
            if url is not None and (len(url) > MAX_VALUE or not _URL.fullmatch(url) or _CONTROL.search(url)):
                raise ValueError(f"{name} must be an http or https address without spaces")


@dataclass(frozen=True, slots=True)
class RenderedReply:
    """One reply, as text and as HTML that says the same."""

    subject: str  # one line, the template's own; never anything of the sender's
    text: str  # ends with a line feed; lines of 72 characters at most, but for addresses of pages
    html: str  # a whole document, `lang` and `dir` set, nothing loaded from elsewhere
    locale: str  # of texts and dates, "es-MX"
    template: str


def _refuse_unsafe(name: str, value: str | None) -> None:
    if value is not None and (not value.strip() or len(value) > MAX_VALUE or _CONTROL.search(value)):
        raise ValueError(f"{name} is empty, too long or holds control characters")
