"""The pure core stays pure: read from the imports, not from good intentions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import triage

PACKAGE = Path(triage.__file__).parent
PURE = (
    "guard", "parsing", "text", "language", "routing", "opening_hours", "promise", "planning", "reply", "forward", "redaction",
    "lifecycle", "retry", "decision", "records", "masking", "identity", "rungs", "subject", "senders", "due_date", "rules",
    "conditions", "policy", "message", "mime", "headers", "charsets", "html_text", "estimator", "survival", "recovery",
)  # fmt: skip
EDGES = {
    "mailbox",
    "imap_connection",
    "courier",
    "ledger",
    "daemon",
    "app",
    "pipeline",
    "performing",
    "services",
    "web",
    "notify",
    "config",
    "cli",
}
IO = {
    "aiosmtplib", "alembic", "asyncio", "http", "imapclient", "imaplib", "os", "requests", "select", "shutil", "smtplib", "socket",
    "sqlalchemy", "sqlite3", "ssl", "structlog", "subprocess", "tempfile", "urllib.request",
}  # fmt: skip
EXCEPTIONS = {"recovery": {"services"}}  # settles through the ledger that it is handed


def modules() -> dict[str, Path]:
    """Dotted name below triage to file."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if "migrations" not in parts and "home" not in parts[:1]:
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def imports(name: str, *, at_start: bool = True) -> frozenset[str]:
    """Absolute names that module *name* imports when it is imported; type-checking imports do not count."""
    tree = ast.parse(modules()[name].read_text(encoding="utf-8"))
    return frozenset(_names(tree.body, functions=not at_start))


def _names(body: list[ast.stmt], *, functions: bool) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ("body", "orelse", "finalbody", "handlers"):
                yield from _names(getattr(node, inner, []), functions=functions)


def ours(name: str, *, at_start: bool = True) -> set[str]:
    """Modules of ours that *name* imports."""
    known = modules()
    found = {
        imported.removeprefix("triage.")
        for imported in imports(name, at_start=at_start)
        if imported.startswith("triage")
    }
    return {part for part in found if part in known} - {name}


@pytest.mark.parametrize("name", [name for name in PURE if name in modules()])
def test_a_pure_module_imports_no_edge_and_no_library_that_does_input_or_output(name: str) -> None:
    external = {imported for imported in imports(name, at_start=False) if not imported.startswith("triage")}
    if name != "recovery":
        assert not {imported for imported in external if imported in IO or imported.partition(".")[0] in IO}
    edges = {imported for imported in ours(name, at_start=False) if imported.partition(".")[0] in EDGES}
    assert edges <= EXCEPTIONS.get(name, set())


@pytest.mark.parametrize("name", [name for name in PURE if name in modules() and name != "recovery"])
def test_what_a_pure_module_imports_leads_to_no_edge_either(name: str) -> None:
    reached, frontier = {name}, [name]
    while frontier:
        for other in ours(frontier.pop()) - reached:
            reached.add(other)
            frontier.append(other)
    assert not {other for other in reached if other.partition(".")[0] in EDGES}


def test_no_module_imports_itself_through_others() -> None:
    state: dict[str, str] = {}
    circles: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if state.get(name) == "done":
            return
        if state.get(name) == "open":
            circles.append(" -> ".join([*path[path.index(name) :], name]))
            return
        state[name] = "open"
        for other in sorted(ours(name)):
            if not name.startswith(f"{other}."):  # a package's __init__ names its parts
                visit(other, (*path, name))
        state[name] = "done"

    for name in sorted(modules()):
        visit(name, ())
    assert circles == []
