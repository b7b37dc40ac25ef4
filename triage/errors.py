"""Every error of ours, by who acts next.

TriageError
  ConfigError(problems)      the operator: no start, no traceback, exit 78 (EX_CONFIG)
  MessageError               a person: this one mail goes to quarantine, the daemon goes on
  RemoteError                the far side said no, or nothing
    TransientError           4yz, or cut before DATA: nothing happened, try later (RFC 5321, 4.2.1)
    PermanentError           5yz: never again with this envelope
    UnknownOutcome           cut after the last byte of DATA: it may have happened
  LedgerError                the ledger cannot be written now (disk full, locked): nothing was sent, try later
  ModelError                 a model file that must not or cannot be used; says which and what to do
  IllegalTransition          us: a bug, logged with the whole history of the effect
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EX_OK = 0
EX_FAILED = 1
EX_USAGE = 2
EX_CONFIG = 78


class TriageError(Exception):
    """Root of all errors that this program raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of configuration: where it is, what is wrong, what to do about it."""

    file: str
    line: int | None  # counted from 1; None where the fault has no line (a file that is missing)
    key: str  # dotted path, "rules[2].then.team"; "" for the file as a whole
    fault: str
    remedy: str
    severity: str = "error"  # "error" stops the daemon, "warning" is only told

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.fault}. {self.remedy}".rstrip()


class ConfigError(TriageError):
    """The configuration, a template or the model cannot be used; every fault is in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class MessageError(TriageError):
    """This one message cannot be handled; `str(error)` is the reason written beside it in quarantine."""


class RemoteError(TriageError):
    """The far side refused, failed or fell silent. `code` is the SMTP code where there was one."""

    def __init__(self, detail: str, *, code: int | None = None) -> None:
        super().__init__(detail)
        self.code = code


class TransientError(RemoteError):
    """Nothing happened on the far side; the same thing may be tried again later."""


class PermanentError(RemoteError):
    """The far side will never take this; trying again only annoys it."""


class UnknownOutcome(RemoteError):
    """The far side had everything and did not say what came of it: it may have happened."""


class LedgerError(TriageError):
    """The ledger could not be read or written; nothing that depends on it may be done."""


class ModelError(TriageError):
    """A model cannot be used: wrong version, wrong hash, unknown type, missing file."""


class IllegalTransition(TriageError):
    """An effect was asked to do what its state does not allow."""
