"""Artefacts that the eye finds in smooth areas: blocking, and shifted colours.

Learned and classical codecs alike work in blocks. In skies, skin and blurred backgrounds their
borders show as steps, and blocks whose mean has shifted show as blotches; measures of whole
pictures hardly notice either.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.metrics.distortion import same_shape
from lcodec.picture import Samples

BLOCK = 16
"""Side of the blocks in pixels: that of a latent position, and of other codecs' blocks."""

_SHALLOW = 2.0  # levels of 255 from which on the square of a step outweighs the step itself
_CALM = 2.0  # levels of 255 by which neighbours in a smooth block of the original may differ
# The middle of each half of a block, as far from borders of 8 or 16 pixels as possible.
_INSIDE = [3, 4, 5, 6, 10, 11, 12, 13]


def smooth_blocks(planes: Tensor) -> Tensor:
    """Mask (B, H // 16, W // 16) of the whole blocks of pictures that are smooth.

    ``planes`` (B, C, H, W) in levels of 255. In a smooth block and those around it, the mean
    difference between neighbours is small in every channel. Empty if there is no whole block.
    """
    h, w = (side // BLOCK for side in planes.shape[2:])
    if min(h, w) < 1:
        return torch.zeros(len(planes), h, w, dtype=torch.bool, device=planes.device)
    across = F.pad((planes[..., 1:] - planes[..., :-1]).abs().amax(1, keepdim=True), (0, 1))
    down = F.pad(
        (planes[..., 1:, :] - planes[..., :-1, :]).abs().amax(1, keepdim=True), (0, 0, 0, 1)
    )
    means = _block_means(across + down) / 2.0
    return F.max_pool2d(means, 3, 1, 1)[:, 0] < _CALM


def unrest(reference: Tensor, decoded: Tensor) -> Tensor:
    """How much blocking and blotches show in smooth areas of each picture (B,); differentiable.

    The sum of squared shifts of block means and, for each step s of the error across a block border
    (mean along half a border), s^2 + 2 |s|, in levels of 255: means over all blocks, where blocks
    that are not smooth count 0. Squares alone would leave shallow steps alone, which are visible
    along a whole sky. ``reference`` and ``decoded`` (B, C, H, W) in [0, 1]; float32 whatever the
    caller's autocast. 0 if there is no whole block.
    """
    with torch.autocast(reference.device.type, enabled=False), torch.no_grad():
        smooth = smooth_blocks(255.0 * reference.float())
    return unrest_by_block(reference, decoded, smooth).sum((1, 2))


def unrest_by_block(reference: Tensor, decoded: Tensor, smooth: Tensor) -> Tensor:
    """What each whole block adds to `unrest` (B, H // 16, W // 16); borders count half for each.

    ``smooth`` is the mask of the blocks that count, `smooth_blocks` of the reference.
    """
    h, w = smooth.shape[1:]
    if min(h, w) < 1:
        return decoded.new_zeros(len(decoded), h, w)
    with torch.autocast(reference.device.type, enabled=False):
        error = 255.0 * (decoded.float() - reference.float())
        moved = _block_means(error).square().mean(1)
        total = moved * smooth / (h * w)
        for turned, calm in ((error, smooth), (error.transpose(2, 3), smooth.transpose(1, 2))):
            rows, columns = calm.shape[1:]
            if columns == 1:
                continue
            size = _border_steps(turned).mean(-1).abs()
            steps = (size * (size + _SHALLOW)).mean((1, -1)) * (calm[:, :, 1:] & calm[:, :, :-1])
            halves = steps / (2 * rows * (columns - 1))
            by_block = F.pad(halves, (0, 1)) + F.pad(halves, (1, 0))
            total = total + (by_block if turned is error else by_block.transpose(1, 2))
        return total


def blockiness(reference: Samples, decoded: Samples) -> float | None:
    """By how much steps at block borders exceed those inside, in smooth areas of the reference.

    In levels of 255, mean over both directions and all channels; the reference's own value is
    subtracted. None if it has no two smooth blocks side by side.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    reference, decoded = same_shape(reference, decoded)
    original = _levels(reference)
    smooth = smooth_blocks(original)
    found = [_excess(planes, smooth) for planes in (_levels(decoded), original)]
    if not len(found[0]):
        return None
    return float(found[0].mean() - found[1].mean())


def drift(reference: Samples, decoded: Samples) -> float | None:
    """How far the means of smooth blocks have shifted: root mean square, in levels of 255.

    Over all channels; None if the reference has no smooth block.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    reference, decoded = same_shape(reference, decoded)
    original = _levels(reference)
    smooth = smooth_blocks(original)[0]
    if not smooth.any():
        return None
    moved = _block_means(_levels(decoded) - original)[0, :, smooth]
    return float(moved.square().mean().sqrt())


def _levels(pixels: Samples) -> Tensor:
    """Planes (1, C, H, W) in levels of 255."""
    scaled = pixels.astype(np.float64) * (255.0 / float(np.iinfo(pixels.dtype).max))
    return torch.from_numpy(scaled.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)[None]


def _block_means(planes: Tensor) -> Tensor:
    """Means (B, C, H // 16, W // 16) of whole blocks."""
    return F.avg_pool2d(planes, BLOCK)


def _border_steps(planes: Tensor) -> Tensor:
    """Steps over vertical borders of whole blocks (B, C, h, w - 1, 2, 8), by halves of borders."""
    h, w = (side // BLOCK for side in planes.shape[2:])
    right = planes[:, :, : h * BLOCK, BLOCK : w * BLOCK : BLOCK]
    left = planes[:, :, : h * BLOCK, BLOCK - 1 : (w - 1) * BLOCK : BLOCK]
    steps: Tensor = (right - left).reshape(*planes.shape[:2], h, 2, BLOCK // 2, w - 1)
    return steps.movedim(-1, 3)


def _excess(planes: Tensor, smooth: Tensor) -> Tensor:
    """Mean steps between smooth blocks less those inside of them, over all borders (n,)."""
    excess = []
    for turned, calm in ((planes, smooth[0]), (planes.transpose(2, 3), smooth[0].T)):
        both = calm[:, 1:] & calm[:, :-1]
        border = _border_steps(turned).abs().mean((0, 1, 4, 5))
        h, w = calm.shape
        rows = turned[:, :, : h * BLOCK, : w * BLOCK]
        steps = F.pad((rows[..., 1:] - rows[..., :-1]).abs(), (1, 0))
        by_column = steps.reshape(*steps.shape[:2], h, BLOCK, w, BLOCK).mean((0, 1, 3))
        excess.append((border - by_column[:, 1:, _INSIDE].mean(2))[both])
    return torch.cat(excess)
