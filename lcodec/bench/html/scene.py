"""Pictures side by side in a report: what is embedded, and where to look first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL.Image import Image

from lcodec.bench.regions import Cells, WorstRegion, error_cells, worst_regions
from lcodec.metrics.compare import aligned
from lcodec.metrics.msssim import PEAK
from lcodec.picture import Picture
from lcodec.picture.screen import on_screen
from lcodec.region import Region

BUDGET = 10_000_000
"""Most pixels that a report embeds, over all pictures; losslessly, that is some 20 MB."""

PLACES = 12
"""Most regions offered, over all pictures."""

_EACH = 6  # for one picture

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
    """A part of all pictures: an image per pane, with one pixel per reduction x reduction."""

    region: Region
    reduction: int
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Place:
    """A region worth looking at, with the numbers of the view and pane that show it best.

    ``pane`` is that of the picture that is worst there; for the whole picture, the reference.
    """

    region: Region
    view: int
    pane: int
    title: str
    detail: str = ""


@dataclass(frozen=True)
class Scene:
    """Pictures of one size, the reference first. ``note`` says what is left out, if anything."""

    title: str
    width: int
    height: int
    panes: tuple[Pane, ...]
    views: tuple[View, ...]
    places: tuple[Place, ...]
    note: str = ""


def make_scene(title: str, panes: Sequence[tuple[Pane, Picture]], *, budget: int = BUDGET) -> Scene:
    """Choose what to show of pictures of one size, the reference first.

    They are embedded whole if they have at most ``budget`` pixels in total; otherwise reduced,
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
    """The worst regions of each picture, picture by picture, ``count`` in total.

    Every picture gets its own; otherwise the worst picture would determine all of them.
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
