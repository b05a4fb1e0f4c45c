"""Latents on file: what they depend on."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from pytest import MonkeyPatch

from lcodec.nets import looks, steps, worth
from lcodec.training.latents import fingerprint
from lcodec.tunes import TuneName
from lcodec.twin.codec import TwinCodec
from tests.tinymodel import CONFIG

CONSTANTS = [
    (looks, "VERSION"),
    (looks, "ROUNDS"),
    (looks, "LEAST_GAIN"),
    (looks, "MOST_ERROR"),
    (steps, "LINEAR_SHARE"),
    (steps, "_UNSEEN"),
    (worth, "SEARCHED_ERROR"),
    (worth, "MOST_OF_A_COLOUR"),
]


def model(seed: int = 1, tune: TuneName = TuneName.VISUAL) -> TwinCodec:
    torch.manual_seed(seed)
    return TwinCodec(replace(CONFIG, tune=tune)).eval()


def test_the_fingerprint_is_that_of_transforms_and_tune() -> None:
    own = fingerprint(model())
    assert torch.equal(own, fingerprint(model()))
    assert not torch.equal(own, fingerprint(model(seed=2)))
    assert not torch.equal(own, fingerprint(model(tune=TuneName.PSNR)))


@pytest.mark.parametrize(("module", "name"), CONSTANTS)
def test_with_other_looks_it_is_another(
    monkeypatch: MonkeyPatch, module: ModuleType, name: str
) -> None:
    before = fingerprint(model())
    monkeypatch.setattr(module, name, 2 * getattr(module, name))
    assert not torch.equal(before, fingerprint(model()))
