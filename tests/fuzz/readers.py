"""Everything that reads a `.lic` file, as one function; what it cannot read it refuses clearly."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageCms

import lcodec
from lcodec import container
from lcodec.errors import LcodecError
from lcodec.library.codec import Codec
from lcodec.library.repack import repack
from lcodec.limits import DecoderLimits
from lcodec.picture import Picture
from lcodec.picture.metadata import Metadata
from tests.tinymodel import drawn, encode_layered, picture

lcodec.register_pillow()

TILE_EDGE = 64
MAX_PIXELS = 1 << 16


@dataclass
class Readers:
    """What is to be fuzzed, over one tiny model.

    Attributes:
        given, accepted: how many files there were, and how many were decoded to the end.
    """

    codec: Codec
    given: int = 0
    accepted: int = 0

    def __call__(self, data: bytes) -> None:
        """Read ``data`` in every way.

        Raises:
            AssertionError: a refusal that is not one clear line.
            Exception: anything but the errors that are documented.
        """
        self.given += 1
        for read in (
            self._parse,
            self._head,
            self._repack,
            self._plugin,
            self._salvage,
            self._part,
        ):
            _accepted(partial(read, data))
        self.accepted += _accepted(partial(self._decode, data))

    def _parse(self, data: bytes) -> None:
        container.describe(data)
        container.read(data)

    def _head(self, data: bytes) -> None:
        container.read_head(io.BytesIO(data))

    def _repack(self, data: bytes) -> None:
        repack(data, self.codec, self.codec)

    def _decode(self, data: bytes) -> None:
        decoded = self.codec.decode(data, max_pixels=MAX_PIXELS)
        assert decoded.pixels.size

    def _salvage(self, data: bytes) -> None:
        salvaged = lcodec.salvage(data, codec=self.codec, max_pixels=MAX_PIXELS)
        assert salvaged.decoded.pixels.size
        assert salvaged.faults or not (salvaged.lost or salvaged.partial)

    def _part(self, data: bytes) -> None:
        limits = DecoderLimits.for_pixels(MAX_PIXELS)
        with lcodec.Reader(io.BytesIO(data), codec=self.codec, limits=limits) as reader:
            reader.read((0, 0, 1, 1))
            reader.read(scale=8)

    def _plugin(self, data: bytes) -> None:
        """Opening alone: the pixels take the same path as `_decode`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with Image.open(io.BytesIO(data), formats=["LIC"]) as image:
                    image.getexif()
                    image.info.get("icc_profile")
            except (OSError, Image.DecompressionBombError):
                return  # what Pillow's own plugins raise


def _accepted(read: Callable[[], None]) -> bool:
    """Whether it went through; a refusal must be one clear line."""
    try:
        read()
    except LcodecError as error:
        line = str(error)
        assert line and len(line.splitlines()) == 1 and len(line) <= 300, line
        return False
    return True


def seeds(codec: Codec) -> dict[str, bytes]:
    """Sound files of every mode, depth and form of metadata, each small."""
    colour, deep = picture(40, 70, 1), picture(24, 40, 3).astype(np.uint16) * 257
    alpha = np.zeros((40, 70), np.uint8)
    alpha[5:30, 9:50] = 200
    exif = Image.Exif()
    exif[0x010E] = "a description"
    exif[0x8769] = {0x9286: b"ASCII\0\0\0a comment"}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    metadata = Metadata(
        icc=profile, exif=exif.tobytes(), xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    )
    pictures = {
        "colour": Picture(colour),
        "tiles": Picture(picture(100, 140, 4)),
        "gray": Picture(picture(30, 20, 2)[:, :, 0]),
        "alpha": Picture(colour, alpha=alpha),
        "deep": Picture(deep, alpha=deep[:, :, 0]),
        "metadata": Picture(colour, metadata=metadata),
        "pixel": Picture(picture(1, 1, 5)),
    }
    files = {name: codec.encode(one, 60) for name, one in pictures.items()}
    return files | {"layer": encode_layered(codec, drawn(40, 130), 60)}


def tiny_codec() -> Codec:
    """Over the tiny model; the environment says where it is."""
    return Codec("groupedmixer", device="cpu", tile_edge=TILE_EDGE)
