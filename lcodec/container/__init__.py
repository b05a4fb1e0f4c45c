"""The ``.lic`` container: reading, writing and describing files (docs/FORMAT.md).

Standard library only; knows nothing of networks, arithmetic or weights.
"""

from lcodec.container.describe import (
    Description,
    MetadataInfo,
    describe,
    header_info,
    is_mostly_metadata,
    metadata_bytes,
)
from lcodec.container.header import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_TILE_EDGE,
    MAX_SIDE,
    Alpha,
    Header,
    boxes,
    check_tile_edge,
)
from lcodec.container.load import load, load_damaged, read_head
from lcodec.container.packed import check_extra, pack
from lcodec.container.reader import Buffer, Head, LicFile, payloads, read
from lcodec.container.remains import FoundTile, Survey, survey
from lcodec.container.sections import (
    EXIF,
    ICC,
    MAJOR,
    METADATA,
    MINOR,
    PACKED,
    SIGNATURE,
    XMP,
    Section,
    is_lic,
    may_be_lic,
)
from lcodec.container.seek import FileReader, SeekableReader, TileSource
from lcodec.container.tile import TilePayload
from lcodec.container.writer import write, write_seekable, write_to

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "DEFAULT_TILE_EDGE",
    "EXIF",
    "ICC",
    "MAJOR",
    "MAX_SIDE",
    "METADATA",
    "MINOR",
    "PACKED",
    "SIGNATURE",
    "XMP",
    "Alpha",
    "Buffer",
    "Description",
    "FileReader",
    "FoundTile",
    "Head",
    "Header",
    "LicFile",
    "MetadataInfo",
    "Section",
    "SeekableReader",
    "Survey",
    "TilePayload",
    "TileSource",
    "boxes",
    "check_extra",
    "check_tile_edge",
    "describe",
    "header_info",
    "is_lic",
    "is_mostly_metadata",
    "load",
    "load_damaged",
    "may_be_lic",
    "metadata_bytes",
    "pack",
    "payloads",
    "read",
    "read_head",
    "survey",
    "write",
    "write_seekable",
    "write_to",
]
