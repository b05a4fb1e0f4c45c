"""The codec options of a batch, all in one place."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.pipeline.targets import Target

PLACEMENT = ("device", "preserve", "max_pixels")
"""Options that do not change the content of an output."""


@dataclass(frozen=True)
class EncodeOptions:
    """How pictures are encoded; fields as the options of ``lcodec encode``.

    With a ``target``, the quality is None.
    """

    model: str
    quality: int | None
    device: str = "auto"
    target: Target | None = None
    effort: int = 0
    strip: bool = False
    preserve: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class DecodeOptions:
    """How ``.lic`` files are decoded; ``suffix`` chooses the format of the pictures.

    Both kinds: ``preserve`` gives outputs the time of their sources, and pictures of more than
    ``max_pixels`` fail.
    """

    suffix: str = ".png"
    device: str = "auto"
    preserve: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS


Options = EncodeOptions | DecodeOptions


def settings(options: Options) -> dict[str, Any]:
    """The options that determine the result, for the manifest and for comparison with it."""
    made = {field.name: getattr(options, field.name) for field in fields(options)}
    if made.get("target") is not None:
        made["target"] = str(made["target"])
    return {k: v for k, v in made.items() if k not in PLACEMENT and v is not None}
