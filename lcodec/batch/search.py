"""The files below folders: those with the suffixes looked for, and those left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from lcodec.batch.location import Location
from lcodec.batch.report import Outcome, failure
from lcodec.batch.url import State, Url
from lcodec.errors import InputError

_CLUTTER = ("desktop.ini", "thumbs.db", "ehthumbs.db")
"""What systems put into folders by themselves, unless hidden."""
_LONGEST = 12  # characters of a suffix; longer ones are rather parts of a sentence
_SHOWN = 10  # kinds of files


@dataclass
class Found:
    """What is below a folder, hidden files and folders left out.

    Attributes:
        files: those looked for, relative to the folder.
        others: the rest.
        problems: failures for folders that cannot be listed, and for files outside.
        states: of files in a store.
    """

    files: list[PurePath] = field(default_factory=list)
    others: list[Location] = field(default_factory=list)
    problems: list[Outcome] = field(default_factory=list)
    states: dict[Url, State] = field(default_factory=dict)


def find(folder: Location, suffixes: Collection[str]) -> Found:
    """The files below a folder; links to folders are not followed.

    Raises:
        InputError: a folder in a store cannot be listed.
    """
    return _stored(folder, suffixes) if isinstance(folder, Url) else _local(folder, suffixes)


def _local(root: Path, suffixes: Collection[str]) -> Found:
    found = Found()

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        reason = InputError(f"{folder}: cannot be read: {error.strerror}")
        found.problems.append(failure(folder, None, reason))

    for folder, subfolders, files in os.walk(root, onerror=note):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in files:
            path = Path(folder, name)
            if name.startswith("."):
                continue
            if path.suffix.lower() in suffixes:
                found.files.append(path.relative_to(root))
            elif name.lower() not in _CLUTTER:
                found.others.append(path)
    return found


def _stored(source: Url, suffixes: Collection[str]) -> Found:
    try:
        listed = source.find()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(str(error)) from error
    except OSError as error:
        raise InputError(f"{source}: cannot be listed: {error.strerror or error}") from error
    found = Found()
    for name, state in listed.items():
        path = PurePosixPath(name)
        if any(part.startswith(".") for part in path.parts if part != ".."):
            continue
        if path.suffix.lower() not in suffixes:
            if path.name.lower() not in _CLUTTER:
                found.others.append(source / name)
        elif (fault := fault_of(name)) is not None:
            reason = InputError(f"{source / name}: {fault}")
            found.problems.append(failure(source / name, None, reason))
        else:
            found.files.append(path)
            found.states[source / name] = state
    return found


def fault_of(name: str, *, windows: bool = os.name == "nt") -> str | None:
    """Why the path of a file in an archive or a store cannot be that of an output; None if it can.

    On Windows, more leads elsewhere: backslashes, drives, and streams of other files.
    """
    path = PurePosixPath(name)
    if ".." in path.parts:
        return "leads out of its folder"
    if path.is_absolute() or str(path) != name:
        return "has an empty part in its path, or a dot, which no output can have"
    if windows and ("\\" in name or ":" in name):
        return "has a character in its path that no output can have"
    return None


def files_below(
    sources: Iterable[Path], suffixes: Collection[str]
) -> tuple[list[Path], list[Outcome]]:
    """The files among ``sources``, and those below the folders among them.

    Folders that cannot be listed become failed outcomes.
    """
    files: list[Path] = []
    problems: list[Outcome] = []
    for source in sources:
        if not source.is_dir():
            files.append(source)
            continue
        found = find(source, suffixes)
        files += [source / path for path in found.files]
        problems += found.problems
    return files, problems


def kinds(files: Iterable[Location]) -> str:
    """How many files there are of each suffix, in words: "2 .heic, 1 .mp4"."""
    counts = Counter(map(_kind, files))
    ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))
    parts = [f"{counts[kind]} {kind}" for kind in ranked[:_SHOWN]]
    if rest := ranked[_SHOWN:]:
        parts.append(f"{sum(counts[kind] for kind in rest)} of {len(rest)} more kinds")
    return ", ".join(parts)


def _kind(file: Location) -> str:
    suffix = file.suffix.lower()
    named = 1 < len(suffix) <= _LONGEST and suffix.isprintable() and " " not in suffix
    return suffix if named else "without suffix"
