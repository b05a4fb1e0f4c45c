"""Run a command on one file or several, where one failure does not stop the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import typer

from lcodec.cli import console, figures
from lcodec.cli.options import Messages
from lcodec.cli.routes import Way
from lcodec.errors import Exit, LcodecError
from lcodec.plurals import counted
from lcodec.process.progress import Progress, labelled


@dataclass(frozen=True)
class Done:
    """What was read and written for one file, or in total.

    Attributes:
        before, after: bytes of the source, and of the output; None if unknown or not written.
        coded: bytes of the ``.lic`` file, which is one of the two.
        pixels: of the picture.
        files: number of files.
        status: exit status of the program, although the file was written.
    """

    before: int | None
    after: int | None
    coded: int
    pixels: int
    files: int = 1
    status: Exit = Exit.SUCCESS

    def __add__(self, other: Done) -> Done:
        return Done(
            _sum(self.before, other.before),
            _sum(self.after, other.after),
            self.coded + other.coded,
            self.pixels + other.pixels,
            self.files + other.files,
            self.status or other.status,
        )

    def line(self, *, rated: bool, seconds: float) -> str:
        """The totals as a line, with bits per pixel if ``rated``."""
        files = counted(self.files, "file")
        told = [figures.size(size) for size in (self.before, self.after) if size is not None]
        parts = [files, " -> ".join(told)] if told else [files]
        if rated:
            if self.before and self.after is not None:
                parts[-1] += f" ({figures.share(self.after, self.before)})"
            parts.append(figures.rate(self.coded, self.pixels))
        return ", ".join([*parts, figures.seconds(seconds)])


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


Task = Callable[[Way, Callable[[Progress], Progress]], Done]
"""Processes one file; the second argument is its name in the progress bar, if of several."""


def run_each(ways: Sequence[Way], task: Task, messages: Messages, *, rated: bool) -> None:
    """Process all files, report failures, and print totals if there are several.

    Raises:
        LcodecError: the only file failed.
        typer.Exit: some of several failed, with the status of the first; or `Done` has a status.
    """
    if len(ways) == 1:
        done = task(ways[0], lambda progress: progress)
        if done.status:
            raise typer.Exit(done.status)
        return
    start, status, failed = time.perf_counter(), 0, 0
    total = Done(0, 0, 0, 0, files=0)
    for index, way in enumerate(ways, 1):
        try:
            if way.refusal is not None:
                raise way.refusal
            done = task(way, _named(f"{index}/{len(ways)} {way.source}"))
            total += done
            status = status or done.status
        except LcodecError as error:
            failed += 1
            status = status or error.exit_code
            console.fail(str(error))
            code = int(error.exit_code)
            messages.record({"input": way.source, "error": str(error), "code": code})
    if total.files:
        line = total.line(rated=rated, seconds=time.perf_counter() - start)
        messages.say(f"{line}, {failed} failed" if failed else line)
    if status:
        raise typer.Exit(status)


def _named(label: str) -> Callable[[Progress], Progress]:
    return lambda progress: labelled(progress, label)
