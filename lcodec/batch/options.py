"""What a batch is asked to make of its files: the one place for options of the codec."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PLACEMENT = ("device",)
"""Options that say where the work is done; they change nothing about the result."""


@dataclass(frozen=True)
class EncodeOptions:
    """How pictures are encoded; fields as the options of ``lcodec encode``."""

    model: str
    quality: int
    device: str = "auto"


@dataclass(frozen=True)
class DecodeOptions:
    """How ``.lic`` files are decoded; ``suffix`` chooses the format of the pictures."""

    suffix: str = ".png"
    device: str = "auto"


Options = EncodeOptions | DecodeOptions


def settings(options: Options) -> dict[str, Any]:
    """The options on which the result depends, for the manifest and for comparing with it."""
    return {key: value for key, value in asdict(options).items() if key not in PLACEMENT}
