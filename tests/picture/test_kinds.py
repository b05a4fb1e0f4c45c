"""What is said of files that no reader of pictures here knows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from lcodec import kinds, suffixes
from lcodec.cli import sniff
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


def test_an_array_is_for_strips() -> None:
    assert said(b"\x93NUMPY\1\0") == "x: is a NumPy array; `lcodec encode --strips` reads it"
