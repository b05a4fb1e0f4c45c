"""Help in plain text: usage, description, options by panel, examples, exit status."""

from __future__ import annotations

import re
import shutil
import sys
from textwrap import wrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

from lcodec.cli import foreign, habits
from lcodec.cli.console import PROGRAM
from lcodec.cli.manual import EXAMPLES, short_statuses
from lcodec.cli.mistakes import unknown_command
from lcodec.errors import Exit, UsageError

WIDEST, NARROWEST = 100, 30
OPTIONS = "Options"
_MORE = " \\"
_SUMMARY = 60  # length of a help text that a shell shows beside a completion

Rows = list[tuple[str, str]]


class Command(TyperCommand):
    """A command whose options are in panels; typer supports these only with rich."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reject options of other programs before they are taken for something else."""
        if not ctx.resilient_parsing:
            foreign.refuse(args, ctx.command_path.partition(" ")[2], habits.options_of(self))
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.width = _width()
        super().format_help(ctx, formatter)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Usage with the required options, and arguments named as in the rest of the help."""
        options, arguments = ["[OPTIONS]"], []
        parameters: list[Any] = self.get_params(ctx)
        for param in parameters:
            if param.param_type_name == "argument":
                arguments.append(param.metavar if param.required else f"[{param.metavar}]")
            elif param.required:
                options.append(f"{max(param.opts, key=len)} {param.metavar}")
        formatter.write_usage(ctx.command_path, " ".join([*options, *arguments]))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, Rows] = {}
        parameters: list[Any] = self.get_params(ctx)
        for param in parameters:
            record = param.get_help_record(ctx)
            if record is None:
                continue
            title, name = "Arguments", record[0]
            if param.param_type_name == "argument":
                record = (param.metavar, param.help or "")
            else:
                title = getattr(param, "rich_help_panel", None) or OPTIONS
                if title == OPTIONS and name.endswith("--help"):
                    title = list(panels)[-1] if len(panels) > 1 else OPTIONS
            panels.setdefault(title, []).append(record)
        _write_panels(panels, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        name = ctx.command_path.partition(" ")[2]
        _write_examples(name, formatter)
        statuses = short_statuses(name)
        if statuses:
            formatter.write_paragraph()
            formatter.write_text(f"Exit status: {statuses}. Full list: `{PROGRAM} --help`.")

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Options, each with no more help than fits on one line."""
        return _summarised(super().shell_complete(ctx, incomplete))


class Group(TyperGroup):
    """A group of commands, with suggestions for unknown ones."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Also understands command lines in other forms (`lcodec.cli.habits`)."""
        if ctx.parent is None and not ctx.resilient_parsing:
            args = habits.rewrite(args, self.commands)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        formatter.width = _width()
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Commands with their summaries, which typer cuts to what is left of a line."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(sys.maxsize))
                    for name, command in commands.items()
                    if command is not None and not command.hidden
                ]
            )

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        _write_examples(ctx.command_path.partition(" ")[2], formatter)
        if ctx.parent is None:
            with formatter.section("Exit status"):
                formatter.write_dl([(str(int(one)), one.meaning) for one in Exit])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        unknown = self.get_command(ctx, name) is None and not name.startswith("-")
        if unknown and not ctx.resilient_parsing:
            raise UsageError(unknown_command(name, self.list_commands(ctx), ctx.command_path))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Commands and options, as `Command.shell_complete`."""
        return _summarised(super().shell_complete(ctx, incomplete))


def _width() -> int:
    return max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST) - 2)


def _write_panels(panels: dict[str, Rows], formatter: Any) -> None:
    """Write all panels, with the texts aligned in one column where the names leave room."""
    limit = max(10, formatter.width // 3)
    names = [name for rows in panels.values() for name, _ in rows]
    column = max((len(name) for name in names if len(name) <= limit), default=limit)
    for title, rows in panels.items():
        with formatter.section(title):
            formatter.write_dl([(name.ljust(column), text) for name, text in rows], col_max=column)


def _write_examples(name: str, formatter: Any) -> None:
    examples = EXAMPLES.get(name, ())
    if examples:
        longest = max(len(command) for command, _ in examples)
        beside = longest + 4 + max(len(purpose) for _, purpose in examples) <= formatter.width
        with formatter.section("Examples"):
            shown = [(_continued(line, formatter), purpose) for line, purpose in examples]
            formatter.write_dl(shown, col_max=longest if beside else 2)


def _continued(line: str, formatter: Any) -> str:
    """A command line that fits, with the backslashes by which a shell takes it as one."""
    indent = " " * formatter.current_indent
    room = formatter.width - len(indent) - len(_MORE)
    if len(line) <= room + len(_MORE):
        return line
    line = re.sub(r"( -\S+) (?!-)", r"\1\0", line)  # options stay with their values
    parts = wrap(
        line, room, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return f"{_MORE}\n{indent}".join(parts).replace("\0", " ")


def _summarised(items: list[Any]) -> list[Any]:
    for item in items:
        if item.help:
            words = item.help.partition(";")[0]
            item.help = words if len(words) <= _SUMMARY else f"{words[: _SUMMARY - 3].rstrip()}..."
    return items
