"""Pictures side by side for a report: what of them is embedded, and where to look first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from lcodec.bench.compare import aligned
from lcodec.bench.html.screen import on_screen
from lcodec.bench.regions import Cells, Region, WorstRegion, error_cells, worst_regions
from lcodec.metrics.msssim import PEAK
from lcodec.picture import Picture

BUDGET = 10_000_000
"""Pixels that a report embeds at most, all pictures together; lossless, that is some 20 MB."""

PLACES = 12
"""Regions offered at most, of all pictures together."""

_EACH = 6  # of one picture

_OVERVIEW = 500_000  # pixels of a picture that is too large to be embedded whole
_CROP = 512  # side of its crops
_SMALLEST, _LARGEST = 32, 256  # sides of regions of a whole picture


@dataclass(frozen=True)
class Pane:
    """One of the pictures side by side: its name, and figures about it in words."""

    name: str
    detail: str


@dataclass(frozen=True)
class View:
    """A part of all pictures: one image a pane, of which a pixel stands for reduction squared."""

    region: Region
    reduction: int
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Place:
    """A region worth looking at, and the numbers of the view and of the pane that show it best.

    ``pane`` is that of the picture which is worst there; the reference for the whole picture.
    """

    region: Region
    view: int
    pane: int
    title: str
    detail: str = ""


@dataclass(frozen=True)
class Scene:
    """Pictures of one size, the first of them the reference. ``note``: what is left out, if any."""

    title: str
    width: int
    height: int
    panes: tuple[Pane, ...]
    views: tuple[View, ...]
    places: tuple[Place, ...]
    note: str = ""


def make_scene(title: str, panes: Sequence[tuple[Pane, Picture]], *, budget: int = BUDGET) -> Scene:
    """Choose what to show of pictures of one size, the first of them the reference.

    They are taken whole if all of them together have at most ``budget`` pixels; if not, reduced,
    with exact crops of the regions that differ most.

    Raises:
        UsageError: pictures of different sizes.
    """
    labels = tuple(pane for pane, _ in panes)
    pictures = [picture for _, picture in panes]
    reference = pictures[0]
    width, height = reference.width, reference.height
    pairs = (aligned(reference, other) for other in pictures[1:])
    cells = [error_cells(pair.reference, pair.other) for pair in pairs]
    whole = Region(0, 0, width, height)
    if width * height * len(pictures) <= budget:
        side = min(_LARGEST, max(_SMALLEST, min(width, height) // 4))
        worst = _worst(cells, width, height, side, PLACES)
        views = [_view(pictures, whole)]
        places = [Place(whole, 0, 0, "Whole picture")]
        places += [_place(w, 0, labels) for w in worst]
        return Scene(title, width, height, labels, tuple(views), tuple(places))
    share = budget // len(pictures)
    reduction = math.ceil(math.sqrt(width * height / min(_OVERVIEW, share / 2)))
    left = share - width * height // reduction**2
    count = max(1, min(PLACES, left // _CROP**2))
    worst = _worst(cells, width, height, _CROP, count)
    views = [_view(pictures, whole, reduction), *(_view(pictures, w.region) for w in worst)]
    places = [Place(whole, 0, 0, "Overview", f"reduced {reduction} times")]
    places += [_place(w, n, labels) for n, w in enumerate(worst, 1)]
    note = (
        f"The pictures have {width} x {height} pixels, too many to embed all of them. The overview "
        f"is reduced {reduction} times in each direction; do not judge quality by it. "
        "The crops are exact."
    )
    return Scene(title, width, height, labels, tuple(views), tuple(places), note)


def _view(pictures: Sequence[Picture], region: Region, reduction: int = 1) -> View:
    return View(region, reduction, tuple(on_screen(p, region, reduction) for p in pictures))


def _worst(
    cells: Sequence[Cells], width: int, height: int, side: int, count: int
) -> list[WorstRegion]:
    """The worst regions of each picture, picture by picture; ``count`` of all together.

    Every picture has its own, or the worst picture would choose for the others what is looked at.
    """
    each = max(1, min(_EACH, count // len(cells)))
    found = []
    for number, own in enumerate(cells[:count]):
        regions = worst_regions([own], width, height, side=side, count=each)
        found += [replace(region, picture=number) for region in regions]
    return found


def _place(worst: WorstRegion, view: int, panes: Sequence[Pane]) -> Place:
    psnr = 10.0 * math.log10(PEAK**2 / worst.mse)
    pane = worst.picture + 1
    return Place(worst.region, view, pane, panes[pane].name, f"{psnr:.1f} dB here")
