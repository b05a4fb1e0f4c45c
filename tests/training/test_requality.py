"""Weights of one tune on the levels of another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from lcodec.errors import UsageError, WeightsError
from lcodec.modules.quality import quality_lambda
from lcodec.nets.tune import FIRST_REACH, REACH, find_tune
from lcodec.training.export import load_run
from lcodec.training.options import TrainOptions
from lcodec.training.requality import on_levels_of
from lcodec.training.sizes import choose_sizes
from lcodec.training.trainer import Trainer
from lcodec.tunes import TuneName
from lcodec.twin.restore import restore_model
from lcodec.weights.config import ModelConfig
from tests.tinymodel import CONFIG, picture, tiny_codec, write_tiny_model


def test_levels_of_equal_reference_get_the_same_rows() -> None:
    model = tiny_codec()
    psnr, visual = find_tune("psnr"), find_tune("visual")
    gains = model.transforms.gains.log_gain
    with torch.no_grad():  # straight lines: interpolated and continued exactly
        slopes = torch.arange(1.0, 1 + gains.values.shape[1])
        gains.values.copy_(torch.linspace(-1, 1, 3)[:, None] * slopes)
    before = {n: v.clone() for n, v in model.state_dict().items()}
    wanted = gains(torch.tensor([0.0, 40.0, 100.0]))
    moved = on_levels_of(model, before, psnr, visual)
    model.load_state_dict(moved)
    levels = [visual.reference.level(quality_lambda(q)) for q in (0.0, 40.0, 100.0)]
    assert levels == pytest.approx([20.0, 46.667, 86.667], abs=1e-3)
    torch.testing.assert_close(gains(torch.tensor(levels)), wanted)
    back = on_levels_of(model, moved, visual, psnr)
    torch.testing.assert_close(
        back["transforms.gains.log_gain.values"], before["transforms.gains.log_gain.values"]
    )
    tables = {n for n in before if n.endswith(".values")}
    assert {n for n in before if not torch.equal(before[n], moved[n])} <= tables
    assert any(n.startswith("network.") for n in tables)


def test_a_visual_run_starts_on_its_own_levels_and_says_its_tune(tmp_path: Path) -> None:
    Image.fromarray(picture(150, 200)).save(tmp_path / "a.png")
    start = write_tiny_model(tmp_path) / "groupedmixer"
    source = restore_model(start)
    o = TrainOptions(
        data=tmp_path,
        run=tmp_path / "run",
        start=start,
        stage="joint",
        max_steps=1,
        crops=((0.0, 2, 64),),
    )
    trainer = Trainer(o, replace(source.config, tune="visual"))
    tunes = find_tune("psnr"), find_tune("visual")
    expected = on_levels_of(source, source.state_dict(), *tunes)
    for name, value in trainer.model.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
    trainer.run()
    assert load_run(tmp_path / "run").config.tune == "visual"


def test_there_is_no_other_tune() -> None:
    with pytest.raises(UsageError, match="unknown tune: ssim"):
        find_tune("ssim")
    with pytest.raises(UsageError):
        replace(CONFIG, tune="ssim")


def test_new_runs_reach_further_than_the_first_models(tmp_path: Path) -> None:
    psnr = write_tiny_model(tmp_path) / "groupedmixer"
    for tune in TuneName:
        first = replace(CONFIG, tune=tune)
        (tmp_path / "first").mkdir(exist_ok=True)
        (tmp_path / "first" / "run.json").write_text(json.dumps({"config": first.to_dict()}))
        new = choose_sizes(None, tmp_path / "first")
        sizes = replace(first.transforms, deblocking=True)
        assert new == replace(first, reach=REACH[tune], transforms=sizes)
        assert new.factors.reference.low <= first.factors.reference.low
        assert new.factors.reference.high > 1.5 * first.factors.reference.high
    # Who goes on, and an entropy model over frozen transforms, keep what there is.
    assert choose_sizes(tmp_path / "first", None) == first
    assert choose_sizes(None, tmp_path / "first", frozen=True) == first
    # To another tune and back.
    other = TuneName.PSNR if first.tune == TuneName.VISUAL else TuneName.VISUAL
    assert choose_sizes(None, tmp_path / "first", tune=other).reach == REACH[other]
    filtering = replace(CONFIG.transforms, deblocking=True)
    visual = replace(CONFIG, tune="visual", reach=REACH[TuneName.VISUAL], transforms=filtering)
    assert choose_sizes(None, psnr, tune="visual") == visual


def test_the_reach_is_part_of_a_configuration() -> None:
    first = replace(CONFIG, tune="visual")
    assert "reach" not in first.to_dict() and first.factors == find_tune(
        "visual", FIRST_REACH[TuneName.VISUAL]
    )
    further = replace(first, reach=(-0.5, 1.4))
    assert ModelConfig.from_dict(json.loads(json.dumps(further.to_dict()))) == further
    assert further.factors.reference.level(quality_lambda(0)) == pytest.approx(100 * 0.5 / 1.9)
    for wrong in ([1.2, -0.3], [0.5], "wide", [float("nan"), 1.0], 3):
        with pytest.raises(WeightsError):
            ModelConfig.from_dict({**first.to_dict(), "reach": wrong})
    assert find_tune("psnr", (0.0, 1.0)) == find_tune("psnr")
    wide = find_tune("psnr", (-0.25, 1.2))
    assert wide.reference.level(quality_lambda(50)) == pytest.approx(100 * 0.75 / 1.45)
