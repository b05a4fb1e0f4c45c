"""Headers of the files that are made of pictures."""

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
    """What makes the header of a picture's file for a quality."""
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
    """What nobody would decode is not encoded; how large it may be is for callers to say.

    Raises:
        InputError: a picture too thin to be decoded within `DecoderLimits`.
    """
    DecoderLimits.for_pixels(max(header.pixels, DEFAULT_MAX_PIXELS)).check(header)
