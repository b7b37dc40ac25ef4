"""What is kept of filed mail: masked words, keyed hashes, vectors of what is in use. The mails were written for these tests."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.support.letters import letter
from triage.classifier import notebook, vector_memory
from triage.classifier.encoder import encoder
from triage.classifier.notebook import NotebookError
from triage.classifier.notes import Note, Spot
from triage.classifier.teaching import NoLesson
from triage.config import load
from triage.home import create
from triage.learning.noting import note
from triage.mailbox import Fetched
from triage.message import MessageKey
from triage.parsing import parse
from triage.planning import Office

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TEXTS = ["where is my parcel", "Sie haben doppelt abgebucht. Bitte um Klärung.", "¿dónde está mi pedido?"]


def kept(number: int, customer: str = "c", text: str = "where is my parcel") -> Note:
    spot = Spot("support", "INBOX.Triaged.Payment", 7, number)
    return Note(spot, f"{number:064x}", customer, "t", AT, "en", text)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office of a fresh home."""
    home = tmp_path_factory.mktemp("office") / "home"
    create(home)
    return load(home)


def noted(raw: bytes, office: Office) -> Note:
    name, mine = next(iter(office.settings.mailboxes.items()))
    fetched = Fetched(MessageKey(name, "Triaged/Payment", 7, 1), raw, AT, len(raw), False)
    message = parse(raw)
    return note(
        fetched,
        message,
        message.fingerprint,
        None,
        mailbox=mine,
        office=office,
        own_names=frozenset({"Möbelhaus Süd"}),
        seal=lambda text: f"sealed {len(text)}",
    )


# -- what is kept of a mail --------------------------------------------------------------------------------------------------------


def test_nothing_that_names_somebody_is_kept(office: Office) -> None:
    raw = letter(
        1,
        sender="Rosalind Achterberg <rosalind@mail1.example>",
        subject="Möbelhaus Süd: refund for order 4711-883",
        text="Hello,\n\nthis is Rosalind Achterberg, 14 Harbour View Road, please refund card 4111 1111 1111 1111 and not IBAN "
        "DE89 3704 0044 0532 0130 00. Call +49 30 2093 4455 or write to rosa@other.example.\nMy password is hunter22.\n",
    )
    text = noted(raw, office).text
    for secret in (
        "Rosalind",
        "Achterberg",
        "Harbour",
        "4111",
        "3704",
        "2093",
        "rosa@",
        "4711",
        "hunter22",
        "Möbelhaus",
    ):
        assert secret not in text
    assert "refund" in text
    assert "mailaddress" in text


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Auto_Submitted": "auto-replied"}, NoLesson.MACHINE),
        ({"List_Id": "<news.shop.example>"}, NoLesson.MACHINE),
        ({"X_Triage_Kind": "forward"}, NoLesson.MACHINE),
        ({"From": "Payment team <payment@example.com>"}, NoLesson.OURS),
    ],
    ids=["automatic", "list", "own", "colleague"],
)
def test_mail_that_no_customer_wrote_is_set_aside_without_its_text(
    headers: dict[str, str], why: NoLesson, office: Office
) -> None:
    found = noted(letter(1, **headers), office)
    assert (found.aside, found.text) == (why, "")


def test_a_mail_without_words_is_set_aside(office: Office) -> None:
    assert noted(letter(1, subject="", text="!!! 4711\n"), office).aside == NoLesson.EMPTY


def test_a_customers_mail_is_kept_although_it_is_old_and_comes_by_a_marketplace(office: Office) -> None:
    assert noted(letter(1), office).aside == ""
    assert noted(letter(2, sender="x9k2lq8r7d@marketplace.amazon.de"), office).text


# -- the notebook ------------------------------------------------------------------------------------------------------------------


def test_notes_come_back_as_they_were(tmp_path: Path) -> None:
    odd = replace(kept(2), text="line\nbreak \u2028 and \ud83d lone surrogate")
    with notebook.opened(tmp_path / "teaching") as book:
        book.notes = {one.spot: one for one in (kept(1), odd)}
        book.last = {"digest": "d"}
        sealed = book.seal("Karin@Example.de")
        book.save()
    with notebook.opened(tmp_path / "teaching") as book:
        assert list(book.notes.values()) == [kept(1), odd]
        assert book.last == {"digest": "d"}
        assert book.seal("karin@example.DE") == sealed


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with notebook.opened(tmp_path / "teaching") as book:
        book.notes = {kept(1).spot: kept(1)}
        book.save()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "teaching").iterdir()}
    assert modes["mails.jsonl"] == modes["meta.json"] == 0o600
    assert stat.S_IMODE((tmp_path / "teaching").stat().st_mode) == 0o700


def test_two_notebooks_have_different_hashes_of_one_address(tmp_path: Path) -> None:
    with notebook.opened(tmp_path / "one") as one, notebook.opened(tmp_path / "other") as other:
        assert one.seal("karin@example.de") != other.seal("karin@example.de")


def test_one_at_a_time(tmp_path: Path) -> None:
    with (
        notebook.opened(tmp_path),
        pytest.raises(NotebookError, match="another retraining is at work"),
        notebook.opened(tmp_path),
    ):
        pass


def test_who_is_forgotten_is_gone_and_stays_away(tmp_path: Path) -> None:
    with notebook.opened(tmp_path) as book:
        mine = kept(1, customer=book.seal("karin@example.de"))
        book.notes = {one.spot: one for one in (mine, kept(2))}
        assert book.forget("Karin@example.de") == 1
        assert book.forget("Karin@example.de") == 0
        book.save()
    with notebook.opened(tmp_path) as book:
        assert list(book.notes.values()) == [kept(2)]
        assert book.is_forgotten(mine.customer)
        assert not book.is_forgotten("c")
    assert b"karin" not in b"".join(path.read_bytes() for path in tmp_path.iterdir()).lower()


def test_a_damaged_line_costs_that_line(tmp_path: Path) -> None:
    with notebook.opened(tmp_path) as book:
        book.notes = {one.spot: one for one in (kept(1), kept(2))}
        book.save()
    path = tmp_path / "mails.jsonl"
    path.write_text(path.read_text()[:-40])
    with notebook.opened(tmp_path) as book:
        assert list(book.notes.values()) == [kept(1)]


def test_a_damaged_key_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(NotebookError, match=r"meta\.json: cannot be read .* Remove"), notebook.opened(tmp_path):
        pass


# -- vectors -----------------------------------------------------------------------------------------------------------------------


def test_remembered_vectors_are_those_of_the_encoder(tmp_path: Path) -> None:
    whole, parts = encoder().encode(TEXTS)
    with vector_memory.remembering(tmp_path):
        first, _ = encoder().encode(TEXTS[:2])
    with vector_memory.remembering(tmp_path):
        again, again_parts = encoder().encode(TEXTS)
    np.testing.assert_array_equal(again[:2], first)  # or a model would depend on which texts were known
    np.testing.assert_allclose(again, whole, atol=1e-4)
    np.testing.assert_allclose(again_parts, parts, atol=1e-4)


def test_vectors_of_texts_that_are_not_used_any_more_are_dropped(tmp_path: Path) -> None:
    with vector_memory.remembering(tmp_path):
        encoder().encode(TEXTS)
    large = (tmp_path / vector_memory.FILE).stat().st_size
    with vector_memory.remembering(tmp_path):
        encoder().encode(TEXTS[:1])
    assert (tmp_path / vector_memory.FILE).stat().st_size < large


@pytest.mark.parametrize("content", [b"", b"no such format", b"PK\x03\x04 cut"])
def test_damaged_vectors_are_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / vector_memory.FILE).write_bytes(content)
    with vector_memory.remembering(tmp_path):
        assert encoder().encode(TEXTS)[0].shape == (3, 512)


def test_vectors_of_another_encoder_are_not_used(tmp_path: Path) -> None:
    with vector_memory.remembering(tmp_path):
        whole, _ = encoder().encode(TEXTS)
    path = tmp_path / vector_memory.FILE
    with np.load(path) as found:
        np.savez(path, keys=found["keys"], vectors=-found["vectors"], probe=-found["probe"])
    with vector_memory.remembering(tmp_path):
        np.testing.assert_allclose(encoder().encode(TEXTS)[0], whole, atol=1e-5)
