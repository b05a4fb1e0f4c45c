"""Options of other programs: a right answer for each."""

from __future__ import annotations

import re

import pytest

from lcodec.cli import foreign
from lcodec.cli.main import run

from .parsing import PROGRAM, commands, options

NAMED = [(row, name) for row in foreign.ROWS for name in row.names.split()]
COMMANDS = dict(commands())


@pytest.mark.parametrize(("row", "name"), NAMED, ids=lambda value: str(value)[:30])
def test_every_option_gets_its_answer(
    row: foreign.Row, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = name.replace("#", "4")
    for command in ("encode", "decode"):
        if typed in options(COMMANDS[command]):
            continue  # it has one of its own
        assert run([command, "photo", typed, "1"]) == 2
        line = f"lcodec: No such option: {typed}; {row.answer} (see `lcodec {command} --help`)\n"
        assert capsys.readouterr().err == line


def test_the_answers_name_what_there_is() -> None:
    for row in foreign.ROWS:
        for quoted in re.findall(r"`([^`]*)`", row.answer):
            command = re.search(r"lcodec ([a-z][a-z-]+(?: list| add)?)", quoted)
            if command:
                assert command[1] in COMMANDS, quoted
            known = options(COMMANDS[command[1] if command else "encode"])
            for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", quoted):
                assert option in known | {"--version"}, quoted
    assert set(foreign.COMMANDS) <= set(COMMANDS)
    words = [word for known in foreign.COMMANDS.values() for word in known]
    assert len(words) == len(set(words))
    assert not set(words) & set(PROGRAM.commands)


def test_no_option_has_two_answers() -> None:
    names = [name for _, name in NAMED]
    assert len(names) == len(set(names)) > 150
    known = set().union(*(options(command) for command in COMMANDS.values()))
    # One that every command has would never be answered.
    assert not [name for name in names if name in options(COMMANDS["encode"]) & known]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("encode a.png --distance=1.0", "90 is visually lossless"),
        ("encode a.png -d 1", "`-q N`, 0 to 100, is the quality; 90"),
        ("encode a.png -psnr 40", "`--target-psnr DB`"),
        ("encode a.png -size 20000", "`--target-size SIZE`"),
        ("encode a.png -T0", "`--threads N`"),
        ("encode a.png -19", "`-q N`, 0 to 100, is the quality"),
        ("encode a.png -exact", "alpha is always kept"),
        ("encode a.png -quality 50", "`-q N`, 0 to 100, is the quality"),
        ("encode a.png -format png", "OUT's suffix sets the format"),
        ("batch a b -noalpha", "alpha is always kept"),
        ("encode a.png -q -1", "`-1` is not a whole number"),  # a value, not a level of zstd
        ("decode a.lic --rm", "no command deletes it"),
        ("train --run r --jobs 4", "`--threads N`"),
        ("display a.lic", "did you mean `view`?"),
        ("identify a.lic", "did you mean `inspect`?"),
    ],
)
def test_lines(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line.split()) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_words_of_ours_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("encode none.png -fpe3", "encode none.png -q50 -- -d", "decode none.lic -t"):
        run(line.split())
        assert "No such option" not in capsys.readouterr().err
