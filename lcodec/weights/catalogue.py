"""``catalogue.toml``: every model ever released, at hand or not. Standard library only.

    [[model]]
    id = "528d9541"
    name = "groupedmixer"
    generation = 4
    version = "0.1.0"
    commit = "66f580a5..."
    files = [
      { path = "models/groupedmixer/config.json", size = 360, sha256 = "..." },
      ...
    ]

A *generation* is one set of transforms. Generations are numbered in the order in which they were
first released, whatever they were trained for, so two of them can be current at once. The latents
in a file are those of one generation; all entropy models of a generation can code them. Entries
are never removed. ``commit`` is the commit of this project that released the model; it is missing
only until the release is committed. ``files`` are all files needed to load the model, those of its
transforms included, with paths as they were in that commit.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lcodec.errors import UsageError, WeightsError
from lcodec.weights.lock import LockedFile, check_model_name, parse_files

CATALOGUE = Path(__file__).with_name("catalogue.toml")

_INTRODUCTION = """\
# Every model ever released. Entries are never removed; see lcodec/weights/catalogue.py.
# Written by tools/catalogue.py.
"""


@dataclass(frozen=True)
class Released:
    """A released model: its identity, its origin, and all files it needs.

    ``model_id`` is in hexadecimal.
    """

    model_id: str
    name: str
    generation: int
    version: str
    commit: str | None
    files: tuple[LockedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def reference(self) -> str:
        """The unambiguous name of the model: ``name@id``."""
        return f"{self.name}@{self.model_id}"

    def __str__(self) -> str:
        return f"`{self.name}` of generation {self.generation} (lcodec {self.version})"


def read_catalogue() -> tuple[Released, ...]:
    """All entries, oldest first.

    Raises:
        WeightsError: the catalogue is damaged.
    """
    return _read(CATALOGUE)


@cache
def _read(path: Path) -> tuple[Released, ...]:
    try:
        return parse_catalogue(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, WeightsError) as error:
        raise WeightsError(f"{path}: {error}") from error


def find_released(model_id: str) -> Released | None:
    """The entry of an id in hexadecimal, or None.

    Raises:
        WeightsError: as `read_catalogue`.
    """
    return next((one for one in read_catalogue() if one.model_id == model_id), None)


def parse_catalogue(text: str) -> tuple[Released, ...]:
    """Inverse of `format_catalogue`; unknown keys are ignored.

    Raises:
        WeightsError: not TOML, an entry lacks a field or has a bad one, or an id is listed twice.
    """
    try:
        tables = tomllib.loads(text).get("model", [])
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"not valid TOML: {error}") from error
    if not isinstance(tables, list):
        raise WeightsError("`model` is not an array of tables")
    entries = tuple(_entry(table, number) for number, table in enumerate(tables, start=1))
    uses = Counter(entry.model_id for entry in entries)
    for model_id, count in uses.items():
        if count > 1:
            raise WeightsError(f"id {model_id} is listed twice")
    return entries


def _entry(table: Any, number: int) -> Released:
    kinds = {"id": str, "name": str, "generation": int, "version": str, "files": list}
    for key, kind in kinds.items():
        if not isinstance(table, dict) or not isinstance(table.get(key), kind):
            raise WeightsError(f"model {number}: `{key}` is missing or of the wrong type")
    if not isinstance(table.get("commit", ""), str):
        raise WeightsError(f"model {number}: `commit` is not a string")
    try:
        files = parse_files([_with_model(file) for file in table["files"]])
        return Released(
            table["id"],
            check_model_name(table["name"]),
            table["generation"],
            table["version"],
            table.get("commit"),
            files,
        )
    except (WeightsError, UsageError) as error:
        raise WeightsError(f"model {number}: {error}") from error


def _with_model(table: Any) -> dict[str, Any]:
    """An entry in the form of a lock's, with the model's name from the path."""
    if not isinstance(table, dict):
        return {}
    _, _, inside = str(table.get("path", "")).partition("/")
    return {**table, "model": inside.partition("/")[0]}


def format_catalogue(entries: Iterable[Released]) -> str:
    """The text of a catalogue, in the order of the entries."""
    blocks = []
    for entry in entries:
        commit = [] if entry.commit is None else [f"commit = {json.dumps(entry.commit)}"]
        files = [
            f'  {{ path = {json.dumps(file.path)}, size = {file.size}, sha256 = "{file.sha256}" }},'
            for file in sorted(entry.files)
        ]
        lines = [
            "[[model]]",
            f"id = {json.dumps(entry.model_id)}",
            f"name = {json.dumps(entry.name)}",
            f"generation = {entry.generation}",
            f"version = {json.dumps(entry.version)}",
            *commit,
            "files = [",
            *files,
            "]\n",
        ]
        blocks.append("\n".join(lines))
    return "\n".join([_INTRODUCTION, *blocks])
