"""The folder of texts, read at once: every file, every fault with its line.

    templates/layout.html                    how all mails look as HTML
    templates/LOCALE/NAME.txt                one mail: "Subject: ...", an empty line, the body
    templates/LOCALE/parts/NAME.txt          what mails share: greeting, closing, closed, no-date
    templates/LOCALE/strings.yaml            labels and the order of date, time and zone

A folder whose parent locale has a folder too (en-GB below en, es-419 below es) holds only what differs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from jinja2 import TemplateError

from triage.errors import Problem
from triage.templates.environment import Source, compile_text, faults, layout_environment, names_used, text_environment
from triage.templates.markup import PROMISE_MARK
from triage.templates.promise_format import STRINGS

REQUIRED_MAILS = frozenset({"neutral", "follow-up"})  # the rest is named by the routing rules
PARTS = frozenset({"greeting", "closing", "closed", "no-date"})
REQUIRED_VALUES = frozenset({"ticket", "shop_name", "team_name"})
OPTIONAL_VALUES = frozenset({"customer_name", "order_number", "tracking_url", "help_url", "privacy_url", "languages"})
VALUES = REQUIRED_VALUES | OPTIONAL_VALUES
INSERTS = frozenset({"greeting", "promise", "closing"})  # each stands alone on its line
LAYOUT_VALUES = frozenset({"lang", "dir", "subject", "blocks"})

_SUBJECT = re.compile(r"subject:[ \t]*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextFile:
    """One file of text. `subject` is None for a part."""

    path: str
    subject: str | None
    body: str
    body_line: int  # line of the file on which the body starts


@dataclass(frozen=True, slots=True)
class Folder:
    """One language's texts as they stand in its folder, nothing inherited yet."""

    path: str
    mails: dict[str, TextFile] = field(default_factory=dict)
    parts: dict[str, TextFile] = field(default_factory=dict)
    strings: dict[str, str] = field(default_factory=dict)


def parse_locale(tag: str) -> Locale | None:
    """The locale called *tag* ("es-MX", "es_MX"), None if Babel knows none."""
    try:
        return Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return None


def locale_tag(locale: Locale) -> str:
    return str(locale).replace("_", "-")


def lineage(tag: str) -> tuple[str, ...]:
    """*tag* and the locales it inherits from, nearest first: es-MX, es-419, es (CLDR's parent locales)."""
    chain: list[str] = []
    name = tag.replace("-", "_")
    exceptions = get_global("parent_exceptions")
    while name and name != "root":
        chain.append(name.replace("_", "-"))
        name = exceptions.get(name) or name.rpartition("_")[0]
    return tuple(chain)


def read_folders(directory: Path) -> tuple[dict[str, Folder], str, list[Problem]]:
    """All language folders by tag, the layout, and every fault found in single files and between them."""
    problems: list[Problem] = []
    if not directory.is_dir():
        return {}, "", [Problem(str(directory), None, "", "no such folder", "`triage init` writes one to start from")]
    folders: dict[str, Folder] = {}
    for path in sorted(directory.iterdir()):
        if not path.is_dir() or path.name.startswith((".", "_")):
            continue
        locale = parse_locale(path.name)
        if locale is None:
            problems.append(
                Problem(
                    str(path),
                    None,
                    "",
                    f"'{path.name}' is no locale",
                    "Name the folder after a language and, if need be, a region: fr, fr-CA",
                )
            )
        else:
            folders[locale_tag(locale)] = _read_folder(path, problems)
    layout = _read_layout(directory / "layout.html", problems)
    if not folders:
        problems.append(Problem(str(directory), None, "", "holds no language", "`triage init` writes three"))
    problems.extend(_gaps(folders))
    return folders, layout, problems


def _read_layout(path: Path, problems: list[Problem]) -> str:
    text = _read(path, problems)
    if text is None:
        return ""
    for line, name, fault in faults(layout_environment(), text, LAYOUT_VALUES):
        problems.append(Problem(str(path), line, name, fault, f"The layout has {_listed(LAYOUT_VALUES)}"))
    return text


def _read_folder(path: Path, problems: list[Problem]) -> Folder:
    folder = Folder(str(path))
    for file in _text_files(path):
        text = _read(file, problems)
        if text is not None and (mail := _split_mail(file, text, problems)):
            folder.mails[file.stem] = mail
    for file in _text_files(path / "parts"):
        text = _read(file, problems)
        if file.stem not in PARTS:
            problems.append(Problem(str(file), None, "", "no mail uses this part", f"Parts are {_listed(PARTS)}"))
        elif text is not None:
            folder.parts[file.stem] = TextFile(str(file), None, text, 1)
            problems.extend(_part_problems(folder.parts[file.stem]))
    if (path / "strings.yaml").exists():
        folder.strings.update(_read_strings(path / "strings.yaml", problems))
    return folder


def _text_files(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*.txt") if not file.name.startswith("."))


def _read(path: Path, problems: list[Problem]) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        problems.append(Problem(str(path), None, "", f"cannot be read: {error.strerror}", "Restore the file"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problems.append(Problem(str(path), line, "", "is not UTF-8", "Save the file with the encoding UTF-8"))
    return None


def _split_mail(path: Path, text: str, problems: list[Problem]) -> TextFile | None:
    first, _, rest = text.partition("\n")
    match = _SUBJECT.fullmatch(first.rstrip())
    if not match or not match[1]:
        problems.append(
            Problem(
                str(path),
                1,
                "subject",
                "the mail has no subject",
                "Let the first line read 'Subject: ...' and the second be empty",
            )
        )
        return None
    if rest.partition("\n")[0].strip():
        problems.append(
            Problem(str(path), 2, "", "the body starts right under the subject", "Leave one line empty between them")
        )
    mail = TextFile(str(path), match[1], rest, 2)
    problems.extend(_mail_problems(mail))
    return mail


def _mail_problems(mail: TextFile) -> list[Problem]:
    assert mail.subject is not None
    found = _name_problems(mail.path, mail.subject, 1, VALUES, "subject")
    found += _name_problems(mail.path, mail.body, mail.body_line, VALUES | INSERTS, "")
    if found:
        return found
    for number, line in enumerate(mail.body.splitlines(), start=mail.body_line):
        for name in sorted(INSERTS):
            if re.search(r"\{\{-?\s*" + name + r"\b", line) and line.strip() != f"{{{{ {name} }}}}":
                found.append(
                    Problem(
                        mail.path,
                        number,
                        name,
                        f"{{{{ {name} }}}} shares its line with other text",
                        "Let it stand on a line of its own",
                    )
                )
    return found or [
        *_trial_problems(mail.path, mail.subject, 1),
        *_trial_problems(mail.path, mail.body, mail.body_line),
    ]


def _part_problems(part: TextFile) -> list[Problem]:
    return _name_problems(part.path, part.body, 1, VALUES, "") or list(_trial_problems(part.path, part.body, 1))


def _name_problems(path: str, source: str, first_line: int, allowed: frozenset[str], key: str) -> list[Problem]:
    return [
        Problem(
            path,
            first_line + line - 1,
            name or key,
            fault,
            f"A text may use {_listed(allowed)}" if name else "docs/templates.md says what a text may do",
        )
        for line, name, fault in faults(text_environment(), source, allowed)
    ]


def _trial_problems(path: str, source: str, first_line: int) -> Iterable[Problem]:
    """Render *source* alone with every combination of missing values that it could notice; one fault is enough."""
    used = names_used(text_environment(), source)
    template = compile_text(source)
    optional = sorted(used & OPTIONAL_VALUES)
    always: dict[str, object] = {name: name for name in REQUIRED_VALUES}
    always |= {"greeting": Source("greeting"), "promise": Source(PROMISE_MARK), "closing": Source("closing")}
    for present in itertools.product((True, False), repeat=len(optional)):
        values = always | {name: name if there else None for name, there in zip(optional, present, strict=True)}
        missing = [name for name, there in zip(optional, present, strict=True) if not there]
        situation = f"without {_listed(missing)}" if missing else "with all values"
        try:
            text = template.render(values)
        except (TemplateError, TypeError, ArithmeticError) as error:
            yield Problem(
                path,
                _line_in_template(error, first_line),
                "",
                f"{situation}: {error}",
                "Put {% if name %} ... {% endif %} around it",
            )
            return
        if "promise" in used and PROMISE_MARK not in text:
            yield Problem(
                path,
                None,
                "promise",
                f"{situation} the mail says nothing of when we answer",
                "Take {{ promise }} out of the {% if %}",
            )
            return
        if not text.strip():
            yield Problem(path, None, "", f"{situation} nothing is left of the text", "Add words that always stay")
            return
    if "promise" not in used and first_line > 1:
        yield Problem(
            path, None, "promise", "the mail does not say by when a person answers", "Add a line {{ promise }}"
        )


def _line_in_template(error: BaseException, first_line: int) -> int | None:
    """The line that Jinja2 was on, from the traceback it rewrites to point into the template."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return None if line is None else first_line + line - 1


def _read_strings(path: Path, problems: list[Problem]) -> dict[str, str]:
    text = _read(path, problems)
    if text is None:
        return {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problems.append(Problem(str(path), line, "", f"is not YAML: {error.problem}", "Put texts in double quotes"))
        return {}
    if not isinstance(root, yaml.MappingNode):
        problems.append(Problem(str(path), 1, "", "is not a list of 'key: text'", f"Keys are {_listed(STRINGS)}"))
        return {}
    strings: dict[str, str] = {}
    for key_node, value_node in root.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key not in STRINGS:
            problems.append(Problem(str(path), line, key, "no such key", f"Keys are {_listed(STRINGS)}"))
        elif key in strings:
            problems.append(Problem(str(path), line, key, "stands here twice", "Keep one"))
        elif not isinstance(value_node, yaml.ScalarNode) or not value_node.value.strip():
            problems.append(Problem(str(path), line, key, "has no text", "Write a text behind the colon"))
        else:
            strings[key] = value_node.value.strip()
            problems.extend(_field_problems(str(path), line, key, strings[key]))
    return strings


def _field_problems(path: str, line: int, key: str, text: str) -> Iterable[Problem]:
    wanted = STRINGS[key]
    found = re.findall(r"\{([^{}]*)\}", text)
    if sorted(found) != sorted(wanted) or text.count("{") != len(found) or text.count("}") != len(found):
        needs = " and ".join(f"{{{name}}}" for name in sorted(wanted)) or "no braces at all"
        yield Problem(path, line, key, f"must hold {needs}, each once", "Compare with the same key in en/strings.yaml")


def _gaps(folders: Mapping[str, Folder]) -> list[Problem]:
    """What complete languages lack, and what overrides override in vain."""
    bases = [tag for tag in folders if not any(parent in folders for parent in lineage(tag)[1:])]
    mails = REQUIRED_MAILS.union(*(folders[tag].mails for tag in bases))
    found: list[Problem] = []
    for tag, folder in folders.items():
        here = Path(folder.path)
        if tag not in bases:
            found.extend(
                Problem(file.path, None, "", "overrides a text that no language has", "Name it after a file there is")
                for name, file in sorted(folder.mails.items())
                if name not in mails
            )
            continue
        wanted = [here / f"{name}.txt" for name in sorted(mails)]
        wanted += [here / "parts" / f"{name}.txt" for name in sorted(PARTS)]
        found.extend(
            Problem(str(file), None, "", "this language lacks the text", "Translate the file of another language")
            for file in wanted
            if not file.exists()
        )
        found.extend(
            Problem(str(here / "strings.yaml"), None, key, "this language lacks the key", "Translate another's line")
            for key in STRINGS
            if key not in folder.strings
        )
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
