"""The files of the corpus that must be refused, each with lcodec's exit status."""

from __future__ import annotations

import io
import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from lcodec import container
from lcodec.coding.layer import decode_layer, encode_layer
from lcodec.container import TilePayload
from lcodec.container.varint import encode_uvarint
from tests.entropy.tiny import HYPER_LATENT, LATENT
from tests.fuzz.mutate import Part, join, split
from tools.conformance_forms import alpha_payload, alpha_values, with_layer, with_payload

BASES = ("gray", "gray-alpha", "metadata", "layer-gray")
"""Sound files that these are made from."""

Change = Callable[[list[Part]], None]


def half_transparent(width: int, height: int) -> bytes:
    """A bitstream whose pixels are neither in a layer nor outside."""
    stream = io.BytesIO()
    Image.new("RGBA", (width, height), (9, 99, 199, 128)).save(stream, "WEBP", lossless=True)
    data = stream.getvalue()
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


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

    mixed = container.read(layer).tiles[0]
    corner = decode_layer(mixed.layer, (50, 40)).kept
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
        **_out_of_range(sound, alpha, metadata, layer),
    }


def _out_of_range(
    sound: bytes, alpha: bytes, metadata: bytes, layer: bytes
) -> dict[str, tuple[bytes, int]]:
    """Fields out of their ranges, and what the format reserves."""
    preamble, parts = split(sound)

    def head(at: int, *new: int) -> bytes:
        return with_payload(sound, 1, lambda d: d[:at] + bytes(new) + d[at + len(new) :])

    def packed(*new: int, rest: bytes = b"") -> bytes:
        return with_payload(metadata, 0x84, lambda _: bytes(new) + rest)

    def plane(payload: bytes) -> bytes:
        return with_payload(alpha, 3, lambda _: payload)

    def stream(change: Callable[[bytes], bytes]) -> bytes:
        """A file whose latent stream is another one; the hyper stream is kept."""
        tile = container.read(sound).tiles[0]
        return container.write(
            container.read(sound).header, [replace(tile, latent=change(tile.latent))]
        )

    values = alpha_values(50, 40, 255)
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
    one_more = b"\0" + lzma.compress(bytes(50 * 40 + 1), lzma.FORMAT_RAW, filters=filters)
    own, tile = container.read(layer).tiles[0].layer, parts[1].payload
    hyper_length = tile[4]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    hundred = deflate.compress(bytes(100)) + deflate.flush()
    return {
        "mode-alpha": (head(2, 0x06), 5),
        "mode-depth": (head(2, 0x20), 5),
        "mode-long-head": (
            with_payload(sound, 1, lambda d: d[:2] + b"\x20" + d[3:] + bytes(65 - len(d))),
            4,
        ),
        "width-not-shortest": (
            with_payload(sound, 1, lambda d: bytes((d[0] | 0x80, 0)) + d[1:]),
            4,
        ),
        "width-too-large": (
            with_payload(sound, 1, lambda d: b"\x80\x80\x80\x80\x08" + d[1:]),
            4,
        ),
        "tile-edge-0": (head(4, 0), 4),
        "tile-edge-33": (head(4, 33), 4),
        "name-not-printable": (head(6, 0x67, 0x6D, 0x69, 0x7F), 4),
        "name-of-another-model": (head(6, *b"chkb"), 6),
        "newer-minor": (join(preamble[:9] + b"\x09", [*parts[:2], Part(5, b"x"), parts[-1]]), 5),
        "end-with-payload": (join(preamble, [*parts[:-1], Part(0, b"x")]), 4),
        "length-too-large": (sound[:-2] + b"\x90" + encode_uvarint((1 << 40) + 1) + sound[-2:], 4),
        "hyper-too-long": (
            with_payload(sound, 2, lambda d: d[:4] + bytes((len(d) - 4,)) + d[5:]),
            4,
        ),
        "hyper-not-whole": (
            with_payload(sound, 2, lambda d: d[:4] + bytes((hyper_length - 1,)) + d[5:]),
            4,
        ),
        "latent-word-more": (stream(lambda d: d + bytes(4)), 4),
        "latent-word-less": (stream(lambda d: d[:-4]), 4),
        "alpha-form-04": (plane(b"\x04" + alpha_payload(values, 0)[1:]), 5),
        "alpha-form-20": (plane(b"\x20" + alpha_payload(values, 0)[1:]), 5),
        "alpha-deep": (plane(alpha_payload(257 * values, 0x10)), 5),
        "alpha-too-long": (plane(one_more), 4),
        "alpha-trailing": (plane(alpha_payload(values, 0) + b"\0"), 4),
        "packed-order": (packed(1, 0, 5, 1, 5, 2), 4),
        "packed-place": (packed(1, 3, 0xE0, 3, 1), 4),
        "packed-size": (packed(0x12, 99, rest=hundred), 4),
        "packed-empty": (packed(0x12, 0, rest=hundred), 4),
        "packed-trailing": (packed(0x12, 100, rest=hundred + b"\0"), 4),
        "layer-version": (with_layer(layer, own[:4] + bytes((own[4] | 0x20,)) + own[5:]), 4),
        "layer-last-byte": (with_layer(layer, own[:-1]), 4),
        "layer-too-short": (with_layer(layer, own[:4]), 4),
    }
