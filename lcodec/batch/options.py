"""The codec options of a batch, all in one place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.errors import WeightsError
from lcodec.pipeline.targets import Target
from lcodec.weights import ModelInfo, find_model_by_id, stated_tune

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


def other_model(made: bytes, wanted: ModelInfo) -> str:
    """How the model with the id ``made``, which need not be at hand, differs from another."""
    with suppress(WeightsError):
        tunes = stated_tune(find_model_by_id(made)), stated_tune(wanted)
        if tunes[0] != tunes[1]:
            return f"tune {tunes[0]}, not {tunes[1]}"
    return f"other weights than those of {wanted.name}"
