"""Interrupted and resumed is uninterrupted, bit for bit."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lcodec.errors import InputError, OutputError, UsageError
from lcodec.training.checkpoint import load_kind
from lcodec.training.interrupts import SIGNALS, Interrupts
from lcodec.training.options import TrainOptions
from lcodec.training.recipe import kept_options
from lcodec.training.runinfo import load_info
from lcodec.training.trainer import Trainer
from tests.tinymodel import CONFIG, picture


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        Image.fromarray(picture(150, 200, seed)).save(folder / f"{seed}.png")
    return folder


def options(pictures: Path, run: Path, **changes: Any) -> TrainOptions:
    crops = ((0.0, 4, 64), (0.5, 2, 64))
    base = TrainOptions(pictures, run, max_steps=6, crops=crops, warmup=2, latent_crops=8)
    return replace(base, **changes)


def interrupted(o: TrainOptions, after: int, number: int) -> None:
    """A run that gets a signal while the step after ``after`` others is being computed."""
    trainer = Trainer(o, CONFIG)
    losses = trainer.forward

    def forward(*batch: torch.Tensor) -> Any:
        if trainer.steps == after:
            signal.raise_signal(number)
        return losses(*batch)

    trainer.forward = forward
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert trainer.saved == after + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "joint", "quantise_from": 0.5},
        {"gather": True, "average": 0.5},
        {"stage": "entropy"},
    ],
    ids=lambda changes: changes.get("stage", "gather"),
)
def test_resumed_equals_uninterrupted(
    changes: dict[str, Any], pictures: Path, tmp_path: Path
) -> None:
    whole, parts = (options(pictures, tmp_path / name, **changes) for name in ("whole", "parts"))
    Trainer(whole, CONFIG).run()
    interrupted(parts, 1, signal.SIGINT)
    torch.rand(7)  # what happens in between does not matter
    Trainer(replace(parts, resume=True, seed=77), CONFIG).run()
    for kind in ("weights", "average", "optimiser", "random"):
        one, other = (load_kind(o.run, kind) for o in (whole, parts))
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), (kind, name)
    infos = [json.loads((o.run / "run.json").read_text()) for o in (whole, parts)]
    assert infos[0]["random"] == infos[1]["random"]
    assert infos[1]["steps"] == 6
    stored = load_kind(parts.run, "weights")
    if "stage" not in changes:
        assert not torch.equal(stored["prior.mean.values"], torch.zeros(3, 8))


@pytest.mark.parametrize("gather", [False, True])
def test_other_pictures_are_refused(gather: bool, pictures: Path, tmp_path: Path) -> None:
    o = options(pictures, tmp_path / "run", max_steps=1, gather=gather)
    Trainer(o, CONFIG).run()
    (tmp_path / "other").mkdir()
    for seeds in ((0,), (0, 1, 3), (1, 0, 2)):  # fewer, others of the same size, in another order
        for number, seed in enumerate(seeds):
            place = tmp_path / "other" / f"{number}.png"
            Image.fromarray(picture(150, 200, seed)).save(place)
        with pytest.raises(InputError, match="not the pictures that the run began with"):
            Trainer(replace(o, data=tmp_path / "other", resume=True), CONFIG)
    (tmp_path / "other").rename(tmp_path / "moved")
    for number in range(3):
        place = tmp_path / "moved" / f"{number}.png"
        Image.fromarray(picture(150, 200, number)).save(place)
    Trainer(replace(o, data=tmp_path / "moved", resume=True), CONFIG)


def test_runs_that_did_not_keep_a_digest_of_their_pictures(pictures: Path, tmp_path: Path) -> None:
    o = options(pictures, tmp_path / "run", max_steps=1)
    Trainer(o, CONFIG).run()
    info = load_info(o.run)
    info["random"]["pictures"] = info["random"]["pictures"][:2]
    (o.run / "run.json").write_text(json.dumps(info))
    Trainer(replace(o, resume=True), CONFIG)


def test_portable_weights_replace_only_those_of_the_same_run(
    pictures: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    o = options(pictures, tmp_path / "run", max_steps=1, portable=small)
    Trainer(o, CONFIG).run()
    Trainer(replace(o, resume=True, max_steps=2), CONFIG).run()
    assert load_info(small)["steps"] == 2
    with pytest.raises(InputError, match="has averaged weights alone and cannot be resumed"):
        kept_options(small)
    other = replace(o, run=tmp_path / "other")
    for portable in (small, o.run):
        before = {path: path.read_bytes() for path in portable.iterdir()}
        with pytest.raises(OutputError, match=r"--portable .*: holds another run already"):
            Trainer(replace(other, portable=portable), CONFIG)
        assert {path: path.read_bytes() for path in portable.iterdir()} == before
    with pytest.raises(UsageError, match="is the folder of the run itself"):
        Trainer(replace(o, portable=tmp_path / "small" / ".." / "run", resume=True), CONFIG)
    Trainer(replace(other, portable=None), CONFIG).run()
    with pytest.raises(OutputError, match="holds another run already"):
        Trainer(replace(other, resume=True, portable=o.run), CONFIG)


def test_a_second_interrupt_acts_at_once() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        steps.append(interrupts.noted)
        signal.raise_signal(signal.SIGINT)
        steps.append(None)
    assert steps == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_is_ignored_stays_so(number: int) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(number)
            assert interrupts.noted is None
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_an_error_is_not_hidden_by_an_interrupt() -> None:
    with pytest.raises(ZeroDivisionError), Interrupts():
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
