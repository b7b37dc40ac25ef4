"""From values to a finished reply, in one locale. Pure: the texts are compiled, nothing is read.

A body and its parts are rendered once, into marked-up text; blocks are made of that; and both the plain text and the
HTML are made of the blocks, so the two cannot say different things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from babel import Locale
from jinja2 import Template
from markupsafe import Markup

from triage.templates.environment import Source
from triage.templates.markup import PROMISE_MARK, Block, html_line, one_line, parse, plain_text
from triage.templates.promise_format import Fact, promise_facts, unbroken
from triage.templates.values import RenderedReply, ReplyValues


@dataclass(frozen=True, slots=True)
class Mail:
    subject: Template
    body: Template


@dataclass(frozen=True, slots=True)
class LayoutBlock:
    """A block as the layout gets it, lines already HTML."""

    kind: str  # paragraph, list, lines, facts
    small: bool  # small print
    starts_small: bool  # the first block of the small print
    lines: tuple[Markup, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Renderer:
    """Everything one locale needs, its own and what it inherits. Safe to use from any thread."""

    tag: str
    locale: Locale
    mails: Mapping[str, Mail]
    parts: Mapping[str, Template]
    strings: Mapping[str, str]
    layout: Template

    def render(self, template: str, values: ReplyValues) -> RenderedReply:
        """The reply called *template*. Raises KeyError for a name that is not in `mails`."""
        mail = self.mails[template]
        names = text_values(values)
        inserts = {
            "greeting": Source(self.parts["greeting"].render(names)),
            "promise": self._promise(values, names),
            "closing": Source(self.parts["closing"].render(names)),
        }
        facts = promise_facts(values.promise, self.locale, self.strings)
        blocks = parse(mail.body.render(names | inserts), facts)
        subject = one_line(mail.subject.render(names))
        html = self.layout.render(
            lang=self.tag, dir=self.locale.text_direction, subject=subject, blocks=layout_blocks(blocks)
        )
        return RenderedReply(subject, plain_text(blocks, self.strings["fact"]), html, self.tag, template)

    def _promise(self, values: ReplyValues, names: Mapping[str, str | None]) -> Source:
        """What is said of the promise in words; its facts follow where the mark stands."""
        words: list[str] = []
        if values.promise.opens_at is not None:
            words.append(self.parts["closed"].render(names))
        if values.promise.due_at is None:
            words.append(self.parts["no-date"].render(names))
        return Source("\n\n".join((*words, PROMISE_MARK)))


def layout_blocks(blocks: Sequence[Block]) -> list[LayoutBlock]:
    first_small = next((i for i, block in enumerate(blocks) if block.small), None)
    return [
        LayoutBlock(
            block.kind, block.small, i == first_small, tuple(map(html_line, block.lines)), _unbroken(block.facts)
        )
        for i, block in enumerate(blocks)
    ]


def _unbroken(facts: Sequence[Fact]) -> tuple[Fact, ...]:
    return tuple(replace(fact, values=tuple(map(unbroken, fact.values))) for fact in facts)


def text_values(values: ReplyValues) -> dict[str, str | None]:
    """*values* by the names that texts use; None is what is missing."""
    return {
        "ticket": values.ticket,
        "shop_name": values.shop_name,
        "team_name": values.team_name,
        "customer_name": values.customer_name,
        "order_number": values.order_number,
        "tracking_url": values.tracking_url,
        "help_url": values.help_url,
        "privacy_url": values.privacy_url,
        "languages": language_names(values.languages),
    }


@lru_cache(maxsize=256)
def language_names(tags: tuple[str, ...]) -> str | None:
    """Such as "Deutsch, English, Español": each language in its own words, as who needs it reads no other."""
    names: list[str] = []
    for tag in tags:
        language = Locale.parse(tag.replace("-", "_")).language
        name = Locale(language).get_display_name(language) or language
        if (name := name[:1].upper() + name[1:]) not in names:
            names.append(name)
    return ", ".join(names) or None
