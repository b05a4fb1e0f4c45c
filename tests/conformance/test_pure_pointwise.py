"""The description of the models without attention is enough to decode their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lcodec.library.codec import Codec
from tests.conformance.pure_decoder import Model
from tests.conformance.pure_pointwise import CheckerboardModel, HyperpriorModel, SerialModel
from tests.tinymodel import picture, write_tiny_model


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("hyperprior", HyperpriorModel),
        ("checkerboard", CheckerboardModel),
        ("serial", SerialModel),
    ],
)
def test_same_symbols(
    kind: str, model: type[Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = write_tiny_model(tmp_path, kind=kind)
    monkeypatch.setenv("LCODEC_MODELS", str(models))
    codec = Codec(kind, device="cpu", tile_edge=128)
    pure = model(models / kind)
    for quality in (40, 100):
        data = codec.encode(picture(100, 150), quality)  # two tiles, both padded
        expected = codec.decode_symbols(data).y
        assert np.array_equal(pure.decode(data), expected)
        assert len(np.unique(expected)) > 20
