"""The values that the whole program speaks of. Pure: no input or output, no clock.

Instants are aware UTC datetimes. Texts are as a reader sees them; raw bytes stay at the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class MessageKey:
    """One message on one server, until UIDVALIDITY changes (RFC 3501, 2.3.1.1)."""

    mailbox: str  # name of the support mailbox, as configured
    folder: str  # decoded name, "Anfragen/Technik"; modified UTF-7 stays inside mailbox.py
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of an address field (RFC 5322, 3.4). `address` is lower-cased in its domain only."""

    name: str  # display name, decoded, control characters gone; "" when there was none
    address: str  # addr-spec, "karin@example.de"; may hold non-ASCII characters (RFC 6531)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].casefold()

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    def same_as(self, other: str) -> bool:
        """Whether *other* names this address; both sides compared without regard to case."""
        return self.address.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in order, bounded in number and length by the parser.

    Names are lower case. Values are unfolded and decoded (RFC 2047), may hold any character but CR, LF and NUL.
    """

    fields: tuple[tuple[str, str], ...] = ()
    _first: dict[str, str] = field(init=False, repr=False, compare=False)  # asked for a hundred times a mail

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", dict(reversed(self.fields)))

    def get(self, name: str, default: str = "") -> str:
        """The first value of *name*, or *default*."""
        return self._first.get(name.lower(), default)

    def get_all(self, name: str) -> tuple[str, ...]:
        name = name.lower()
        return tuple(value for key, value in self.fields if key == name)

    def starting_with(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Fields whose name starts with *prefix*, as `list-` does for the family of RFC 2369."""
        prefix = prefix.lower()
        return (pair for pair in self.fields if pair[0].startswith(prefix))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._first


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not the text of the message; only what is shown about it, never its bytes."""

    filename: str  # cleaned: no path, no control characters; "" when unnamed
    content_type: str  # "image/jpeg", lower case
    size: int  # bytes after decoding; of the encoded form where decoding was not worth it


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, parsed. Parsing never fails: what was wrong is in `defects`."""

    headers: Headers
    message_id: str | None  # with angle brackets, as it stands (RFC 5322, 3.6.4)
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    from_address: Address | None  # the author; the first one where there are several
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    return_path: str | None  # "" is the null sender; None: the header is missing
    subject: str  # decoded and unfolded, at most parsing.MAX_SUBJECT characters
    claimed_date: datetime | None  # the Date header, aware (its own offset kept); None: missing or nonsense
    content_type: str  # of the top level, "multipart/report"
    content_params: tuple[tuple[str, str], ...]  # of the top level, ("report-type", "delivery-status")
    text: str  # the whole text as a reader sees it, quotations and all
    new_text: str  # the author's own new words: no quotation, no signature, no legal footer
    language: str | None  # of new_text, ISO 639-1; None: too little evidence
    attachments: tuple[Attachment, ...]
    size: int  # bytes on the wire
    fingerprint: str  # hex SHA-256 over Message-ID, Date, From and body: see parsing.fingerprint
    defects: tuple[str, ...] = ()
    order_numbers: tuple[str, ...] = ()  # as the configured patterns matched them, upper case, in order, each once
    calendar_method: str = ""  # of the first text/calendar part, lower case: "request", "reply" (RFC 6047, 2.4)
    enclosed_ids: tuple[str, ...] = ()  # Message-IDs of the mails and headers that are enclosed: what a bounce is about

    @property
    def own_words(self) -> str:
        """Subject and new words: what classifier and rules read."""
        return f"{self.subject}\n{self.new_text}".strip()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of one message. `category is None` means that it abstained."""

    category: str | None
    confidence: float  # calibrated probability of the best category, 0..1, also when it abstained
    probabilities: dict[str, float] = field(default_factory=dict)
    model: str = ""  # name and version, for the ledger
    about: str | None = None  # subject of a complaint: logistics, payment, product; None: no complaint, or not known
    unfamiliar: bool = False  # unlike all that the model learnt from: it abstained, whatever the confidence says


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's answer: may an automatic reply go out, and to whom?"""

    reason: str | None  # code of the rung that stopped it, from guard.RUNGS; None: a reply is allowed
    evidence: str | None  # the header or the fact, as found, at most guard.MAX_EVIDENCE characters
    reply_to: str | None = None  # the one address a reply goes to; set whenever it could be found

    @property
    def allowed(self) -> bool:
        return self.reason is None
