"""Parsers of option values, in the forms and units that people use."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import typer

from lcodec.errors import UsageError
from lcodec.suffixes import NPY, WRITE_SUFFIXES
from lcodec.suggest import did_you_mean

PICTURE_FORMAT = "png"
"""Format of decoded pictures whose name is not given."""


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """A parser for whole numbers from ``low`` to ``high``; raises typer.BadParameter on others."""
    reach = f"of {low} or more" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        value = int(str(text)) if re.fullmatch(r"[+-]?\d{1,12}", str(text)) else None
        if value is None or value < low or (high is not None and value > high):
            raise typer.BadParameter(f"`{text}` is not a whole number {reach}")
        return value

    return parse


def parse_quality(text: str) -> int:
    """A level from 0 to 100; the error for a share such as 0.7 or 70% suggests the level.

    Raises:
        typer.BadParameter: not a level.
    """
    try:
        return whole(0, 100)(text)
    except typer.BadParameter as error:
        level = _level_of(text)
        hint = "" if level is None else f"; did you mean `{level}`?"
        raise typer.BadParameter(f"{error.message}{hint}") from None


def _level_of(text: str) -> int | None:
    """The level meant by a percentage or a fraction."""
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


def measure(unit: str) -> Callable[[str], float]:
    """A parser for numbers that may have the unit appended."""

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


def number(low: float) -> Callable[[str], float]:
    """A parser for finite numbers of at least ``low``; raises typer.BadParameter on others."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value < math.inf:
            raise typer.BadParameter(f"`{text}` is not a number of {low} or more")
        return value

    return parse


def format_suffix(name: str | None, known: frozenset[str] = WRITE_SUFFIXES) -> str:
    """The suffix of a picture format, given with or without its dot; PNG if not given.

    Raises:
        UsageError: the format cannot be written.
    """
    suffix = "." + (name or PICTURE_FORMAT).lower().removeprefix(".")
    if suffix in known:
        return suffix
    listed = " ".join(sorted(known))
    if suffix in WRITE_SUFFIXES:
        raise UsageError(f"`{suffix}` cannot be written by rows; known formats: {listed}")
    if suffix == NPY:
        raise UsageError(".npy files can only be written with `--strips`")
    hint = did_you_mean(suffix, known)
    raise UsageError(f"unknown picture format `{suffix}`; known formats: {listed}{hint}")
