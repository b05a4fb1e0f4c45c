"""From one file to another: checks made before anything slow, with suggestions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from lcodec.batch.plan import outputs_of
from lcodec.cli import paths, sniff
from lcodec.cli.console import PROGRAM
from lcodec.cli.values import format_suffix
from lcodec.container import is_lic
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.process.atomic import is_special
from lcodec.process.outputs import make_folder
from lcodec.suffixes import (
    LIC,
    NPY,
    PICTURE_SUFFIXES,
    READ_SUFFIXES,
    ROW_SUFFIXES,
    WRITE_SUFFIXES,
)
from lcodec.suggest import nearest, nearest_file

_NO_STREAMS = "`--strips` goes from file to file, not to or from standard streams"
_NEIGHBOURS = 10_000  # files searched for a similar name
_SAME = ({".jpg", ".jpeg"}, {".tif", ".tiff"})  # suffixes of one format


@dataclass(frozen=True)
class Route:
    """The inputs and outputs of a command.

    Attributes:
        command: its name.
        refuse: raises if the first bytes show that IN is of the wrong kind.
        suffix: of OUT if it is not given.
        inputs: suffixes of files that can only be inputs.
        folder: the command to suggest for a folder, if any.
        formats: suffixes of the pictures that it writes.
        streams: whether IN and OUT may be "-".
        chosen: whether ``suffix`` has been asked for; OUT must not contradict it then, and needs
            no suffix of its own.
    """

    command: str
    refuse: Callable[[bytes], None]
    suffix: str
    inputs: frozenset[str]
    folder: str | None = None
    formats: frozenset[str] = WRITE_SUFFIXES
    streams: bool = True
    chosen: bool = False


ENCODE = Route("encode", sniff.refuse_lic, LIC, READ_SUFFIXES, "batch {} DST")
DECODE = Route("decode", sniff.refuse_picture, ".png", frozenset({LIC}), "batch --decode {} DST")
ENCODE_STRIPS = replace(ENCODE, inputs=READ_SUFFIXES | {NPY}, streams=False)
DECODE_STRIPS = replace(DECODE, formats=ROW_SUFFIXES, streams=False)
REPACK = Route("repack", sniff.refuse_picture, LIC, frozenset())


@dataclass(frozen=True)
class Way:
    """A file and its output; ``refusal`` says why it cannot be done, if so."""

    source: str
    output: str
    refusal: LcodecError | None = None


def split(route: Route, files: Sequence[str], output: str | None) -> tuple[list[str], str | None]:
    """The inputs among the arguments of a command, and its output if it is named.

    The last of several arguments is the output, unless ``output`` is given separately or the last
    is a file that the command reads: then all are inputs.

    Raises:
        UsageError: the last of three or more is neither an input nor a folder.
    """
    *before, last = files
    if output is not None or not before:
        return list(files), output
    suffix = Path(last).suffix.lower()
    if last == paths.STANDARD or _is_folder(last):
        return before, last
    if len(before) > 1:
        if suffix not in route.inputs:
            raise UsageError(f"{last}: several files need a folder as OUT; `{last}/` creates one")
        return list(files), None
    another = suffix in route.inputs and (suffix == LIC or os.path.isfile(last))
    first = before[0]
    swapped = not os.path.exists(first) and Path(first).suffix.lower() not in route.inputs
    if another and not swapped and not paths.same_file(first, last):
        return list(files), None
    return before, last


def ways(
    route: Route, files: Sequence[str], output: str | None, *, force: bool, as_json: bool
) -> list[Way]:
    """Inputs with their outputs, after all quick checks.

    Of several files, those that cannot be done get a refusal. If OUT is a folder, or ends with a
    slash, outputs go into it; it is created if needed.

    Raises:
        LcodecError: why a single file cannot be done, as in `settle`.
        UsageError: the arguments are inconsistent.
    """
    sources, output = split(route, files, output)
    if len(sources) == 1:
        return [Way(sources[0], settle(route, sources[0], output, force=force, as_json=as_json))]
    if paths.STANDARD in sources:
        raise UsageError("`-`: standard input needs a file as OUT and no other inputs")
    if output is not None and not _is_folder(output):
        raise UsageError(f"{output}: several files need a folder as OUT; `{output}/` creates one")
    outputs = _outputs(route, sources, output)
    if output is not None and any(map(os.path.isfile, sources)):
        make_folder(output)
    return checked(route, sources, outputs, force=force)


def checked(
    route: Route, sources: list[str], outputs: list[str] | None = None, *, force: bool = False
) -> list[Way]:
    """Inputs with their outputs, "" if nothing is written, and refusals for those with faults.

    Raises:
        LcodecError: why a single file cannot be done.
    """
    found: list[Way] = []
    real = {os.path.realpath(source) for source in sources}
    for index, source in enumerate(sources):
        way = Way(source, outputs[index] if outputs else "")
        try:
            check_source(route, source)
            if way.output:
                if os.path.realpath(way.output) in real:
                    raise UsageError(f"{way.output}: is both an input and an output")
                paths.check_output(way.output, force=force)
            found.append(way)
        except LcodecError as error:
            if len(sources) == 1:
                raise
            found.append(replace(way, refusal=error))
    return found


def _is_folder(name: str) -> bool:
    return os.path.isdir(name) or name.endswith(("/", os.sep))


def _outputs(route: Route, sources: list[str], folder: str | None) -> list[str]:
    """Where several files go: into a folder, or beside their sources."""
    names = [Path(source) if folder is None else Path(Path(source).name) for source in sources]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice and folder is None:
        raise UsageError(f"{twice[0]}: is given twice")
    if twice:
        hint = f"`{PROGRAM} batch` keeps the folders apart"
        raise UsageError(f"{twice[0]}: two outputs of this name in {folder}; {hint}")
    found = outputs_of(names, route.suffix)
    return [os.fspath(Path(folder or "", found[name])) for name in names]


def settle(route: Route, source: str, output: str | None, *, force: bool, as_json: bool) -> str:
    """The output of a command, after all quick checks.

    Raises:
        InputError: the input does not exist, or is of the wrong kind.
        FormatError: the input is a picture where a ``.lic`` file is needed.
        OutputError: the output exists, or cannot be written.
        UsageError: input and output are the same, the suffix is wrong, or data would go to a
            terminal or be mixed with JSON.
    """
    check_source(route, source, output)
    if not route.streams and output == paths.STANDARD:
        raise UsageError(_NO_STREAMS)
    if output is not None and _is_folder(output) and source != paths.STANDARD:
        make_folder(output)
        output = os.fspath(Path(output, Path(source).with_suffix(route.suffix).name))
    output = paths.choose_output(source, output, route.suffix)
    if output != paths.STANDARD:
        _check_name(route, output)
    elif as_json:
        raise UsageError("`--json` and the output cannot both go to standard output")
    paths.check_output(output, force=force)
    return output


def check_source(route: Route, source: str, output: str | None = None) -> None:
    """The part of `settle` that is about the input; raises as that does."""
    if source != paths.STANDARD and os.path.isdir(source) and route.folder is not None:
        instead = route.folder.format(source)
        raise InputError(f"{source}: is a folder; use `{PROGRAM} {instead}`")
    if source != paths.STANDARD and not os.path.exists(source):
        raise InputError(f"{source}: {paths.absence(source)}{_missing(route, source, output)}")
    if source == paths.STANDARD and not route.streams:
        raise UsageError(_NO_STREAMS)
    paths.check_input(source)
    head = sniff.peek(source)
    with paths.about(source):  # the most likely mix-up
        route.refuse(head)


def _missing(route: Route, source: str, output: str | None) -> str:
    """What to try instead of a missing input."""
    if "://" in source and route.folder is not None:
        return f"; for a URL use `{PROGRAM} {route.folder.format(source)}`"
    if output is not None and os.path.isfile(output):
        swapped = is_lic(sniff.peek(output)) is (route.refuse is not sniff.refuse_lic)
        if swapped:
            return f"; IN comes first: `{PROGRAM} {route.command} {output} {source}`"
    folder, name = os.path.split(source)
    try:
        with os.scandir(folder or ".") as entries:
            known = [entry.name for entry in islice(entries, _NEIGHBOURS) if entry.is_file()]
    except OSError:
        return ""
    found = nearest_file(name, known)
    return "" if found is None else f"; did you mean `{os.path.join(folder, found)}`?"


def _check_name(route: Route, output: str) -> None:
    if route.command == DECODE.command:
        _check_picture_name(route, output)
    else:
        _check_lic_name(output)


def _check_lic_name(output: str) -> None:
    suffix = Path(output).suffix.lower()
    better = Path(output).with_suffix(LIC) if suffix else None
    if suffix in PICTURE_SUFFIXES:
        raise UsageError(f"{output}: the output is a .lic file, not a picture; name it {better}")
    if suffix not in ("", LIC) and nearest(suffix, [LIC], likeness=0.7):
        raise UsageError(f"{output}: unknown suffix `{suffix}`; did you mean {better}?")


def _check_picture_name(route: Route, output: str) -> None:
    suffix = Path(output).suffix
    if not suffix and (is_special(output) or (route.chosen and route.streams)):
        return  # by rows, the name alone tells the format
    if not suffix:
        known = " ".join(sorted(route.formats))
        raise UsageError(f"{output}: needs a suffix that names the format, one of {known}")
    with paths.about(output):
        suffix = format_suffix(suffix, route.formats)
    asked = next((same for same in _SAME if route.suffix in same), {route.suffix})
    if route.chosen and suffix not in asked:
        raise UsageError(f"{output}: contradicts `--format {route.suffix[1:]}`")
