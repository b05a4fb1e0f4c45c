"""Error lines for command lines that cannot be parsed, with what was likely meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from lcodec.cli import foreign
from lcodec.cli.console import PROGRAM
from lcodec.suggest import did_you_mean

# Messages of typer, and of pydantic inside newer versions of it, reworded for users.
_REWORDED = (
    (r"Got unexpected extra argument(?:\(s\)|s)? \((\S+)\)$", r"Unexpected argument '\1'"),
    (r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)$", r"Unexpected arguments: \1"),
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (r"Input should be a valid number.*", "must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"must be at least \1"),
    (r"Input should be less than or equal to (\S+)", r"must be at most \1"),
)


def is_usage_mistake(error: Exception) -> bool:
    """Whether typer raised ``error`` because of the command line."""
    # Its classes for that have no public name common to all versions.
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
    for pattern, words in _REWORDED:
        message = re.sub(pattern, words, message)
    return f"{message} (see `{command} --help`)"


def unknown_command(name: str, commands: Collection[str], path: str) -> str:
    """The line for a command that does not exist; ``path`` is what it was given to."""
    return f"No such command '{name}'{_command_hint(name, commands)} (see `{path} --help`)"


def _command_hint(name: str, commands: Collection[str]) -> str:
    for command, words in foreign.COMMANDS.items():
        if name.lower() in words and command.split()[0] in {*commands, "--help"}:
            return f"; did you mean `{command}`?"
    return did_you_mean(name, commands)


def _unknown_option(error: Any, context: Any) -> str:
    name = str(error.option_name)
    known = [] if context is None else _options(context)
    hint = did_you_mean(name, known) if name.startswith("--") else ""
    return f"No such option: {name}{hint}"


def _options(context: Any) -> list[str]:
    params = context.command.get_params(context)
    return [name for param in params for name in param.opts if name.startswith("--")]


def _pieces(context: Any) -> list[str]:
    """The names of the arguments of a command."""
    params = context.command.get_params(context)
    return [param.metavar for param in params if param.param_type_name == "argument"]


def _path(arguments: Sequence[str]) -> str:
    """The command that a command line is about; it exists, or that would be the mistake."""
    return " ".join([PROGRAM, *(word for word in arguments[:1] if not word.startswith("-"))])
