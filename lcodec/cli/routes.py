"""From one file to another: the checks that come before anything slow, and what they suggest."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lcodec.cli import paths, sniff
from lcodec.cli.console import PROGRAM
from lcodec.container import SIGNATURE
from lcodec.errors import InputError, OutputError, UsageError
from lcodec.suffixes import LIC, READ_SUFFIXES, WRITE_SUFFIXES
from lcodec.suggest import did_you_mean, nearest

_NEIGHBOURS = 10_000  # files that are looked at for one with a similar name


@dataclass(frozen=True)
class Route:
    """What a command makes of what.

    Attributes:
        command: its name.
        refuse: raises if the first bytes show that IN is of the wrong kind.
        suffix: of OUT where it is not given.
        folder: what to do with a folder instead; None if nothing can be done.
    """

    command: str
    refuse: Callable[[bytes], None]
    suffix: str
    folder: str | None = None


ENCODE = Route("encode", sniff.refuse_lic, LIC, "batch {} DST")
DECODE = Route("decode", sniff.refuse_picture, ".png", "batch --decode {} DST")
REPACK = Route("repack", sniff.refuse_picture, LIC)


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
    output = paths.choose_output(source, output, route.suffix)
    if output != paths.STANDARD:
        _check_name(route, source, output)
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
    paths.check_input(source)
    head = sniff.peek(source)
    if route is ENCODE and not head and os.path.isfile(source):
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


def _check_name(route: Route, source: str, output: str) -> None:
    if os.path.isdir(output):
        name = Path(source).with_suffix(route.suffix).name if source != paths.STANDARD else "NAME"
        raise OutputError(f"{output}: is a folder; name the file: {os.path.join(output, name)}")
    check = _check_picture_name if route is DECODE else _check_lic_name
    check(output)


def _check_lic_name(output: str) -> None:
    suffix = Path(output).suffix.lower()
    better = Path(output).with_suffix(LIC) if suffix else None
    if suffix in READ_SUFFIXES | WRITE_SUFFIXES:
        raise UsageError(f"{output}: a .lic file is written, not a picture; name it {better}")
    if suffix not in ("", LIC) and nearest(suffix, [LIC], likeness=0.7):
        raise UsageError(f"{output}: unknown suffix `{suffix}`; did you mean {better}?")


def _check_picture_name(output: str) -> None:
    suffix = Path(output).suffix.lower()
    if suffix in WRITE_SUFFIXES or suffix == ".npy":  # written by `--strips` alone
        return
    known = " ".join(sorted(WRITE_SUFFIXES))
    if not suffix:
        raise UsageError(f"{output}: a suffix must tell the format; known are: {known}")
    hint = did_you_mean(suffix, WRITE_SUFFIXES)
    raise UsageError(f"{output}: unknown picture format `{suffix}`, known are: {known}{hint}")
