"""Latents that nothing depends on: those well below a lossless layer are zero and not coded.

The networks' pictures of blocks that a layer covers are never seen. Only those beside the edge of
the layer are coded, because what is seen there depends on its neighbours.
"""

from __future__ import annotations

import numpy as np

from lcodec.coding.layer import Mask, decode_layer
from lcodec.container.tile import layer_size
from lcodec.entropy.interface import Extent
from lcodec.errors import FormatError
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.pipeline.outlines import shrunk


def skipped_positions(kept: Mask) -> Mask:
    """Latent positions (h / 16, w / 16), rounded up, of a tile that are not coded.

    ``kept`` (h, w) is where its layer counts. A position is skipped if all pixels of its block and
    of the eight around it are in the layer, as far as they are in the tile.
    """
    below, beside = (-side % PATCH for side in kept.shape)
    padded = np.pad(kept, ((0, below), (0, beside)), constant_values=True)
    h, w = (side // PATCH for side in padded.shape)
    return shrunk(np.asarray(padded.reshape(h, PATCH, w, PATCH).all((1, 3))))


def skipped_hyper(skipped: Mask | None, extent: Extent) -> Mask | None:
    """`hyper_of` positions, if any are skipped."""
    return None if skipped is None else hyper_of(skipped, extent)


def hyper_of(skipped: Mask, extent: Extent) -> Mask:
    """Hyper-latent positions (h / 4, w / 4) that are not coded: all of their latents are not."""
    pads = (0, extent.padded_h - extent.h), (0, extent.padded_w - extent.w)
    padded = np.pad(skipped, pads, constant_values=True)
    h, w = (side // HYPER_STRIDE for side in padded.shape)
    return np.asarray(padded.reshape(h, HYPER_STRIDE, w, HYPER_STRIDE).all((1, 3)))


def skipped_by(layer: bytes, extent: Extent) -> Mask | None:
    """`skipped_positions` of a layer's bitstream; None if there are none, or no layer.

    Raises:
        FormatError: the layer is damaged, or of a tile of another extent.
        UnsupportedError: the installed Pillow has no WebP.
    """
    if not layer:
        return None
    width, height = layer_size(layer)
    if (-(-height // PATCH), -(-width // PATCH)) != (extent.h, extent.w):
        raise FormatError(f"damaged: a lossless layer of {width} x {height} pixels")
    skipped = skipped_positions(decode_layer(layer, (height, width)).kept)
    return skipped if skipped.any() else None
