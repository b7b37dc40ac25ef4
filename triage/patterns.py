"""Compiled forms of the operator's regular expressions, kept as long as they are in use."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=64)
def compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """*patterns*, which the configuration has checked, ready for use; case does not matter."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
