"""A filter over the borders of blocks in smooth areas, at the end of the synthesis.

Blocks of one latent position meet in steps of a fraction of a level, invisible one by one, but
they lie in a line. Video codecs filter such borders where both sides are flat (the loop filters of
H.264 and AV1); this does the same in floating point, and continuously, so that networks can be
trained with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lcodec.format import PATCH, QUALITY_MAX
from lcodec.modules.quality import QualityTable
from lcodec.modules.typed import Typed

_REACH = PATCH // 2  # pixels on each side of a border that may change
_STEP, _SLOPE = 2.73, 0.82  # limits at quality 0, in levels of 255
_HALVED = 40.0  # qualities in which they fall to one half
# Of each side of a border: the pixels whose differences tell how flat it is.
_LEFT = (_REACH - 1, _REACH - 4, _REACH - 7)
_RIGHT = (_REACH, _REACH + 3, _REACH + 6)
_APART = 3.0


class Deblocking(Typed[[Tensor, Tensor], Tensor]):
    """Turn small steps at block borders in smooth areas into ramps of one block's length.

    The step is how much two neighbouring pixels at a border differ beyond the mean slope of both
    sides. It is taken out where it and the steepest slope of both sides, over all channels, are
    below limits that depend on the quality (`log_limits`: logarithms, in levels of 255); between
    one and two times a limit the effect fades.
    """

    def __init__(self, anchors: int) -> None:
        super().__init__()
        fall = torch.linspace(0.0, QUALITY_MAX / _HALVED * math.log(2.0), anchors)[:, None]
        start = torch.tensor([math.log(_STEP), math.log(_SLOPE)])
        self.log_limits = QualityTable(anchors, 2, start - fall)
        self.log_limits.requires_grad_(False)  # a large one would hide steps from the loss

    def forward(self, pixels: Tensor, quality: Tensor) -> Tensor:
        """Filtered pixels (B, C, 16h, 16w) in [0, 1], first across vertical borders.

        Without gradients, ``pixels`` are overwritten.
        """
        step, slope = (self.log_limits(quality).exp() / 255.0).float().unbind(1)
        limits = step[:, None, None, None], slope[:, None, None, None]
        across = _filtered(pixels, *limits)
        return _filtered(across.transpose(2, 3), *limits).transpose(2, 3)


def _filtered(pixels: Tensor, step: Tensor, slope: Tensor) -> Tensor:
    """Pixels (B, C, H, W) filtered across vertical borders; limits (B, 1, 1, 1)."""
    borders = pixels.shape[3] // PATCH - 1
    if not borders:
        return pixels
    inner = slice(_REACH, _REACH + PATCH * borders)
    part = pixels[..., inner]
    around = part.view(*part.shape[:3], borders, PATCH)  # a border in the middle of each
    near, middle, far = (around[..., i] for i in _LEFT)
    right_near, right_middle, right_far = (around[..., i] for i in _RIGHT)
    left, right = near - middle, right_middle - right_near
    rises = torch.stack((middle - far, left, right, right_far - right_middle))
    steepest = rises.abs().amax((0, 2)).unsqueeze(1) / _APART
    excess = right_near - near - (left + right) / (2.0 * _APART)
    largest = excess.abs().amax(1, keepdim=True)
    share = (2.0 - steepest / slope).clamp(0.0, 1.0) * (2.0 - largest / step).clamp(0.0, 1.0)
    change = (excess * share).unsqueeze(-1) * _ramp(pixels)
    if not torch.is_grad_enabled():
        around += change
        return pixels
    parts = pixels[..., :_REACH], (around + change).flatten(3), pixels[..., inner.stop :]
    return torch.cat(parts, 3)


def _ramp(like: Tensor) -> Tensor:
    """Shares of a step (16,) that the pixels on both sides of a border take over."""
    falling = 0.5 - (torch.arange(_REACH, device=like.device, dtype=like.dtype) + 0.5) / PATCH
    return torch.cat((falling.flip(0), -falling))
