"""What is said of files that no reader of pictures here knows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec import kinds, suffixes
from lcodec.cli import sniff
from lcodec.container import SIGNATURE
from lcodec.errors import FormatError, InputError
from lcodec.picture import load


def ftyp(major: bytes, *others: bytes) -> bytes:
    size = 16 + 4 * len(others)
    return size.to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"".join(others)


def said(head: bytes) -> str:
    with pytest.raises(InputError) as error:
        load(io.BytesIO(head + bytes(100)), name="x")
    return str(error.value)


@pytest.mark.parametrize(("head", "words"), kinds._UNREAD)
def test_pictures_that_are_not_read_are_named(head: bytes, words: str) -> None:
    assert said(head).startswith(f"x: is {words}, which is not read; convert it to PNG: `convert ")
    assert kinds.read_kind(head) is None


@pytest.mark.parametrize(("head", "words"), kinds._READ)
def test_damaged_pictures_are_not_said_to_be_unreadable(head: bytes, words: str) -> None:
    assert kinds.read_kind(head) == words
    assert "convert" not in said(head)


def test_files_of_iso_media_are_told_apart_by_all_their_brands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(suffixes, "HEIF_IS_READ", False)
    assert "is a HEIC picture, " in said(ftyp(b"heic", b"mif1", b"heic"))
    assert "is a HEIC picture, " in said(ftyp(b"mif1", b"miaf", b"heic"))
    assert "is a HEIF picture, " in said(ftyp(b"mif1"))
    assert "is a raw picture (CR3), " in said(ftyp(b"crx "))
    assert said(ftyp(b"mif1", b"miaf", b"avif")) == (
        "x: not a picture of a known format, or damaged"
    )
    assert kinds.read_kind(ftyp(b"mif1", b"avif")) == "an AVIF picture"
    for head in (ftyp(b"isom", b"mp42"), b"RIFF....AVI LIST", b"\x1a\x45\xdf\xa3"):
        assert said(head) == "x: is a film, not a picture"


@pytest.mark.parametrize("brands", [(b"avif",), (b"mif1", b"miaf", b"avif"), (b"heic", b"mif1")])
def test_the_program_looks_at_as_much_of_a_file(brands: tuple[bytes, ...], tmp_path: Path) -> None:
    path = tmp_path / "a.lic"
    path.write_bytes(ftyp(*brands) + bytes(100))
    words = kinds.read_kind(ftyp(*brands)) or kinds.unread_kind(ftyp(*brands))
    assert words
    with pytest.raises(FormatError, match=f"but {words}"):
        sniff.refuse_picture(sniff.peek(str(path)))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("TGA", mode) for mode in ("L", "P", "RGB", "RGBA")),
        *(("PCX", mode) for mode in ("1", "L", "P", "RGB")),
    ],
)
def test_pictures_without_a_long_signature_are_named(kind: str, mode: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 20, 3)).convert(mode).save(stream, kind)
    head = stream.getvalue()[: kinds.HEAD_SIZE]
    assert kinds.unread_kind(head) == f"a {kind} picture" and kinds.read_kind(head) is None
    assert said(head).startswith(f"x: is a {kind} picture, which is not read; convert it to PNG")


def test_noise_is_no_picture() -> None:
    """What has no long signature is not seen in everything."""
    generator = np.random.default_rng(5)
    heads = [generator.bytes(kinds.HEAD_SIZE) for _ in range(20_000)]
    heads += [bytes(64), b"\n" * 64, b"\xff" * 64, b"Dear reader,\n" * 5, b"P3\n4 4\n255\n" * 6]
    assert sum(kinds.unread_kind(head) is not None for head in heads) < 5
    assert [kinds.unread_kind(head) for head in heads[-5:]] == [None] * 5


def test_a_lic_file_is_said_to_be_one() -> None:
    assert said(SIGNATURE) == "x: is a .lic file already"


def test_an_array_is_for_strips() -> None:
    assert said(b"\x93NUMPY\1\0") == "x: is a NumPy array; `lcodec encode --strips` reads it"
