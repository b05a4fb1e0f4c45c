"""``--help`` of every command: complete, correct, and readable at any width."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lcodec.cli.main import run
from lcodec.cli.manual import EXAMPLES, STATUSES, short_statuses
from lcodec.errors import Exit, LcodecError

from .command import ROOT
from .parsing import commands, invocations, options, parse

Capture = pytest.CaptureFixture[str]
COMMANDS = dict(commands())
MANUAL = (ROOT / "docs" / "CLI.md").read_text("utf-8")


def shown(name: str, capsys: Capture) -> str:
    assert run([*name.split(), "--help"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def section(name: str) -> str:
    """The part of the manual about a command."""
    found = re.search(rf"^(##+) {name}$(.*?)(?=^##|\Z)", MANUAL, re.MULTILINE | re.DOTALL)
    assert found, f"{name} is not in the manual"
    return found[2]


def test_program(capsys: Capture) -> None:
    text = shown("", capsys)
    for name in COMMANDS:
        assert re.search(rf"^  {name.split()[0]} +\S", text, re.MULTILINE)
    plain = " ".join(text.split())
    assert all(f"{int(one)} {one.meaning}" in plain for one in Exit)
    assert "..." not in text.split("Commands:")[1].split("Examples:")[0]  # no summary is cut off


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command(name: str, capsys: Capture) -> None:
    text = shown(name, capsys)
    usage, description = text.split("\n\n")[:2]
    assert usage.startswith(f"Usage: lcodec {name} ")
    assert len(description.split()) > 2
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "argument":
            assert re.search(rf"^  {re.escape(parameter.metavar)} +\S", text, re.MULTILINE)
            assert parameter.metavar in usage
        else:
            assert parameter.help
            assert all(option in text for option in parameter.opts)
            assert not parameter.required or max(parameter.opts, key=len) in usage
            check_default(parameter, text)
    assert "<int" not in text
    assert "<float" not in text
    assert re.search(r"^  -h, --help +Show", text, re.MULTILINE)
    assert " ".join(f"Exit status: {short_statuses(name)}".split()) in " ".join(text.split())
    for status in STATUSES[name]:
        assert f"\n| {status} | " in MANUAL
    assert 2 <= len(EXAMPLES[name]) <= 5
    for line, purpose in EXAMPLES[name]:
        assert f"  {line}" in text
        assert purpose in " ".join(text.split())
        (arguments,) = invocations(line)
        assert " ".join(arguments).startswith(name)
        parse(arguments)


def check_default(parameter: Any, text: str) -> None:
    default = getattr(parameter.default, "value", parameter.default)
    if default not in (None, False, True) and not callable(default):
        assert f"default: {default}" in " ".join(text.split())


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("name", ["", "weights", *COMMANDS])
def test_fits_the_terminal(
    name: str, columns: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = shown(name, capsys)
    assert max(map(len, text.splitlines())) <= columns
    assert not re.search(r"[a-z]\.\.\.$", text.partition("Examples:")[0], re.MULTILINE)  # cut off
    told = " ".join(text.replace(" \\\n", " ").split())
    assert all(line in told for line, _ in EXAMPLES.get(name, ()))


@pytest.mark.parametrize("name", COMMANDS)
def test_manual_and_help_have_the_same_options(name: str) -> None:
    own = section(name)
    assert f"    lcodec {name}" in own
    rows = re.findall(r"^\| (`-.*?)(?<!\\) \| ", own, re.MULTILINE)
    described = {word for row in rows for word in re.findall(r"(?<![\w-])--?[\w-]+", row)}
    assert described == options(COMMANDS[name])


def test_manual_has_the_exit_statuses_of_the_help() -> None:
    found = re.findall(r"^\| (\d+) \| (.*) \|$", MANUAL, re.MULTILINE)
    assert found == [(str(int(one)), one.meaning) for one in Exit]
    assert {error.exit_code for error in LcodecError.__subclasses__()} < set(Exit)
    assert {status for own in STATUSES.values() for status in own} <= set(Exit)


def test_examples_are_of_commands_that_exist() -> None:
    assert set(EXAMPLES) == {"", *COMMANDS}
    assert set(STATUSES) == set(COMMANDS)
    for line, _ in EXAMPLES[""]:
        parse(*invocations(line))


@pytest.mark.parametrize("name", COMMANDS)
def test_manual_has_the_defaults_of_the_help(name: str) -> None:
    rows = re.findall(r"^\| (`-.*?)(?<!\\) \| (.*) \|$", section(name), re.MULTILINE)
    for parameter in COMMANDS[name].params:
        stated = re.findall(r"([\d.,]*\d)(?: if not given|, if not given)", parameter.help or "")
        for value in stated:
            option = max(parameter.opts, key=len)
            words = [text for names, text in rows if re.search(rf"{option}(?![\w-])", names)]
            assert len(words) == 1, option
            assert value in words[0] or "as for" in words[0], (option, value)
