"""Small files and headers that the container tests share."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

from lcodec.container import Alpha, Header, Section, TilePayload, write

FORMAT_MD = Path(__file__).parents[2] / "docs" / "FORMAT.md"
PREAMBLE = b"\x89LIC\r\n\x1a\n\x01\x01"
END = b"\x00\x00"


def make_header(**changes: Any) -> Header:
    """Return a 300x200 RGB header with some fields changed."""
    fields: dict[str, Any] = {
        "width": 300,
        "height": 200,
        "channels": 3,
        "bit_depth": 8,
        "quality": 50,
        "tile_edge": 1024,
        "profile": 1,
        "entropy_model": "gmix",
        "model_id": bytes.fromhex("0a1b2c3d"),
    }
    return Header(**(fields | changes))


TILE = TilePayload(0x89ABCDEF, bytes.fromhex("11223344"), bytes.fromhex("5566778899aabbcc"))
EXTRA = Section(0x90, b"hi")


def example() -> bytes:
    """Return the file of the worked example, as the writer makes it."""
    return write(make_header(), [TILE], [EXTRA])


def small() -> bytes:
    """Return a file with two tiles and two ancillary sections."""
    header = make_header(width=100, height=20, channels=1, tile_edge=64)
    tiles = [TilePayload(1, b"abcd", b""), TilePayload(0xFFFFFFFF, b"", b"efghijkl")]
    return write(header, tiles, [Section(0x81, b"\0"), Section(0xFF, b"note")])


def with_alpha() -> bytes:
    """Return a 16-bit gray file with an alpha plane and all kinds of metadata."""
    header = make_header(channels=1, bit_depth=16, alpha=Alpha.PLANE)
    metadata = [Section(0x81, b"icc"), Section(0x82, b"exif"), Section(0x83, b"xmp")]
    return write(header, [TILE], metadata, b"plane")


def layer(width: int, height: int, rest: bytes = b"", *, signature: int = 0x2F) -> bytes:
    """Return the header of a layer of that size, which is all that readers look at, and more."""
    bits = width - 1 | (height - 1) << 14 | 1 << 28
    return bytes((signature,)) + bits.to_bytes(4, "little") + rest


WHOLE_LAYER = layer(300, 200)
"""For the only tile of `make_header`."""
LAYERED = TilePayload(0xFEDCBA98, b"hypehype", b"late", layer(36, 64, b"!?"))
"""The second tile of `mixed`."""


def mixed() -> bytes:
    """Return a file with four tiles, of which the second and the last have lossless layers."""
    header = make_header(width=100, height=100, tile_edge=64)
    last = TilePayload(3, b"", b"", layer(36, 36))
    return write(header, [TILE, LAYERED, TilePayload(2, b"", b"abcd"), last], [EXTRA])


def frame(code: int, payload: bytes, before: bytes = b"") -> bytes:
    """Return a section built by hand, with a right CRC (over ``before`` too)."""
    assert len(payload) < 128
    body = bytes((code, len(payload))) + payload
    return body + zlib.crc32(before + body).to_bytes(4, "little")


HEAD_PAYLOAD = bytes.fromhex("ac02 c801 01 32 10 01") + b"gmix" + bytes.fromhex("0a1b2c3d")
TILE_PAYLOAD = (0x89ABCDEF).to_bytes(4, "little") + b"\x04" + TILE.hyper + TILE.latent


def build(*sections: bytes, head: bytes = HEAD_PAYLOAD) -> bytes:
    """Return preamble, HEAD with the payload ``head``, then ``sections`` as they are."""
    return PREAMBLE + frame(1, head, PREAMBLE) + b"".join(sections)


TILE_FRAME = frame(2, TILE_PAYLOAD)
MIXED_PAYLOAD = TILE_PAYLOAD[:9] + b"\x05" + WHOLE_LAYER + TILE.latent
MIXED_FRAME = frame(4, MIXED_PAYLOAD)


def document_hex() -> bytes:
    """Return the bytes of the hex dump in docs/FORMAT.md."""
    match = re.search(r"```hex\n(.*?)```", FORMAT_MD.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    lines = match.group(1).splitlines()
    data = b""
    for line in lines:
        offset, _, digits = line.partition("  ")
        assert int(offset, 16) == len(data)
        data += bytes.fromhex(digits)
    return data


def document_table() -> list[tuple[int, bytes]]:
    """Return (offset, bytes) of each row of the annotated example in docs/FORMAT.md."""
    text = FORMAT_MD.read_text(encoding="utf-8").partition("| offset | bytes |")[2]
    rows = re.findall(r"^\| (\d+) \| `([0-9a-f ]+)` \|", text, re.MULTILINE)
    return [(int(offset), bytes.fromhex(digits)) for offset, digits in rows]
