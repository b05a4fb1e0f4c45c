#!/usr/bin/env python3
"""Make the files for testing other readers of the format: tests/conformance/corpus.

    python -m tools.conformance_corpus [FOLDER]

Small models of every kind are included, so nothing else is needed. For every sound file,
`corpus.json` has the SHA-256 of its symbols and of its metadata, and the picture that it decodes to
is next to it, unless it has extreme symbols and is no picture; for every other file it has lcodec's
exit status. Existing files are kept, because they were made by earlier versions.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from lcodec import container
from lcodec.coding.layer import Mask, encode_layer
from lcodec.library.codec import Codec
from lcodec.library.decoded import Decoded
from lcodec.picture import Metadata, Picture, Samples, save
from lcodec.picture.exif import bare
from lcodec.pipeline.overlay import tile_place
from lcodec.pipeline.skipping import skipped_positions
from lcodec.pipeline.symbols import PictureSymbols, without_skipped
from lcodec.training.export import write_model
from lcodec.weights.lock import lock_model
from tests.entropy.extremes import extreme_symbols, header_of
from tests.tinymodel import VISUAL_TRANSFORMS, picture, tiny_codec, write_tiny_model
from tools import conformance_forms as forms
from tools import conformance_refusals as refused

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "conformance" / "corpus"
KINDS = (
    "groupedmixer",
    "groupedmixer-uneven",
    "econtextformer",
    "memplusplus",
    "checkerboard",
    "serial",
    "hyperprior",
)
CHANNELS_FIRST = "groupedmixer-channels-first"
VISUAL = "groupedmixer-visual"
"""With deblocking and a scale of levels; its folder keeps an earlier release."""
EARLIER = f"{VISUAL}@earlier"
"""That release, whose own name has its id."""
WIDER = 1.5
"""What is added to the logarithms of its limits of deblocking."""
EDGE = 64
EXTREME_QUALITY = 80


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def symbols_digest(symbols: PictureSymbols) -> str:
    """SHA-256 of y (M, h, w) and then of z (Z, h, w) of each tile, as int16 little-endian."""
    parts = [symbols.y, *symbols.z]
    return digest(b"".join(part.astype("<i2").tobytes() for part in parts))


def metadata_digests(metadata: Metadata) -> dict[str, str]:
    """SHA-256 of profile, EXIF and XMP, where present."""
    found = {"icc": metadata.icc, "exif": metadata.exif, "xmp": metadata.xmp}
    return {name: digest(data) for name, data in found.items() if data}


def pictures() -> dict[str, tuple[str, Picture, int]]:
    """Name: (kind of model, picture, quality) of every sound file."""
    colour = picture(70, 100, 1)
    gray = np.ascontiguousarray(picture(50, 40, 2)[:, :, 0])
    deep = picture(40, 50, 3).astype(np.uint16) * 257 + 3
    deep_gray = np.ascontiguousarray(deep[:, :, 1])
    alpha = np.zeros((70, 100), np.uint8)
    alpha[10:50, 20:90] = np.linspace(1, 255, 70).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * 200 + b"</x:xmpmeta>"
    noise = np.random.default_rng(4).integers(0, 256, (33, 47, 3), np.uint8)
    stripes = np.repeat((np.arange(80) % 2 * 255).astype(np.uint8)[None], 65, 0)
    opaque = np.full((40, 50), 65535, np.uint16)
    found = {f"kind-{kind}": (kind, Picture(colour), 50) for kind in (*KINDS, CHANNELS_FIRST)}
    across = np.arange(100) / 3 + np.arange(70)[:, None] / 4
    smooth = Picture(np.dstack([across + 60, across + 90, 160 - across]).astype(np.uint8))
    found |= {f"visual-{quality}": (VISUAL, smooth, quality) for quality in (10, 40, 90)}
    found["visual-earlier"] = (EARLIER, smooth, 20)
    more = {
        "quality-0": Picture(colour),
        "quality-100": Picture(colour),
        "gray": Picture(gray),
        "gray-alpha": Picture(gray, alpha=alpha[:50, :40].copy()),
        "colour-alpha": Picture(colour, alpha=alpha),
        "colour-opaque": Picture(colour, alpha=np.full((70, 100), 255, np.uint8)),
        "deep": Picture(deep),
        "deep-gray": Picture(deep_gray),
        "deep-alpha": Picture(deep, alpha=(alpha[:40, :50].astype(np.uint16) * 257)),
        "deep-opaque": Picture(deep, alpha=opaque),
        "pixel": Picture(picture(1, 1, 5)),
        "row": Picture(picture(1, 200, 6)),
        "column": Picture(picture(200, 1, 7)),
        "noise-100": Picture(noise),
        "gray-opaque": Picture(gray, alpha=np.full((50, 40), 255, np.uint8)),
        "deep-gray-alpha": Picture(deep_gray, alpha=(deep_gray + 9) * (deep_gray > 30000)),
        "stripes-100": Picture(stripes),
        "metadata": Picture(colour, metadata=Metadata(profile, bare(exif.tobytes()), xmp)),
    }
    for name, one in more.items():
        last = name.rpartition("-")[2]
        found[name] = ("groupedmixer", one, int(last) if last.isdigit() else 60)
    return found


@dataclass(frozen=True)
class Layered:
    """A picture, and what is drawn over it where ``kept``, for a file with lossless layers."""

    picture: Picture
    drawn: Samples
    kept: Mask
    edge: int = 2 * EDGE
    kind: str = "groupedmixer"


def layered() -> dict[str, Layered]:
    """Sound files with layers, by name.

    Each has latents that are not coded because they are well below a layer.
    """
    colour = picture(140, 200, 1)
    random = np.random.default_rng(9)
    palette = np.array([[255, 255, 255], [0, 0, 0], [20, 90, 200], [240, 130, 0]], np.uint8)
    drawn = palette[np.kron(random.integers(0, 4, (47, 67)), np.ones((3, 3), np.int64))]
    drawn = np.ascontiguousarray(drawn[:140, :200])
    kept = np.zeros((140, 200), np.bool_)
    kept[:120, :90] = True  # a part of the first tile, with a hole of one pixel
    kept[104, 40] = False
    kept[:83, 176:] = True  # beside the padding of the second tile
    kept[128:, 128:] = True  # all of the last tile
    alpha = np.full((140, 200), 255, np.uint8)
    alpha[30:60, 40:180] = 0  # some of the layers, too
    corner = np.ones((50, 40), np.bool_)
    corner[:, :7] = corner[49, 39] = False
    rest = np.ones((90, 100), np.bool_)  # nearly all, so that the layer surrounds what is coded
    rest[5:14, 17:30] = rest[66:79, 82:90] = False

    def gray(kept: Mask, edge: int, kind: str) -> Layered:
        h, w = kept.shape
        shown, over = (np.ascontiguousarray(part[:h, :w, 0]) for part in (colour, drawn))
        return Layered(Picture(shown), over, kept, edge, kind)

    return {
        "layer": Layered(Picture(colour), drawn, kept),
        "layer-alpha": Layered(Picture(colour, alpha=alpha), drawn, kept),
        "layer-gray": gray(corner, EDGE, "groupedmixer"),
        **{f"layer-{kind}": gray(rest, 2 * EDGE, kind) for kind in KINDS},
    }


def layered_file(codec: Codec, source: Layered) -> bytes:
    """The file of a picture with layers where it says, rather than where they are worth it."""
    file = container.read(codec.encode(source.picture, 60))
    layers, skipped = {}, {}
    for number in range(file.header.tile_count):
        place = tile_place(file.header, number)
        kept = source.kept[place]
        if kept.any():
            layers[number] = encode_layer(source.drawn[place], kept)
            skipped[number] = skipped_positions(kept)
    symbols = without_skipped(file.header, codec.decode_symbols(file), skipped)
    header, coded = codec.code_symbols(file.header, symbols)
    tiles = [replace(tile, layer=layers.get(number, b"")) for number, tile in enumerate(coded)]
    return container.write(header, tiles, file.extra, file.alpha)


def extremes() -> dict[str, str]:
    """Name: kind of model of every sound file whose symbols are at their limits."""
    return {f"extreme-{kind}": kind for kind in KINDS}


def make(folder: Path) -> None:
    """Make the files missing in ``folder``."""
    models = folder / "models"
    for kind in (*KINDS, CHANNELS_FIRST):
        if not (models / kind).exists():
            write_tiny_model(folder, kind=kind)
    if not (models / VISUAL).exists():
        write_visual_models(models)
    os.environ["LCODEC_MODELS"] = str(models)
    index: dict[str, Any] = {"valid": {}, "invalid": {}}
    listed = folder / "corpus.json"
    if listed.exists():
        index = json.loads(listed.read_text())
    for part in ("valid", "invalid"):
        (folder / part).mkdir(exist_ok=True)
    for name, (kind, source, quality) in pictures().items():
        path = folder / "valid" / f"{name}.lic"
        if not path.exists():
            codec = Codec(model_name(kind, models), device="cpu", tile_edge=EDGE)
            path.write_bytes(codec.encode(source, quality))
            index["valid"][name] = entry(codec, path)
    for name, own in layered().items():
        path = folder / "valid" / f"{name}.lic"
        if not path.exists():
            codec = Codec(own.kind, device="cpu", tile_edge=own.edge, layers=False)
            path.write_bytes(layered_file(codec, own))
            index["valid"][name] = entry(codec, path)
    for name, kind in extremes().items():
        path = folder / "valid" / f"{name}.lic"
        if not path.exists():
            codec, header = Codec(kind, device="cpu"), header_of(EDGE, EXTREME_QUALITY)
            symbols = extreme_symbols(header)
            path.write_bytes(container.write(*codec.code_symbols(header, symbols)))
            index["valid"][name] = {"model": kind, "symbols": symbols_digest(symbols)}
    bases = {name: (folder / "valid" / f"{name}.lic").read_bytes() for name in forms.BASES}
    for name, data in forms.forms(bases).items():
        path = folder / "valid" / f"{name}.lic"
        if not path.exists():
            path.write_bytes(data)
            index["valid"][name] = entry(Codec(KINDS[0], device="cpu"), path)
    for name, (data, status) in refused.refusals(*(bases[n] for n in refused.BASES)).items():
        path = folder / "invalid" / f"{name}.lic"
        if not path.exists():
            path.write_bytes(data)
            index["invalid"][name] = {"status": status}
    listed.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


def write_visual_models(models: Path) -> None:
    """Release two models after each other, the second with other slices and another scale."""
    for kind, power, keep in (
        ("groupedmixer", 1.1, False),
        ("groupedmixer-uneven", 1.25, True),
    ):
        codec = tiny_codec(1, kind=kind, deblocking=True)
        deblocking = codec.transforms.synthesis.deblocking
        assert deblocking is not None
        deblocking.log_limits.values.data.add_(WIDER)  # so that much more than one level changes
        codec.config = replace(codec.config, tune="visual")
        codec.rescale(tuple(round(100 * (level / 100) ** power, 3) for level in range(101)))
        write_model(codec, models, VISUAL, VISUAL_TRANSFORMS, keep)
    for name in (VISUAL, VISUAL_TRANSFORMS):
        lock_model(models, name)


def model_name(kind: str, models: Path) -> str:
    """What the model of a kind is called; that of `EARLIER` has its id in its name."""
    if kind != EARLIER:
        return kind
    config = json.loads((models / VISUAL / "config.json").read_text())
    return f"{VISUAL}@{min(config['earlier'])}"


def entry(codec: Codec, path: Path) -> dict[str, Any]:
    """The index entry of a sound file; also writes the picture that it decodes to."""
    data = path.read_bytes()
    decoded: Decoded = codec.decode(data)
    shown = replace(decoded.picture, metadata=Metadata())
    save(shown, str(path.with_suffix(".png")), overwrite=True)
    symbols = symbols_digest(codec.decode_symbols(container.read(data)))
    return {
        "model": codec.loaded.name,
        "symbols": symbols,
        "metadata": metadata_digests(decoded.picture.metadata),
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS)
