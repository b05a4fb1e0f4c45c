"""Better symbols for a whole picture."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch

from lcodec.container import Header
from lcodec.imageio import Samples
from lcodec.latents import PictureSymbols
from lcodec.loading import LoadedModel
from lcodec.pixels import PixelTransform
from lcodec.progress import Progress
from lcodec.rdo.area import Problem, areas
from lcodec.rdo.descent import descend
from lcodec.rdo.levels import ROUNDS
from lcodec.rdo.proxy import Proxy


class Refiner:
    """Optimises symbols with one loaded model; its differentiable twin is made at first use."""

    def __init__(self, loaded: LoadedModel, transform: PixelTransform) -> None:
        self._loaded = loaded
        self._transform = transform

    @cached_property
    def _proxy(self) -> Proxy:
        return Proxy(self._loaded)

    def refine(
        self,
        header: Header,
        pixels: Samples,
        plain: PictureSymbols,
        effort: int,
        progress: Progress,
    ) -> PictureSymbols:
        """Symbols that cost less than ``plain``, those of plain rounding, as far as it is known.

        Area after area, each beside the final symbols of those before it. Memory is that of one
        area. Deterministic on one machine.
        """
        found = PictureSymbols(plain.y.copy(), plain.z)
        pieces = list(areas(header))
        rounds = ROUNDS[effort]
        for number, area in enumerate(pieces):
            done = number * rounds
            progress("optimisation", done, rounds * len(pieces))

            def on_round() -> None:
                nonlocal done
                done += 1
                progress("optimisation", done, rounds * len(pieces))

            generator = torch.Generator().manual_seed(number)
            problem = Problem(self._proxy, self._transform, header, pixels, found, area)
            with torch.enable_grad():
                best = descend(problem, rounds, generator, on_round)
            found.y[:, area.rows, area.columns] = best[0].cpu().numpy().astype(np.int16)
            progress("optimisation", (number + 1) * rounds, rounds * len(pieces))
        return found
