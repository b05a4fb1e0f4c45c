"""The tool that goes through everything once."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lcodec.cli.main import run
from lcodec.training.recipe import read_recipe
from lcodec.tunes import default_model
from tests.cli.parsing import parse
from tests.tinymodel import picture, write_tiny_model, write_visual_model
from tools import dry_run, estimate, pack_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("pictures", "set"):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = picture(128, 192, number)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    for name in ("--notes.txt", ".hidden.png"):  # would be the first
        (tmp_path / "set" / name).write_text("no picture")
    (tmp_path / "set" / "+folder").mkdir()
    write_tiny_model(tmp_path)
    return tmp_path


def words(folder: Path) -> list[str]:
    start = ["--start", str(folder / "models" / "groupedmixer")]
    return [
        *(str(folder / "pictures"), *start, "--folder", str(folder / "dry")),
        *("--set", str(folder / "set"), "--", "--steps", "2", "--device", "cpu"),
    ]


def test_the_whole_sequence_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Done:
        returncode = 0

    def in_this_process(command: list[str]) -> Done:
        name, *rest = command[1:]
        if name == "-m":
            parse(rest[1:])
            assert run(rest[1:]) == 0
        else:
            {"pack_pictures": pack_pictures, "estimate": estimate}[Path(name).stem].main(rest)
        return Done()

    monkeypatch.setattr(subprocess, "run", in_this_process)
    dry_run.main(words(folder))
    printed = capsys.readouterr()
    assert "pack.zip: " in printed.out and "2 steps, 0 skipped, loss " in printed.err
    assert (folder / "dry" / "models" / "dry" / "config.json").is_file()
    assert "against " + str(folder / "models" / "groupedmixer") in printed.out
    assert read_recipe(dry_run.ROOT / "recipes" / "dry-run.toml")["minutes"] == 2.0


def test_it_stops_where_something_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Failed:
        returncode = 3

    def failing(command: list[str]) -> Failed:
        calls.append(command)
        return Failed()

    monkeypatch.setattr(subprocess, "run", failing)
    with pytest.raises(SystemExit) as stop:
        dry_run.main(words(folder))
    assert stop.value.code == 3 and len(calls) == 1


@pytest.mark.parametrize("name", ["none", "empty"])
def test_a_set_without_pictures_is_refused_before_anything_runs(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "empty").mkdir()
    options = words(folder)
    options[options.index("--set") + 1] = str(folder / name)
    with pytest.raises(SystemExit) as stop:
        dry_run.main(options)
    assert stop.value.code == 2 and not (folder / "dry").exists()
    assert f"error: {folder / name}: no" in capsys.readouterr().err


def test_a_run_for_the_eye_gets_a_scale(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")

    def exports(model: Path, *rest: str) -> bool:
        options = argparse.Namespace(
            folder=tmp_path, start=model, set=tmp_path, pictures=tmp_path, rest=list(rest)
        )
        return "--calibrate" in dry_run.commands(options)[2]

    visual = write_visual_model(tmp_path) / default_model()
    plain = write_tiny_model(tmp_path) / "groupedmixer"
    assert exports(visual) and exports(plain, "--tune", "visual", "--minutes", "1")
    assert not exports(plain) and not exports(visual, "--tune=psnr")
