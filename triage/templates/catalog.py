"""All texts of all languages, loaded together and never changed: a broken edit keeps the catalog that is in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Template, TemplateError

from triage.errors import ConfigError, Problem
from triage.templates.environment import compile_layout, compile_text
from triage.templates.reading import Folder, lineage, locale_tag, parse_locale, read_folders
from triage.templates.rendering import Mail, Renderer
from triage.templates.samples import sample_values
from triage.templates.values import RenderedReply, ReplyValues


class Catalog:
    """Texts by template name and locale. `load` makes one; rendering reads nothing and may run in any thread."""

    def __init__(self, folders: Mapping[str, Folder], layout: str, *, directory: str, default_locale: str) -> None:
        self.directory = directory
        self.default_locale = default_locale
        self.locales = tuple(sorted(folders))
        self._files = {tag: {name: file.path for name, file in folder.mails.items()} for tag, folder in folders.items()}
        self._texts = {tag: _Compiled(folder) for tag, folder in folders.items()}
        self._layout = compile_layout(layout)
        self._resolved: dict[str, str] = {}
        self._renderers: dict[str, Renderer] = {}
        self.templates = tuple(sorted(self.renderer(default_locale).mails))
        for tag in self.locales:
            self.renderer(tag)

    @classmethod
    def load(cls, directory: Path, *, default_locale: str) -> Catalog:
        """Read every text below *directory*.

        *default_locale* answers for languages that have no folder. Raises ConfigError with all faults of all files.
        """
        folders, layout, problems = read_folders(directory)
        default = parse_locale(default_locale)
        if default is None or not any(tag in folders for tag in lineage(locale_tag(default))):
            problems.append(
                Problem(
                    str(directory),
                    None,
                    "default_locale",
                    f"there are no texts for '{default_locale}'",
                    f"Choose one of {', '.join(sorted(folders))}, or add the folder",
                )
            )
        if problems or default is None:
            raise ConfigError(problems)
        catalog = cls(folders, layout, directory=str(directory), default_locale=locale_tag(default))
        try:
            catalog.render(catalog.templates[0], default_locale, next(sample_values()))
        except TemplateError as error:  # texts were tried one by one: what is left is the layout
            raise ConfigError(
                [
                    Problem(
                        str(directory / "layout.html"),
                        None,
                        "",
                        f"cannot be rendered: {error}",
                        "docs/templates.md says what a layout gets",
                    )
                ]
            ) from error
        return catalog

    def render(self, template: str, locale: str, values: ReplyValues) -> RenderedReply:
        """The reply called *template* in *locale*, or in the nearest locale that has texts.

        Raises ConfigError where there is no such template; the rules are checked against `templates` beforehand.
        """
        if template not in self.templates:
            raise ConfigError(
                [
                    Problem(
                        self.directory,
                        None,
                        template,
                        f"there is no text '{template}'",
                        f"Choose one of {', '.join(self.templates)}",
                    )
                ]
            )
        return self.renderer(locale).render(template, values)

    def resolve(self, locale: str) -> str:
        """The locale in which *locale* is answered: itself where its language has texts, else the default.

        "es-MX" stays "es-MX" (its dates), with the texts of es-419; "fr" becomes the default.
        """
        if (known := self._resolved.get(locale)) is None:
            parsed = parse_locale(locale) or parse_locale(locale.replace("_", "-").partition("-")[0])
            tag = locale_tag(parsed) if parsed else self.default_locale
            known = tag if any(parent in self._texts for parent in lineage(tag)) else self.default_locale
            if len(self._resolved) < 1000:  # senders' headers may feed this: not for ever
                self._resolved[locale] = known
        return known

    def choose(self, language: str | None, offered: Sequence[str]) -> str:
        """The one of *offered* locales (a mailbox's, its default first) in which to answer mail in *language*.

        "en" takes a mailbox's "en-GB"; a language that the mailbox does not offer, or None, takes its default.
        """
        usable = list(map(self.resolve, offered)) or [self.default_locale]
        if language:
            wanted = self.resolve(language)
            if wanted in usable:
                return wanted
            base = language.replace("_", "-").partition("-")[0].lower()
            for tag in usable:
                if tag.partition("-")[0] == base:
                    return tag
        return usable[0]

    def renderer(self, locale: str) -> Renderer:
        """The renderer of *locale*, compiled once."""
        tag = self.resolve(locale)
        if (renderer := self._renderers.get(tag)) is None:
            renderer = self._renderers[tag] = self._build(tag)
        return renderer

    def source_of(self, template: str, locale: str) -> str:
        """The file that *template* comes from in *locale*."""
        files = (self._files[tag].get(template) for tag in lineage(self.resolve(locale)) if tag in self._files)
        return next((file for file in files if file), self.directory)

    def _build(self, tag: str) -> Renderer:
        parsed = parse_locale(tag)
        assert parsed is not None
        mails: dict[str, Mail] = {}
        parts: dict[str, Template] = {}
        strings: dict[str, str] = {}
        for ancestor in reversed(lineage(tag)):
            if texts := self._texts.get(ancestor):
                mails |= texts.mails
                parts |= texts.parts
                strings |= texts.strings
        return Renderer(tag, parsed, mails, parts, strings, self._layout)


class _Compiled:
    """The texts of one folder, compiled."""

    def __init__(self, folder: Folder) -> None:
        self.mails = {
            name: Mail(compile_text(file.subject or ""), compile_text(file.body)) for name, file in folder.mails.items()
        }
        self.parts = {name: compile_text(file.body) for name, file in folder.parts.items()}
        self.strings = folder.strings
