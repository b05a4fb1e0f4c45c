"""Files that earlier versions wrote decode, with the models of their time.

Each file in ``golden`` was made by the commit that released its model, of the picture that
`tools/golden.py` makes, and ``generation-N.png`` is what that commit decoded it to. The models come
out of the history of this repository.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lcodec
from lcodec import container, weights
from lcodec.cli.main import run
from lcodec.library.codec import Codec
from lcodec.library.shared import forget_codecs
from lcodec.weights.catalogue import Released, read_catalogue
from tests.conftest import ROOT
from tests.golden.test_golden import hash_of
from tests.weights.test_catalogue import needs_history
from tools import golden
from tools.golden import GOLDEN, original

QUICK = "groupedmixer"
"""Of the other models, which take no other way, files are decoded with ``-m slow``."""


def marked(entry: Released) -> object:
    marks = () if entry.name == QUICK else (pytest.mark.slow,)
    return pytest.param(entry, marks=marks, id=f"{entry.generation}-{entry.reference}")


@needs_history
@pytest.mark.parametrize("entry", [marked(entry) for entry in read_catalogue() if entry.commit])
def test_files_of_every_released_model_decode(
    entry: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    data = (GOLDEN / f"{entry.model_id}.lic").read_bytes()
    assert container.read(data).header.model_id.hex() == entry.model_id
    assert run(["weights", "add", str(ROOT), "--git", str(entry.commit), "--model",
                entry.model_id, "--quiet"]) == 0  # fmt: skip
    forget_codecs()
    # Decoding compares the checksum over the symbols.
    decoded = np.asarray(lcodec.decode(data).to_image()).astype(int)
    forget_codecs()
    then = np.asarray(Image.open(GOLDEN / f"generation-{entry.generation}.png")).astype(int)
    assert np.abs(decoded - then).max() <= 1  # floating point: machines may differ by so much
    error = ((decoded - original()) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > 20


def test_models_that_are_kept_need_nothing_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    kept = [model for model in weights.list_models() if model.earlier]
    for model in kept:
        data = (GOLDEN / f"{model.earlier}.lic").read_bytes()
        assert container.read(data).header.model_id.hex() == model.earlier
        assert lcodec.decode(data).pixels.shape == original().shape  # and the checksum is right


def test_every_released_model_has_a_golden_file() -> None:
    entries = [entry for entry in read_catalogue() if entry.commit]
    assert {path.stem for path in GOLDEN.glob("*.lic")} == {entry.model_id for entry in entries}
    assert {path.stem for path in GOLDEN.glob("*.png")} == {
        f"generation-{entry.generation}" for entry in entries
    }


def test_the_tool_makes_what_is_not_there(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = weights.stated_id(weights.find_model("groupedmixer"))
    assert model_id is not None
    released = Released(model_id, "groupedmixer", 7, "0.1.0", None, ())
    unknown = Released("00000000", "groupedmixer", 8, "0.1.0", None, ())
    monkeypatch.setattr(golden, "read_catalogue", lambda: (released, unknown))
    made = golden.make(tmp_path)
    assert [path.name for path in made] == [f"{model_id}.lic", "generation-7.png"]
    decoded = np.asarray(lcodec.decode(made[0].read_bytes()).to_image())
    assert np.array_equal(np.asarray(Image.open(made[1])), decoded)
    assert golden.make(tmp_path) == []


@pytest.mark.usefixtures("tiny_model")
def test_streams_are_made_once_for_the_same_weights(tmp_path: Path) -> None:
    made = golden.make_streams(tmp_path, ["groupedmixer"])
    assert len(made) == 2 * len(golden.LEVELS) + 1 and all(path.is_file() for path in made)
    record = json.loads(made[-1].read_text())
    file = (tmp_path / "groupedmixer-q50.lic").read_bytes()
    assert record["model_ids"] == {"groupedmixer": container.read(file).header.model_id.hex()}
    symbols = Codec("groupedmixer", device="cpu").decode_symbols(file)
    assert record["symbols"]["q50"] == hash_of(symbols)
    assert golden.make_streams(tmp_path, ["groupedmixer"]) == []
