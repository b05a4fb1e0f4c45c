"""Whole screens: windows with bars and borders over a background, or a single window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from lcodec.training.pictures import Pixels, on_all_cores
from lcodec.training.screens.canvas import Canvas, draw_theme, vivid
from lcodec.training.screens.contents import CONTENTS, Content, gradient, photograph

SIDES = (1024, 768)
"""Width and height of the screens used for training, in pixels."""


def draw_screen(
    seed: int, sides: tuple[int, int] = SIDES, photographs: Sequence[Pixels] = ()
) -> Pixels:
    """A screen (H, W, 3), ``sides`` = (W, H); equal seeds and fonts give equal screens.

    Photographs appear now and then in windows and behind them.

    Raises:
        UsageError: there are no fonts.
    """
    random = np.random.default_rng(seed)
    canvas = Canvas(random, draw_theme(random), sides)
    contents: list[Content] = [*CONTENTS, gradient]
    if photographs:
        contents.append(photograph(photographs))
    if random.random() < 0.35:
        _window(canvas, contents, (0, 0, *sides), framed=random.random() < 0.7)
    else:
        backgrounds: list[Content] = [
            gradient,
            _plain,
            *([photograph(photographs)] * bool(photographs)),
        ]
        backgrounds[int(random.integers(len(backgrounds)))](canvas)
        for _ in range(random.integers(1, 5)):
            if random.random() < 0.5:
                canvas.theme = draw_theme(random)
            w, h = (int(side * random.uniform(0.35, 0.9)) for side in sides)
            x, y = (
                int(random.integers(-20, max(1, s - o // 2)))
                for s, o in zip(sides, (w, h), strict=True)
            )
            _window(canvas, contents, (x, y, w, h), framed=True)
        if random.random() < 0.5:
            _bar(canvas)
    return np.asarray(canvas.image).copy()


def draw_screens(
    count: int, seed: int, sides: tuple[int, int] = SIDES, photographs: Sequence[Pixels] = ()
) -> list[Pixels]:
    """``count`` screens, as `draw_screen`, drawn on all cores."""
    seeds = [1000 * seed + number for number in range(count)]
    return on_all_cores(lambda one: draw_screen(one, sides, photographs), seeds)


def _plain(canvas: Canvas) -> None:
    canvas.pen.rectangle((0, 0, canvas.width, canvas.height), fill=vivid(canvas.random, True))


def _window(
    canvas: Canvas, contents: Sequence[Content], place: tuple[int, int, int, int], framed: bool
) -> None:
    """A window, ``place`` = (x, y, width, height), with one or two contents."""
    random, theme = canvas.random, canvas.theme
    x, y, w, h = place
    bar = round(1.9 * theme.size) if framed else 0
    if framed:
        if random.random() < 0.6:
            _shadow(canvas, place)
        radius = int(random.choice([0, 0, 6, 10]))
        canvas.pen.rounded_rectangle(
            (x, y, x + w, y + h), radius, fill=theme.panel, outline=theme.line
        )
        _title(canvas, x, y, w, bar)
    inner_w, inner_h = w - 2 * bool(framed), h - bar - bool(framed)
    split = int(inner_w * random.uniform(0.2, 0.8)) if random.random() < 0.35 else inner_w
    left = x + bool(framed)
    for start, width in ((0, split), (split + 1, inner_w - split - 1)):
        if width > 8 and inner_h > 8:
            part = canvas.part((width, inner_h))
            contents[int(random.integers(len(contents)))](part)
            canvas.paste(part, left + start, y + bar)


def _title(canvas: Canvas, x: int, y: int, w: int, bar: int) -> None:
    random, theme = canvas.random, canvas.theme
    face = canvas.face("sans", max(9, theme.size - 1), random.random() < 0.5)
    words = canvas.writer.title()
    start = x + 8 if random.random() < 0.5 else x + (w - face.font.getlength(words)) / 2
    canvas.text(start, y + (bar - face.size) / 2 - 1, words, face)
    size = bar // 2
    for number, colour in enumerate(((236, 95, 87), (245, 191, 79), (98, 197, 84))):
        right = x + w - (number + 1) * (size + 8)
        box = (right, y + size // 2, right + size, y + size // 2 + size)
        if theme.smoothing == "none":
            canvas.pen.rectangle(box, outline=theme.ink)
        else:
            canvas.pen.ellipse(box, fill=colour)


def _shadow(canvas: Canvas, place: tuple[int, int, int, int]) -> None:
    x, y, w, h = place
    mask = Image.new("L", (w + 40, h + 40))
    mask.paste(90, (20, 20, 20 + w, 20 + h))
    soft = mask.filter(ImageFilter.GaussianBlur(8))
    canvas.image.paste((0, 0, 0), (x - 20, y - 14), soft)


def _bar(canvas: Canvas) -> None:
    """A task bar at the top or bottom."""
    random, theme = canvas.random, canvas.theme
    height = round(2.4 * theme.size)
    y = 0 if random.random() < 0.5 else canvas.height - height
    canvas.pen.rectangle((0, y, canvas.width, y + height), fill=theme.panel)
    face = canvas.face("sans", theme.size)
    for number in range(random.integers(3, 9)):
        x = 10 + number * (height + 6)
        box = (x, y + 5, x + height - 10, y + height - 5)
        canvas.pen.rounded_rectangle(box, 4, fill=vivid(random))
    words = f"{random.integers(0, 24):02d}:{random.integers(0, 60):02d}"
    canvas.text(canvas.width - 5 * theme.size, y + height // 4, words, face)
