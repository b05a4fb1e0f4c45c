"""What the eye finds in smooth areas: squares, and colours that have moved.

Learned and classical codecs alike work in blocks. In skies, skin and blurred backgrounds their
borders show as steps, and blocks whose mean has moved show as blotches; measures of whole pictures
hardly see either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lcodec.metrics.distortion import same_shape
from lcodec.picture import Samples

BLOCK = 16
"""Side of the blocks looked at, in pixels: a latent position, and a common size of others."""

_CALM = 2.0  # levels of 255 by which neighbours in a smooth block of the original may differ

_Planes = NDArray[np.float64]


def smooth_blocks(reference: Samples) -> NDArray[np.bool_]:
    """Which whole blocks (H // 16, W // 16) of a picture are smooth.

    The mean difference between neighbours is small in the block and in those around it, in every
    channel.
    """
    planes = _levels(reference)
    rough = np.zeros(planes.shape[:2])
    for axis in (0, 1):
        steps = np.abs(np.diff(planes, axis=axis)).max(2)
        rough += np.pad(steps, ((0, 1 - axis), (0, axis)))
    means = _block_means(rough[..., None])[..., 0] / 2.0
    around = np.pad(means, 1, mode="edge")
    h, w = means.shape
    worst = np.max([around[y : y + h, x : x + w] for y in range(3) for x in range(3)], axis=0)
    calm: NDArray[np.bool_] = worst < _CALM
    return calm


def blockiness(reference: Samples, decoded: Samples) -> float | None:
    """Steps at the borders of blocks beyond those beside them, in smooth areas of the reference.

    In levels of 255, mean over both directions and all channels; what the reference itself has is
    taken away. None if it has no two smooth blocks side by side.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    reference, decoded = same_shape(reference, decoded)
    smooth = smooth_blocks(reference)
    found = [_border_steps(_levels(picture), smooth) for picture in (decoded, reference)]
    if found[0] is None or found[1] is None:
        return None
    return found[0] - found[1]


def drift(reference: Samples, decoded: Samples) -> float | None:
    """How far the means of smooth blocks have moved: root mean square, in levels of 255.

    Over all channels; None if the reference has no smooth block.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    reference, decoded = same_shape(reference, decoded)
    smooth = smooth_blocks(reference)
    if not smooth.any():
        return None
    moved = _block_means(_levels(decoded)) - _block_means(_levels(reference))
    return float(np.sqrt(np.square(moved[smooth]).mean()))


def _levels(pixels: Samples) -> _Planes:
    scaled: _Planes = pixels.astype(np.float64) * (255.0 / float(np.iinfo(pixels.dtype).max))
    return scaled.reshape(*pixels.shape[:2], -1)


def _block_means(planes: _Planes) -> _Planes:
    h, w = (side // BLOCK for side in planes.shape[:2])
    whole = planes[: h * BLOCK, : w * BLOCK].reshape(h, BLOCK, w, BLOCK, -1)
    means: _Planes = whole.mean((1, 3))
    return means


def _border_steps(planes: _Planes, smooth: NDArray[np.bool_]) -> float | None:
    """Mean step between smooth blocks less the mean step inside of them."""
    excess = []
    for turned, calm in ((planes, smooth), (planes.swapaxes(0, 1), smooth.T)):
        h, w = calm.shape
        rows = turned[: h * BLOCK, : w * BLOCK]
        steps = np.abs(np.diff(rows, axis=1, prepend=rows[:, :1]))
        blocks = steps.reshape(h, BLOCK, w, BLOCK, -1).mean((1, 4))  # (h, w, 16): by column
        both = calm[:, 1:] & calm[:, :-1]
        if both.any():
            # The middle of a block is as far from borders of its halves as can be.
            inside = blocks[:, 1:, [3, 4, 5, 6, 10, 11, 12, 13]].mean(2)
            excess.append((blocks[:, 1:, 0] - inside)[both])
    return float(np.concatenate(excess).mean()) if excess else None
