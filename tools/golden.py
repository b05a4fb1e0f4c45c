"""Make the golden files of released models at hand that have none yet.

    python tools/golden.py

In tests/weights/golden every model ever released has a small file, and all transforms have the
picture that it decodes to. In tests/golden the models of the tune psnr at hand have files of equal
latents: of a picture of two tiles at three levels, and of noise. Files whose model is the one at
hand are kept, because they were made by earlier versions.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lcodec
from lcodec import weights
from lcodec.library.codec import Codec
from lcodec.library.repack import repack
from lcodec.weights.catalogue import read_catalogue
from tests.golden.test_golden import FOLDER, MODELS, hash_of
from tests.tinymodel import picture

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "weights" / "golden"
QUALITY = 40
LEVELS = {"q10": 10, "q50": 50, "q95": 95, "noise-q100": 100}


def original() -> NDArray[np.uint8]:
    """The picture in all golden files, uint8 (80, 112, 3)."""
    return picture(80, 112, seed=21)


def make(folder: Path) -> list[Path]:
    """Make the files missing in ``folder``, and return their paths."""
    made = []
    for entry in read_catalogue():
        path = folder / f"{entry.model_id}.lic"
        model = weights.at_hand(entry.model_id)
        if path.exists() or model is None:
            continue
        path.write_bytes(lcodec.encode(original(), QUALITY, model=model.name))
        made.append(path)
        decoded = folder / f"generation-{entry.generation}.png"
        if not decoded.exists():
            lcodec.decode(path.read_bytes()).to_image().save(decoded)
            made.append(decoded)
    return made


def make_streams(folder: Path, models: list[str] = MODELS) -> list[Path]:
    """Make the files of ``models``, which share their transforms, and return their paths.

    Nothing is made if they are there for these very weights.
    """
    record = folder / "golden.json"
    codecs = {model: Codec(model, device="cpu", tile_edge=64) for model in models}
    ids = {model: codec.loaded.model_id.hex() for model, codec in codecs.items()}
    if record.exists() and json.loads(record.read_text())["model_ids"] == ids:
        return []
    first, made, symbols = next(iter(codecs.values())), [], {}
    noise = np.random.default_rng(3).integers(0, 256, (20, 24, 3), np.uint8)
    for name, level in LEVELS.items():
        pixels = noise if name.startswith("noise") else picture(75, 45, seed=3)
        data = first.encode(pixels, level)
        symbols[name] = hash_of(first.decode_symbols(data))
        made.append(folder / f"{name}.png")
        first.decode(data).to_image().save(made[-1])
        for model, codec in codecs.items():
            made.append(folder / f"{model}-{name}.lic")
            made[-1].write_bytes(repack(data, first, codec))
    record.write_text(json.dumps({"model_ids": ids, "symbols": symbols}, indent=1) + "\n")
    return [*made, record]


if __name__ == "__main__":
    for new in [*make(GOLDEN), *make_streams(FOLDER)]:
        print(new)
