"""Contents of windows: editors, terminals, documents, tables, forms, plots, icons and more."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcodec.training.screens.canvas import Canvas, vivid
from lcodec.training.screens.fonts import Look
from lcodec.training.screens.patterns import patterns

Pixels = NDArray[np.uint8]
Content = Callable[[Canvas], None]


def editor(canvas: Canvas) -> None:
    """Code with line numbers, one line marked."""
    theme, random = canvas.theme, canvas.random
    face = canvas.face("mono", theme.size)
    colours = dict(zip(("keyword", "name", "string", "number"), theme.marks[1:], strict=False))
    colours |= {"plain": theme.ink, "remark": theme.faint}
    gutter, first = 4 * theme.size, int(random.integers(1, 900))
    marked = int(random.integers(0, 30))
    canvas.pen.rectangle((0, 0, gutter - 8, canvas.height), fill=theme.panel)
    for row in range(canvas.height // face.line + 1):
        y = row * face.line + 2
        if row == marked:
            canvas.pen.rectangle((gutter, y, canvas.width, y + face.line - 1), fill=theme.panel)
        canvas.text(4, y, f"{first + row:4d}", face, theme.faint)
        x = float(gutter)
        for kind, words in canvas.writer.code():
            x = canvas.text(x, y, words, face, colours[kind])


def terminal(canvas: Canvas) -> None:
    """Commands and their output, down to a cursor."""
    theme, random = canvas.theme, canvas.random
    face = canvas.face("mono", theme.size)
    prompt = f"{canvas.writer.word()}@{canvas.writer.word()}:~$ "
    y, rows = (
        3,
        int(random.integers(canvas.height // face.line // 3, canvas.height // face.line + 2)),
    )
    x = 0.0
    for _ in range(rows):
        if random.random() < 0.25:
            x = canvas.text(3, y, prompt, face, theme.marks[2])
            x = canvas.text(x, y, canvas.writer.command(), face)
        else:
            colour = theme.marks[3] if random.random() < 0.1 else theme.ink
            x = canvas.text(3, y, canvas.writer.output(), face, colour)
        y += face.line
    canvas.pen.rectangle((x + 2, y - face.line, x + theme.size // 2 + 2, y - 3), fill=theme.ink)


def document(canvas: Canvas) -> None:
    """Headings, paragraphs, links and rules."""
    theme, random = canvas.theme, canvas.random
    look: Look = "serif" if random.random() < 0.4 else "sans"
    body, heading = canvas.face(look, theme.size), canvas.face(look, round(1.7 * theme.size), True)
    left = int(random.integers(6, 60))
    right = canvas.width - int(random.integers(6, 60))
    y = int(random.integers(4, 24))
    while y < canvas.height:
        if random.random() < 0.2:
            canvas.text(left, y, canvas.writer.title(), heading)
            y += heading.line + 4
        for _ in range(random.integers(2, 7)):
            words = canvas.writer.sentence().split()
            x = float(left)
            for word in words:
                end = x + body.font.getlength(word + " ")
                if end > right:
                    x, y = float(left), y + body.line
                link = random.random() < 0.02
                end = canvas.text(x, y, word + " ", body, theme.accent if link else None)
                if link:
                    canvas.pen.line((x, y + theme.size + 2, end, y + theme.size + 2), theme.accent)
                x = end
            y += body.line
        y += body.line // 2
        if random.random() < 0.15:
            canvas.pen.line((left, y, right, y), fill=theme.line)
            y += 8


def table(canvas: Canvas) -> None:
    """Rows of words and numbers with a header, ruled or banded."""
    theme, random = canvas.theme, canvas.random
    face, bold = canvas.face("sans", theme.size), canvas.face("sans", theme.size, True)
    widths = random.integers(4 * theme.size, 12 * theme.size, 12)
    ruled, height = random.random() < 0.6, face.line + int(random.integers(0, 8))
    for row in range(canvas.height // height + 1):
        y, x = row * height, 0
        back = theme.panel if row == 0 or (not ruled and row % 2) else theme.back
        canvas.pen.rectangle((0, y, canvas.width, y + height - 1), fill=back)
        for number, width in enumerate(widths):
            words = canvas.writer.title() if row == 0 or number == 0 else canvas.writer.number()
            cell = canvas.part((int(width) - 6, height - 2), back)
            own = bold if row == 0 else face
            space = 0.0 if number == 0 else max(0.0, cell.width - own.font.getlength(words) - 2)
            cell.text(space, 1, words, own)
            canvas.paste(cell, x + 4, y + 1)
            x += int(width)
            if ruled:
                canvas.pen.line((x, y, x, y + height), fill=theme.line)
        if ruled:
            canvas.pen.line((0, y + height - 1, canvas.width, y + height - 1), fill=theme.line)


def form(canvas: Canvas) -> None:
    """Labels, fields, buttons, check boxes and sliders."""
    theme, random, pen = canvas.theme, canvas.random, canvas.pen
    face = canvas.face("sans", theme.size)
    pen.rectangle((0, 0, canvas.width, canvas.height), fill=theme.panel)
    row, y = face.line + 12, 8
    label = int(random.integers(6, 14)) * theme.size
    while y < canvas.height:
        canvas.text(8, y + 4, canvas.writer.title(), face)
        box = (label, y, min(canvas.width - 8, label + int(random.integers(80, 420))), y + row - 6)
        if box[2] - box[0] < 40:
            return
        radius = int(random.choice([0, 3, 6]))
        match random.integers(0, 4):
            case 0:
                pen.rounded_rectangle(box, radius, fill=theme.back, outline=theme.line)
                canvas.text(box[0] + 6, y + 4, canvas.writer.title(), face, theme.faint)
            case 1:
                pen.rounded_rectangle(box, radius, fill=theme.accent)
                canvas.text(box[0] + 12, y + 4, canvas.writer.word().capitalize(), face, theme.back)
            case 2:
                size, on = theme.size, random.random() < 0.5
                square = (label, y + 3, label + size, y + 3 + size)
                pen.rounded_rectangle(square, min(2, radius), theme.back, theme.line)
                if on:
                    a, b = (label + 3, y + 3 + size // 2), (label + size // 2, y + size)
                    pen.line((*a, *b, label + size - 2, y + 5), fill=theme.accent, width=2)
                canvas.text(label + size + 6, y + 4, canvas.writer.title(), face)
            case _:
                middle, knob = y + row // 2, int(random.integers(box[0], box[2]))
                pen.line((box[0], middle, box[2], middle), fill=theme.line, width=3)
                pen.line((box[0], middle, knob, middle), fill=theme.accent, width=3)
                pen.ellipse((knob - 6, middle - 6, knob + 6, middle + 6), theme.back, theme.accent)
        y += row + int(random.integers(0, 10))


def plot(canvas: Canvas) -> None:
    """Axes with ticks, and lines, bars or points."""
    theme, random, pen = canvas.theme, canvas.random, canvas.pen
    face = canvas.face("sans", max(9, round(0.8 * theme.size)))
    left, top = 5 * theme.size, 2 * theme.size
    right, bottom = canvas.width - 10, canvas.height - 3 * theme.size
    if right - left < 30 or bottom - top < 30:
        return
    count = int(random.integers(3, 8))
    for tick in range(count + 1):
        y = bottom - tick * (bottom - top) // count
        pen.line((left, y, right, y), fill=theme.line if random.random() < 0.9 else theme.faint)
        canvas.text(6, y - theme.size // 2, canvas.writer.number()[:7], face, theme.faint)
        x = left + tick * (right - left) // count
        canvas.text(x, bottom + 4, f"{tick * 10}", face, theme.faint)
    kind = random.integers(0, 3)
    for series in range(random.integers(1, 5)):
        points = int(random.integers(6, 60))
        walk = np.cumsum(random.normal(0, 1, points))
        level = (walk - walk.min()) / max(1e-6, float(np.ptp(walk)))
        xs = np.linspace(left, right, points)
        ys = bottom - level * (bottom - top)
        colour = theme.marks[series % len(theme.marks)]
        if kind == 0:
            pen.line(
                list(zip(xs.tolist(), ys.tolist(), strict=True)), colour, int(random.integers(1, 4))
            )
        elif kind == 1:
            width = (right - left) / points * 0.7
            for x, y in zip(xs[:-1], ys[:-1], strict=True):
                pen.rectangle((x, min(y, bottom - 1), x + width, bottom), fill=colour)
        else:
            for x, y in zip(xs, ys, strict=True):
                pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
    pen.line((left, top, left, bottom, right, bottom), fill=theme.ink)
    canvas.text(left, 2, canvas.writer.title(), face)


def icons(canvas: Canvas) -> None:
    """A grid of simple shapes with captions."""
    theme, random, pen = canvas.theme, canvas.random, canvas.pen
    face = canvas.face("sans", max(9, theme.size - 2))
    size = int(random.choice([24, 32, 48, 64]))
    step = size + 40
    for y in range(10, canvas.height, step + 10):
        for x in range(20, canvas.width, step):
            one, other = (vivid(random) for _ in range(2))
            box = (x, y, x + size, y + size)
            match random.integers(0, 4):
                case 0:
                    pen.rounded_rectangle(box, size // 5, fill=one)
                case 1:
                    pen.ellipse(box, fill=one, outline=other, width=3)
                case 2:
                    pen.polygon(_star(x + size / 2, y + size / 2, size / 2, random), fill=one)
                case _:
                    pen.rounded_rectangle((x, y + size // 5, x + size, y + size), 4, fill=one)
                    pen.rectangle((x, y + size // 8, x + size // 2, y + size // 4), fill=one)
            inner = (x + size // 3, y + size // 3, x + 2 * size // 3, y + 2 * size // 3)
            pen.rectangle(inner, fill=other)
            canvas.text(x - 6, y + size + 3, canvas.writer.word()[:9], face)


def _star(
    x: float, y: float, radius: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    corners = int(random.integers(3, 8))
    found = []
    for corner in range(2 * corners):
        length = radius if corner % 2 else 0.5 * radius
        angle = math.pi * corner / corners
        found.append((x + length * math.sin(angle), y - length * math.cos(angle)))
    return found


def gradient(canvas: Canvas) -> None:
    """A linear gradient between two colours, sometimes with a large title on it."""
    random = canvas.random
    ends = random.integers(0, 256, (2, 3)).astype(np.float32)
    h, w = canvas.height, canvas.width
    angle = random.uniform(0, 2 * math.pi)
    run = (
        np.cos(angle) * np.linspace(-1, 1, w)[None] + np.sin(angle) * np.linspace(-1, 1, h)[:, None]
    )
    share = ((run - run.min()) / max(1e-6, float(np.ptp(run))))[..., None]
    mixed = ends[0] + share * (ends[1] - ends[0])
    if random.random() < 0.5:  # dithered as graphics cards do it, or banded
        mixed = mixed + random.uniform(-0.5, 0.5, mixed.shape)
    canvas.image.paste(Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)))
    if random.random() < 0.5:
        face = canvas.face("sans", int(random.integers(24, 72)), True)
        canvas.text(w // 8, h // 3, canvas.writer.title(), face, canvas.theme.back)


def photograph(pictures: Sequence[Pixels]) -> Content:
    """A part of one of ``pictures``, shrunk, or enlarged if it is smaller than the canvas."""

    def show(canvas: Canvas) -> None:
        random = canvas.random
        source = Image.fromarray(pictures[int(random.integers(len(pictures)))])
        scale = max(
            random.uniform(0.4, 1.0), canvas.width / source.width, canvas.height / source.height
        )
        sides = (math.ceil(source.width * scale), math.ceil(source.height * scale))
        shown = source.resize(sides, Image.Resampling.LANCZOS)
        canvas.image.paste(shown, (-int(random.integers(0, sides[0] - canvas.width + 1)), 0))

    return show


CONTENTS: tuple[Content, ...] = (
    *(editor,) * 2,
    *(terminal,) * 2,
    *(document,) * 3,
    *(table,) * 2,
    form,
    plot,
    icons,
    patterns,
)
"""Contents, repeated by how often they occur."""
