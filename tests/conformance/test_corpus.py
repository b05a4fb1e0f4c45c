"""The corpus for other readers: what it says is what lcodec and the independent decoder do."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lcodec.codec import Codec
from lcodec.errors import LcodecError
from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.picture import load
from lcodec.shared import decode, forget_codecs
from tests.conformance.pure_contextformer import Contextformer
from tests.conformance.pure_decoder import Model, parse
from tests.conformance.pure_memplusplus import MemPlusPlus
from tests.conformance.pure_pointwise import CheckerboardModel, HyperpriorModel, SerialModel
from tools.conformance_corpus import (
    CORPUS,
    KINDS,
    extremes,
    metadata_digests,
    pictures,
    refusals,
    symbols_digest,
)

INDEX: dict[str, dict[str, dict[str, Any]]] = json.loads((CORPUS / "corpus.json").read_text())
PURE: dict[str, type[Model]] = {
    "groupedmixer": Model,
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
    for part in ("valid", "invalid"):
        assert {p.stem for p in (CORPUS / part).glob("*.lic")} == set(INDEX[part])
    assert {p.stem for p in (CORPUS / "valid").glob("*.png")} == set(pictures())
    # Nothing that the tool makes is missing.
    assert set(pictures()) | set(extremes()) == set(INDEX["valid"])
    three = [
        (CORPUS / "valid" / f"{n}.lic").read_bytes() for n in ("gray", "gray-alpha", "metadata")
    ]
    assert set(refusals(*three)) == set(INDEX["invalid"])
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


@pytest.mark.parametrize("name", sorted(INDEX["invalid"]))
def test_files_to_be_refused(name: str) -> None:
    data = (CORPUS / "invalid" / f"{name}.lic").read_bytes()
    with pytest.raises(LcodecError) as caught:
        decode(data, device="cpu")
    assert caught.value.exit_code == INDEX["invalid"][name]["status"], caught.value


FRAMING = sorted(
    name
    for name, entry in INDEX["invalid"].items()
    if entry["status"] in (4, 5) and not name.startswith(("latent", "packed", "alpha-damaged"))
)


@pytest.mark.parametrize("name", FRAMING)
def test_the_independent_parser_refuses_them_too(name: str) -> None:
    data = (CORPUS / "invalid" / f"{name}.lic").read_bytes()
    with pytest.raises((ValueError, IndexError)):
        parse(data)
