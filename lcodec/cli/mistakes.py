"""What to say of a command line that cannot be understood: one line, with what was likely meant."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from lcodec.cli.console import PROGRAM
from lcodec.suffixes import LIC, READ_SUFFIXES
from lcodec.suggest import did_you_mean

_COMMANDS = {
    "encode": ("compress", "enc", "c", "convert", "pack"),
    "decode": ("decompress", "dec", "d", "extract", "unpack", "view", "show"),
    "inspect": ("info", "identify", "probe", "dump", "header", "list", "ls", "check", "test"),
    "repack": ("recode", "transcode", "recompress"),
    "bench": ("benchmark", "measure"),
    "weights list": ("models", "model"),
    "--version": ("version",),
    "--help": ("help",),
}
"""Commands by what other programs call them."""

_OPTIONS = {
    "the output is the argument after the input": ("-o", "--output", "--out"),
    "`-f` replaces output that exists": ("-y", "--yes", "--overwrite"),
    "`-` as OUT is standard output": ("-c", "--stdout"),
    "nothing is lossless; `-q 100` is the highest quality": ("--lossless", "-l"),
    "`-e` says how long the encoder may take": ("-s", "--speed", "-m", "--method", "--preset"),
    "`lcodec batch` works with several processes": ("-j", "--jobs", "-t", "--threads"),
    "`lcodec batch` goes through folders": ("-r", "--recursive"),
    "everything is kept unless `--strip` is given": ("--exif", "--icc", "--xmp", "--metadata"),
}
"""Words for options that other programs have."""

# What pydantic, inside newer versions of typer, says; users know neither.
_REWORDED = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "a whole number is needed"),
    (r"Input should be a valid number.*", "a number is needed"),
    (r"Input should be greater than or equal to (\S+)", r"at least \1 is needed"),
    (r"Input should be less than or equal to (\S+)", r"at most \1 is possible"),
)


def is_usage_mistake(error: Exception) -> bool:
    """Whether typer raised ``error`` because of the command line."""
    # Its own classes for that have no public name that all versions share.
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def explain(error: Any, arguments: Sequence[str]) -> str:
    """The line for an error of `is_usage_mistake` on a command line."""
    context = getattr(error, "ctx", None)
    command = _path(arguments) if context is None else context.command_path
    message = error.format_message().rstrip(".")
    if hasattr(error, "possibilities"):
        message = _unknown_option(error, context)
    elif message.startswith("Missing argument") and context is not None:
        message += f", as in `{command} {' '.join(_pieces(context))}`"
    elif "unexpected extra argument" in message and command.split()[-1] in ("encode", "decode"):
        message += f"; `{PROGRAM} batch` takes many files"
    for pattern, words in _REWORDED:
        message = re.sub(pattern, words, message)
    return f"{message} (see `{command} --help`)"


def unknown_command(name: str, commands: Collection[str], path: str) -> str:
    """The line for a command that does not exist; ``path`` is what it was given to."""
    return f"No such command '{name}'{_command_hint(name, commands)} (see `{path} --help`)"


def _command_hint(name: str, commands: Collection[str]) -> str:
    suffix = Path(name).suffix.lower()
    if "encode" in commands and (suffix in {LIC, *READ_SUFFIXES} or os.path.isfile(name)):
        command = "decode" if suffix == LIC else "encode"
        return f"; did you mean `{PROGRAM} {command} {name}`?"
    for command, words in _COMMANDS.items():
        if name.lower() in words and (command in commands or command.split()[0] in commands):
            return f"; did you mean `{command}`?"
    return did_you_mean(name, commands)


def _unknown_option(error: Any, context: Any) -> str:
    name = str(error.option_name)
    message = f"No such option: {name}"
    for words, names in _OPTIONS.items():
        if name in names:
            return f"{message}; {words}"
    known = [] if context is None else _options(context)
    return message + (did_you_mean(name, known) if name.startswith("--") else "")


def _options(context: Any) -> list[str]:
    params = context.command.get_params(context)
    return [name for param in params for name in param.opts if name.startswith("--")]


def _pieces(context: Any) -> list[str]:
    """How the arguments of a command are called."""
    params = context.command.get_params(context)
    return [param.metavar for param in params if param.param_type_name == "argument"]


def _path(arguments: Sequence[str]) -> str:
    """The command that a command line is about; it exists, or that would be the mistake."""
    return " ".join([PROGRAM, *(word for word in arguments[:1] if not word.startswith("-"))])
