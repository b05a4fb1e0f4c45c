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
import io
import json
import os
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from lcodec import container
from lcodec.coding.layer import Mask, encode_layer
from lcodec.container import TilePayload
from lcodec.container.varint import encode_uvarint
from lcodec.library.codec import Codec
from lcodec.library.decoded import Decoded
from lcodec.picture import Metadata, Picture, Samples, save
from lcodec.picture.exif import bare
from lcodec.pipeline.overlay import tile_place
from lcodec.pipeline.skipping import skipped_positions
from lcodec.pipeline.symbols import PictureSymbols, without_skipped
from tests.entropy.extremes import extreme_symbols, header_of
from tests.entropy.tiny import HYPER_LATENT, LATENT
from tests.fuzz.mutate import Part, join, split
from tests.tinymodel import picture, write_tiny_model

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
EDGE = 64
EXTREME_QUALITY = 80
BASES = ("gray", "gray-alpha", "metadata", "layer-gray")
"""Sound files that those to be refused are made from."""

Change = Callable[[list[Part]], None]


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
    found = {f"kind-{kind}": (kind, Picture(colour), 50) for kind in KINDS}
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


def half_transparent(width: int, height: int) -> bytes:
    """A bitstream whose pixels are neither in a layer nor outside."""
    stream = io.BytesIO()
    Image.new("RGBA", (width, height), (9, 99, 199, 128)).save(stream, "WEBP", lossless=True)
    data = stream.getvalue()
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


def extremes() -> dict[str, str]:
    """Name: kind of model of every sound file whose symbols are at their limits."""
    return {f"extreme-{kind}": kind for kind in KINDS}


def refusals(
    sound: bytes, alpha: bytes, metadata: bytes, layer: bytes
) -> dict[str, tuple[bytes, int]]:
    """Name: (file, exit status) of the files to refuse, made from `BASES`."""
    preamble, parts = split(sound)
    other = bytes(preamble[:8])

    def changed(change: Change, data: bytes = sound) -> bytes:
        head, own = split(data)
        change(own)
        return join(head, own)

    def payload(code: int, new: Callable[[bytes], bytes]) -> Change:
        def change(own: list[Part]) -> None:
            part = next(part for part in own if part.code == code)
            part.payload = new(part.payload)

        return change

    def bit(data: bytes, at: int) -> bytes:
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

    def inserted(at: int, part: Part) -> Change:
        return lambda own: own.insert(at, part)

    def plane(own: list[Part]) -> Part:
        return next(part for part in own if part.code == 3)

    def mixed_file(tile: TilePayload) -> bytes:
        return container.write(container.read(layer).header, [tile])

    def relayered(data: bytes) -> bytes:
        return mixed_file(replace(mixed, layer=data))

    mixed, corner = container.read(layer).tiles[0], layered()["layer-gray"].kept
    wider = np.pad(corner, ((0, 0), (0, 1)), mode="edge")
    blank, all_of_it = np.zeros((50, 41), np.uint8), np.ones_like(corner)
    nothing = zlib.crc32(bytes(4 + 2 * (HYPER_LATENT + LATENT * 4 * 3)))  # of zeros in tile 0
    covered = TilePayload(nothing, b"", bytes(4), encode_layer(blank[:, :40], all_of_it))
    plain = container.read(sound).tiles[0]
    without_layer = plain.checksum.to_bytes(4, "little") + encode_uvarint(len(plain.hyper))
    without_layer += plain.hyper + b"\0" + plain.latent
    tile = parts[1].payload
    head = parts[0].payload
    wide = struct.pack("<BBBBB", 0xFF, 0xFF, 0xFF, 0xFF, 0x07)  # 2^31 - 1
    return {
        "empty": (b"", 4),
        "signature-alone": (sound[:8], 4),
        "text-mode": (sound.replace(b"\r\n", b"\n", 1), 4),
        "not-a-lic": (b"\x89PNG\r\n\x1a\n" + sound[8:], 4),
        "newer-major": (join(other + b"\x02\x00", parts), 5),
        "major-0": (join(other + b"\x00\x00", parts), 4),
        "cut-in-head": (sound[:14], 4),
        "cut-in-tile": (sound[: len(sound) // 2], 4),
        "no-end": (join(preamble, parts[:-1]), 4),
        "trailing-byte": (sound + b"\0", 4),
        "crc-of-head": (bit(sound, 12), 4),
        "crc-of-tile": (bit(sound, len(sound) - 20), 4),
        "length-not-shortest": (sound[:11] + bytes((sound[11] | 0x80, 0)) + sound[12:], 4),
        "no-tile": (join(preamble, [parts[0], parts[-1]]), 4),
        "tile-too-many": (changed(inserted(1, Part(2, tile))), 4),
        "tile-before-head": (join(preamble, [parts[1], parts[0], *parts[2:]]), 4),
        "second-head": (changed(inserted(1, Part(1, head))), 4),
        "empty-section": (sound[:-1] + b"\x81\x00\x00", 4),
        "unknown-critical": (changed(inserted(1, Part(0x10, b"x"))), 5),
        "width-0": (changed(payload(1, lambda data: b"\0" + data[1:])), 4),
        "too-large": (changed(payload(1, lambda data: wide + wide + data[2:])), 3),
        "quality-101": (changed(payload(1, lambda d: d[:3] + b"\x65" + d[4:])), 4),
        "profile-2": (changed(payload(1, lambda d: d[:5] + b"\x02" + d[6:])), 5),
        "unknown-entropy-model": (changed(payload(1, lambda d: d[:6] + b"none" + d[10:])), 5),
        "unknown-weights": (changed(payload(1, lambda d: d[:10] + b"\0\0\0\0")), 6),
        "head-too-long": (changed(payload(1, lambda d: d + b"\0")), 4),
        "stream-not-whole": (changed(payload(2, lambda d: d + b"\0")), 4),
        "checksum": (changed(payload(2, lambda d: bit(d, 0))), 7),
        "latent-bit": (changed(payload(2, lambda d: bit(d, len(d) - 1))), 4),
        "latent-cut": (changed(payload(2, lambda d: d[:-8])), 4),
        "alpha-missing": (changed(lambda own: own.remove(plane(own)), alpha), 4),
        "alpha-twice": (changed(lambda own: own.insert(2, plane(own)), alpha), 4),
        "alpha-damaged": (changed(payload(3, lambda d: d[:-3]), alpha), 4),
        "alpha-where-none": (changed(inserted(2, Part(3, b"\0\0"))), 4),
        "packed-damaged": (changed(payload(0x84, lambda d: d[:2] + b"\xff" * 9), metadata), 4),
        "layer-empty": (join(layer[:10], [parts[0], Part(4, without_layer), parts[-1]]), 4),
        "layer-size": (relayered(encode_layer(blank, wider)), 4),
        "layer-half-transparent": (relayered(half_transparent(40, 50)), 4),
        "layer-garbage": (relayered(mixed.layer[:5] + b"\xa7\x3c\x5e" * 40), 4),
        "layer-signature": (relayered(b"\x2e" + mixed.layer[1:]), 4),
        "layer-cut": (relayered(mixed.layer[: len(mixed.layer) // 2]), 4),
        "layer-all-coded": (mixed_file(replace(plain, layer=mixed.layer)), 4),
        "layer-needless-word": (mixed_file(covered), 4),
        "layer-deep": (changed(payload(1, lambda d: d[:2] + b"\x10" + d[3:]), layer), 4),
    }


def make(folder: Path) -> None:
    """Make the files missing in ``folder``."""
    models = folder / "models"
    for kind in KINDS:
        if not (models / kind).exists():
            write_tiny_model(folder, kind=kind)
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
            codec = Codec(kind, device="cpu", tile_edge=EDGE)
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
    bases = [(folder / "valid" / f"{name}.lic").read_bytes() for name in BASES]
    for name, (data, status) in refusals(*bases).items():
        path = folder / "invalid" / f"{name}.lic"
        if not path.exists():
            path.write_bytes(data)
            index["invalid"][name] = {"status": status}
    listed.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


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
