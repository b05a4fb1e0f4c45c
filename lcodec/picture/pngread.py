"""PNG files: the chunks that Pillow gets for the pixels, and the metadata in the others.

Pillow refuses pictures with large texts, and reads neither cICP nor the profiles that ImageMagick
writes as text.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from lcodec.kinds import PNG
from lcodec.picture import colour, iptc
from lcodec.picture.carried import Carried
from lcodec.picture.exif import bare
from lcodec.picture.xmp import PNG_KEYWORD

MOST_METADATA = 1 << 24
"""Most bytes of a profile or packet; larger ones are dropped with a note."""

_XMP_IN_APP1 = b"http://ns.adobe.com/xap/1.0/\0"
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
RAW = "Raw profile type "
"""Prefix of the keywords of ImageMagick's profiles."""

# Keywords of the PNG specification, 11.3.3.2; the rest of them have no counterpart.
_KEYWORDS = {
    "Title": "dc:title",
    "Author": "dc:creator",
    "Description": "dc:description",
    "Copyright": "dc:rights",
    "Software": "xmp:CreatorTool",
    "Comment": "exif:UserComment",
    "Disclaimer": "xmpRights:UsageTerms",
    "Creation Time": "xmp:CreateDate",
}


def split(stream: BinaryIO) -> tuple[io.BytesIO, Carried]:
    """A file with only the chunks that the pixels need, and the metadata in the others."""
    out = io.BytesIO()
    out.write(PNG)
    reader = _Reader()
    for kind, data, whole in _chunks(stream):
        if kind in _PIXELS:
            out.write(whole)
        reader.take(kind, data)
    out.seek(0)
    return out, reader.carried()


def carried(stream: BinaryIO) -> Carried:
    """The metadata in the chunks of a file."""
    reader = _Reader()
    for kind, data, _ in _chunks(stream):
        reader.take(kind, data)
    return reader.carried()


def of_info(info: Mapping[Any, Any], mode: str) -> Carried:
    """What Pillow kept from a file that is no longer available: texts, colour figures, no cICP."""
    out = Carried()
    texts = {key: info[key] for key in _KEYWORDS if isinstance(info.get(key), str)}
    properties, out.lost = text_properties(texts)
    out.add_text(properties)
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" not in info:
        space = colour.of_figures(
            round(gamma * 100000) if gamma else None,
            tuple(round(value * 100000) for value in points) if points else None,
            mode in ("1", "L", "LA", "I;16"),
        )
        out.set_space(space)
    return out


def text_properties(texts: dict[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """XMP properties of texts by keyword, and the keywords without a counterpart."""
    found: dict[str, list[str]] = {}
    other = []
    for keyword, text in texts.items():
        name = _KEYWORDS.get(keyword)
        value = _date(text) if name == "xmp:CreateDate" else text
        if name and value:
            found[name] = [value]
        elif not keyword.startswith(("date:", RAW)):  # ImageMagick's, about the file
            other.append(keyword)
    return found, other


def raw_profile(text: str) -> bytes | None:
    """The bytes of one of ImageMagick's profiles: a name, a length, and hexadecimal digits."""
    parts = text.split()
    try:
        return bytes.fromhex("".join(parts[2:]))
    except ValueError:
        return None


def put_raw(carried: Carried, kind: str, data: bytes) -> None:
    """Add a profile written by ImageMagick."""
    if kind.lower() in ("app1", "exif", "xmp"):
        if data.startswith(_XMP_IN_APP1) or kind.lower() == "xmp":
            carried.xmp = carried.xmp or data.removeprefix(_XMP_IN_APP1)
        else:
            carried.exif = carried.exif or bare(data)
    elif kind.lower() in ("icc", "icm"):
        carried.icc = carried.icc or data
    elif kind.lower() in ("iptc", "8bim"):
        fields = iptc.of_resources(data) or data
        properties, other = iptc.properties(fields)
        carried.add_text(properties)
        carried.lost += other


class _Reader:
    """Collects metadata from chunks; the first of each kind counts."""

    def __init__(self) -> None:
        self._out = Carried()
        self._seen: dict[bytes, bytes] = {}
        self._texts: dict[str, str] = {}
        self._raw: dict[str, bytes] = {}

    def take(self, kind: bytes, data: bytes) -> None:
        if kind in (b"IHDR", b"gAMA", b"cHRM", b"cICP", b"sRGB", b"acTL", b"eXIf", b"iCCP"):
            self._seen.setdefault(kind, data)
        elif kind == b"fcTL" and b"IDAT" not in self._seen:
            self._seen[kind] = b""
        elif kind == b"IDAT":
            self._seen.setdefault(kind, b"")
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            self._text(kind, data)

    def carried(self) -> Carried:
        out, seen = self._out, self._seen
        out.exif = bare(seen[b"eXIf"]) if b"eXIf" in seen else None
        if b"iCCP" in seen:
            packed = seen[b"iCCP"].partition(b"\0")[2][1:]
            out.icc = _inflated(packed, MOST_METADATA)
            if out.icc is None:
                out.lost.append("unreadable or oversized ICC profile")
        for kind, data in self._raw.items():
            put_raw(out, kind, data)
        properties, other = text_properties(self._texts)
        out.add_text(properties)
        out.lost += [f"text `{_shown(keyword)}`" for keyword in other]
        self._colours()
        if len(seen.get(b"acTL", b"")) == 8:
            (frames,) = struct.unpack_from(">I", seen[b"acTL"])
            out.frames = max(1, frames + (b"fcTL" not in seen))
        return out

    def _colours(self) -> None:
        out, seen = self._out, self._seen
        head = seen.get(b"IHDR", b"")
        gray = len(head) == 13 and head[9] in (0, 4)
        space = colour.Space()
        if len(seen.get(b"cICP", b"")) == 4:
            primaries, transfer, matrix, full = seen[b"cICP"]
            space = colour.of_code_points(
                primaries, transfer, gray, full_range=bool(full), matrix=matrix
            )
        elif not out.icc and b"sRGB" not in seen:
            gamma = _words(seen.get(b"gAMA", b""), 1)
            points = _words(seen.get(b"cHRM", b""), 8)
            space = colour.of_figures(gamma[0] if gamma else None, points, gray)
        out.set_space(space)

    def _text(self, kind: bytes, data: bytes) -> None:
        keyword, _, rest = data.partition(b"\0")
        name = keyword.decode("latin-1")
        kept = name == PNG_KEYWORD or name.startswith(RAW)
        wanted = kept or name in _KEYWORDS
        text: bytes | None = b""
        if wanted and kind == b"tEXt":
            text = rest
        elif wanted and kind == b"zTXt":
            text = _inflated(rest[1:], 2 * MOST_METADATA if kept else 1 << 16)
        elif wanted:
            packed, text = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
            if packed:
                text = _inflated(text, 2 * MOST_METADATA if kept else 1 << 16)
        if text is None or len(text) > 2 * MOST_METADATA + 100:
            self._out.lost.append(f"text `{_shown(name)}`")
        elif name == PNG_KEYWORD:
            self._out.xmp = self._out.xmp or text
        elif name.startswith(RAW):
            raw = raw_profile(text.decode("latin-1"))
            if raw:
                self._raw.setdefault(name.removeprefix(RAW), raw)
        else:
            characters = "utf-8" if kind == b"iTXt" else "latin-1"
            self._texts.setdefault(name, text.decode(characters, "replace"))


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Type, data and all bytes of each chunk; a truncated last one as far as it goes."""
    stream.seek(len(PNG))
    while True:
        head = stream.read(8)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head)
        body = stream.read(size + 4)
        yield kind, body[:size], head + body
        if len(body) < size + 4 or kind == b"IEND":
            return


def _inflated(data: bytes, most: int) -> bytes | None:
    """Inflated data of at most ``most`` bytes; None if larger or damaged."""
    engine = zlib.decompressobj()
    try:
        out = engine.decompress(data, most)
    except zlib.error:
        return None
    return out if engine.eof else None


def _words(data: bytes, count: int) -> tuple[int, ...] | None:
    return struct.unpack(f">{count}I", data) if len(data) == 4 * count else None


def _date(text: str) -> str | None:
    """A date in XMP form; None if it is not understood."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(text.strip()).isoformat()
        except (ValueError, TypeError):
            continue
    return None


def _shown(name: str) -> str:
    """A name from a file, safe to print."""
    return "".join(c if c.isprintable() else "?" for c in name[:40])
