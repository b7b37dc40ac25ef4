"""docs/configuration.md: every key of every configuration file, made from the models that read them, so that it is never out of date.

python -m triage.reference > docs/configuration.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from triage.guarding.senders import SendersConfig
from triage.lookback.rule_tests import Case
from triage.policy import Policy
from triage.rulebook.rules import When
from triage.schemas import shown_span
from triage.settings import Settings

INTRODUCTION = """\
# Configuration, key by key

Made from the program's own models by `python -m triage.reference`; a test keeps it equal to them. For how to write rules, with examples
to copy, read [routing.md](routing.md); for three whole shops, `config/examples/`. The samples that `triage init` writes are commented.

Files are YAML. A saved edit is in force within five seconds; one with an error changes nothing, is logged, and turns `/healthz` yellow.
`triage check` tells every fault beforehand, with line and remedy. Unknown keys are errors. Put a text in quotes that starts with `*`, `@`
or `&`, that holds `: `, or that is one of `yes`, `no`, `on`, `off`. With `# yaml-language-server: $schema=schema/routing.json` as its
first line, a file is completed and checked while you type (VS Code with the YAML extension, Neovim, Emacs, JetBrains).

| Type | Written as |
|---|---|
| span | wall time: `90s`, `10m`, `1h30m`, `2d` |
| opening time | time while a team is open, in hours and minutes: `4h`, `30m`, `1h30m`; `16h` are two working days of eight hours |
| size | `500kB`, `5MB` (1,000 bytes, 1,000,000 bytes), or a number of bytes |
| one or several | one value, or a list of them |
| path | relative to the home |
| expression (RE2) | a regular expression; no look-around and no back-references, `\\b` and `\\w` know ASCII letters only |
| required | the key must be there |
"""

SECTIONS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("config/triage.yaml", "Mailboxes, SMTP, ledger, model.", Settings),
    ("config/routing.yaml", "Calendars, teams, rules.", Policy),
    ("config/senders.yaml", "Senders that are known; docs/guard.md says what becomes of their mail.", SendersConfig),
    ("Cases for `triage test-rules`", "A list of these, in a file of your own.", Case),
)
LISTS = """\
## config/lists/NAME.txt

Senders that rules ask for by `sender_list: NAME`: one address (`karin@example.de`) or domain with its subdomains (`example.de`) a line;
what stands behind a `#` is a comment. Saved edits are in force within five seconds.
"""

# How a value is written, by the function that reads it.
_WRITTEN = {
    "_span": "span",
    "parse_opening_time": "opening time",
    "_address": "address",
    "_colleague": "address, or @domain",
    "_pattern": "expression (RE2)",
    "_expression": "expression (RE2)",
    "_word": "word or phrase",
    "_size": "size",
    "_who": "address, domain or pattern with *",
    "_tag": "IMAP keyword",
    "parse_hours": "span of hours, list of them, closed or 24h",
    "parse_date_key": "date (2026-12-24 or 12-24)",
    "_known_zone": "time zone",
    "_known_days": "day or range (mon, mon-fri)",
    "_domain": "domain",
    "_local_part": "local part, * stands for anything",
    "_address_pattern": "address, * stands for anything",
    "_header": "header name",
    "_instant": "instant with an offset",
}


def as_markdown() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, what, model in SECTIONS:
        parts.append(f"## {title}\n\n{what}\n")
        parts += _tables(model, "")
        if model is Policy:
            parts.append(LISTS)
    return "\n".join(parts)


def _tables(model: type[BaseModel], path: str, seen: tuple[type[BaseModel], ...] = ()) -> Iterator[str]:
    """A table for *model*, whose keys stand below *path*, and one for each block inside it."""
    rows = ["| Key | Type | Default | Meaning |", "|---|---|---|---|"]
    inner: list[tuple[str, type[BaseModel]]] = []
    for name, field in sorted(model.model_fields.items(), key=lambda pair: pair[0] != "team"):
        key = field.alias or name
        blocks = list(_models_in(field.annotation))
        meaning = field.description or (_summary(blocks[0]) if blocks else "")
        rows.append(
            f"| `{key}` | {_cell(_type(field.annotation, field.metadata))} | {_default(field)} | {_cell(meaning)} |"
        )
        inner += [(_below(path, key, field.annotation), block) for block in blocks if block not in (*seen, model)]
    if path:
        yield f"### {path}\n\n{_summary(model)}\n"
    yield "\n".join(rows) + "\n"
    for below, block in inner:
        yield from _tables(block, below, (*seen, model))


def _below(path: str, key: str, annotation: Any) -> str:
    joined = f"{path}.{key}" if path else key
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is dict:
            return f"{joined}.NAME"
        if get_origin(part) is tuple:
            return f"{joined}[]"
    return joined


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _type(annotation: Any, metadata: list[Any] | tuple[Any, ...] = ()) -> str:
    readers = [getattr(getattr(each, "func", None), "__name__", "") for each in metadata]
    written = next((_WRITTEN[name] for name in readers if name in _WRITTEN), None)
    if "_by_language" in readers:
        return "one or several words or phrases, or lists of them by language"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], [*metadata, *_flattened(arguments[1:])])
    if written is not None and origin is not tuple:
        return written
    if origin in (Union, UnionType):
        return ", or ".join(_type(each, metadata) for each in arguments if each is not NoneType)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        several = "one or several of" if "_listed" in readers else "list of"
        return f"{several} {_type(arguments[0])}"
    if origin is dict:
        return f"{_type(arguments[1])} by {_type(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "block"
    return _pattern(metadata) or _PLAIN.get(annotation, "text")


def _flattened(metadata: tuple[Any, ...]) -> Iterator[Any]:
    for each in metadata:
        yield each
        yield from getattr(each, "metadata", ())


def _pattern(metadata: list[Any] | tuple[Any, ...]) -> str | None:
    patterns = [getattr(each, "pattern", None) for each in metadata]
    pattern = next((each for each in patterns if each), None)
    if pattern is None:
        return None
    if "[a-z]{2}" in pattern:
        more = next((f", or {word}" for word in ("none", "any") if word in pattern), "")
        return f"language{more}"
    return "name" if pattern.startswith("^[a-z0-9][") else None


_PLAIN = {
    int: "number",
    float: "number",
    bool: "true or false",
    Path: "path",
    date: "date",
    datetime: "instant",
    timedelta: "span",
}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is PydanticUndefined:
        return (
            "see its keys" if list(_models_in(field.annotation)) and get_origin(field.annotation) is None else "empty"
        )
    value = field.default
    if value is None:
        return "left out"
    if isinstance(value, timedelta):
        return f"`{shown_span(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`" if value else "empty"
    return f"`{value}`" if value != "" else "empty"


def conditions() -> list[str]:
    """The names of all conditions, as operators write them: docs/routing.md must explain each."""
    return [field.alias or name for name, field in When.model_fields.items()]


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
