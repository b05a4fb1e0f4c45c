"""EXIF, XMP, IPTC and other texts: byte for byte where there is a place, otherwise named."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

import lcodec.pillow  # noqa: F401
from lcodec import container
from lcodec.errors import InputError
from lcodec.picture import Metadata, Picture, from_pil, load, save, to_pil
from lcodec.picture.exif import from_pillow, is_readable, parsed
from lcodec.picture.ifd import ASCII, BYTE, EXIF_IFD, ORIENTATION, UNDEFINED, Entry, Tree
from tests.picture.samples import (
    GRAY,
    RGB,
    XMP,
    app1,
    chunk,
    encoded,
    icc,
    jpeg,
    png,
    segment,
    tiff,
)

LATIN, UTF8 = "Künstler".encode("latin-1") + b"\0", "Žluťoučký 会社".encode() + b"\0"
TITLE = "Títle".encode("utf-16-le") + b"\0\0"


def texts(order: str) -> Tree:
    """Directories with what writers like to spoil."""
    tree = Tree(order)
    tree.entries[0x010E] = Entry(ASCII, len(UTF8), UTF8)
    tree.entries[0x013B] = Entry(ASCII, len(LATIN), LATIN)
    tree.entries[0x9C9B] = Entry(BYTE, len(TITLE), TITLE)
    inner = Tree(order)
    comment = b"UNICODE\0" + "é".encode("utf-16-le" if order == "<" else "utf-16-be")
    inner.entries[0x9000] = Entry(UNDEFINED, 4, b"0232")
    inner.entries[0x9286] = Entry(UNDEFINED, len(comment), comment)
    inner.entries[0xA300] = Entry(UNDEFINED, 1, b"\3")
    tree.nested[EXIF_IFD] = inner
    return tree


def values(data: bytes | None) -> Any:
    """All entries of EXIF data but the orientation."""

    def of(tree: Tree) -> Any:
        own = {tag: entry for tag, entry in tree.entries.items() if tag != ORIENTATION}
        return own, {tag: of(inner) for tag, inner in tree.nested.items()}

    assert data is not None
    return of(parsed(data))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("orientation", [None, 1])
def test_texts_through_every_writer(
    tmp_path: Path, order: str, suffix: str, orientation: int | None
) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    tree = texts(order)
    if orientation:
        tree.put(ORIENTATION, 3, orientation)
    path = tmp_path / f"a{suffix}"
    assert save(Picture(RGB, metadata=Metadata(exif=tree.tobytes())), path) == ()
    back = load(path)
    assert back.notes == ()
    assert values(back.metadata.exif) == values(tree.tobytes())


@pytest.mark.parametrize("order", ["<", ">"])
def test_texts_out_of_tiff(order: str) -> None:
    own = {tag: (entry.kind, entry.data) for tag, entry in texts(order).entries.items()}
    own |= {0x010D: (ASCII, b"document\0"), 0x02BC: (BYTE, XMP % b""), 0x8773: (UNDEFINED, icc())}
    data = tiff(RGB, 8, 2, order=order, tags=own)
    picture = load(io.BytesIO(data))
    entries = parsed(picture.metadata.exif or b"").entries
    assert {tag: entry.data for tag, entry in entries.items()} == {
        0x010D: b"document\0",
        **{tag: entry.data for tag, entry in texts(order).entries.items()},
    }
    assert (picture.metadata.icc, picture.metadata.xmp) == (icc(), XMP % b"")
    assert picture.notes == ()
    image = Image.open(io.BytesIO(data))
    image.load()
    loaded = parsed(from_pil(image).metadata.exif or b"").entries
    assert {tag: e.data for tag, e in loaded.items()} == {tag: e.data for tag, e in entries.items()}
    other = load(io.BytesIO(tiff(RGB, 8, 2, order=order, tags={42112: (ASCII, b"<Metadata/>\0")})))
    assert other.notes == ("dropped: text tag 42112",)


def test_tags_set_by_hand_keep_their_characters() -> None:
    image = Image.fromarray(RGB)
    tags = image.getexif()
    tags[0x010E], tags[0x013B] = "会社", "Künstler"
    tags[0x9C9B] = TITLE
    tags.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0hi"
    tags.get_ifd(0x8769)[0x829A] = 0.25
    found = parsed(from_pil(image).metadata.exif or b"")
    assert found.entries[0x010E].data == "会社".encode() + b"\0"
    assert found.entries[0x013B].data == LATIN
    assert found.entries[0x9C9B] == Entry(BYTE, len(TITLE), TITLE)
    assert found.nested[EXIF_IFD].entries[0x9286].kind == UNDEFINED
    assert found.nested[EXIF_IFD].entries[0x829A].data == struct.pack(f"{found.order}II", 1, 4)
    assert from_pillow(Image.Exif()) is None


@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9])
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_any_type(kind: int, order: str) -> None:
    tree = Tree(order)
    tree.put(ORIENTATION, kind, 6)
    picture = load(encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0" + tree.tobytes()))
    assert np.array_equal(picture.pixels, np.rot90(RGB, -1))
    assert parsed(picture.metadata.exif or b"").number(ORIENTATION, 0) == 1


def overlapping(count: int = 1500, size: int = 20_000) -> bytes:
    """EXIF data whose values all lie over each other."""
    at = 8 + 2 + 12 * count + 4
    index = b"".join(struct.pack("<HHII", 1000 + k, 3, size // 2, at) for k in range(count))
    return struct.pack("<2sHIH", b"II", 42, 8, count) + index + bytes(4) + bytes(size)


def test_overlapping_values_are_not_parsed(tmp_path: Path) -> None:
    bomb = overlapping()
    picture = Picture(RGB, metadata=Metadata(exif=bomb))
    tracemalloc.start()
    assert not is_readable(bomb)
    for suffix in (".png", ".tif", ".jpg", ".webp", ".avif"):
        (note,) = save(picture, tmp_path / f"a{suffix}")
        assert note.endswith("lost: EXIF")
    assert "exif" not in to_pil(picture).info
    source = load(io.BytesIO(png(RGB, 8, 2, chunk(b"eXIf", bomb))))
    assert source.notes == ("unreadable EXIF dropped",)
    assert load(encoded(Image.fromarray(RGB), "JPEG", exif=bomb)).metadata.exif is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    from tests.container.samples import example

    file = container.read(example())
    made = container.write(file.header, file.tiles, [container.Section(container.EXIF, bomb)])
    assert "exif" not in Image.open(io.BytesIO(made)).info


def test_overlapping_values_in_tiff_cost_only_themselves() -> None:
    at = len(tiff(RGB, 8, 2, tags={1000: (ASCII, bytes(200)), 1001: (ASCII, bytes(200))}))
    data = bytearray(tiff(RGB, 8, 2, t274=3, tags={1000: (ASCII, bytes(200))}))
    place = data.index(struct.pack("<HHI", 1000, ASCII, 200))
    struct.pack_into("<I", data, place + 4, len(data) - 20)
    struct.pack_into("<I", data, place + 8, 8)
    other = data.index(struct.pack("<HHI", 274, 3, 1))
    assert at > len(data)
    picture = load(io.BytesIO(bytes(data)))
    assert np.array_equal(picture.pixels, RGB[::-1, ::-1])
    del data[other:]
    with pytest.raises(InputError):
        load(io.BytesIO(bytes(data)))


def test_extended_xmp_is_merged() -> None:
    digest = b"0123456789ABCDEF" * 2
    main = XMP % (
        b'<rdf:Description rdf:about="" xmlns:xmpNote="http://ns.adobe.com/xmp/note/" '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" '
        b'xmpNote:HasExtendedXMP="' + digest + b'"/>'
    )
    large = b"A" * 100_000
    extension = XMP % (
        b'<rdf:Description rdf:about="" xmlns:G="http://ns.google.com/photos/1.0/image/" '
        b'G:Data="' + large + b'"/>'
    )
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest
    parts = [
        segment(0xE1, head + struct.pack(">II", len(extension), k) + extension[k : k + 60_000])
        for k in range(0, len(extension), 60_000)
    ]
    picture = load(jpeg(app1(main), *reversed(parts)))
    assert picture.metadata.xmp is not None
    assert large in picture.metadata.xmp and b"HasExtendedXMP" not in picture.metadata.xmp
    assert picture.notes == ()
    assert (picture.height, picture.width) == (6, 16)  # turned
    incomplete = load(jpeg(app1(main), parts[0]))
    assert incomplete.notes == ("dropped: extended XMP",)


GAIN_MAP = (
    b'<rdf:Description rdf:about="" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
    b'xmlns:C="http://ns.google.com/photos/1.0/container/" %s hdrgm:Version="1.0">'
    b"<C:Directory><rdf:Seq><rdf:li/></rdf:Seq></C:Directory></rdf:Description>"
)


def test_gain_maps_are_named_and_promised_no_more() -> None:
    picture = load(jpeg(app1(XMP % (GAIN_MAP % b""))))
    assert picture.notes == ("only the first of 2 frames is kept",)
    assert picture.metadata.xmp is None
    own = b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"'
    mixed = load(jpeg(app1(XMP % (GAIN_MAP % own))))
    assert mixed.metadata.xmp is not None and b'xmp:Rating="5"' in mixed.metadata.xmp
    assert b"hdrgm:Version" not in mixed.metadata.xmp and b"Directory" not in mixed.metadata.xmp
    assert load(jpeg(segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0"))).notes == picture.notes
    broken = load(jpeg(app1(b"<x hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/'>")))
    assert (broken.metadata.xmp, broken.notes) == (None, picture.notes)


def test_large_chunks_cost_only_themselves() -> None:
    large = icc(size=3_000_000)
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(large))
    assert load(io.BytesIO(png(RGB, 8, 2, profile))).metadata.icc == large
    bomb = zlib.compress(bytes(40_000_000))
    tracemalloc.start()
    for extra, words in (
        (chunk(b"iCCP", b"a\0\0" + bomb), "oversized ICC profile"),
        (chunk(b"zTXt", b"Comment\0\0" + bomb), "text `Comment`"),
        (chunk(b"zTXt", b"workflow\0\0" + bomb), "text `workflow`"),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb), "text `XML:com.adobe.xmp`"),
        (chunk(b"iCCP", b"a\0\0" + b"junk"), "unreadable or oversized ICC profile"),
    ):
        picture = load(io.BytesIO(png(RGB, 8, 2, extra)))
        assert np.array_equal(picture.pixels, RGB)
        assert len(picture.notes) == 1 and words in picture.notes[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80_000_000


@pytest.mark.parametrize("kind", ["TIFF", "GIF"])
def test_edited_pictures_of_several_pages(kind: str) -> None:
    pages = [Image.fromarray(np.full((8, 9, 3), 40 * k, np.uint8)) for k in range(3)]
    stream = encoded(pages[0], kind, save_all=True, append_images=pages[1:])
    image = Image.open(stream)
    image.load()
    image.paste(1 if image.mode != "RGB" else (1, 2, 3), (0, 0, 4, 4))
    if image.mode == "RGB":
        image.putpixel((5, 5), (9, 9, 9))
    before = image.convert("RGB").tobytes()
    picture = from_pil(image)
    assert picture.pixels.tobytes() == before == image.convert("RGB").tobytes()
    assert picture.notes == ("only the first of 3 frames is kept",)
    for page in (1, 2):
        other = Image.open(io.BytesIO(stream.getvalue()))
        other.seek(page)
        assert np.abs(from_pil(other).pixels.astype(int) - 40 * page).max() <= 2
        assert other.tell() == page


def test_bmp_of_16_bits_a_pixel_has_none_of_16_bits_a_sample() -> None:
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    head = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0) + masks
    offset = 14 + len(head)
    data = struct.pack("<2sIHHI", b"BM", offset + 4, 0, 0, offset) + head
    picture = load(io.BytesIO(data + struct.pack("<2H", 0xFFFF, 0xF800)))
    assert picture.pixels.tolist() == [[[255, 255, 255], [255, 0, 0]]]
    assert picture.notes == ()


def test_avif_keeps_texts_where_it_turns_the_picture() -> None:
    if not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    tree = texts("<")
    tree.put(ORIENTATION, 3, 6)
    image = Image.fromarray(np.repeat(GRAY, 8, axis=0))
    stream = encoded(image, "AVIF", exif=b"Exif\0\0" + tree.tobytes())
    picture = load(stream)
    assert (picture.height, picture.width) == (6, 32)
    with Image.open(io.BytesIO(stream.getvalue())) as opened:
        assert from_pil(opened).metadata == picture.metadata
