"""From a folder or a list of paths to the list of files to make."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lcodec.batch.report import Outcome, failure
from lcodec.errors import InputError, OutputError, UsageError
from lcodec.suffixes import LIC


@dataclass(frozen=True, order=True)
class Job:
    """A file and the one to make of it."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """Jobs sorted by source, and what cannot become one, as failed outcomes."""

    jobs: tuple[Job, ...]
    problems: tuple[Outcome, ...] = ()


def plan_tree(
    source: Path, destination: Path, *, inputs: Collection[str], output: str = LIC
) -> Plan:
    """Find the files below ``source`` whose suffix, in lower case, is one of ``inputs``.

    Their outputs mirror its tree below ``destination``, with the suffix ``output``. Hidden files
    and folders are left out, links to folders are not followed. Nothing is read or written yet.

    ``a.png`` becomes ``a.lic``; where two files would meet in one output (``a.png``, ``a.jpg``)
    both keep their suffix (``a.png.lic``, ``a.jpg.lic``).

    Raises:
        InputError: ``source`` is not a folder.
        OutputError: ``destination`` is something else than a folder.
    """
    if not source.is_dir():
        raise InputError(f"{source}: {'is not a folder' if source.exists() else 'no such folder'}")
    _check_destination(destination)
    found, problems = _find(source, inputs)
    outputs = outputs_of(found, output)
    jobs = sorted(Job(source / path, destination / outputs[path]) for path in found)
    return Plan(tuple(jobs), tuple(problems))


def plan_list(
    sources: Iterable[Path], destination: Path, *, base: Path | None = None, output: str = LIC
) -> Plan:
    """Outputs of the files named, whatever their suffix, as `plan_tree` gives them.

    They mirror the tree below ``base``. If that is None, it is the current folder where all paths
    are relative and stay inside, else the deepest folder that holds all files. A file that is
    named twice counts once; one outside ``base``, or whose output would be one of the sources,
    is a problem.

    Raises:
        OutputError: ``destination`` is something else than a folder.
        UsageError: the files have no folder in common (other drives).
    """
    _check_destination(destination)
    full = {_absolute(source): source for source in reversed(list(sources))}
    root = _absolute(base) if base is not None else _common(full)
    outside = [path for path in full if not path.is_relative_to(root)]
    problems = [
        failure(full[path], None, UsageError(f"{full[path]}: is not below {base}"))
        for path in outside
    ]
    relative = {path.relative_to(root): path for path in full if path.is_relative_to(root)}
    outputs = outputs_of(relative, output)
    real = {os.path.realpath(path) for path in full}
    jobs = []
    for path, origin in relative.items():
        job = Job(full[origin], destination / outputs[path])
        if os.path.realpath(job.output) in real:
            reason = UsageError(f"{job.output}: is an input and an output")
            problems.append(failure(job.source, job.output, reason))
        else:
            jobs.append(job)
    return Plan(tuple(sorted(jobs)), tuple(problems))


def files_below(
    sources: Iterable[Path], inputs: Collection[str]
) -> tuple[list[Path], list[Outcome]]:
    """Files as they are named, and those below the folders among ``sources``, as `plan_tree` does.

    Folders that cannot be listed come as failed outcomes.
    """
    found: list[Path] = []
    problems: list[Outcome] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        below, own = _find(source, inputs)
        found += [source / path for path in below]
        problems += own
    return found, problems


def parse_list(data: bytes, *, null: bool = False) -> list[Path]:
    """Paths from a list with one a line, or with NUL after each; empty ones are left out."""
    parts = data.split(b"\0") if null else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return [Path(os.fsdecode(part)) for part in parts if part]


def _check_destination(destination: Path) -> None:
    if destination.exists() and not destination.is_dir():
        raise OutputError(f"{destination}: is not a folder")


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _common(full: Mapping[Path, Path]) -> Path:
    here = Path.cwd()
    if all(path.is_relative_to(here) and not full[path].is_absolute() for path in full):
        return here
    try:
        return Path(os.path.commonpath([path.parent for path in full]))
    except ValueError:
        raise UsageError("the files have no folder in common; run a batch for each drive") from None


def _find(root: Path, suffixes: Collection[str]) -> tuple[list[Path], list[Outcome]]:
    """Files below ``root``, relative to it, and the folders that cannot be listed."""
    problems: list[Outcome] = []

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        reason = InputError(f"{folder}: cannot be read: {error.strerror}")
        problems.append(failure(folder, None, reason))

    found: list[Path] = []
    for folder, subfolders, files in os.walk(root, onerror=note):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [
            (Path(folder) / name).relative_to(root)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes
        ]
    return found, problems


def outputs_of(sources: Iterable[Path], suffix: str) -> dict[Path, Path]:
    """The output of each source, relative to the destination; no two are the same.

    Names that differ in case alone count as the same, because some file systems think so.
    """
    outputs = {path: path.with_suffix(suffix) for path in sources}
    while True:
        uses = Counter(str(output).casefold() for output in outputs.values())
        short = [
            path
            for path, output in outputs.items()
            if uses[str(output).casefold()] > 1 and output != _long(path, suffix)
        ]
        if not short:
            return outputs
        # One that already kept its suffix may be met by another: go on until nothing changes.
        outputs.update((path, _long(path, suffix)) for path in short)


def _long(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
