"""From a folder of pictures to the list of files to make."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lcodec.batch.report import Outcome, failure
from lcodec.errors import InputError, OutputError
from lcodec.imageio import READ_SUFFIXES

OUTPUT_SUFFIX = ".lic"


@dataclass(frozen=True, order=True)
class Job:
    """A picture and the file to make of it."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """Jobs sorted by source, and the folders that could not be read, as failed outcomes."""

    jobs: tuple[Job, ...]
    problems: tuple[Outcome, ...] = ()


def plan(source: Path, destination: Path) -> Plan:
    """Find all pictures below ``source``; their outputs mirror its tree below ``destination``.

    Pictures are found by suffix. Hidden files and folders are left out, links to folders are not
    followed. ``a.png`` becomes ``a.lic``; where two pictures would meet in one output
    (``a.png``, ``a.jpg``) both keep their suffix (``a.png.lic``, ``a.jpg.lic``). Nothing is read
    or written yet.

    Raises:
        InputError: ``source`` is not a folder.
        OutputError: ``destination`` is something else than a folder.
    """
    if not source.is_dir():
        raise InputError(f"{source}: {'is not a folder' if source.exists() else 'no such folder'}")
    if destination.exists() and not destination.is_dir():
        raise OutputError(f"{destination}: is not a folder")
    pictures, problems = _find(source)
    outputs = _outputs(pictures)
    jobs = sorted(Job(source / path, destination / outputs[path]) for path in pictures)
    return Plan(tuple(jobs), tuple(problems))


def _find(root: Path) -> tuple[list[Path], list[Outcome]]:
    """Pictures below ``root``, relative to it, and the folders that cannot be listed."""
    problems: list[Outcome] = []

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        reason = InputError(f"{folder}: cannot be read: {error.strerror}")
        problems.append(failure(folder, None, reason))

    pictures: list[Path] = []
    for folder, subfolders, files in os.walk(root, onerror=note):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        pictures += [
            (Path(folder) / name).relative_to(root)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in READ_SUFFIXES
        ]
    return pictures, problems


def _outputs(pictures: Iterable[Path]) -> dict[Path, Path]:
    """The output of each picture, relative to the destination; no two are the same.

    Names that differ in case alone count as the same, because some file systems think so.
    """
    outputs = {path: path.with_suffix(OUTPUT_SUFFIX) for path in pictures}
    while True:
        uses = Counter(str(output).casefold() for output in outputs.values())
        short = [
            path
            for path, output in outputs.items()
            if uses[str(output).casefold()] > 1 and output != _long(path)
        ]
        if not short:
            return outputs
        # One that already kept its suffix may be met by another: go on until nothing changes.
        outputs.update((path, _long(path)) for path in short)


def _long(path: Path) -> Path:
    return path.with_name(path.name + OUTPUT_SUFFIX)
