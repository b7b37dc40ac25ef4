"""Reads the home: config/*.yaml, config/lists/*.txt and templates/. Every fault at once, with file, line, key, fault and remedy.

`load(home)` gives a whole `Office` or raises ConfigError with all problems; nothing half-read is ever used. Each file is read
once, and the version is a hash of what was read: an editor may save while we read, and a decision must name the rules it was made by.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from triage.config_faults import problems_of
from triage.errors import ConfigError, Problem
from triage.guard import Senders, SendersConfig
from triage.planning import Office
from triage.policy import Policy
from triage.rulebook.policy_faults import CATEGORIES, policy_faults
from triage.rulebook.sender_lists import parse_senders
from triage.settings import Secret, Settings
from triage.templates import Catalog
from triage.yaml_document import Document, Key, read_document

SETTINGS, ROUTING, SENDERS = Path("config/triage.yaml"), Path("config/routing.yaml"), Path("config/senders.yaml")
LISTS = Path("config/lists")  # NAME.txt: senders that rules ask for by `sender_list: NAME`
TRIES = 3  # at reading the texts while somebody saves them

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in a home."""

    office: Office | None  # None: there are errors
    problems: tuple[Problem, ...]  # warnings too


def home_of(path: str | None) -> Path:
    """The home: what was given, else TRIAGE_HOME, else the working directory."""
    return Path(path or os.environ.get("TRIAGE_HOME") or ".").resolve()


def load(home: Path, *, rules: Path | None = None) -> Office:
    """Read everything in *home*. Raises ConfigError with every problem found; warnings alone do not raise.

    Args:
        rules: a file to read in place of config/routing.yaml.
    """
    examined = examine(home, rules=rules)
    if examined.office is None:
        raise ConfigError(examined.problems)
    return examined.office


def examine(home: Path, *, rules: Path | None = None, categories: Collection[str] = CATEGORIES) -> Examined:
    """Read everything in *home* and tell all that is wrong with it, warnings too; raises nothing.

    Args:
        rules: a file to read in place of config/routing.yaml.
        categories: what the text model in use can name.
    """
    problems: list[Problem] = []
    routing = rules or home / ROUTING
    settings, main = _read(home / SETTINGS, Settings, problems)
    policy, rulebook = _read(routing, Policy, problems)
    senders, known = _read(home / SENDERS, SendersConfig, problems)
    lists, digests = _lists(home / LISTS, problems)
    default = next(iter(settings.mailboxes.values())).locale if settings else "en"
    catalog, texts = _texts(home / "templates", default, problems)
    if settings and main and policy and rulebook and catalog:
        problems += _cross_check(settings, main, policy, rulebook, catalog, tuple(lists), categories)
    office = None
    if settings and main and policy and rulebook and senders and known and catalog and not _errors(problems):
        version = _digest([main.digest, rulebook.digest, known.digest, *digests, texts])[:12]
        office = Office(settings, policy, catalog, Senders.from_config(senders), version, lists)
    return Examined(office, tuple(problems))


def settings_of(home: Path) -> Settings:
    """Only config/triage.yaml: for commands that need no rules and texts. Raises ConfigError."""
    problems: list[Problem] = []
    settings, _ = _read(home / SETTINGS, Settings, problems)
    if settings is None:
        raise ConfigError(problems)
    return settings


def _errors(problems: list[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _texts(folder: Path, default: str, problems: list[Problem]) -> tuple[Catalog | None, str]:
    """The texts, and a hash of them."""
    for _ in range(TRIES):
        try:
            digest = _digest_of_texts(folder)
            catalog = _catalog(folder, default, digest)
            if _digest_of_texts(folder) == digest:
                return catalog, digest
        except ConfigError as error:
            problems += error.problems
            return None, ""
        except OSError:  # an editor replaces a file: look again
            continue
        _catalog.cache_clear()  # it may hold a mixture under this hash
    problems.append(Problem(str(folder), None, "", "the texts changed while they were read", "Save them once more"))
    return None, ""


def _digest_of_texts(folder: Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return _digest(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files)


@lru_cache(maxsize=2)
def _catalog(folder: Path, default: str, _digest: str) -> Catalog:
    """The texts, read again only where one has changed: compiling them takes most of the time of a reload."""
    return Catalog.load(folder, default_locale=default)


def _cross_check(
    settings: Settings,
    main: Document,
    policy: Policy,
    routing: Document,
    catalog: Catalog,
    lists: Collection[str],
    categories: Collection[str],
) -> list[Problem]:
    """Faults that no file shows alone: texts that nobody wrote, languages without texts, and all that is wrong with the rules."""
    problems = []
    decisions: list[tuple[Key, str | None]] = [
        (("rules", i, "then"), rule.then.template) for i, rule in enumerate(policy.rules)
    ]
    for key, template in [*decisions, (("fallback",), policy.fallback.template)]:
        if template is not None and template not in catalog.templates:
            remedy = f"Use one of {', '.join(catalog.templates)}, or write templates/*/{template}.txt"
            problems.append(routing.problem((*key, "template"), f"there is no text {template!r}", remedy))
    for name, mailbox in settings.mailboxes.items():
        for language in mailbox.languages:
            if catalog.resolve(language).partition("-")[0] != language.partition("-")[0]:
                remedy = f"Add the folder templates/{language}, or take the language out"
                problems.append(
                    main.problem(("mailboxes", name, "languages"), f"there are no texts in {language!r}", remedy)
                )
    for fault in policy_faults(policy, settings, lists, categories):
        document = routing if fault.file == "routing" else main
        problems.append(document.problem(fault.key, fault.fault, fault.remedy, fault.severity))
    return problems


# -- reading ---------------------------------------------------------------------------------------------------------------------


def _read(path: Path, model: type[M], problems: list[Problem]) -> tuple[M | None, Document | None]:
    """What the file says, and the file as it was read."""
    try:
        document = read_document(path)
    except ConfigError as error:
        problems += error.problems
        return None, None
    try:
        return model.model_validate(document.data), document
    except ValidationError as error:
        problems += problems_of(document, error, model)
        return None, document


def _lists(folder: Path, problems: list[Problem]) -> tuple[dict[str, frozenset[str]], list[str]]:
    """The sender lists by name, and a hash of each."""
    lists, digests = {}, []
    for path in sorted(folder.glob("*.txt")):
        try:
            text = path.read_text(encoding="utf-8-sig")
            lists[path.stem], faults = parse_senders(text)
            digests.append(_digest((path.stem, text)))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "the text is not UTF-8"
            problems.append(Problem(str(path), None, "", f"cannot be read: {reason}", "Make it a readable UTF-8 text"))
        else:
            remedy = "Write one address or domain a line"
            problems += [Problem(str(path), line, "", fault, remedy) for line, fault in faults]
    return lists, digests


def line_of(path: Path, key: Key) -> int | None:
    """The line of *key* in the file at *path*, which was read before."""
    return read_document(path).line_of(key)


# -- secrets ---------------------------------------------------------------------------------------------------------------------


def secret(reference: Secret, home: Path) -> str:
    """The password that *reference* names. Raises ConfigError: missing, unreadable, empty."""
    if reference.env is not None:
        value = os.environ.get(reference.env)
        if not value:
            raise ConfigError(
                [Problem(reference.env, None, "", "the environment variable is not set", "Set it, or use file:")]
            )
        return value
    if reference.credential is not None:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            remedy = f"Start with systemd and LoadCredential={reference.credential}:..., or use file:"
            raise ConfigError([Problem(reference.credential, None, "", "no credentials were handed over", remedy)])
        path = Path(folder) / reference.credential
    else:
        path = home / (reference.file or "")
    try:
        value = path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            [Problem(str(path), None, "", f"the password cannot be read: {reason}", "Write it into this file")]
        ) from None
    if not value:
        raise ConfigError([Problem(str(path), 1, "", "the password is empty", "Write it into the first line")])
    return value


def exposed(reference: Secret, home: Path) -> Problem | None:
    """A warning when others on this machine can read a password file."""
    if reference.file is None:
        return None
    path = home / reference.file
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return Problem(
            str(path), None, "", "other users of this machine can read the password", f"chmod 600 {path}", "warning"
        )
    return None
