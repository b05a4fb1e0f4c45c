"""Files that were made with the released models decode as they did, and are written as they were.

``<model>-<name>.lic`` hold the latents of a small picture of odd sides, of two tiles, at three
qualities, and of noise; ``<name>.png`` is what they decoded to. All models over the transforms of
the tune psnr are here, and share the latents; `tests.weights.test_golden` has every model ever.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from lcodec import container
from lcodec.library.codec import Codec
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.twin.integers import export_entropy
from lcodec.twin.restore import restore_model
from lcodec.weights.load import CONFIG_FILE, ENTROPY_FILE
from tests.conftest import RELEASED_MODELS, ROOT
from tests.portability.worker import symbols_hash

FOLDER = Path(__file__).parent
RECORD: dict[str, Any] = json.loads((FOLDER / "golden.json").read_text())
NAMES: dict[str, str] = RECORD["symbols"]


def _transforms(model: str) -> str:
    config = json.loads((ROOT / "models" / model / CONFIG_FILE).read_text())
    return str(config["transforms"])


MODELS = [model for model in RELEASED_MODELS if _transforms(model) == "transforms"]


def hash_of(symbols: PictureSymbols) -> str:
    """Hash of y and of the z of every tile."""
    parts = [symbols_hash(plane) for plane in (symbols.y, *symbols.z)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def test_every_released_model_has_its_files() -> None:
    assert sorted(RECORD["model_ids"]) == MODELS
    expected = {f"{model}-{name}.lic" for model in MODELS for name in NAMES}
    assert {path.name for path in FOLDER.glob("*.lic")} == expected


@pytest.mark.parametrize("model", MODELS)
def test_old_files_decode_and_are_written_as_before(model: str) -> None:
    codec = Codec(model, device="cpu")
    assert codec.loaded.model_id.hex() == RECORD["model_ids"][model]
    for name, expected in NAMES.items():
        data = (FOLDER / f"{model}-{name}.lic").read_bytes()
        file = container.read(data)
        symbols = codec.decode_symbols(file)
        assert hash_of(symbols) == expected, name
        # The streams are exact on every machine; latents and pixels are floating point.
        header, tiles = codec.code_symbols(file.header, symbols)
        assert container.write(header, list(tiles)) == data, name
        shown = codec.decode(file).pixels.astype(np.int16)
        difference = np.abs(shown - np.asarray(Image.open(FOLDER / f"{name}.png")))
        assert difference.max() <= 1, name


@pytest.mark.parametrize("model", MODELS)
def test_exports_have_the_tensors_of_released_files(model: str) -> None:
    """Names, types, shapes, and all weights; the rest is within a unit, see `tests.entropy`."""
    stored = load_file(ROOT / "models" / model / ENTROPY_FILE)
    again = export_entropy(restore_model(ROOT / "models" / model))
    assert again.keys() == stored.keys()
    for name, tensor in stored.items():
        assert (again[name].dtype, again[name].shape) == (tensor.dtype, tensor.shape), name
        if tensor.dtype == torch.int8:
            assert torch.equal(again[name], tensor), name
