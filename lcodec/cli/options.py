"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lcodec.errors import UsageError
from lcodec.targets import Target

DEFAULT_MODEL = "groupedmixer"
DEFAULT_QUALITY = 50


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


QualityOption = Annotated[
    int | None,
    typer.Option(
        "-q",
        "--quality",
        min=0,
        max=100,
        help=f"Quality; higher is better and larger; {DEFAULT_QUALITY} if not given.",
    ),
]
TargetSizeOption = Annotated[
    str | None,
    typer.Option(
        "--target-size",
        metavar="SIZE",
        help="Largest file of at most so many bytes; 200KB, 1.5MB and 64KiB are understood.",
    ),
]
TargetBppOption = Annotated[
    float | None,
    typer.Option(
        "--target-bpp", metavar="BPP", help="Largest file of at most so many bits per pixel."
    ),
]
TargetPsnrOption = Annotated[
    float | None,
    typer.Option("--target-psnr", metavar="DB", help="Smallest file of at least this PSNR in dB."),
]
EffortOption = Annotated[
    int,
    typer.Option(
        "-e",
        "--effort",
        min=0,
        max=9,
        help="0 to 9: spend more time on encoding for a better file; decoding stays the same.",
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="Pretrained model to encode with.")
]
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where the networks run; auto takes a GPU if usable.")
]
ForceOption = Annotated[
    bool, typer.Option("-f", "--force", help="Replace output that exists already.")
]
StripOption = Annotated[
    bool, typer.Option("--strip", help="Drop the colour profile, EXIF and XMP.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the figures as JSON on standard output.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]


def choose_target(
    quality: int | None, size: str | None, bpp: float | None, psnr: float | None
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
    }
    given = [name for name, value in values.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other: give one of them")
    if size is not None:
        return Target.size(size)
    if bpp is not None:
        return Target.bpp(bpp)
    return None if psnr is None else Target.psnr(psnr)
