"""Tunes: what files are optimised for, the eye or PSNR. Standard library only."""

from __future__ import annotations

from enum import StrEnum

from lcodec.errors import UsageError


class TuneName(StrEnum):
    """What the weights of a model are trained for, and what effort optimises."""

    VISUAL = "visual"
    PSNR = "psnr"


DEFAULT_TUNE = TuneName.VISUAL

_MODELS = {TuneName.VISUAL: "groupedmixer-visual", TuneName.PSNR: "groupedmixer"}
_QUALITIES = {TuneName.VISUAL: 75, TuneName.PSNR: 50}


def parse_tune(name: str) -> TuneName:
    """The tune of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return TuneName(name)
    except ValueError:
        raise UsageError(f"unknown tune: {name} ({', '.join(TuneName)})") from None


def default_model(tune: str = DEFAULT_TUNE) -> str:
    """The model that files of a tune are made with if none is named.

    Raises:
        UsageError: there is no such tune.
    """
    return _MODELS[parse_tune(tune)]


def default_quality(tune: str = DEFAULT_TUNE) -> int:
    """The quality level of a tune if none is asked for.

    Raises:
        UsageError: there is no such tune.
    """
    return _QUALITIES[parse_tune(tune)]
