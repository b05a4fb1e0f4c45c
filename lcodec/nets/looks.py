"""Looks: what the decoded picture lacks goes back into the latents before they are coded.

The analysis is a network for all pictures, and its latents miss a picture by more than rounding
explains. So the encoder decodes them, sees what is wrong, and moves some by one step; nothing
changes for decoders. The first look is at pixels: latents that are off by more than half a step.
The second is at what is seen, if that is what the tune counts: each position tries to move the one
latent that promises most. Weights are trained with both (docs/effort.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.nets.steps import Histograms, curvature, judge
from lcodec.nets.transforms import PATCH, Transforms
from lcodec.nets.tune import Tune
from lcodec.nets.worth import Distortion, counts_what_is_seen, keeps_colours, worth_at

VERSION = 1
"""To be raised when the looks move other latents for another reason than a constant.

Latents that a training run has on file from before are then not taken for those of today.
"""
SQUARE = 32  # latent positions: 512 pixels
LEAST_GAIN = 5.0
"""Bits that a move must promise. Small promises are not kept: SSIMULACRA2 bends within a step."""
ROUNDS = 3
"""Most rounds of the second look; each gains less than the one before for the same time."""
WORTH_GOING_ON = 0.3
"""Share of the positions outside smooth areas that must keep a move for another round."""
MOST_ERROR = 1.05
"""Factor by which moves may raise the squared error of 16x16 pixels, whatever they gain otherwise.

The bound on single colours (`lcodec.nets.worth`) is wider, and holds, too.
"""

Show = Callable[[Tensor], Tensor]
"""Pixels (B, 3, 16h, 16w), as they are seen, of symbols (B, latent, h, w)."""


def after_looks(
    transforms: Transforms, tune: Tune, y: Tensor, pixels: Tensor, quality: Tensor
) -> Tensor:
    """y (B, latent, h, w) in steps, moved by the looks of a tune at what it decodes to.

    What is coded is the result, rounded. ``pixels`` (B, 3, 16h, 16w) in [0, 1], ``quality`` (B,).
    Latents that moved are integers without a gradient. The way from y to these is no longer
    rounding: one at 0.45 that was moved to 1 would hear that 2 is worse, and go down.
    """

    def show(symbols: Tensor) -> Tensor:
        return transforms.show(symbols, quality)

    with torch.no_grad():
        symbols = torch.round(y)
        moves = moves_for_pixels(transforms, pixels, show(symbols), quality)
        height, width = pixels.shape[2:]
        if counts_what_is_seen(tune, (height, width)):
            moves += moves_for_eyes(transforms, tune, pixels, show, symbols + moves, quality)
    return torch.where(moves == 0, y, symbols + moves)


def moves_for_pixels(
    transforms: Transforms, pixels: Tensor, shown: Tensor, quality: Tensor
) -> Tensor:
    """By how many steps, -1 to 1, latents should move for the decoded pixels to become better.

    (B, latent, h, w) from two (B, 3, 16h, 16w) in [0, 1]: those wanted and those ``shown``.
    What is missing is seen through the linear branch of the analysis, which is nearly the
    inverse of the synthesis: one step of back-projection, which Irani and Peleg (1991) used
    for super-resolution.
    """
    with torch.autocast(pixels.device.type, enabled=False):
        missing = transforms.analysis.linear(F.pixel_unshuffle(pixels - shown, PATCH))
    return (missing * transforms.gains(quality)[:, :, None, None]).round().clamp(-1.0, 1.0)


@torch.inference_mode(mode=False)  # a gradient, even if the caller has disabled them
def moves_for_eyes(
    transforms: Transforms,
    tune: Tune,
    pixels: Tensor,
    show: Show,
    symbols: Tensor,
    quality: Tensor,
    gray: bool = False,
) -> Tensor:
    """By how many steps latents should move for the picture to look better.

    (B, latent, h, w), from ``symbols``, rounded latents, for each picture by itself. ``show``
    decodes them, as the means of the colours if ``gray``. What the distortion is worth to a
    ``tune`` that counts what is seen has a gradient, which passes to the latents through the linear
    branch of the synthesis; own bits are those of the channel's histogram. Each position that is
    not in a smooth area tries the latent that promises most; then the picture is decoded again, and
    the move stays where 16x16 pixels and own bits cost less and the squared error is hardly larger.
    A latent whose move was taken back does not move again. All this up to `ROUNDS` times, as long
    as many moves stay.

    Pictures are seen in squares of up to `SQUARE` positions, so that memory is bounded and tiles do
    not depend on each other; and not at the finest scale of SSIMULACRA2, which takes most of the
    time and hardly ever decides.
    """
    symbols = symbols.float()
    worth = worth_at(tune, quality, (pixels.shape[2], pixels.shape[3]))
    with torch.no_grad():
        shown = show(symbols).float().clone(memory_format=torch.contiguous_format)
        moved, refused = symbols.clone(), torch.zeros_like(symbols, dtype=torch.bool)
        squares = []
        for place, part in _squares(symbols):
            distortion = Distortion(worth, pixels[place].clone(), finest=False)
            squares.append(_Square(transforms, quality, distortion, gray, place, part))
        rough = sum(square.rough.sum((1, 2, 3)) for square in squares)
        goes_on = torch.ones_like(quality, dtype=torch.bool)
        for _ in range(ROUNDS):
            trials = [square.try_moves(shown, moved, refused) for square in squares]
            tried = moved.clone()
            for square, trial in zip(squares, trials, strict=True):
                tried[square.part] += trial.moves
            after = show(tried).float()
            kept = torch.zeros_like(quality)
            for square, trial in zip(squares, trials, strict=True):
                better = square.are_better(after, trial) & goes_on[:, None, None, None]
                moves = trial.moves * better
                refused[square.part] |= moves != trial.moves
                kept += moves.any(1).sum((1, 2))
                moved[square.part] += moves
                # What the next round begins with, without decoding once more.
                back = _enlarged(trial.moves.any(1, keepdim=True) & ~better)
                place = square.place
                shown[place] = torch.where(back, shown[place], after[place])
            goes_on = kept > WORTH_GOING_ON * rough
            # Other devices are not asked, which would wait for them; there, no more moves are kept.
            if goes_on.device.type == "cpu" and not goes_on.any():
                break
    return moved - symbols


def _enlarged(positions: Tensor) -> Tensor:
    """The pixels (B, 1, 16h, 16w) of positions (B, 1, h, w)."""
    return positions.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)


def _squares(symbols: Tensor) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Places of all squares, in pixels and in latents."""
    whole = slice(None), slice(None)
    rows, columns = (_parts(length) for length in symbols.shape[2:])
    return [
        (
            (*whole, slice(PATCH * top, PATCH * bottom), slice(PATCH * left, PATCH * right)),
            (*whole, slice(top, bottom), slice(left, right)),
        )
        for top, bottom in rows
        for left, right in columns
    ]


def _parts(length: int) -> list[tuple[int, int]]:
    """The range divided as evenly as possible into as few parts of up to `SQUARE` as possible."""
    count = -(-length // SQUARE)
    ends = [length * number // count for number in range(count + 1)]
    return list(pairwise(ends))


@dataclass(frozen=True)
class _Trial:
    """Moves (B, latent, h, w) to try.

    ``costs`` (B, h, w) are what they must fall below: of pixels without the moves, less what the
    moves add to the bits. ``norms`` are those of `LocalDistance`.
    """

    moves: Tensor
    costs: Tensor
    norms: tuple[Tensor, ...]


@dataclass
class _Square:
    """A square of pictures, and what its ``distortion`` is worth.

    It is at ``place`` among the pixels and at ``part`` among the latents. ``errors`` (B, C, h, w)
    are its squared errors before the first round.
    """

    transforms: Transforms
    quality: Tensor
    distortion: Distortion
    gray: bool
    place: tuple[slice, ...]
    part: tuple[slice, ...]
    errors: Tensor | None = None

    @property
    def rough(self) -> Tensor:
        """The positions (B, 1, h, w) that are not in smooth areas."""
        return ~self.distortion.smooth[:, None]

    def try_moves(self, shown: Tensor, symbols: Tensor, refused: Tensor) -> _Trial:
        """At each position the move that promises most, if it is enough.

        Latents ``refused`` are not tried: they would promise what they promised. Pixels, symbols
        and refused latents are those of the whole picture.
        """
        symbols = symbols[self.part]
        with torch.autocast(symbols.device.type, enabled=False):
            with torch.enable_grad():
                seen = shown[self.place].detach().requires_grad_()
                found = self.distortion.of(seen)
                (slope,) = torch.autograd.grad(found.cells.sum(), [seen])
            if self.errors is None:
                self.errors = found.errors
            bits = Histograms(symbols).bits
            slope = self._to_latents(slope)
            bend = curvature(self.transforms, self.quality, self.distortion.worth.error, self.gray)
            gain, step = judge(symbols, bits, slope, bend, SYMBOL_LIMIT)
            most, place = gain.masked_fill(refused[self.part], 0.0).max(1, keepdim=True)
            step = torch.gather(step, 1, place) * ((most >= LEAST_GAIN) & self.rough)
            moves = torch.zeros_like(symbols).scatter_(1, place, step)
            more = (bits(symbols + moves) - bits(symbols)).sum(1)
        return _Trial(moves, found.cells.detach() - more, found.norms)

    def are_better(self, shown: Tensor, trial: _Trial) -> Tensor:
        """Where the moves of a trial, now ``shown``, are better than before (B, 1, h, w)."""
        assert self.errors is not None
        shown = shown[self.place]
        with torch.autocast(shown.device.type, enabled=False):
            found = self.distortion.of(shown, trial.norms)
        cheaper = found.cells < trial.costs
        hardly_worse = found.errors.mean(1) <= MOST_ERROR * self.errors.mean(1)
        return (cheaper & hardly_worse & keeps_colours(found.errors, self.errors))[:, None]

    def _to_latents(self, slope: Tensor) -> Tensor:
        """A gradient by pixels as one by latents (B, latent, h, w)."""
        if self.gray:
            slope = slope.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        through = self.transforms.synthesis.linear.weight.transpose(0, 1).float()
        inverse = self.transforms.gains.inverse(self.quality)[:, :, None, None]
        return F.conv2d(F.pixel_unshuffle(slope, PATCH), through) * inverse
