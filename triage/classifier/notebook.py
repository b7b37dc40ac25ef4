"""What is kept of the team's filed mail between two retrainings: masked text, no address; one line a mail, vectors beside it.

    state/teaching/
      meta.json      the key of the hashes, senders to be forgotten, the outcome of the last time
      mails.jsonl    a line a mail and place; rewritten as a whole
      vectors.npz    sentence vectors of the texts (vector_memory)
      lock           held while a retraining runs

It follows the folders: a mail that is no longer there is dropped at the next retraining, and so are its vectors. A sender is kept as a
keyed hash only, which is what a conversation is recognised by and what `forget` looks for. All of it is readable by its owner alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from triage.classifier.notes import Note
from triage.errors import TriageError

FORMAT = 1
FOLDER = "teaching"  # beside the ledger
_META, _MAILS, _LOCK = "meta.json", "mails.jsonl", "lock"


class NotebookError(TriageError):
    """What is kept of the team's mail cannot be read or written; the message says what to do."""


class Notebook:
    """The notes of all mailboxes. `notes` is changed in memory; `save` writes all of it down."""

    def __init__(self, folder: Path, meta: Mapping[str, Any], notes: Iterable[Note]) -> None:
        self.folder = folder
        self._meta = dict(meta)
        self.notes = {note.spot: note for note in notes}

    def seal(self, text: str) -> str:
        """A keyed hash of *text* without regard to case: 32 hexadecimal digits that nobody can turn back without the key."""
        key = bytes.fromhex(self._meta["key"])
        return hmac.new(key, text.casefold().encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    @property
    def last(self) -> Mapping[str, Any]:
        """What the last retraining wrote down about itself."""
        found: Mapping[str, Any] = self._meta.get("last", {})
        return found

    @last.setter
    def last(self, outcome: Mapping[str, Any]) -> None:
        self._meta["last"] = dict(outcome)

    def is_forgotten(self, customer: str) -> bool:
        """Whether the sender with this hash wants nothing to be kept."""
        return customer in self._meta["forgotten"]

    def forget(self, address: str) -> int:
        """Drop all notes of *address*, and take none of it again; returns how many there were. `save` makes it last."""
        customer = self.seal(address)
        gone = [spot for spot, note in self.notes.items() if note.customer == customer]
        for spot in gone:
            del self.notes[spot]
        self._meta["forgotten"] = sorted({*self._meta["forgotten"], customer})
        return len(gone)

    def save(self) -> None:
        """Write everything down. Raises NotebookError."""
        lines = "".join(f"{note.to_json()}\n" for note in self.notes.values())
        write(self.folder / _MAILS, lines.encode("utf-8", "surrogatepass"))
        write(self.folder / _META, json.dumps(self._meta).encode())


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Notebook]:
    """The notebook in *folder*, made if need be; nobody else has it meanwhile.

    A line that is damaged is left out: the mail is read again.

    Raises:
        NotebookError: another retraining runs, or the folder cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / _LOCK).open("a")
    except OSError as error:
        raise NotebookError(f"{folder}: cannot be used ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotebookError(f"{folder}: another retraining is at work; try again when it is done") from error
        yield Notebook(folder, *_read(folder))


def _read(folder: Path) -> tuple[dict[str, Any], list[Note]]:
    path = folder / _META
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        if meta["format"] != FORMAT or not meta["key"] or not isinstance(meta["forgotten"], list):
            raise ValueError(f"format {meta['format']}, this program reads format {FORMAT}")
    except FileNotFoundError:
        meta = {"format": FORMAT, "key": secrets.token_hex(32), "forgotten": []}
        write(path, json.dumps(meta).encode())
        return meta, []
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"Remove {folder}: it is made anew from the mailboxes (senders to be forgotten must be named again)"
        raise NotebookError(f"{path}: cannot be read ({error}). {remedy}") from error
    return meta, list(_notes(folder / _MAILS))


def _notes(path: Path) -> Iterator[Note]:
    try:
        lines = path.read_bytes().decode("utf-8", "surrogatepass").split("\n")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise NotebookError(f"{path}: cannot be read ({error}). Remove it: it is made anew") from error
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            yield Note.from_json(line)


def write(path: Path, content: bytes | memoryview) -> None:
    """Replace *path*, for the eyes of its owner only; a reader sees the old file or the new one."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NotebookError(f"{path}: cannot be written ({error.strerror})") from error
