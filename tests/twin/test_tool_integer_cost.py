"""The tool that compares the integers of an export with the network of its run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lcodec.training.checkpoint import save_run
from lcodec.training.export import load_run
from tests.tinymodel import picture, tiny_codec
from tools import integer_cost

FIGURES = re.compile(r"q (\d+): float (\d+) bits, integers (\d+), [-+][\d.]+ %")


def test_both_code_the_symbols_of_the_files_of_the_run(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of the run, not of a released model; on its scale of qualities; without padding."""
    monkeypatch.setenv("LCODEC_MODELS", str(tiny_model))  # the tool sets it, too
    model = tiny_codec(seed=1, deblocking=True)
    model.config = replace(model.config, tune="visual")
    model.rescale(tuple(round(100 * (level / 100) ** 2, 3) for level in range(101)))
    run = tmp_path / "run"
    save_run(run, {"average": model.state_dict()}, {"steps": 1, "config": model.config.to_dict()})
    names = [str(tmp_path / name) for name in ("a.png", "b.png")]
    sides = ((150, 75), (40, 200))
    for name, (h, w) in zip(names, sides, strict=True):
        Image.fromarray(picture(h, w)).save(name)
    integer_cost.main([str(run), *names, "--quality", "20,70"])
    found = [tuple(map(int, f)) for f in FIGURES.findall(capsys.readouterr().out)]
    assert [quality for quality, _, _ in found] == [20, 70]
    codec = integer_cost.export(load_run(run))
    assert codec.loaded.config == model.config
    for quality, floats, integers in found:
        files = [codec.encode_detailed(picture(h, w), quality) for h, w in sides]
        assert integers == round(sum(f.estimated_bits_y + f.estimated_bits_z for f in files))
        assert floats == pytest.approx(integers, rel=0.02)
