"""One routing rule as an operator writes it: `when` these conditions hold, `then` this happens. Pure.

Each field's description is its line in docs/configuration.md and in the JSON Schema for editors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from triage.rulebook.expressions import compiled
from triage.rulebook.words import word_fault
from triage.settings import Line, MailAddress, Model

Priority = Literal["urgent", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("urgent", "high", "normal", "low")  # most pressing first
ReplyMode = Literal["normal", "neutral", "never"]
Clock = Literal["opening-hours", "round-the-clock"]
Contact = Literal["first", "follow-up"]
Signal = Literal["chargeback", "lawyer", "authority", "review", "press", "danger", "shouting", "repeated"]
AttachmentKind = Literal[
    "any", "none", "image", "pdf", "document", "table", "text", "archive", "audio", "video", "mail", "calendar", "other"
]

_SIZE = re.compile(r"(\d{1,9}) ?(B|kB|MB)")
_UNITS = {"B": 1, "kB": 1_000, "MB": 1_000_000}
_QUOTED = 'YAML reads yes, no, on and off as true and false; write the word in quotes, as in "no"'


def _listed(value: object) -> object:
    """One value where a list is meant; numbers as the texts that they are."""
    if isinstance(value, list | tuple):
        return [_text(item) for item in value]
    return value if value is None or isinstance(value, dict) else [_text(value)]


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(_QUOTED)
    return str(value) if isinstance(value, int | float) else value


def _by_language(value: object) -> object:
    """Words of any language where no language is given."""
    if isinstance(value, dict):
        if any(isinstance(language, bool) for language in value):
            raise ValueError(_QUOTED)
        return {language: _listed(words) for language, words in value.items()}
    return {"any": _listed(value)}


def _word(value: str) -> str:
    fault = word_fault(value)
    if fault:
        raise ValueError(f"{value!r} is no word to look for; {fault}")
    return value


def _expression(value: str) -> str:
    compiled(value)
    return value


def _who(value: str) -> str:
    if not re.fullmatch(r"[^\s@]*@?[^\s@]+\.[^\s@.]+|[^\s@]+@[^\s@]+", value):
        raise ValueError(
            f"{value!r} is neither an address nor a domain; write a@example.com, example.com or *@example.*"
        )
    return value.casefold()


def _size(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"{value!r} is no size; write 500kB or 5MB")
    return int(found[1]) * _UNITS[found[2]]


def _tag(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9$_.-]{1,50}", value):
        raise ValueError(f"{value!r} is no IMAP keyword; use letters, digits and $ _ . - only, at most 50 (RFC 3501)")
    return value


def _one_or_more(each: Any) -> BeforeValidator:
    """A list, or one value where one is enough."""
    return BeforeValidator(_listed, json_schema_input_type=each | list[each])


_Some = Field(min_length=1)

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
_LanguageOrNone = Annotated[str, Field(pattern=r"^([a-z]{2}|none)$")]
Names = Annotated[tuple[Name, ...], _Some, _one_or_more(Name)]
Lines = Annotated[tuple[Line, ...], _Some, _one_or_more(str)]
Languages = Annotated[tuple[_LanguageOrNone, ...], _Some, _one_or_more(_LanguageOrNone)]
People = Annotated[tuple[Annotated[str, AfterValidator(_who)], ...], _Some, _one_or_more(str)]
Signals = Annotated[tuple[Signal, ...], _Some, _one_or_more(Signal)]
Attachments = Annotated[tuple[AttachmentKind, ...], _Some, _one_or_more(AttachmentKind)]
Addresses = Annotated[tuple[MailAddress, ...], _one_or_more(str)]
Tags = Annotated[tuple[Annotated[str, AfterValidator(_tag)], ...], _one_or_more(str)]
Words = Annotated[tuple[Annotated[Line, AfterValidator(_word)], ...], _Some]
WordsByLanguage = Annotated[
    dict[Annotated[str, Field(pattern=r"^([a-z]{2}|any)$")], Words],
    _Some,
    BeforeValidator(_by_language, json_schema_input_type=str | list[str] | dict[str, str | list[str]]),
]
Expressions = Annotated[tuple[Annotated[Line, AfterValidator(_expression)], ...], _Some, _one_or_more(str)]
HeaderName = Annotated[str, Field(pattern=r"^[!-9;-~]{1,100}$")]
Headers = Annotated[dict[HeaderName, Line], _Some]
Size = Annotated[
    int, Field(ge=0), BeforeValidator(_size, json_schema_input_type=int | Annotated[str, Field(pattern=_SIZE.pattern)])
]


class When(Model):
    """Conditions of a rule; all that are given must hold. Where a list is given, one of its values is enough."""

    category: Lines | None = Field(
        None,
        description="What the text model named: logistics, payment, product, complaint; none: it was not sure enough.",
    )
    about: Lines | None = Field(
        None, description="What a complaint is about: logistics, payment, product; none: not a complaint, or not known."
    )
    confidence_at_least: float | None = Field(None, ge=0, le=1, description="Least confidence of the text model, 0..1.")
    confidence_below: float | None = Field(
        None, ge=0, le=1, description="The confidence of the text model is less than this, 0..1."
    )
    language: Languages | None = Field(
        None, description="Language of the customer's own words, as en or de; none: not clear."
    )
    mailbox: Names | None = Field(
        None, description="Support mailbox that it came in by, by its name in config/triage.yaml."
    )
    sender: People | None = Field(
        None,
        description="Address of the author (karin@example.de), domain with its subdomains (example.de), or a pattern in which * "
        "stands for anything (*@marketplace.amazon.*).",
    )
    sender_list: Names | None = Field(
        None,
        description="The author stands in the list config/lists/NAME.txt (one address or domain a line), as vip.",
    )
    authenticated: bool | None = Field(
        None,
        description="true: a server named in authserv_ids says that DMARC passed; false: none says so.",
    )
    recipient: People | None = Field(
        None,
        description="Address or alias that it was sent to (To, Cc, Delivered-To, X-Original-To, Envelope-To); like sender.",
    )
    subject_words: WordsByLanguage | None = Field(None, description="Whole words in the subject; written like words.")
    words: WordsByLanguage | None = Field(
        None,
        description="Whole words or phrases in subject or own text, case and accents do not matter; word* also finds longer words. A "
        "list, or lists by language ({de: [...], any: [...]}): a language's words count in mail of that language and in mail whose "
        "language is not clear.",
    )
    subject_matches: Expressions | None = Field(
        None, description="Regular expression (RE2) that is found in the subject; case does not matter."
    )
    text_matches: Expressions | None = Field(
        None, description="Regular expression (RE2) that is found in subject or own text; case does not matter."
    )
    order_number: bool | None = Field(None, description="true: an order number was recognised; false: none.")
    order_number_matches: Expressions | None = Field(
        None, description="Regular expression (RE2) that a recognised order number matches from its first letter on."
    )
    attachment: Attachments | None = Field(
        None, description="A kind of attachment that is there; any: whichever; none: there is no attachment."
    )
    header: Headers | None = Field(
        None,
        description="Headers with their values, all of which must be there; * stands for anything, case does not matter "
        '({X-Form: "returns*", X-Shop: "*"}).',
    )
    size_at_least: Size | None = Field(None, description="The whole mail has at least this size, as 500kB or 5MB.")
    size_below: Size | None = Field(None, description="The whole mail is smaller than this, as 500kB or 5MB.")
    team_open: Names | None = Field(None, description="One of these teams is at work when the mail is decided about.")
    team_closed: Names | None = Field(None, description="One of these teams is not at work then.")
    contact: Contact | None = Field(
        None, description="first: a new conversation; follow-up: it belongs to a ticket that is known."
    )
    silence: Lines | None = Field(
        None,
        description="Reason for which the guard stays silent (docs/guard.md: list, dsn, marketplace ...); machine: a program wrote "
        "it; any: whichever; none: a reply may go out.",
    )
    signals: Signals | None = Field(
        None,
        description="Signs of urgency: a threat of chargeback, lawyer, authority, review or press; danger (fire, injury); shouting; "
        "repeated (says that it wrote before, or writes again after the promised time passed).",
    )
    all_of: tuple[When, ...] | None = Field(None, alias="all", min_length=1, description="All of these blocks hold.")
    any_of: tuple[When, ...] | None = Field(
        None, alias="any", min_length=1, description="At least one of these blocks holds."
    )
    not_: When | None = Field(None, alias="not", description="This block does not hold.")

    @property
    def given(self) -> dict[str, Any]:
        """The conditions that are given, by their name in the class, in the order of the reference."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    def blocks(self, key: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], When]]:
        """This block and every block inside it, each with its key below *key*."""
        yield key, self
        for name, inner in (("all", self.all_of or ()), ("any", self.any_of or ())):
            for i, block in enumerate(inner):
                yield from block.blocks((*key, name, i))
        if self.not_ is not None:
            yield from self.not_.blocks((*key, "not"))

    @model_validator(mode="before")
    @classmethod
    def _each_key_has_a_value(cls, data: object) -> object:
        """A condition without a value is a slip: left out in silence, it would let the rule match all mail."""
        empty = [key for key, value in data.items() if value is None] if isinstance(data, dict) else []
        if empty:
            raise ValueError(
                "\n".join(f"{key}: the key has no value; write one behind it, or take it out" for key in empty)
            )
        return data

    @model_validator(mode="after")
    def _inner_blocks_say_something(self) -> Self:
        for key, blocks in (("all", self.all_of or ()), ("any", self.any_of or ()), ("not", (self.not_,))):
            if any(block is not None and not block.given for block in blocks):
                raise ValueError(f"a block without conditions under {key} would always hold; take it out")
        return self


def shown_key(name: str) -> str:
    """The name of a condition as the operator writes it: all_of is "all"."""
    return When.model_fields[name].alias or name


class Outcome(Model):
    """What may be decided about a mail, besides its team."""

    folder: Line | None = Field(None, min_length=1, description="Folder to file in; left out: the team's.")
    priority: Priority | None = Field(
        None, description="Which of the team's clocks runs: urgent, high, normal, low; left out: normal."
    )
    template: Line | None = Field(None, description="Text of the reply; left out: that of the category.")
    reply: ReplyMode | None = Field(
        None,
        description="normal; neutral: the text that names no category; never: stay silent. Left out: normal. A rule cannot make the "
        "guard speak where it stays silent.",
    )
    clock: Clock | None = Field(
        None,
        description="opening-hours: the team's first_response, counted while it is open; round-the-clock: its "
        "round_the_clock, counted day and night, as marketplaces demand. Left out: opening-hours.",
    )
    also_to: Addresses = Field((), description="Further recipients of the forward.")
    tags: Tags = Field(
        (), description="IMAP keywords for the filed mail; letters, digits and $ _ . - only, 26 different ones at most."
    )


class Then(Outcome):
    """What a rule decides. With `continue`, later rules decide what it left open."""

    team: Name | None = Field(None, description="Team that gets the mail. May be left out with continue: true only.")
    continue_: bool = Field(
        False,
        alias="continue",
        description="false: later rules are not looked at. true: they are, and decide what is still open; lists add up.",
    )

    @model_validator(mode="after")
    def _decides_something(self) -> Self:
        if self.team is None and not self.continue_:
            raise ValueError("team is missing; only a rule with continue: true may leave it to later rules")
        if not self.decided and not self.also_to and not self.tags:
            raise ValueError("decides nothing; name a team, folder, priority, template, reply, clock, also_to or tags")
        return self

    @property
    def decided(self) -> dict[str, Any]:
        """The single-valued decisions that are given."""
        return {key: value for key in SINGLE if (value := getattr(self, key)) is not None}


class Fallback(Outcome):
    """What happens to mail that no rule sent anywhere: a last rule that always matches."""

    team: Name = Field(description="Team that gets the mail: the front desk.")

    @property
    def decided(self) -> dict[str, Any]:
        """The single-valued decisions that are given."""
        return {key: value for key in SINGLE if (value := getattr(self, key)) is not None}


SINGLE = ("team", "folder", "priority", "template", "reply", "clock")  # the first rule that names one decides it


class Rule(Model):
    """Conditions, and what happens when they hold. The first rule that matches decides."""

    name: Line = Field(min_length=1, max_length=80, description="Shown by explain and kept with each decision.")
    when: When = Field(description="Conditions; all must hold.")
    then: Then = Field(description="What happens.")
