"""Command lines that people type out of habit, rewritten to the form the program expects.

lcodec photo.png photo.lic      the command follows from the content of the file
lcodec -q 50 encode photo.png   options move behind the command
lcodec help encode              lcodec encode --help
lcodec version                  lcodec --version
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lcodec.cli import sniff
from lcodec.cli.paths import STANDARD
from lcodec.container import is_lic
from lcodec.errors import UsageError
from lcodec.suffixes import LIC, READ_SUFFIXES, WRITE_SUFFIXES

_LOOKED_AT = 10_000  # files of a folder examined to choose the command


def options_of(command: Any) -> dict[str, bool]:
    """The options of a command, and whether each takes a value."""
    return {
        name: not (param.is_flag or param.count)
        for param in command.params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    } | {"-h": False, "--help": False}


def words(arguments: Sequence[str], options: Mapping[str, bool]) -> Iterator[tuple[str, bool]]:
    """The words that are not values of options, and whether each is one of the ``options``.

    Unknown options are taken to have no value.
    """
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            yield from ((word, False) for word in rest)
            return
        name, equals, _ = word.partition("=")
        yield word, _is_option(name, options)
        if not equals and options.get(name, False):
            next(rest, None)


def rewrite(arguments: Sequence[str], commands: Mapping[str, Any]) -> list[str]:
    """``arguments`` with a command in front, if it can be guessed.

    Raises:
        UsageError: standard input without a command, and nothing says what to do.
    """
    if not arguments or arguments[0] in commands:
        return list(arguments)
    first, *rest = arguments
    if first in ("help", "version"):
        return [*rest, "--help"] if first == "help" else ["--version"]
    if first.startswith("--") and len(arguments) == 1:
        return list(arguments)
    if first.startswith("-") and first != STANDARD:
        for index, word in enumerate(arguments):
            if word in commands and _only_options(arguments[:index], commands[word]):
                return [word, *arguments[:index], *arguments[index + 1 :]]
    return [*_guessed(arguments, commands), *arguments]


def _is_option(name: str, options: Mapping[str, bool]) -> bool:
    if name in options:
        return True
    # Letters may be combined, the last one with its value: -fq50.
    head = name[:2]
    if not name.startswith("-") or name.startswith("--") or head not in options or name == head:
        return False
    return options[head] or _is_option(f"-{name[2:]}", options)


def _only_options(arguments: Sequence[str], command: Any) -> bool:
    options = options_of(command)
    # If the last option lacks its value, it takes the "." added here.
    whole = list(words([*arguments, "."], options))
    return all(own for _, own in whole[:-1]) and whole[-1:] == [(".", False)]


def _guessed(arguments: Sequence[str], commands: Mapping[str, Any]) -> list[str]:
    """The command for a line without one; empty if it cannot be guessed."""
    for name in ("encode", "decode", "batch"):
        found = list(words(arguments, options_of(commands[name])))
        files = [word for word, own in found if not own]
        if not files or any(word.startswith("-") and word != STANDARD for word in files):
            continue
        if name != "batch" or os.path.isdir(files[0]):
            return _for_files(files)
    # The command for what is there says which option it does not know.
    return _for_files([arguments[0]]) if os.path.exists(arguments[0]) else []


def _for_files(files: list[str]) -> list[str]:
    first, last = files[0], files[-1]
    if first == STANDARD:
        suffix = Path(last).suffix.lower()
        if suffix in {LIC, *WRITE_SUFFIXES}:
            return ["encode" if suffix == LIC else "decode"]
        raise UsageError(
            "`-`: use `lcodec encode` or `lcodec decode`; standard input is not examined"
        )
    if os.path.isdir(first):
        return _for_folder(first)
    if os.path.isfile(first):
        return ["decode" if is_lic(sniff.peek(first)) else "encode"]
    suffix = Path(first).suffix.lower()
    if suffix in READ_SUFFIXES:
        return ["encode"]
    return ["decode"] if suffix == LIC else []


def _for_folder(folder: str) -> list[str]:
    """A batch of the folder's pictures if there are any, else of its .lic files."""
    coded, left = False, _LOOKED_AT
    for _, _, names in os.walk(folder):
        suffixes = {os.path.splitext(name)[1].lower() for name in names}
        if suffixes & READ_SUFFIXES:
            return ["batch"]
        coded = coded or LIC in suffixes
        left -= len(names)
        if left < 0:
            break
    return ["batch", "--decode"] if coded else ["batch"]
