"""The language to answer in: named with evidence, else not named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.language import detect

SHOP = ("en", "de", "es")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my order? It should have come last week.", "en"),
        ("I want a refund", "en"),
        ("Wo bleibt mein Paket? Ich warte schon seit zwei Wochen.", "de"),
        ("WO IST MEIN PAKET BITTE", "de"),
        ("¿Dónde está mi pedido? Lo compré hace dos semanas.", "es"),
        ("Hallo, Bestellung 4711 (https://shop.example/orders/where-is-my-order) ist noch nicht angekommen", "de"),
        ("Please help me with this order, danke!", "en"),
        ("Hat der Drucker en Schweizer Stecker oder isch en Adapter dabii?", "de"),
    ],
)
def test_a_sentence_in_one_of_the_languages_is_named(text: str, language: str) -> None:
    assert detect(text, SHOP) == language


@pytest.mark.parametrize(
    "text", ["", "hola", "danke", "Hello world", "ok thanks", "4711", "https://shop.example", "?!", "😀 😀"]
)
def test_a_greeting_names_no_language(text: str) -> None:
    assert detect(text, SHOP) is None
    assert detect(text) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Où est ma commande ? Je l'attends depuis deux semaines.", "fr"),
        ("Mijn pakket is nog steeds niet aangekomen", "nl"),
        ("Gdzie jest moje zamówienie? Czekam już dwa tygodnie.", "pl"),
        ("Где мой заказ? Я жду уже две недели.", "ru"),
        ("Де моє замовлення? Я чекаю вже два тижні.", "uk"),
        ("注文した商品はどこですか", "ja"),
        ("我的订单4711在哪里？", "zh"),
        ("주문이 어디에 있나요?", "ko"),
        ("Πού είναι η παραγγελία μου;", "el"),
    ],
)
def test_a_language_that_is_not_among_them_is_named_all_the_same_where_it_is_plain(text: str, language: str) -> None:
    assert detect(text, SHOP) in (language, None)
    assert detect(text, (*SHOP, language)) == language
    assert detect(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bonjour, ma commande n'est toujours pas arrivée. Pouvez-vous me dire où elle se trouve ?", "fr"),
        ("Buongiorno, il pacco non è ancora arrivato. Potete dirmi dove si trova?", "it"),
        ("注文した商品はどこですか", "ja"),
    ],
)
def test_what_a_mailbox_does_not_answer_in_is_named_for_the_people_who_read_it(text: str, language: str) -> None:
    assert detect(text, SHOP) == language


def test_a_regional_code_stands_for_its_language() -> None:
    assert detect("Where is my order? It should have come.", ("en-GB", "de_AT")) == "en"


def test_a_brand_in_latin_letters_does_not_change_the_language() -> None:
    assert detect("iPhone 15 Pro のケースはどこですか", ("en", "ja")) == "ja"


def test_many_threads_that_ask_first_at_once_get_the_same_answer() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: detect("Wo bleibt mein Paket? Ich warte schon lange.", SHOP), range(64)))
    assert found == {"de"}


@given(st.text(), st.lists(st.sampled_from(["en", "de", "es", "zh", "xx", ""])))
def test_any_text_is_named_the_same_twice(text: str, languages: list[str]) -> None:
    assert detect(text, languages) == detect(text, languages)
