"""JSON Schemas of the files that operators edit, for editors that complete and check while one types. Pure.

The samples name them in their first line, `# yaml-language-server: $schema=schema/routing.json`, which VS Code, Neovim, Emacs and the
JetBrains editors understand. The files in config/schema/ are written by `triage schema`; a test keeps them up to date.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from triage.guarding.senders import SendersConfig
from triage.lookback.rule_tests import Cases
from triage.policy import Policy
from triage.settings import Settings

MODELS: dict[str, tuple[type[BaseModel], str]] = {
    "triage": (Settings, "config/triage.yaml: mailboxes, SMTP, ledger, model"),
    "routing": (Policy, "config/routing.yaml: calendars, teams, rules"),
    "senders": (SendersConfig, "config/senders.yaml: senders that are known"),
    "cases": (Cases, "a file of cases for 'triage test-rules'"),
}


class _Schema(GenerateJsonSchema):
    """Defaults as operators write them."""

    def encode_default(self, dft: Any) -> Any:
        return shown_span(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def shown_span(span: timedelta) -> str:
    """A span of time as operators write it: "90s" is 1m30s, "2d" is 48h."""
    seconds = int(span.total_seconds())
    parts = ((seconds // 3600, "h"), (seconds % 3600 // 60, "m"), (seconds % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def schema(name: str) -> dict[str, Any]:
    """The schema of one of MODELS (draft 2020-12)."""
    model, title = MODELS[name]
    found = _tidied(model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Schema))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": title}


def _tidied(node: Any) -> Any:
    """Without what only gets in the way of completion: titles made of names, and null where a key is simply left out."""
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: {name: _tidied(each) for name, each in value.items()} if key in ("properties", "$defs") else _tidied(value)
        for key, value in node.items()
        if key != "title" and not (key == "default" and value is None)
    }
    choices = [each for each in tidy.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        del tidy["anyOf"]
        return {**choices[0], **tidy}
    return {**tidy, "anyOf": choices} if choices else tidy


def as_text(name: str) -> str:
    """The schema as the file has it."""
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"
