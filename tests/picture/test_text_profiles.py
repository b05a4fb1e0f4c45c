"""Texts that other programs put into profiles: of ImageMagick, of IPTC, of PNG."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

import lcodec.pillow  # noqa: F401
from lcodec.picture import Picture, from_pil, load
from lcodec.picture.ifd import BYTE, UNDEFINED
from tests.picture.samples import (
    RGB,
    XMP,
    app1,
    chunk,
    exif,
    icc,
    jpeg,
    png,
    segment,
    tiff,
)


def raw_profile(kind: str, data: bytes) -> bytes:
    digits = data.hex()
    lines = "\n".join(digits[k : k + 72] for k in range(0, len(digits), 72))
    text = f"\n{kind}\n{len(data):8d}\n{lines}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {kind}".encode() + b"\0\0" + zlib.compress(text))


def test_profiles_that_imagemagick_writes_as_text() -> None:
    def of(*extra: bytes) -> Picture:
        data = png(RGB, 8, 2, b"".join(extra))
        image = Image.open(io.BytesIO(data))
        image.load()
        for other in (from_pil(Image.open(io.BytesIO(data))), from_pil(image)):
            assert other.metadata == load(io.BytesIO(data)).metadata
            assert np.array_equal(other.pixels, load(io.BytesIO(data)).pixels)
        return load(io.BytesIO(data))

    for kind in ("APP1", "exif"):
        turned = of(raw_profile(kind, b"Exif\0\0" + exif(6)))
        assert turned.metadata.exif == exif(1)
        assert np.array_equal(turned.pixels, np.rot90(RGB, -1))
    assert of(raw_profile("xmp", XMP % b"")).metadata.xmp == XMP % b""
    packet = b"http://ns.adobe.com/xap/1.0/\0" + XMP % b""
    assert of(raw_profile("APP1", packet)).metadata.xmp == XMP % b""
    assert of(raw_profile("icc", icc())).metadata.icc == icc()
    assert b"<dc:title>" in (of(raw_profile("iptc", irb(IPTC))).metadata.xmp or b"")


def field(record: int, number: int, text: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(text)) + text


def irb(data: bytes) -> bytes:
    """Photoshop's image resources, IPTC the second of them."""
    out = b""
    for number, body in ((0x03ED, bytes(16)), (0x0404, data)):
        out += struct.pack(">4sHHI", b"8BIM", number, 0, len(body)) + body + bytes(len(body) % 2)
    return out


IPTC = (
    field(1, 90, b"\x1b%G")
    + field(2, 0, b"\0\4")
    + field(2, 5, "Títle <&>".encode())
    + field(2, 25, b"one")
    + field(2, 25, b"two")
    + field(2, 55, b"20240229")
    + field(2, 60, b"120000+0100")
    + field(2, 80, b"Author")
    + field(2, 120, b"A caption")
)


def test_iptc_becomes_xmp() -> None:
    photoshop = segment(0xED, b"Photoshop 3.0\0" + irb(IPTC))
    sources = [
        jpeg(photoshop),
        io.BytesIO(tiff(RGB, 8, 2, tags={0x83BB: (UNDEFINED, IPTC)})),
        io.BytesIO(tiff(RGB, 8, 2, tags={0x8649: (BYTE, irb(IPTC))})),
    ]
    for source in sources:
        picture = load(source)
        assert picture.notes == ()
        packet = (picture.metadata.xmp or b"").decode()
        assert "Títle &lt;&amp;&gt;</rdf:li>" in packet
        assert "<rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag>" in packet
        assert "2024-02-29T12:00:00+01:00" in packet
    other = segment(0xED, b"Photoshop 3.0\0" + irb(IPTC + field(2, 230, b"x") + field(2, 7, b"s")))
    assert load(jpeg(other)).notes == ("dropped: IPTC 2:7, IPTC 2:230",)
    # XMP that has its own title keeps it, and gets the rest.
    own = XMP % (
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<dc:title><rdf:Alt><rdf:li>mine</rdf:li></rdf:Alt></dc:title></rdf:Description>"
    )
    packet = (load(jpeg(app1(own), photoshop)).metadata.xmp or b"").decode()
    assert "mine" in packet and "Títle" not in packet and "A caption" in packet
    assert packet.startswith(own[: own.index(b"</rdf:RDF>")].decode())
    broken = load(jpeg(app1(b"<unclosed>"), photoshop))
    assert broken.metadata.xmp == b"<unclosed>"
    assert broken.notes[0].startswith("dropped: dc:creator, ")


def test_texts_of_png_become_xmp() -> None:
    extra = chunk(b"tEXt", b"Title\0T\xedtle") + chunk(b"tEXt", b"workflow\0{}")
    extra += chunk(b"iTXt", b"Author\0\0\0\0\0" + "会社".encode())
    extra += chunk(b"zTXt", b"Copyright\0\0" + zlib.compress(b"(c) me"))
    extra += chunk(b"tEXt", b"Creation Time\0Thu, 29 Feb 2024 12:00:00 +0100")
    extra += chunk(b"tEXt", b"date:create\0today") + chunk(b"tEXt", b"evil\n\x1b[2J\0x")
    picture = load(io.BytesIO(png(RGB, 8, 2, extra)))
    packet = (picture.metadata.xmp or b"").decode()
    for text in ("Títle", "会社", "(c) me", "2024-02-29T12:00:00+01:00"):
        assert text in packet
    assert picture.notes == ("dropped: text `workflow`, text `evil??[2J`",)
    late = png(RGB, 8, 2, late=chunk(b"tEXt", b"Title\0late") + chunk(b"eXIf", exif(6)))
    behind = load(io.BytesIO(late))
    assert b"late" in (behind.metadata.xmp or b"") and behind.metadata.exif == exif(1)
