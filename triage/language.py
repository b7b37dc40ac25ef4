"""Which language a text is in. Pure, deterministic."""

from __future__ import annotations

from collections.abc import Sequence


def detect(text: str, languages: Sequence[str]) -> str | None:
    return None
