"""Compiled forms of the operator's regular expressions, kept as long as they are in use."""

from __future__ import annotations

from functools import lru_cache

from triage.rulebook import expressions


@lru_cache(maxsize=64)
def compiled(patterns: tuple[str, ...]) -> tuple[expressions.Expression, ...]:
    """*patterns*, which the configuration has checked, ready for use; case does not matter."""
    return tuple(map(expressions.compiled, patterns))
