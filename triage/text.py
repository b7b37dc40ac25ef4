"""The author's own new words."""

from __future__ import annotations


def tidy(text: str) -> str:
    return text.strip("\n")


def new_words(text: str) -> str:
    return text
