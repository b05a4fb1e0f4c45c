"""Make the golden file of every released model at hand that has none yet.

    python tools/golden.py

They go to tests/weights/golden: a small file coded with the model, and for new transforms the
picture that it decodes to. Existing files are kept, because they were made by earlier versions.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lcodec
from lcodec import weights
from lcodec.weights.catalogue import read_catalogue
from tests.tinymodel import picture

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "weights" / "golden"
QUALITY = 40


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


if __name__ == "__main__":
    for new in make(GOLDEN):
        print(new)
