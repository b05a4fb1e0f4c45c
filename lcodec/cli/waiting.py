"""A bar for what takes longer than a moment; only on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lcodec.cli import console
from lcodec.progress import Progress, no_progress

DELAY = 1.0
"""Seconds that pass before the bar comes."""


@contextmanager
def waiting(*, shown: bool = True) -> Iterator[Progress]:
    """What to tell the progress to. The bar comes when the block takes longer than `DELAY`.

    Where standard error is no terminal, or ``shown`` is false, there is never one.
    """
    if not (shown and console.is_terminal()):
        yield no_progress
        return
    bar = _Bar()
    timer = threading.Timer(DELAY, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar.update
    finally:
        timer.cancel()
        bar.close()


class _Bar:
    """The stage at work, with its steps if it has several."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TimeRemainingColumn(),
            console=console.error_console(),
            transient=True,
            redirect_stdout=False,
            refresh_per_second=5,
        )
        self._stage = ""
        self._task = self._progress.add_task("", total=None, count="")
        self._lock = threading.Lock()  # the timer runs beside everything else
        self._shown = self._closed = False

    def show(self) -> None:
        """Put the bar on the terminal, unless it is too late for that."""
        with self._lock:
            if not self._closed:
                self._progress.start()
                self._shown = True

    def close(self) -> None:
        """Take the bar away for good."""
        with self._lock:
            self._closed = True
            if self._shown:
                self._progress.stop()

    def update(self, stage: str, done: int, total: int) -> None:
        """Take a report; a stage of one step has a bar that only moves to and fro."""
        several = total > 1
        count = f"{done}/{total}" if several else ""
        if stage != self._stage:
            self._progress.remove_task(self._task)
            steps = total if several else None
            self._task = self._progress.add_task(stage, total=steps, count=count)
            self._stage = stage
        self._progress.update(self._task, completed=done if several else 0, count=count)
