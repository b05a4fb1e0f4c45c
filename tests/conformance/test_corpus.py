"""The corpus for other readers: what it says is what lcodec and the independent decoder do."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcodec.errors import LcodecError
from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.library.codec import Codec
from lcodec.library.shared import decode, forget_codecs
from lcodec.picture import load
from tests.conformance.pure_contextformer import Contextformer
from tests.conformance.pure_decoder import Model, coded_positions, parse
from tests.conformance.pure_memplusplus import MemPlusPlus
from tests.conformance.pure_pointwise import CheckerboardModel, HyperpriorModel, SerialModel
from tests.conformance.pure_synthesis import PureSynthesis, lay_over, rounded
from tools.conformance_corpus import (
    BASES,
    CORPUS,
    KINDS,
    extremes,
    layered,
    metadata_digests,
    pictures,
    refusals,
    symbols_digest,
)

INDEX: dict[str, dict[str, dict[str, Any]]] = json.loads((CORPUS / "corpus.json").read_text())
PURE: dict[str, type[Model]] = {
    "groupedmixer": Model,
    "groupedmixer-uneven": Model,
    "econtextformer": Contextformer,
    "memplusplus": MemPlusPlus,
    "checkerboard": CheckerboardModel,
    "serial": SerialModel,
    "hyperprior": HyperpriorModel,
}


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LCODEC_MODELS", str(CORPUS / "models"))
    forget_codecs()
    return CORPUS / "models"


@cache
def codec(kind: str) -> Codec:
    return Codec(kind, device="cpu")


def test_the_index_lists_all_files() -> None:
    shown = set(pictures()) | set(layered())
    for part in ("valid", "invalid"):
        assert {p.stem for p in (CORPUS / part).glob("*.lic")} == set(INDEX[part])
    assert {p.stem for p in (CORPUS / "valid").glob("*.png")} == shown
    # Nothing that the tool makes is missing.
    assert shown | set(extremes()) == set(INDEX["valid"])
    bases = [(CORPUS / "valid" / f"{name}.lic").read_bytes() for name in BASES]
    assert set(refusals(*bases)) == set(INDEX["invalid"])
    assert {entry["model"] for entry in INDEX["valid"].values()} == set(KINDS) == set(PURE)


@pytest.mark.parametrize("name", sorted(INDEX["valid"]))
def test_sound_files(name: str, models: Path) -> None:
    said = INDEX["valid"][name]
    data = (CORPUS / "valid" / f"{name}.lic").read_bytes()
    symbols = codec(said["model"]).decode_symbols(data)
    assert symbols_digest(symbols) == said["symbols"]
    pure = PURE[said["model"]](models / said["model"])
    np.testing.assert_array_equal(pure.decode(data), symbols.y)
    if name in extremes():
        assert np.abs(symbols.y).max() == SYMBOL_LIMIT
        return
    decoded = codec(said["model"]).decode(data).picture
    assert metadata_digests(decoded.metadata) == said["metadata"]
    then = load(CORPUS / "valid" / f"{name}.png")
    assert decoded.pixels.dtype == then.pixels.dtype and decoded.pixels.shape == then.pixels.shape
    bound = 1 if decoded.bit_depth == 8 else 257
    apart = np.abs(decoded.pixels.astype(int) - then.pixels.astype(int))
    assert apart.max() <= bound
    if decoded.alpha is None:
        assert then.alpha is None
    else:  # kept without loss
        np.testing.assert_array_equal(decoded.alpha, then.alpha)


@pytest.mark.parametrize("name", sorted(layered()))
def test_layers(name: str, models: Path) -> None:
    """They are shown exactly; the independent decoder lays the same over nearly the same."""
    data = (CORPUS / "valid" / f"{name}.lic").read_bytes()
    file, own = parse(data), layered()[name]
    kept, drawn = own.kept, own.drawn
    assert data[8:10] == b"\x01\x03"
    mixed = [tile.layer is not None for tile in file.tiles]
    assert mixed == ([True] if not file.colour else [True, True, False, True])
    decoded = codec(own.kind).decode(data).picture
    symbols = PURE[own.kind](models / own.kind).decode(data).astype(np.int16)
    pure = PureSynthesis(models / "transforms")
    levels = rounded(pure.decode(symbols, file.quality, file.height, file.width), file.colour)
    before = levels.copy()
    lay_over(levels, file)
    np.testing.assert_array_equal(levels[kept], drawn[kept])
    np.testing.assert_array_equal(levels[~kept], before[~kept])
    assert np.abs(before[kept].astype(int) - drawn[kept]).mean() > 20
    if decoded.alpha is not None:
        assert (kept & (decoded.alpha == 0)).any()
        levels[decoded.alpha == 0] = 0
    assert np.abs(levels.astype(int) - decoded.pixels).max() <= 1
    visible = kept if decoded.alpha is None else kept & (decoded.alpha > 0)
    for pixels in (decoded.pixels, load(CORPUS / "valid" / f"{name}.png").pixels):
        np.testing.assert_array_equal(pixels[visible], drawn[visible])


CODED = {
    # Positions and hyper-latent positions that are coded, in the tiles of these files.
    "layer": [(64 - 21, 3), (40 - 4, 3), (8, 2), (0, 0)],
    "layer-gray": [(12 - 2, 1)],
    "layer-serial": [(6 + 9, 3)],
}


@pytest.mark.parametrize("name", sorted(CODED))
def test_files_with_layers_leave_out_what_is_well_below_them(name: str) -> None:
    file = parse((CORPUS / "valid" / f"{name}.lic").read_bytes())
    columns, found = -(-file.width // file.edge), []
    for number, tile in enumerate(file.tiles):
        top, left = (file.edge * part for part in divmod(number, columns))
        height, width = min(file.edge, file.height - top), min(file.edge, file.width - left)
        coded = coded_positions(tile, height, width)
        above = coded.reshape(coded.shape[0] // 4, 4, -1, 4).any((1, 3))
        found.append((int(coded.sum()), int(above.sum())))
        assert bool(tile.hyper) == bool(tile.latent) == coded.any()
    assert found == CODED[name]


@pytest.mark.parametrize("name", sorted(INDEX["invalid"]))
def test_files_to_be_refused(name: str) -> None:
    data = (CORPUS / "invalid" / f"{name}.lic").read_bytes()
    with pytest.raises(LcodecError) as caught:
        decode(data, device="cpu")
    assert caught.value.exit_code == INDEX["invalid"][name]["status"], caught.value


FRAMING = sorted(
    name
    for name, entry in INDEX["invalid"].items()
    if entry["status"] in (4, 5)
    and not name.startswith(("latent", "packed", "alpha-damaged", "layer"))
)


@pytest.mark.parametrize("name", FRAMING)
def test_the_independent_parser_refuses_them_too(name: str) -> None:
    data = (CORPUS / "invalid" / f"{name}.lic").read_bytes()
    with pytest.raises((ValueError, IndexError)):
        parse(data)


@pytest.mark.parametrize("name", sorted(name for name in INDEX["invalid"] if "layer" in name))
def test_the_independent_decoder_refuses_these_layers_too(name: str, models: Path) -> None:
    data = (CORPUS / "invalid" / f"{name}.lic").read_bytes()
    with pytest.raises(ValueError):
        Model(models / "groupedmixer").decode(data)
