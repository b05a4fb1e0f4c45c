"""Telling kinds of files apart by their first bytes. Imports nothing slow."""

from __future__ import annotations

from typing import Final

from lcodec import suffixes

HEAD_SIZE = 64
"""First bytes of a file that tell its kind."""

PNG: Final = b"\x89PNG\r\n\x1a\n"
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of both byte orders, those of BigTIFF last."""
JPEG2000_CODESTREAM: Final = b"\xff\x4f\xff\x51"
NPY: Final = b"\x93NUMPY"

_READ = (
    (PNG, "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    *((start, "a TIFF picture") for start in TIFF),
    (b"qoif", "a QOI picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (JPEG2000_CODESTREAM, "a JPEG 2000 picture"),
    (b"P5", "a PGM picture"),
    (b"P6", "a PPM picture"),
)
_UNREAD = (
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"8BPS", "a Photoshop picture"),
    (b"gimp xcf", "a GIMP picture"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"BPG\xfb", "a BPG picture"),
    (b"DDS ", "a DDS picture"),
    (b"\0\0\1\0", "an icon (ICO)"),
    (b"<svg", "an SVG drawing"),
    (b"%!PS", "a PostScript document"),
    (b"%PDF-", "a PDF document"),
    (b"FUJIFILMCCD-RAW", "a raw picture (RAF)"),
    (b"IIRO", "a raw picture (ORF)"),
    (b"IIRS", "a raw picture (ORF)"),
    (b"IIU\0", "a raw picture (RW2)"),
    (b"FOVb", "a raw picture (X3F)"),
)
_AVIF, _HEIC, _HEIF = "an AVIF picture", "a HEIC picture", "a HEIF picture"
_BRANDS = (
    ((b"avif", b"avis"), _AVIF),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), _HEIC),
    ((b"mif1", b"msf1"), _HEIF),
    ((b"crx ",), "a raw picture (CR3)"),
)
_MOST_BRANDS = 12
_MATROSKA = b"\x1a\x45\xdf\xa3"
_FILM, _ARRAY = "a film", "a NumPy array"


def read_kind(head: bytes) -> str | None:
    """The kind of picture that starts with ``head``, in words, if it is one that is read here."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    kind = _of_brands(head)
    return kind if kind is not None and _is_read(kind) else _starting(_READ, head)


def is_heif(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is a HEIC or another HEIF picture, but no AVIF."""
    return _of_brands(head) in (_HEIC, _HEIF)


def unread_kind(head: bytes) -> str | None:
    """The kind of a picture, or of another well-known file, that is not read here."""
    kind = _of_brands(head) or _starting(_UNREAD, head)
    if kind is not None:
        return None if _is_read(kind) else kind
    if head[4:8] == b"ftyp" or head.startswith(_MATROSKA) or _is_avi(head):
        return _FILM
    if head.startswith(NPY):
        return _ARRAY
    return "a PCX picture" if _is_pcx(head) else "a TGA picture" if _is_tga(head) else None


def way_out(kind: str) -> str:
    """What to do about a file of an `unread_kind`, in words that follow its kind."""
    if kind == _FILM:
        return ", not a picture"
    if kind == _ARRAY:
        return "; `lcodec encode --strips` reads it"
    if kind in (_HEIC, _HEIF):
        return ", which needs `pip install 'lcodec[heic]'`"
    return ", which is not read; convert it to PNG: `convert IN png:- | lcodec encode - OUT`"


def _is_read(kind: str) -> bool:
    """Whether a kind of ISO media is read here."""
    return kind == _AVIF or (kind in (_HEIC, _HEIF) and suffixes.HEIF_IS_READ)


def _is_avi(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"AVI "


def _is_pcx(head: bytes) -> bool:
    """By its manufacturer, version, run lengths and depth; it has no longer signature."""
    if len(head) < 4 or head[0] != 10:
        return False
    return head[1] in (0, 2, 3, 4, 5) and head[2] == 1 and head[3] in (1, 2, 4, 8)


def _is_tga(head: bytes) -> bool:
    """By what its header can hold: a TGA file has no signature at its start."""
    if len(head) < 18:
        return False
    mapped, kind, depth = head[1], head[2], head[16]
    gray_or_mapped = kind in (1, 3, 9, 11)
    return (
        kind in (1, 2, 3, 9, 10, 11)
        and mapped == (kind in (1, 9))
        and (head[7] in (15, 16, 24, 32) if mapped else not any(head[3:8]))
        and any(head[12:14])
        and any(head[14:16])
        and depth in ((8,) if gray_or_mapped else (15, 16, 24, 32))
        and head[17] < 64
    )


def _starting(kinds: tuple[tuple[bytes, str], ...], head: bytes) -> str | None:
    return next((words for start, words in kinds if head.startswith(start)), None)


def _of_brands(head: bytes) -> str | None:
    """The kind of a file in the format of ISO media: AVIF and HEIC share their first brand."""
    if head[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(head[:4], "big"), 16 + 4 * _MOST_BRANDS)
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    return next((words for known, words in _BRANDS if brands & {*known}), None)
