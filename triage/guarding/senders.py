"""Senders that are known: carriers, marketplaces, payment services, role accounts. Pure: data comes in, answers go out.

`config/senders.yaml` holds the entries; the edge reads it into a `SendersConfig`. An entry names a sender by the domain or the pattern
of the address, and may ask for a header besides, so that a shop's own platform is not mistaken for its notifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from triage.message import Address, Headers


class Answer(StrEnum):
    """What a known sender gets."""

    NEVER = "never"
    OWN_CLOCK = (
        "own-clock"  # a person waits behind a relay with its own rules: no automatic reply, 24 hours on every day
    )


def _domain(value: str) -> str:
    if not re.fullmatch(r"[^\s@/*]+\.[^\s@/*.]+", value):
        raise ValueError("not a domain; write example.com, which covers its subdomains")
    return value.casefold()


def _local_part(value: str) -> str:
    if not value or "@" in value or value.isspace():
        raise ValueError("not a local part; write the part before the @, * stands for anything")
    return value.casefold()


def _address_pattern(value: str) -> str:
    if value.count("@") != 1 or value.startswith("@") or value.endswith("@") or any(c.isspace() for c in value):
        raise ValueError("not an address pattern; write name@example.com, * stands for anything")
    return value.casefold()


def _header(value: str) -> str:
    if not re.fullmatch(r"[!-9;-~]{1,100}", value):
        raise ValueError("not a header name; write X-Name without the colon")
    return value.lower()


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sender(_Strict):
    """One known sender. What is named must all hold: (one of domains or addresses) and the header."""

    name: str = Field(min_length=1, max_length=80, description="Name as the evidence shows it.")
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,30}$")] = Field(
        description="carrier, marketplace, payment, platform, social ...; for people and reports."
    )
    reply: Answer = Field(
        description="never: notifications, no answer. own-clock: customers behind a relay with rules of its own."
    )
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = Field(
        (), description="Domains of the From address; each covers its subdomains."
    )
    addresses: tuple[Annotated[str, AfterValidator(_address_pattern)], ...] = Field(
        (), description="From addresses; * stands for anything."
    )
    header: Annotated[str, AfterValidator(_header)] | None = Field(
        None, description="Name of a header that must be there as well, or alone."
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.domains or self.addresses or self.header):
            raise ValueError("the entry names nobody; add domains, addresses or header")
        return self


class SendersConfig(_Strict):
    """The whole of config/senders.yaml."""

    no_reply: tuple[Annotated[str, AfterValidator(_local_part)], ...] = Field(
        (),
        description="Local parts of addresses that nobody reads; punctuation does not matter, * stands for anything.",
    )
    roles: tuple[Annotated[str, AfterValidator(_local_part)], ...] = Field(
        (), description="Local parts of programs and list servers; compared exactly, * stands for anything."
    )
    shared_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = Field(
        (), description="Mail providers: an address there is not ours because one of our mailboxes is there."
    )
    senders: tuple[Sender, ...] = Field((), description="Known senders; the first that fits counts.")


@dataclass(frozen=True, slots=True)
class Senders:
    """The entries, compiled for looking up."""

    entries: tuple[Sender, ...]
    shared_domains: frozenset[str]
    _no_reply: re.Pattern[str]
    _roles: re.Pattern[str]
    _by_domain: dict[str, tuple[int, ...]]
    _by_pattern: tuple[tuple[re.Pattern[str], int], ...]
    _by_header: tuple[int, ...]

    @classmethod
    def from_config(cls, config: SendersConfig) -> Self:
        by_domain: dict[str, tuple[int, ...]] = {}
        for number, entry in enumerate(config.senders):
            for domain in entry.domains:
                by_domain[domain] = (*by_domain.get(domain, ()), number)
        return cls(
            entries=config.senders,
            shared_domains=frozenset(config.shared_domains),
            _no_reply=_any_of(map(_squeezed, config.no_reply)),
            _roles=_any_of(config.roles),
            _by_domain=by_domain,
            _by_pattern=tuple(
                (_any_of([pattern]), number)
                for number, entry in enumerate(config.senders)
                for pattern in entry.addresses
            ),
            _by_header=tuple(
                number
                for number, entry in enumerate(config.senders)
                if entry.header and not entry.domains and not entry.addresses
            ),
        )

    def known(self, address: Address | None, headers: Headers) -> Sender | None:
        """The first entry that fits the author and the headers, or None."""
        numbers = set(self._by_header)
        if address is not None:
            for domain in _parents(address.domain):
                numbers.update(self._by_domain.get(domain, ()))
            whole = address.address.casefold()
            numbers.update(number for pattern, number in self._by_pattern if pattern.fullmatch(whole))
        for number in sorted(numbers):
            entry = self.entries[number]
            if entry.header is None or entry.header in headers:
                return entry
        return None

    def is_no_reply(self, address: Address) -> bool:
        """Whether nobody reads what is sent to *address*: no-reply in its many spellings and languages."""
        return self._no_reply.fullmatch(_squeezed(_base(address.local_part))) is not None

    def is_role(self, address: Address) -> bool:
        """Whether a program or a list server writes from *address* (RFC 3834, 2; RFC 5230, 4.6)."""
        return self._roles.fullmatch(address.local_part.casefold()) is not None


def _base(local_part: str) -> str:
    return local_part.partition("+")[0] or local_part


def _squeezed(local_part: str) -> str:
    """Without the punctuation that people put into "no-reply", "no_reply", "no.reply"."""
    return re.sub(r"[-_.\s\"]+", "", local_part.casefold())


def _parents(domain: str) -> Iterator[str]:
    """The domain and the domains above it: "a.b.example" gives itself, "b.example" and "example"."""
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def _any_of(globs: Iterable[str]) -> re.Pattern[str]:
    """One expression for patterns in which * stands for anything; matches nothing where there are none."""
    alternatives = ["[^@]*".join(map(re.escape, glob.split("*"))) for glob in globs]
    return re.compile("|".join(alternatives) if alternatives else r"(?!)")
