"""HTML to the text that a reader sees, with the quotations of the known clients marked. Pure, linear in its input.

A tag at a time, no tree: a tree builder that follows the HTML standard is quadratic on unclosed tags. selectolax (lexbor)
was measured at 65 s and 18 GB for 200 KB of `<font><p>` (docs/parsing.md), where this takes 0.1 s.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

# Characters of the private use area stand for what the markup says and the text does not; `without_marks` removes them.
ALL_QUOTED = "\ue000"  # a line: from here on everything is what somebody else wrote
HEADER_FOLLOWS = "\ue001"  # a line: what follows up to the next quoted line announces the quotation
SIGNATURE = "\ue002"  # opens each line of a signature
_MARKS = re.compile(f"(?:{ALL_QUOTED}|{HEADER_FOLLOWS})\n?|{SIGNATURE}")

MAX_TAGS = 60_000  # of one text; a newsletter of 100 KB has 3,000
MAX_QUOTE_DEPTH = 10  # shown as that many ">"

_NAME = re.compile(r"(/?)([a-zA-Z][a-zA-Z0-9:_-]{0,40})(?=[\s/]|\Z)")
_ATTRIBUTE = re.compile(r"""([a-zA-Z_:-]{1,40})\s{0,9}=\s{0,9}("[^"]*"|'[^']*'|[^\s"'>]+)""")
_INTERESTING = re.compile(r"\b(?:class|id|style|type|name|hidden|data-marker|data-smartmail)\b", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f\v\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f]+")
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|\Z)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|!|\Z)|max-height\s*:\s*0(?:px)?\s*(?:;|!|\Z)"
)
# Outlook for Windows and Mac draw a line above the header block of the mail that is answered.
_OUTLOOK_RULE = re.compile(r"border:\s*none;\s*border-top:\s*solid #(?:b5c4df|e1e1e1) 1\.0pt", re.IGNORECASE)
# What clients write around the mail that is answered, from the first tag on to the end of the mail.
_ALL_QUOTED_IDS = re.compile(
    r"(?:x_)*(?:divrplyfwdmsg|appendonsend|mail-editor-reference-message-container|replysplit|stopspelling|zwchr"
    r"|olk_src_body_section|ms-outlook-mobile-reference-message|reply-intro|isforwardcontent|ymail_android_quote)"
)
_ALL_QUOTED_CLASSES = re.compile(
    r"(?:x_)*ms-outlook-mobile-reference-message|outlookmessageheader|(?:x_)*moz-email-headers-table|wisestamp_quote"
)
_QUOTED = re.compile(
    r"yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra|gmx_quote|mail_quote\b|isreplycontent|__quoted_text__"
    r"|ntes[-_].*quote|skype_quote|mailru-?quote|mail-?quote-collapse|quoted-mail|hey_quote|front-blockquote|missive_quote"
)
_HEADER_LINE = re.compile(
    r"moz-cite-prefix|gmail_attr|(?:^|\s)(?:\w+)?gmail_quote|gmail_quote_container|zmail_extra_hr"
)
_SIGNATURE = re.compile(
    r"(?:x_)?gmail_signature|moz-signature|protonmail_signature_block\b(?!-)|ms-outlook-mobile-signature|applemailsignature"
    r"|ymail_android_signature|(?:^|\s)(?:x_)?signature(?:\s|$)|composer_signature|yahoo-signature|zmail_signature"
)
_VOID = frozenset(
    {"br", "hr", "img", "meta", "link", "input", "area", "base", "col", "embed", "source", "track", "wbr", "param"}
)
# Never pushed: mail misnests them all the time, and they carry neither quotation nor block.
_INLINE = frozenset(
    {
        "b",
        "i",
        "u",
        "a",
        "em",
        "strong",
        "small",
        "big",
        "s",
        "tt",
        "font",
        "code",
        "sup",
        "sub",
        "o:p",
        "ins",
        "del",
        "cite",
    }
)
_BLOCKS = frozenset(
    {"div", "tr", "ul", "ol", "dl", "dt", "dd", "table", "tbody", "thead", "section", "article", "header", "footer", "form",
     "fieldset", "address", "center", "main", "nav", "aside", "figure", "body", "html", "caption", "pre", "blockquote"}
)  # fmt: skip
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_CLOSED_BY_THE_NEXT = frozenset({"p", "li", "td", "th", "tr", "dt", "dd", "option"})
_UNSEEN = frozenset({"script", "style", "title", "head", "template", "select", "textarea", "object", "svg", "xml"})
_RAW = frozenset({"script", "style", "title", "textarea"})


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader sees of an HTML text. Quoted lines begin with ">"."""

    text: str
    marked: str  # the same with the marks above, for `text.new_words`
    defect: str | None = None


@dataclass(slots=True)
class _Element:
    name: str
    hides: bool = False
    quotes: bool = False
    signs: bool = False
    preformatted: bool = False


@dataclass(slots=True)
class _Writer:
    """Lines as they come, each with the quotation depth at its first word."""

    lines: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    hidden: int = 0
    depth: int = 0
    signed: int = 0
    preformatted: int = 0

    def word(self, text: str) -> None:
        if self.hidden:
            return
        if self.preformatted:
            first, *others = text.split("\n")
            self.pieces.append(first)
            for other in others:
                self.end_line(blank=True)
                self.pieces.append(other)
            return
        text = _SPACE.sub(" ", text)
        if text == " " and (not self.pieces or self.pieces[-1].endswith(" ")):
            return
        self.pieces.append(text)

    def end_line(self, *, blank: bool = False) -> None:
        """End the current line; an empty one is kept only where *blank* asks for it (a <br>)."""
        if not self.pieces:
            if blank and self.lines and self.lines[-1].strip("> "):
                self.lines.append(">" * self.depth)
            return
        line = "".join(self.pieces)
        line = line.rstrip() if self.preformatted else line.strip()
        self.pieces.clear()
        if not line and not blank:
            return
        prefix = (SIGNATURE if self.signed else "") + (
            ">" * min(self.depth, MAX_QUOTE_DEPTH) + " " if self.depth else ""
        )
        self.lines.append((prefix + line) if line else ">" * self.depth)

    def mark(self, character: str) -> None:
        if not self.hidden and not self.depth:
            self.end_line()
            self.lines.append(character)


def from_html(source: str) -> Page:
    """Read HTML as a reader would see it: no styles, no scripts, nothing hidden; what is quoted behind ">"."""
    marked, defect = _Reader().read(source)
    return Page(without_marks(marked), marked, defect)


def without_marks(text: str) -> str:
    return _MARKS.sub("", text)


class _Reader:
    """Goes through the tags once. `stack` holds the open elements that can hide, quote or sign."""

    def __init__(self) -> None:
        self.out = _Writer()
        self.stack: list[_Element] = []
        self.open: dict[str, int] = {}

    def read(self, source: str) -> tuple[str, str | None]:
        source = _MARKS.sub("", source)
        chunks = source.split("<", MAX_TAGS)
        defect = "html-too-complex" if len(chunks) > MAX_TAGS else None
        self._text(chunks[0])
        comment = False
        raw: str | None = None  # inside of this element tags are text and text is not seen
        for chunk in chunks[1:]:
            if comment:
                if "-->" not in chunk:
                    continue
                comment = False
                self._text(chunk.partition("-->")[2])
                continue
            if raw is not None:
                if chunk[: len(raw) + 1].lower() != "/" + raw:
                    continue
                raw = None
            if chunk.startswith("!--"):
                comment = "-->" not in chunk[1:]
                if not comment:
                    self._text(chunk.partition("-->")[2])
                continue
            found = _NAME.match(chunk.partition(">")[0])
            if found is None:
                if chunk[:1] in "!?/" and chunk:
                    self._text(chunk.partition(">")[2])
                else:
                    self._text("<" + chunk)  # an address in brackets, a heart, a comparison
                continue
            inside, text = _split_tag(chunk)
            name = found[2].lower()
            if found[1]:
                self._close(name)
            else:
                self._open(name, inside[found.end() :])
                if name in _RAW and not inside.endswith("/"):
                    raw = name
            if text:
                self._text(text)
        self.out.end_line()
        return "\n".join(self.out.lines), defect

    def _text(self, text: str) -> None:
        if self.out.hidden or not text:
            return
        self.out.word(html.unescape(text).replace("\xa0", " ") if "&" in text else text)

    def _open(self, name: str, inside: str) -> None:
        out = self.out
        if name in _CLOSED_BY_THE_NEXT and self.stack and self.stack[-1].name == name:
            self._pop()
        if name == "br":
            out.end_line(blank=True)
            return
        element = _Element(name)
        if inside and _INTERESTING.search(inside):
            self._describe(element, inside)
        if name in _PARAGRAPHS or name in _BLOCKS:
            out.end_line()
            if name in _PARAGRAPHS and "msonormal" not in inside.lower():
                out.end_line(blank=True)
        elif name == "hr":
            out.end_line()
            out.word("________________________________")
            out.end_line()
        elif name == "li":
            out.end_line()
            out.word("- ")
        elif name in ("td", "th"):
            out.word(" ")
        elif name == "img":
            self._image(inside)
        if name == "blockquote":
            element.quotes = True
        element.preformatted = name == "pre"
        element.hides = element.hides or name in _UNSEEN
        if name in _VOID or inside.endswith("/") or (name in _INLINE and not element.hides):
            return
        self._push(element)

    def _describe(self, element: _Element, inside: str) -> None:
        """Read the attributes that tell a hidden or a quoted element."""
        known = {key.lower(): value.strip("\"'").lower() for key, value in _ATTRIBUTE.findall(inside[:4_000])}
        style, ident, classes = known.get("style", ""), known.get("id", ""), known.get("class", "")
        element.hides = bool(style and _HIDDEN.search(style)) or inside.strip().lower() == "hidden"
        if element.hides and element.name not in _VOID:
            return
        both = " ".join(filter(None, (classes, ident, known.get("data-marker"))))
        if _opens_the_rest(ident, classes, style):
            self.out.mark(ALL_QUOTED)
        elif known.get("name") == "quote" or (both and _QUOTED.search(both)):
            element.quotes = True
        elif both and _HEADER_LINE.search(both) and element.name != "blockquote":
            self.out.mark(HEADER_FOLLOWS)
        elif both and _SIGNATURE.search(both):
            element.signs = True

    def _image(self, inside: str) -> None:
        """An emoji is text; the other images are attachments or pixels."""
        found = re.search(r"""\balt\s{0,3}=\s{0,3}["']([^"']{1,8})["']""", inside[:2_000], re.IGNORECASE)
        if found and not html.unescape(found[1]).isascii():
            self.out.word(html.unescape(found[1]))

    def _push(self, element: _Element) -> None:
        out = self.out
        if element.quotes or element.signs:
            out.end_line()
        self.stack.append(element)
        self.open[element.name] = self.open.get(element.name, 0) + 1
        out.hidden += element.hides
        out.depth += element.quotes
        out.signed += element.signs
        out.preformatted += element.preformatted

    def _pop(self) -> None:
        out = self.out
        element = self.stack.pop()
        if element.quotes or element.signs:
            out.end_line()
        self.open[element.name] -= 1
        out.hidden -= element.hides
        out.depth -= element.quotes
        out.signed -= element.signs
        out.preformatted -= element.preformatted

    def _close(self, name: str) -> None:
        if name in _BLOCKS or name in _PARAGRAPHS or name == "li":
            self.out.end_line()
        if name == "p":
            self.out.end_line(blank=False)
        if name == "span":
            if self.stack and self.stack[-1].name == "span":
                self._pop()
            return
        if not self.open.get(name):
            return
        while self.stack[-1].name != name:
            self._pop()
        self._pop()


def _opens_the_rest(ident: str, classes: str, style: str) -> bool:
    """Whether everything from this element on is the mail that is answered."""
    if ident and _ALL_QUOTED_IDS.fullmatch(ident):
        return True
    if classes and _ALL_QUOTED_CLASSES.search(classes):
        return True
    return "border-top" in style and _OUTLOOK_RULE.search(style) is not None


def _split_tag(chunk: str) -> tuple[str, str]:
    """What stands inside of the tag and the text behind it; a ">" within quotes does not end a tag."""
    inside, _, text = chunk.partition(">")
    tries = 0
    while text and tries < 3 and inside.count('"') % 2:
        more, end, rest = text.partition(">")
        if not end or '"' not in more:
            break
        inside, text = f"{inside}>{more}", rest
        tries += 1
    return inside, text
