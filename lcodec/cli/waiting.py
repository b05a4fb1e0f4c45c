"""Progress of what takes longer than a moment; only on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lcodec.cli import console

DELAY = 1.0
"""Seconds before the bar appears."""


class Bar:
    """A receiver of progress (`lcodec.process.progress.Progress`) that shows nothing."""

    def __call__(
        self, stage: str, done: int, total: int, *, count: str | None = None, note: str = ""
    ) -> None:
        """Report the finished steps of a stage; a total of 1 or less means unknown.

        ``count`` is shown instead of the two numbers, ``note`` after them.
        """


@contextmanager
def waiting(*, shown: bool = True) -> Iterator[Bar]:
    """Yield a receiver of progress. The bar appears if the block takes longer than `DELAY`.

    It never appears if standard error is not a terminal or ``shown`` is false.
    """
    if not (shown and console.is_terminal()):
        yield Bar()
        return
    bar = _Shown()
    timer = threading.Timer(DELAY, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar
    finally:
        timer.cancel()
        bar.close()


class _Shown(Bar):
    """Shows the current stage, with its steps if it has several."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console.error_console(),
            transient=True,
            redirect_stdout=False,
            refresh_per_second=5,
            speed_estimate_period=120,
        )
        self._stage = ""
        self._task = self._progress.add_task("", total=None, count="", note="")
        self._lock = threading.Lock()  # the timer runs in a thread of its own
        self._shown = self._closed = False

    def show(self) -> None:
        """Show the bar, unless the block has ended."""
        with self._lock:
            if not self._closed:
                self._progress.start()
                self._shown = True

    def close(self) -> None:
        """Remove the bar for good."""
        with self._lock:
            self._closed = True
            if self._shown:
                self._progress.stop()

    def __call__(
        self, stage: str, done: int, total: int, *, count: str | None = None, note: str = ""
    ) -> None:
        several = total > 1
        if count is None:
            count = f"{done}/{total}" if several else ""
        note = console.printable(note)
        if stage != self._stage:
            self._progress.remove_task(self._task)
            steps = total if several else None
            self._task = self._progress.add_task(
                console.printable(stage), total=steps, count=count, note=note
            )
            self._stage = stage
        self._progress.update(self._task, completed=done if several else 0, count=count, note=note)
