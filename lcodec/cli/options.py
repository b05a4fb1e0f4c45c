"""Options that several commands share, and the panels of the help they belong to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from lcodec.cli import complete
from lcodec.errors import UsageError
from lcodec.pipeline.targets import Target
from lcodec.tunes import TuneName, default_quality

RATE = "Quality and size"
NETWORKS = "Networks"
FILES = "Files"
MESSAGES = "Messages"


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from ``low`` to ``high``; raises typer.BadParameter on others."""
    reach = f"of {low} or more" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        value = int(str(text)) if re.fullmatch(r"[+-]?\d{1,12}", str(text)) else None
        if value is None or value < low or (high is not None and value > high):
            raise typer.BadParameter(f"`{text}` is not a whole number {reach}")
        return value

    return parse


def parse_quality(text: str) -> int:
    """A level from 0 to 100; where a share such as 0.7 or 70% was given, the level is suggested.

    Raises:
        typer.BadParameter: it is no level.
    """
    try:
        return whole(0, 100)(text)
    except typer.BadParameter as error:
        level = _level_of(text)
        hint = "" if level is None else f"; did you mean `{level}`?"
        raise typer.BadParameter(f"{error.message}{hint}") from None


def _level_of(text: str) -> int | None:
    """The level that a share or a fraction stands for."""
    text = text.replace(",", ".")
    percent = re.fullmatch(r"(\d+(?:\.\d*)?)\s*%", text)
    if percent:
        level = float(percent[1])
    elif re.fullmatch(r"\d*\.\d*", text) and text != ".":
        level = float(text)
        if level <= 1:
            level *= 100
    else:
        return None
    return round(level) if level <= 100 else None


def _measure(unit: str) -> Callable[[str], float]:
    """A parser of numbers that may have their unit behind them."""

    def parse(text: str) -> float:
        number = re.sub(rf"\s*{unit}\s*$", "", str(text), flags=re.IGNORECASE)
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise typer.BadParameter(f"`{text}` is not a number above 0")
        return value

    return parse


QUALITY_HELP = (
    "0 to 100; higher is better and larger; with tune visual about the SSIMULACRA2 of"
    f" photographs. {default_quality(TuneName.VISUAL)} if not given,"
    f" {default_quality(TuneName.PSNR)} with tune psnr."
)
QualityOption = Annotated[
    int | None,
    typer.Option(
        "-q",
        "--quality",
        metavar="N",
        parser=parse_quality,
        help=QUALITY_HELP,
        rich_help_panel=RATE,
    ),
]
TargetSizeOption = Annotated[
    str | None,
    typer.Option(
        "--target-size",
        metavar="SIZE",
        help="Best file of at most SIZE: bytes, or with KB, MB, KiB, MiB.",
        rich_help_panel=RATE,
    ),
]
TargetBppOption = Annotated[
    float | None,
    typer.Option(
        "--target-bpp",
        metavar="BPP",
        parser=_measure("bpp"),
        help="Best file of at most so many bits per pixel.",
        rich_help_panel=RATE,
    ),
]
TargetPsnrOption = Annotated[
    float | None,
    typer.Option(
        "--target-psnr",
        metavar="DB",
        parser=_measure("dB"),
        help="Smallest file of at least this PSNR in dB.",
        rich_help_panel=RATE,
    ),
]
TargetSsimulacra2Option = Annotated[
    float | None,
    typer.Option(
        "--target-ssimulacra2",
        metavar="N",
        parser=_measure("points"),
        help="Smallest file of at least this SSIMULACRA2, up to 100.",
        rich_help_panel=RATE,
    ),
]
TuneOption = Annotated[
    TuneName,
    typer.Option(
        "--tune",
        help="Made to look well, or for a small squared error.",
        rich_help_panel=RATE,
    ),
]
EffortOption = Annotated[
    int,
    typer.Option(
        "-e",
        "--effort",
        metavar="N",
        parser=whole(0, 9),
        help="0 to 9: take longer, for a better file; decoding stays the same.",
        rich_help_panel=RATE,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        autocompletion=complete.models,
        help="Pretrained model in place of the tune's; see `lcodec weights list`.",
        rich_help_panel=NETWORKS,
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        help="Where the networks run; auto takes a GPU if usable.",
        rich_help_panel=NETWORKS,
    ),
]
ForceOption = Annotated[
    bool,
    typer.Option(
        "-f", "--force", help="Replace output that exists already.", rich_help_panel=FILES
    ),
]
StripOption = Annotated[
    bool,
    typer.Option("--strip", help="Drop the colour profile, EXIF and XMP.", rich_help_panel=FILES),
]
PreserveOption = Annotated[
    bool,
    typer.Option(
        "-p", "--preserve", help="Give the output the time of its source.", rich_help_panel=FILES
    ),
]
MaxPixelsOption = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        parser=whole(1),
        help="Refuse larger pictures, which may be there to exhaust the memory.",
        rich_help_panel=FILES,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the figures as JSON on standard output.",
        rich_help_panel=MESSAGES,
    ),
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        help="Say what is done, with what, and how long it takes.",
        rich_help_panel=MESSAGES,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=MESSAGES)
]


def check_speech(*, quiet: bool, verbose: bool) -> None:
    """Refuse to be silent and talkative at once.

    Raises:
        UsageError: both are asked for.
    """
    if quiet and verbose:
        raise UsageError("--quiet and --verbose exclude each other")


def choose_target(
    quality: int | None,
    size: str | None,
    bpp: float | None,
    psnr: float | None,
    ssimulacra2: float | None,
) -> Target | None:
    """The target asked for, or None.

    Raises:
        UsageError: more than one is, or a quality too; or a value makes no sense.
    """
    values = {
        "--quality": quality,
        "--target-size": size,
        "--target-bpp": bpp,
        "--target-psnr": psnr,
        "--target-ssimulacra2": ssimulacra2,
    }
    given = [name for name, value in values.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other: give one of them")
    if size is not None:
        return Target.size(size)
    if bpp is not None:
        return Target.bpp(bpp)
    if psnr is not None:
        return Target.psnr(psnr)
    return None if ssimulacra2 is None else Target.ssimulacra2(ssimulacra2)
