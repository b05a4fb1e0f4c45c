"""Regions, scales, salvage and strips on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import typer

from lcodec.cli import complete
from lcodec.cli.options import FILES
from lcodec.errors import UsageError
from lcodec.region import SCALES, Region

_REGION = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*[x,]\s*(\d+)\s*")
_GEOMETRY = re.compile(r"\s*(\d+)x(\d+)\+(\d+)\+(\d+)\s*")  # as in ImageMagick
_SCALES = {f"1/{scale}": scale for scale in SCALES}

PART = "Part of the picture"

StripsOption = Annotated[
    bool,
    typer.Option(
        "--strips",
        help="Work strip by strip, for pictures that do not fit in memory.",
        rich_help_panel=FILES,
    ),
]


def parse_region(text: str) -> Region:
    """``X,Y,WxH`` in pixels; raises typer.BadParameter on others."""
    match, order = _REGION.fullmatch(text), (0, 1, 2, 3)
    if match is None:
        match, order = _GEOMETRY.fullmatch(text), (2, 3, 0, 1)
    if match is None:
        raise typer.BadParameter(f"`{text}` is not X,Y,WxH, such as 0,0,640x480")
    numbers = [int(part) for part in match.groups()]
    left, top, width, height = (numbers[k] for k in order)
    if not width or not height:
        raise typer.BadParameter(f"`{text}` has no pixels")
    return Region(left, top, width, height)


def parse_scale(text: str) -> int:
    """The N of ``1/N``, or of what it is: 0.5, 50%; raises typer.BadParameter on others."""
    plain = str(text).replace(" ", "").replace(",", ".")
    share = re.fullmatch(r"(\d*\.?\d+)(%?)", plain)
    value = float(share[1]) / (100 if share[2] else 1) if share else 0.0
    known = (scale for scale in SCALES if scale * value == 1)
    scale = _SCALES.get(plain) or next(known, None)
    if scale is None:
        hint = f"; did you mean `1/{plain}`?" if f"1/{plain}" in _SCALES else ""
        raise typer.BadParameter(f"`{text}` is not 1/2, 1/4, 1/8 or 1/16{hint}")
    return scale


@dataclass(frozen=True)
class Parts:
    """Which parts of a file are decoded, and how.

    Raises:
        UsageError: incompatible options.
    """

    region: Annotated[
        Region | None,
        typer.Option(
            "--region",
            metavar="X,Y,WxH",
            parser=parse_region,
            help="Decode only this rectangle, in pixels; the rest is neither read nor computed.",
            rich_help_panel=PART,
        ),
    ] = None
    scale: Annotated[
        int,
        typer.Option(
            "--scale",
            metavar="1/N",
            parser=parse_scale,
            autocompletion=complete.scales,
            help="Decode a quick preview at 1/2, 1/4, 1/8 or 1/16 of the size.",
            rich_help_panel=PART,
        ),
    ] = 1
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Decode the sound parts of a damaged or truncated file; status 11 if damaged.",
            rich_help_panel=PART,
        ),
    ] = False
    strips: StripsOption = False

    def __post_init__(self) -> None:
        if self.strips and (self.partial or self.salvage):
            raise UsageError(
                "`--strips` cannot be combined with `--region`, `--scale` or `--salvage`"
            )
        if self.salvage and self.partial:
            raise UsageError("`--salvage` is for whole pictures: no `--region` and no `--scale`")

    @property
    def partial(self) -> bool:
        """Whether a region or a preview is wanted."""
        return self.region is not None or self.scale != 1
