"""Every mail rendered in every locale and every combination of missing values, before a customer sees one. Pure.

Loading has already refused what can be seen in single files (`reading`). What is looked at here is what arrives: is the
promise in text and HTML, does nothing stand there that a program left, is the HTML balanced.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jinja2 import TemplateError

from triage.errors import Problem
from triage.templates.catalog import Catalog
from triage.templates.promise_format import promise_facts, unbroken
from triage.templates.rendering import Renderer
from triage.templates.samples import OPTIONAL, sample_values
from triage.templates.values import RenderedReply, ReplyValues

MAX_SUBJECT = 78  # beyond this a subject is folded in the header (RFC 5322, 2.1.1) and cut off in every list of mails

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
# What a slip leaves behind: a tag, a None, a link whose address is missing, a bracket around nothing, a space too many.
_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|\bNone\b|\] ?\(|\( ?\)|\[\]|[\ue000-\uf8ff]|\w ,|\w {2,}\w")
_LOADS = frozenset({"src", "background", "srcset", "poster", "data"})


def check_templates(catalog: Catalog) -> list[Problem]:
    """What is wrong with the mails of *catalog*: at most one problem for each mail and locale."""
    values = list(sample_values())
    problems: list[Problem] = []
    for tag in catalog.locales:
        renderer = catalog.renderer(tag)
        for template in catalog.templates:
            file = catalog.source_of(template, tag)
            fault = next((fault for sample in values if (fault := _fault(renderer, template, sample))), None)
            if fault:
                problems.append(Problem(file, None, tag, *fault))
    return problems


def _fault(renderer: Renderer, template: str, values: ReplyValues) -> tuple[str, str] | None:
    """Fault and remedy of one mail, or None."""
    try:
        reply = renderer.render(template, values)
    except TemplateError as error:  # of the layout: texts have been tried when they were loaded
        return f"cannot be rendered: {error}", "Look at templates/layout.html"
    for fact in promise_facts(values.promise, renderer.locale, renderer.strings):
        if fact.values[0] not in reply.text or fact.label not in reply.text:
            return f"the text does not show '{fact.label}'", "Keep {{ promise }} on a line of its own"
        if fact.main and unbroken(fact.values[0]) not in reply.html:
            return "the HTML does not show the promise", "Let layout.html print the facts of a block"
    if values.ticket not in reply.subject:
        return "the subject lacks the reference", "Put [#{{ ticket }}] into the subject"
    if not 0 < len(reply.subject) <= MAX_SUBJECT:
        return f"the subject has {len(reply.subject)} characters", f"Keep it to {MAX_SUBJECT}"
    for what, text in (("subject", reply.subject), ("text", reply.text)):
        if match := _LEFT_OVER.search(text):
            around = text[max(0, match.start() - 20) : match.end() + 10].strip()
            return f"the {what} has a left-over: '{around}'", "See which values may be missing, in docs/templates.md"
    # A link is there or is not: values change no element of the layout but that, so the two extremes are enough.
    shown = [getattr(values, name) for name in OPTIONAL]
    return _html_fault(reply) if all(shown) or not any(shown) else None


def _html_fault(reply: RenderedReply) -> tuple[str, str] | None:
    checker = HtmlChecker()
    checker.feed(reply.html)
    checker.close()
    if faults := checker.faults:
        return f"HTML: {faults[0]}", "Look at templates/layout.html"
    return None


class HtmlChecker(HTMLParser):
    """Notes elements that are not closed in order, a missing language, and whatever would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []
        self._faults: list[str] = []

    @property
    def faults(self) -> list[str]:
        return self._faults + [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html" and not (given.get("lang") and given.get("dir")):
            self._faults.append("<html> lacks lang or dir")
        if tag in {"script", "iframe", "object", "embed", "link", "form"}:
            self._faults.append(f"<{tag}> is stripped or distrusted by mail clients")
        for name in _LOADS & given.keys():
            if not (given[name] or "").startswith(("cid:", "data:")):
                self._faults.append(f"<{tag} {name}> loads something from elsewhere")
        if "url(" in (given.get("style") or ""):
            self._faults.append(f"<{tag} style> loads something from elsewhere")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self._faults.append(f"</{tag}> where <{self._open[-1] if self._open else 'nothing'}> is open")
        if tag in self._open:
            while self._open.pop() != tag:
                pass
