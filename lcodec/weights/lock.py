"""``weights.lock``: the list of all weight files with their sizes and SHA-256, as TOML.

    [[file]]
    model = "groupedmixer"
    path = "models/groupedmixer/entropy.safetensors"
    size = 8421376
    sha256 = "..."

It lies beside a folder that is called ``models``, and inside one of any other name, beside which
there may be others; the paths in it begin with ``models`` all the same. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lcodec.errors import UsageError, WeightsError, reason_of
from lcodec.process.atomic import atomic_write
from lcodec.weights.stored import LOCK_LIMIT, read_small

LOCK_NAME = "weights.lock"
FOLDER_NAME = "models"
CARD_NAME = "README.md"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LARGEST_FILE = 1 << 36
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INTRODUCTION = """\
# Every file of every pretrained model. Loading checks size and SHA-256.
# Written by `lcodec weights export`.
"""


@dataclass(frozen=True, order=True)
class LockedFile:
    """One file of a model: ``path`` is "models/<model>/...", ``size`` in bytes."""

    model: str
    path: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        check_model_name(self.model)
        parts = PurePosixPath(self.path).parts
        inside = len(parts) > 2 and parts[:2] == (FOLDER_NAME, self.model) and ".." not in parts
        if not inside or str(PurePosixPath(self.path)) != self.path or "\\" in self.path:
            raise UsageError(f"path {self.path!r} is not inside {FOLDER_NAME}/{self.model}/")
        if not 0 <= self.size <= _LARGEST_FILE:
            kind = "negative" if self.size < 0 else "too large"
            raise UsageError(f"the size of {self.path} is {kind}")
        if not _SHA256.fullmatch(self.sha256):
            raise UsageError(f"SHA-256 of {self.path} is not 64 lower-case hexadecimal digits")

    @property
    def name(self) -> str:
        """Path inside the folder of the model, with forward slashes."""
        return str(PurePosixPath(*PurePosixPath(self.path).parts[2:]))

    def located_in(self, models: Path) -> Path:
        """The path of the file if ``models`` is the folder of all models."""
        return models / self.model / self.name


def is_model_name(name: str) -> bool:
    """Whether ``name`` can name a model."""
    return bool(_NAME.fullmatch(name))


def check_model_name(name: str) -> str:
    """Return ``name`` if it can name a model: letters, digits, ``_.-``.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a model: letters, digits, `_.-` only")
    return name


def parse_lock(text: str) -> tuple[LockedFile, ...]:
    """The entries of a lock in file order; unknown keys are ignored.

    Raises:
        WeightsError: not TOML, or an entry lacks a field, has a bad one, or is listed twice.
    """
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise WeightsError("not valid TOML: nested too deeply") from None
    except ValueError as error:  # also of numbers with thousands of digits
        raise WeightsError(f"not valid TOML: {error}") from error
    return parse_files(tree.get("file", []))


def parse_files(tables: Any) -> tuple[LockedFile, ...]:
    """Entries from parsed TOML tables.

    Raises:
        WeightsError: as `parse_lock`.
    """
    if not isinstance(tables, list):
        raise WeightsError("`file` is not an array of tables")
    files = tuple(_entry(table, number) for number, table in enumerate(tables, start=1))
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise WeightsError(f"{file.path} is listed twice")
        seen.add(file.path)
    return files


def _entry(table: Any, number: int) -> LockedFile:
    kinds = {"model": str, "path": str, "size": int, "sha256": str}
    for key, kind in kinds.items():
        value = table.get(key) if isinstance(table, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise WeightsError(f"entry {number}: `{key}` is missing or not {_KIND_WORDS[kind]}")
    try:
        return LockedFile(**{key: table[key] for key in kinds})
    except UsageError as error:
        raise WeightsError(f"entry {number}: {error}") from error


_KIND_WORDS: dict[type, str] = {str: "a string", int: "a whole number"}


def format_lock(files: Iterable[LockedFile]) -> str:
    """The text of a lock, sorted by model and path, so that changes stay small."""
    blocks = [
        f"[[file]]\nmodel = {json.dumps(file.model)}\npath = {json.dumps(file.path)}\n"
        f'size = {file.size}\nsha256 = "{file.sha256}"\n'
        for file in sorted(files)
    ]
    return "\n".join([_INTRODUCTION, *blocks])


def read_lock(path: Path) -> tuple[LockedFile, ...]:
    """The entries of the lock at ``path``.

    Raises:
        FileNotFoundError: there is none.
        WeightsError: it cannot be read or is damaged.
    """
    try:
        return parse_lock(read_small(path, LOCK_LIMIT).decode("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read: {reason_of(error)}") from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def written_lock(models: Path) -> Path:
    """Where the lock of the folder of models is written."""
    folder = Path(os.path.abspath(models))  # it may be given as "." or ".."
    return (folder.parent if folder.name == FOLDER_NAME else folder) / LOCK_NAME


def lock_of(models: Path) -> Path:
    """The lock of the folder of models, whether or not it is there.

    Earlier versions wrote that of any folder beside it. There it is still found, unless it is that
    of a folder called ``models``.
    """
    own = written_lock(models)
    beside = Path(os.path.abspath(models)).parent
    if own.exists() or (beside / FOLDER_NAME).exists() or not (beside / LOCK_NAME).exists():
        return own
    return beside / LOCK_NAME


def relocked(
    models: Path, names: Sequence[str], changes: Mapping[Path, bytes | None]
) -> tuple[tuple[LockedFile, ...], bytes]:
    """The entries of models ``names``, and the lock with them, once ``changes`` are made.

    These are new contents of files, or None for files that go. The entries replace earlier ones of
    these models; other models keep theirs. Hidden files and the model card are left out.

    Raises:
        WeightsError: a model has no files, or the lock there is damaged.
    """
    entries: list[LockedFile] = []
    for name in names:
        folder = models / check_model_name(name)
        paths = {*_visible_files(folder), *(path for path in changes if path.parent == folder)}
        left = sorted(path for path in paths if changes.get(path, b"") is not None)
        if not left:
            raise WeightsError(f"model `{name}`: no files in {folder}")
        entries += (_locked(path, models, name, changes.get(path)) for path in left)
    others = [file for file in _entries_of(models) if file.model not in names]
    return tuple(entries), format_lock([*others, *entries]).encode("utf-8")


def _entries_of(models: Path) -> tuple[LockedFile, ...]:
    """The entries of a folder's lock; of one that may be that of other folders, too, its own."""
    lock = lock_of(models)
    entries = read_lock(lock) if lock.exists() else ()
    if lock == written_lock(models):
        return entries
    there = [(file, file.located_in(models)) for file in entries]
    return tuple(
        file
        for file, path in there
        if path.is_file() and _locked(path, models, file.model, None) == file
    )


def lock_model(models: Path, name: str) -> tuple[LockedFile, ...]:
    """Add all files of model ``name`` to the lock of the folder ``models``.

    They replace earlier entries of this model; other models keep theirs. Hidden files and the
    model card are left out.

    Returns:
        The entries of this model.

    Raises:
        WeightsError: the model has no files, or the lock there is damaged.
        OutputError: the lock cannot be written.
    """
    files, lock = relocked(models, (name,), {})
    with atomic_write(written_lock(models), overwrite=True) as stream:
        stream.write(lock)
    return files


def write_lock(path: Path, files: Iterable[LockedFile]) -> None:
    """Write a lock.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(path, overwrite=True) as stream:
        stream.write(format_lock(files).encode("utf-8"))


def _visible_files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.name != CARD_NAME
        and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]


def _locked(path: Path, models: Path, name: str, data: bytes | None) -> LockedFile:
    """The entry of a file, whose contents will be ``data`` if that is given."""
    inside = PurePosixPath(FOLDER_NAME, *path.relative_to(models).parts)
    if data is None:
        return LockedFile(name, str(inside), path.stat().st_size, sha256_of(path))
    return LockedFile(name, str(inside), len(data), hashlib.sha256(data).hexdigest())


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
