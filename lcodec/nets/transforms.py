"""Analysis and synthesis transforms, and the hyper-analysis.

Networks work at 1/8 resolution and below; in larger ones a small part joins at 1/4. A linear 16x16
transform (the KLT of training patches at the start) runs beside each network, whose last layer
starts at zero, so that the codec begins as a working transform codec (the idea of AuxT, arXiv
2501.13751, with principal components in place of wavelets). Blocks follow the DCVC-RT family: 1x1
convolutions, one 3x3 depthwise convolution, a 1x1 feed-forward. Activations grow at most linearly
with their input.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lcodec.format import HYPER_STRIDE as HYPER_STRIDE
from lcodec.format import PATCH as PATCH
from lcodec.format import QUALITY_MAX
from lcodec.modules.defaults import ANCHORS, HYPER_LATENT, LATENT
from lcodec.modules.quality import QualityTable, quality_lambda
from lcodec.modules.typed import Conv2d, Sequential, Typed
from lcodec.nets.deblocking import Deblocking


@dataclass(frozen=True)
class TransformConfig:
    """Sizes of the transforms.

    Attributes:
        latent, hyper_latent: channels of y and of z.
        width4, width8, width16: channels at 1/4, 1/8 and 1/16 of the size of pictures.
        analysis4, analysis8, analysis16: numbers of blocks of the analysis there.
        synthesis16, synthesis8, synthesis4: numbers of blocks of the synthesis.
        hyper_width: channels of the hyper-analysis.
        anchors: qualities that tables have vectors for.
        deblocking: whether the synthesis ends with `Deblocking`.
    """

    latent: int = LATENT
    width8: int = 192
    width16: int = 256
    analysis8: int = 4
    analysis16: int = 6
    synthesis16: int = 6
    synthesis8: int = 6
    hyper_width: int = 192
    hyper_latent: int = HYPER_LATENT
    anchors: int = ANCHORS
    deblocking: bool = False
    width4: int = 96
    analysis4: int = 0
    synthesis4: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON.

        Nothing is said of what is not there, as in the models from before there was any: ids
        cover these sizes.
        """
        told = asdict(self)
        if not self.deblocking:
            del told["deblocking"]
        if not (self.analysis4 or self.synthesis4):
            del told["width4"], told["analysis4"], told["synthesis4"]
        return told

    @property
    def synthesis_halo(self) -> int:
        """Receptive field of the synthesis on each side, in latent positions (one to spare)."""
        return self.synthesis16 + _reach(self.synthesis8, self.synthesis4) + 1

    @property
    def analysis_halo(self) -> int:
        """Receptive field of the analysis on each side, in latent positions."""
        return self.analysis16 + _reach(self.analysis8, self.analysis4) + 1


def _reach(blocks8: int, blocks4: int) -> int:
    """How far blocks at 1/8 and at 1/4 see on each side, in latent positions."""
    return math.ceil((blocks8 + 1 + blocks4 / 2) / 2)


class Block(Typed[[Tensor], Tensor]):
    """Residual block: 1x1, activation, 3x3 depthwise, 1x1; then a 1x1 feed-forward."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = Conv2d(width, width, 1)
        self.spatial = Conv2d(width, width, 3, padding=1, groups=width)
        self.project = Conv2d(width, width, 1)
        self.up = Conv2d(width, 2 * width, 1)
        self.down = Conv2d(2 * width, width, 1)
        for last in (self.project, self.down):
            last.start_near_zero(0.1 / math.sqrt(last.in_channels))

    def forward(self, x: Tensor) -> Tensor:
        spare = not torch.is_grad_enabled()  # then intermediate results are not needed
        x = _sum(self.project(self.spatial(F.hardswish(self.expand(x), spare))), x, spare)
        return _sum(self.down(F.hardswish(self.up(x), spare)), x, spare)


def _sum(update: Tensor, x: Tensor, spare: bool) -> Tensor:
    """Add, overwriting ``update`` if ``spare``."""
    return update.add_(x) if spare else x + update


def _blocks(width: int, count: int) -> Sequential:
    return Sequential(*(Block(width) for _ in range(count)))


class Modulation(Typed[[Tensor, Tensor], Tensor]):
    """Per-channel scale and shift that depend on the quality."""

    def __init__(self, anchors: int, width: int) -> None:
        super().__init__()
        self.scale = QualityTable(anchors, width, 1.0)
        self.shift = QualityTable(anchors, width, 0.0)

    def forward(self, x: Tensor, quality: Tensor) -> Tensor:
        scale = self.scale(quality).to(x.dtype)[:, :, None, None]
        return x * scale + self.shift(quality).to(x.dtype)[:, :, None, None]


class Gains(Typed[[Tensor], Tensor]):
    """Quantisation gain per channel and quality, for the encoder and for the decoder.

    Starts at the high-rate optimum ``255 * sqrt(lambda / 26)`` of a uniform quantiser behind an
    orthonormal transform. ``deviation`` (latent,) holds the standard deviation of each component
    in pixel units; the networks use it to normalise latents.
    """

    deviation: Tensor

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        last = config.anchors - 1
        rows = [
            math.log(255.0 * math.sqrt(quality_lambda(QUALITY_MAX * i / last) / 26.0))
            for i in range(config.anchors)
        ]
        start = torch.tensor(rows)[:, None].expand(-1, config.latent)
        self.log_gain = QualityTable(config.anchors, config.latent, start)
        self.log_correction = QualityTable(config.anchors, config.latent, 0.0)
        self.register_buffer("deviation", torch.ones(config.latent))

    def forward(self, quality: Tensor) -> Tensor:
        """Encoder gains (B, latent): quantisation steps per pixel unit."""
        return self.log_gain(quality).exp()

    def inverse(self, quality: Tensor) -> Tensor:
        """Decoder gains (B, latent): pixel units per quantisation step."""
        return (self.log_correction(quality) - self.log_gain(quality)).exp()


class AnalysisStart(NamedTuple):
    """The part of the analysis that all qualities share.

    Attributes:
        features: (B, width8, H/8, W/8).
        linear: (B, latent, H/16, W/16), the linear branch.
    """

    features: Tensor
    linear: Tensor


class FineAnalysis(Typed[[Tensor], Tensor]):
    """Blocks at 1/4: pixels (B, 3, H, W) less 1/2 -> (B, width8, H/8, W/8), added to features."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        self.enter = Conv2d(3 * 16, config.width4, 1)
        self.blocks4 = _blocks(config.width4, config.analysis4)
        self.reduce = Conv2d(4 * config.width4, config.width8, 1)
        self.reduce.start_at_zero()

    def forward(self, centred: Tensor) -> Tensor:
        h = self.blocks4(self.enter(4.0 * F.pixel_unshuffle(centred, 4)))
        return self.reduce(F.pixel_unshuffle(h, 2))


class FineSynthesis(Typed[[Tensor], Tensor]):
    """Blocks at 1/4: features (B, width8, H/8, W/8) -> (B, 3, H, W), added to the network's."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        self.expand = Conv2d(config.width8, 4 * config.width4, 1)
        self.blocks4 = _blocks(config.width4, config.synthesis4)
        self.leave = Conv2d(config.width4, 3 * 16, 1)
        self.leave.start_at_zero()

    def forward(self, features: Tensor) -> Tensor:
        h = self.blocks4(F.pixel_shuffle(self.expand(features), 2))
        return F.pixel_shuffle(self.leave(h), 4).float()


class Analysis(Typed[[Tensor, Tensor, Tensor], Tensor]):
    """g_a: pixels (B, 3, H, W) in [0, 1], H and W multiples of 16 -> y (B, latent, H/16, W/16)."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        self.linear = Conv2d(3 * PATCH * PATCH, config.latent, 1, bias=False)
        self.enter = Conv2d(3 * 64, config.width8, 1)
        self.blocks8 = _blocks(config.width8, config.analysis8)
        self.modulation = Modulation(config.anchors, config.width8)
        self.reduce = Conv2d(4 * config.width8, config.width16, 1)
        self.blocks16 = _blocks(config.width16, config.analysis16)
        self.leave = Conv2d(config.width16, config.latent, 1)
        self.leave.start_at_zero()
        self.fine = FineAnalysis(config) if config.analysis4 else None

    def forward(self, pixels: Tensor, quality: Tensor, deviation: Tensor) -> Tensor:
        """Latents in pixel units, before the quantisation gain."""
        return self.finish(self.begin(pixels), quality, deviation)

    def begin(self, pixels: Tensor) -> AnalysisStart:
        """The part that all qualities share."""
        centred = pixels - 0.5
        features = self.enter(4.0 * F.pixel_unshuffle(centred, 8))
        if self.fine is not None:
            features = features + self.fine(centred)
        features = self.blocks8(features)
        # Its largest outputs are thousands of steps, of which bfloat16 would keep every eighth.
        with torch.autocast(pixels.device.type, enabled=False):
            linear = self.linear(F.pixel_unshuffle(centred, PATCH).float())
        return AnalysisStart(features, linear)

    def finish(self, start: AnalysisStart, quality: Tensor, deviation: Tensor) -> Tensor:
        """Latents in pixel units from the result of `begin`."""
        h = self.modulation(start.features, quality)
        h = self.blocks16(self.reduce(F.pixel_unshuffle(h, 2)))
        return start.linear + self.leave(h).float() * deviation[:, None, None]


class Synthesis(Typed[[Tensor, Tensor, Tensor], Tensor]):
    """g_s: latents in pixel units (B, latent, h, w) -> pixels (B, 3, 16h, 16w), unclipped."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        self.linear = Conv2d(config.latent, 3 * PATCH * PATCH, 1, bias=False)
        self.enter = Conv2d(config.latent, config.width16, 1)
        self.modulation = Modulation(config.anchors, config.width16)
        self.blocks16 = _blocks(config.width16, config.synthesis16)
        self.expand = Conv2d(config.width16, 4 * config.width8, 1)
        self.blocks8 = _blocks(config.width8, config.synthesis8)
        self.leave = Conv2d(config.width8, 3 * 64, 1)
        self.leave.start_at_zero()
        self.fine = FineSynthesis(config) if config.synthesis4 else None
        self.deblocking = Deblocking(config.anchors) if config.deblocking else None

    def forward(self, latents: Tensor, quality: Tensor, deviation: Tensor) -> Tensor:
        h = self.enter(latents / deviation[:, None, None])
        h = self.blocks16(self.modulation(h, quality))
        h = self.blocks8(F.pixel_shuffle(self.expand(h), 2))
        network = F.pixel_shuffle(self.leave(h), 8).float()
        if self.fine is not None:
            network = network + self.fine(h)
        shown = self.linear_only(latents) + 0.25 * network
        return shown if self.deblocking is None else self.deblocking(shown, quality)

    def linear_only(self, latents: Tensor) -> Tensor:
        """The linear branch alone: what the codec would show without its network."""
        return F.pixel_shuffle(self.linear(latents), PATCH).float() + 0.5

    def channels_of_means(self) -> list[int]:
        """The latents, one for each colour plane, that carry the means of 16x16 pixels."""
        weight = self.linear.weight.detach().float().view(3, PATCH**2, -1)
        return [int(channel) for channel in weight.mean(1).norm(dim=0).topk(3).indices]

    def reduced_linear(self, scale: int) -> Tensor:
        """The linear branch as a matrix (3 * (16 / scale)^2, latent), averaged by ``scale``^2."""
        side = PATCH // scale
        weight = self.linear.weight.float().view(3, side, scale, side, scale, -1)
        return weight.mean(dim=(2, 4)).flatten(0, 2)


class HyperAnalysis(Typed[[Tensor], Tensor]):
    """h_a: y in steps (B, latent, h, w), h and w multiples of 4 -> z (B, hyper, h/4, w/4)."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        width = config.hyper_width
        self.enter = Conv2d(config.latent, width, 1)
        self.block16 = Block(width)
        self.reduce32 = Conv2d(4 * width, width, 1)
        self.block32 = Block(width)
        self.reduce64 = Conv2d(4 * width, width, 1)
        self.block64 = Block(width)
        self.leave = Conv2d(width, config.hyper_latent, 1)

    def forward(self, y: Tensor) -> Tensor:
        # The logarithm keeps very large latents of unusual pictures from swamping z.
        h = self.block16(self.enter(y.sign() * y.abs().log1p()))
        h = self.block32(self.reduce32(F.pixel_unshuffle(h, 2)))
        h = self.block64(self.reduce64(F.pixel_unshuffle(h, 2)))
        return self.leave(h).float()


class Transforms(nn.Module):
    """Everything between pixels and latents that is not on the parse path (float)."""

    def __init__(self, config: TransformConfig | None = None) -> None:
        super().__init__()
        self.config = config or TransformConfig()
        self.gains = Gains(self.config)
        self.analysis = Analysis(self.config)
        self.synthesis = Synthesis(self.config)
        self.hyper_analysis = HyperAnalysis(self.config)

    def analyse(self, pixels: Tensor, quality: Tensor) -> Tensor:
        """y (B, latent, h, w) in quantisation steps, from pixels (B, 3, 16h, 16w) in [0, 1]."""
        return self.finish_analysis(self.analysis.begin(pixels), quality)

    def finish_analysis(self, start: AnalysisStart, quality: Tensor) -> Tensor:
        """`analyse` from the result of `Analysis.begin`."""
        y = self.analysis.finish(start, quality, self.gains.deviation)
        return y * self.gains(quality)[:, :, None, None]

    def synthesise(self, y_hat: Tensor, quality: Tensor) -> Tensor:
        """Pixels (B, 3, 16h, 16w), unclipped, from latents in quantisation steps."""
        latents = y_hat * self.gains.inverse(quality)[:, :, None, None]
        return self.synthesis(latents, quality, self.gains.deviation)

    def show(self, y_hat: Tensor, quality: Tensor) -> Tensor:
        """What `synthesise` gives as it is seen: float32, clipped to [0, 1]."""
        return self.synthesise(y_hat, quality).float().clamp(0.0, 1.0)

    @torch.no_grad()
    def start_from_components(self, components: Tensor, deviation: Tensor) -> None:
        """Set the linear branches to orthonormal ``components`` (latent, 768) of patches.

        ``deviation`` (latent,): standard deviation of each component, in pixel units.
        """
        self.analysis.linear.weight.copy_(components[:, :, None, None])
        self.synthesis.linear.weight.copy_(components.t()[:, :, None, None])
        self.gains.deviation.copy_(deviation)
