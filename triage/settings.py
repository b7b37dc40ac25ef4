"""What `config/triage.yaml` may say: mailboxes, SMTP, ledger, model, limits. Frozen, typed, unknown keys refused.

Each field's description is its line in the configuration reference and in the JSON Schema for editors.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from triage.rulebook.expressions import compiled

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(?:\.[^\s@<>,;:\"()\[\]\\.]+)*")


def _span(value: object) -> object:
    """ "90s", "10m", "1h30m", "2d" of wall time."""
    if isinstance(value, timedelta):
        return value
    match = _SPAN.fullmatch(value.replace(" ", "")) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("not a span of time; write 90s, 10m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not a mail address; write name@example.com")
    local, _, domain = value.rpartition("@")
    return f"{local}@{domain.lower()}"


def _colleague(value: str) -> str:
    if value.startswith("@"):
        return _address(f"any{value}").removeprefix("any")
    return _address(value)


def _pattern(value: str) -> str:
    compiled(value)
    return value


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("control characters and line breaks are not allowed here")
    return value


Span = Annotated[timedelta, BeforeValidator(_span, json_schema_input_type=str)]
MailAddress = Annotated[str, AfterValidator(_address)]
Colleague = Annotated[str, AfterValidator(_colleague)]  # an address, or @domain
Pattern = Annotated[str, AfterValidator(_pattern)]
Line = Annotated[str, AfterValidator(_one_line)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]


class Model(BaseModel):
    """What every section shares: frozen, and unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Secret(Model):
    """Where a password is found; never the password itself."""

    file: Path | None = Field(None, description="File that holds the password, first line; relative to the home.")
    env: str | None = Field(None, description="Environment variable that holds it.")
    credential: str | None = Field(None, description="Name of a systemd credential (LoadCredential=).")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.file, self.env, self.credential)) != 1:
            raise ValueError("name exactly one of file, env, credential; keep one of them")
        return self


class ImapServer(Model):
    """How to reach a mailbox (RFC 3501)."""

    host: str = Field(description="Host name or address of the IMAP server.")
    port: int = Field(993, ge=1, le=65535, description="993 for implicit TLS, 143 otherwise.")
    tls: Literal["implicit", "starttls", "none"] = Field(
        "implicit", description="none only for a server on this machine: the password would travel in clear."
    )
    ca_file: Path | None = Field(
        None, description="Certificates to trust instead of the system's; relative to the home."
    )
    username: str = Field(description="Login name.")
    password: Secret = Field(description="Where the password is found.")
    connect_timeout: Span = Field(timedelta(seconds=15), description="For the connection and the TLS handshake.")
    read_timeout: Span = Field(timedelta(seconds=60), description="For each answer of the server.")
    command_timeout: Span = Field(
        timedelta(minutes=2),
        description="For a command as a whole, besides a second for each 50 kB to fetch: a server may trickle bytes for ever.",
    )


class SmtpServer(Model):
    """How mail leaves (RFC 5321, submission RFC 6409)."""

    host: str = Field(description="Host name or address of the submission server.")
    port: int = Field(
        587, ge=1, le=65535, description="587 for STARTTLS, 465 for implicit TLS, 25 for a server on this machine."
    )
    tls: Literal["implicit", "starttls", "none"] = Field(
        "starttls", description="none only for a server on this machine."
    )
    ca_file: Path | None = Field(
        None, description="Certificates to trust instead of the system's; relative to the home."
    )
    username: str | None = Field(None, description="Login name; leave out where the server asks for none.")
    password: Secret | None = Field(None, description="Where the password is found.")
    connections: int = Field(
        4, ge=1, le=16, description="Connections kept open; providers allow about 3, more than 8 brings nothing."
    )
    hello_name: str = Field("localhost", description="Name given in EHLO.")
    timeout: Span = Field(timedelta(seconds=60), description="For each answer but the one to the final dot.")
    dot_timeout: Span = Field(
        timedelta(minutes=10), description="For the answer to the final dot; RFC 5321, 4.5.3.2.6 wants ten minutes."
    )
    envelope_sender: MailAddress | Literal["null"] = Field(
        "null",
        description="Envelope sender of replies. null (<>) is what RFC 3834 asks for; an address where the provider refuses <>.",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; add the one that is missing, or take the other out")
        return self


class ContactForm(Model):
    """Mail from the shop's own form: who wrote it stands in a header or a line, not in From."""

    sender: MailAddress = Field(description="From address of the form's mail.")
    address_header: str | None = Field(
        None, description="Header that holds the customer's address, such as X-Form-Email."
    )
    address_pattern: Pattern | None = Field(
        None,
        description="Regular expression (RE2) over the text; its first group is the customer's address. Case does not matter.",
    )


class Mailbox(Model):
    """A support mailbox: an account that is watched."""

    imap: ImapServer
    folder: str = Field("INBOX", description="Folder that is watched.")
    addresses: tuple[MailAddress, ...] = Field(
        min_length=1,
        description="Addresses and aliases under which customers write here; the first one is From of replies.",
    )
    forwarders: tuple[MailAddress, ...] = Field(
        (), description="Addresses whose mail is forwarded into this mailbox by others."
    )
    sender_name: Line = Field("", max_length=80, description="Display name of replies; the shop's name when empty.")
    languages: tuple[Language, ...] = Field(
        ("en",), min_length=1, description="Languages in which customers are answered here."
    )
    default_language: Language | None = Field(
        None, description="Where the language is not clear; the first of languages when empty."
    )
    idle: bool = Field(True, description="IMAP IDLE (RFC 2177); false: poll only.")
    poll: Span = Field(
        timedelta(seconds=60), description="Longest time between two looks into the folder, beside IDLE as well."
    )
    answer_mail_younger_than: Span = Field(timedelta(hours=24), description="Older mail is triaged and never answered.")
    backlog: Literal["triage", "leave"] = Field(
        "triage",
        description="Mail that was there before the first start: forward and file without an answer, or leave it.",
    )
    watch_sent: tuple[Line, ...] = Field(
        (), description="Folders in which answers of colleagues are found; empty: the server's folder for sent mail."
    )
    no_answer_needed: tuple[Line, ...] = Field(
        ("Triaged/No answer needed",),
        description="Mail that a colleague moves here needs no answer (spam, thanks): its promise counts neither way.",
    )
    quarantine: str = Field("Triaged/Quarantine", description="Folder for mail that failed three times.")
    bounces: str = Field(
        "Triaged/Bounces", description="Folder for bounces of our own mail and for our own mail read back."
    )
    authserv_ids: tuple[str, ...] = Field(
        (), description="Names of servers whose Authentication-Results are believed (RFC 8601); others are ignored."
    )
    contact_forms: tuple[ContactForm, ...] = Field((), description="The shop's own forms.")

    @property
    def locale(self) -> str:
        return self.default_language or self.languages[0]

    @model_validator(mode="after")
    def _default_is_listed(self) -> Self:
        if self.default_language is not None and self.default_language not in self.languages:
            raise ValueError(
                f"default_language: {self.default_language!r} is not one of languages; use one of {', '.join(self.languages)}"
            )
        return self


class Shop(Model):
    """What the texts say about the shop."""

    name: Line = Field(min_length=1, max_length=80, description="Name as customers know it.")
    tracking_url: Line | None = Field(None, description="Page to follow a parcel; {order} stands for the order number.")
    help_urls: dict[str, Line] = Field(
        default_factory=dict, description="Help page by template name (logistics, payment, ...)."
    )
    privacy_url: Line | None = Field(None, description="Privacy notice.")
    order_patterns: tuple[Pattern, ...] = Field(
        (),
        description="Regular expressions (RE2) for order numbers; the group (?P<number>...), else the first group, else all of it. "
        "Case does not matter. Empty: common forms.",
    )
    own_names: tuple[Line, ...] = Field((), description="Names of the shop that the text model must not learn from.")

    @model_validator(mode="after")
    def _web_addresses(self) -> Self:
        urls = {"tracking_url": self.tracking_url, "privacy_url": self.privacy_url}
        urls |= {f"help_urls.{name}": url for name, url in self.help_urls.items()}
        faults = [
            f"{key}: {url!r} is not a web address; begin it with https://"
            for key, url in urls.items()
            if url is not None and not url.startswith(("https://", "http://"))
        ]
        if faults:
            raise ValueError("\n".join(faults))
        return self


class Caps(Model):
    """How many automatic replies at most; triage goes on when a cap is reached."""

    per_sender: int = Field(3, ge=1, description="To one address within 24 hours.")
    per_domain: int = Field(
        1000, ge=1, description="To one domain within an hour; a large mail provider's domain is one too."
    )
    per_minute: int = Field(
        3000, ge=1, description="In total within a minute: above it the breaker opens, until 'triage resume'."
    )
    conversation: Span = Field(
        timedelta(days=3), description="Further mail in a conversation gets no second answer within this span."
    )


class Limits(Model):
    """Bounds on what comes from outside; each has its reason in docs/operations.md."""

    message_bytes: int = Field(
        25_000_000, ge=100_000, description="Larger mail is read in part, and forwarded without the original."
    )
    batch: int = Field(50, ge=1, le=500, description="Mails handled together.")
    batch_bytes: int = Field(32_000_000, ge=1_000_000, description="Bytes fetched together.")
    attempts: int = Field(3, ge=1, le=10, description="Attempts before a mail goes to quarantine.")
    message_seconds: Span = Field(timedelta(seconds=30), description="Deadline for deciding about one batch's mail.")


class Retry(Model):
    """When to try again what the other side put off. Waits double; how long it is tried is fixed (docs/reliability.md)."""

    first_wait: Span = Field(timedelta(seconds=30), description="Before the second attempt at a reply or forward.")
    reconnect_ceiling: Span = Field(
        timedelta(minutes=2), description="Longest wait before a mailbox that cannot be reached is tried again."
    )


class Retention(Model):
    """How long the ledger remembers. The daemon applies it every hour; the mail itself is in the mailbox, and yours to keep or delete."""

    people: Span = Field(
        timedelta(days=400), description="Addresses, order numbers and Message-IDs of a mail; counts and promises stay."
    )
    records: Span = Field(
        timedelta(days=1100), description="The whole record of a mail. Its promise stays in the report."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.records < self.people:
            raise ValueError("records: they must be kept at least as long as people; write a longer span")
        if self.people < timedelta(days=30):
            raise ValueError(
                "people: with less than 30d, open conversations would be forgotten and answered twice; write 30d or more"
            )
        return self


class Http(Model):
    """Metrics and health."""

    enabled: bool = Field(True, description="false: no metrics and no health page.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(9464, ge=0, le=65535, description="0 takes a free port.")


class Logging(Model):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe event that is logged."
    )
    format: Literal["text", "json"] = Field(
        "text", description="One line an event: for people, or JSON for collectors."
    )


class Settings(Model):
    """The whole of config/triage.yaml."""

    mode: Literal["observe", "reply"] = Field(
        "observe", description="observe: decide and record, send nothing, move nothing. reply: the real thing."
    )
    shop: Shop
    mailboxes: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")], Mailbox] = Field(
        min_length=1, description="The accounts that are watched, by a name of your choice."
    )
    staff: tuple[Colleague, ...] = Field(
        (),
        description="Colleagues who answer from addresses of their own: an address, or @domain. Known without: support mailboxes, team inboxes, and all of the support mailboxes' domains that are not mail providers'.",
    )
    smtp: SmtpServer
    ledger: Path = Field(Path("state/triage.db"), description="The ledger's SQLite file; relative to the home.")
    model: str = Field(
        "current",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the text model below models/; current: the one last put in use.",
    )
    caps: Caps = Field(default_factory=Caps)
    limits: Limits = Field(default_factory=Limits)
    retry: Retry = Field(default_factory=Retry)
    retention: Retention = Field(default_factory=Retention)
    http: Http = Field(default_factory=Http)
    logging: Logging = Field(default_factory=Logging)
    drain: Span = Field(timedelta(seconds=30), description="On SIGTERM: time to finish what was begun.")

    @model_validator(mode="after")
    def _addresses_are_of_one_mailbox(self) -> Self:
        owner: dict[str, str] = {}
        for name, mailbox in self.mailboxes.items():
            for address in mailbox.addresses:
                other = owner.setdefault(address.casefold(), name)
                if other != name:
                    raise ValueError(
                        f"mailboxes.{name}.addresses: {address} is an address of the mailbox {other!r} too; keep it in one of them"
                    )
        return self

    @property
    def own_addresses(self) -> frozenset[str]:
        """Every address that is ours, case folded."""
        return frozenset(address.casefold() for mailbox in self.mailboxes.values() for address in mailbox.addresses)
