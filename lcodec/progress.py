"""Telling a caller how far something long has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""``progress(stage, done, total)``: so many of the steps of a stage are done.

Stages follow one another, each from 0 to its ``total`` of at least 1: "analysis", "optimisation",
"coding", "decoding", "synthesis"; while a level is searched for, after the level, as in
"quality 43: coding".
"""


def no_progress(stage: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def labelled(progress: Progress, task: str) -> Progress:
    """Progress of stages that belong to ``task``, for one who watches several."""

    def report(stage: str, done: int, total: int) -> None:
        progress(f"{task}: {stage}", done, total)

    return report
