"""The trainer on a tiny model and procedural pictures."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image

from lcodec.errors import InputError, OutputError
from lcodec.library.codec import Codec
from lcodec.nets.precision import reduced_precision
from lcodec.nets.tune import Rise, Tune, find_tune
from lcodec.training import checkpoint
from lcodec.training.calibrate import lagrangian_scale
from lcodec.training.data import Crops
from lcodec.training.export import export_run, load_run
from lcodec.training.latents import LatentCrops, compute_latents
from lcodec.training.objective import sample_loss
from lcodec.training.options import TrainOptions
from lcodec.training.runinfo import load_info
from lcodec.training.trainer import Trainer
from lcodec.twin.codec import TwinCodec
from tests.tinymodel import CONFIG, ENTROPY, picture, tiny_codec


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(4):
        Image.fromarray(picture(150, 200, seed)).save(folder / f"{seed}.png")
    return folder


def options(pictures: Path, run: Path, **changes: Any) -> TrainOptions:
    base = TrainOptions(
        data=pictures, run=run, max_steps=6, crops=((0.0, 4, 64),), warmup=2, latent_crops=8
    )
    return replace(base, **changes)


def train(o: TrainOptions) -> tuple[Trainer, list[dict[str, Any]]]:
    entries: list[dict[str, Any]] = []
    trainer = Trainer(o, CONFIG, entries.append)
    trainer.run()
    return trainer, entries


def fixed_loss(trainer: Trainer) -> float:
    """Loss of the averaged weights on fixed crops at fixed qualities."""
    model = TwinCodec(CONFIG, rounding=False).eval()
    model.load_state_dict(trainer.average)
    pixels = torch.from_numpy(picture(128, 128, 9)).permute(2, 0, 1)[None].float() / 255
    quality = torch.tensor([20.0, 50.0, 80.0])
    with torch.no_grad():
        out = model(pixels.expand(3, -1, -1, -1), quality)
        assert out.pixels is not None
        error = (out.pixels - pixels).square().flatten(1).mean(1)
        bpp = (out.bits_y + out.bits_z) / 128**2
        return float(sample_loss(bpp, find_tune("psnr"), quality, error, *torch.zeros(2, 3)))


def test_training_lowers_the_loss(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer(options(pictures, tmp_path, max_steps=40, lr=1e-2), CONFIG)
    with torch.no_grad():  # something to mend: the decoder's gains are off by half
        trainer.model.transforms.gains.log_correction.values.sub_(0.7)
        trainer.average["transforms.gains.log_correction.values"].sub_(0.7)
    before = fixed_loss(trainer)
    for _ in range(40):
        trainer.step()
    assert fixed_loss(trainer) < 0.8 * before


def test_run_folder_log_and_export(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(options(pictures, run))
    log = [json.loads(line) for line in (run / "log.ndjson").read_text().splitlines()]
    assert log[-1]["step"] == 6 and math.isfinite(log[-1]["loss"])
    assert sys.float_info.min * 0.5 > 0  # small numbers are left as they are again
    export_run(run, tmp_path / "models", "groupedmixer")
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "models"))
    codec = Codec("groupedmixer", device="cpu")
    pixels = picture(64, 96)
    assert codec.decode(codec.encode(pixels, 90)).pixels.shape == pixels.shape


def test_a_run_that_cannot_be_written(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "run" / "log.ndjson").mkdir(parents=True)
    for run, words in (("file/run", "cannot be created"), ("run", "cannot be written")):
        with pytest.raises(OutputError, match=words):
            train(options(pictures, tmp_path / run))


def test_a_model_of_wider_reach_gets_a_scale(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, reach=(-0.25, 1.2))
    Trainer(options(pictures, tmp_path / "run", max_steps=1), config).run()
    export_run(tmp_path / "run", tmp_path / "models", "groupedmixer")
    monkeypatch.setenv("LCODEC_MODELS", str(tmp_path / "models"))
    codec = Codec("groupedmixer", device="cpu")
    assert codec.loaded.config.scale == lagrangian_scale((-0.25, 1.2))
    pixels = picture(64, 96)
    sizes = [len(codec.encode(pixels, level)) for level in (0, 50, 100)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("streams", [1, 2])
def test_same_seed_same_weights(streams: int, pictures: Path, tmp_path: Path) -> None:
    first, _ = train(options(pictures, tmp_path / "a", streams=streams))
    second, _ = train(options(pictures, tmp_path / "b", streams=streams))
    for name, value in first.average.items():
        assert torch.equal(value, second.average[name]), name


def test_resume_continues_where_it_stopped(pictures: Path, tmp_path: Path) -> None:
    train(options(pictures, tmp_path, max_steps=3))
    trainer = Trainer(options(pictures, tmp_path, max_steps=5, resume=True), CONFIG)
    assert trainer.steps == 3
    stored = checkpoint.load_kind(tmp_path, "weights")
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, stored[name])
    assert trainer.optimiser.first.any() and float(trainer.optimiser.applied) == 3
    trainer.run()
    assert load_info(tmp_path)["steps"] == 5


def test_entropy_stage_leaves_the_transforms_alone(pictures: Path, tmp_path: Path) -> None:
    train(options(pictures, tmp_path / "a"))
    o = options(pictures, tmp_path / "b", stage="entropy", start=tmp_path / "a")
    trainer, entries = train(o)
    before = load_run(tmp_path / "a").state_dict()
    after = trainer.model.state_dict()
    changed = {n for n in before if not torch.equal(before[n], after[n])}
    assert changed and all(name.startswith("network.") for name in changed)
    assert trainer.model.kit.rounding.enabled
    assert [e["step"] for e in entries] == [6, 6]
    assert entries[-1]["event"] == "validation"
    # The rate reported is that of the averaged weights on crops that were kept apart.
    crops = LatentCrops.load(tmp_path / "b" / "latents.safetensors")
    assert (crops.training, crops.held_out) == (7, 1)
    model = load_run(tmp_path / "b")
    y, z, quality = crops.pick(torch.tensor([7]))
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        bits = sum(model.rate(y, z, y, z, quality))
    assert entries[-1]["bpp"] == pytest.approx(float(bits) / 64**2, rel=1e-3)


def test_latents_are_those_that_the_encoder_codes() -> None:
    """y after the look at what it decodes to, z of y before it."""
    codec, shown = tiny_codec(), torch.from_numpy(picture(64, 128, 3)).permute(2, 0, 1)
    with torch.no_grad():
        codec.transforms.synthesis.leave.weight.normal_(std=0.05)

    class Fixed:
        def batch(self, count: int, side: int) -> torch.Tensor:
            return torch.stack([shown[:, :side, :side], shown[:, :side, side:]])[:count]

    crops = compute_latents(codec, cast(Crops, Fixed()), 2, 64, torch.device("cpu"))
    y, z, quality = crops.pick(torch.arange(2))
    pixels = Fixed().batch(2, 64).float() / 255.0
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        plain, unrounded = codec.latents(pixels, quality)
        looked = torch.round(codec.after_looks(plain, pixels, quality))
    assert torch.equal(y, looked) and torch.equal(z, torch.round(unrounded))
    assert not torch.equal(y, torch.round(plain))


def test_latents_are_cut_to_the_side_asked_for() -> None:
    """Every crop of y is the one that belongs to its crop of z."""
    count, extent = 8, 4
    row, column = torch.meshgrid(torch.arange(extent), torch.arange(extent), indexing="ij")
    place = (torch.arange(count)[:, None, None] * 100 + row * 10 + column)[:, None]
    y = place.repeat_interleave(4, 2).repeat_interleave(4, 3)
    crops = LatentCrops(y, place, torch.arange(count), torch.zeros(32, dtype=torch.uint8))
    torch.manual_seed(1)
    got_y, got_z, quality = crops.draw(30, 128)
    assert got_y.shape == (30, 1, 8, 8) and got_z.shape == (30, 1, 2, 2)
    assert torch.equal(got_y[..., ::4, ::4], got_z)
    assert torch.equal((got_z[:, 0, 0, 0] / 100).floor(), quality) and quality.max() < 7
    assert len({int(corner) % 100 for corner in got_z[:, 0, 0, 0]}) > 5


def test_latents_serve_the_whole_schedule(pictures: Path, tmp_path: Path) -> None:
    """They are as large as its largest crops; smaller ones are refused before the first step."""
    train(options(pictures, tmp_path / "a"))
    later = options(pictures, tmp_path / "b", stage="entropy", start=tmp_path / "a")
    later = replace(later, crops=((0.0, 2, 64), (0.5, 1, 128)))
    train(later)
    assert LatentCrops.load(tmp_path / "b" / "latents.safetensors").side == 128
    larger = replace(later, run=tmp_path / "c", latents=tmp_path / "b" / "latents.safetensors")
    larger = replace(larger, crops=((0.0, 1, 64), (0.9, 1, 192)))
    with pytest.raises(InputError, match="crops of 128 pixels, 192 needed"):
        Trainer(larger, CONFIG)


def test_a_decoder_learns_for_an_analysis_that_stays(pictures: Path, tmp_path: Path) -> None:
    """All that shows and foretells latents changes; the latents themselves do not."""
    o = options(pictures, tmp_path, stage="decoder", max_steps=3, lr=1e-2)
    trainer = Trainer(o, CONFIG)
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    pixels = torch.from_numpy(picture(64, 64)).permute(2, 0, 1)[None].float() / 255
    quality = torch.tensor([50.0])
    with torch.no_grad():
        latents = trainer.model.transforms.analyse(pixels, quality)
    trainer.run()
    with torch.no_grad():
        assert torch.equal(trainer.model.transforms.analyse(pixels, quality), latents)
    changed = {
        ".".join(name.split(".")[:3])
        for name, value in trainer.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    learning = {".".join(name.split(".")[:3]) for name, _ in trainer.model.named_parameters()}
    assert learning - changed <= {
        name for name in learning if name.startswith("transforms.analysis")
    } | {"transforms.gains.log_gain"}
    assert {"transforms.gains.log_correction", "prior.mean.values"} <= changed


def test_quantisation_begins_at_its_share(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer(
        options(pictures, tmp_path, stage="joint", max_steps=4, quantise_from=0.5), CONFIG
    )
    seen = []
    for _ in range(4):
        trainer.step()
        seen.append(trainer.model.kit.rounding.enabled)
    assert seen == [False, False, True, True]


def test_latents_of_other_transforms_are_refused(pictures: Path, tmp_path: Path) -> None:
    latents = tmp_path / "latents.safetensors"
    for name, seed in (("a", 1), ("b", 2)):
        train(options(pictures, tmp_path / name, seed=seed, max_steps=1))
    o = options(pictures, tmp_path / "c", stage="entropy", start=tmp_path / "a", max_steps=1)
    train(replace(o, latents=latents))
    with pytest.raises(InputError, match="other transforms"):
        train(replace(o, latents=latents, start=tmp_path / "b", run=tmp_path / "d"))


def test_deeper_mixer_starts_where_the_shallow_one_ended(pictures: Path, tmp_path: Path) -> None:
    shallow = replace(CONFIG, entropy=replace(ENTROPY, depth=1))
    trainer = Trainer(options(pictures, tmp_path / "a"), shallow)
    trainer.run()
    entries: list[dict[str, Any]] = []
    deep = Trainer(options(pictures, tmp_path / "b", start=tmp_path / "a"), CONFIG, entries.append)
    assert any(e.get("event") == "fresh" for e in entries)
    pixels = torch.from_numpy(picture(64, 64)).permute(2, 0, 1)[None].float() / 255
    quality = torch.tensor([50.0])
    with torch.no_grad():
        a = load_run(tmp_path / "a")
        a.kit.rounding.enabled = False
        expected = a(pixels, quality)
        got = deep.model.eval()(pixels, quality)
    assert torch.allclose(expected.bits_y, got.bits_y, rtol=1e-3)


def test_a_step_that_is_not_finite_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = []
    trainer = Trainer(options(pictures, tmp_path), CONFIG, entries.append)
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    good = trainer.forward
    trainer.forward = lambda *a: replace(good(*a), loss=good(*a).loss * float("nan"))
    state = {k: v.clone() for k, v in trainer.optimiser.state().items()}
    trainer.step()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, before[name])
    for name, value in trainer.optimiser.state().items():
        assert torch.equal(value, state[name])
    trainer.forward = good
    trainer.run()
    assert trainer.skipped == 1
    assert entries[0] == {"event": "skipped", "step": 6, "count": 1}
    assert math.isfinite(entries[1]["loss"])
    assert not torch.equal(trainer.flat.values, trainer._step.average)


def test_rate_warms_up_and_falls_to_zero(pictures: Path, tmp_path: Path) -> None:
    trainer = Trainer(options(pictures, tmp_path, max_steps=100, decay=0.5, warmup=10), CONFIG)
    rates = []
    for step in range(101):
        trainer.steps = step
        rates.append(trainer._rate())
    assert rates[0] == pytest.approx(0.1 * trainer.options.lr)
    assert rates[30] == trainer.options.lr
    assert rates[75] == pytest.approx(0.5 * trainer.options.lr)
    assert rates[100] == 0.0


def test_crop_schedule_follows_the_budget(pictures: Path, tmp_path: Path) -> None:
    o = options(pictures, tmp_path, max_steps=10, crops=((0.0, 8, 64), (0.5, 2, 128)))
    trainer = Trainer(o, CONFIG)
    assert trainer._schedule() == (8, 64)
    trainer.steps = 5
    assert trainer._schedule() == (2, 128)


def test_loss_weighs_qualities_alike() -> None:
    bpp, error = torch.tensor([2.0, 8.0]), torch.tensor([0.01, 0.0025])
    tune = Tune(Rise(0.001, 0.016), Rise(0.002, 0.032), Rise(0.1, 1.6), Rise(0.5, 8.0))
    quality, distance = torch.tensor([0.0, 100.0]), torch.tensor([3.0, 2.0])
    moved = torch.tensor([0.3, 0.1])
    expected = [(2 + 0.002 * 255**2 * 0.01 + 0.1 * 3 + 0.5 * 0.3) / 0.001**0.5]
    expected.append((8 + 0.032 * 255**2 * 0.0025 + 1.6 * 2 + 8.0 * 0.1) / 0.016**0.5)
    found = float(sample_loss(bpp, tune, quality, error, distance, moved))
    assert found == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_missing_data_and_runs_are_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures"):
        Trainer(options(tmp_path, tmp_path / "run"), CONFIG)
    with pytest.raises(InputError, match=r"run\.json"):
        load_run(tmp_path)


def test_matrices_take_turns(pictures: Path, tmp_path: Path) -> None:
    o = options(pictures, tmp_path, max_steps=5, muon_every=2)
    trainer = Trainer(replace(o, momentum=0.98), CONFIG)
    assert trainer.optimiser.momentum == 0.98
    seen = []
    for _ in range(5):
        trainer.step()
        seen.append(trainer._step.matrices)
    assert seen == [0, 2, 0, 2, 0]
