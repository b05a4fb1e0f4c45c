"""What a file carries besides its pixels, as found; `lcodec.picture.metadata` chooses from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcodec.picture.colour import Space

UNREADABLE = b"\0"
"""Stands for EXIF data that exists but cannot be read."""


@dataclass
class Carried:
    """Metadata of one file or image; each kind as bytes, or None.

    Attributes:
        icc: colour profile.
        exif: TIFF structure, without a prefix, its orientation as in the file.
        xmp: packet, with extended parts merged in.
        orientation: stated by the format itself; overrides those of EXIF and XMP.
        icc_from_figures: a profile made from the file's other colour information.
        text: XMP properties, from fields that are not XMP.
        frames: number of pictures in the file.
        shown: which of them it is, from 1.
        lost: descriptions of what cannot be kept.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    orientation: int | None = None
    icc_from_figures: bytes | None = None
    text: dict[str, list[str]] = field(default_factory=dict)
    frames: int = 1
    shown: int = 1
    lost: list[str] = field(default_factory=list)

    def set_space(self, space: Space) -> None:
        """Take over the colour space that the file states other than by a profile."""
        self.icc_from_figures = space.icc
        if space.lost:
            self.lost.append(space.lost)

    def add_text(self, properties: dict[str, list[str]]) -> None:
        """Add properties that do not exist yet."""
        for name, values in properties.items():
            self.text.setdefault(name, values)
