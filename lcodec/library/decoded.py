"""The result of decoding a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import DTypeLike, NDArray

from lcodec.container import Header
from lcodec.picture import Metadata, Picture, Samples, to_pil

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, repr=False)
class Decoded:
    """A decoded file.

    Attributes:
        picture: pixels, alpha and metadata, of the source's mode and depth. Pixels that alpha
            makes invisible are 0.
        header: header of the file.
        timings: seconds by stage.
    """

    picture: Picture
    header: Header
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def pixels(self) -> Samples:
        """The pixels: uint8 or uint16, (H, W) or (H, W, 3)."""
        return self.picture.pixels

    @property
    def alpha(self) -> Samples | None:
        """The alpha plane, (H, W) of the type of the pixels, or None."""
        return self.picture.alpha

    @property
    def metadata(self) -> Metadata:
        """Colour profile, EXIF and XMP."""
        return self.picture.metadata

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Pixels as one array, alpha as the last channel if there is one; see `Picture`."""
        return self.picture.__array__(dtype, copy)

    def __repr__(self) -> str:
        shown = repr(self.picture).removeprefix("<lcodec.Picture ").removesuffix(">")
        return f"<lcodec.Decoded {shown}, quality {self.header.quality}>"

    def to_image(self) -> Image:
        """As a Pillow image of mode L, LA, RGB, RGBA or I;16, metadata in its ``info``.

        Pillow has no mode for other 16-bit pictures: they are reduced to 8 bits.
        """
        return to_pil(self.picture)
