"""Sentence vectors that are kept: of ten thousand texts, reading them anew takes a minute, reading the file a tenth of a second.

They are kept with half precision, three digits of each number: 2 KB a text, on disk and while a model is trained.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from triage.classifier.encoder import WIDTH, Encoder, encoder, encoding_by
from triage.classifier.notebook import write

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]

FILE = "vectors.npz"
AT_ONCE = 256  # texts

# Read by the encoder at every start: vectors that it would not make any more are thrown away.
_PROBE = "Guten Tag, wo bleibt mein Paket? The tracking has not moved.\nOrder 00000, ¿dónde está?"
_TOLERANCE = 1e-3


class VectorMemory:
    """An encoder that remembers. It has the face of `SentenceEncoder`; one caller at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._inner = encoder()
        self._probe = np.hstack(self._inner.encode([_PROBE]))
        self._known: dict[bytes, int] = {}  # row of _vectors
        self._vectors: list[Halves] = []
        self._used: set[bytes] = set()
        self._changed = False
        self._load()

    def encode(self, texts: Sequence[str]) -> tuple[Floats, Floats]:
        """As SentenceEncoder.encode: the vectors of the whole texts, and the mean of their sentences'."""
        keys = [_key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        waiting = list(new)
        for start in range(0, len(waiting), AT_ONCE):
            part = waiting[start : start + AT_ONCE]
            vectors = np.hstack(self._inner.encode([new[key] for key in part])).astype(np.float16)
            for key, vector in zip(part, vectors, strict=True):
                self._known[key] = len(self._vectors)
                self._vectors.append(vector)
        self._changed |= bool(new)
        self._used.update(keys)
        found = np.empty((len(texts), 2 * WIDTH), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = self._vectors[self._known[key]]
        return found[:, :WIDTH], found[:, WIDTH:]

    def save(self) -> None:
        """Write down the vectors of the texts that were asked for, and no others: what is forgotten is gone from here as well."""
        kept = sorted(self._used & set(self._known))
        if not self._changed and len(kept) == len(self._known):
            return
        vectors = np.empty((len(kept), 2 * WIDTH), dtype=np.float16)
        for row, key in enumerate(kept):
            vectors[row] = self._vectors[self._known[key]]
        content = io.BytesIO()
        np.savez(content, keys=np.frombuffer(b"".join(kept), dtype=np.uint8), vectors=vectors, probe=self._probe)
        write(self._path, content.getbuffer())
        self._changed = False

    def _load(self) -> None:
        """Vectors that are damaged, or were made by another encoder, are made anew: nothing is lost but time."""
        unusable = contextlib.suppress(OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
        with unusable, self._path.open("rb") as file, np.load(file) as found:
            keys, vectors, probe = found["keys"].tobytes(), found["vectors"], found["probe"]
            if vectors.shape != (len(keys) // _KEY, 2 * WIDTH) or not np.allclose(probe, self._probe, atol=_TOLERANCE):
                return
            self._known = {keys[i * _KEY : (i + 1) * _KEY]: i for i in range(len(vectors))}
            self._vectors = list(vectors.astype(np.float16, copy=False))


def drop(folder: Path) -> None:
    """Remove the vectors in *folder*; the next retraining makes them anew."""
    (folder / FILE).unlink(missing_ok=True)


@contextlib.contextmanager
def remembering(folder: Path) -> Iterator[VectorMemory]:
    """Within this, vectors that are known are not computed again; on leaving without an error, those that were used are kept."""
    memory = VectorMemory(folder)
    with encoding_by(memory):
        yield memory
    memory.save()


_KEY = 16  # bytes of a hash


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY]


__all__ = ["Encoder", "VectorMemory", "drop", "remembering"]
