"""HTML to text."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    text: str
    without_quotes: str
    has_quotes: bool
    defect: str | None = None


def from_html(source: str) -> Page:
    text = re.sub(r"<[^>]*>", " ", source)
    return Page(text, text, False)
