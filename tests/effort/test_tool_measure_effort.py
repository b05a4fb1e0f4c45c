"""tools/measure_effort.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.tinymodel import picture
from tools import measure_effort


def test_figures_of_small_pictures_are_without_ms_ssim(
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Image.fromarray(picture(48, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr("torch.set_num_threads", lambda count: None)
    options = ["--effort=-1", "--quality", "20,60", "--device", "cpu"]
    measure_effort.main([str(tmp_path), *options, "--model", "groupedmixer"])
    quick, plain = json.loads(capsys.readouterr().out)
    assert (quick["effort"], plain["effort"]) == (-1, 0)
    assert quick.keys() == plain.keys() == {"effort", "ssimulacra2", "psnr", "encode_seconds"}
    assert plain["psnr"] == plain["ssimulacra2"] == 0.0


@pytest.mark.parametrize(
    "options", [["--quality", "50"], ["--quality", "50,x"], ["--effort", "1,10"]], ids=" ".join
)
def test_what_cannot_be_compared_is_refused_before_anything_is_measured(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        measure_effort.main([str(tmp_path / "none"), *options])
    assert stop.value.code == 2
    assert f"error: {' '.join(options)}: " in capsys.readouterr().err.splitlines()[-1]
