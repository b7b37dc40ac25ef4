"""Lists of senders that rules ask for by name (`sender_list: vip`): one address or domain a line. Pure."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"(?:[^\s@,;<>]+@)?[^\s@,;<>.]+(?:\.[^\s@,;<>.]+)+")


def parse_senders(text: str) -> tuple[frozenset[str], list[tuple[int, str]]]:
    """The entries of a list, case folded, and (line, fault) of what is none.

    Empty lines and what stands behind a # are left out. A domain, with or without @ before it, covers its subdomains.
    """
    entries: set[str] = set()
    faults = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip().removeprefix("@").casefold()
        if not entry:
            continue
        if _ENTRY.fullmatch(entry):
            entries.add(entry)
        else:
            faults.append((number, f"{entry!r} is neither an address nor a domain"))
    return frozenset(entries), faults
