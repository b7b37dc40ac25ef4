"""What is wrong with a configuration file, in the operator's words: pydantic's findings with line, key, fault and remedy. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from triage.errors import Problem
from triage.yaml_document import Document, Key

_WHERE = re.compile(r"([\w-]+(?:\.[\w-]+)*): (.+)", re.DOTALL)
SEE = "docs/configuration.md explains the key"
_NAME_PATTERN = "^[a-z0-9]["  # how the patterns of names begin
_PLURAL = {
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
}
_TYPES = {
    **_PLURAL,
    "model_attributes_type": "a block of keys",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "the name of a file",
    "date_type": "a date such as 2026-12-24",
    "date_parsing": "a date such as 2026-12-24",
    "date_from_datetime_parsing": "a date such as 2026-12-24",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
    "less_than": ("less than", "lt"),
}


def problems_of(document: Document, error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every fault of *document* that kept it from being *model*, each place once, in order of lines."""
    found: dict[tuple[str, str], Problem] = {}
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            continue  # its items were refused, and are told
        for problem in _told(document, detail, model):
            place = problem.key, "" if detail["loc"] and detail["type"] != "value_error" else problem.fault
            found.setdefault(place, problem)
    return sorted(found.values(), key=lambda problem: problem.line or 0)


def _told(document: Document, detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    kind, given = detail["type"], detail["input"]
    key = _key(document, detail)
    if kind == "extra_forbidden":
        known = _keys_around(model, key[:-1])
        near = difflib.get_close_matches(str(key[-1]), known, n=1)
        remedy = f"Did you mean '{near[0]}'?" if near else f"Known here: {', '.join(known)}"
        yield document.problem(key, "unknown key", remedy)
    elif kind == "missing":
        meaning = _description(model, key)
        yield document.problem(key, "the key is missing", f"Add it: {meaning}" if meaning else "Add it")
    elif key and key[-1] == "password" and kind in _TYPES:
        remedy = "Write it into a file that only triage can read, and name that: {file: secrets/NAME}"
        yield document.problem(key, "a password may not stand in the configuration", remedy)
    elif kind == "value_error":
        yield from _of_ours(document, key, detail["msg"].removeprefix("Value error, "), given)
    else:
        fault, remedy = _of_pydantic(kind, detail)
        if given is None and kind in _TYPES:
            fault, remedy = _nothing_there(model, key, _TYPES[kind])
        yield document.problem(key, fault, remedy)


def _nothing_there(model: type[BaseModel], key: Key, wanted: str) -> tuple[str, str]:
    """A key or an entry of a list with nothing behind it."""
    if key and isinstance(key[-1], int):
        return "there is nothing behind the -", "Write the entry, or take the - out"
    around = _at(model, key[:-1])
    fields = around.model_fields if isinstance(around, type) and issubclass(around, BaseModel) else {}
    required = any(field.is_required() for name, field in fields.items() if (field.alias or name) in key[-1:])
    return "the key has no value", f"Write {wanted} behind it" + ("" if required else ", or take the key out")


def _key(document: Document, detail: ErrorDetails) -> Key:
    """The place in the file: pydantic adds marks of its own for keys and for the branches of a union."""
    key: list[str | int] = []
    here = document.data
    location = [part for part in detail["loc"] if part != "[key]"]
    for n, part in enumerate(location):
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if inside:
            here = here[part]
        elif not (detail["type"] == "missing" and n == len(location) - 1):
            break
        key.append(part)
    return tuple(key)


def _of_ours(document: Document, key: Key, message: str, given: object) -> Iterator[Problem]:
    """A fault that our own check found: lines, each perhaps with the key it speaks of in front, "fault; remedy"."""
    for line in message.split("\n"):
        at, text = key, line
        found = _WHERE.fullmatch(line)
        if found:
            inner: Key = tuple(int(part) if part.isdigit() else part for part in found[1].split("."))
            if (*key, *inner[:1]) in document.lines:
                at, text = (*key, *inner), found[2]
        fault, _, remedy = text.partition("; ")
        if fault.startswith("not a"):
            fault = f"{_shown(given)} is {fault}" if _is_short(given) else fault
        yield document.problem(at, fault, remedy[:1].upper() + remedy[1:] if remedy else SEE)


def _of_pydantic(kind: str, detail: ErrorDetails) -> tuple[str, str]:
    given, context = detail["input"], detail.get("ctx", {})
    shown = _shown(given)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        near = difflib.get_close_matches(str(given), allowed, n=1)
        remedy = f"Did you mean '{near[0]}'? Allowed" if near else "Allowed"
        if isinstance(given, bool):
            remedy = "YAML reads yes, no, on and off as true and false. Allowed"
        return f"{shown} is not allowed here", f"{remedy}: {', '.join(allowed)}"
    if kind in _TYPES:
        return f"{shown} is not {_TYPES[kind]}", _how_to_write(kind, given)
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{shown} is out of range", f"It must be {words} {context.get(name)}"
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        if pattern.startswith(_NAME_PATTERN):
            return f"{shown} is no name", "Use small letters, digits, - and _ only, at most 40"
        if "[a-z]{2}" in pattern:
            more = next((word for word in ("none", "any") if word in pattern), None)
            return f"{shown} is no language", f"Write a code such as de or en{f', or {more}' if more else ''}"
        if shown.endswith(":'"):
            return f"{shown} ends with a colon", "Write the name without it"
        return f"{shown} has characters that are not allowed here", f"It must look like {pattern}"
    if kind in ("too_short", "string_too_short"):
        return "there is nothing in it", "Write at least one value, or take the key out"
    if kind in ("too_long", "string_too_long"):
        return "it is too long", f"At most {context.get('max_length')} are allowed"
    message = detail["msg"]
    return message[:1].lower() + message[1:], f"It is {shown} now" if _is_short(given) else SEE


def _how_to_write(kind: str, given: object) -> str:
    if kind == "string_type" and isinstance(given, bool):
        return 'YAML reads yes, no, on and off as true and false; put the word in quotes, as in "no"'
    if kind == "string_type" and isinstance(given, int | float):
        return f'Put it in quotes: "{given}"'
    if kind == "string_type" and isinstance(given, list | dict):
        return "Write one value"
    if kind in ("tuple_type", "list_type"):
        return "Write [one, two], or a line '- one' for each"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "Write 'key: value' lines below it, indented"
    return f"Write {_TYPES[kind]}"


def _shown(given: object) -> str:
    if isinstance(given, dict):
        return "a block of keys"
    if isinstance(given, list):
        return "a list"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str) and _is_short(given) and given.isprintable():
        return f"'{given}'"  # not as repr has it, which doubles every backslash of an expression
    return repr(given) if _is_short(given) else "what stands here"


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float | bool | None) and len(repr(value)) < 80


# -- looking into the models -------------------------------------------------------------------------------------------------------


def _keys_around(model: type[BaseModel], key: Key) -> list[str]:
    """The keys that *model* knows at *key*."""
    found = _at(model, key)
    if isinstance(found, type) and issubclass(found, BaseModel):
        return [field.alias or name for name, field in found.model_fields.items()]
    return []


def _description(model: type[BaseModel], key: Key) -> str | None:
    """What the key is for."""
    around = _at(model, key[:-1])
    if not (isinstance(around, type) and issubclass(around, BaseModel)):
        return None
    return next((f.description for name, f in around.model_fields.items() if (f.alias or name) == key[-1]), None)


def _at(model: type[BaseModel], key: Key) -> Any:
    found: Any = model
    for part in key:
        is_model = isinstance(found, type) and issubclass(found, BaseModel)
        fields = found.model_fields if is_model else {}
        field = next((field for name, field in fields.items() if (field.alias or name) == part), None)
        annotation = field.annotation if field is not None else found
        if field is not None or not is_model:
            found = next(_models_in(annotation), annotation)
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
