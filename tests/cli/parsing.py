"""The program's command lines, taken apart without running anything."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer

from lcodec.cli.habits import rewrite
from lcodec.cli.main import app

PROGRAM: Any = typer.main.get_command(app)
_ENDS = {"|", "||", "&&", ";", "&", "(", ")"}


def commands(group: Any = PROGRAM, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its path, such as "weights list"."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield path + name, command


def options(command: Any) -> set[str]:
    """Names of its options, without those for help."""
    names = {name for p in command.params if p.param_type_name == "option" for name in p.opts}
    return names - {"-h", "--help"}


def invocations(text: str) -> list[list[str]]:
    """The arguments of every ``lcodec`` in lines of a shell, which are not interpreted further."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if "lcodec " not in f"{line} ":
            continue
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _ENDS:
                command = _command(words)
                if command is not None:
                    found.append(command)
                words = []
            else:
                words.append(word)
    return found


def _command(words: list[str]) -> list[str] | None:
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    if not words or words[0] != "lcodec":
        return None
    if words[1:] and re.fullmatch(r"\d+(\.\d+)+", words[1]):
        return None  # a version, in what a command printed
    kept: list[str] = []
    skip = False
    for word in words[1:]:
        if re.fullmatch(r"[<>]+&?", word):
            skip = True
            if kept and kept[-1] == "2":
                kept.pop()
        elif skip:
            skip = False
        else:
            kept.append(word)
    return kept


def parse(arguments: list[str]) -> None:
    """Parse a command line; raises what typer raises if it cannot be understood."""
    command, words, path = PROGRAM, rewrite(arguments, PROGRAM.commands), ["lcodec"]
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        path.append(words.pop(0))
        command = command.commands[path[-1]]
    if command is PROGRAM:  # its options act at once, so they are only looked up
        assert words and words[0] in options(PROGRAM) | {"-h", "--help"}, arguments
    else:
        with contextlib.suppress(typer.Exit):  # --help
            command.make_context(" ".join(path), words)
