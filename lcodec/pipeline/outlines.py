"""Outlines of lossless layers, in blocks: with narrow gaps closed, without specks."""

from __future__ import annotations

import numpy as np

from lcodec.coding.layer import Mask


def closed(blocks: Mask, allowed: Mask) -> Mask:
    """Blocks (h, w), and those that are ``allowed`` of gaps too narrow for a square of three."""
    return np.asarray(blocks | (allowed & shrunk(_grown(blocks))))


def opened(blocks: Mask) -> Mask:
    """Blocks (h, w) that lie in a square of three by three of them."""
    return _grown(shrunk(blocks))


def shrunk(blocks: Mask) -> Mask:
    """Blocks whose eight neighbours are blocks, too, as far as there are neighbours."""
    around = np.pad(blocks, 1, constant_values=True)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(around, (3, 3)).all((2, 3)))


def _grown(blocks: Mask) -> Mask:
    return ~shrunk(~blocks)
