"""Report the progress of long operations to a caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""``progress(stage, done, total)``: ``done`` of the ``total`` steps of a stage are done.

Stages follow one another, each from 0 to its ``total`` of at least 1: "analysis", "first look",
"second look", "optimisation", "coding", "decoding", "synthesis"; during a search for a level they
are prefixed with it, as in "quality 43: coding", or "quality 0, 25 % of its details: coding"; and
where files are compared at its end, with their number, as in "candidate 2: synthesis". Models that
are added have one stage, "reading".
"""


def no_progress(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def labelled(progress: Progress, task: str) -> Progress:
    """``progress`` with ``task`` before each stage, for a caller that watches several tasks."""

    def report(stage: str, done: int, total: int) -> None:
        progress(f"{task}: {stage}", done, total)

    return report
