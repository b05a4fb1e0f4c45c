"""Regular patterns of few pixels: stripes, checks, grids and dots, as in hatching and charts."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lcodec.training.screens.canvas import Canvas, Colour, vivid

CELLS = (1, 1, 1, 2, 2, 3, 4)
"""Widths of lines and cells in pixels, repeated by how often they occur."""

Mask = np.ndarray


def patterns(canvas: Canvas) -> None:
    """One pattern all over, or fields of several with plain paths between them."""
    random = canvas.random
    if random.random() < 0.3:
        _fill(canvas, (0, 0, canvas.width, canvas.height))
        return
    size, path = int(random.integers(24, 160)), int(random.integers(0, 12))
    for y in range(path, canvas.height, size + path):
        for x in range(path, canvas.width, size + path):
            _fill(canvas, (x, y, x + size, y + size))


def _fill(canvas: Canvas, box: tuple[int, int, int, int]) -> None:
    """One pattern in two colours in the box (left, top, right, bottom)."""
    rows, columns = np.indices((box[3] - box[1], box[2] - box[0]))
    mask = _mask(canvas.random, rows, columns)[..., None]
    one, other = _colours(canvas)
    canvas.image.paste(Image.fromarray(np.where(mask, one, other).astype(np.uint8)), box[:2])


def _mask(random: np.random.Generator, rows: Mask, columns: Mask) -> Mask:
    """Where the first of two colours is."""
    cell = int(random.choice(CELLS))
    gap = cell if random.random() < 0.6 else int(random.integers(1, 8))
    across, down = columns % (cell + gap) < cell, rows % (cell + gap) < cell
    match random.integers(0, 6):
        case 0:
            return across
        case 1:
            return down
        case 2:  # checks, as large as the lines
            return (columns // cell + rows // cell) % 2 == 0
        case 3:  # a grid
            return across | down
        case 4:  # dots
            return across & down
        case _:
            slope = int(random.choice([-2, -1, 1, 2]))
            return (columns + slope * rows) % (cell + gap) < cell


def _colours(canvas: Canvas) -> tuple[Colour, Colour]:
    """Black and white, the theme's, two grays, or two vivid ones."""
    random = canvas.random
    match random.integers(0, 4):
        case 0:
            return (0, 0, 0), (255, 255, 255)
        case 1:
            return canvas.theme.ink, canvas.theme.back
        case 2:
            one, other = (int(value) for value in random.integers(0, 256, 2))
            return (one, one, one), (other, other, other)
        case _:
            return vivid(random), vivid(random, dark=True)
