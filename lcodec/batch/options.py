"""What a batch is asked to make of its files: the one place for options of the codec."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from lcodec.targets import Target

PLACEMENT = ("device",)
"""Options that say where the work is done; they change nothing about the result."""


@dataclass(frozen=True)
class EncodeOptions:
    """How pictures are encoded; fields as the options of ``lcodec encode``.

    With a ``target`` the quality is None.
    """

    model: str
    quality: int | None
    device: str = "auto"
    target: Target | None = None
    effort: int = 0
    strip: bool = False


@dataclass(frozen=True)
class DecodeOptions:
    """How ``.lic`` files are decoded; ``suffix`` chooses the format of the pictures."""

    suffix: str = ".png"
    device: str = "auto"


Options = EncodeOptions | DecodeOptions


def settings(options: Options) -> dict[str, Any]:
    """The options on which the result depends, for the manifest and for comparing with it."""
    made = {field.name: getattr(options, field.name) for field in fields(options)}
    if made.get("target") is not None:
        made["target"] = str(made["target"])
    return {k: v for k, v in made.items() if k not in PLACEMENT and v is not None}
