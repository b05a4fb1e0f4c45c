"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

DEFAULT_MODEL = "groupedmixer"
DEFAULT_QUALITY = 50


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


QualityOption = Annotated[
    int,
    typer.Option("-q", "--quality", min=0, max=100, help="Quality; higher is better and larger."),
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
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")]
