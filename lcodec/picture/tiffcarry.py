"""Metadata of a page of a TIFF file."""

from __future__ import annotations

import struct

from lcodec.picture import colour, iptc
from lcodec.picture.carried import UNREADABLE, Carried
from lcodec.picture.exif import DESCRIPTIVE
from lcodec.picture.ifd import ASCII, EXIF_IFD, GPS_IFD, ORIENTATION, Entry, Overlap, Reader, Tree
from lcodec.picture.tiffread import page_offset

_ICC, _XMP, _IPTC, _RESOURCES = 0x8773, 0x02BC, 0x83BB, 0x8649
_WHITE, _PRIMARIES, _TRANSFER = 318, 319, 301


def carried(reader: Reader, page: int = 0) -> Carried:
    """Profile, EXIF, XMP and texts of a page, every value as its stored bytes.

    Raises:
        ValueError: damaged.
    """
    out = Carried()
    place = page_offset(reader, page)
    try:
        tree = reader.tree(place)
        out.exif = _exif(tree)
    except Overlap:
        tree = reader.tree(place, frozenset((ORIENTATION, _ICC, _XMP)))
        out.exif = UNREADABLE
    found = tree.entries
    out.orientation = tree.number(ORIENTATION, 1)
    out.icc = found[_ICC].data if _ICC in found else None
    out.xmp = found[_XMP].data if _XMP in found else None
    for tag in (_IPTC, _RESOURCES):
        if tag in found:
            _add_iptc(out, found[tag].data)
    for tag, entry in found.items():
        if entry.kind == ASCII and tag not in DESCRIPTIVE and entry.data.strip(b"\0 "):
            out.lost.append(f"text tag {tag}")
    if out.icc is None:
        out.lost += _lost_colours(tree)
    out.frames = sum(1 for _ in reader.pages())
    return out


def _exif(tree: Tree) -> bytes | None:
    kept = Tree(
        tree.order,
        {tag: _narrow(e, tree.order) for tag, e in tree.entries.items() if tag in DESCRIPTIVE},
        {tag: _narrowed(t) for tag, t in tree.nested.items() if tag in (EXIF_IFD, GPS_IFD)},
    )
    return kept.tobytes() if kept.entries or kept.nested else None


def _narrowed(tree: Tree) -> Tree:
    entries = {tag: _narrow(entry, tree.order) for tag, entry in tree.entries.items()}
    return Tree(tree.order, entries, {tag: _narrowed(t) for tag, t in tree.nested.items()})


def _narrow(entry: Entry, order: str) -> Entry:
    """The same without the types of BigTIFF, which EXIF does not have."""
    if entry.kind not in (16, 17, 18):
        return entry
    numbers = [number & 0xFFFFFFFF for number in entry.numbers(order)]
    return Entry(4, entry.count, struct.pack(f"{order}{entry.count}I", *numbers))


def _add_iptc(out: Carried, data: bytes) -> None:
    fields = iptc.of_resources(data) or data
    properties, other = iptc.properties(fields)
    out.add_text(properties)
    out.lost += [name for name in other if name not in out.lost]


def _lost_colours(tree: Tree) -> list[str]:
    """Colour figures that have no counterpart, unless they mean sRGB."""
    points = (*_ratios(tree, _WHITE), *_ratios(tree, _PRIMARIES))
    lost = ["primary chromaticities"] if len(points) == 8 and not colour.is_srgb(points) else []
    return [*lost, *(["transfer function"] if _TRANSFER in tree.entries else [])]


def _ratios(tree: Tree, tag: int) -> tuple[float, ...]:
    entry = tree.entries.get(tag)
    if entry is None or entry.kind != 5:
        return ()
    parts = struct.unpack(f"{tree.order}{2 * entry.count}I", entry.data)
    return tuple(a / b if b else 0.0 for a, b in zip(parts[0::2], parts[1::2], strict=True))
