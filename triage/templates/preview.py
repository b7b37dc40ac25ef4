"""One page that shows every mail in every locale as a mail client would, light and dark, text beside HTML.

The page is self-contained: each mail sits in a frame of its own, so that styles cannot leak between page and mail.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

from triage.templates.catalog import Catalog
from triage.templates.samples import OPTIONAL, preview_situations, reply_values
from triage.templates.values import RenderedReply

SHOP = "Nordlicht Outdoor"
# By language; other languages show the English name, as a team without a translated name would.
TEAMS = {"de": "Ihr Kundenservice", "es": "El equipo de atención al cliente", "en": "The customer service team"}

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d0d4da, #3a3f47); --soft: light-dark(#f5f6f8, #17191d); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; background: var(--soft); }
header { padding: 24px 32px 0; } h1 { margin: 0; font-size: 22px; } header p { margin: 4px 0 0; max-width: 70ch; }
nav { position: sticky; top: 0; z-index: 1; padding: 8px 32px; background: var(--soft); border-bottom: 1px solid var(--line);
  display: flex; flex-wrap: wrap; gap: 4px 20px; }
nav b { font-weight: 600; margin-inline-end: 6px; } nav a { margin-inline-end: 6px; }
section { padding: 0 32px 16px; scroll-margin-top: 64px; } h2 { font-size: 17px; margin: 28px 0 10px; }
.mail { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)) 580px; gap: 16px; align-items: start; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
figure.light { color-scheme: light; background: #fff; color: #111; }
figure.dark { color-scheme: dark; background: #121212; color: #eee; }
figcaption { padding: 10px 16px; border-bottom: 1px solid #8886; font-size: 13px; }
figcaption strong { display: block; font-size: 15px; } figcaption small { float: inline-end; opacity: .75; }
iframe { display: block; width: 100%; height: 760px; border: 0; background: inherit; }
pre { margin: 0; padding: 16px; font: 12px/1.55 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 1300px) { .mail { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  figure.text { grid-column: 1 / -1; } }
@media (max-width: 760px) { nav { position: static; } .mail { grid-template-columns: minmax(0, 1fr); }
  section, nav, header { padding-inline: 16px; } }
@media print { nav { display: none; } .mail { break-inside: avoid; } }
"""

_FIT = """
for (const frame of document.querySelectorAll("iframe")) {
  const fit = () => {
    const page = frame.contentDocument.documentElement;
    frame.style.height = page.offsetHeight + "px";
    new ResizeObserver(() => { frame.style.height = page.offsetHeight + "px"; }).observe(page);
  };
  frame.addEventListener("load", fit);
  if (frame.contentDocument.readyState === "complete") fit();
}
"""


def preview_page(catalog: Catalog) -> str:
    """The page, as HTML."""
    links: list[str] = []
    sections: list[str] = []
    for tag in catalog.locales:
        own = [f"<b>{escape(tag)}</b>"]
        for template, situation, reply in _replies(catalog, tag):
            title = f"{template}, {situation}" if situation != "usual" else template
            anchor = f"{tag}-{title}".replace(", ", "-").replace(" ", "-")
            own.append(f'<a href="#{anchor}">{escape(title)}</a>')
            sections.append(f'<section id="{anchor}"><h2>{escape(tag)} · {escape(title)}</h2>{_mail(reply)}</section>')
        links.append(f"<span>{' '.join(own)}</span>")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Texts of triage</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        "<header><h1>What customers read</h1><p>Every text in every locale, filled with made-up values: in a light "
        "and a dark mail client, and as plain text.</p></header>\n"
        f"<nav>{''.join(links)}</nav>\n{''.join(sections)}\n<script>{_FIT}</script>\n</body>\n</html>\n"
    )


def _replies(catalog: Catalog, tag: str) -> list[tuple[str, str, RenderedReply]]:
    replies = []
    for template in catalog.templates:
        for situation, promise, complete in preview_situations():
            if situation != "usual" and template != "neutral":
                continue  # the situations read alike in every mail
            if template == "renewed":
                promise = replace(promise, typical=None)  # as the estimator leaves it out there
            values = reply_values(promise, OPTIONAL if complete else {})
            team = TEAMS.get(tag.partition("-")[0], TEAMS["en"])
            values = replace(values, shop_name=SHOP, team_name=team)
            replies.append((template, situation, catalog.render(template, tag, values)))
    return replies


def _mail(reply: RenderedReply) -> str:
    frames = "".join(
        f'<figure class="{scheme}"><figcaption><small>{scheme}</small><strong>{escape(reply.subject)}</strong>'
        f'{SHOP} &lt;support@shop.example&gt;</figcaption><iframe title="{escape(reply.template)}, {scheme}" '
        f'srcdoc="{escape(_in_scheme(reply.html, scheme))}"></iframe></figure>'
        for scheme in ("light", "dark")
    )
    return (
        f'<div class="mail">{frames}<figure class="text"><figcaption><small>text</small><strong>{escape(reply.subject)}</strong>'
        f"{SHOP} &lt;support@shop.example&gt;</figcaption><pre>{escape(reply.text)}</pre></figure></div>"
    )


def _in_scheme(html: str, scheme: str) -> str:
    """*html* as a client shows it that is set to *scheme*; a mail that names no scheme of its own stays light."""
    return html.replace("color-scheme: light dark", f"color-scheme: {scheme}").replace(
        'content="light dark"', f'content="{scheme}"'
    )
