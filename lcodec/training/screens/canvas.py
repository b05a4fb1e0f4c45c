"""A picture to draw on, with a theme and a kind of text smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lcodec.training.screens.fonts import Look, faces, load
from lcodec.training.screens.text import Writer

Colour = tuple[int, int, int]
Smoothing = Literal["none", "gray", "subpixel"]


@dataclass(frozen=True)
class Theme:
    """Colours and text style of a screen or window.

    Attributes:
        back, panel, line, ink, faint, accent: colours of pages, of bars and buttons, of borders,
            of text, of secondary text, and of highlights.
        marks: colours for code, plots and icons.
        smoothing: antialiasing of text.
        size: size of running text, in pixels per em.
    """

    back: Colour
    panel: Colour
    line: Colour
    ink: Colour
    faint: Colour
    accent: Colour
    marks: tuple[Colour, ...]
    smoothing: Smoothing
    size: int


def draw_theme(random: np.random.Generator) -> Theme:
    """A random light or dark theme."""
    tint = random.integers(-6, 7, 3)

    def gray(level: float) -> Colour:
        return _colour(np.array([level] * 3) + tint)

    dark = random.random() < 0.45
    if dark:
        levels = (
            random.integers(0, 45),
            random.integers(35, 70),
            90,
            random.integers(190, 256),
            140,
        )
    else:
        levels = (
            random.integers(238, 256),
            random.integers(215, 245),
            190,
            random.integers(0, 60),
            120,
        )
    marks = tuple(vivid(random, dark) for _ in range(6))
    smoothing: Smoothing = random.choice(["gray", "gray", "subpixel", "subpixel", "none"])
    size = int(random.choice([11, 12, 13, 14, 15, 16, 18, 20, 24]))
    back, panel, line, ink, faint = (gray(float(level)) for level in levels)
    if random.random() < 0.3:
        back = (0, 0, 0) if dark else (255, 255, 255)
    return Theme(back, panel, line, ink, faint, marks[0], marks, smoothing, size)


def vivid(random: np.random.Generator, dark: bool = False) -> Colour:
    """A random saturated colour; with ``dark``, bright enough for a dark background."""
    colour = random.integers(0, 256, 3).astype(float)
    colour = (colour - colour.min()) * (255.0 / max(1.0, float(np.ptp(colour))))
    low, high = (90, 255) if dark else (0, 200)
    return _colour(low + colour * ((high - low) / 255.0))


def _colour(values: np.ndarray) -> Colour:
    r, g, b = (int(v) for v in values.clip(0, 255))
    return r, g, b


class Canvas:
    """Draws on ``image`` in a theme; everything outside it is clipped."""

    def __init__(self, random: np.random.Generator, theme: Theme, sides: tuple[int, int]) -> None:
        """``sides`` are width and height."""
        self.random, self.theme = random, theme
        self.image = Image.new("RGB", sides, theme.back)
        self.pen = ImageDraw.Draw(self.image)
        self.writer = Writer(random)

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def part(self, sides: tuple[int, int], back: Colour | None = None) -> Canvas:
        """An empty canvas of the same theme, to be filled and pasted."""
        other = Canvas(self.random, self.theme, (max(1, sides[0]), max(1, sides[1])))
        if back is not None:
            other.pen.rectangle((0, 0, *sides), fill=back)
        return other

    def paste(self, other: Canvas, x: int, y: int) -> None:
        """Paste another canvas with its top left at (x, y)."""
        self.image.paste(other.image, (x, y))

    def face(self, look: Look, size: int, bold: bool = False) -> Face:
        """A random font."""
        group = [face for face in faces()[look] if face.bold == bold] or list(faces()[look])
        return Face(load(group[self.random.integers(len(group))].path, size), size)

    def text(
        self, x: float, y: float, words: str, face: Face, colour: Colour | None = None
    ) -> float:
        """Write ``words`` with their top left at (x, y); returns where they end."""
        ink = self.theme.ink if colour is None else colour
        end = x + face.font.getlength(words)
        if not words.strip() or x >= self.width or y >= self.height:
            return end
        if self.theme.smoothing == "subpixel":
            self._subpixels(round(x), round(y), words, face, ink)
        else:
            self.pen.fontmode = "1" if self.theme.smoothing == "none" else "L"
            self.pen.text((round(x), round(y)), words, fill=ink, font=face.font)
        return end

    def _subpixels(self, x: int, y: int, words: str, face: Face, ink: Colour) -> None:
        """Write text with subpixel smoothing: red, green and blue are a third of a pixel apart."""
        width = min(int(face.font.getlength(words)) + 4, self.width - x)
        height = min(int(1.5 * face.size) + 2, self.height - y)
        if width < 1 or height < 1:
            return
        fine = Image.new("L", (3 * width, 3 * height))
        large = load(face.font.path, 3 * face.size)  # type: ignore[arg-type]
        ImageDraw.Draw(fine).text((3, 0), words, fill=255, font=large)
        rows = np.asarray(fine, np.float32).reshape(height, 3, 3 * width).mean(1)
        padded = np.pad(rows, ((0, 0), (2, 2)))
        taps = (1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9)
        smooth = sum(tap * padded[:, i : i + 3 * width] for i, tap in enumerate(taps))
        cover = np.asarray(smooth).reshape(height, width, 3) / 255.0
        box = (x, y, x + width, y + height)
        under = np.asarray(self.image.crop(box), np.float32)
        mixed = under + cover * (np.array(ink, np.float32) - under)
        self.image.paste(Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8)), (x, y))


@dataclass(frozen=True)
class Face:
    """A font at a size, in pixels per em."""

    font: ImageFont.FreeTypeFont
    size: int

    @property
    def line(self) -> int:
        """Line spacing, in pixels."""
        return round(1.35 * self.size)
