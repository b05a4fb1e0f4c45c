"""Effort levels: how long the encoder may search."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""``progress(done, total)`` in steps of the optimisation of one encoding."""

ROUNDS = (0, 1, 2, 3, 4, 6, 9, 14, 24, 40)
"""Rounds of `lcodec.rdo.descent` by effort level; every round costs about a plain encode or two."""

EFFORT_MAX = len(ROUNDS) - 1


def no_progress(done: int, total: int) -> None:
    """Progress that nobody wants to see."""
