"""The encoder's one pass over all groups: the integers, and so the bytes, of group by group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from lcodec.entropy import onepass
from lcodec.entropy.network import EntropyNetwork, Prediction
from lcodec.library.codec import Codec
from lcodec.weights.load import load_model
from tests.entropy.tiny import HYPER_LATENT, LATENT, TINY
from tests.tinymodel import picture


@pytest.mark.parametrize("name", sorted(TINY))
def test_one_pass_gives_the_integers_of_the_steps(
    name: str, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    model = load_model(name).entropy
    generator = torch.Generator().manual_seed(3)
    y = torch.randint(-9, 10, (2, LATENT, 8, 12), generator=generator, dtype=torch.int32)
    z = torch.randint(-5, 6, (2, HYPER_LATENT, 2, 3), generator=generator, dtype=torch.int32)
    with torch.inference_mode():
        state, steps = model.begin(z, 40), []
        for group in model.group(y):
            steps.append(model.predict(state))
            model.absorb(state, group)
        stepped = zip(*steps, strict=True)
        for at_once, single in zip(model.predict_all(z, y, 40), stepped, strict=True):
            for group, step in zip(model.group(at_once), single, strict=True):
                assert torch.equal(group, step)


@pytest.mark.parametrize("name", ["groupedmixer", "serial"])
def test_one_pass_gives_the_same_file(
    name: str, all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    pixels, codec = picture(90, 70), Codec(name)
    passes = 0

    network = type(codec.loaded.entropy.network)
    own = network.parallel

    def counted(*arguments: Any) -> Prediction:
        nonlocal passes
        passes += 1
        return own(*arguments)

    assert own is not EntropyNetwork.parallel
    monkeypatch.setattr(network, "parallel", counted)
    at_once = codec.encode(pixels)
    assert passes == 1
    monkeypatch.setattr(onepass, "SMALL", 0)
    assert codec.encode(pixels) == at_once
    assert passes == 1
