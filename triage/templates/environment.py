"""The Jinja2 that texts run in: a sandbox without globals, in which a forgotten name or a missing value is an error.

Texts are the operator's, not a stranger's; the sandbox keeps a slip in one from reaching the program, and keeps the
language of the texts small enough to be learnt from one page: names, `{% if %}`, four filters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from triage.templates.markup import shield

FILTERS = ("default", "lower", "trim", "upper")

# What a text may not do, as it would make one text depend on another or on the program's insides.
_REFUSED = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Call,
    nodes.Getattr,
    nodes.Getitem,
)

_TAG_LINE = re.compile(r"^[ \t]*(?:(?:\{%(?:(?!%\}).)*%\}|\{#(?:(?!#\}).)*#\})[ \t]*)+\n", re.MULTILINE)


class Source(str):
    """Text of ours, with its markup; anything else that a text prints is shielded first."""

    __slots__ = ()


def _finalize(value: object) -> str:
    if isinstance(value, Source):
        return value
    if value is None:
        raise UndefinedError("a value that may be missing is printed without an {% if %} around it")
    return shield(str(value))


@cache
def text_environment() -> SandboxedEnvironment:
    """For the texts: values are shielded. Sources go through `prepare` first."""
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, finalize=_finalize, lstrip_blocks=True, autoescape=False
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    return environment


@cache
def layout_environment() -> SandboxedEnvironment:
    """For the layout of the HTML: everything that is printed is escaped."""
    environment = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True)
    environment.globals.clear()
    return environment


def prepare(source: str) -> str:
    """*source* with lines that hold only tags made to leave no trace.

    Jinja's own `trim_blocks` would also eat the line break after a tag that ends a line of prose, and with it the
    space between two words. Here the break moves into the tag, so that line numbers stay.
    """

    def fold(match: re.Match[str]) -> str:
        line = match[0].rstrip()
        return f"{line[:-2]}\n{line[-2:]}"

    return _TAG_LINE.sub(fold, source)


def faults(environment: SandboxedEnvironment, source: str, allowed: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    """Line (from 1), name and fault for all that is wrong with *source* before it is ever run.

    The name is empty where the fault is not one of names.
    """
    source = prepare(source) if environment is text_environment() else source
    try:
        tree = environment.parse(source)
        environment.compile(source)  # finds unknown filters, which parsing does not
    except TemplateSyntaxError as error:
        yield error.lineno, "", error.message or "cannot be read"
        return
    if environment is text_environment():
        for node in tree.find_all(_REFUSED):
            yield node.lineno, "", f"{type(node).__name__.lower()} is not for texts"
    unknown = meta.find_undeclared_variables(tree) - allowed | {"self"}  # Jinja declares that one, for blocks
    seen: set[tuple[int, str]] = set()
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name in unknown and (name.lineno, name.name) not in seen:
            seen.add((name.lineno, name.name))
            yield name.lineno, name.name, f"no value is called '{name.name}'"


def names_used(environment: SandboxedEnvironment, source: str) -> frozenset[str]:
    """The names that *source* takes from outside."""
    return frozenset(meta.find_undeclared_variables(environment.parse(source)))


def compile_text(source: str) -> Template:
    return text_environment().from_string(prepare(source))


def compile_layout(source: str) -> Template:
    return layout_environment().from_string(source)
