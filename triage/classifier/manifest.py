"""What stands beside a model file: where it came from, how good it is, and what it needs to be opened. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from triage.errors import ModelError

# 5: a model likens sentence vectors to landmarks.
FORMAT = 5


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of manifest.json; what is unknown to this version of the program is kept out, what is missing is
    refused.
    """

    name: str
    file: str  # name of the model file in the same folder; part of its hash is in the name
    sha256: str
    created_at: str  # ISO 8601, UTC
    seed: int
    categories: tuple[str, ...]  # what may be named
    abstain_labels: tuple[str, ...]  # labels that lead to abstaining
    about_labels: tuple[str, ...]
    threshold: float
    temperature: float
    libraries: Mapping[str, str]  # package: version, as when trained
    scores: Mapping[str, Any]  # on rows that the scoring model had not seen; the keys of `triage evaluate`
    data: Sequence[Mapping[str, Any]] = ()  # file, sha256, rows, labels, languages, sources, licences
    parameters: Mapping[str, Any] = field(default_factory=dict)
    compared: Mapping[str, Any] = field(
        default_factory=dict
    )  # with the model before it, on held-out mail: retraining.compared
    format: int = FORMAT

    @property
    def version(self) -> str:
        return self.sha256[:12]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def parse(text: str, where: str) -> Manifest:
    """The manifest in *text*, read from *where*.

    Raises:
        ModelError: it is no manifest, or one of a later format.
    """
    remedy = "Train the model again (triage train), or go back to the one before (triage rollback)"
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"{where}: not JSON ({error.msg}, line {error.lineno}). {remedy}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        form = found.get("format") if isinstance(found, dict) else None
        raise ModelError(f"{where}: format {form}, this program reads format {FORMAT}. {remedy}")
    try:
        return _ADAPTER.validate_python({key: value for key, value in found.items() if key in _KNOWN})
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{where}: {'.'.join(map(str, first['loc']))}"
        raise ModelError(f"{where}: {first['msg']}. {remedy}") from error


_KNOWN = frozenset(Manifest.__dataclass_fields__)
_ADAPTER = TypeAdapter(Manifest)
