"""Expressions that operators write: what counts of a match, and that no expression stops the daemon."""

from __future__ import annotations

import time

import pytest

from triage.parsing import parse
from triage.patterns import compiled
from triage.settings import ContactForm, Shop

HEAD = b"From: ann@mail.example\r\nSubject: Hello\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
EXPENSIVE = r"(\w+\s?)+!"  # Python's re doubles its time with each word that no ! follows


def orders(text: str, *patterns: str) -> tuple[str, ...]:
    return parse(HEAD + text.encode(), order_patterns=compiled(patterns)).order_numbers


@pytest.mark.parametrize(
    ("pattern", "number"),
    [(r"SO-\d+", "SO-4711"), (r"SO-(\d+)", "4711"), (r"(so)-(?P<number>\d+)", "4711"), (r"so-(\d+)?", "4711")],
    ids=["all of it", "the first group", "the group called number", "a group that may be missing"],
)
def test_of_an_order_number_the_named_group_counts_else_the_first_else_all(pattern: str, number: str) -> None:
    assert orders("Größe? Meine Nummer ist so-4711.", pattern) == (number,)


def test_an_expression_for_order_numbers_takes_time_that_grows_with_the_text_only() -> None:
    start = time.process_time()
    assert orders("a word " * 3_000, EXPENSIVE) == ()
    assert time.process_time() - start < 1.0


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(a)\1", "(a", "a" * 501], ids=["look", "back", "open", "long"])
def test_what_cannot_be_kept_linear_is_refused_when_the_configuration_is_read(pattern: str) -> None:
    with pytest.raises(ValueError, match="expression"):
        Shop(name="Shop", order_patterns=(pattern,))
    with pytest.raises(ValueError, match="expression"):
        ContactForm(sender="form@shop.example", address_pattern=pattern)
