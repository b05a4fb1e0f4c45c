"""Rate-distortion optimisation of the symbols of one picture, at encode time (docs/effort.md).

The decoder and the format know nothing of it: the encoder just looks for a better one among all
valid files. `levels` are what callers choose from, without loading networks; `refiner` is what the
encoder uses; `proxy` computes the cost of symbols, differentiably; `area` cuts the picture into
pieces that fit into memory; `descent` changes the latents of one piece, `hyper` its hyper-latents.
"""

from lcodec.effort.levels import EFFORT_MAX, EFFORT_MIN

__all__ = ["EFFORT_MAX", "EFFORT_MIN"]
