"""``lcodec man``: the help of all commands as one manual page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import typer

from lcodec import __version__
from lcodec.cli import console
from lcodec.cli.console import PROGRAM
from lcodec.cli.manual import EXAMPLES, short_statuses
from lcodec.errors import Exit


def man(context: typer.Context) -> None:
    """Show the manual page.

    On a terminal the page is shown with `man`; a file or pipe gets its source. `lcodec desktop
    install` puts it where `man lcodec` finds it.
    """
    text = manual_page(context.find_root())
    viewer = shutil.which("man") if sys.stdout.isatty() else None
    if viewer is None:
        console.emit(text.rstrip("\n"))
        return
    subprocess.run([viewer, "-l", "-"], input=text.encode(), check=False)


def manual_page(root: Any) -> str:
    """The page in man(7) macros; ``root`` is the context of the whole program."""
    group = root.command
    lines = [
        f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"',
        ".SH NAME",
        f"{PROGRAM} \\- learned image codec: pictures to .lic files and back",
        ".SH SYNOPSIS",
        f".B {PROGRAM}",
        ".I COMMAND",
        ".RI [ options ]\n.br",
        f".B {PROGRAM}",
        ".I IN\n.RI [ OUT ]\n.RI [ options ]",
        ".SH DESCRIPTION",
        *_prose(group.help),
        ".SH OPTIONS",
        *_options(group, root),
        ".SH COMMANDS",
    ]
    for name, command in commands(group):
        lines += _command(name, command, root)
    lines += [".SH EXIT STATUS"]
    for one in Exit:
        lines += [".TP", f".B {int(one)}", _text(one.meaning)]
    lines += [".SH SEE ALSO", _text("The full command-line reference: docs/CLI.md.")]
    return "\n".join(lines) + "\n"


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its path, such as "weights list"."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield path + name, command


def _command(name: str, command: Any, root: Any) -> Iterator[str]:
    form = " ".join(_forms(command))
    yield f".SS {_text(f'{PROGRAM} {name} {form}').strip()}"
    yield from _prose(command.help)
    yield from _options(command, root)
    for line, purpose in EXAMPLES.get(name, ()):
        yield from (".PP", f"{_bold(line)}\n.br\n{_text(purpose)}")
    statuses = short_statuses(name)
    if statuses:
        yield from (".PP", _text(f"Exit status: {statuses}."))


def _forms(command: Any) -> Iterator[str]:
    for param in command.params:
        if param.param_type_name == "argument":
            yield param.metavar if param.required else f"[{param.metavar}]"
        elif param.required:
            yield f"{max(param.opts, key=len)} {param.metavar}"
    yield "[options]"


def _options(command: Any, root: Any) -> Iterator[str]:
    for param in command.get_params(root):
        if param.param_type_name == "argument":
            yield from (".TP", f".I {_text(param.metavar)}", _text(param.help or ""))
            continue
        record = param.get_help_record(root)
        if record is not None:
            yield from (".TP", _bold(record[0]), _text(re.sub(r"\s+", " ", record[1])))


def _prose(text: str | None) -> Iterator[str]:
    for number, paragraph in enumerate((text or "").split("\n\n")):
        yield from (*([".PP"] if number else []), _text(" ".join(paragraph.split())))


def _bold(text: str) -> str:
    return f"\\fB{_text(text).lstrip(chr(92) + '&')}\\fR"


def _text(text: str) -> str:
    """Text in which no character is special to troff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq")
    return f"\\&{text}" if text.startswith((".", "'", "\\(aq")) else text
