"""The corpus keeps to its guide (models/corpus/GUIDE.md), and no message in it is another one again."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "models" / "corpus"
LABELS = {"logistics", "payment", "product", "complaint", "other"}
ABOUTS = {"logistics", "payment", "product", "service"}
FORMS = {"mail", "form", "chat", "dictation", "review", "post"}
SHOPS = {
    "furniture",
    "fashion",
    "electronics",
    "cosmetics",
    "food",
    "parts",
    "toys",
    "garden",
    "books",
    "pets",
    "general",
    "digital",
    "telecom",
    "travel",
    "finance",
    "meals",
    "services",
}
FIELDS = {"id", "lang", "variety", "label", "about", "form", "shop", "writer", "scenario", "subject", "text", "licence"}

# Messages of fewer words are alike by nature ("where is my order"); they may only not be the same.
SHORT = 6
NEAR = 0.5

# Chinese and Japanese have no spaces: runs of characters stand for runs of words.
UNSPACED = {"zh", "ja"}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


FILES = sorted(FOLDER.glob("*.jsonl"))
ROWS = [row for path in FILES for row in read(path)]


def words(row: dict[str, Any]) -> list[str]:
    text = row["text"].casefold()
    return re.findall(r"\w", text) if row["lang"] in UNSPACED else re.findall(r"\w+", text)


def shingles(row: dict[str, Any]) -> set[tuple[str, ...]]:
    found = words(row)
    return {tuple(found[i : i + 3]) for i in range(len(found) - 2)}


def faults(row: dict[str, Any]) -> list[str]:
    checks = {
        "unknown field": set(row) <= FIELDS,
        "label": row["label"] in LABELS,
        "about": (row.get("about") in ABOUTS) if row["label"] == "complaint" else row.get("about") is None,
        "form": row["form"] in FORMS,
        "shop": row["shop"] in SHOPS,
        "variety": row["variety"].startswith(f"{row['lang']}-"),
        "writer and scenario": bool(row["writer"] and row["scenario"]),
        "subject": row["subject"] is None or row["form"] in {"mail", "form"},
        "text": bool(row["text"].strip()),
        "placeholder": not re.search(r"\[[a-zäöüñ ]{2,20}\]|X{4,}|\{\{|<(name|order)", row["text"], re.I),
    }
    return [name for name, good in checks.items() if not good]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_row_keeps_to_the_guide(path: Path) -> None:
    found = {row["id"]: faults(row) for row in read(path)}

    assert {id_: which for id_, which in found.items() if which} == {}


def test_ids_are_unique() -> None:
    assert [id_ for id_, count in Counter(row["id"] for row in ROWS).items() if count > 1] == []


def test_no_message_is_there_twice() -> None:
    texts: dict[str, list[str]] = defaultdict(list)
    for row in ROWS:
        texts[" ".join(words(row))].append(row["id"])

    assert [ids for ids in texts.values() if len(ids) > 1] == []


def test_no_two_messages_share_half_of_their_word_triples() -> None:
    sets = {row["id"]: shingles(row) for row in ROWS if len(words(row)) >= SHORT}
    owners: dict[tuple[str, ...], list[str]] = defaultdict(list)
    shared: Counter[tuple[str, str]] = Counter()
    for id_, found in sets.items():
        for shingle in found:
            for other in owners[shingle]:
                shared[other, id_] += 1
            owners[shingle].append(id_)

    near = [
        (one, other)
        for (one, other), count in shared.items()
        if count / (len(sets[one]) + len(sets[other]) - count) >= NEAR
    ]
    assert near == []


def test_no_address_of_a_real_domain_and_no_card_number_stands_in_a_message() -> None:
    addresses = [
        (row["id"], address)
        for row in ROWS
        for address in re.findall(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", f"{row['subject']} {row['text']}")
        if not re.search(r"(^|\.)example(\.\w+)*$|\.(example|test|invalid)$", address.casefold())
    ]
    cards = [row["id"] for row in ROWS if re.search(r"\b\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}\b", row["text"])]

    assert (addresses, cards) == ([], [])


def test_messages_are_short_and_long_in_each_language_and_for_each_label() -> None:
    for language, rows in by_language().items():
        lengths = sorted(len(words(row)) for row in rows)
        tenth, quarter, half, most = (lengths[len(lengths) * percent // 100] for percent in (10, 25, 50, 90))
        of_label = {
            label: statistics.median(len(words(row)) for row in rows if row["label"] == label) / half
            for label in LABELS
        }

        assert tenth <= half / 2, language
        assert quarter <= 0.7 * half, language
        assert most >= 2.2 * half, language
        assert all(0.5 <= share <= 1.8 for share in of_label.values()), (language, of_label)


def test_no_turn_of_phrase_gives_the_author_away() -> None:
    """Letters have their set phrases ("Sehr geehrte Damen und Herren"); no other run of words may come back in one message of twenty."""
    for language, rows in by_language().items():
        length = 8 if language in UNSPACED else 4
        counts: Counter[tuple[str, ...]] = Counter()
        for row in rows:
            found = words(row)
            counts.update({tuple(found[i : i + length]) for i in range(len(found) - length + 1)})
        phrase, count = counts.most_common(1)[0]

        assert count / len(rows) <= 0.05, (language, phrase)


def by_language() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in ROWS:
        found[row["lang"]].append(row)
    return found


def test_the_corpus_is_large_enough_in_each_language_and_of_many_voices() -> None:
    languages = Counter(row["lang"] for row in ROWS)
    assert sum(languages.values()) >= 21_000
    assert all(languages[language] >= 3200 for language in ("en", "de", "es")), languages
    assert all(languages[language] >= 1600 for language in ("fr", "pt", "nl", "zh", "ko")), languages
    assert all(languages[language] >= 450 for language in ("it", "pl", "ja")), languages
    assert len({row["writer"] for row in ROWS}) >= 17_000
    assert 0.08 <= sum(row["label"] == "other" for row in ROWS) / len(ROWS) <= 0.13
