"""Optimise the symbols of a whole picture.

The optimiser's modules are imported at first use: most pictures are coded without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from lcodec.container import Header
from lcodec.effort.levels import HYPER_ROUNDS, ROUNDS
from lcodec.integer.carriers import own_settings
from lcodec.picture import Samples
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.process.forks import Lock
from lcodec.process.progress import Progress
from lcodec.weights.load import LoadedModel

if TYPE_CHECKING:
    from lcodec.effort.proxy import Proxy


class Refiner:
    """Optimises symbols with one loaded model; its differentiable twin is made at first use."""

    def __init__(self, loaded: LoadedModel, transform: PixelTransform) -> None:
        self._loaded = loaded
        self._transform = transform
        self._making = Lock()
        self._made: Proxy | None = None

    def _proxy(self) -> Proxy:
        from lcodec.effort.proxy import Proxy

        with self._making:
            if self._made is None:
                self._made = Proxy(self._loaded)
            return self._made

    @own_settings()
    @torch.inference_mode(mode=False)  # gradients, even if the caller has disabled them
    def refine(
        self,
        header: Header,
        pixels: Samples,
        plain: PictureSymbols,
        effort: int,
        progress: Progress,
    ) -> PictureSymbols:
        """Symbols that, by estimate, cost less than ``plain``, those of effort 0.

        Areas are optimised in turn, each next to the final symbols of those before it, in the
        memory of one area. Deterministic on one machine.
        """
        from lcodec.effort import area
        from lcodec.effort.descent import descend
        from lcodec.effort.hyper import descend_hyper

        proxy = self._proxy()
        z = [plain.z[number].copy() for number in range(header.tile_count)]
        found = PictureSymbols(plain.y.copy(), z)
        pieces = list(area.areas(header))
        rounds = ROUNDS[effort] + HYPER_ROUNDS[effort]
        for number, piece in enumerate(pieces):
            done = number * rounds
            progress("optimisation", done, rounds * len(pieces))

            def on_round() -> None:
                nonlocal done
                done += 1
                progress("optimisation", done, rounds * len(pieces))

            problem = area.Problem(proxy, self._transform, header, pixels, found, piece)
            with torch.enable_grad():
                best = descend(problem, ROUNDS[effort], on_round)
                hyper = descend_hyper(problem, best, HYPER_ROUNDS[effort], on_round)
            found.y[:, piece.rows, piece.columns] = best[0].cpu().numpy().astype(np.int16)
            own = z[piece.tile.number][:, piece.z_rows, piece.z_columns]
            own[...] = hyper[0].cpu().numpy().astype(np.int16)
            progress("optimisation", (number + 1) * rounds, rounds * len(pieces))
        return found
