"""From one file to another: the checks that come before anything slow, and what they suggest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from lcodec.atomic import descriptor_of
from lcodec.batch.plan import outputs_of
from lcodec.cli import paths, sniff
from lcodec.cli.console import PROGRAM
from lcodec.cli.values import format_suffix
from lcodec.container import SIGNATURE
from lcodec.errors import InputError, LcodecError, UsageError
from lcodec.suffixes import LIC, NPY, READ_SUFFIXES, ROW_SUFFIXES, WRITE_SUFFIXES
from lcodec.suggest import nearest

_NO_STREAMS = "`--strips` goes from file to file, not to or from standard streams"
_NEIGHBOURS = 10_000  # files that are looked at for one with a similar name


@dataclass(frozen=True)
class Route:
    """What a command makes of what.

    Attributes:
        command: its name.
        refuse: raises if the first bytes show that IN is of the wrong kind.
        suffix: of OUT where it is not given.
        inputs: suffixes of files that can only be inputs.
        folder: what to do with a folder instead; None if nothing can be done.
        formats: suffixes of the pictures that it writes.
        streams: whether IN and OUT may be "-".
    """

    command: str
    refuse: Callable[[bytes], None]
    suffix: str
    inputs: frozenset[str]
    folder: str | None = None
    formats: frozenset[str] = WRITE_SUFFIXES
    streams: bool = True


ENCODE = Route("encode", sniff.refuse_lic, LIC, READ_SUFFIXES, "batch {} DST")
DECODE = Route("decode", sniff.refuse_picture, ".png", frozenset({LIC}), "batch --decode {} DST")
ENCODE_STRIPS = replace(ENCODE, inputs=READ_SUFFIXES | {NPY}, streams=False)
DECODE_STRIPS = replace(DECODE, formats=ROW_SUFFIXES, streams=False)
REPACK = Route("repack", sniff.refuse_picture, LIC, frozenset())


@dataclass(frozen=True)
class Way:
    """One file and what is made of it; ``refusal`` is why that cannot be."""

    source: str
    output: str
    refusal: LcodecError | None = None


def split(route: Route, files: Sequence[str], output: str | None) -> tuple[list[str], str | None]:
    """The inputs among the arguments of a command, and its output if it is named.

    The last of several arguments is the output, unless there is an ``output`` beside them or it is
    a file that the command reads: then all are inputs.

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
            raise UsageError(
                f"{last}: is not a folder, which several files need as OUT; `{last}/` makes one"
            )
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
    """What a command makes of what, after everything was checked that costs no time.

    Of several files, those that cannot be done have a refusal. An OUT that is a folder, or ends
    as one, gets the outputs; it is made if need be.

    Raises:
        LcodecError: what a single file cannot be done for, as `settle` has it.
        UsageError: the arguments do not go together.
    """
    sources, output = split(route, files, output)
    if len(sources) == 1:
        return [Way(sources[0], settle(route, sources[0], output, force=force, as_json=as_json))]
    if paths.STANDARD in sources:
        raise UsageError("`-`: standard input goes to a file, not to a folder or with other files")
    if output is not None and not _is_folder(output):
        raise UsageError(f"{output}: several files need a folder as OUT; `{output}/` makes one")
    outputs = _outputs(route, sources, output)
    if output is not None and any(map(os.path.isfile, sources)):
        paths.make_folder(output)
    return checked(route, sources, outputs, force=force)


def checked(
    route: Route, sources: list[str], outputs: list[str] | None = None, *, force: bool = False
) -> list[Way]:
    """Inputs with their outputs, "" if nothing is written, and refusals where something is wrong.

    Raises:
        LcodecError: what a single file cannot be done for.
    """
    found: list[Way] = []
    real = {os.path.realpath(source) for source in sources}
    for index, source in enumerate(sources):
        way = Way(source, outputs[index] if outputs else "")
        try:
            check_source(route, source)
            if way.output:
                if os.path.realpath(way.output) in real:
                    raise UsageError(f"{way.output}: is an input and an output")
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
        raise UsageError(f"{twice[0]}: is named twice")
    if twice:
        hint = f"`{PROGRAM} batch` mirrors folders"
        raise UsageError(f"{twice[0]}: would be twice in {folder}; {hint}")
    found = outputs_of(names, route.suffix)
    return [os.fspath(Path(folder or "", found[name])) for name in names]


def settle(route: Route, source: str, output: str | None, *, force: bool, as_json: bool) -> str:
    """The output of a command, after everything was checked that costs no time.

    Raises:
        InputError: there is no input, or it is of the wrong kind.
        FormatError: it is a picture and should not be.
        OutputError: the output exists, or cannot be there.
        UsageError: input and output are the same, a name does not fit, or data would go to a
            terminal or among JSON.
    """
    check_source(route, source, output)
    if not route.streams and output == paths.STANDARD:
        raise UsageError(_NO_STREAMS)
    if output is not None and _is_folder(output) and source != paths.STANDARD:
        paths.make_folder(output)
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
        raise InputError(f"{source}: is a folder; `{PROGRAM} {instead}` does all of it")
    if source != paths.STANDARD and not os.path.exists(source):
        raise InputError(f"{source}: no such file{_missing(route, source, output)}")
    if source == paths.STANDARD and not route.streams:
        raise UsageError(_NO_STREAMS)
    paths.check_input(source)
    head = sniff.peek(source)
    if route.command == ENCODE.command and not head and os.path.isfile(source):
        raise InputError(f"{source}: the file is empty")
    with paths.about(source):  # the likeliest mix-up
        route.refuse(head)


def _missing(route: Route, source: str, output: str | None) -> str:
    """What to try instead of an input that is not there."""
    if output is not None and os.path.isfile(output):
        is_lic = sniff.peek(output).startswith(SIGNATURE)
        if is_lic is (route.refuse is not sniff.refuse_lic):
            return f"; IN comes first: `{PROGRAM} {route.command} {output} {source}`"
    folder, name = os.path.split(source)
    try:
        with os.scandir(folder or ".") as entries:
            known = [entry.name for entry in islice(entries, _NEIGHBOURS)]
    except OSError:
        return ""
    found = nearest(name, known)
    return "" if found is None else f"; did you mean `{os.path.join(folder, found)}`?"


def _check_name(route: Route, output: str) -> None:
    if route.command == DECODE.command:
        _check_picture_name(output, route.formats)
    else:
        _check_lic_name(output)


def _check_lic_name(output: str) -> None:
    suffix = Path(output).suffix.lower()
    better = Path(output).with_suffix(LIC) if suffix else None
    if suffix in READ_SUFFIXES | WRITE_SUFFIXES | ROW_SUFFIXES:
        raise UsageError(f"{output}: a .lic file is written, not a picture; name it {better}")
    if suffix not in ("", LIC) and nearest(suffix, [LIC], likeness=0.7):
        raise UsageError(f"{output}: unknown suffix `{suffix}`; did you mean {better}?")


def _check_picture_name(output: str, formats: frozenset[str]) -> None:
    if descriptor_of(output) is not None:
        return
    suffix = Path(output).suffix
    if not suffix:
        known = " ".join(sorted(formats))
        raise UsageError(f"{output}: a suffix must tell the format; known are: {known}")
    with paths.about(output):
        format_suffix(suffix, formats)
