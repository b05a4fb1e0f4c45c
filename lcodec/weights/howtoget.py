"""The command that gets a model that is not at hand. Standard library only."""

from __future__ import annotations

import os

from lcodec.weights.catalogue import Released, find_released
from lcodec.weights.places import checkout

SOURCE_VARIABLE = "LCODEC_WEIGHTS_FROM"
"""Holds the source (anything ``lcodec weights add`` takes) of models asked for by id alone."""

_SHORT = 10
"""Digits of a commit, enough to be unambiguous."""


def how_to_get(model_id: str) -> str:
    """The end of a message about a model that is not at hand; empty if it was never released.

    ``; made with `x` of generation 1 (lcodec 0.1.0), which is not at hand; get it: ...``
    """
    released = find_released(model_id)
    if released is None:
        return ""
    return f"; made with {released}, which is not at hand; get it: {shown_command(released)}"


def shown_command(released: Released) -> str:
    """The command line that gets a model, for a message: in backticks, placeholders explained."""
    line, meaning = command(released)
    return f"`{line}`{f', where {meaning}' if meaning else ''}"


def command(released: Released) -> tuple[str, str]:
    """The command line that gets a model, and what its placeholder means, if it has one.

    If no source is known, the user has to name it.
    """
    if os.environ.get(SOURCE_VARIABLE) or (checkout() / ".git").exists():
        return f"lcodec weights add {released.model_id}", ""
    if released.commit is None:
        line = f"lcodec weights add WHEEL --model {released.model_id}"
        return line, f"WHEEL is that of lcodec {released.version}"
    commit = released.commit[:_SHORT]
    line = f"lcodec weights add CLONE --git {commit} --model {released.model_id}"
    return line, "CLONE is a clone of lcodec's repository"
