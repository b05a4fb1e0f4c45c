"""What a picture passes through on its way to a file and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lcodec.pipeline.layers import Splitter
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.tiles import LatentCoder

if TYPE_CHECKING:
    from lcodec.effort.refiner import Refiner


@dataclass(frozen=True)
class Stages:
    """The stages of one loaded model.

    Attributes:
        splitter: cuts off what is smaller without loss; None if all is left to the networks.
        pixels: analysis and synthesis.
        refiner: the search of efforts above 0.
        latents: quantisation and range coding of latents and hyper-latents.
    """

    splitter: Splitter | None
    pixels: PixelTransform
    refiner: Refiner
    latents: LatentCoder
