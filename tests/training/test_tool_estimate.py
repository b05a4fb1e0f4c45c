"""The tool that estimates rate and distortion without files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.picture import load
from lcodec.training.checkpoint import save_run
from tests.tinymodel import picture, tiny_codec
from tools import estimate

FIGURES = re.compile(r"([\d.]+) bpp, ([\d.]+) dB")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, sides in {"one": (128, 192), "odd": (150, 75), "other": (64, 64)}.items():
        Image.fromarray(picture(*sides)).save(folder / f"{name}.png")
    return folder


def test_integers_agree_with_real_files(
    pictures: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--set", str(pictures), "--only", "one,odd", "--quality", "30,80", "--integers"]
    estimate.main([str(tiny_model / "groupedmixer"), *words])
    found = [tuple(map(float, f)) for f in FIGURES.findall(capsys.readouterr().out)]
    codec = Codec("groupedmixer", device="cpu")
    assert len(found) == 2
    for (bpp, decibels), quality in zip(found, (30, 80), strict=True):
        rates, qualities = [], []
        for sides, kept in ((128, 192), (128, 192)), ((150, 75), (128, 64)):
            pixels = picture(*sides)[: kept[0], : kept[1]]
            encoded = codec.encode_detailed(pixels, quality)
            bits = encoded.estimated_bits_y + encoded.estimated_bits_z
            rates.append(bits / (kept[0] * kept[1]))
            qualities.append(psnr(pixels, codec.decode(encoded.data).pixels))
        assert bpp == pytest.approx(sum(rates) / 2, rel=0.01)
        assert decibels == pytest.approx(sum(qualities) / 2, abs=0.05)


def test_later_runs_are_compared_with_the_first(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_codec(seed=1)
    info = {"steps": 1, "config": model.config.to_dict()}
    for name in ("a", "b"):
        average = {k: v.clone() for k, v in model.state_dict().items()}
        if name == "b":  # a wider prior of z: the same pictures for more bits
            with torch.no_grad():
                average["prior.log_sigma.values"] += 3.0
        save_run(tmp_path / name, {"average": average}, info)
    runs = [str(tmp_path / name) for name in ("a", "b")]
    estimate.main([*runs, "--set", str(pictures), "--only", "other", "--threads", "1"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{runs[1]}: +") and last.endswith(f"against {runs[0]}")
    by_cost = re.search(r"([+-][\d.]+) % in cost \(([^)]*) %\)", last)
    assert by_cost is not None
    each = [float(change) for change in by_cost[2].split(", ")]
    assert len(each) == 5 and min(each) > 0
    assert float(by_cost[1]) == pytest.approx(sum(each) / 5, abs=0.06)


def test_costs_are_what_training_makes_smaller(pictures: Path, tiny_model: Path) -> None:
    """Bits and, in the tune psnr, the worth of the squared error."""
    model = estimate.load_model(tiny_model / "groupedmixer")
    pixels = estimate.whole(load(pictures / "other.png").pixels)
    found = estimate.point(model, pixels, 60)
    tune = model.config.factors
    error = 10.0 ** (-found.psnr / 10.0)
    worth = float(tune.error.at(torch.tensor(60.0))) * 255.0**2 * error
    assert tune.perceived is None
    assert found.cost == pytest.approx(found.bpp + worth, rel=1e-3)


def test_a_picture_that_is_not_there_is_named(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        estimate.main(["runs/a", "--set", str(pictures), "--only", "one,two"])
    assert stop.value.code == 2
    assert "no picture two" in capsys.readouterr().err


@pytest.mark.parametrize("levels", ["50", "50,50", "50,101", "50,", "high"])
def test_levels_that_give_no_curve_are_refused_before_anything_is_measured(
    levels: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        estimate.main(["runs/a", "--set", str(pictures), "--quality", levels])
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"error: --quality {levels}: " in said


def test_curves_that_share_no_range_are_no_fault_of_the_program() -> None:
    low, high = (
        estimate.curve(
            "a", [estimate.Point(1.0 + n, base + n, base + n, 1.0, None, None) for n in (0, 1)]
        )
        for base in (1.0, 80.0)
    )
    assert estimate.comparison(low, high) == "no common range"
    assert "share no PSNR range" in estimate.against_published(high)
