"""One line per event, in a fixed vocabulary, to stderr: for people (logfmt) or for collectors (JSON).

Addresses, subjects and texts stay out; a message is named by the first eight characters of its fingerprint or by its UID.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from triage.redaction import mask

get = structlog.get_logger


def _without_empty(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keys that say nothing are not written."""
    return {key: value for key, value in event.items() if value is not None}


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tracebacks and the words of servers may repeat a line of a mail; numbers in it are masked as in forwards."""
    for key in ("detail", "exception"):
        if isinstance(event.get(key), str):
            event[key] = mask(event[key])
    return event


def configure(level: str = "info", form: str = "text") -> None:
    """Set the process's logging up. May be repeated (a reload may change level and form)."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "text":
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            _without_empty,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
