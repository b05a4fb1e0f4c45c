"""tools/target_check.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from lcodec import Target
from lcodec.library.codec import Codec
from lcodec.picture import Picture
from lcodec.pipeline.encoder import Encoded
from tests.tinymodel import picture
from tools import target_check


def test_table(
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.fromarray(picture(60, 80)).save(tmp_path / "a.png")
    monkeypatch.setattr(target_check, "BPP_LOW", 0.01)  # cannot be had
    monkeypatch.setattr(target_check, "BPP_HIGH", 3.0)
    monkeypatch.setattr(target_check, "SIZE_LOW", 2.5)
    monkeypatch.setattr(target_check, "SIZE_HIGH", 4.0)
    monkeypatch.setattr(target_check, "DECIBEL", 20.0)
    figures = tmp_path / "figures.json"
    arguments = ["target_check.py", str(tmp_path), "--device", "cpu", "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ending:
        target_check.main()
    assert not ending.value.code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[2] for line in lines[4:]] == [
        "yes",
        "cannot be",
        "yes",
        "yes",
        "yes",
    ]
    assert lines[0].startswith("4 of 4 targets met, 1 cannot be had. ")
    checks = json.loads(figures.read_text())
    codec, size = Codec(device="cpu"), 60 * 80 * 2.5 / 8
    found = codec.encode_detailed(picture(60, 80), target=Target.size(round(size)))
    assert checks[0]["reached"] == len(found.data) <= size
    assert checks[0]["distance"] == pytest.approx(100 * (1 - len(found.data) / size))
    assert checks[0]["evaluations"] == found.evaluations
    assert checks[4]["reached"] >= 20


def test_a_miss_is_a_miss(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec, pixels = Codec(device="cpu"), picture(40, 40)
    good = codec.encode_detailed(pixels, 50)
    monkeypatch.setattr(codec, "encode_detailed", lambda *_, **__: good)
    size = len(good.data)
    missed = target_check.check(codec, "a", Picture(pixels), Target.size(size - 1))
    assert missed.met is False
    assert target_check.check(codec, "a", Picture(pixels), Target.size(size)).met
    assert isinstance(good, Encoded)
    assert "0 of 1 targets met" in target_check.summary([missed])
    better = target_check.check(codec, "a", Picture(pixels), Target.psnr(90.0))
    assert better.met is False
    assert "**no**" in target_check.table([missed, better])
