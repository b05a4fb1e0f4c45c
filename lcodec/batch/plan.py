"""From folders or a list of paths to the list of files to make."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from lcodec.batch.location import Location, parse_location
from lcodec.batch.report import Outcome, failure
from lcodec.batch.search import fault_of, find
from lcodec.batch.url import State, Url
from lcodec.errors import InputError, LcodecError, OutputError, UsageError
from lcodec.process.outputs import check_link
from lcodec.suffixes import LIC

AnyPath = TypeVar("AnyPath", bound=PurePath)


@dataclass(frozen=True, order=True)
class Job:
    """A source file and its output."""

    source: Location
    output: Location


@dataclass(frozen=True)
class Plan:
    """Jobs sorted by source, and failed outcomes for sources that cannot become jobs.

    ``states`` has the states of the sources in a store's listing; ``left_out`` are the files below
    folders that are of other kinds, but might have been meant.
    """

    jobs: tuple[Job, ...]
    problems: tuple[Outcome, ...] = ()
    states: Mapping[Url, State] = field(default_factory=dict)
    left_out: tuple[Location, ...] = ()


def plan_tree(
    source: Location, destination: Location, *, inputs: Collection[str], output: str = LIC
) -> Plan:
    """Find the files below ``source`` whose suffix, in lower case, is one of ``inputs``.

    Their outputs mirror its tree below ``destination``, with the suffix ``output``. Hidden files
    and folders are left out, links to folders are not followed. Nothing is read or written yet.

    ``a.png`` becomes ``a.lic``; if two files would get the same output (``a.png``, ``a.jpg``),
    both keep their suffix (``a.png.lic``, ``a.jpg.lic``).

    Raises:
        InputError: ``source`` is not a folder.
        OutputError: ``destination`` exists and is not a folder.
    """
    if isinstance(source, Path) and not source.is_dir():
        raise InputError(f"{source}: {'is not a folder' if source.exists() else 'no such folder'}")
    found = find(source, inputs)
    check_destination(destination)
    outputs = outputs_of(found.files, output)
    jobs = sorted(Job(source / path, destination / outputs[path]) for path in found.files)
    left_out = _left_out(found.others, [source], destination, jobs, output)
    return Plan(tuple(jobs), tuple(found.problems), found.states, left_out)


def _left_out(
    others: Iterable[Location],
    roots: Iterable[Location],
    destination: Location,
    jobs: Iterable[Job],
    output: str,
) -> tuple[Location, ...]:
    """The files below ``roots`` that are no sources, but might have been meant to be.

    Neither outputs of this batch, nor ``.lic`` files where pictures are encoded, nor what lies in a
    destination inside a root, from an earlier batch.
    """
    made = {job.output for job in jobs}
    inside = any(_is_below(destination, root) for root in roots)
    return tuple(
        other
        for other in others
        if other not in made
        and not (output == LIC == other.suffix.lower())
        and not (inside and _is_below(other, destination))
    )


def _is_below(one: Location, other: Location) -> bool:
    """Whether a location lies in a folder, and is another."""
    if isinstance(one, Path) and isinstance(other, Path):
        return _absolute(other) in _absolute(one).parents
    if isinstance(one, Path) or isinstance(other, Path):
        return False
    same = (one.scheme, one.rest) == (other.scheme, other.rest)
    return same and PurePosixPath(other.path) in PurePosixPath(one.path).parents


def plan_list(
    sources: Iterable[Location],
    destination: Location,
    *,
    base: Location | None = None,
    output: str = LIC,
) -> Plan:
    """Outputs of the files named, whatever their suffix, as in `plan_tree`.

    They mirror the tree below ``base``. If that is None, it is the current folder if all paths
    are relative and stay inside it, else the deepest folder that holds all files. A file named
    twice counts once; one outside ``base``, or whose output would be one of the sources, fails.
    URLs must all be of one store, and mirror the tree below the deepest folder that holds them.
    Those whose paths are the same, because only their queries differ, fail.

    Raises:
        OutputError: ``destination`` exists and is not a folder.
        UsageError: the files have no common folder (different drives or stores).
    """
    check_destination(destination)
    listed = list(sources)
    paths = [source for source in listed if isinstance(source, Path)]
    urls = [source for source in listed if isinstance(source, Url)]
    if urls and paths:
        raise UsageError("the list mixes paths and URLs; run a batch for each")
    if urls:
        return _plan_urls(urls, destination, base, output)
    if isinstance(base, Url):
        raise UsageError(f"{base}: the files in the list are not URLs")
    full = {_absolute(source): source for source in reversed(paths)}
    root = _absolute(base) if base is not None else _common(full)
    inside = {path: None for path in full if path.is_relative_to(root) and path != root}
    problems = [
        failure(full[path], None, _not_below(full[path], base or root))
        for path in full
        if path not in inside
    ]
    relative = {path.relative_to(root): path for path in inside}
    outputs = outputs_of(relative, output)
    real = {os.path.realpath(path) for path in full}
    jobs = []
    for path, origin in relative.items():
        job = Job(full[origin], destination / outputs[path])
        if isinstance(job.output, Path) and os.path.realpath(job.output) in real:
            reason = UsageError(f"{job.output}: is both an input and an output")
            problems.append(failure(job.source, job.output, reason))
        else:
            jobs.append(job)
    return Plan(tuple(sorted(jobs)), tuple(problems))


def _not_below(source: Path, root: Location) -> LcodecError:
    """Why a path in a list is not that of a file below ``root``, which itself may be listed."""
    if source.is_dir():
        return InputError(f"{source}: is a folder")
    return UsageError(f"{source}: is not below {root}")


def _plan_urls(urls: list[Url], destination: Location, base: Location | None, output: str) -> Plan:
    roots = {(url.scheme, url.rest) for url in urls}
    if len(roots) > 1:
        raise UsageError("the list has URLs of several stores; run a batch for each")
    # The query of a web address is not part of the name.
    full = {url: url.pure for url in urls}
    if base is None:
        root = _deepest(full.values())
    elif isinstance(base, Url) and (base.scheme, base.rest) in roots:
        root = base.pure
    else:
        raise UsageError(f"{base}: is not in the same store as the list")
    places = {
        url: path.relative_to(root) for url, path in full.items() if path.is_relative_to(root)
    }
    uses = Counter(places.values())
    outputs = outputs_of([path for path in uses if path.name], output)
    jobs, problems = [], []
    for url in full:
        made = None
        path = places.get(url)
        if path is None:
            fault = f"{url}: is not below {base}"
        elif path not in outputs:
            fault = f"{url}: does not name a file"
        elif uses[path] > 1:
            fault = f"{url}: has the same path as {uses[path] - 1} more in the list"
        elif (unfit := fault_of(str(path))) is not None:
            fault = f"{url}: {unfit}"
        else:
            made = destination / outputs[path]
            if made not in full:
                jobs.append(Job(url, made))
                continue
            fault = f"{made}: is both an input and an output"
        problems.append(failure(url, made, UsageError(fault)))
    return Plan(tuple(sorted(jobs)), tuple(problems))


def plan_several(
    sources: Sequence[Location],
    destination: Location,
    *,
    inputs: Collection[str],
    base: Location | None = None,
    output: str = LIC,
) -> Plan:
    """Outputs of files and of those below folders, as in `plan_list`.

    If only files are named and all are in one folder, their outputs go directly into the
    destination.

    Raises:
        InputError: a folder in a store cannot be listed.
        OutputError, UsageError: as `plan_list`.
    """
    check_destination(destination)
    found: list[Location] = []
    others: list[Location] = []
    problems: list[Outcome] = []
    states: dict[Url, State] = {}
    whole = {source for source in sources if is_folder(source, inputs)}
    for source in sources:
        if source not in whole:
            found.append(source)
            continue
        below = find(source, inputs)
        found += [source / path for path in below.files]
        others += below.others
        problems += below.problems
        states |= below.states
    plan = Plan(())
    if found:
        folders = {_absolute(path).parent for path in found if isinstance(path, Path)}
        if base is None and not whole and len(folders) == 1 and isinstance(found[0], Path):
            base = found[0].parent
        plan = plan_list(found, destination, base=base, output=output)
    named = set(found)  # a file may be named, and be below a folder that is named, too
    others = [other for other in others if other not in named]
    left_out = _left_out(others, whole, destination, plan.jobs, output)
    return Plan(plan.jobs, (*problems, *plan.problems), states, left_out)


def is_folder(source: Location, inputs: Collection[str]) -> bool:
    """Whether a source stands for the files below it.

    Web servers have no folders, only pages that list files: a name with a suffix of ``inputs`` is
    a file. What does not exist in a store counts as an empty folder.
    """
    if isinstance(source, Path):
        return source.is_dir()
    if source.scheme in ("http", "https") and not source.rest:
        return source.suffix.lower() not in inputs
    try:
        return source.stat().is_dir
    except OSError:
        return True  # the error is reported when it is listed


def parse_list(data: bytes, *, null: bool = False) -> list[Location]:
    """Paths or URLs from a list, one per line or each ended by NUL; empty ones are left out.

    Raises:
        UsageError: a NUL in a line, or an incomplete ``file://`` URL.
    """
    if not null and b"\0" in data:
        raise UsageError("the list has a character NUL; `--null` is for paths that end with it")
    parts = data.split(b"\0") if null else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return [parse_location(os.fsdecode(part)) for part in parts if part]


def check_destination(destination: Location) -> None:
    """Make sure, as far as can be told, that outputs can be written below it.

    Raises:
        OutputError: it exists and is not a folder, is a link to a missing one, or its store is
            read-only.
    """
    if isinstance(destination, Url):
        if destination.is_read_only:
            raise OutputError(f"{destination}: {destination.scheme}:// is read-only")
        return  # stores have no folders, or create them
    if destination.exists() and not destination.is_dir():
        raise OutputError(f"{destination}: is not a folder")
    check_link(destination)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _common(full: Mapping[Path, Path]) -> Path:
    here = Path.cwd()
    if all(path.is_relative_to(here) and not full[path].is_absolute() for path in full):
        return here
    return _deepest(full)


def _deepest(files: Iterable[AnyPath]) -> AnyPath:
    """The deepest folder that holds all files."""
    folders = [path.parent for path in files]
    try:
        return type(folders[0])(os.path.commonpath(folders))
    except ValueError:
        raise UsageError("the files have no common folder; run a batch for each drive") from None


def outputs_of(
    sources: Iterable[AnyPath], suffix: str, taken: Collection[str] = ()
) -> dict[AnyPath, AnyPath]:
    """The output of each source, relative to the destination; no two are the same.

    Nor is any of them in ``taken``, unless that cannot be avoided.

    Names that differ only in case count as the same, as on some file systems.
    """
    outputs = {path: path.with_suffix(suffix) for path in sources}
    while True:
        uses = Counter(str(output).casefold() for output in [*outputs.values(), *taken])
        short = [
            path
            for path, output in outputs.items()
            if uses[str(output).casefold()] > 1 and output != _long(path, suffix)
        ]
        if not short:
            return outputs
        # A name that keeps its suffix may collide with another: repeat until nothing changes.
        outputs.update((path, _long(path, suffix)) for path in short)


def _long(path: AnyPath, suffix: str) -> AnyPath:
    return path.with_name(path.name + suffix)
