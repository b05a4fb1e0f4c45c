"""What a file carries beside its pixels, as found; `lcodec.picture.metadata` decides over it."""

from __future__ import annotations

from dataclasses import dataclass, field

UNREADABLE = b"\0"
"""In the place of EXIF data that is there but cannot be had."""


@dataclass
class Carried:
    """Of one file or image; each kind as bytes, or None.

    Attributes:
        icc: colour profile.
        exif: TIFF structure, without a prefix, its orientation as in the file.
        xmp: packet, extended parts merged into it.
        orientation: that the format itself states, which overrules those of EXIF and XMP.
        icc_from_figures: a profile made of what the file says of its colours otherwise.
        text: XMP properties, from fields that are not XMP.
        frames: pictures in the file.
        lost: words for what cannot be kept.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    orientation: int | None = None
    icc_from_figures: bytes | None = None
    text: dict[str, list[str]] = field(default_factory=dict)
    frames: int = 1
    lost: list[str] = field(default_factory=list)

    def add_text(self, properties: dict[str, list[str]]) -> None:
        """Properties that are not there yet."""
        for name, values in properties.items():
            self.text.setdefault(name, values)
