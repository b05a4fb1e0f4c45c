"""Regions and scales on the command line."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from lcodec.cli import paths, sniff
from lcodec.cli.options import FILES
from lcodec.container import MAX_SIDE, FileReader
from lcodec.errors import InputError
from lcodec.region import Region

_REGION = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*[x,]\s*(\d+)\s*")
_GEOMETRY = re.compile(r"\s*(\d+)x(\d+)\+(\d+)\+(\d+)\s*")  # as ImageMagick has it
_SCALES = {"1": 1, "1/1": 1, "1/2": 2, "1/4": 4, "1/8": 8, "1/16": 16}


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
    """The N of ``1/N``; raises typer.BadParameter on others."""
    scale = _SCALES.get(str(text).replace(" ", ""))
    if scale is None:
        known = text in ("2", "4", "8", "16")
        hint = f"; did you mean `1/{text}`?" if known else ""
        raise typer.BadParameter(f"`{text}` is not 1/2, 1/4, 1/8 or 1/16{hint}")
    return scale


RegionOption = Annotated[
    Region | None,
    typer.Option(
        "--region",
        metavar="X,Y,WxH",
        parser=parse_region,
        help="Only this rectangle, in pixels; the rest is neither read nor computed.",
        rich_help_panel=FILES,
    ),
]
ScaleOption = Annotated[
    int,
    typer.Option(
        "--scale",
        metavar="1/N",
        parser=parse_scale,
        help="A quick preview at 1/2, 1/4, 1/8 or 1/16 of the size.",
        rich_help_panel=FILES,
    ),
]
SalvageOption = Annotated[
    bool,
    typer.Option(
        "--salvage",
        help="Decode what is sound of a damaged or truncated file; status 11 if tiles are lost.",
        rich_help_panel=FILES,
    ),
]


@contextmanager
def opened(source: str) -> Iterator[FileReader]:
    """A file of which no more is read than is asked for; all of it where it cannot be skipped in.

    Raises:
        InputError: it cannot be read.
        FormatError, UnsupportedError: not a ``.lic`` file, or a damaged one.
    """
    limit = MAX_SIDE**2  # what is made of it has a limit of its own
    if not os.path.isfile(source):
        data = paths.read_input(source)
        sniff.refuse_picture(data)
        yield FileReader(io.BytesIO(data), max_pixels=limit)
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    with stream:
        yield FileReader(stream, max_pixels=limit)
