"""A YAML file as plain data, with the line of every key, so that each fault can be told where it is.

May go wrong: the file is missing, unreadable, not UTF-8, too large, not YAML, gives a key twice, or is made to exhaust memory by aliases.
All of it is a ConfigError with the line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from triage.errors import ConfigError, Problem

MAX_FILE_BYTES = 2_000_000  # a configuration file that is larger is not one
MAX_NODES = 200_000  # a policy with 500 rules has some 10,000; aliases of aliases would make billions

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where."""

    path: str
    data: Any
    lines: dict[Key, int] = field(repr=False)
    digest: str = field(default="", repr=False)  # of the bytes that were read, SHA-256

    def line_of(self, key: Key) -> int | None:
        """The line of *key*, or of the nearest key around it."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.lines:
                return self.lines[key[:end]]
        return None

    def problem(self, key: Key, fault: str, remedy: str, severity: str = "error") -> Problem:
        """A fault at *key*."""
        return Problem(self.path, self.line_of(key), dotted(key), fault, remedy, severity)


def dotted(key: Key) -> str:
    """("rules", 2, "then", "team") as people write it: rules[2].then.team."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_document(path: Path) -> Document:
    """Read one YAML file. Raises ConfigError with every fault that keeps it from being read."""
    text, digest = _text(path)
    shown = str(path)
    lines: dict[Key, int] = {}
    faults: list[Problem] = []
    try:
        node, loader = _compose(text)
        if node is not None:
            _Numbering(shown, lines, faults).number(node, ())
        data = None if faults or node is None else loader.construct_document(node)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = f"a control character (U+{ord(text[error.position]):04X}) is not allowed"
        raise ConfigError([Problem(shown, line, "", fault, "Take it out")]) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_not_yaml(shown, error)]) from None
    except (ValueError, OverflowError) as error:  # 2026-02-31 is read as a date
        raise ConfigError([Problem(shown, None, "", f"not YAML: {error}", "Correct the date or number")]) from None
    except RecursionError:
        remedy = "Configuration has a few levels only"
        raise ConfigError([Problem(shown, None, "", "nested too deep", remedy)]) from None
    if faults:
        raise ConfigError(faults)
    return Document(shown, {} if data is None else data, lines, digest)


def _compose(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of *text*, and what makes values of them. libyaml is ten times as fast; its errors say less, so Python's are told."""
    try:
        loader: Any = yaml.CSafeLoader(text) if yaml.__with_libyaml__ else yaml.SafeLoader(text)
        return loader.get_single_node(), loader
    except yaml.YAMLError:
        loader = yaml.SafeLoader(text)
        return loader.get_single_node(), loader


def _text(path: Path) -> tuple[str, str]:
    """What stands in the file, and a hash of it."""
    shown = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            remedy = "This cannot be configuration"
            raise ConfigError([Problem(shown, None, "", "the file is larger than 2 MB", remedy)])
        content = path.read_bytes()
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        remedy = "Run 'triage init DIR' to make a home with all files, or name the home with --home or TRIAGE_HOME"
        raise ConfigError([Problem(shown, None, "", "the file is missing", remedy)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        remedy = "Save it as UTF-8"
        raise ConfigError([Problem(shown, line, "", "the text is not UTF-8", remedy)]) from None
    except OSError as error:
        remedy = "Make it a file that the user who runs triage may read"
        raise ConfigError([Problem(shown, None, "", f"cannot be read: {error.strerror}", remedy)]) from None


@dataclass(slots=True)
class _Numbering:
    """Notes the line of every key, and keys that are given twice (YAML would take the last in silence)."""

    path: str
    lines: dict[Key, int]
    faults: list[Problem]
    nodes: int = 0

    def number(self, node: yaml.Node, key: Key) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise RecursionError
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: dict[Hashable, int] = {}
            for name, value in node.value:
                child: Key = (*key, name.value if isinstance(name.value, str) else "?")
                line = name.start_mark.line + 1
                if child[-1] in seen:
                    fault = f"the key is given twice, first in line {seen[child[-1]]}"
                    self.faults.append(Problem(self.path, line, dotted(child), fault, "Keep one of them"))
                seen[child[-1]] = line
                self.lines[child] = line
                self.number(value, child)
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                self.lines[(*key, position)] = value.start_mark.line + 1
                self.number(value, (*key, position))


# What PyYAML says, what it means to people, and what to do.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    (r"found character '\\t'", "a tab is used to indent", "Use spaces"),
    (
        r"found character '(.)'",
        "a text may not start with {0}",
        "Put it in quotes",
    ),
    (
        r"found undefined alias|expected alphabetic or numeric character",
        "a text that starts with * or & is read as a reference",
        'Put it in quotes, as in "*@example.com"',
    ),
    (
        r"found unknown escape character",
        "a backslash in double quotes begins an escape that YAML does not know",
        "Put expressions in single quotes, as in 'rma-\\d{5}'",
    ),
    (
        r"mapping values are not allowed",
        "there is a second colon, or the line is indented wrongly",
        'Put a text that holds ": " in quotes; keys of one block start in the same column',
    ),
    (r"found unexpected end of stream", "a quote is opened here and never closed", "Close it"),
    (r"could not find expected ':'", "a key has no colon", "Write 'key: value'"),
    (r"expected ',' or '[}\]]'", "a bracket is not closed, or a comma is missing", "Look at the brackets of this line"),
    (
        r"expected <block end>|did not find expected",
        "the line is indented wrongly",
        "Keys of one block start in the same column, and so do the '- ' of a list",
    ),
    (r"expected a single document", "there is a second document behind '---'", "Keep one"),
    (r"could not determine a constructor", "tags (!...) are not allowed", "Take it out, or put the text in quotes"),
)


def _not_yaml(path: str, error: yaml.MarkedYAMLError) -> Problem:
    said = error.problem or "not YAML"
    unclosed = "end of stream" in said and error.context_mark is not None
    mark = error.context_mark if unclosed else error.problem_mark
    line = mark.line + 1 if mark else None
    for pattern, meaning, remedy in _MEANINGS:
        found = re.search(pattern, said)
        if found:
            return Problem(path, line, "", f"not YAML: {meaning.format(*found.groups())}", remedy)
    remedy = "Look at this line and the one above: indentation, a missing colon, an unclosed quote"
    return Problem(path, line, "", f"not YAML: {said}", remedy)
