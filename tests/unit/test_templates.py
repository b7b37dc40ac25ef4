"""The texts themselves, and what is said of faulty ones. Faults are written into copies of the shipped texts."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from triage.errors import ConfigError, Problem
from triage.templates import Catalog, check_templates
from triage.templates.checking import HtmlChecker
from triage.templates.commands import preview
from triage.templates.environment import FILTERS
from triage.templates.promise_format import STRINGS
from triage.templates.reading import INSERTS, OPTIONAL_VALUES, PARTS, REQUIRED_VALUES
from triage.templates.samples import sample_values

ROOT = Path(__file__).parents[2]
CATALOG = Catalog.load(ROOT / "templates", default_locale="en")
FULL = next(sample_values())

CATEGORIES = ("logistics", "payment", "product", "complaint", "neutral", "follow-up", "renewed")

# Words that are wrong when the mail is read later, too familiar, unkind, or that promise what nobody can keep.
FORBIDDEN = {
    "en": r"today|tomorrow|tonight|shortly|as soon as possible|do not reply|don't reply|unfortunately|apolog\w+"
    r"|inconvenience|valued|compensat\w+|guarantee\w*",
    "de": r"heute|morgen|übermorgen|schnellstmöglich|umgehend|du|dir|dich|dein\w*|euch|leider|Unannehmlichkeit\w*|bzw"
    r"|Entschädigung|garantier\w*|nicht auf diese",
    "es": r"hoy|mañana|cuanto antes|a la brevedad|tú|ti|tu|tus|te|contigo|vosotros|vuestr\w+|os|lamentablemente"
    r"|disculpas|molestias|garantiza\w*|indemniza\w*|no responda",
}  # fmt: skip


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A copy of the shipped texts, to break."""
    return Path(shutil.copytree(ROOT / "templates", tmp_path / "templates"))


@pytest.fixture
def english(texts: Path) -> Path:
    """The same without the other languages: the checks finish a thousand mails for each."""
    for locale in {path.parent.name for path in texts.glob("*/parts")} - {"en"}:
        shutil.rmtree(texts / locale)
    return texts


def problems(directory: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        Catalog.load(directory, default_locale="en")
    return caught.value.problems


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


class TestShippedTexts:
    def test_cover_every_category_and_situation_in_every_language(self) -> None:
        assert set(CATALOG.templates) == set(CATEGORIES)
        assert set(CATALOG.locales) >= {"en", "en-GB", "de", "es", "es-419"}

    def test_pass_the_checks_with_every_combination_of_missing_values(self) -> None:
        assert check_templates(CATALOG) == []

    @pytest.mark.parametrize("locale", CATALOG.locales)
    @pytest.mark.parametrize("template", CATALOG.templates)
    def test_use_no_forbidden_word(self, template: str, locale: str) -> None:
        pattern = re.compile(rf"\b(?:{FORBIDDEN[locale[:2]]})\b", re.IGNORECASE)
        for values in (FULL, replace(FULL, order_number=None, customer_name=None, help_url=None)):
            reply = CATALOG.render(template, locale, values)
            assert not pattern.search(f"{reply.subject}\n{reply.text}")

    @pytest.mark.parametrize("template", CATALOG.templates)
    @pytest.mark.parametrize(("locale", "polite"), [("de", r"\b(Sie|Ihnen|Ihre)\b"), ("es", r"\b(su|le|usted)\b")])
    def test_address_the_customer_formally(self, template: str, locale: str, polite: str) -> None:
        assert re.search(polite, CATALOG.render(template, locale, FULL).text)

    @pytest.mark.parametrize(
        ("language", "automatic", "person"),
        [("en", "automatic", "a person will"), ("de", "automatisch", "Mensch"), ("es", "automátic", "persona")],
    )
    @pytest.mark.parametrize("template", CATALOG.templates)
    def test_say_that_they_are_automatic_and_that_a_person_answers(
        self, template: str, language: str, automatic: str, person: str
    ) -> None:
        for locale in (tag for tag in CATALOG.locales if tag.startswith(language)):
            text = " ".join(CATALOG.render(template, locale, FULL).text.split())
            assert automatic in text
            assert person in text

    @pytest.mark.parametrize("locale", CATALOG.locales)
    @pytest.mark.parametrize("template", CATALOG.templates)
    def test_name_who_writes_the_reference_and_the_privacy_notice(self, template: str, locale: str) -> None:
        text = CATALOG.render(template, locale, FULL).text
        for expected in (FULL.team_name, FULL.shop_name, FULL.ticket, FULL.privacy_url or ""):
            assert expected in text


class TestFaults:
    """Each is reported with file, line and key, all at once."""

    def test_of_several_files_are_all_told_at_once(self, texts: Path) -> None:
        rewrite(texts / "en" / "payment.txt", "{{ order_number }}", "{{ oder_number }}")
        rewrite(texts / "de" / "strings.yaml", "answer_by:", "anser_by:")
        (texts / "es" / "product.txt").unlink()
        found = problems(texts)
        assert {(Path(p.file).name, p.line, p.key) for p in found} == {
            ("payment.txt", 8, "oder_number"),
            ("strings.yaml", 2, "anser_by"),
            ("strings.yaml", None, "answer_by"),
            ("product.txt", None, ""),
        }
        assert all(p.fault and p.remedy for p in found)

    @pytest.mark.parametrize(
        ("file", "old", "new", "line", "fault"),
        [
            ("en/neutral.txt", "{% endif %}", "", None, "Unexpected end of template"),
            ("en/neutral.txt", "Subject: We", "We", 1, "no subject"),
            ("en/neutral.txt", "\n\n{{ greeting", "\n{{ greeting", 2, "right under the subject"),
            ("en/neutral.txt", "{{ promise }}\n", "", None, "by when a person answers"),
            ("en/neutral.txt", "{{ promise }}", "Answer: {{ promise }}", 10, "shares its line"),
            ("en/neutral.txt", "{% if order_number %}. We", "We", None, ""),
            ("en/neutral.txt", "[#{{ ticket }}]", "[#{{ ticket.upper() }}]", 1, "is not for texts"),
            ("en/neutral.txt", "[#{{ ticket }}]", "{{ order_number }}", 1, "without order_number"),
            (
                "en/neutral.txt",
                "{{ promise }}",
                "{% if help_url %}\n{{ promise }}\n{% endif %}",
                None,
                "without help_url",
            ),
            ("en/neutral.txt", "{{ promise }}", "{{ promise|safe }}", 10, "No filter named 'safe'"),
            ("en/parts/closing.txt", "{{ languages }}", "{{ promise }}", 11, "no value is called 'promise'"),
            (
                "en/strings.yaml",
                "{date}, {time} ({zone})",
                "{date}, {time}",
                7,
                "must hold {date} and {time} and {zone}",
            ),
            ("en/strings.yaml", "{date}, {time} ({zone})", "{date.year} {time} ({zone})", 7, "must hold"),
            ("en/strings.yaml", 'closed: "Our office is closed"', "closed:", 6, "has no text"),
            ("en/strings.yaml", 'closed: "Our', 'closed: Our: "', 6, "is not YAML"),
            ("layout.html", "{{ subject }}", "{{ titel }}", None, "no value is called 'titel'"),
            ("layout.html", "block.small", "block.tiny", None, "cannot be rendered"),
        ],
    )
    def test_are_found_when_texts_are_loaded(
        self, texts: Path, file: str, old: str, new: str, line: int | None, fault: str
    ) -> None:
        rewrite(texts / file, old, new)
        found = problems(texts)
        assert any(fault in p.fault for p in found), found
        if line is not None:
            assert line in {p.line for p in found}
        assert str(texts / file) in {p.file for p in found}

    @pytest.mark.parametrize(
        ("file", "old", "new", "fault"),
        [
            ("layout.html", "</ul>", "", "where <ul> is open"),
            ("layout.html", "<body", '<img src="https://shop.example/logo.png"><body', "loads something"),
            ("layout.html", "{{ value }}", "", "HTML does not show the promise"),
            ("en/neutral.txt", " [#{{ ticket }}]", "", "lacks the reference"),
            ("en/neutral.txt", "]({{", "] ({{", "left-over"),
            ("en/neutral.txt", "We have received", "We have received" + " and read" * 8, "characters"),
        ],
    )
    def test_that_only_a_finished_mail_shows_are_found_by_the_checks(
        self, english: Path, file: str, old: str, new: str, fault: str
    ) -> None:
        text = (english / file).read_text(encoding="utf-8")
        (english / file).write_text(text.replace(old, new), encoding="utf-8")
        found = check_templates(Catalog.load(english, default_locale="en"))
        assert any(fault in p.fault for p in found), found

    def test_name_a_folder_that_is_no_locale(self, texts: Path) -> None:
        (texts / "deutsch").mkdir()
        assert "'deutsch' is no locale" in problems(texts)[0].fault

    def test_name_an_override_that_overrides_nothing(self, texts: Path) -> None:
        shutil.copy(texts / "en-GB" / "logistics.txt", texts / "en-GB" / "logistic.txt")
        assert [p.fault for p in problems(texts)] == ["overrides a text that no language has"]

    def test_name_an_unknown_part(self, texts: Path) -> None:
        (texts / "en" / "parts" / "footer.txt").write_text("x")
        assert [p.fault for p in problems(texts)] == ["no mail uses this part"]

    def test_name_the_line_that_is_not_utf_8(self, texts: Path) -> None:
        path = texts / "de" / "payment.txt"
        path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
        (found,) = problems(texts)
        assert (found.fault, found.line) == ("is not UTF-8", 5)

    def test_name_a_default_without_texts(self) -> None:
        with pytest.raises(ConfigError, match="no texts for 'fr'"):
            Catalog.load(ROOT / "templates", default_locale="fr")

    def test_name_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert problems(tmp_path / "nowhere")[0].fault == "no such folder"


class TestNewFolder:
    def test_of_a_language_just_works(self, english: Path) -> None:
        shutil.copytree(english / "en", english / "fr")
        rewrite(english / "fr" / "parts" / "greeting.txt", "Hello", "Bonjour")
        rewrite(english / "fr" / "strings.yaml", '"{label}: {value}"', '"{label} : {value}"')
        catalog = Catalog.load(english, default_locale="en")
        reply = catalog.render("neutral", "fr-CA", FULL)
        assert reply.locale == "fr-CA"
        assert reply.text.startswith("Bonjour Karin")
        assert "mercredi 25 novembre 2026" in reply.text
        assert check_templates(catalog) == []

    def test_that_reads_from_right_to_left_says_so(self, texts: Path) -> None:
        shutil.copytree(texts / "en", texts / "ar")
        html = Catalog.load(texts, default_locale="en").render("neutral", "ar", FULL).html
        assert '<html lang="ar" dir="rtl">' in html
        assert "border-right" in html

    def test_of_windows_files_reads_the_same(self, texts: Path) -> None:
        for path in texts.rglob("*.txt"):
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        catalog = Catalog.load(texts, default_locale="en")
        assert catalog.render("payment", "de", FULL) == CATALOG.render("payment", "de", FULL)


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>a", "<p> is not closed"),
        ("<b><i></b></i>", "</b> where <i> is open"),
        ("</p>", "</p> where <nothing> is open"),
        ("<html>", "lacks lang"),
        ("<script></script>", "stripped"),
        ('<p style="background:url(x)"></p>', "loads"),
    ],
)
def test_html_faults_are_seen(html: str, fault: str) -> None:
    checker = HtmlChecker()
    checker.feed(html)
    assert any(fault in found for found in checker.faults)


class TestPreview:
    def test_shows_every_text_in_every_locale(self, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        result = CliRunner().invoke(preview, ["--templates", str(ROOT / "templates"), "-o", str(page)])
        assert result.exit_code == 0
        html = page.read_text(encoding="utf-8")
        for locale in CATALOG.locales:
            for template in CATALOG.templates:
                assert f'id="{locale}-{template}"' in html
        assert not re.search(r'(?:src|href)="https?:', html)

    def test_tells_every_fault_and_stops(self, texts: Path) -> None:
        (texts / "de" / "neutral.txt").unlink()
        result = CliRunner().invoke(preview, ["--templates", str(texts), "-o", "-"])
        assert result.exit_code == 78
        assert "this language lacks the text" in result.output


class TestDocumentation:
    TEXT = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")

    def rows(self, heading: str) -> dict[str, list[str]]:
        """First cell to the others, of the table whose head starts with *heading*."""
        table = self.TEXT.split(f"| {heading} |", 1)[1].split("\n\n")[0].splitlines()[2:]
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
        return {row[0].strip("`"): row[1:] for row in cells}

    def test_lists_every_value_and_whether_it_may_be_missing(self) -> None:
        rows = self.rows("Value")
        assert {name for name, cells in rows.items() if cells[-1] == "no"} == REQUIRED_VALUES
        assert {name for name, cells in rows.items() if cells[-1] == "yes"} == OPTIONAL_VALUES

    def test_lists_every_insert_part_and_filter(self) -> None:
        assert {name.strip("{} ") for name in self.rows("Insert")} == INSERTS
        assert self.rows("Part").keys() == PARTS
        assert "Filters: " + ", ".join(f"`{name}`" for name in FILTERS) in self.TEXT

    def test_lists_every_key_with_the_fields_it_holds(self) -> None:
        documented = {key: frozenset(re.findall(r"\{(\w+)\}", cells[-1])) for key, cells in self.rows("Key").items()}
        assert documented == STRINGS
