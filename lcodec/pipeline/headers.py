"""Headers of files from the pictures they are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lcodec.container import Alpha, Header
from lcodec.integer import profile as P
from lcodec.limits import DEFAULT_MAX_PIXELS, DecoderLimits
from lcodec.picture import Picture
from lcodec.pipeline import sidedata

if TYPE_CHECKING:
    from lcodec.picture.rows import Rows
    from lcodec.weights.load import LoadedModel


def header_of(
    picture: Picture | Rows, loaded: LoadedModel, tile_edge: int
) -> Callable[[int], Header]:
    """A function from the quality to the header of a picture's file."""
    return partial(
        Header,
        picture.width,
        picture.height,
        3 if picture.channels == 3 else 1,
        8 if picture.bit_depth == 8 else 16,
        tile_edge=tile_edge,
        profile=P.PROFILE,
        entropy_model=loaded.entropy.fourcc,
        model_id=loaded.model_id,
        alpha=sidedata.alpha_kind(picture) if isinstance(picture, Picture) else Alpha.NONE,
    )


def check_shape(header: Header) -> None:
    """Reject a picture of a shape that decoders reject; callers limit its size.

    Raises:
        InputError: the picture is too thin to be decoded within `DecoderLimits`.
    """
    DecoderLimits.for_pixels(max(header.pixels, DEFAULT_MAX_PIXELS)).check(header)
