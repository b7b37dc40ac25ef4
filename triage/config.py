"""Reads the home: config/*.yaml and templates/. Every fault at once, with file, line, key, fault and remedy.

`load(home)` gives a whole `Office` or raises ConfigError with all problems; nothing half-read is ever used.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from triage.errors import ConfigError, Problem
from triage.guard import Senders, SendersConfig
from triage.planning import Office
from triage.policy import Policy
from triage.settings import Secret, Settings
from triage.templates import Catalog

SETTINGS, ROUTING, SENDERS = Path("config/triage.yaml"), Path("config/routing.yaml"), Path("config/senders.yaml")
MAX_FILE_BYTES = 2_000_000  # a configuration file that is larger is not one

M = TypeVar("M", bound=BaseModel)
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Document:
    """A YAML file as plain data, with the line of every key."""

    path: str
    data: Any
    lines: dict[Key, int]

    def line_of(self, key: Key) -> int | None:
        """The line of *key*, or of the nearest key around it."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.lines:
                return self.lines[key[:end]]
        return None


def home_of(path: str | None) -> Path:
    """The home: what was given, else TRIAGE_HOME, else the working directory."""
    return Path(path or os.environ.get("TRIAGE_HOME") or ".").resolve()


def load(home: Path) -> Office:
    """Read everything in *home*. Raises ConfigError with every problem found; warnings alone do not raise."""
    problems: list[Problem] = []
    settings = _read(home / SETTINGS, Settings, problems)
    policy = _read(home / ROUTING, Policy, problems)
    senders = _read(home / SENDERS, SendersConfig, problems)
    catalog = None
    try:
        default = next(iter(settings.mailboxes.values())).locale if settings else "en"
        catalog = Catalog.load(home / "templates", default_locale=default)
    except ConfigError as error:
        problems += error.problems
    if settings and policy and catalog:
        problems += cross_check(home, settings, policy, catalog)
    if settings is None or policy is None or senders is None or catalog is None or _errors(problems):
        raise ConfigError(problems)
    return Office(settings, policy, catalog, Senders.from_config(senders), version(home))


def settings_of(home: Path) -> Settings:
    """Only config/triage.yaml: for commands that need no rules and texts. Raises ConfigError."""
    problems: list[Problem] = []
    settings = _read(home / SETTINGS, Settings, problems)
    if settings is None:
        raise ConfigError(problems)
    return settings


def _errors(problems: list[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)


def version(home: Path) -> str:
    """A short hash over everything that decides: rules, settings, known senders, texts."""
    digest = hashlib.sha256()
    files = [home / SETTINGS, home / ROUTING, home / SENDERS, *sorted((home / "templates").rglob("*"))]
    for path in files:
        if path.is_file():
            digest.update(f"{path.relative_to(home)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def cross_check(home: Path, settings: Settings, policy: Policy, catalog: Catalog) -> list[Problem]:
    """Faults that no file shows alone: texts that a rule names and nobody wrote, languages without texts, forwards in a circle."""
    routing, main = _document(home / ROUTING), _document(home / SETTINGS)
    problems = []
    decisions = [(("rules", i, "then"), rule.then) for i, rule in enumerate(policy.rules)]
    for key, then in [*decisions, (("fallback",), policy.fallback)]:
        if then.template is not None and then.template not in catalog.templates:
            problems.append(_problem(routing, (*key, "template"), f"there is no text {then.template!r}",
                                     f"Use one of {', '.join(catalog.templates)}, or write templates/*/{then.template}.txt"))  # fmt: skip
    for name, mailbox in settings.mailboxes.items():
        for language in mailbox.languages:
            if catalog.resolve(language).partition("-")[0] != language.partition("-")[0]:
                problems.append(_problem(main, ("mailboxes", name, "languages"), f"there are no texts in {language!r}",
                                         f"Add the folder templates/{language}, or take the language out"))  # fmt: skip
    for name, team in policy.teams.items():
        if team.inbox.casefold() in settings.own_addresses:
            problems.append(_problem(routing, ("teams", name, "inbox"), f"{team.inbox} is a support mailbox that is watched",
                                     "Forwards would come back as new mail for ever; name the inbox that the team reads"))  # fmt: skip
    return problems


# -- reading ---------------------------------------------------------------------------------------------------------------------


def _read(path: Path, model: type[M], problems: list[Problem]) -> M | None:
    try:
        document = _document(path)
    except ConfigError as error:
        problems += error.problems
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems += [problem for detail in error.errors() for problem in _told(document, detail, model)]
        return None


def _document(path: Path) -> _Document:
    """Read one YAML file. Raises ConfigError: missing, unreadable, not YAML, a key given twice."""
    shown = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(
                [Problem(shown, None, "", "the file is larger than 2 MB", "This cannot be configuration")]
            )
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        remedy = "Run 'triage init DIR' to make a home with all files, or name the home with --home or TRIAGE_HOME"
        raise ConfigError([Problem(shown, None, "", "the file is missing", remedy)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            [Problem(shown, None, "", f"cannot be read: {error}", "Make it a readable UTF-8 text")]
        ) from None
    lines: dict[Key, int] = {}
    faults: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _number(node, (), lines, faults, shown)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = getattr(error, "problem", None) or "not YAML"
        line = mark.line + 1 if mark else None
        remedy = "Look at this line and the one above: indentation, a missing colon, an unclosed quote"
        raise ConfigError([Problem(shown, line, "", f"not YAML: {fault}", remedy)]) from None
    except RecursionError:
        raise ConfigError(
            [Problem(shown, None, "", "nested too deep", "Configuration has a few levels only")]
        ) from None
    if faults:
        raise ConfigError(faults)
    return _Document(shown, {} if data is None else data, lines)


def _number(node: yaml.Node, key: Key, lines: dict[Key, int], faults: list[Problem], path: str) -> None:
    """Note the line of every key below *node*, and keys that are given twice (YAML would take the last in silence)."""
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for name, value in node.value:
            child: Key = (*key, name.value)
            line = name.start_mark.line + 1
            if name.value in seen:
                fault = f"the key is given twice, first in line {seen[name.value]}"
                faults.append(Problem(path, line, dotted(child), fault, "Keep one of them"))
            seen[name.value] = line
            lines[child] = line
            _number(value, child, lines, faults, path)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            lines[(*key, position)] = value.start_mark.line + 1
            _number(value, (*key, position), lines, faults, path)


def line_of(path: Path, key: Key) -> int | None:
    """The line of *key* in the file at *path*, which was read before."""
    return _document(path).line_of(key)


# -- telling ---------------------------------------------------------------------------------------------------------------------


def dotted(key: Key) -> str:
    """("rules", 2, "then", "team") as people write it: rules[2].then.team."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _problem(document: _Document, key: Key, fault: str, remedy: str) -> Problem:
    return Problem(document.path, document.line_of(key), dotted(key), fault, remedy)


def _told(document: _Document, detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    """Pydantic's finding in the operator's words."""
    key: Key = tuple(part for part in detail["loc"] if part != "[key]")
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        known = _keys_around(model, key[:-1])
        near = difflib.get_close_matches(str(key[-1]), known, n=1)
        remedy = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(known)}"
        yield _problem(document, key, "unknown key", remedy)
    elif kind == "missing":
        yield _problem(document, key, "the key is missing", "Add it; docs/configuration.md says what it means")
    elif kind == "value_error":
        for line in message.removeprefix("Value error, ").split("\n"):
            inner, separator, fault = line.partition(": ")
            if separator and inner.replace(".", "").replace("_", "").isalnum() and "." in inner:
                at: Key = tuple(int(part) if part.isdigit() else part for part in inner.split("."))
                yield _problem(document, (*key, *at), fault, "Correct the name, or add what it names")
            else:
                yield _problem(document, key, line, "Correct the value")
    else:
        allowed = detail.get("ctx", {}).get("expected")
        remedy = (
            f"Allowed: {allowed}"
            if allowed
            else f"It is {detail['input']!r} now"
            if _short(detail["input"])
            else "Correct the value"
        )
        yield _problem(document, key, message[:1].lower() + message[1:], remedy)


def _short(value: object) -> bool:
    return isinstance(value, str | int | float | bool | None) and len(repr(value)) < 80


def _keys_around(model: type[BaseModel], key: Key) -> list[str]:
    """The keys that *model* knows at *key*."""
    found: Any = model
    for part in key:
        field = found.model_fields.get(str(part)) if isinstance(found, type) and issubclass(found, BaseModel) else None
        annotation = field.annotation if field is not None else found
        found = next(_models_in(annotation), annotation) if field is not None else found
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [field.alias or name for name, field in found.model_fields.items()]
    return []


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


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
