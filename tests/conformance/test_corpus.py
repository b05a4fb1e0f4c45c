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
from tests.conformance.pure_container import Newer, alpha_plane, metadata, parse
from tests.conformance.pure_contextformer import Contextformer
from tests.conformance.pure_decoder import Model, coded_positions
from tests.conformance.pure_memplusplus import MemPlusPlus
from tests.conformance.pure_pointwise import CheckerboardModel, HyperpriorModel, SerialModel
from tests.conformance.pure_synthesis import PureSynthesis, lay_over, rounded
from tools.conformance_corpus import (
    CHANNELS_FIRST,
    CORPUS,
    EARLIER,
    KINDS,
    VISUAL,
    digest,
    extremes,
    layered,
    metadata_digests,
    model_name,
    pictures,
    symbols_digest,
)
from tools.conformance_forms import BASES as FORM_BASES
from tools.conformance_forms import forms
from tools.conformance_refusals import BASES, refusals

INDEX: dict[str, dict[str, dict[str, Any]]] = json.loads((CORPUS / "corpus.json").read_text())
PURE: dict[str, type[Model]] = {
    "groupedmixer": Model,
    "groupedmixer-uneven": Model,
    CHANNELS_FIRST: Model,
    VISUAL: Model,
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


def pure(model: str, models: Path) -> tuple[Model, PureSynthesis]:
    """Both halves of the independent decoder of a model, by name or by name@id."""
    name, _, earlier = model.partition("@")
    parser = PURE[name](models / name, earlier or None)
    return parser, PureSynthesis(models / name, earlier or None)


def read(part: str, name: str) -> bytes:
    return (CORPUS / part / f"{name}.lic").read_bytes()


def test_the_index_lists_all_files(models: Path) -> None:
    bases = {name: read("valid", name) for name in FORM_BASES}
    shown = {*pictures(), *layered(), *forms(bases)}
    for part in ("valid", "invalid"):
        assert {p.stem for p in (CORPUS / part).glob("*.lic")} == set(INDEX[part])
    assert {p.stem for p in (CORPUS / "valid").glob("*.png")} == shown
    # Nothing that the tool makes is missing.
    assert shown | set(extremes()) == set(INDEX["valid"])
    assert set(refusals(*(read("valid", name) for name in BASES))) == set(INDEX["invalid"])
    found = {entry["model"] for entry in INDEX["valid"].values()}
    assert found == {*PURE, model_name(EARLIER, models)}
    assert found > set(KINDS)


@pytest.mark.parametrize("name", sorted(INDEX["valid"]))
def test_sound_files(name: str, models: Path) -> None:
    """lcodec and the independent decoder find what is listed and, nearly, the same pictures."""
    said, data = INDEX["valid"][name], read("valid", name)
    symbols = codec(said["model"]).decode_symbols(data)
    assert symbols_digest(symbols) == said["symbols"]
    parser, synthesis = pure(said["model"], models)
    np.testing.assert_array_equal(parser.decode(data), symbols.y)
    if name in extremes():
        assert np.abs(symbols.y).max() == SYMBOL_LIMIT
        return
    decoded = codec(said["model"]).decode(data).picture
    assert metadata_digests(decoded.metadata) == said["metadata"]
    file = parse(data)
    own = {("icc", "exif", "xmp")[kind - 129]: part for kind, part in metadata(file).items()}
    assert {kind: digest(part) for kind, part in own.items()} == said["metadata"]
    then = load(CORPUS / "valid" / f"{name}.png")
    shown, alpha = synthesis.show(file, symbols.y)
    assert decoded.pixels.dtype == then.pixels.dtype and decoded.pixels.shape == then.pixels.shape
    bound = 1 if decoded.bit_depth == 8 else 257
    for pixels in (decoded.pixels, shown):
        assert np.abs(pixels.astype(int) - then.pixels.astype(int)).max() <= bound
    for plane in (decoded.alpha, alpha):
        if plane is None:
            assert then.alpha is None
        else:  # kept without loss
            np.testing.assert_array_equal(plane, then.alpha)


def test_the_files_have_every_feature(models: Path) -> None:
    """What another reader could leave out without noticing, if no file had it."""
    files = {name: parse(read("valid", name)) for name in INDEX["valid"]}
    modes = {(file.colour, file.depth, file.alpha_kind) for file in files.values()}
    assert modes >= {(colour, depth, 0) for colour in (False, True) for depth in (8, 16)}
    assert {mode[1:] for mode in modes} == {(depth, kind) for depth in (8, 16) for kind in range(3)}
    forms_of_alpha = {file.alpha[0] for file in files.values() if file.alpha}
    assert forms_of_alpha >= {0x00, 0x01, 0x02, 0x03, 0x11, 0x13}
    kinds = {kind for file in files.values() for kind, _ in file.others}
    assert kinds >= {0x81, 0x82, 0x83, 0x84, 0x90, 0xFF}
    packed = {part[0] for file in files.values() for kind, part in file.others if kind == 0x84}
    assert packed >= {0x01, 0x11, 0x12, 0x13, 0x21, 0x04}
    assert {read("valid", name)[9] for name in files} == {1, 2, 3, 9}


@pytest.mark.parametrize("name", sorted(name for name in pictures() if name.startswith("visual")))
def test_a_reader_without_deblocking_or_scale_shows_another_picture(
    name: str, models: Path
) -> None:
    data = read("valid", name)
    file, then = parse(data), load(CORPUS / "valid" / f"{name}.png").pixels
    parser, synthesis = pure(INDEX["valid"][name]["model"], models)
    symbols = parser.decode(data).astype(np.int16)

    def apart() -> int:
        return int(np.abs(synthesis.show(file, symbols)[0] - then.astype(int)).max())

    assert apart() <= 1
    synthesis.sizes["deblocking"] = False
    assert apart() > 1
    synthesis.sizes["deblocking"] = True
    del synthesis.config["scale"]
    assert apart() > 1


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
    parser, synthesis = pure(own.kind, models)
    symbols = parser.decode(data).astype(np.int16)
    samples = synthesis.decode(symbols, file.quality, file.height, file.width)
    levels = rounded(samples, file)
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


UNSOUND = sorted(name for name in INDEX["invalid"] if name != "too-large")  # it has no limits


@pytest.mark.parametrize("name", UNSOUND)
def test_the_independent_decoder_refuses_them_too(name: str, models: Path) -> None:
    status, data = INDEX["invalid"][name]["status"], read("invalid", name)
    with pytest.raises(ValueError) as caught:
        file = parse(data)
        metadata(file)
        Model(models / "groupedmixer").decode(data)
        alpha_plane(file)
    message = {6: "another model's", 7: "wrong symbol checksum"}.get(status, "")
    assert message in str(caught.value)
    assert isinstance(caught.value, Newer) is (status == 5), caught.value
