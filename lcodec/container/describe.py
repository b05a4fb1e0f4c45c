"""A summary of a ``.lic`` file that needs neither weights nor decoding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from lcodec.container import sections
from lcodec.container.header import Header
from lcodec.container.packed import kind_of, unpack
from lcodec.container.reader import Buffer, as_view, parse
from lcodec.container.sections import Frame, Section
from lcodec.container.tile import TileView
from lcodec.format import ENTROPY_MODELS
from lcodec.limits import UNDECODED, DecoderLimits, chosen


class HeaderInfo(TypedDict):
    """Fields of the header; sizes in pixels, ``model_id`` in hexadecimal."""

    width: int
    height: int
    channels: int
    bit_depth: int
    alpha: str
    quality: int
    tile_edge: int
    tiles_x: int
    tiles_y: int
    profile: int
    entropy_model: str
    entropy_model_name: str
    model_id: str


class SectionInfo(TypedDict):
    """One section; sizes in bytes, CRC in hexadecimal or None where there is none.

    Only sound files are described, so ``crc_ok`` is True wherever there is a CRC.
    """

    type: str
    code: int
    ancillary: bool
    offset: int
    size: int
    payload_size: int
    crc: str | None
    crc_ok: bool | None


class MetadataInfo(TypedDict):
    """One kind of metadata: ``ICC``, ``EXIF`` or ``XMP``.

    ``bytes`` is its size, ``stored_bytes`` that of its section. ``profile`` is the name of the
    known profile that the section refers to, else None.
    """

    type: str
    bytes: int
    stored_bytes: int
    profile: str | None


class TileInfo(TypedDict):
    """One tile: its place in pixels, its checksum in hexadecimal, streams and layer in bytes."""

    index: int
    left: int
    top: int
    width: int
    height: int
    checksum: str
    hyper_bytes: int
    latent_bytes: int
    layer_bytes: int


class Description(TypedDict):
    """What ``describe`` returns; ready for JSON.

    ``total_bytes`` = ``stream_bytes`` (both streams of all tiles) + ``layer_bytes`` (the lossless
    layers of all tiles) + ``alpha_bytes`` (the ALPHA section with its framing) +
    ``metadata_bytes`` (ancillary sections with their framing) + ``overhead_bytes`` (all the rest).
    """

    version: str
    header: HeaderInfo
    sections: list[SectionInfo]
    metadata: list[MetadataInfo]
    tiles: list[TileInfo]
    total_bytes: int
    stream_bytes: int
    layer_bytes: int
    alpha_bytes: int
    metadata_bytes: int
    overhead_bytes: int
    bpp: float


def describe(
    data: Buffer, *, max_pixels: int | None = None, limits: DecoderLimits | None = None
) -> Description:
    """Check a file and return what it holds; raises as ``read`` does."""
    view = as_view(data)
    layout = parse(view, chosen(max_pixels, limits))
    streams = sum(len(tile.hyper) + len(tile.latent) for tile in layout.tiles)
    layers = sum(len(tile.layer) for tile in layout.tiles)
    metadata = _metadata_bytes(layout.frames)
    alpha = 0 if layout.alpha is None else layout.alpha.size
    return Description(
        version=f"{layout.version[0]}.{layout.version[1]}",
        header=header_info(layout.header),
        sections=[_section_info(view, frame) for frame in layout.frames],
        metadata=_metadata_info(view, layout.frames),
        tiles=[_tile_info(layout.header, i, tile) for i, tile in enumerate(layout.tiles)],
        total_bytes=len(view),
        stream_bytes=streams,
        layer_bytes=layers,
        alpha_bytes=alpha,
        metadata_bytes=metadata,
        overhead_bytes=len(view) - streams - layers - alpha - metadata,
        bpp=8 * len(view) / layout.header.pixels,
    )


def metadata_bytes(data: Buffer) -> int:
    """Bytes of all ancillary sections of a file of whatever size; raises as `describe`."""
    return _metadata_bytes(parse(as_view(data), UNDECODED).frames)


def is_mostly_metadata(metadata: int, whole: int) -> bool:
    """Whether half of a file or more is metadata, which is worth a word."""
    return 2 * metadata >= whole > 0


def header_info(header: Header) -> HeaderInfo:
    """The fields of a header, ready for JSON."""
    return HeaderInfo(
        width=header.width,
        height=header.height,
        channels=header.channels,
        bit_depth=header.bit_depth,
        alpha=header.alpha.value,
        quality=header.quality,
        tile_edge=header.tile_edge,
        tiles_x=header.tiles_x,
        tiles_y=header.tiles_y,
        profile=header.profile,
        entropy_model=header.entropy_model,
        entropy_model_name=ENTROPY_MODELS[header.entropy_model].name,
        model_id=header.model_id.hex(),
    )


def _metadata_bytes(frames: Iterable[Frame]) -> int:
    return sum(frame.size for frame in frames if sections.is_ancillary(frame.type))


def _section_info(view: memoryview, frame: Frame) -> SectionInfo:
    crc = view[frame.payload_end : frame.end]
    return SectionInfo(
        type=sections.section_name(frame.type),
        code=frame.type,
        ancillary=sections.is_ancillary(frame.type),
        offset=frame.start,
        size=frame.size,
        payload_size=frame.payload_size,
        crc=f"{int.from_bytes(crc, 'little'):08x}" if len(crc) else None,
        crc_ok=True if len(crc) else None,
    )


def _metadata_info(view: memoryview, frames: Iterable[Frame]) -> list[MetadataInfo]:
    """The section that counts of each kind; raises FormatError if it is damaged."""
    found: dict[int, MetadataInfo] = {}
    for frame in frames:
        code, size, profile = frame.type, frame.payload_size, None
        if code == sections.PACKED:
            payload = bytes(view[frame.payload_start : frame.payload_end])
            if kind_of(payload) in found:
                continue
            plain = unpack(Section(code, payload))
            if plain is None:
                continue
            code, size, profile = plain.section.type, len(plain.section.payload), plain.profile
        if code not in (sections.ICC, sections.EXIF, sections.XMP):
            continue
        name = sections.section_name(code)
        info = MetadataInfo(type=name, bytes=size, stored_bytes=frame.size, profile=profile)
        found.setdefault(code, info)
    return list(found.values())


def _tile_info(header: Header, index: int, tile: TileView) -> TileInfo:
    left, top, right, bottom = header.tile_box(index)
    return TileInfo(
        index=index,
        left=left,
        top=top,
        width=right - left,
        height=bottom - top,
        checksum=f"{tile.checksum:08x}",
        hyper_bytes=len(tile.hyper),
        latent_bytes=len(tile.latent),
        layer_bytes=len(tile.layer),
    )
