"""A tune and a model that are both given agree, in whatever way, or nothing is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import lcodec
from lcodec.cli.main import run
from lcodec.errors import UsageError
from lcodec.library.shared import shared_codec
from lcodec.tunes import TuneName, default_model
from lcodec.weights import chosen_model, coding_models, require_model, stated_tune
from tests.cli.parsing import PROGRAM

VISUAL, PSNR = map(default_model, TuneName)


def test_every_released_model_agrees_with_its_own_tune_alone() -> None:
    for name in coding_models():
        own = stated_tune(require_model(name))
        assert chosen_model(name) == chosen_model(name, own) == name
        for tune in {*TuneName} - {own}:
            with pytest.raises(UsageError, match=rf"tune `{tune}` and model `{name}`, .* `{own}`"):
                chosen_model(name, tune)


def test_without_a_model_it_is_that_of_the_tune() -> None:
    assert chosen_model() == chosen_model("", "visual") == VISUAL
    assert chosen_model(tune="psnr") == PSNR
    for name in (None, PSNR):
        with pytest.raises(UsageError, match="unknown tune: loud"):
            chosen_model(name, "loud")


def test_in_python(tmp_path: Path) -> None:
    picture = Image.new("L", (8, 8))
    for tune, model in (("psnr", VISUAL), ("visual", PSNR)):
        with pytest.raises(UsageError, match="cannot be combined"):
            lcodec.Codec(model, tune=tune)
        with pytest.raises(UsageError, match="cannot be combined"):
            shared_codec(model, "cpu", tune)
        with pytest.raises(UsageError, match="cannot be combined"):
            lcodec.encode(picture, tune=tune, model=model)


LINES = {
    "encode": ["encode", "a.png"],
    "batch": ["batch", "in", "out"],
    "bench": ["bench", "--set", "in"],
}


def test_every_command_with_both_options_is_tried() -> None:
    both = {
        name
        for name, command in PROGRAM.commands.items()
        if {"--tune", "--model"} <= {own for param in command.params for own in param.opts}
    }
    assert both - {"train"} == set(LINES)  # there, `--model` is what will be trained


@pytest.mark.parametrize("name", LINES)
def test_on_the_command_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for path in ("a.png", "in/a.png"):
        Image.new("L", (8, 8)).save(path)
    for tune, model, own in (("psnr", VISUAL, "visual"), ("visual", PSNR, "psnr")):
        assert run([*LINES[name], "--tune", tune, "--model", model]) == 2
        assert capsys.readouterr() == (
            "",
            f"lcodec: tune `{tune}` and model `{model}`, which is of tune `{own}`, "
            "cannot be combined\n",
        )
    assert not (tmp_path / "out").exists() and not (tmp_path / "a.lic").exists()


def test_decoding_asks_for_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = ["batch", "--decode", "in", "out", "--tune", "psnr", "--model", "none"]
    assert run(line) == 2
    assert "is for encoding" in capsys.readouterr().err
